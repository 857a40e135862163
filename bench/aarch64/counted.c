/* SPDX-License-Identifier: MIT */
/**
 * counted [RUNS]: runs of the generated model "net" (cynf-gen --name net) between two markers, which an instruction counter under qemu-user looks for: hint
 * instructions without a meaning. One warm-up run comes first; loading and packing stay outside.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net.h"

#define MARK_BEGIN() __asm__ volatile("hint #0x7e" ::: "memory")
#define MARK_END() __asm__ volatile("hint #0x7f" ::: "memory")

int main(int argc, char **argv)
{
    const int runs = argc > 1 ? atoi(argv[1]) : 1;
    const cynf_model_info *info = net_info();
    void *x[NET_INPUTS], *y[NET_OUTPUTS];
    for (int i = 0; i < NET_INPUTS; i++) {
        if (!(x[i] = calloc(1, info->in[i].bytes)))
            return 1;
        float *v = x[i];
        for (size_t k = 0; k < info->in[i].bytes / sizeof *v; k++)
            v[k] = (float)((k * 2654435761u) >> 8 & 0xffff) * 0x1p-16f;
    }
    for (int i = 0; i < NET_OUTPUTS; i++)
        if (!(y[i] = malloc(info->out[i].bytes)))
            return 1;
    net_t *m;
    if (net_create(&m, NULL) || net_run(m, (const void *const *)x, y))
        return 1;
    MARK_BEGIN();
    for (int i = 0; i < runs; i++)
        net_run(m, (const void *const *)x, y);
    MARK_END();
    net_destroy(&m);
    return 0;
}
