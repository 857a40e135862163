/* SPDX-License-Identifier: MIT */
/**
 * rnn: packed weights and workspace. nr = units of a block, of all gates.
 *
 *     packed   per phase, per block: [h][gates of the phase][nr] of U; then the bias of GRU_AFTER, [blocks*nr]; what lies beyond h is 0
 *     fused    private: h, next h, c, z and r h: [blocks*nr] each
 *     beside   packed: behind all that, from a multiple of 16 elements on, W, its columns of all gates in vectors: per vector [bias][f]
 *              private: what fused has, then the inputs of the next block of mr steps, [f][mr], and the projections of this and the next, [2][mr][row]
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
static CYNF_INLINE int32_t rnn_first_gates(int32_t kind)
{
    return kind == CYNF_RNN_SIMPLE ? 1 : kind == CYNF_RNN_GRU ? 2 : kind == CYNF_RNN_GRU_AFTER ? 3 : 4;
}

/** Where phase 1, and behind it the bias, starts: elements. */
static CYNF_INLINE size_t rnn_phase1(const cynf_rnn *g, cynf_tile t)
{
    return (size_t)rnn_padded(g, t) * (size_t)g->h * (size_t)rnn_first_gates(g->kind);
}

static CYNF_INLINE size_t rnn_bias(const cynf_rnn *g, cynf_tile t)
{
    return (size_t)rnn_padded(g, t) * (size_t)g->h * (size_t)cynf_rnn_gates(g);
}

/** Elements of one state vector in the workspace. */
static CYNF_INLINE size_t rnn_state(const cynf_rnn *g, cynf_tile t) { return (size_t)CYNF_ROUND_UP(rnn_padded(g, t), 16); }

static CYNF_INLINE size_t rnn_fused_private_bytes(const cynf_rnn *g, cynf_tile t) { return 5 * rnn_state(g, t) * sizeof(float); }

static CYNF_INLINE size_t rnn_steps_shared_bytes(const cynf_rnn *g, cynf_tile t) { return (size_t)g->n * 3 * rnn_state(g, t) * sizeof(float); }

/** beside: elements of the weights before W. */
static CYNF_INLINE size_t rnn_beside_at(const cynf_rnn *g, cynf_tile t)
{
    return CYNF_ROUND_UP(rnn_bias(g, t) + (size_t)(g->kind == CYNF_RNN_GRU_AFTER ? rnn_padded(g, t) : 0), 16);
}

/** beside: vectors of W's columns. */
static CYNF_INLINE int32_t rnn_beside_panels(const cynf_rnn *g, cynf_tile t) { return CYNF_CEIL_DIV(g->h * cynf_rnn_gates(g), t.v); }

/** beside: elements between the projections of two steps; no multiple of 512 bytes, which would put a tile's rows into a few sets of L1. */
static CYNF_INLINE int32_t rnn_beside_row(const cynf_rnn *g)
{
    const int32_t row = CYNF_ROUND_UP(g->h * cynf_rnn_gates(g), 16);
    return row % 128 ? row : row + 16;
}

/** beside: elements of a block's inputs. */
static CYNF_INLINE size_t rnn_beside_inputs(const cynf_rnn *g, cynf_tile t) { return CYNF_ROUND_UP((size_t)g->f * (size_t)t.mr, 16); }

static CYNF_INLINE size_t rnn_beside_private_bytes(const cynf_rnn *g, cynf_tile t)
{
    return rnn_fused_private_bytes(g, t) + (rnn_beside_inputs(g, t) + 2 * (size_t)t.mr * (size_t)rnn_beside_row(g)) * sizeof(float);
}

/** beside: rows of U for one of W, as many multiply-adds, or, where a block's steps would not suffice, fewer; a multiple of group, VK. */
static CYNF_INLINE int32_t rnn_beside_pace(const cynf_rnn *g, int32_t kind, cynf_tile t, int32_t group)
{
    const int32_t most = CYNF_ROUND_UP(CYNF_CEIL_DIV(t.mr, rnn_first_gates(kind) * t.nv), group), blocks = rnn_padded(g, t) / (t.nv * t.v);
    const int32_t turns = t.mr * blocks / rnn_beside_panels(g, t), fit = turns ? g->h / CYNF_CEIL_DIV(g->f, turns) : 0, pace = fit < most ? fit : most;
    return pace > group ? pace / group * group : group;
}

#endif
