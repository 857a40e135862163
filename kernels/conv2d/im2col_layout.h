/* SPDX-License-Identifier: MIT */
/**
 * Workspace and units of conv2d im2col. The weights are packed as direct_layout.h says, taps in the order [kh][kw][ic].
 *
 * Private workspace: the pixels of a unit, tile by tile, mr rows a tile, each row [kh][kw][ic] of one group and then a gap.
 */
#ifndef CYNF_CONV2D_IM2COL_LAYOUT_H
#define CYNF_CONV2D_IM2COL_LAYOUT_H

#include "kernels/conv2d/direct_layout.h"

/** Elements from row to row of k elements: whole cache lines, and never a power of two that would put all rows of a tile into few cache sets. */
static CYNF_INLINE int cynf_row_stride(int k)
{
    const int whole = CYNF_ROUND_UP(k, 16);
    return whole % 128 ? whole : whole + 16;
}

static CYNF_INLINE int cynf_conv2d_im2col_stride(const cynf_conv2d *g) { return cynf_row_stride((int)cynf_conv2d_k(g)); }

/** Whether the rows of the output (and the residual) follow each other: tiles then run on from one to the next, as over a single row. */
static CYNF_INLINE bool cynf_conv2d_im2col_runs_on(const cynf_conv2d *g)
{
    return g->y.rs == g->ow * g->y.ps && (!g->e.residual || g->r.rs == g->ow * g->r.ps) && (int64_t)g->oh * g->ow <= INT32_MAX;
}

/** Columns and rows that tiles are laid over. */
static CYNF_INLINE int cynf_conv2d_im2col_columns(const cynf_conv2d *g) { return cynf_conv2d_im2col_runs_on(g) ? g->oh * g->ow : g->ow; }
static CYNF_INLINE int cynf_conv2d_im2col_rows(const cynf_conv2d *g) { return cynf_conv2d_im2col_runs_on(g) ? 1 : g->oh; }

/** The tiles of direct, blocked so that the rows of a unit stay in the second-level cache; a unit does all panels of its group. */
static CYNF_INLINE cynf_conv2d_tiling cynf_conv2d_im2col_tiles(const cynf_conv2d *g, cynf_tile t)
{
    cynf_conv2d_tiling s = cynf_conv2d_tiles(g, t);
    if (cynf_conv2d_im2col_runs_on(g)) {
        const int pixels = g->oh * g->ow;
        s.tw = pixels < t.mr ? pixels : t.mr;
        s.th = 1;
        s.tiles = s.tiles_w = CYNF_CEIL_DIV(pixels, s.tw);
    }
    const int fits = (1 << 15) / (t.mr * cynf_conv2d_im2col_stride(g)), panels = cynf_conv2d_panels(g, t);
    s.per_block = CYNF_CEIL_DIV(s.per_block, panels);
    s.per_block = s.per_block < fits ? s.per_block : fits > 1 ? fits : 1;
    s.blocks = CYNF_CEIL_DIV(s.tiles, s.per_block);
    return s;
}

static CYNF_INLINE size_t cynf_conv2d_im2col_private_bytes(const cynf_conv2d *g, cynf_tile t)
{
    /* One line more: a row's last vector is stored whole. */
    return ((size_t)cynf_conv2d_im2col_tiles(g, t).per_block * (size_t)t.mr * (size_t)cynf_conv2d_im2col_stride(g) + 16) * sizeof(float);
}

static CYNF_INLINE size_t cynf_conv2d_im2col_units(const cynf_conv2d *g, cynf_tile t)
{
    return (size_t)g->n * (size_t)g->groups * (size_t)cynf_conv2d_im2col_tiles(g, t).blocks;
}

#endif
