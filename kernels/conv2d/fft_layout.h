/* SPDX-License-Identifier: MIT */
/**
 * conv2d by FFT of tiles of t.mr x t.mr pixels; kernels/fft/fft_layout.h says what is transformed, tiled_layout.h how it is blocked. A pair of frequencies
 * has three coefficients, for the three real products of (a + i b)(c + i d) (Gauss): V holds a + b, a, b, and U holds c, d - c, c + d;
 * the four real ones have one.
 */
#ifndef CYNF_CONV2D_FFT_LAYOUT_H
#define CYNF_CONV2D_FFT_LAYOUT_H

#include "kernels/conv2d/tiled_layout.h"
#include "kernels/fft/fft_layout.h"

static CYNF_INLINE cynf_fft_grid conv2d_fft_grid(const cynf_conv2d *g, int n)
{
    return cynf_fft_grid_of(n, g->h, g->w, g->oh, g->ow, g->kh, g->kw, g->pt, g->pl);
}

static CYNF_INLINE cynf_tiling conv2d_fft_tiling(const cynf_conv2d *g, cynf_tile t)
{
    const cynf_fft_grid grid = conv2d_fft_grid(g, t.mr);
    return conv2d_tiling(g, t, false, 3 * cynf_fft_pairs(t.mr) - 8, grid.sy, grid.sx, 2, cynf_fft_tile_bytes(t.mr, t.v));
}

#endif
