/* SPDX-License-Identifier: MIT */
/**
 * The transforms of Winograd's minimal filtering over vectors of channels; include after simd.h. In two dimensions, F(m x m, r x r), and in one, F(m, r):
 *
 *     tile = A^T [ (G w G^T) . (B^T x B) ] A          tile = A^T [ (G w) . (B^T x) ]          e = m + r - 1 pixels of x in each dimension
 *
 * element by element, after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), section 4; the matrices are those of Toom and Cook for
 * the points of points.h: with M(t) = t prod (t^2 - p_j^2), row i of B^T has the coefficients of M(t) / (t - p), row i of G the powers of p over M'(p), column i of
 * A^T the powers of p; the last ones, of the point at infinity, are M(t), (0 ... 0 1) and (0 ... 0 1).
 */
#ifndef CYNF_WINOGRAD_TRANSFORM_H
#define CYNF_WINOGRAD_TRANSFORM_H

#include "kernels/patch.h"
#include "kernels/winograd/points.h"

/** d[2n * ds] + sum_{k < n} c[k] d[2k * ds]. */
static CYNF_INLINE vf winograd_even(const float *c, const int n, const vf *d, int ds)
{
    vf sum = d[2 * n * ds];
#pragma GCC unroll 4
    for (int k = n - 1; k >= 0; k--)
        sum = vf_fma(vf_set1(c[k]), d[2 * k * ds], sum);
    return sum;
}

/** o = B^T d: d[i * ds], o[i * os], i < e. The points p and -p share the even and the odd powers of (M(t) / (t^2 - p^2)) (t + p). */
static CYNF_INLINE void winograd_bt(const int e, const vf *d, int ds, vf *o, int os)
{
    const int pairs = e / 2 - 1;
    const cynf_winograd_points *const p = cynf_winograd_points_of(e);
    o[0] = winograd_even(p->all, pairs, d, ds);
#pragma GCC unroll 4
    for (int j = 0; j < pairs; j++) {
        const vf even = winograd_even(p->but[j], pairs - 1, d + 2 * ds, ds), odd = winograd_even(p->but[j], pairs - 1, d + ds, ds), point = vf_set1(p->point[j]);
        o[(1 + 2 * j) * os] = vf_fma(point, odd, even);
        o[(2 + 2 * j) * os] = vf_fnma(point, odd, even);
    }
    o[(e - 1) * os] = winograd_even(p->all, pairs, d + ds, ds);
}

/** o = A^T d: d[i * ds], i < e; o[i * os], i < m, m > 1. */
static CYNF_INLINE void winograd_at(const int m, const int e, const vf *d, int ds, vf *o, int os)
{
    const int pairs = e / 2 - 1;
    const cynf_winograd_points *const p = cynf_winograd_points_of(e);
    vf sum[4], difference[4];
    float power[4];
#pragma GCC unroll 4
    for (int j = 0; j < pairs; j++) {
        sum[j] = vf_add(d[(1 + 2 * j) * ds], d[(2 + 2 * j) * ds]);
        difference[j] = vf_sub(d[(1 + 2 * j) * ds], d[(2 + 2 * j) * ds]);
        power[j] = 1;
    }
#pragma GCC unroll 8
    for (int i = 0; i < m; i++) {
        const vf *const pair = i % 2 ? difference : sum;
        vf row = i == 0 ? vf_add(d[0], pair[0]) : i == m - 1 ? vf_fma(vf_set1(power[0]), pair[0], d[(e - 1) * ds]) : vf_mul(vf_set1(power[0]), pair[0]);
#pragma GCC unroll 4
        for (int j = 1; j < pairs; j++)
            row = vf_fma(vf_set1(power[j]), pair[j], row);
        o[i * os] = row;
#pragma GCC unroll 4
        for (int j = 0; j < pairs; j++)
            power[j] *= p->point[j];
    }
}

