/* SPDX-License-Identifier: MIT */
/** What the descriptors of the algorithms of rnn share. */
#ifndef CYNF_RNN_DESCRIPTOR_H
#define CYNF_RNN_DESCRIPTOR_H

#include <string.h>

#include "kernels/cost.h"
#include "kernels/rnn/rnn_layout.h"

static inline size_t rnn_packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_rnn *g = geometry;
    return (rnn_bias(g, t) + (size_t)(g->kind == CYNF_RNN_GRU_AFTER ? rnn_padded(g, t) : 0)) * sizeof(float);
}

static inline void rnn_pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_rnn *g = geometry;
    const int32_t gates = cynf_rnn_gates(g), first = rnn_first_gates(g), nr = t.nv * t.v;
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

/*
 * Every step streams all weights; a block of few sums waits for the multiply-add's latency of about four cycles, and every step for the partial sums of its blocks and
 * its activations, which no stream hides.
 */
static inline double rnn_cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_rnn *g = geometry;
    const double bytes = (double)rnn_packed_bytes(g, t), fma = 2.0 * t.v / (m->gflops[isa] * 1e9), gates = cynf_rnn_gates(g);
    const double blocks = rnn_padded(g, t) / (t.nv * t.v), sums = gates * t.nv * t.mr;
    const double registers = isa == CYNF_ISA_AVX512 || isa == CYNF_ISA_NEON ? 32 : 16, spill = sums + 1 >= registers ? 1.5 : 1;
    const double product = blocks * g->h / t.mr * (sums > 8 ? sums : 8) * spill * fma, partial = blocks * 8 * t.mr * fma;
    const double activations = blocks * t.nv * (cynf_act_ops(g->e.act) + (gates - 1) * cynf_act_ops(g->re.act) + 4 * gates) * 2 * fma;
    const double stream = cynf_stream_seconds(m, bytes);
    return 1e-7 + g->n * (double)g->t * ((product > stream ? product : stream) + partial + activations + 20e-9);
}

static inline bool rnn_exact(const void *g, cynf_tile t)
{
    (void)g;
    return t.mr == RNN_EXACT_SUMS;
}

#endif
