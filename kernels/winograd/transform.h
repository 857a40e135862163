/* SPDX-License-Identifier: MIT */
/**
 * The transforms of Winograd's minimal filtering F(m x m, 3x3), m = 6, 4 or 2, over vectors of channels; include after simd.h.
 *
 *     tile = A^T [ (G w G^T) . (B^T x B) ] A      . element by element, x the input under the tile, e x e pixels with e = m + 2
 *
 * after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), sections 4.1 and 4.3, with their points 0, 1, -1, 2, -2; m = 6 has 1/2, -1/2 too.
 */
#ifndef CYNF_WINOGRAD_TRANSFORM_H
#define CYNF_WINOGRAD_TRANSFORM_H

#include "kernels/patch.h"

/** o = B^T d: d[i * ds], o[i * os], i < m + 2. */
static CYNF_INLINE void winograd_bt(const int m, const vf *d, int ds, vf *o, int os)
{
    if (m == 2) {
        o[0] = vf_sub(d[0], d[2 * ds]);
        o[os] = vf_add(d[ds], d[2 * ds]);
        o[2 * os] = vf_sub(d[2 * ds], d[ds]);
        o[3 * os] = vf_sub(d[ds], d[3 * ds]);
        return;
    }
    const vf d0 = d[0], d1 = d[ds], d2 = d[2 * ds], d3 = d[3 * ds], d4 = d[4 * ds], d5 = d[5 * ds];
    if (m == 6) {
        const vf d6 = d[6 * ds], d7 = d[7 * ds];
        const vf even1 = vf_fnma(vf_set1(4.25f), d4, vf_add(d2, d6)), odd1 = vf_fnma(vf_set1(4.25f), d3, vf_add(d1, d5));
        const vf even2 = vf_fnma(vf_set1(1.25f), d4, vf_fma(vf_set1(0.25f), d2, d6));
        const vf odd2 = vf_fnma(vf_set1(2.5f), d3, vf_fma(vf_set1(0.5f), d1, vf_add(d5, d5)));
        const vf even3 = vf_fnma(vf_set1(5), d4, vf_fma(vf_set1(4), d2, d6));
        const vf odd3 = vf_fnma(vf_set1(2.5f), d3, vf_fma(vf_set1(0.5f), d5, vf_add(d1, d1)));
        o[0] = vf_fma(vf_set1(5.25f), vf_sub(d4, d2), vf_sub(d0, d6));
        o[os] = vf_add(even1, odd1);
        o[2 * os] = vf_sub(even1, odd1);
        o[3 * os] = vf_add(even2, odd2);
        o[4 * os] = vf_sub(even2, odd2);
        o[5 * os] = vf_add(even3, odd3);
        o[6 * os] = vf_sub(even3, odd3);
        o[7 * os] = vf_fma(vf_set1(5.25f), vf_sub(d3, d5), vf_sub(d7, d1));
        return;
    }
    const vf two = vf_set1(2), four = vf_set1(4), five = vf_set1(5);
    const vf even4 = vf_fnma(four, d2, d4), odd4 = vf_fnma(four, d1, d3), even1 = vf_sub(d4, d2), odd1 = vf_sub(d3, d1);
    o[0] = vf_fma(four, d0, vf_fnma(five, d2, d4));
    o[os] = vf_add(even4, odd4);
    o[2 * os] = vf_sub(even4, odd4);
    o[3 * os] = vf_fma(two, odd1, even1);
    o[4 * os] = vf_fnma(two, odd1, even1);
    o[5 * os] = vf_fma(four, d1, vf_fnma(five, d3, d5));
}

