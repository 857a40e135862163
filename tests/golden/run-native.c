/* SPDX-License-Identifier: MIT */
/** Loads a generated model as shared library and runs it on the inputs' bytes on standard input, one input after the other; the outputs' go to standard output. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "cynf/model.h"

static void fail(const char *why)
{
    fprintf(stderr, "run-native: %s\n", why);
    exit(1);
}

/* Of n samples. */
static size_t port_bytes(const cynf_model_info *info, const cynf_model_port *p, size_t n) { return n * p->bytes / (size_t)info->batch; }

static void *room(size_t bytes)
{
    void *room = malloc(bytes + 1);
    if (!room)
        fail("out of memory");
    return room;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: run-native LIBRARY THREADS SAMPLES < INPUTS > OUTPUTS\n");
        return 2;
    }
    void *so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    const cynf_model_info *(*get_info)(void) = NULL;
    if (so)
        *(void **)&get_info = dlsym(so, "net_info");
    if (!get_info)
        fail(dlerror());
    const cynf_model_info *info = get_info();
    const size_t n = strtoul(argv[3], NULL, 10);
    void **x = calloc((size_t)(info->n_in + info->n_out), sizeof *x), **y = x + info->n_in;
    if (!x)
        fail("out of memory");
    for (int i = 0; i < info->n_in; i++) {
        const size_t bytes = port_bytes(info, &info->in[i], n);
        x[i] = room(bytes);
        if (fread(x[i], 1, bytes, stdin) != bytes)
            fail("the inputs are too short");
    }
    if (fgetc(stdin) != EOF)
        fail("the inputs are too long");
    for (int i = 0; i < info->n_out; i++)
        y[i] = room(port_bytes(info, &info->out[i], n));
    char why[512] = "";
    cynf_model *m = NULL;
    cynf_status s = info->create(&m, &(cynf_model_options){.threads = atoi(argv[2]), .message = why, .message_bytes = sizeof why});
    if (!s)
        s = info->run_batch(m, n, (const void *const *)x, y);
    if (s)
        fail(*why ? why : "run_batch failed");
    info->destroy(&m);
    for (int i = 0; i < info->n_out; i++) {
        const size_t bytes = port_bytes(info, &info->out[i], n);
        if (fwrite(y[i], 1, bytes, stdout) != bytes)
            fail("the outputs cannot be written");
        free(y[i]);
    }
    for (int i = 0; i < info->n_in; i++)
        free(x[i]);
    free(x);
    dlclose(so);
    return fflush(stdout) != 0;
}
