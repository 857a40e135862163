/* SPDX-License-Identifier: MIT */
/**
 * rnn: packed weights and workspace. nr = units of a block, of all gates.
 *
 *     packed   per phase, per block: [h][gates of the phase][nr] of U; then the bias of GRU_AFTER, [blocks*nr]; what lies beyond h is 0
 *     fused    private: h, next h, c, z and r h: [blocks*nr] each
 *     steps    shared: per sequence h and next h, which take turns, and c: [blocks*nr] each
 *
 * The reset gate of GRU comes before the product, so its candidate is a second phase.
 */
#ifndef CYNF_RNN_LAYOUT_H
#define CYNF_RNN_LAYOUT_H

#include "kernels/kernel.h"

/** Partial sums of the tiles that are exact: as many as every instruction set has a tile of. */
#define RNN_EXACT_SUMS 4

/** Units, rounded up to whole blocks. */
static CYNF_INLINE int32_t rnn_padded(const cynf_rnn *g, cynf_tile t) { return CYNF_ROUND_UP(g->h, t.nv * t.v); }

/** Gates of the first phase. */
static CYNF_INLINE int32_t rnn_first_gates(const cynf_rnn *g) { return g->kind == CYNF_RNN_GRU ? 2 : cynf_rnn_gates(g); }

/** Where phase 1, and behind it the bias, starts: elements. */
static CYNF_INLINE size_t rnn_phase1(const cynf_rnn *g, cynf_tile t)
{
    return (size_t)rnn_padded(g, t) * (size_t)g->h * (size_t)rnn_first_gates(g);
}

static CYNF_INLINE size_t rnn_bias(const cynf_rnn *g, cynf_tile t)
{
    return (size_t)rnn_padded(g, t) * (size_t)g->h * (size_t)cynf_rnn_gates(g);
}

/** Elements of one state vector in the workspace. */
static CYNF_INLINE size_t rnn_state(const cynf_rnn *g, cynf_tile t) { return (size_t)CYNF_ROUND_UP(rnn_padded(g, t), 16); }

static CYNF_INLINE size_t rnn_fused_private_bytes(const cynf_rnn *g, cynf_tile t) { return 5 * rnn_state(g, t) * sizeof(float); }

static CYNF_INLINE size_t rnn_steps_shared_bytes(const cynf_rnn *g, cynf_tile t) { return (size_t)g->n * 3 * rnn_state(g, t) * sizeof(float); }

#endif
