/* SPDX-License-Identifier: MIT */
/**
 * Packing, tiling and units of conv2d direct (and the packing of im2col).
 *
 * Packed weights: per group, panels of nr = nv*v output channels; the last one is narrower, a multiple of v, its missing channels 0.
 *
 *     panel   | bias | w of tap (0,0), channel 0 | channel 1 | ... | tap (0,1), channel 0 | ...
 *             | nr   | nr                        | nr        |
 *
 * Taps are ordered [kh][block of ic][kw][channel in the block], block = the input view's, so that what is contiguous in the input (kw taps of a
 * blocked or a dense NHWC row) is contiguous here too. Plain NHWC has one block: [kh][kw][ic].
 */
#ifndef CYNF_CONV2D_DIRECT_LAYOUT_H
#define CYNF_CONV2D_DIRECT_LAYOUT_H

#include "kernels/kernel.h"

#define CYNF_CONV2D_NEAR_BYTES (16 << 10)   /**< weights up to here are not asked for ahead of their use */
#define CYNF_CONV2D_CHUNK_BYTES (512 << 10) /**< about half of a second-level cache */
/** Nor where each serves more tiles: the first one waits, but it is one of many. Of tiles of one vector, which load an operand for each product, a quarter. */
#define CYNF_CONV2D_AHEAD_TILES 32

/** Multiplications per output element. */
static CYNF_INLINE size_t cynf_conv2d_k(const cynf_conv2d *g)
{
    return (size_t)g->kh * (size_t)g->kw * (size_t)(g->ic / g->groups);
}

/** Elements of one group's panels. */
static CYNF_INLINE size_t cynf_conv2d_packed_group(const cynf_conv2d *g, cynf_tile t)
{
    return (cynf_conv2d_k(g) + 1) * (size_t)CYNF_ROUND_UP(g->oc / g->groups, t.v);
}

/** Panels of a group. */
static CYNF_INLINE int cynf_conv2d_panels(const cynf_conv2d *g, cynf_tile t)
{
    return CYNF_CEIL_DIV(g->oc / g->groups, t.nv * t.v);
}

static CYNF_INLINE size_t cynf_conv2d_packed_bytes(const cynf_conv2d *g, cynf_tile t)
{
    return (size_t)g->groups * cynf_conv2d_packed_group(g, t) * sizeof(float);
}

/**
 * Whether a unit first copies its input rows, padding included, into its thread's workspace: with a channel or two (a first layer) the copy costs
 * less than tiles that skip taps (Zen 4: 64x64x1 k3 -> 16 in 14.4 us, not 17.7, interleaved; with 3 channels it no longer pays). Not for very long rows, since a unit is
 * whole rows then.
 */
static CYNF_INLINE bool cynf_conv2d_pads(const cynf_conv2d *g)
{
    return g->groups == 1 && (g->ic == 1 || g->ic * g->kw <= 8) && g->x.b >= g->ic && g->kw > 1 && g->ow <= 1024 && (g->pl > 0 || (g->ow - 1) * g->sw + (g->kw - 1) * g->dw - g->pl >= g->w);
}

/**
 * How the output of one image is cut: register tiles of th rows x tw columns, th*tw <= mr; a unit is one panel on a
 * block of consecutive tiles.
 */
typedef struct cynf_conv2d_tiling {
    int32_t tw, th, tiles_w, tiles, per_block, blocks;
    int32_t chunk;     /**< blocks that the panels pass over one after the other, before they do so over the next ones: all, or those whose input stays in a near cache */
    bool panels_outer; /**< the order of units in a chunk: the one that moves fewer bytes */
    bool ahead;        /**< the tiles of a panel ask for the next one: the weights come from far */
} cynf_conv2d_tiling;

/** Where a unit lies whose panels and n items go chunk by chunk of the items: the chunk's first item and number of items, and the unit's place in it. */
typedef struct cynf_chunk {
    int first, items, at;
} cynf_chunk;

static CYNF_INLINE cynf_chunk cynf_chunk_of(size_t unit, int panels, int items, int n)
{
    const size_t size = (size_t)panels * (size_t)items;
    const int first = (int)(unit / size) * items;
    return (cynf_chunk){first, n - first < items ? n - first : items, (int)(unit % size)};
}

