/* SPDX-License-Identifier: MIT */
/**
 * conv2d f32, winograd63, winograd43 and winograd23: F(6x6, 3x3), F(4x4, 3x3) and F(2x2, 3x3).
 *
 *     tile = A^T [ sum_ic (G w G^T) . (B^T x B) ] A      . element by element, x the 8x8 (6x6, 4x4) input under the tile
 *
 * by the transforms of kernels/winograd/transform.h: a 3x3 convolution of stride 1, dilated or not, takes 16/81 (1/4, 4/9) of direct convolution's products.
 * Accuracy: cynf_winograd_error(). An inf or NaN of the input reaches all outputs of its tile. Over-read and over-write: none. Packing, blocking, stages
 * and units: tiled_layout.h.
 */
#ifndef CYNF_CONV2D_WINOGRAD_H
#define CYNF_CONV2D_WINOGRAD_H

#include "kernels/conv2d/tiled.h"
#include "kernels/conv2d/winograd_layout.h"
#include "kernels/winograd/transform.h"

/** The row of tile i in every slab of V: B^T x B of all channels. */
static CYNF_INLINE void winograd_forward(const cynf_conv2d *g, const cynf_tiling *l, const int m, const float *x, int i, float *v)
{
    const int q = i % l->rows;
    const conv2d_phase p = conv2d_tiled_phase(g, i / l->rows);
    /* Tap (0, 0) of the phase's first output lies in row y + iy*dh, column x + ix*dw: on padding if iy or ix is negative. */
    const int y = (p.y + g->dh - g->pt % g->dh) % g->dh, x0 = (p.x + g->dw - g->pl % g->dw) % g->dw;
    const int iy = (p.y - g->pt - y) / g->dh, ix = (p.x - g->pl - x0) / g->dw;
    const cynf_view view = conv2d_tiled_view(g, &g->x);
    for (int c = 0; c < g->ic; c += VL)
        winograd_forward_tile(m, x + cynf_pixel(&g->x, p.n, y, x0, c), &view, CYNF_CEIL_DIV(g->h - y, g->dh), CYNF_CEIL_DIV(g->w - x0, g->dw), q / l->tx * m + iy,
            q % l->tx * m + ix, g->ic - c < VL ? g->ic - c : VL, v + c, l->vs);
}

static CYNF_INLINE void conv2d_winograd(const cynf_conv2d *g, cynf_tile t, const int m, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    const float *const bias = a->packed, *const u = bias + l.panels * l.nr;
    for (size_t unit = begin; unit < end; unit++) {
        const conv2d_tiled_unit w = conv2d_tiled_unit_of(&l, 1, stage, a, thread, (int)unit);
        for (int i = w.t0; i < w.t1; i++)
            winograd_forward(g, &l, m, a->x[0], w.first + i, w.v + i * l.kp);
        for (int p = w.p0; p < w.p1; p++) {
            conv2d_tiled_multiply(g, &l, t.mr, t.nv, &w, u + (ptrdiff_t)p * l.slabs * g->ic * l.nr);
            for (int i = 0; i < w.rows; i++)
                for (int c = 0; c < l.nr && p * l.nr + c < g->oc; c += VL) {
                    float out[36 * VL];
                    winograd_inverse_tile(m, w.m + (ptrdiff_t)i * l.slabs * l.nr + c, l.nr, out);
                    conv2d_tiled_store(g, &l, w.first + i, p * l.nr + c, bias, out, m * VL, VL, a);
                }
        }
    }
}

static CYNF_INLINE void conv2d_winograd63(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    conv2d_winograd(g, t, 6, stage, a, thread, begin, end);
}

static CYNF_INLINE void conv2d_winograd43(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    conv2d_winograd(g, t, 4, stage, a, thread, begin, end);
}

static CYNF_INLINE void conv2d_winograd23(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    conv2d_winograd(g, t, 2, stage, a, thread, begin, end);
}

#endif
