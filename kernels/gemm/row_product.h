/* SPDX-License-Identifier: MIT */
/**
 * A row times a packed panel, for products that use every weight once; include after simd.h.
 *
 *     acc[v] += sum_{k < n} x[k] * b[(k * vectors + v) * VL ...]        v < vectors
 *
 * Element k goes to partial sum k % sums, which hides the latency of the multiply-add; the sums, 1 or a multiple of VK, are added pairwise. acc starts the
 * first.
 * back: the elements from the last to the first, for a panel whose end is in a nearer cache than its beginning.
 */
#ifndef CYNF_ROW_PRODUCT_H
#define CYNF_ROW_PRODUCT_H

#include "kernels/kernel.h"

#define CYNF_SUMS_MAX 8
#define CYNF_VECTORS_MAX 8

/** n vectors, a literal, that lie one behind the other. */
static CYNF_INLINE void cynf_load_vectors(const float *p, const int n, vf *a)
{
#pragma GCC unroll 4
    for (int v = 0; v + 1 < n; v += 2)
        vf_load2(p + v * VL, &a[v], &a[v + 1]);
    if (n % 2)
        a[n - 1] = vf_load(p + (n - 1) * VL);
}

/** A group of elements, max(sums, VK), going on from x and b. */
static CYNF_INLINE void cynf_row_group(const int sums, const int vectors, const float *x, const float *b, vf sum[CYNF_SUMS_MAX][CYNF_VECTORS_MAX])
{
    if (VL == 1)
        __asm__("" : "+r"(x), "+r"(b)); /* else GCC 12 vectorises over k, and reads before the first element going back */
#pragma GCC unroll 8
    for (int i = 0; i < (sums < VK ? VK : sums); i += VK) {
        const vk a = vk_load(x + i);
#pragma GCC unroll 4
        for (int lane = 0; lane < VK; lane++) {
            vf row[CYNF_VECTORS_MAX];
            cynf_load_vectors(b + (i + lane) * vectors * VL, vectors, row);
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[(i + lane) % sums][v] = vf_fmak(sum[(i + lane) % sums][v], row[v], a, lane);
        }
    }
}

/** Elements from ... n, which fill no group, and the sum of the partial sums. */
static CYNF_INLINE void cynf_row_finish(const int sums, const int vectors, int from, int n, const float *x, const float *b,
    vf sum[CYNF_SUMS_MAX][CYNF_VECTORS_MAX], vf acc[CYNF_VECTORS_MAX])
{
    for (int k = from; k < n; k++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[0][v] = vf_fma(vf_set1(x[k]), vf_load(b + (k * (ptrdiff_t)vectors + v) * VL), sum[0][v]);
#pragma GCC unroll 4
    for (int half = CYNF_SUMS_MAX / 2; half > 0; half /= 2)
#pragma GCC unroll 4
        for (int i = 0; i < half; i++)
            if (i + half < sums)
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    sum[i][v] = vf_add(sum[i][v], sum[i + half][v]);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++)
        acc[v] = sum[0][v];
}

static CYNF_INLINE void cynf_row_product(const int sums, const int vectors, bool back, int n, const float *x, const float *b, vf acc[CYNF_VECTORS_MAX])
{
    vf sum[CYNF_SUMS_MAX][CYNF_VECTORS_MAX];
    const int group = sums < VK ? VK : sums, whole = n / group * group, first = back && whole ? whole - group : 0;
    const ptrdiff_t step = back ? -group : group;
#pragma GCC unroll 8
    for (int i = 0; i < sums; i++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[i][v] = i ? vf_zero() : acc[v];
    const float *xk = x + first, *bk = b + first * (ptrdiff_t)vectors * VL;
    for (int k = 0; k < whole; k += group, xk += step, bk += step * vectors * VL)
        cynf_row_group(sums, vectors, xk, bk, sum);
    cynf_row_finish(sums, vectors, whole, n, x, b, sum, acc);
}

#endif