static CYNF_INLINE cynf_conv2d_tiling cynf_conv2d_tiles(const cynf_conv2d *g, cynf_tile t)
{
    /* A unit is worth handing to a thread: 2^16 multiply-adds are a microsecond on the fastest core, several hand-overs of units. */
    const int64_t tile_work = (int64_t)cynf_conv2d_k(g) * t.mr * t.nv * t.v, unit_work = INT64_C(1) << 16;
    cynf_conv2d_tiling s;
    s.tw = g->ow < t.mr ? g->ow : t.mr;
    s.th = t.mr / s.tw < g->oh ? t.mr / s.tw : g->oh;
    s.tiles_w = CYNF_CEIL_DIV(g->ow, s.tw);
    s.tiles = s.tiles_w * CYNF_CEIL_DIV(g->oh, s.th);
    const int64_t want = CYNF_CEIL_DIV(unit_work, tile_work);
    s.per_block = want < s.tiles ? (int32_t)want : s.tiles;
    if (cynf_conv2d_pads(g))
        s.per_block = CYNF_ROUND_UP(s.per_block, s.tiles_w);
    s.blocks = CYNF_CEIL_DIV(s.tiles, s.per_block);
    const int64_t weights = (int64_t)cynf_conv2d_k(g) * g->oc, image = (int64_t)g->h * g->w * g->ic;
    const int64_t panels = (int64_t)cynf_conv2d_panels(g, t);
    s.panels_outer = weights + panels * image <= image + s.blocks * weights;
    const int64_t chunks = CYNF_CEIL_DIV(image * 4, CYNF_CONV2D_CHUNK_BYTES);
    const bool cut = s.panels_outer && !cynf_conv2d_pads(g) && chunks > 2 && image + chunks * weights < weights + panels * image;
    s.chunk = cut ? CYNF_CEIL_DIV(s.blocks, (int32_t)chunks) : s.blocks;
    s.ahead = s.panels_outer && weights * 4 > CYNF_CONV2D_NEAR_BYTES && s.chunk * s.per_block <= CYNF_CONV2D_AHEAD_TILES / (t.nv > 1 ? 1 : 4);
    return s;
}

/** A block of tiles of a geometry that pads, as a problem of its own without padding, on the copied rows. */
static CYNF_INLINE cynf_conv2d cynf_conv2d_padded(const cynf_conv2d *g, cynf_conv2d_tiling s)
{
    const int rows = s.per_block / s.tiles_w * s.th, w = (g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1;
    return (cynf_conv2d){.n = g->n, .h = (rows - 1) * g->sh + (g->kh - 1) * g->dh + 1, .w = w, .ic = g->ic, .oh = rows, .ow = g->ow,
        .oc = g->oc, .kh = g->kh, .kw = g->kw, .sh = g->sh, .sw = g->sw, .dh = g->dh, .dw = g->dw, .groups = g->groups,
        .x = {.rs = w * g->ic, .ps = g->ic, .b = g->ic}, .y = g->y, .r = g->r, .e = g->e};
}

/** Of the scaled weights, which a stage of its own makes: packed as the others. */
static CYNF_INLINE size_t cynf_conv2d_direct_shared_bytes(const cynf_conv2d *g, cynf_tile t)
{
    return g->scaled ? CYNF_ROUND_UP(cynf_conv2d_packed_bytes(g, t), 64) : 0;
}

static CYNF_INLINE size_t cynf_conv2d_direct_private_bytes(const cynf_conv2d *g, cynf_tile t)
{
    if (!cynf_conv2d_pads(g))
        return 0;
    const cynf_conv2d p = cynf_conv2d_padded(g, cynf_conv2d_tiles(g, t));
    return (size_t)CYNF_ROUND_UP(p.h * p.x.rs + 16, 16) * sizeof(float); /* one line more: the last vector is stored whole */
}

static CYNF_INLINE size_t cynf_conv2d_direct_units(const cynf_conv2d *g, cynf_tile t, int stage)
{
    if (g->scaled && stage == 0)
        return (size_t)cynf_conv2d_panels(g, t);
    return (size_t)g->n * (size_t)g->groups * (size_t)cynf_conv2d_panels(g, t) * (size_t)cynf_conv2d_tiles(g, t).blocks;
}

#endif
