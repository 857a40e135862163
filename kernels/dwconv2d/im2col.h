/* SPDX-License-Identifier: MIT */
/**
 * Depthwise convolution, im2col: the taps of an area of pixels are gathered into the workspace of the thread, zeros for those on padding; then mr pixels
 * at a time are multiplied and added without a look at any edge, over the ends of rows too. Any kernel, stride, dilation, padding, multiplier and
 * view. Each output is summed in the order of the taps. For conv2d: Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for
 * Document Processing" (2006).
 */
#ifndef CYNF_DWCONV2D_IM2COL_H
#define CYNF_DWCONV2D_IM2COL_H

#include "kernels/dwconv2d/direct.h"
#include "kernels/dwconv2d/im2col_layout.h"

/** One tap of a row of pixels to p: lead zeros, n of the input, step elements apart, zeros to cols. lanes: of each that there are. */
static CYNF_INLINE float *cynf_dw_im2col_row(const bool spread, const int lanes, int lead, int n, int cols, const float *x, ptrdiff_t step, float *p)
{
    const int width = spread ? 1 : VL;
    const float *const end = p + cols * width;
    for (; lead > 0; lead--, p += width)
        spread ? (void)(*p = 0) : vf_store(p, vf_zero());
    for (; n > 0; n--, p += width, x += step)
        spread ? (void)(*p = *x) : vf_store(p, cynf_dw_load(x, false, lanes));
    for (; p < end; p += width)
        spread ? (void)(*p = 0) : vf_store(p, vf_zero());
    return p;
}

/** Taps of the area u to p, the pixels of a tap one after the other, and zeros to a number of pixels that mr divides. x: the image at the first channel. */
static CYNF_INLINE void cynf_dw_im2col_gather(const cynf_dwconv2d *g, const int mr, const bool spread, const int lanes, const cynf_dw_unit *u, const float *x, float *p)
{
    const int cols = u->x1 - u->x0, pixels = (u->y1 - u->y0) * cols, rest = CYNF_ROUND_UP(pixels, mr) - pixels;
    for (int ky = 0; ky < g->kh; ky++)
        for (int kx = 0; kx < g->kw; kx++) {
            const int ix = u->x0 * g->sw - g->pl + kx * g->dw, first = cynf_dw_first_tap(ix, g->sw), lead = first < cols ? first : cols;
            const int inside = cynf_dw_end_tap(ix, g->sw, g->w, cols) - lead; /* columns whose tap is in the image */
            for (int oy = u->y0; oy < u->y1; oy++) {
                const int iy = oy * g->sh - g->pt + ky * g->dh, n = iy >= 0 && iy < g->h && inside > 0 ? inside : 0;
                const float *from = n ? x + iy * (ptrdiff_t)g->x.rs + (ix + lead * g->sw) * (ptrdiff_t)g->x.ps : x;
                p = cynf_dw_im2col_row(spread, lanes, lead, n, cols, from, (ptrdiff_t)g->sw * g->x.ps, p);
            }
            p = cynf_dw_im2col_row(spread, lanes, rest, 0, rest, x, 0, p);
        }
}

/** All pixels of the area, from its patches; y and r: its first pixel. */
static CYNF_INLINE void cynf_dw_im2col_multiply(const cynf_dwconv2d *g, const cynf_dw_lanes *l, const int mr, const bool spread, const int n, int cols, int pixels,
    const float *p, const float *w, float *y, const float *r)
{
    const int lanes = spread ? 1 : VL, taps = g->kh * g->kw;
    const ptrdiff_t next = (ptrdiff_t)CYNF_ROUND_UP(pixels, mr) * lanes;
    const vf bias = vf_load(w);
    int row = 0, col = 0;
    for (int at = 0; at < pixels; at += mr, p += mr * lanes) {
        vf acc[CYNF_DW_FINISH_MAX];
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
            acc[i] = bias;
        for (int tap = 0; tap < taps; tap++) {
            const vf wk = vf_load(w + (ptrdiff_t)(1 + tap) * VL);
#pragma GCC unroll 8
            for (int i = 0; i < mr; i++)
                acc[i] = vf_fma(cynf_dw_load(p + tap * next + i * lanes, spread, VL), wk, acc[i]);
        }
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++)
            if (at + i < pixels) {
                cynf_dw_finish(g, l, 1, n, acc + i, y + (ptrdiff_t)row * g->y.rs + (ptrdiff_t)col * g->y.ps, 0,
                    r + (ptrdiff_t)row * g->r.rs + (ptrdiff_t)col * g->r.ps, 0);
                col++;
                if (col == cols) {
                    col = 0;
                    row++;
                }
            }
    }
}

static CYNF_INLINE void cynf_dw_im2col_area(const cynf_dwconv2d *g, const cynf_dw_lanes *l, cynf_tile t, const bool spread, const int n, const cynf_dw_unit *u,
    const float *x, float *p, const float *w, float *y, const float *r)
{
    const int cols = u->x1 - u->x0;
    cynf_dw_im2col_gather(g, t.mr, spread, n, u, x, p);
    cynf_dw_im2col_multiply(g, l, t.mr, spread, n, cols, (u->y1 - u->y0) * cols, p, w, y, r);
}

static CYNF_INLINE void dwconv2d_im2col(const cynf_dwconv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    const cynf_dw_im2col_size area = cynf_dw_im2col_size_of(g, t);
    const bool spread = cynf_dw_over_multipliers(g);
    float *const p = cynf_private(a, 0, cynf_dw_im2col_private_bytes(g, t), thread);
    for (size_t i = begin; i < end; i++) {
        const cynf_dw_unit u = cynf_dw_unit_at(g, VL, area.rows, area.cols, i);
        const cynf_dw_lanes l = cynf_dw_lanes_of(g, &g->y, cynf_dw_block_at(g, VL, u.block));
        const float *x = a->x[0] + (ptrdiff_t)u.image * g->x.ns + cynf_channel(&g->x, l.block.ic);
        const float *w = (const float *)a->packed + (size_t)u.block * cynf_dw_block_elems(g, VL);
        float *y = a->y + (ptrdiff_t)u.image * g->y.ns + (ptrdiff_t)u.y0 * g->y.rs + (ptrdiff_t)u.x0 * g->y.ps;
        const float *r = g->e.residual ? a->x[1] + (ptrdiff_t)u.image * g->r.ns + (ptrdiff_t)u.y0 * g->r.rs + (ptrdiff_t)u.x0 * g->r.ps : a->x[0];
        if (spread)
            cynf_dw_im2col_area(g, &l, t, true, l.block.n, &u, x, p, w, y, r);
        else if (VL == 1 || l.block.n == VL)
            cynf_dw_im2col_area(g, &l, t, false, VL, &u, x, p, w, y, r);
        else
            cynf_dw_im2col_area(g, &l, t, false, l.block.n, &u, x, p, w, y, r);
        if (!cynf_act_in_tile(&g->e))
            cynf_dw_activate(g, &l, u.y1 - u.y0, u.x1 - u.x0, y);
    }
}

#endif
