/* SPDX-License-Identifier: MIT */
/**
 * The shape of a convolution by tiles in a transform domain, shared by Winograd and FFT: its packing, blocking and workspace.
 *
 * The output is cut into tiles of sy x sx pixels. The transform of a tile's input has S coefficients per channel, and the convolution becomes S
 * small products over the tiles (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4):
 *
 *     V [block][S][tb][kp]   transformed input: a slab per coefficient, a row per tile; kp = channels, rounded up to vectors (pieces follow each other without a gap)
 *     U [ceil(oc/nr)][S][ic][nr]   transformed weights, behind ceil(oc/nr) * nr biases: the packed weights
 *     M [tb][S][nr]          V U of one block and one panel of nr output channels, transformed back at once
 *
 * A dilated convolution falls into dh x dw convolutions without dilation, each over every dh-th row and dw-th column: phases, which count as images. One of stride
 * sh x sw is a sum of sh x sw convolutions of stride 1, each over every sh-th row and sw-th column of the input by every sh-th row and sw-th column of the kernel:
 * its phases count as input channels, ic of them in all.
 *
 * The tiles form blocks of tb, so that a panel of U is used tb times from a near cache. A unit is a block and V is private where U stays in L2 (blocks are then
 * as small as is worth handing to a thread), or where V of the whole layer does not (nor fits beside U's panels into L3, if U comes from memory). Otherwise V is
 * shared and made in a stage of its own: then (panel, block) are the units of the second stage, and U is read once.
 */
#ifndef CYNF_CONV2D_TILED_LAYOUT_H
#define CYNF_CONV2D_TILED_LAYOUT_H

#include "kernels/kernel.h"

#define CYNF_TILED_L2_BYTES (1 << 20)      /**< about an L2: the largest V that is shared */
#define CYNF_TILED_MEMORY_BYTES (32 << 20) /**< U from here on comes from memory, which costs more than a V in L3: one of 4 MiB is shared, too */
#define CYNF_TILED_NEAR_BYTES (384 << 10)  /**< U up to here stays in L2 beside a block */
#define CYNF_TILED_BLOCK_MADDS (1 << 17)   /**< of a block where U is near: a microsecond or two */
#define CYNF_TILED_BLOCK_BYTES (384 << 10) /**< V and M of one block, where blocks of CYNF_TILED_BLOCK_MIN tiles allow it */
#define CYNF_TILED_BLOCK_MIN 14
#define CYNF_TILED_PACKED_MAX (INT64_C(1) << 29) /**< transformed weights beyond it are no candidates */

typedef struct cynf_tiling {
    int32_t slabs, sy, sx;            /**< S, and the outputs of a tile */
    int32_t images;                   /**< those of the batch, times the phases */
    int32_t tx, tiles, rows;          /**< tiles of an image row, of an image; rows: tiles rounded up to the group that is transformed together */
    int32_t tb, blocks, panels, nr, ic, kp;
    int32_t parts;                    /**< conv2d_tiling_parts() */
    bool far, shared;                 /**< U is beyond the second-level cache; V is shared */
    ptrdiff_t vs, v_block;            /**< elements from slab to slab (an odd number of cache lines) and from block to block of V */
    size_t m_bytes, scratch_bytes;    /**< of a thread; scratch: what a transform needs besides */
} cynf_tiling;

/** Taps that are 0 before the first one of k, so that all phases of a stride s begin alike: those that fill the padding up, where no phase gets a tap more by it. */
static CYNF_INLINE int conv2d_tiling_lead(int k, int pad, int s)
{
    const int lead = (s - pad % s) % s;
    return CYNF_CEIL_DIV(k + lead, s) == CYNF_CEIL_DIV(k, s) ? lead : 0;
}

/** The first tap of a phase: it reads pixel o s - pad + tap, which the phase has, for output o. */
static CYNF_INLINE int conv2d_tiling_first_tap(int k, int pad, int s, int phase)
{
    const int lead = conv2d_tiling_lead(k, pad, s);
    return (pad + lead) % s == 0 ? phase - lead : (phase + pad) % s;
}

/** Pieces of the input channels: the phases of a stride, of which those of a row are one where they begin alike, pixels follow each other without a gap and none lacks a column. */
static CYNF_INLINE int conv2d_tiling_parts(const cynf_conv2d *g)
{
    const bool alike = (g->pl + conv2d_tiling_lead(g->kw, g->pl, g->sw)) % g->sw == 0;
    return g->sh * (alike && g->x.ps * g->sh * g->sw == g->ic && g->w % g->sw == 0 ? 1 : g->sw);
}

