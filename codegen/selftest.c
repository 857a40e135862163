/* SPDX-License-Identifier: MIT */
/** Inputs from a fixed generator, and what the executor's walk makes of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/generate_internal.h"
#include "runtime/instance.h"

/* Reals in [-1, 1); whole numbers small enough to be an index; bytes over their range, as images have them. */
static void fill(cynf_dtype type, unsigned char *to, size_t elems, uint64_t *seed)
{
    const size_t width = cynf_dtype_bytes(type);
    for (size_t i = 0; i < elems; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
        const uint32_t bits = (uint32_t)(*seed >> 40);
        const float real = (float)bits * 0x1p-23f - 1;
        const double wide = (double)real;
        const uint64_t whole = type == CYNF_U8 ? bits & 255 : bits & 1;
        const uint16_t half = (uint16_t)((bits & 1 ? 0x8000 : 0) | (type == CYNF_F16 ? 0x3800 : 0x3f00) | bits >> 17); /* +-[1/2, 1/2 + 1/16) */
        const void *from = type == CYNF_F32 ? (const void *)&real : type == CYNF_F64 ? (const void *)&wide :
            type == CYNF_F16 || type == CYNF_BF16 ? (const void *)&half : (const void *)&whole; /* little-endian */
        memcpy(to + i * width, from, width);
    }
}

void cynf_gen_selftest(cynf_gen *g)
{
    const cynf_walk *w = g->reference;
    const size_t n = (size_t)w->n_in + (size_t)w->n_out;
    size_t bytes = 0, i = 0;
    for (; i < n; i++) {
        const cynf_edge *e = i < (size_t)w->n_in ? &w->in[i] : &w->out[i - (size_t)w->n_in];
        bytes += CYNF_ROUND_UP(e->elems * cynf_dtype_bytes(e->dtype), 64);
    }
    unsigned char *data = calloc(1, bytes), *at = data;
    void **p = malloc(n * sizeof *p);
    cynf_model *m = NULL;
    cynf_status s = data && p ? cynf_instance_create(&m, w, NULL) : CYNF_ENOMEM;
    uint64_t seed = 1;
    for (i = 0; s == CYNF_OK && i < n; i++) {
        const cynf_edge *e = i < (size_t)w->n_in ? &w->in[i] : &w->out[i - (size_t)w->n_in];
        if (i < (size_t)w->n_in)
            fill(e->dtype, at, e->elems, &seed);
        p[i] = at;
        at += CYNF_ROUND_UP(e->elems * cynf_dtype_bytes(e->dtype), 64);
    }
    if (s == CYNF_OK)
        s = cynf_instance_run(m, (const void *const *)p, p + w->n_in);
    if (s == CYNF_OK) {
        char path[96];
        snprintf(path, sizeof path, "%s_data.bin", g->id);
        cynf_folder_write(g, path, data, bytes);
    } else {
        cynf_gen_fail(g, s, "the self-test's reference: %s", cynf_status_str(s));
    }
    cynf_instance_destroy(&m);
    free(p);
    free(data);
}
