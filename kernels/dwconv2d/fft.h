/* SPDX-License-Identifier: MIT */
/**
 * dwconv2d f32, fft: depthwise convolution of stride 1 by tiles of n x n pixels, overlap-save, in the frequency domain; n = t.mr.
 *
 *     tiles = F^-1 [ F(x) . conj F(w) ]
 *
 * after Mathieu, Henaff & LeCun, "Fast Training of Convolutional Networks through FFTs" (ICLR 2014). Kernels up to n x n, one output per channel.
 * Accuracy: cynf_fft_error(). An inf or NaN of the input reaches all outputs of its pair of tiles. Over-read and over-write: none.
 */
#ifndef CYNF_DWCONV2D_FFT_H
#define CYNF_DWCONV2D_FFT_H

#include "kernels/dwconv2d/fft_layout.h"
#include "kernels/fft/fft.h"

/** z(f) *= w(f), z(-f) *= w(f)* for all pairs. */
static CYNF_INLINE void dwconv2d_fft_multiply(const int n, const float *w, float *z)
{
    const ptrdiff_t rs = cynf_fft_row(n, VL);
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            bool real;
            if (!cynf_fft_first_of_pair(y, x, &real))
                continue;
            float *const p = z + y * rs + x * 2 * VL, *const q = z + cynf_fft_mirror(y) * rs + cynf_fft_mirror(x) * 2 * VL;
            const fft_vc a = fft_load(p), b = fft_load(q), f = fft_load(w);
            fft_store(q, (fft_vc){vf_fma(b.im, f.im, vf_mul(b.re, f.re)), vf_fnma(b.re, f.im, vf_mul(b.im, f.re))});
            fft_store(p, (fft_vc){vf_fnma(a.im, f.im, vf_mul(a.re, f.re)), vf_fma(a.re, f.im, vf_mul(a.im, f.re))}); /* f = -f: w is real, p is q */
            w += 2 * VL;
        }
}

static CYNF_INLINE void dwconv2d_fft(const cynf_dwconv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const int n = t.mr;
    const cynf_fft_grid grid = dwconv2d_fft_grid(g, n);
    const int pairs = CYNF_CEIL_DIV(grid.tiles, 2), blocks = CYNF_CEIL_DIV(g->c, VL);
    float *const z = cynf_private(a, 0, cynf_fft_tile_bytes(n, VL), thread);
    (void)stage;
    for (size_t unit = begin; unit < end; unit++) {
        const int image = (int)unit / pairs / blocks, block = (int)unit / pairs % blocks, c = block * VL, lanes = g->c - c < VL ? g->c - c : VL;
        const float *const packed = (const float *)a->packed + (size_t)block * dwconv2d_fft_block(t);
        cynf_fft_forward_pair(n, &grid, (int)unit % pairs * 2, a->x[0] + cynf_pixel(&g->x, image, 0, 0, c), &g->x, g->h, g->w, lanes, z);
        dwconv2d_fft_multiply(n, packed + VL, z);
        cynf_fft2_backward(n, grid.sy, z);
        for (int part = 0; part < 2; part++) {
            const int q = (int)unit % pairs * 2 + part, oy = q / grid.tx * grid.sy, ox = q % grid.tx * grid.sx;
            if (q < grid.tiles)
                cynf_patch_store(z + part * VL, cynf_fft_row(n, VL), 2 * VL, packed, g->oh - oy < grid.sy ? g->oh - oy : grid.sy,
                    g->ow - ox < grid.sx ? g->ow - ox : grid.sx, lanes, &g->e, g->e.residual ? a->x[1] + cynf_pixel(&g->r, image, oy, ox, c) : NULL, &g->r,
                    a->y + cynf_pixel(&g->y, image, oy, ox, c), &g->y);
        }
    }
}

#endif