/** large: for a second-level cache of 2 MiB, all sizes are twice as large, and of a block whose V is shared M alone counts, as it is read panel by panel. */
static CYNF_INLINE cynf_tiling conv2d_tiling(const cynf_conv2d *g, cynf_tile t, bool large, int slabs, int sy, int sx, int group, size_t scratch_bytes)
{
    const int scale = large ? 2 : 1, least = scale * CYNF_TILED_BLOCK_MIN;
    const int parts = conv2d_tiling_parts(g), channels = g->ic / parts;
    const int nr = t.nv * t.v, kp = CYNF_ROUND_UP(g->ic - channels + CYNF_ROUND_UP(channels, t.v), t.v), oh = CYNF_CEIL_DIV(g->oh, g->dh), ow = CYNF_CEIL_DIV(g->ow, g->dw);
    const int images = g->n * g->dh * g->dw, tx = CYNF_CEIL_DIV(ow, sx), tiles = CYNF_CEIL_DIV(oh, sy) * tx;
    const int rows = CYNF_ROUND_UP(tiles, group), all = images * rows;
    const int64_t panels = CYNF_CEIL_DIV(g->oc, nr), tile = (int64_t)slabs * g->ic * panels * nr; /* multiply-adds, and elements of U */
    const bool near = tile * 4 <= scale * CYNF_TILED_NEAR_BYTES;
    const int64_t share = scale * (tile * 4 < CYNF_TILED_MEMORY_BYTES ? CYNF_TILED_L2_BYTES : 4 * CYNF_TILED_L2_BYTES);
    const bool m_alone = large && !near && (int64_t)slabs * kp * all * 4 <= share;
    const int fit = (int)(scale * CYNF_TILED_BLOCK_BYTES / ((int64_t)slabs * ((m_alone ? 0 : kp) + nr) * 4)), most = fit < least ? least : fit;
    const int64_t worth = near ? CYNF_CEIL_DIV(CYNF_TILED_BLOCK_MADDS, tile) : all, want = worth < least ? least : worth;
    const int cut = (int)(want < most ? want : most), tb = CYNF_ROUND_UP(CYNF_CEIL_DIV(all, CYNF_CEIL_DIV(all, cut)), group), blocks = CYNF_CEIL_DIV(all, tb);
    const ptrdiff_t vs = (CYNF_CEIL_DIV((ptrdiff_t)tb * kp, 16) | 1) * 16, v_block = vs * slabs;
    return (cynf_tiling){
        .slabs = slabs, .sy = sy, .sx = sx, .images = images, .tx = tx, .tiles = tiles, .rows = rows, .tb = tb, .blocks = blocks, .panels = (int32_t)panels, .nr = nr,
        .ic = g->ic, .kp = kp, .parts = parts, .far = !near, .shared = !near && v_block * blocks * 4 <= share, .vs = vs, .v_block = v_block,
        .m_bytes = CYNF_ROUND_UP((size_t)tb * (size_t)slabs * (size_t)nr * 4, 64),
        .scratch_bytes = scratch_bytes,
    };
}

/** Tiles of block b; the last one is not always full. */
static CYNF_INLINE int conv2d_tiling_rows(const cynf_tiling *l, int b)
{
    const int left = l->images * l->rows - b * l->tb;
    return left < l->tb ? left : l->tb;
}

static CYNF_INLINE size_t conv2d_tiling_shared(const cynf_tiling *l)
{
    return l->shared ? (size_t)(l->v_block * l->blocks) * 4 : 0;
}

static CYNF_INLINE size_t conv2d_tiling_private(const cynf_tiling *l)
{
    return l->m_bytes + l->scratch_bytes + (l->shared ? 0 : (size_t)l->v_block * 4);
}

static CYNF_INLINE size_t conv2d_tiling_packed(const cynf_tiling *l)
{
    return ((size_t)l->panels * (size_t)l->nr * (1 + (size_t)l->slabs * (size_t)l->ic)) * 4;
}

/** Where a block of vectors of t.v channels may be loaded as one: what these algorithms ask of a view. */
static CYNF_INLINE bool conv2d_tiling_view(const cynf_view *w, int channels, cynf_tile t)
{
    return w->b >= channels || w->b % t.v == 0;
}

#endif