/** o = A^T d: d[i * ds], i < m + 2; o[i * os], i < m. */
static CYNF_INLINE void winograd_at(const int m, const vf *d, int ds, vf *o, int os)
{
    const vf sum1 = vf_add(d[ds], d[2 * ds]), dif1 = vf_sub(d[ds], d[2 * ds]);
    if (m == 2) {
        o[0] = vf_add(d[0], sum1);
        o[os] = vf_sub(dif1, d[3 * ds]);
        return;
    }
    const vf sum2 = vf_add(d[3 * ds], d[4 * ds]), dif2 = vf_sub(d[3 * ds], d[4 * ds]);
    if (m == 6) {
        const vf sum3 = vf_add(d[5 * ds], d[6 * ds]), dif3 = vf_sub(d[5 * ds], d[6 * ds]);
        o[0] = vf_add(vf_add(d[0], sum1), vf_add(sum2, sum3));
        o[os] = vf_fma(vf_set1(0.5f), dif3, vf_fma(vf_set1(2), dif2, dif1));
        o[2 * os] = vf_fma(vf_set1(0.25f), sum3, vf_fma(vf_set1(4), sum2, sum1));
        o[3 * os] = vf_fma(vf_set1(0.125f), dif3, vf_fma(vf_set1(8), dif2, dif1));
        o[4 * os] = vf_fma(vf_set1(0.0625f), sum3, vf_fma(vf_set1(16), sum2, sum1));
        o[5 * os] = vf_add(vf_fma(vf_set1(0.03125f), dif3, vf_fma(vf_set1(32), dif2, dif1)), d[7 * ds]);
        return;
    }
    o[0] = vf_add(d[0], vf_add(sum1, sum2));
    o[os] = vf_fma(vf_set1(2), dif2, dif1);
    o[2 * os] = vf_fma(vf_set1(4), sum2, sum1);
    o[3 * os] = vf_add(vf_fma(vf_set1(8), dif2, dif1), d[5 * ds]);
}

/**
 * o[i * os] = coefficient i of B^T x B, for the e x e pixels from (iy, ix) on and the first n lanes; x: pixel (0, 0) of the image of h x w pixels, the
 * first of the channels. What lies outside the image, and the lanes from n on, count as 0.
 */
static CYNF_INLINE void winograd_forward_tile(const int m, const float *x, const cynf_view *v, int h, int w, int iy, int ix, int n, float *o, ptrdiff_t os)
{
    const int e = m + 2;
    ptrdiff_t rs = v->rs, ps = v->ps;
    float patch[64 * VL];
    if (n == VL && iy >= 0 && ix >= 0 && iy + e <= h && ix + e <= w) {
        x += iy * rs + ix * ps;
    } else { /* padding and missing lanes become zeros in a copy */
        cynf_patch_load(x, v, h, w, iy, ix, e, n, patch, e * VL, VL);
        x = patch;
        rs = e * VL;
        ps = VL;
    }
    vf half[64];
#pragma GCC unroll 8
    for (int z = 0; z < e; z++) {
        vf d[8];
#pragma GCC unroll 8
        for (int y = 0; y < e; y++)
            d[y] = vf_load(x + y * rs + z * ps);
        winograd_bt(m, d, 1, half + z, e);
    }
#pragma GCC unroll 8
    for (int y = 0; y < e; y++) {
        vf r[8];
        winograd_bt(m, half + y * e, 1, r, 1);
#pragma GCC unroll 8
        for (int z = 0; z < e; z++)
            vf_store(o + (y * e + z) * os, r[z]);
    }
}

/** out = A^T M A, m x m vectors; coefficient i of M is c[i * cs]. */
static CYNF_INLINE void winograd_inverse_tile(const int m, const float *c, ptrdiff_t cs, float *out)
{
    const int e = m + 2;
    vf w[48];
#pragma GCC unroll 8
    for (int z = 0; z < e; z++) {
        vf d[8];
#pragma GCC unroll 8
        for (int y = 0; y < e; y++)
            d[y] = vf_load(c + (y * e + z) * cs);
        winograd_at(m, d, 1, w + z, e);
    }
#pragma GCC unroll 6
    for (int y = 0; y < m; y++) {
        vf o[6];
        winograd_at(m, w + y * e, 1, o, 1);
#pragma GCC unroll 6
        for (int z = 0; z < m; z++)
            vf_store(out + (y * m + z) * VL, o[z]);
    }
}

#endif
