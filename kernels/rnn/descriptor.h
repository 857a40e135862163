/* SPDX-License-Identifier: MIT */
/** What the descriptors of the algorithms of rnn share. */
#ifndef CYNF_RNN_DESCRIPTOR_H
#define CYNF_RNN_DESCRIPTOR_H

#include <string.h>

#include "kernels/cost.h"
#include "kernels/rnn/rnn_layout.h"

/** Units of what computes a sequence at a time. */
static inline size_t rnn_sequences(const void *geometry, cynf_tile t, int stage)
{
    (void)t, (void)stage;
    return (size_t)((const cynf_rnn *)geometry)->n;
}

static inline size_t rnn_packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_rnn *g = geometry;
    return (rnn_bias(g, t) + (size_t)(g->kind == CYNF_RNN_GRU_AFTER ? rnn_padded(g, t) : 0)) * sizeof(float);
}

static inline void rnn_pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_rnn *g = geometry;
    const int32_t gates = cynf_rnn_gates(g), first = rnn_first_gates(g->kind), nr = t.nv * t.v;
    float *out = packed;
    memset(packed, 0, rnn_packed_bytes(g, t));
    for (int32_t from = 0, to = first; from < gates; from = to, to = gates)
        for (int32_t j0 = 0; j0 < g->h; j0 += nr)
            for (int32_t k = 0; k < g->h; k++)
                for (int32_t gate = from; gate < to; gate++, out += nr)
                    memcpy(out, w->w + ((size_t)k * (size_t)gates + (size_t)gate) * (size_t)g->h + j0,
                        (size_t)(g->h - j0 < nr ? g->h - j0 : nr) * sizeof(float));
    if (g->kind == CYNF_RNN_GRU_AFTER && w->bias)
        memcpy(out, w->bias, (size_t)g->h * sizeof(float));
}

static inline int32_t rnn_registers(cynf_isa isa) { return isa == CYNF_ISA_AVX512 || isa == CYNF_ISA_NEON ? 32 : 16; }

/** A step's products; a block of few sums waits for the multiply-add's latency of about four cycles. besides: registers that are taken. */
static inline double rnn_product_seconds(const cynf_rnn *g, cynf_tile t, cynf_isa isa, const cynf_machine *m, int32_t besides)
{
    const double fma = 2.0 * t.v / (m->gflops[isa] * 1e9), blocks = rnn_padded(g, t) / (t.nv * t.v), sums = cynf_rnn_gates(g) * t.nv * t.mr;
    return blocks * g->h / t.mr * (sums + besides > 8 ? sums : 8) * (sums + besides + 1 >= rnn_registers(isa) ? 1.5 : 1) * fma;
}

/** What a step waits for and no stream hides: the partial sums of its blocks, and its activations. */
static inline double rnn_wait_seconds(const cynf_rnn *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const double fma = 2.0 * t.v / (m->gflops[isa] * 1e9), gates = cynf_rnn_gates(g), blocks = rnn_padded(g, t) / (t.nv * t.v);
    return blocks * 8 * t.mr * fma + blocks * t.nv * (cynf_act_ops(g->e.act) + (gates - 1) * cynf_act_ops(g->re.act) + 4 * gates) * 2 * fma + 20e-9;
}

/** Every step streams all weights. */
static inline double rnn_cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_rnn *g = geometry;
    const double product = rnn_product_seconds(g, t, isa, m, 0), stream = cynf_stream_seconds(m, (double)rnn_packed_bytes(g, t));
    return 1e-7 + g->n * (double)g->t * ((product > stream ? product : stream) + rnn_wait_seconds(g, t, isa, m));
}

static inline bool rnn_exact(const void *g, cynf_tile t)
{
    (void)g;
    return t.mr == RNN_EXACT_SUMS;
}

#endif
