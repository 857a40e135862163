/* SPDX-License-Identifier: MIT */
/**
 * A row times a packed panel, for products that use every weight once; include after simd.h.
 *
 *     acc[v] += sum_{k < n} x[k] * b[(k * vectors + v) * VL ...]        v < vectors
 *
 * Element k goes to partial sum k % sums, which hides the latency of the multiply-add; the sums, a multiple of VK, are added pairwise. acc starts the first.
 */
#ifndef CYNF_ROW_PRODUCT_H
#define CYNF_ROW_PRODUCT_H

#include "kernels/kernel.h"

#define CYNF_SUMS_MAX 8
#define CYNF_VECTORS_MAX 8

static CYNF_INLINE void cynf_row_product(const int sums, const int vectors, int n, const float *x, const float *b, vf acc[CYNF_VECTORS_MAX])
{
    vf sum[CYNF_SUMS_MAX][CYNF_VECTORS_MAX];
    int k = 0;
#pragma GCC unroll 8
    for (int i = 0; i < sums; i++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[i][v] = i ? vf_zero() : acc[v];
    for (; k + sums <= n; k += sums, b += sums * vectors * VL)
#pragma GCC unroll 8
        for (int i = 0; i < sums; i += VK) {
            const vk a = vk_load(x + k + i);
#pragma GCC unroll 4
            for (int lane = 0; lane < VK; lane++)
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    sum[i + lane][v] = vf_fmak(sum[i + lane][v], vf_load(b + ((i + lane) * vectors + v) * VL), a, lane);
        }
    for (; k < n; k++, b += vectors * VL)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[0][v] = vf_fma(vf_set1(x[k]), vf_load(b + v * VL), sum[0][v]);
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

#endif
