/* SPDX-License-Identifier: MIT */
/**
 * conv2d f32, winograd43 and winograd23: F(4x4, 3x3) and F(2x2, 3x3).
 *
 *     tile = A^T [ sum_ic (G w G^T) . (B^T x B) ] A      . element by element, x the 6x6 (4x4) input under the tile
 *
 * after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), sections 4.1 and 4.3, with their points 0, 1, -1, 2, -2. A
 * 3x3 convolution of stride 1 takes 1/4 (4/9) of direct convolution's products. Accuracy: conv2d_winograd_error(). An inf or NaN of the input
 * reaches all outputs of its tile. Over-read and over-write: none. Packing, blocking, stages and units: tiled_layout.h.
 */
#ifndef CYNF_CONV2D_WINOGRAD_H
#define CYNF_CONV2D_WINOGRAD_H

#include "kernels/conv2d/tiled.h"
#include "kernels/conv2d/winograd_layout.h"

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
    o[0] = vf_add(d[0], vf_add(sum1, sum2));
    o[os] = vf_fma(vf_set1(2), dif2, dif1);
    o[2 * os] = vf_fma(vf_set1(4), sum2, sum1);
    o[3 * os] = vf_add(vf_fma(vf_set1(8), dif2, dif1), d[5 * ds]);
}

/** Row row of every slab of V from tile i: B^T x B of all channels. */
static CYNF_INLINE void winograd_forward(const cynf_conv2d *g, const cynf_tiling *l, const int m, const float *x, int i, float *v)
{
    const int e = m + 2, image = i / l->rows, q = i % l->rows, iy = q / l->tx * m - g->pt, ix = q % l->tx * m - g->pl;
    const bool inside = iy >= 0 && ix >= 0 && iy + e <= g->h && ix + e <= g->w;
    x += image * (ptrdiff_t)g->x.ns;
    for (int c = 0; c < g->ic; c += VL) {
        const int n = g->ic - c < VL ? g->ic - c : VL;
        const float *p = x + cynf_channel(&g->x, c);
        ptrdiff_t rs = g->x.rs, ps = g->x.ps;
        float patch[36 * VL];
        if (inside && n == VL) {
            p += iy * rs + ix * ps;
        } else { /* padding and missing lanes become zeros in a copy */
            cynf_patch_load(p, &g->x, g->h, g->w, iy, ix, e, n, patch, e * VL, VL);
            p = patch;
            rs = e * VL;
            ps = VL;
        }
        vf w[36];
#pragma GCC unroll 6
        for (int z = 0; z < e; z++) {
            vf d[6];
#pragma GCC unroll 6
            for (int y = 0; y < e; y++)
                d[y] = vf_load(p + y * rs + z * ps);
            winograd_bt(m, d, 1, w + z, e);
        }
#pragma GCC unroll 6
        for (int y = 0; y < e; y++) {
            vf o[6];
            winograd_bt(m, w + y * e, 1, o, 1);
#pragma GCC unroll 6
            for (int z = 0; z < e; z++)
                vf_store(v + (y * e + z) * l->vs + c, o[z]);
        }
    }
}

/** out = A^T M A of VL output channels of a tile; the coefficients lie nr apart. */
static CYNF_INLINE void winograd_inverse(const cynf_tiling *l, const int m, const float *c, float *out)
{
    const int e = m + 2;
    vf w[24];
#pragma GCC unroll 6
    for (int z = 0; z < e; z++) {
        vf d[6];
#pragma GCC unroll 6
        for (int y = 0; y < e; y++)
            d[y] = vf_load(c + (y * e + z) * l->nr);
        winograd_at(m, d, 1, w + z, e);
    }
#pragma GCC unroll 4
    for (int y = 0; y < m; y++) {
        vf o[4];
        winograd_at(m, w + y * e, 1, o, 1);
#pragma GCC unroll 4
        for (int z = 0; z < m; z++)
            vf_store(out + (y * m + z) * VL, o[z]);
    }
}

static CYNF_INLINE void conv2d_winograd(const cynf_conv2d *g, cynf_tile t, const int m, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    const float *const bias = a->packed, *const u = bias + l.panels * l.nr;
    for (size_t unit = begin; unit < end; unit++) {
        const conv2d_tiled_unit w = conv2d_tiled_unit_of(g, &l, 1, stage, a, thread, (int)unit);
        for (int i = w.t0; i < w.t1; i++)
            winograd_forward(g, &l, m, a->x[0], w.first + i, w.v + i * l.kp);
        for (int p = w.p0; p < w.p1; p++) {
            conv2d_tiled_multiply(g, &l, t.mr, t.nv, &w, u + (ptrdiff_t)p * l.slabs * g->ic * l.nr);
            for (int i = 0; i < w.rows; i++)
                for (int c = 0; c < l.nr && p * l.nr + c < g->oc; c += VL) {
                    float out[16 * VL];
                    winograd_inverse(&l, m, w.m + (ptrdiff_t)i * l.slabs * l.nr + c, out);
                    conv2d_tiled_store(g, &l, w.first + i, p * l.nr + c, bias, out, m * VL, VL, a);
                }
        }
    }
}

static CYNF_INLINE void conv2d_winograd43(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    conv2d_winograd(g, t, 4, stage, a, thread, begin, end);
}

static CYNF_INLINE void conv2d_winograd23(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    conv2d_winograd(g, t, 2, stage, a, thread, begin, end);
}

#endif
