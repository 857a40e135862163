/* SPDX-License-Identifier: MIT */
/** The descriptor of conv2d strassen; the body is strassen.h. */
#include "kernels/conv2d/strassen_layout.h"
#include "kernels/gemm/tile_cost.h"

/* A vector of channels must not straddle a block of a view, nor a half of the channels. */
static bool vectors_fit(const cynf_view *v, int c, cynf_tile t)
{
    return v->b >= c || (v->b % t.v == 0 && c / 2 % v->b == 0);
}

static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    return g->kh == 1 && g->kw == 1 && g->groups == 1 && !g->pt && !g->pl && (g->oh - 1) * g->sh < g->h && (g->ow - 1) * g->sw < g->w && g->ic % 2 == 0 &&
           g->oc % 2 == 0 && (int64_t)g->oh * g->ow > 1 && cynf_conv2d_im2col_runs_on(g) && vectors_fit(&g->x, g->ic, t) &&
           vectors_fit(&g->y, g->oc, t) && (!g->e.residual || vectors_fit(&g->r, g->oc, t));
}

/* Of the quarters of w, for the product of that number. */
static float sum_of_weights(int product, float w11, float w12, float w21, float w22)
{
    switch (product) {
    case 0: return w11 + w22;
    case 1: return w11;
    case 2: return w12 - w22;
    case 3: return w21 - w11;
    case 4: return w22;
    case 5: return w11 + w12;
    default: return w21 + w22;
    }
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_conv2d *g = geometry;
    float *out = packed;
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
                    const float *upper = w->w + (size_t)c * (size_t)g->oc + (size_t)p0, *lower = upper + (size_t)s.k * (size_t)g->oc;
                    *out++ = i < n ? sum_of_weights(product, upper[i], upper[i + s.n], lower[i], lower[i + s.n]) : 0;
                }
    }
}

/*
 * The products, and what they wait for: the weights, which every chunk of tiles reads once, as far as reading ahead does not hide them, or every tile where a panel, the next
 * one and the sums do not stay near; the sums, written once and read, and x; the quarters of the outputs, eight tiles in and out again beside what a store costs.
 */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_conv2d *g = geometry;
    const cynf_strassen s = cynf_strassen_cut(g, t);
    const double full = s.pairs / t.mr, rows = (double)g->n, x = 4.0 * g->n * s.pixels * g->ic;
    const double products = CYNF_STRASSEN_PRODUCTS * rows * cynf_tile_cost(full, s.pairs % t.mr, s.k, s.n, t, isa, m);
    const double weights = (double)cynf_conv2d_strassen_packed_bytes(g, t), near = 4.0 * s.chunk * (double)cynf_conv2d_strassen_sums(s, t) + 2 * weights / s.panels;
    const double reads = near > 0.75 * (double)m->cache_bytes[1] ? 0.5 * rows * s.tiles : 0.25 * (s.chunks + 1), stream = reads * weights / cynf_level_gbps(m, weights);
    const double sums = 3.5 * x / m->gbps[1] + x / cynf_level_gbps(m, x);
    const double quarters = rows * s.tiles * s.panels * 8 * 4 * t.mr * t.nv * t.v / (0.5 * m->gbps[0]);
    return products + (stream + sums + quarters) * 1e-9 + 150e-9;
}

/* The products, and the additions of quarters: 10 of x, 8 of the outputs; the weights' are made when they are packed. */
static double limit(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_conv2d *g = geometry;
    const cynf_strassen s = cynf_strassen_cut(g, t);
    const double quarter = g->n * s.pixels / 2.0, weights = (double)cynf_conv2d_strassen_packed_bytes(g, t);
    const double arithmetic = 2 * quarter * (CYNF_STRASSEN_PRODUCTS * (double)s.k * s.n + 10.0 * s.k + 8.0 * s.n) / m->gflops[isa], memory = weights / cynf_level_gbps(m, weights);
    return 1e-9 * (arithmetic > memory ? arithmetic : memory);
}

/*
 * Of y11, to which most products go: with u = 2^-24, terms of up to 4 |x||w| in two products and of 2 |x||w| in two others, K/2 each, summed one after the other, sums of
 * operands rounded before.
 */
static double error(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    (void)t;
    return 6.0 * g->ic * (0.5 * g->ic + 8);
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    const cynf_strassen s = cynf_strassen_cut(g, t);
    (void)stage;
    return (size_t)s.chunks * (size_t)s.panels;
}

static size_t packed_bytes(const void *g, cynf_tile t) { return cynf_conv2d_strassen_packed_bytes(g, t); }
static size_t private_bytes(const void *g, cynf_tile t) { return cynf_conv2d_strassen_private_bytes(g, t); }

const cynf_algo cynf_conv2d_strassen = {
    .op = CYNF_OP_CONV2D,
    .name = "strassen",
    .header = "kernels/conv2d/strassen.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .private_bytes = private_bytes,
    .cost = cost,
    .limit = limit,
    .error = error,
};
