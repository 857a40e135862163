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

static CYNF_INLINE cynf_tiling conv2d_fft_tiling(const cynf_conv2d *g, cynf_tile t)
{
    const int n = t.mr;
    return conv2d_tiling(g, t, 3 * cynf_fft_pairs(n) - 8, cynf_fft_step(n, g->h, g->oh, g->kh, g->pt), cynf_fft_step(n, g->w, g->ow, g->kw, g->pl), 2,
        cynf_fft_tile_bytes(n, t.v));
}

#endif
