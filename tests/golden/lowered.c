/* SPDX-License-Identifier: MIT */
#include "lowered.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool lowered_append(const char *path, const lowered_case *c)
{
    FILE *f = fopen(path, "ab");
    if (!f)
        return false;
    bool ok = fwrite(c, sizeof *c, 1, f) == 1 && fwrite(c->flat, 1, c->flat_bytes, f) == c->flat_bytes;
    for (int i = 0; i < c->n_in; i++)
        ok = fwrite(c->in[i], sizeof(float), c->in_elems[i], f) == c->in_elems[i] && ok;
    for (int i = 0; i < c->n_out; i++)
        ok = fwrite(c->out[i], sizeof(float), c->out_elems[i], f) == c->out_elems[i] && ok;
    return !fclose(f) && ok;
}

static void *take(FILE *f, size_t n)
{
    void *p = malloc(n + 1);
    if (p && fread(p, 1, n, f) == n)
        return p;
    free(p);
    return NULL;
}

int lowered_next(FILE *f, lowered_case *c)
{
    /* Both machines have the same struct layout: 64-bit little-endian. */
    if (fread(c, sizeof *c, 1, f) != 1)
        return feof(f) ? 0 : -1;
    bool ok = (c->flat = take(f, c->flat_bytes)) != NULL;
    for (int i = 0; i < c->n_in; i++)
        ok = (c->in[i] = ok ? take(f, c->in_elems[i] * sizeof(float)) : NULL) != NULL;
    for (int i = 0; i < c->n_out; i++)
        ok = (c->out[i] = ok ? take(f, c->out_elems[i] * sizeof(float)) : NULL) != NULL;
    return ok ? 1 : -1;
}

void lowered_free(lowered_case *c)
{
    free(c->flat);
    for (int i = 0; i < c->n_in; i++)
        free(c->in[i]);
    for (int i = 0; i < c->n_out; i++)
        free(c->out[i]);
}

#define TYPES(X) \
    X(CYNF_F32, float) X(CYNF_F64, double) X(CYNF_I8, int8_t) X(CYNF_U8, uint8_t) X(CYNF_BOOL, uint8_t) X(CYNF_I16, int16_t) X(CYNF_U16, uint16_t) \
    X(CYNF_I32, int32_t) X(CYNF_U32, uint32_t) X(CYNF_I64, int64_t) X(CYNF_U64, uint64_t)

void *lowered_from_floats(const float *x, size_t n, cynf_dtype t)
{
    char *y = calloc(n + 1, 8);
    for (size_t i = 0; y && i < n; i++)
        switch (t) {
#define X(dtype, T) \
    case dtype: { \
        const T v = (T)x[i]; \
        memcpy(y + i * sizeof v, &v, sizeof v); \
        break; \
    }
            TYPES(X)
#undef X
        default: break;
        }
    return y;
}

float *lowered_to_floats(const void *x, size_t n, cynf_dtype t)
{
    float *y = calloc(n + 1, sizeof *y);
    for (size_t i = 0; y && i < n; i++)
        switch (t) {
#define X(dtype, T) \
    case dtype: { \
        T v; \
        memcpy(&v, (const char *)x + i * sizeof v, sizeof v); \
        y[i] = (float)v; \
        break; \
    }
            TYPES(X)
#undef X
        default: break;
        }
    return y;
}
