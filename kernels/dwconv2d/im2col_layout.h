/* SPDX-License-Identifier: MIT */
/**
 * Depthwise convolution, im2col: the area of a unit and its patches; the weights are those of taps_layout.h.
 *
 *   private workspace:  [tap][pixel of the area, row by row][lane]     one lane where vectors run over the multipliers; 0 on padding, and from the last
 *                       pixel to the next multiple of mr
 */
#ifndef CYNF_DWCONV2D_IM2COL_LAYOUT_H
#define CYNF_DWCONV2D_IM2COL_LAYOUT_H

#include "kernels/dwconv2d/taps_layout.h"

#define CYNF_DW_IM2COL_BYTES (16 << 10) /* of the patches of a unit, half of a first-level cache, where four tiles are not more */

/** Rows and columns of the largest area. */
typedef struct cynf_dw_im2col_size {
    int rows, cols;
} cynf_dw_im2col_size;

static CYNF_INLINE int cynf_dw_im2col_lanes(const cynf_dwconv2d *g, int v) { return cynf_dw_over_multipliers(g) ? 1 : v; }

static CYNF_INLINE cynf_dw_im2col_size cynf_dw_im2col_size_of(const cynf_dwconv2d *g, cynf_tile t)
{
    const int fit = CYNF_DW_IM2COL_BYTES / (g->kh * g->kw * cynf_dw_im2col_lanes(g, t.v) * 4), pixels = fit < 4 * t.mr ? 4 * t.mr : fit;
    if (g->ow > pixels)
        return (cynf_dw_im2col_size){1, pixels};
    return (cynf_dw_im2col_size){g->oh < pixels / g->ow ? g->oh : pixels / g->ow, g->ow};
}

static CYNF_INLINE size_t cynf_dw_im2col_private_bytes(const cynf_dwconv2d *g, cynf_tile t)
{
    const cynf_dw_im2col_size a = cynf_dw_im2col_size_of(g, t);
    const size_t pixels = (size_t)CYNF_ROUND_UP(a.rows * a.cols, t.mr), lanes = (size_t)cynf_dw_im2col_lanes(g, t.v);
    return CYNF_ROUND_UP((size_t)(g->kh * g->kw) * pixels * lanes * sizeof(float), 64);
}

#endif
