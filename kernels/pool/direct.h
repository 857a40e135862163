/* SPDX-License-Identifier: MIT */
/**
 * Max and mean pooling, direct: one output pixel of up to nv vectors of channels at a time, which hides the latency of the longest window (global
 * pooling). Up to three spatial dimensions, any stride, padding and view. A NaN in a window makes its result NaN, as in Keras. Each mean is
 * summed column by column of its window, then multiplied by the reciprocal of the number of taps in the image.
 */
#ifndef CYNF_POOL_DIRECT_H
#define CYNF_POOL_DIRECT_H

#include "kernels/act.h"
#include "kernels/pool/direct_layout.h"

#define CYNF_POOL_MAX_NV 4

/** The taps of one axis that are in the image: input positions [*lo, *hi). */
static CYNF_INLINE void cynf_pool_window(int o, int in, int k, int s, int before, int *lo, int *hi)
{
    const int i = o * s - before;
    *lo = i < 0 ? 0 : i;
    *hi = i + k < in ? i + k : in;
    *hi = *hi < *lo ? *lo : *hi;
}

/** The maximum keeps a NaN that it has; one that comes is taken. */
static CYNF_INLINE vf cynf_pool_take(const bool max, vf acc, vf x)
{
    return max ? vf_sel(vf_isnan(x), x, vf_max(x, acc)) : vf_add(acc, x);
}

/** One column of a window: d slices of h rows, the first tap at p; n channels of the last vector are used; xc: the vectors' channels. */
static CYNF_INLINE void cynf_pool_column(const cynf_pool *g, const bool max, const int nv, const int n, const float *p, const ptrdiff_t *xc, int d, int h, vf *acc)
{
    for (int iz = 0; iz < d; iz++)
        for (int iy = 0; iy < h; iy++) {
            const float *const tap = p + (ptrdiff_t)iz * g->x_ds + (ptrdiff_t)iy * g->x.rs;
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                const vf x = n == VL ? vf_load(tap + xc[v]) : vf_loadn(tap + xc[v], n);
                acc[v] = iz || iy ? cynf_pool_take(max, acc[v], x) : x;
            }
        }
}

/** The result acc of a window of `taps` taps goes to y. */
static CYNF_INLINE void cynf_pool_put(const cynf_pool *g, const bool max, const int nv, const int n, const vf *acc, int taps, float *y, const ptrdiff_t *yc)
{
    const vf scale = vf_set1(1.0f / (float)taps);
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        const vf r = cynf_activate(max ? acc[v] : vf_mul(acc[v], scale), &g->e);
        if (n == VL)
            vf_store(y + yc[v], r);
        else
            vf_storen(y + yc[v], r, n);
    }
}

/** The window whose first tap lies at p, d x h x w taps. */
static CYNF_INLINE void cynf_pool_pixel(const cynf_pool *g, const bool max, const int nv, const int n, const float *p, const ptrdiff_t *xc, float *y,
    const ptrdiff_t *yc, int d, int h, int w)
{
    vf acc[CYNF_POOL_MAX_NV], column[CYNF_POOL_MAX_NV];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        acc[v] = column[v] = vf_set1(max ? -__builtin_inff() : 0.0f); /* of a window that lies on padding */
    for (int ix = 0; ix < w && d && h; ix++) {
        cynf_pool_column(g, max, nv, n, p + (ptrdiff_t)ix * g->x.ps, xc, d, h, column);
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            acc[v] = ix ? cynf_pool_take(max, acc[v], column[v]) : column[v];
    }
    cynf_pool_put(g, max, nv, n, acc, d * h * w, y, yc);
}

/** `pixels` windows of three columns that are all in the image, sw columns apart: each column is taken once. */
static CYNF_INLINE void cynf_pool_rolling(const cynf_pool *g, const bool max, const int nv, const int n, const int sw, const float *p, const ptrdiff_t *xc, float *y,
    const ptrdiff_t *yc, int d, int h, int pixels)
{
    vf a[CYNF_POOL_MAX_NV], b[CYNF_POOL_MAX_NV], c[CYNF_POOL_MAX_NV], sum[CYNF_POOL_MAX_NV];
    cynf_pool_column(g, max, nv, n, p, xc, d, h, a);
    if (sw == 1)
        cynf_pool_column(g, max, nv, n, p + g->x.ps, xc, d, h, b);
    for (int i = 0; i < pixels; i++, p += (ptrdiff_t)sw * g->x.ps, y += g->y.ps) {
        if (sw == 2)
            cynf_pool_column(g, max, nv, n, p + g->x.ps, xc, d, h, b);
        cynf_pool_column(g, max, nv, n, p + 2 * (ptrdiff_t)g->x.ps, xc, d, h, c);
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            sum[v] = cynf_pool_take(max, cynf_pool_take(max, a[v], b[v]), c[v]);
            a[v] = sw == 1 ? b[v] : c[v];
            b[v] = c[v];
        }
        cynf_pool_put(g, max, nv, n, sum, d * h * 3, y, yc);
    }
}

