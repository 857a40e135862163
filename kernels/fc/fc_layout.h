/* SPDX-License-Identifier: MIT */
/** fc as what it is, a 1x1 convolution over a row of m pixels: packing (kernels/conv2d/direct_layout.h) and the blocked algorithm are conv2d's. */
#ifndef CYNF_FC_LAYOUT_H
#define CYNF_FC_LAYOUT_H

#include "kernels/conv2d/direct_layout.h"

static CYNF_INLINE cynf_conv2d cynf_fc_conv2d(const cynf_fc *g)
{
    return (cynf_conv2d){.n = 1, .h = 1, .w = g->m, .ic = g->k, .oh = 1, .ow = g->m, .oc = g->n, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1,
        .groups = 1, .x = {.rs = g->m * g->x_rs, .ps = g->x_rs, .b = g->k}, .y = {.rs = g->m * g->y_rs, .ps = g->y_rs, .b = g->n},
        .r = {.rs = g->m * g->r_rs, .ps = g->r_rs, .b = g->n}, .e = g->e};
}

static CYNF_INLINE size_t cynf_fc_gemv_units(const cynf_fc *g, cynf_tile t)
{
    return (size_t)CYNF_CEIL_DIV(g->n, t.nv * t.v);
}

#endif
