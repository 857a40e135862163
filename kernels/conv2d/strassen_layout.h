/* SPDX-License-Identifier: MIT */
/**
 * Packing, workspace and units of conv2d strassen (and of fc strassen).
 *
 * The pixels are cut into a first and a second half, the channels of either side likewise; a tile is mr pixels of each half. Packed weights: panels of nr channels of
 * each half of the output, the last one narrower, a multiple of v:
 *
 *     panel   | bias, left half | bias, right half | sum 0 of the quarters of w, channel 0 | channel 1 | ... | sum 1, channel 0 | ... sum 6
 *             | nr              | nr               | nr                                    | nr
 *
 * Workspace, private: for each tile of a chunk seven sums of the quarters of x, mr rows each; four quarters of outputs.
 */
#ifndef CYNF_CONV2D_STRASSEN_LAYOUT_H
#define CYNF_CONV2D_STRASSEN_LAYOUT_H

#include "kernels/conv2d/im2col_layout.h"

#define CYNF_STRASSEN_PRODUCTS 7
#define CYNF_STRASSEN_CACHED (1 << 17)      /* weights that stay in a cache while tiles pass, elements */
#define CYNF_STRASSEN_CHUNK_BYTES(v) ((v) << 15) /* of sums that stay in a second-level cache while panels pass; wider vectors come with larger ones */

typedef struct cynf_strassen {
    int32_t k, n;          /**< input and output channels of a half */
    int32_t pixels, pairs; /**< pixel p of the first half and pixel p + pairs of the second, which may be missing, are a pair */
    int32_t tiles, panels;
    int32_t chunk, chunks; /**< tiles, of all images, that the panels pass over one after the other, before they do so over the next ones: their sums stay in a near cache */
    int32_t stride;        /**< elements from row to row of a sum */
} cynf_strassen;

static CYNF_INLINE cynf_strassen cynf_strassen_cut(const cynf_conv2d *g, cynf_tile t)
{
    cynf_strassen s = {.k = g->ic / 2, .n = g->oc / 2, .pixels = g->oh * g->ow};
    s.pairs = CYNF_CEIL_DIV(s.pixels, 2);
    s.tiles = CYNF_CEIL_DIV(s.pairs, t.mr);
    s.panels = CYNF_CEIL_DIV(s.n, t.nv * t.v);
    s.stride = cynf_row_stride(s.k);
    const int64_t tiles = (int64_t)g->n * s.tiles, sums = (int64_t)CYNF_STRASSEN_PRODUCTS * t.mr * s.stride * 4;
    const bool cached = (int64_t)CYNF_STRASSEN_PRODUCTS * s.k * s.n <= CYNF_STRASSEN_CACHED;
    s.chunk = cached ? 1 : (int32_t)CYNF_CEIL_DIV(tiles, CYNF_CEIL_DIV(tiles * sums, CYNF_STRASSEN_CHUNK_BYTES(t.v)));
    s.chunks = (int32_t)CYNF_CEIL_DIV(tiles, s.chunk);
    return s;
}

/** Elements of the sums of a tile, and of a panel of packed weights per channel. */
static CYNF_INLINE size_t cynf_conv2d_strassen_sums(cynf_strassen s, cynf_tile t) { return (size_t)CYNF_STRASSEN_PRODUCTS * (size_t)t.mr * (size_t)s.stride; }
static CYNF_INLINE size_t cynf_conv2d_strassen_column(cynf_strassen s) { return 2 + (size_t)CYNF_STRASSEN_PRODUCTS * (size_t)s.k; }

static CYNF_INLINE size_t cynf_conv2d_strassen_packed_bytes(const cynf_conv2d *g, cynf_tile t)
{
    const cynf_strassen s = cynf_strassen_cut(g, t);
    return cynf_conv2d_strassen_column(s) * (size_t)CYNF_ROUND_UP(s.n, t.v) * sizeof(float);
}

static CYNF_INLINE size_t cynf_conv2d_strassen_private_bytes(const cynf_conv2d *g, cynf_tile t)
{
    const cynf_strassen s = cynf_strassen_cut(g, t);
    return CYNF_ROUND_UP(((size_t)s.chunk * cynf_conv2d_strassen_sums(s, t) + (size_t)(4 * t.mr * t.nv * t.v)) * sizeof(float), 64);
}

#endif
