/* SPDX-License-Identifier: MIT */
/** What the descriptors of the algorithms of tiled_layout.h share; each defines tiling(g, t) for CYNF_TILED_ALGO. */
#ifndef CYNF_CONV2D_TILED_DESCRIPTOR_H
#define CYNF_CONV2D_TILED_DESCRIPTOR_H

#include <string.h>

#include "kernels/conv2d/tiled_layout.h"

static inline bool conv2d_tiling_supports(const cynf_conv2d *g, cynf_tile t, const cynf_tiling *l)
{
    return !g->scaled && conv2d_tiling_view(&g->x, g->ic / (g->sh * g->sw), t) && conv2d_tiling_view(&g->y, g->oc, t) && (!g->e.residual || conv2d_tiling_view(&g->r, g->oc, t)) &&
           (int64_t)conv2d_tiling_packed(l) <= CYNF_TILED_PACKED_MAX;
}

static inline size_t conv2d_tiling_units(const cynf_tiling *l, int group, int stage)
{
    return (size_t)(!l->shared ? l->blocks : stage == 0 ? l->images * l->rows / group : l->panels * l->blocks);
}

static inline size_t conv2d_tiling_unit_span(const cynf_tiling *l, int stage)
{
    return l->shared && stage == 1 ? (size_t)l->blocks : 1;
}

/** Clears packed, stores the biases and returns U. */
static inline float *conv2d_tiling_pack_bias(const cynf_conv2d *g, const cynf_tiling *l, const cynf_weights *w, void *packed)
{
    memset(packed, 0, conv2d_tiling_packed(l));
    if (w->bias)
        memcpy(packed, w->bias, (size_t)g->oc * sizeof(float));
    return (float *)packed + l->panels * l->nr;
}

/** Index in U of coefficient s of input channel c and output channel o. */
static inline size_t conv2d_tiling_u(const cynf_tiling *l, int s, int c, int o)
{
    return (((size_t)(o / l->nr) * (size_t)l->slabs + (size_t)s) * (size_t)l->ic + (size_t)c) * (size_t)l->nr + (size_t)(o % l->nr);
}

/** What size bytes cost that are touched again and again: seconds a byte of the level that holds them. */
static inline double conv2d_tiling_byte(const cynf_machine *m, double size)
{
    int level = 0;
    while (level < 3 && size > (double)m->cache_bytes[level])
        level++;
    return 1e-9 / m->gbps[level];
}

/**
 * Modelled seconds: the products at the FMA peak (rows too few to hide its latency take as long as enough of them) or the streaming of U, if that is longer, and both where
 * U comes from beyond the second-level cache, as little of it is hidden by asking ahead; the transforms, of forward and inverse vector instructions a tile and vector of channels
 * (two an FMA's time; fewer with AVX-512, which their stores bound, and NEON, as counted under qemu and by llvm-mca); V and M out and in again.
 */
static inline double conv2d_tiling_cost(const cynf_conv2d *g, const cynf_tiling *l, cynf_tile t, double forward, double inverse, cynf_isa isa, const cynf_machine *m)
{
    const double rows = (double)l->images * l->rows, oc = (double)l->panels * l->nr, second = 1e-9 / m->gflops[isa];
    const double calls = (double)CYNF_CEIL_DIV(l->images * l->rows, t.mr) * l->slabs * l->panels; /* of the micro-kernel */
    const int last = l->tb % t.mr, least = CYNF_CEIL_DIV(8, t.nv); /* rows whose multiply-adds hide the latency of one */
    const double full = (double)(l->tb / t.mr) * (t.mr > least ? t.mr : least), tiles = rows / l->tb * (full + (last && last < least ? least : last));
    const double products = 2 * tiles * l->slabs * g->ic * oc * second / (t.nv > 1 ? 0.9 : 0.8) /* one vector a row: a load for every product */ + 3e-9 * calls;
    const double u = (double)conv2d_tiling_packed(l);
    const bool once = l->shared && u / l->panels < (double)m->cache_bytes[1] / 2, beyond = u > (double)m->cache_bytes[1];
    const double weights = u * (once ? 1 : l->blocks) * conv2d_tiling_byte(m, u);
    const double vectors = rows * (forward * l->parts * CYNF_CEIL_DIV(g->ic / l->parts, t.v) + inverse * CYNF_CEIL_DIV(g->oc, t.v));
    const double v_bytes = 4.0 * (double)l->v_block, m_bytes = (double)l->m_bytes;
    const double slabs = 2 * 4 * rows * l->slabs * (l->kp * conv2d_tiling_byte(m, v_bytes) + oc * conv2d_tiling_byte(m, m_bytes));
    return (beyond ? products + weights : products > weights ? products : weights) + vectors * t.v * second * (isa == CYNF_ISA_NEON ? 2.6 : t.v >= 16 ? 2 : 1.5) + slabs;
}

