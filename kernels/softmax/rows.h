/* SPDX-License-Identifier: MIT */
/**
 * softmax f32, rows: softmax, log-softmax and sparsemax of contiguous rows; contract at cynf_softmax.
 * Sparsemax: Martins and Astudillo, "From Softmax to Sparsemax" (2016), algorithm 1, with the threshold of keras.activations.sparsemax; the
 * row is sorted by a heap (Williams, 1964), as far as the support goes.
 * Tile: vectors of a row beside each other. Exponentials are added in nr partial sums, element i to sum i % nr, then these in halves, so that tiles of the same
 * nr give the same bits on every instruction set; with nr = CYNF_SOFTMAX_EXACT the kernel is exact.
 */
#ifndef CYNF_SOFTMAX_ROWS_H
#define CYNF_SOFTMAX_ROWS_H

#include "kernels/gather.h"
#include "kernels/math.h"
#include "kernels/softmax/rows_layout.h"

#define CYNF_SOFTMAX_LOW (-__builtin_inff())

/** Vector i of a row; lanes beyond its end are -inf. */
static CYNF_INLINE vf softmax_load(const float *x, int i, int len)
{
    return i + VL <= len ? vf_load(x + i) : vf_gather(x + i, 1, len - i, CYNF_SOFTMAX_LOW);
}

static CYNF_INLINE void softmax_store(float *y, int i, int len, vf a)
{
    if (i + VL <= len)
        vf_store(y + i, a);
    else
        vf_storen(y + i, a, len - i);
}

/** Greatest element; a NaN may be lost, but not in what is done with x - max. */
static CYNF_INLINE float softmax_max(const float *x, int len)
{
    vf m = vf_set1(CYNF_SOFTMAX_LOW);
    for (int i = 0; i < len; i += VL)
        m = vf_max(softmax_load(x, i, len), m);
    return vf_hmax(m);
}

/** The sum of exp(x - max), in sums of 64 steps of nv vectors; with y not NULL the terms are stored there. */
static CYNF_INLINE float softmax_exp_sum(const int nv, const float *x, float max, float *y, int len)
{
    const vf m = vf_set1(max);
    const int nr = nv * VL;
    vf total[CYNF_SOFTMAX_EXACT];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        total[v] = vf_zero();
    for (int i = 0; i < len; i += 64 * nr) {
        vf part[CYNF_SOFTMAX_EXACT];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            part[v] = vf_zero();
        for (int j = i; j < len && j < i + 64 * nr; j += nr)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                const int at = j + v * VL;
                if (v && at >= len)
                    break;
                const vf e = vf_exp(vf_sub(softmax_load(x, at, len), m));
                part[v] = vf_add(part[v], e);
                if (y)
                    softmax_store(y, at, len, e);
            }
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            total[v] = vf_add(total[v], part[v]);
    }
#pragma GCC unroll 4
    for (int n = nv / 2; n > 0; n /= 2)
#pragma GCC unroll 4
        for (int v = 0; v < n; v++)
            total[v] = vf_add(total[v], total[v + n]);
    return vf_hsum(total[0]);
}

static CYNF_INLINE void softmax_row(const int nv, const float *x, float *y, int len)
{
    const vf scale = vf_div(vf_set1(1), vf_set1(softmax_exp_sum(nv, x, softmax_max(x, len), y, len)));
    for (int i = 0; i < len; i += VL)
        softmax_store(y, i, len, vf_mul(softmax_load(y, i, len), scale));
}

static CYNF_INLINE void log_softmax_row(const int nv, const float *x, float *y, int len)
{
    const float max = softmax_max(x, len);
    const vf m = vf_set1(max), log_sum = vf_log(vf_set1(softmax_exp_sum(nv, x, max, NULL, len)));
    for (int i = 0; i < len; i += VL)
        softmax_store(y, i, len, vf_sub(vf_sub(softmax_load(x, i, len), m), log_sum));
}

/** Moves element i of the heap h[n], greatest first, down to its place. */
static CYNF_INLINE void sparsemax_sift(float *h, size_t i, size_t n)
{
    const float z = h[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && h[child + 1] > h[child];
        if (h[child] <= z)
            break;
        h[i] = h[child];
    }
    h[i] = z;
}

/**
 * The support has no element below max - 1; the others are sorted in y, which is written last. Whether one belongs to it is the same question for x - max,
 * and rounds less there. Equal elements are in or out together. One number at a time; sums and quotients alone, which no compiler contracts.
 */
static CYNF_INLINE void sparsemax_row(const float *x, float *y, int len)
{
    const float max = softmax_max(x, len);
    bool defined = true;
    size_t n = 0;
    for (int i = 0; i < len; i++) {
        const float z = x[i], d = z - max;
        defined &= d <= 0; /* but for NaN, and infinite maxima: these make the whole row NaN */
        if (d >= -1)
            y[n++] = z;
    }
    for (size_t i = n / 2; i-- > 0;)
        sparsemax_sift(y, i, n);
    float k = 0, below = -1, cumulative = 0, sum = -1;
    while (n) {
        const float z = y[0], d = z - max;
        if (d <= (below + d) / (k + 1))
            break;
        k += 1;
        below += d;
        cumulative += z;
        sum += cumulative;
        y[0] = y[--n];
        sparsemax_sift(y, 0, n);
    }
    const vf threshold = vf_set1(defined ? sum / k : __builtin_nanf(""));
    for (int i = 0; i < len; i += VL)
        softmax_store(y, i, len, vf_max(vf_zero(), vf_sub(softmax_load(x, i, len), threshold)));
}

static CYNF_INLINE void softmax_rows(const cynf_softmax *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage, (void)thread;
    const size_t group = (size_t)softmax_rows_group(g), last = end * group < (size_t)g->rows ? end * group : (size_t)g->rows;
    for (size_t r = begin * group; r < last; r++) {
        const float *x = a->x[0] + r * (size_t)g->x_rs;
        float *y = a->y + r * (size_t)g->y_rs;
        switch (g->kind) {
        case CYNF_SOFTMAX: softmax_row(t.nv, x, y, g->len); break;
        case CYNF_LOG_SOFTMAX: log_softmax_row(t.nv, x, y, g->len); break;
        default: sparsemax_row(x, y, g->len); break;
        }
    }
}

#endif
