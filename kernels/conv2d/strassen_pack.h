/* SPDX-License-Identifier: MIT */
/** What the descriptors of conv2d strassen and fc strassen share. */
#ifndef CYNF_CONV2D_STRASSEN_PACK_H
#define CYNF_CONV2D_STRASSEN_PACK_H

#include "kernels/conv2d/strassen_layout.h"
#include "kernels/gemm/tile_cost.h"

/** A vector of channels must not straddle a block of a view, nor a half of the channels. */
static inline bool cynf_strassen_vectors_fit(const cynf_view *v, int c, cynf_tile t)
{
    return v->b >= c || (v->b % t.v == 0 && c / 2 % v->b == 0);
}

static inline bool cynf_strassen_supports(const cynf_conv2d *g, cynf_tile t)
{
    return g->kh == 1 && g->kw == 1 && g->groups == 1 && !g->pt && !g->pl && (g->oh - 1) * g->sh < g->h && (g->ow - 1) * g->sw < g->w && g->ic % 2 == 0 &&
           g->oc % 2 == 0 && (int64_t)g->oh * g->ow > 1 && cynf_conv2d_im2col_runs_on(g) && cynf_strassen_vectors_fit(&g->x, g->ic, t) &&
           cynf_strassen_vectors_fit(&g->y, g->oc, t) && (!g->e.residual || cynf_strassen_vectors_fit(&g->r, g->oc, t));
}

static inline void cynf_strassen_pack(const cynf_conv2d *g, cynf_tile t, const cynf_weights *w, float *out)
{
    const cynf_strassen s = cynf_strassen_cut(g, t);
    const int nr = t.nv * t.v;
    for (int p0 = 0; p0 < s.n; p0 += nr) {
        const int n = s.n - p0 < nr ? s.n - p0 : nr, wide = CYNF_ROUND_UP(n, t.v);
        for (int half = 0; half < 2; half++)
            for (int i = 0; i < wide; i++)
                *out++ = i < n && w->bias ? w->bias[half * s.n + p0 + i] : 0;
        for (int product = 0; product < CYNF_STRASSEN_PRODUCTS; product++)
            for (int c = 0; c < s.k; c++)
                for (int i = 0; i < wide; i++) {
                    const float *upper = w->w + (size_t)c * (size_t)g->oc + (size_t)(p0 + i), *lower = upper + (size_t)s.k * (size_t)g->oc;
                    float sum = 0;
                    if (i < n)
                        switch (product) {
                        case 0: sum = upper[0] + lower[s.n]; break;
                        case 1: sum = upper[0]; break;
                        case 2: sum = upper[s.n] - lower[s.n]; break;
                        case 3: sum = lower[0] - upper[0]; break;
                        case 4: sum = lower[s.n]; break;
                        case 5: sum = upper[0] + upper[s.n]; break;
                        default: sum = lower[0] + lower[s.n];
                        }
                    *out++ = sum;
                }
    }
}

/** The products; the sums, written once and x read; the quarters of the outputs, eight tiles in and out again beside what a store costs. */
static inline double cynf_strassen_cost(const cynf_conv2d *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_strassen s = cynf_strassen_cut(g, t);
    const double full = s.pairs / t.mr, rows = (double)g->n, x = 4.0 * g->n * s.pixels * g->ic;
    const double products = CYNF_STRASSEN_PRODUCTS * rows * cynf_tile_cost(full, s.pairs % t.mr, s.k, s.n, t, isa, m);
    const double weights = (double)cynf_conv2d_strassen_packed_bytes(g, t), stream = weights / cynf_level_gbps(m, weights) * 1e-9; /* at least once */
    const double sums = (s.shared ? 1.75 * x : 0) / cynf_level_gbps(m, 1.75 * x) + 1.75 * x / m->gbps[0] + x / m->gbps[1];
    const double quarters = rows * s.tiles * s.panels * 8 * 4 * t.mr * t.nv * t.v / (0.5 * m->gbps[0]);
    return (products > stream ? products : stream) + (sums + quarters) * 1e-9 + 150e-9;
}

/**
 * Of y11, to which most products go: with u = 2^-24, terms of up to 4 |x||w| in two products and of 2 |x||w| in two others, K/2 each, summed one after the other, sums of
 * operands rounded before.
 */
static inline double cynf_strassen_error(const cynf_conv2d *g) { return 6.0 * g->ic * (0.5 * g->ic + 8); }

#endif