/** One row of outputs, whose windows are d x h taps high; x: their first row, y: the first output. */
static CYNF_INLINE void cynf_pool_row(const cynf_pool *g, const bool max, const int nv, const int n, const float *x, const ptrdiff_t *xc, float *y, const ptrdiff_t *yc, int d, int h)
{
    int ox = 0;
    const int whole = g->w + g->pl >= g->kw ? (g->w + g->pl - g->kw) / g->sw + 1 : 0, stop = whole < g->ow ? whole : g->ow; /* from there on windows are cut off */
    while (ox < g->ow) {
        int x0, x1;
        cynf_pool_window(ox, g->w, g->kw, g->sw, g->pl, &x0, &x1);
        const float *const p = x + (ptrdiff_t)x0 * g->x.ps;
        float *const out = y + (ptrdiff_t)ox * g->y.ps;
        const bool rolls = g->kw == 3 && g->sw < 3 && x1 - x0 == 3 && ox < stop && d == 1 && h > 0;
        if (rolls && h == 3 && g->sw == 1)
            cynf_pool_rolling(g, max, nv, n, 1, p, xc, out, yc, 1, 3, stop - ox);
        else if (rolls && h == 3)
            cynf_pool_rolling(g, max, nv, n, 2, p, xc, out, yc, 1, 3, stop - ox);
        else if (rolls && g->sw == 1)
            cynf_pool_rolling(g, max, nv, n, 1, p, xc, out, yc, 1, h, stop - ox);
        else if (rolls)
            cynf_pool_rolling(g, max, nv, n, 2, p, xc, out, yc, 1, h, stop - ox);
        else if (d == 1 && h == 2 && x1 - x0 == 2)
            cynf_pool_pixel(g, max, nv, n, p, xc, out, yc, 1, 2, 2);
        else
            cynf_pool_pixel(g, max, nv, n, p, xc, out, yc, d, h, x1 - x0);
        ox = rolls ? stop : ox + 1;
    }
}

/** Rows [y0, y1) of slice oz, channels c ... c + nv vectors. x: the image; y: the slice. */
static CYNF_INLINE void cynf_pool_rows(const cynf_pool *g, const int nv, const int n, int c, const float *x, float *y, int oz, int y0, int y1)
{
    ptrdiff_t xc[CYNF_POOL_MAX_NV], yc[CYNF_POOL_MAX_NV];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        xc[v] = cynf_channel(&g->x, c + v * VL);
        yc[v] = cynf_channel(&g->y, c + v * VL);
    }
    int z0, z1;
    cynf_pool_window(oz, g->d, g->kd, g->sd, g->pf, &z0, &z1);
    for (int oy = y0; oy < y1; oy++) {
        int r0, r1;
        cynf_pool_window(oy, g->h, g->kh, g->sh, g->pt, &r0, &r1);
        const float *const from = x + (ptrdiff_t)z0 * g->x_ds + (ptrdiff_t)r0 * g->x.rs;
        float *const to = y + (ptrdiff_t)oy * g->y.rs;
        if (g->kind == CYNF_POOL_MAX)
            cynf_pool_row(g, true, nv, n, from, xc, to, yc, z1 - z0, r1 - r0);
        else
            cynf_pool_row(g, false, nv, n, from, xc, to, yc, z1 - z0, r1 - r0);
    }
}

static CYNF_INLINE void pool_direct(const cynf_pool *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    (void)thread;
    const int bands = cynf_pool_bands(g), chunks = cynf_pool_chunks(g, t);
    for (size_t i = begin; i < end; i++) {
        /* Chunks of a band follow each other, so that NHWC rows are read while they are near. */
        const int chunk = (int)(i % (size_t)chunks), band = (int)(i / (size_t)chunks % (size_t)bands);
        const int slice = (int)(i / (size_t)chunks / (size_t)bands), image = slice / g->od, oz = slice % g->od;
        const int y0 = (int)((int64_t)g->oh * band / bands), y1 = (int)((int64_t)g->oh * (band + 1) / bands);
        const float *const x = a->x[0] + (ptrdiff_t)image * g->x.ns;
        float *const y = a->y + (ptrdiff_t)image * g->y.ns + (ptrdiff_t)oz * g->y_ds;
        int c = chunk * t.nv * VL;
        const int stop = g->c - c < t.nv * VL ? g->c : c + t.nv * VL;
        if (stop - c == t.nv * VL) {
            cynf_pool_rows(g, t.nv, VL, c, x, y, oz, y0, y1);
            continue;
        }
        for (; c + VL <= stop; c += VL)
            cynf_pool_rows(g, 1, VL, c, x, y, oz, y0, y1);
        if (c < stop)
            cynf_pool_rows(g, 1, stop - c, c, x, y, oz, y0, y1);
    }
}

#endif
