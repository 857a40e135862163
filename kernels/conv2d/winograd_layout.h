/* SPDX-License-Identifier: MIT */
/** Winograd's minimal filtering F(m x m, 3x3) by tiles: m = 4 (36 coefficients) or 2 (16); the rest is tiled_layout.h. */
#ifndef CYNF_CONV2D_WINOGRAD_LAYOUT_H
#define CYNF_CONV2D_WINOGRAD_LAYOUT_H

#include "kernels/conv2d/tiled_layout.h"

static CYNF_INLINE cynf_tiling conv2d_winograd_tiling(const cynf_conv2d *g, cynf_tile t, int m)
{
    return conv2d_tiling(g, t, (m + 2) * (m + 2), m, m, 1, 0);
}

/**
 * |y - exact| <= 2^-24 conv2d_winograd_error() max|x| max|w| before the epilogue: the roundings on the way of an element times the norm of the
 * transforms, max_j sum_i |A|_ji |G|_i |B|_i of one dimension (|.|_i: sum of the absolute values of a row), squared; after Barabasz, Anderson,
 * Soodhalter & Gregg, "Error Analysis and Improving the Accuracy of Winograd Convolution" (TOMS 2020), section 4. The norm is 48 for
 * F(4,3), 8 for F(2,3).
 */
static inline double conv2d_winograd_error(const cynf_conv2d *g, int m)
{
    return (m == 4 ? 48.0 * 48.0 : 8.0 * 8.0) * g->ic * (g->ic + 24);
}

#endif
