/* SPDX-License-Identifier: MIT */
/**
 * dwconv2d by FFT of tiles of t.mr x t.mr pixels; kernels/fft/fft_layout.h says what is transformed.
 *
 *   packed:  a block for every v channels: [bias: v][pair 0: re v, im v][pair 1: re v, im v] ...     lanes beyond the channels are 0
 *   units:   (image, block, two tiles); the workspace of a thread is one complex tile
 */
#ifndef CYNF_DWCONV2D_FFT_LAYOUT_H
#define CYNF_DWCONV2D_FFT_LAYOUT_H

#include "kernels/fft/fft_layout.h"

static CYNF_INLINE cynf_fft_grid dwconv2d_fft_grid(const cynf_dwconv2d *g, int n)
{
    return cynf_fft_grid_of(n, g->h, g->w, g->oh, g->ow, g->kh, g->kw, g->pt, g->pl);
}

/** Elements of a packed block. */
static CYNF_INLINE size_t dwconv2d_fft_block(cynf_tile t)
{
    return (size_t)t.v * (1 + 2 * (size_t)cynf_fft_pairs(t.mr));
}

#endif
