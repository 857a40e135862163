/* SPDX-License-Identifier: MIT */
#include "lowered.h"

#include <math.h>
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

/* Half precision through double: exact both ways for values that halves hold. */
static uint16_t to_half(float x)
{
    const int sign = signbit(x) != 0;
    const double a = fabs((double)x);
    int e;
    if (isnan(x))
        return 0x7e00;
    if (a >= 65520)
        return (uint16_t)(sign << 15 | 0x7c00);
    const int exponent = frexp(a, &e) == 0 || e < -13 ? -13 : e; /* zero and subnormals share the smallest exponent */
    const int bits = (int)rint(ldexp(a, 11 - exponent)); /* 11 bits, the first of which is implied */
    return (uint16_t)(sign << 15 | (bits + ((exponent + 13) << 10)));
}

static float from_half(uint16_t h)
{
    const int exponent = h >> 10 & 31, bits = h & 1023;
    const double a = exponent == 31 ? (bits ? (double)NAN : (double)INFINITY) : exponent ? ldexp(1024 + bits, exponent - 25) : ldexp(bits, -24);
    return (float)(h >> 15 ? -a : a);
}

void *lowered_from_floats(const float *x, size_t n, cynf_dtype t)
{
    char *y = calloc(n + 1, 8);
    for (size_t i = 0; y && i < n; i++)
        switch (t) {
#define X(dtype, T) \
    case dtype: { \
        const T v = dtype == CYNF_BOOL ? (T)(x[i] != 0) : (T)x[i]; \
        memcpy(y + i * sizeof v, &v, sizeof v); \
        break; \
    }
            TYPES(X)
#undef X
        default: { /* CYNF_F16; no golden declares CYNF_BF16 */
            const uint16_t h = to_half(x[i]);
            memcpy(y + i * sizeof h, &h, sizeof h);
        }
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
        default: {
            uint16_t h;
            memcpy(&h, (const char *)x + i * sizeof h, sizeof h);
            y[i] = from_half(h);
        }
        }
    return y;
}
