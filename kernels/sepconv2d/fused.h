/* SPDX-License-Identifier: MIT */
/**
 * sepconv2d f32, fused: a band of depthwise output, all channels of a few rows, stays in L2 and is multiplied at once. The depthwise bodies are those
 * of dwconv2d (rows where it can, else direct); the pointwise part runs the micro-kernel over the band's pixels, row after row where the output's
 * rows follow each other. fused_layout.h says what lies where. No geometry is copied: what is literal in it stays so.
 */
#ifndef CYNF_SEPCONV2D_FUSED_H
#define CYNF_SEPCONV2D_FUSED_H

#include "kernels/dwconv2d/direct.h"
#include "kernels/dwconv2d/rows.h"
#include "kernels/sepconv2d/fused_layout.h"

/** Where the pixels and vectors of a register tile lie, from its first pixel and the tensor's first channel. */
typedef struct cynf_sep_offsets {
    ptrdiff_t x[CYNF_MR_MAX], y[CYNF_MR_MAX], r[CYNF_MR_MAX], y_ch[CYNF_NV_MAX], r_ch[CYNF_NV_MAX];
} cynf_sep_offsets;

/** The first rows of a tile of mr pixels x nv vectors, n channels of them real; x, r and y point at its first pixel. */
static CYNF_INLINE void cynf_sep_tile(const cynf_conv2d *p, const int mr, const int nv, int rows, int n, const cynf_sep_offsets *o, const float *x,
    const float *packed, const float *r, float *y)
{
    vf acc[CYNF_MR_MAX][CYNF_NV_MAX];
    cynf_tile_init(mr, nv, packed, acc);
    cynf_tile_fma(mr, nv, CYNF_ROWS(rows), p->ic, x, o->x, packed + nv * VL, nv * VL, acc);
    cynf_tile_finish(mr, nv, CYNF_ROWS(rows), n, &p->e, r, o->r, o->r_ch, y, o->y, o->y_ch, acc);
}

/** One panel of nv vectors, the first channel oc0, for pixels that follow each other in band, r and y; last: pixels % mr where that is a literal, else 0. */
static CYNF_INLINE void cynf_sep_panel(const cynf_sepconv2d *g, const int mr, const int nv, int oc0, int n, const int last, int pixels, const float *x,
    const float *packed, const float *r, float *y)
{
    const cynf_conv2d *const p = &g->pw;
    const ptrdiff_t x_ps = cynf_sep_stride(g), y_ps = p->y.ps, r_ps = p->e.residual ? p->r.ps : 0;
    cynf_sep_offsets o;
    int i = 0;
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++) {
        o.x[m] = m * x_ps;
        o.y[m] = m * y_ps;
        o.r[m] = m * r_ps;
    }
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        o.y_ch[v] = cynf_channel(&p->y, oc0 + v * VL);
        o.r_ch[v] = p->e.residual ? cynf_channel(&p->r, oc0 + v * VL) : 0;
    }
    for (; i + mr <= pixels; i += mr)
        cynf_sep_tile(p, mr, nv, mr, n, &o, x + i * x_ps, packed, r + i * r_ps, y + i * y_ps);
    if (last && pixels - i == last) /* as straight as the others */
        cynf_sep_tile(p, last, nv, last, n, &o, x + i * x_ps, packed, r + i * r_ps, y + i * y_ps);
    else if (i < pixels)
        cynf_sep_tile(p, mr, nv, pixels - i, n, &o, x + i * x_ps, packed, r + i * r_ps, y + i * y_ps);
    if (!cynf_act_in_tile(&p->e))
        for (int v = 0; v < nv && v * VL < n; v++)
            cynf_activate_rows(&p->e, y + o.y_ch[v], pixels, y_ps, n - v * VL < VL ? n - v * VL : VL);
}

/** All panels for pixels that follow each other. */
static CYNF_INLINE void cynf_sep_pixels(const cynf_sepconv2d *g, cynf_tile t, const int last, int pixels, const float *x, const float *packed,
    const float *r, float *y)
{
    const int nr = t.nv * t.v, narrow = g->pw.oc % nr;
    for (int oc0 = 0; oc0 < g->pw.oc; oc0 += nr, packed += (g->pw.ic + 1) * (ptrdiff_t)nr) {
        const int n = narrow && oc0 + nr > g->pw.oc ? narrow : nr;
        if (CYNF_CEIL_DIV(n, t.v) == t.nv)
            cynf_sep_panel(g, t.mr, t.nv, oc0, n, last, pixels, x, packed, r, y);
        else
            CYNF_NARROW_PANEL(narrow, cynf_sep_panel(g, t.mr, nv, oc0, narrow, last, pixels, x, packed, r, y));
    }
}

static CYNF_INLINE void sepconv2d_fused(const cynf_sepconv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    const cynf_dwconv2d *const d = &g->dw;
    const cynf_conv2d *const p = &g->pw;
    const cynf_view workspace = cynf_sep_workspace(g);
    const cynf_tile dt = {VL, CYNF_DW_ROWS_MAX, 1};
    const cynf_sep_cut cut = cynf_sep_bands(g);
    const int bands = cut.bands, blocks = cynf_dw_blocks(d, VL);
    const bool dense = cynf_sep_dense(g);
    const int last = CYNF_LITERAL ? (dense ? (int)((int64_t)d->oh * cut.merge / bands) : 1) * d->ow % t.mr : 0;
    const float *const packed = (const float *)a->packed + cynf_sep_pointwise_at(g, VL);
    float *const band = cynf_private(a, 0, cynf_sep_private_bytes(g), thread);
    for (size_t i = begin, n; i < end; i += n) {
        const int image = (int)(i / (size_t)bands), b = (int)(i % (size_t)bands), left = bands - b < cut.merge ? bands - b : cut.merge;
        n = end - i < (size_t)left ? end - i : (size_t)left;
        const int y0 = (int)((int64_t)d->oh * b / bands), y1 = (int)((int64_t)d->oh * (b + (int)n) / bands);
        const float *const x = a->x[0] + (ptrdiff_t)image * d->x.ns;
        for (int k = 0; k < blocks; k++) {
            const cynf_dw_unit u = {image, y0, y1, 0, d->ow, k};
            const float *const w = (const float *)a->packed + (size_t)k * cynf_dw_block_elems(d, VL);
            if (cynf_dw_rows_fit(d))
                cynf_dw_rows_area(d, &workspace, dt, 0, &u, x, w, band, x);
            else
                cynf_dw_direct_area(d, &workspace, dt, &u, x, w, band, x);
        }
        float *y = a->y + (ptrdiff_t)image * p->y.ns + (ptrdiff_t)y0 * p->y.rs;
        const float *r = p->e.residual ? a->x[1] + (ptrdiff_t)image * p->r.ns + (ptrdiff_t)y0 * p->r.rs : y;
        const int rows = dense ? 1 : y1 - y0, pixels = dense ? (y1 - y0) * d->ow : d->ow;
        for (int j = 0; j < rows; j++, y += p->y.rs, r += p->r.rs)
            cynf_sep_pixels(g, t, last, pixels, band + (ptrdiff_t)j * workspace.rs, packed, r, y);
    }
}

#endif
