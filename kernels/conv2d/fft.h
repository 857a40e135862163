/* SPDX-License-Identifier: MIT */
/**
 * conv2d f32, fft: convolution of stride 1 by tiles of n x n pixels, overlap-save, in the frequency domain; n = t.mr.
 *
 *     tiles = F^-1 [ sum_ic F(x) . conj F(w) ]
 *
 * after Mathieu, Henaff & LeCun, "Fast Training of Convolutional Networks through FFTs" (ICLR 2014), with the tiles of Zlateski, Jia, Li & Durand, "The
 * Anatomy of Efficient FFT and Winograd Convolutions on Modern CPUs" (ICS 2019). Kernels up to n x n. Accuracy: cynf_fft_error(). An inf or NaN of
 * the input reaches all outputs of its pair of tiles. Over-read and over-write: none. Packing, blocking, stages and units: fft_layout.h.
 */
#ifndef CYNF_CONV2D_FFT_H
#define CYNF_CONV2D_FFT_H

#include "kernels/conv2d/fft_layout.h"
#include "kernels/conv2d/tiled.h"
#include "kernels/fft/fft.h"

/** Rows of the register tile of nv vectors: the products have no tile of their own in the menu, and all that fit the registers are as good. */
#define CONV2D_FFT_MR(nv) (VK > 1 ? (VREGS - (nv)) / ((nv) + 1) : (VREGS - (nv) - 1) / (nv) < 14 ? (VREGS - (nv) - 1) / (nv) : 14)

/** Rows i, i + 1 of every slab of V from tiles i, i + 1 of block w. */
static CYNF_INLINE void conv2d_fft_forward(const cynf_conv2d *g, const cynf_tiling *l, const int n, const cynf_args *a, const conv2d_tiled_unit *w, int i)
{
    const ptrdiff_t rs = cynf_fft_row(n, VL);
    const cynf_fft_grid grid = conv2d_fft_grid(g, n);
    float *const z = w->scratch;
    const int image = (w->first + i) / l->rows, q = (w->first + i) % l->rows;
    for (int c = 0; c < g->ic; c += VL) {
        cynf_fft_forward_pair(n, &grid, q, a->x[0] + cynf_pixel(&g->x, image, 0, 0, c), &g->x, g->h, g->w, g->ic - c < VL ? g->ic - c : VL, z);
        float *v = w->v + (ptrdiff_t)i * l->kp + c;
        for (int y = 0; y < n; y++)
            for (int x = 0; x < n; x++) {
                bool real;
                if (!cynf_fft_first_of_pair(y, x, &real))
                    continue;
                const fft_vc p = fft_load(z + y * rs + x * 2 * VL), m = fft_load(z + cynf_fft_mirror(y) * rs + cynf_fft_mirror(x) * 2 * VL);
                if (real) {
                    vf_store(v, p.re);
                    vf_store(v + l->kp, p.im);
                    v += l->vs;
                } else {
                    vf_store(v, vf_add(p.re, p.im));
                    vf_store(v + l->kp, vf_sub(m.re, m.im));
                    vf_store(v + l->vs, p.re);
                    vf_store(v + l->vs + l->kp, m.re);
                    vf_store(v + 2 * l->vs, p.im);
                    vf_store(v + 2 * l->vs + l->kp, vf_neg(m.im));
                    v += 3 * l->vs;
                }
            }
    }
}

/** z = F^-1 of the spectra in rows i, i + 1 of M; m: their first coefficient of a vector of output channels. */
static CYNF_INLINE void conv2d_fft_backward(const cynf_tiling *l, const int n, const float *m, float *z)
{
    const ptrdiff_t rs = cynf_fft_row(n, VL), second = (ptrdiff_t)l->slabs * l->nr;
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            bool real;
            if (!cynf_fft_first_of_pair(y, x, &real))
                continue;
            float *const p = z + y * rs + x * 2 * VL, *const q = z + cynf_fft_mirror(y) * rs + cynf_fft_mirror(x) * 2 * VL;
            const vf c = vf_load(m), d = vf_load(m + second);
            if (real) {
                fft_store(p, (fft_vc){c, d});
                m += l->nr;
            } else {
                fft_store(p, (fft_vc){vf_sub(c, vf_load(m + 2 * l->nr)), vf_add(c, vf_load(m + l->nr))});
                fft_store(q, (fft_vc){vf_sub(d, vf_load(m + second + 2 * l->nr)), vf_neg(vf_add(d, vf_load(m + second + l->nr)))});
                m += 3 * l->nr;
            }
        }
    cynf_fft2_backward(n, l->sy, z);
}

static CYNF_INLINE void conv2d_fft(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const int n = t.mr;
    const cynf_tiling l = conv2d_fft_tiling(g, t);
    const float *const bias = a->packed, *const u = bias + l.panels * l.nr;
    for (size_t unit = begin; unit < end; unit++) {
        const conv2d_tiled_unit w = conv2d_tiled_unit_of(&l, 2, stage, a, thread, (int)unit);
        for (int i = w.t0; i < w.t1; i += 2)
            conv2d_fft_forward(g, &l, n, a, &w, i);
        for (int p = w.p0; p < w.p1; p++) {
            conv2d_tiled_multiply(g, &l, CONV2D_FFT_MR(t.nv), t.nv, &w, u + (ptrdiff_t)p * l.slabs * g->ic * l.nr);
            for (int i = 0; i < w.rows; i += 2)
                for (int c = 0; c < l.nr && p * l.nr + c < g->oc; c += VL) {
                    conv2d_fft_backward(&l, n, w.m + (ptrdiff_t)i * l.slabs * l.nr + c, w.scratch);
                    for (int part = 0; part < 2; part++) {
                        const conv2d_tiled_patch patch = conv2d_tiled_patch_of(g, &l, w.first + i + part, p * l.nr + c, a);
                        conv2d_tiled_store(g, &patch, bias + p * l.nr + c, w.scratch + part * VL, cynf_fft_row(n, VL), 2 * VL);
                    }
                }
        }
    }
}

#endif
