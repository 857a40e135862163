/* SPDX-License-Identifier: MIT */
/**
 * Max and mean pooling, direct: one output pixel of up to nv vectors of channels at a time, which hides the latency of the longest window (global
 * pooling). Up to three spatial dimensions, any stride, padding and view. A NaN in a window makes its result NaN, as in Keras. Each mean is
 * summed in the order of the window, then multiplied by the reciprocal of the number of taps in the image.
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

/** The output pixel (oz, oy, ox); n channels of the last vector are used. x: the image; y: the pixel; xc, yc: the vectors' channels behind them. */
static CYNF_INLINE void cynf_pool_pixel(const cynf_pool *g, const bool max, const int nv, const int n, const float *x, const ptrdiff_t *xc, float *y,
    const ptrdiff_t *yc, int oz, int oy, int ox)
{
    int z0, z1, y0, y1, x0, x1;
    cynf_pool_window(oz, g->d, g->kd, g->sd, g->pf, &z0, &z1);
    cynf_pool_window(oy, g->h, g->kh, g->sh, g->pt, &y0, &y1);
    cynf_pool_window(ox, g->w, g->kw, g->sw, g->pl, &x0, &x1);
    vf acc[CYNF_POOL_MAX_NV];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        acc[v] = vf_set1(max ? -__builtin_inff() : 0.0f);
    for (int iz = z0; iz < z1; iz++)
        for (int iy = y0; iy < y1; iy++) {
            const float *p = x + (ptrdiff_t)iz * g->x_ds + (ptrdiff_t)iy * g->x.rs + (ptrdiff_t)x0 * g->x.ps;
            for (int ix = x0; ix < x1; ix++, p += g->x.ps)
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++) {
                    const vf d = n == VL ? vf_load(p + xc[v]) : vf_loadn(p + xc[v], n);
                    /* The maximum keeps a NaN that it has; one that comes is taken. */
                    acc[v] = max ? vf_sel(vf_isnan(d), d, vf_max(d, acc[v])) : vf_add(acc[v], d);
                }
        }
    const vf scale = vf_set1(1.0f / ((float)(z1 - z0) * (float)(y1 - y0) * (float)(x1 - x0)));
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        const vf r = cynf_activate(max ? acc[v] : vf_mul(acc[v], scale), &g->e);
        if (n == VL)
            vf_store(y + yc[v], r);
        else
            vf_storen(y + yc[v], r, n);
    }
}

/** Rows [y0, y1) of slice oz, channels c ... c + nv vectors. y: the slice. */
static CYNF_INLINE void cynf_pool_rows(const cynf_pool *g, const int nv, const int n, int c, const float *x, float *y, int oz, int y0, int y1)
{
    ptrdiff_t xc[CYNF_POOL_MAX_NV], yc[CYNF_POOL_MAX_NV];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        xc[v] = cynf_channel(&g->x, c + v * VL);
        yc[v] = cynf_channel(&g->y, c + v * VL);
    }
    for (int oy = y0; oy < y1; oy++)
        for (int ox = 0; ox < g->ow; ox++) {
            float *const p = y + (ptrdiff_t)oy * g->y.rs + (ptrdiff_t)ox * g->y.ps;
            if (g->kind == CYNF_POOL_MAX)
                cynf_pool_pixel(g, true, nv, n, x, xc, p, yc, oz, oy, ox);
            else
                cynf_pool_pixel(g, false, nv, n, x, xc, p, yc, oz, oy, ox);
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
