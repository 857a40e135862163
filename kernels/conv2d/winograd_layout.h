/* SPDX-License-Identifier: MIT */
/** Winograd's minimal filtering by tiles of m x m or, in one dimension, 1 x m outputs; the rest is tiled_layout.h. */
#ifndef CYNF_CONV2D_WINOGRAD_LAYOUT_H
#define CYNF_CONV2D_WINOGRAD_LAYOUT_H

#include "kernels/conv2d/tiled_layout.h"
#include "kernels/winograd/points.h"

/**
 * The algorithms: FORM(name, dims, m, r, measured). Those of the largest errors, about 5e-6 of the largest output on random data, are measured on the layer's own
 * weights before they are taken.
 */
#define CONV2D_WINOGRAD_FORMS(FORM) \
    FORM(winograd63, 2, 6, 3, true) \
    FORM(winograd43, 2, 4, 3, false) \
    FORM(winograd23, 2, 2, 3, false) \
    FORM(winograd45, 2, 4, 5, true) \
    FORM(winograd25, 2, 2, 5, false) \
    FORM(winograd54, 2, 5, 4, true) \
    FORM(winograd34, 2, 3, 4, false) \
    FORM(winograd52, 2, 5, 2, false) \
    FORM(winograd32, 2, 3, 2, false) \
    FORM(winograd63x1, 1, 6, 3, false) \
    FORM(winograd43x1, 1, 4, 3, false) \
    FORM(winograd65x1, 1, 6, 5, true) \
    FORM(winograd45x1, 1, 4, 5, false) \
    FORM(winograd47x1, 1, 4, 7, true) \
    FORM(winograd27x1, 1, 2, 7, false)

static CYNF_INLINE cynf_view conv2d_winograd_transposed(const cynf_view *v)
{
    return (cynf_view){.ns = v->ns, .rs = v->ps, .ps = v->rs, .bs = v->bs, .b = v->b};
}

/** In one dimension the kernel lies along the rows: one of kh taps and kw = 1 is that of the transposed images. A single tap has no dilation. */
static CYNF_INLINE cynf_conv2d conv2d_winograd_turned(const cynf_conv2d *g, cynf_winograd f)
{
    cynf_conv2d o = *g;
    if (f.dims == 2)
        return o;
    if (g->kw == 1) {
        o.h = g->w, o.w = g->h, o.oh = g->ow, o.ow = g->oh, o.kh = g->kw, o.kw = g->kh, o.sh = g->sw, o.sw = g->sh, o.dw = g->dh, o.pt = g->pl, o.pl = g->pt;
        o.x = conv2d_winograd_transposed(&g->x);
        o.y = conv2d_winograd_transposed(&g->y);
        o.r = conv2d_winograd_transposed(&g->r);
    }
    o.dh = 1;
    return o;
}

/** The convolution as the transform sees it: turned, and all phases of a stride (tiled_layout.h) together as input channels. */
static CYNF_INLINE cynf_conv2d conv2d_winograd_along(const cynf_conv2d *g, cynf_winograd f)
{
    cynf_conv2d o = conv2d_winograd_turned(g, f);
    o.ic *= o.sh * o.sw;
    return o;
}

/** Whether the tile has more rows than registers hold: its blocks are for a large second-level cache, and register tiles are of half as many rows. */
static CYNF_INLINE bool conv2d_winograd_large(cynf_tile t)
{
    return t.v >= 8 && t.mr * t.nv > 2 * t.v;
}

/** g: as conv2d_winograd_along() gives it. */
static CYNF_INLINE cynf_tiling conv2d_winograd_tiling(const cynf_conv2d *g, cynf_tile t, cynf_winograd f)
{
    return conv2d_tiling(g, t, conv2d_winograd_large(t), cynf_winograd_coefficients(f), f.dims == 2 ? f.m : 1, f.m, 1, 0);
}

#endif
