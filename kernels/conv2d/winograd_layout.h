/* SPDX-License-Identifier: MIT */
/** Winograd's minimal filtering F(m x m, 3x3) by tiles: m = 6 (64 coefficients), 4 (36) or 2 (16); the rest is tiled_layout.h. */
#ifndef CYNF_CONV2D_WINOGRAD_LAYOUT_H
#define CYNF_CONV2D_WINOGRAD_LAYOUT_H

#include "kernels/conv2d/tiled_layout.h"

static CYNF_INLINE cynf_tiling conv2d_winograd_tiling(const cynf_conv2d *g, cynf_tile t, int m)
{
    return conv2d_tiling(g, t, (m + 2) * (m + 2), m, m, 1, 0);
}

#endif
