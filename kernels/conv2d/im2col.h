/* SPDX-License-Identifier: MIT */
/**
 * conv2d f32, im2col: the taps of each output pixel are gathered into a row, zeros for those on padding, then rows times packed weights (Chellapilla,
 * Puri and Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006). The rows of a unit are gathered into its
 * thread's private workspace and used by all panels while they are in the cache. Takes every geometry, blocked views with groups included.
 *
 * packed      as conv2d direct, taps ordered [kh][kw][channel]
 * units       blocks of output pixels; any split is safe
 * Over-read, over-write: none. Every output is summed in the order [kh][kw][channel].
 */
#ifndef CYNF_CONV2D_IM2COL_H
#define CYNF_CONV2D_IM2COL_H

#include "kernels/conv2d/direct.h"
#include "kernels/conv2d/im2col_layout.h"

/** The row of output pixel (oh, ow); x points at the image, c_first is the group's first channel. */
static CYNF_INLINE void cynf_conv2d_im2col_row(const cynf_conv2d *g, int oh, int ow, int c_first, const float *x, float *row)
{
    const int icg = g->ic / g->groups, iw0 = ow * g->sw - g->pl, in_w = CYNF_CEIL_DIV(g->w - iw0, g->dw);
    const int lo = iw0 < 0 ? CYNF_CEIL_DIV(-iw0, g->dw) : 0, hi = in_w < g->kw ? in_w : g->kw; /* the taps inside */
    for (int kh = 0; kh < g->kh; kh++) {
        const int ih = oh * g->sh - g->pt + kh * g->dh;
        if (ih < 0 || ih >= g->h || lo >= hi) {
            row = cynf_conv2d_put(row, NULL, g->kw * icg);
            continue;
        }
        const float *from = x + (ptrdiff_t)ih * g->x.rs;
        row = cynf_conv2d_put(row, NULL, lo * icg);
        if (g->dw == 1 && g->x.ps == icg && g->x.b >= g->ic)
            row = cynf_conv2d_put(row, from + (ptrdiff_t)(iw0 + lo) * g->x.ps, (hi - lo) * icg);
        else
            for (int kw = lo; kw < hi; kw++)
                for (int c = c_first, left; c < c_first + icg; c += left) {
                    left = c_first + icg - c;
                    if (g->x.b < g->ic && left > g->x.b - c % g->x.b)
                        left = g->x.b - c % g->x.b;
                    row = cynf_conv2d_put(row, from + (ptrdiff_t)(iw0 + kw * g->dw) * g->x.ps + cynf_channel(&g->x, c), left);
                }
        row = cynf_conv2d_put(row, NULL, (g->kw - hi) * icg);
    }
}

/** One tile, its first pixel (oh0, ow0), in_h x in_w of its pixels in the image. */
static CYNF_INLINE void cynf_conv2d_im2col_tile(const cynf_conv2d *g, cynf_conv2d_tiling s, const int mr, const int nv, int oh0, int ow0, int in_h, int in_w,
    int n, const ptrdiff_t *off, const cynf_conv2d_offsets *o, const float *rows, const float *packed, const float *r, float *y)
{
    vf acc[CYNF_MR_MAX][CYNF_NV_MAX];
    cynf_tile_init(mr, nv, packed, acc);
    cynf_tile_fma(mr, nv, cynf_conv2d_tile_mask(s, in_h, in_w), (int)cynf_conv2d_k(g), rows, off, packed + nv * VL, nv * VL, acc);
    cynf_conv2d_finish(g, s, mr, nv, oh0, ow0, in_h, in_w, n, o, r, y, acc);
}

/** The tiles [tile, end) of one image and one panel; rows holds them from the first on. */
static CYNF_INLINE void cynf_conv2d_im2col_panel(const cynf_conv2d *g, cynf_conv2d_tiling s, const int mr, const int nv, int oc0, int n, const float *rows,
    const float *packed, const float *r, float *y, int tile, int end)
{
    const int stride = cynf_conv2d_im2col_stride(g), oh = cynf_conv2d_im2col_rows(g), ow = cynf_conv2d_im2col_columns(g);
    const int last = CYNF_LITERAL && s.th == 1 ? ow % s.tw : 0;
    ptrdiff_t off[CYNF_MR_MAX];
    cynf_conv2d_offsets o;
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++)
        off[m] = (ptrdiff_t)m * stride;
    cynf_conv2d_place(g, s, mr, nv, oc0, &o);
    for (; tile < end; tile++, rows += mr * stride) {
        const int oh0 = tile / s.tiles_w * s.th, ow0 = tile % s.tiles_w * s.tw;
        const int in_h = oh - oh0 < s.th ? oh - oh0 : s.th, in_w = ow - ow0 < s.tw ? ow - ow0 : s.tw;
        if (last && in_w == last) /* as straight as the others */
            cynf_conv2d_im2col_tile(g, s, last, nv, oh0, ow0, 1, last, n, off, &o, rows, packed, r, y);
        else
            cynf_conv2d_im2col_tile(g, s, mr, nv, oh0, ow0, in_h, in_w, n, off, &o, rows, packed, r, y);
    }
}

static CYNF_INLINE void conv2d_im2col(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    const cynf_conv2d_tiling s = cynf_conv2d_im2col_tiles(g, t);
    const int nr = t.nv * t.v, ocg = g->oc / g->groups, icg = g->ic / g->groups, narrow = ocg % nr, stride = cynf_conv2d_im2col_stride(g);
    float *const rows = cynf_private(a, 0, cynf_conv2d_im2col_private_bytes(g, t), thread);
    for (size_t unit = begin; unit < end; unit++) {
        const int block = (int)(unit % (size_t)s.blocks), group = (int)(unit / (size_t)s.blocks % (size_t)g->groups);
        const int image = (int)(unit / (size_t)s.blocks / (size_t)g->groups);
        const int first = block * s.per_block, last = s.tiles - first < s.per_block ? s.tiles : first + s.per_block;
        const float *x = a->x[0] + (ptrdiff_t)image * g->x.ns, *r = g->e.residual ? a->x[1] + (ptrdiff_t)image * g->r.ns : NULL;
        float *y = a->y + (ptrdiff_t)image * g->y.ns;
        for (int tile = first; tile < last; tile++)
            for (int m = 0; m < s.th * s.tw; m++) {
                const int oh = tile / s.tiles_w * s.th + m / s.tw, ow = tile % s.tiles_w * s.tw + m % s.tw;
                if (oh < cynf_conv2d_im2col_rows(g) && ow < cynf_conv2d_im2col_columns(g))
                    cynf_conv2d_im2col_row(g, oh + ow / g->ow, ow % g->ow, group * icg, x, rows + (ptrdiff_t)((tile - first) * t.mr + m) * stride);
            }
        const float *packed = (const float *)a->packed + (size_t)group * cynf_conv2d_packed_group(g, t);
        for (int p0 = 0; p0 < ocg; p0 += nr) {
            const int oc0 = group * ocg + p0, n = ocg - p0 < nr ? narrow : nr;
            if (CYNF_CEIL_DIV(n, t.v) == t.nv)
                cynf_conv2d_im2col_panel(g, s, t.mr, t.nv, oc0, n, rows, packed, r, y, first, last);
            else
                CYNF_NARROW_PANEL(narrow, cynf_conv2d_im2col_panel(g, s, t.mr, nv, oc0, n, rows, packed, r, y, first, last));
            packed += (cynf_conv2d_k(g) + 1) * (size_t)nr;
        }
    }
}

#endif
