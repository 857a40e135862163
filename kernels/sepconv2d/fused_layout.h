/* SPDX-License-Identifier: MIT */
/**
 * sepconv2d, fused: bands of rows. The depthwise output of a band is a dense NHWC image in the thread's private workspace, its pixels stride apart;
 * the pointwise part is conv2d direct on that image.
 *
 *     packed     | depthwise, as dwconv2d/taps_layout.h, rounded up to 64 bytes | pointwise, as conv2d/direct_layout.h |
 *     workspace  private: rows * ow * stride
 */
#ifndef CYNF_SEPCONV2D_FUSED_LAYOUT_H
#define CYNF_SEPCONV2D_FUSED_LAYOUT_H

#include "kernels/conv2d/direct_layout.h"
#include "kernels/dwconv2d/rows_layout.h"

#define CYNF_SEP_BAND_BYTES (128 << 10) /* of depthwise output: half of the smallest L2 that counts, beside the weights */
#define CYNF_SEP_BAND_MADDS (1 << 17)   /* worth handing to a thread: a microsecond or two */
#define CYNF_SEP_BAND_PIXELS 42         /* at least: tiles that are not full are few among them */

/** Elements between pixels of the workspace: whole cache lines, and no multiple of 512 bytes, which would put all pixels into a few sets of L1. */
static CYNF_INLINE int cynf_sep_stride(const cynf_sepconv2d *g)
{
    const int c = CYNF_ROUND_UP(g->pw.ic, 16);
    return c % 128 ? c : c + 16;
}

/** How an image is cut: a unit is a band of rows, and neighbouring units of a run are computed as one, merge of them at most. */
typedef struct cynf_sep_cut {
    int32_t bands, merge;
} cynf_sep_cut;

static CYNF_INLINE cynf_sep_cut cynf_sep_bands(const cynf_sepconv2d *g)
{
    const int64_t fit = CYNF_SEP_BAND_BYTES / ((int64_t)g->dw.ow * cynf_sep_stride(g) * (int64_t)sizeof(float));
    const int64_t by_work = CYNF_CEIL_DIV(CYNF_SEP_BAND_MADDS, (int64_t)g->dw.ow * g->pw.ic * (g->dw.kh * g->dw.kw + g->pw.oc));
    const int64_t by_pixels = CYNF_CEIL_DIV(CYNF_SEP_BAND_PIXELS, g->dw.ow), want = by_work > by_pixels ? by_work : by_pixels;
    const int most = fit < 1 ? 1 : fit < g->dw.oh ? (int)fit : g->dw.oh, fewest = CYNF_CEIL_DIV(g->dw.oh, want < most ? (int)want : most);
    const int even = fewest > 1 ? CYNF_ROUND_UP(fewest, 2) : 1; /* of three bands, two threads wait for one; a single one merges them all the same */
    const int bands = CYNF_CEIL_DIV(g->dw.oh, CYNF_CEIL_DIV(g->dw.oh, even));
    const int merge = most == g->dw.oh ? bands : most / CYNF_CEIL_DIV(g->dw.oh, bands); /* at least 1 */
    return (cynf_sep_cut){bands, CYNF_CEIL_DIV(bands, CYNF_CEIL_DIV(bands, merge))};
}

static CYNF_INLINE cynf_view cynf_sep_workspace(const cynf_sepconv2d *g)
{
    const int stride = cynf_sep_stride(g);
    return (cynf_view){0, g->dw.ow * stride, stride, 0, g->pw.ic};
}

/** Whether the rows of the output (and the residual) follow each other: the pointwise part then runs over a band as over a single row. */
static CYNF_INLINE bool cynf_sep_dense(const cynf_sepconv2d *g)
{
    return g->pw.y.rs == g->dw.ow * g->pw.y.ps && (!g->pw.e.residual || g->pw.r.rs == g->dw.ow * g->pw.r.ps);
}

/** The pointwise part of rows rows. */
static CYNF_INLINE cynf_conv2d cynf_sep_pointwise(const cynf_sepconv2d *g, int rows)
{
    cynf_conv2d p = g->pw;
    p.n = 1;
    p.h = p.oh = cynf_sep_dense(g) ? 1 : rows;
    p.w = p.ow = cynf_sep_dense(g) ? rows * g->dw.ow : g->dw.ow;
    p.x = cynf_sep_workspace(g);
    return p;
}

/** The depthwise part, its output in the workspace. */
static CYNF_INLINE cynf_dwconv2d cynf_sep_depthwise(const cynf_sepconv2d *g)
{
    cynf_dwconv2d d = g->dw;
    d.y = cynf_sep_workspace(g);
    return d;
}

static CYNF_INLINE size_t cynf_sep_pointwise_at(const cynf_sepconv2d *g, int v)
{
    return CYNF_ROUND_UP((size_t)cynf_dw_blocks(&g->dw, v) * cynf_dw_block_elems(&g->dw, v), 16);
}

static CYNF_INLINE size_t cynf_sep_private_bytes(const cynf_sepconv2d *g)
{
    const cynf_sep_cut cut = cynf_sep_bands(g);
    const size_t rows = (size_t)cut.merge * (size_t)CYNF_CEIL_DIV(g->dw.oh, cut.bands);
    return rows * (size_t)g->dw.ow * (size_t)cynf_sep_stride(g) * sizeof(float);
}

#endif
