/* SPDX-License-Identifier: MIT */
/**
 * Depthwise convolution, direct: mr output pixels of one vector of channels at a time, one weight load for mr multiply-adds. Any kernel, stride,
 * dilation, padding, multiplier and view; taps on padding are skipped. Each output is summed in the order of the taps.
 */
#ifndef CYNF_DWCONV2D_DIRECT_H
#define CYNF_DWCONV2D_DIRECT_H

#include "kernels/dwconv2d/direct_layout.h"
#include "kernels/dwconv2d/lanes.h"

/** The first tap t with i + t*d >= 0. */
static CYNF_INLINE int cynf_dw_first_tap(int i, int d) { return i < 0 ? CYNF_CEIL_DIV(-i, d) : 0; }

/** One past the last of k taps with i + t*d < in; most tiles have them all, and need no division to know it. */
static CYNF_INLINE int cynf_dw_end_tap(int i, int d, int in, int k)
{
    return i + (k - 1) * d < in ? k : i < in ? CYNF_CEIL_DIV(in - i, d) : 0;
}

/** Pixels ox .. ox + p - 1 of row oy. x: the image at the block's first input channel; y and r: pixel ox. */
static CYNF_INLINE void cynf_dw_direct_pixels(const cynf_dwconv2d *g, const cynf_dw_lanes *l, const int p, const bool spread, const int n,
    const float *x, const float *w, float *y, const float *r, int oy, int ox)
{
    const int iy = oy * g->sh - g->pt, ix = ox * g->sw - g->pl, last = ix + (p - 1) * g->sw;
    const int y0 = cynf_dw_first_tap(iy, g->dh), y1 = cynf_dw_end_tap(iy, g->dh, g->h, g->kh);
    /* Taps that some pixel has, and those that all have. */
    const int x0 = cynf_dw_first_tap(last, g->dw), x1 = cynf_dw_end_tap(ix, g->dw, g->w, g->kw);
    const int all0 = cynf_dw_first_tap(ix, g->dw), all1 = cynf_dw_end_tap(last, g->dw, g->w, g->kw);
    const ptrdiff_t step = (ptrdiff_t)g->sw * g->x.ps; /* from pixel to pixel: with one product less an address */
    vf acc[CYNF_DW_FINISH_MAX];
#pragma GCC unroll 8
    for (int i = 0; i < p; i++)
        acc[i] = vf_load(w);
    for (int ky = y0; ky < y1; ky++) {
        const float *const row = x + (ptrdiff_t)(iy + ky * g->dh) * g->x.rs;
        const float *const wr = w + (ptrdiff_t)(1 + ky * g->kw) * VL;
        for (int kx = x0; kx < x1; kx++) {
            const vf wk = vf_load(wr + kx * VL);
            const int at = ix + kx * g->dw;
            const float *const first = row + (ptrdiff_t)at * g->x.ps;
            if (kx >= all0 && kx < all1) {
#pragma GCC unroll 8
                for (int i = 0; i < p; i++)
                    acc[i] = vf_fma(cynf_dw_load(first + i * step, spread, n), wk, acc[i]);
            } else {
#pragma GCC unroll 8
                for (int i = 0; i < p; i++)
                    if (at + i * g->sw >= 0 && at + i * g->sw < g->w)
                        acc[i] = vf_fma(cynf_dw_load(first + i * step, spread, n), wk, acc[i]);
            }
        }
    }
    cynf_dw_finish(g, l, p, n, acc, y, l->y.ps, r, g->r.ps);
}

static CYNF_INLINE void cynf_dw_direct_lanes(const cynf_dwconv2d *g, const cynf_dw_lanes *l, cynf_tile t, const bool spread, const int n,
    const cynf_dw_unit *u, const float *x, const float *w, float *y, const float *r)
{
    for (int oy = u->y0; oy < u->y1; oy++, y += l->y.rs, r += g->r.rs) {
        int ox = u->x0;
        float *q = y;
        const float *s = r;
        for (; ox + t.mr <= u->x1; ox += t.mr, q += (ptrdiff_t)t.mr * l->y.ps, s += (ptrdiff_t)t.mr * g->r.ps)
            cynf_dw_direct_pixels(g, l, t.mr, spread, n, x, w, q, s, oy, ox);
        for (; ox + 2 <= u->x1; ox += 2, q += (ptrdiff_t)2 * l->y.ps, s += (ptrdiff_t)2 * g->r.ps)
            cynf_dw_direct_pixels(g, l, 2, spread, n, x, w, q, s, oy, ox);
        if (ox < u->x1)
            cynf_dw_direct_pixels(g, l, 1, spread, n, x, w, q, s, oy, ox);
    }
}

/** The area of a unit. x, r: the image; w: the block's weights; y: pixel (u->y0, u->x0) of the output, wherever that is kept as view says. */
static CYNF_INLINE void cynf_dw_direct_area(const cynf_dwconv2d *g, const cynf_view *view, cynf_tile t, const cynf_dw_unit *u, const float *x,
    const float *w, float *y, const float *r)
{
    const cynf_dw_lanes l = cynf_dw_lanes_of(g, view, cynf_dw_block_at(g, VL, u->block));
    const bool spread = cynf_dw_over_multipliers(g);
    x += cynf_channel(&g->x, l.block.ic);
    if (g->e.residual)
        r += (ptrdiff_t)u->y0 * g->r.rs + (ptrdiff_t)u->x0 * g->r.ps;
    if (spread)
        cynf_dw_direct_lanes(g, &l, t, true, l.block.n, u, x, w, y, r);
    else if (VL == 1 || l.block.n == VL)
        cynf_dw_direct_lanes(g, &l, t, false, VL, u, x, w, y, r);
    else
        cynf_dw_direct_lanes(g, &l, t, false, l.block.n, u, x, w, y, r);
    if (!cynf_act_in_tile(&g->e))
        cynf_dw_activate(g, &l, u->y1 - u->y0, u->x1 - u->x0, y);
}

static CYNF_INLINE void dwconv2d_direct(const cynf_dwconv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const cynf_dw_unit u = cynf_dw_unit_at(g, VL, cynf_dw_direct_rows(g), CYNF_DW_DIRECT_COLS, i);
        cynf_dw_direct_area(g, &g->y, t, &u, a->x[0] + (ptrdiff_t)u.image * g->x.ns,
            (const float *)a->packed + (size_t)u.block * cynf_dw_block_elems(g, VL),
            a->y + (ptrdiff_t)u.image * g->y.ns + (ptrdiff_t)u.y0 * g->y.rs + (ptrdiff_t)u.x0 * g->y.ps,
            g->e.residual ? a->x[1] + (ptrdiff_t)u.image * g->r.ns : a->x[0]);
    }
}

#endif