/**
 * Seconds of the products at the FMA peak and of the transforms' arithmetic, forward and inverse instructions a tile and vector of channels, two a cycle as well; or of U, once,
 * or of V and M, out and in again, from the caches that hold them. Without what tiles compute beyond the output's vectors, not without what they do beyond its pixels.
 */
static inline double conv2d_tiling_limit(const cynf_conv2d *g, const cynf_tiling *l, double forward, double inverse, cynf_isa isa, const cynf_machine *m)
{
    const double tiles = (double)l->images * l->tiles, u = (double)conv2d_tiling_packed(l), v = 4.0 * (double)l->v_block;
    const double arithmetic = 2e-9 * tiles * ((double)l->slabs * g->ic * g->oc + forward * g->ic + inverse * g->oc) / m->gflops[isa];
    const double slabs = 2 * 4 * tiles * l->slabs * (g->ic * conv2d_tiling_byte(m, v) + g->oc * conv2d_tiling_byte(m, (double)l->m_bytes));
    const double memory = slabs > u * conv2d_tiling_byte(m, u) ? slabs : u * conv2d_tiling_byte(m, u);
    return arithmetic > memory ? arithmetic : memory;
}

#define CYNF_TILED_ALGO(algo_, header_, group, measured_) \
    static int stages_##algo_(const void *g, cynf_tile t) { return 1 + tiling_##algo_(g, t).shared; } \
    static size_t units_##algo_(const void *g, cynf_tile t, int stage) \
    { \
        const cynf_tiling l = tiling_##algo_(g, t); \
        return conv2d_tiling_units(&l, group, stage); \
    } \
    static size_t unit_span_##algo_(const void *g, cynf_tile t, int stage) \
    { \
        const cynf_tiling l = tiling_##algo_(g, t); \
        return conv2d_tiling_unit_span(&l, stage); \
    } \
    static size_t packed_bytes_##algo_(const void *g, cynf_tile t) \
    { \
        const cynf_tiling l = tiling_##algo_(g, t); \
        return conv2d_tiling_packed(&l); \
    } \
    static size_t shared_bytes_##algo_(const void *g, cynf_tile t) \
    { \
        const cynf_tiling l = tiling_##algo_(g, t); \
        return conv2d_tiling_shared(&l); \
    } \
    static size_t private_bytes_##algo_(const void *g, cynf_tile t) \
    { \
        const cynf_tiling l = tiling_##algo_(g, t); \
        return conv2d_tiling_private(&l); \
    } \
    extern const cynf_algo cynf_conv2d_##algo_; \
    const cynf_algo cynf_conv2d_##algo_ = {CYNF_OP_CONV2D, #algo_, header_, supports_##algo_, stages_##algo_, units_##algo_, unit_span_##algo_, packed_bytes_##algo_, pack_##algo_, \
        shared_bytes_##algo_, private_bytes_##algo_, NULL, cost_##algo_, limit_##algo_, error_##algo_, NULL, false, measured_};

#endif
