/* SPDX-License-Identifier: MIT */
/**
 * Packed weights of the depthwise algorithms that multiply tap by tap, and how the work is split into units.
 *
 * Vectors run over what there is more of, so that narrow layers fill them too:
 *
 *   channels    (mult <= c)   block k = (vector of channels, m):  lane l is input channel i0 + l, output channel (i0 + l)*mult + m
 *   multipliers (mult > c)    block k = (channel, vector of m):   every lane is input channel i0, output channel i0*mult + m0 + l
 *
 *   packed:  block 0 [bias: v][tap 0: v][tap 1: v] ... [tap kh*kw-1: v]   block 1 ...        lanes beyond the channels are 0
 */
#ifndef CYNF_DWCONV2D_TAPS_LAYOUT_H
#define CYNF_DWCONV2D_TAPS_LAYOUT_H

#include "kernels/kernel.h"

/** One vector of output channels: n of its lanes are used, the first is output channel oc, the next is step further. */
typedef struct cynf_dw_block {
    int n, ic, oc, step;
} cynf_dw_block;

static CYNF_INLINE bool cynf_dw_over_multipliers(const cynf_dwconv2d *g)
{
    return g->mult > g->c;
}

static CYNF_INLINE int cynf_dw_blocks(const cynf_dwconv2d *g, int v)
{
    return cynf_dw_over_multipliers(g) ? g->c * CYNF_CEIL_DIV(g->mult, v) : CYNF_CEIL_DIV(g->c, v) * g->mult;
}

static CYNF_INLINE cynf_dw_block cynf_dw_block_at(const cynf_dwconv2d *g, int v, int k)
{
    if (cynf_dw_over_multipliers(g)) {
        const int per = CYNF_CEIL_DIV(g->mult, v), c = k / per, m = k % per * v, left = g->mult - m;
        return (cynf_dw_block){left < v ? left : v, c, c * g->mult + m, 1};
    }
    const int c = k / g->mult * v, left = g->c - c;
    return (cynf_dw_block){left < v ? left : v, c, c * g->mult + k % g->mult, g->mult};
}

/** Elements of a packed block. */
static CYNF_INLINE size_t cynf_dw_block_elems(const cynf_dwconv2d *g, int v)
{
    return (size_t)(1 + g->kh * g->kw) * (size_t)v;
}

static CYNF_INLINE bool cynf_dw_whole_vectors(const cynf_view *view, int c, int v)
{
    return view->b >= c || view->b % v == 0;
}

/** Whether no vector straddles a channel block. With a multiplier the outputs are stored lane by lane where they do not lie side by side. */
static inline bool cynf_dw_views_fit(const cynf_dwconv2d *g, int v)
{
    return (cynf_dw_over_multipliers(g) || cynf_dw_whole_vectors(&g->x, g->c, v)) &&
        (g->mult > 1 || (cynf_dw_whole_vectors(&g->y, g->c, v) && (!g->e.residual || cynf_dw_whole_vectors(&g->r, g->c, v))));
}

/* ---- units: (image, area of the output, block). An area is rows [y0, y1) by columns [x0, x1). ---- */

typedef struct cynf_dw_unit {
    int image, y0, y1, x0, x1, block;
} cynf_dw_unit;

static CYNF_INLINE int cynf_dw_row_bands(const cynf_dwconv2d *g, int rows) { return CYNF_CEIL_DIV(g->oh, rows); }
static CYNF_INLINE int cynf_dw_col_bands(const cynf_dwconv2d *g, int cols) { return CYNF_CEIL_DIV(g->ow, cols); }

/** Units of areas of at most rows x cols output pixels. */
static CYNF_INLINE size_t cynf_dw_units(const cynf_dwconv2d *g, int v, int rows, int cols)
{
    return (size_t)g->n * (size_t)cynf_dw_blocks(g, v) * (size_t)cynf_dw_row_bands(g, rows) * (size_t)cynf_dw_col_bands(g, cols);
}

/** Areas of a block that follow each other. */
static CYNF_INLINE size_t cynf_dw_unit_span(const cynf_dwconv2d *g, int rows, int cols)
{
    return g->x.b < g->c ? (size_t)cynf_dw_row_bands(g, rows) * (size_t)cynf_dw_col_bands(g, cols) : 1;
}

/** Blocked tensors go block by block, which streams; in NHWC the blocks of an area share its cache lines and pages and follow each other. */
static CYNF_INLINE cynf_dw_unit cynf_dw_unit_at(const cynf_dwconv2d *g, int v, int rows, int cols, size_t u)
{
    const int blocks = cynf_dw_blocks(g, v), rb = cynf_dw_row_bands(g, rows), cb = cynf_dw_col_bands(g, cols);
    const int image = (int)(u / (size_t)(blocks * rb * cb)), i = (int)(u % (size_t)(blocks * rb * cb));
    const bool by_block = g->x.b < g->c;
    const int block = by_block ? i / (rb * cb) : i % blocks, area = by_block ? i % (rb * cb) : i / blocks;
    const int row = area / cb, col = area % cb;
    return (cynf_dw_unit){image, (int)((int64_t)g->oh * row / rb), (int)((int64_t)g->oh * (row + 1) / rb),
        (int)((int64_t)g->ow * col / cb), (int)((int64_t)g->ow * (col + 1) / cb), block};
}

#endif