/**
 * o[i * os] = coefficient i of B^T x B, or, in one dimension, of B^T x, for the e x e or 1 x e pixels from (iy, ix) on and the first n lanes; x: pixel (0, 0) of the
 * image of h x w pixels, the first of the channels. What lies outside the image, and the lanes from n on, count as 0.
 */
static CYNF_INLINE void winograd_forward_tile(const cynf_winograd f, const float *x, const cynf_view *v, int h, int w, int iy, int ix, int n, float *o, ptrdiff_t os)
{
    const int e = f.m + f.r - 1, rows = f.dims == 2 ? e : 1;
    ptrdiff_t rs = v->rs, ps = v->ps;
    float patch[CYNF_WINOGRAD_MAX * VL];
    if (n == VL && iy >= 0 && ix >= 0 && iy + rows <= h && ix + e <= w) {
        x += iy * rs + ix * ps;
    } else { /* padding and missing lanes become zeros in a copy */
        cynf_patch_load(x, v, h, w, iy, ix, rows, e, n, patch, e * VL, VL);
        x = patch;
        rs = e * VL;
        ps = VL;
    }
    vf half[CYNF_WINOGRAD_MAX];
#pragma GCC unroll 10
    for (int z = 0; z < e; z++) {
        vf d[8];
#pragma GCC unroll 8
        for (int y = 0; y < rows; y++)
            d[y] = vf_load(x + y * rs + z * ps);
        if (f.dims == 2)
            winograd_bt(e, d, 1, half + z, e);
        else
            half[z] = d[0];
    }
#pragma GCC unroll 8
    for (int y = 0; y < rows; y++) {
        vf r[10];
        winograd_bt(e, half + y * e, 1, r, 1);
#pragma GCC unroll 10
        for (int z = 0; z < e; z++)
            vf_store(o + (y * e + z) * os, r[z]);
    }
}

/** What a tile takes on top: bias, residual (pixel (i, j) at r + i*rs + j*ps) and activation. */
typedef struct winograd_finish {
    const float *bias, *r;
    const cynf_epilogue *e;
    ptrdiff_t rs, ps;
} winograd_finish;

/**
 * y = A^T M A, m x m vectors, or, in one dimension, A^T M, 1 x m, and what finish (NULL: nothing) says; coefficient i of M is c[i * cs], pixel (i, j) goes to
 * y + i*rs + j*ps. All of them are stored.
 */
static CYNF_INLINE void winograd_inverse_tile(const cynf_winograd f, const float *c, ptrdiff_t cs, const winograd_finish *finish, float *y, ptrdiff_t rs, ptrdiff_t ps)
{
    const int e = f.m + f.r - 1, column = f.dims == 2 ? e : 1, rows = f.dims == 2 ? f.m : 1;
    const vf bias = finish ? vf_load(finish->bias) : vf_zero();
    vf w[CYNF_WINOGRAD_MAX];
#pragma GCC unroll 10
    for (int z = 0; z < e; z++) {
        vf d[8];
#pragma GCC unroll 8
        for (int i = 0; i < column; i++)
            d[i] = vf_load(c + (i * e + z) * cs);
        if (f.dims == 2)
            winograd_at(f.m, e, d, 1, w + z, e);
        else
            w[z] = d[0];
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
        vf o[8];
        winograd_at(f.m, e, w + i * e, 1, o, 1);
#pragma GCC unroll 8
        for (int j = 0; j < f.m; j++) {
            vf v = o[j];
            if (finish) {
                v = vf_add(v, bias);
                if (finish->e->residual)
                    v = vf_add(v, vf_load(finish->r + i * finish->rs + j * finish->ps));
                v = cynf_activate_in_tile(v, finish->e);
            }
            vf_store(y + i * rs + j * ps, v);
        }
        if (finish && !cynf_act_in_tile(finish->e))
            cynf_activate_rows(finish->e, y + i * rs, f.m, ps, VL);
    }
}

#endif
