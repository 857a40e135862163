/* SPDX-License-Identifier: MIT */
/**
 * rnn f32, fused: per step and block of nr units, the products of all gates side by side, and the cell on top while they are in registers; contract at
 * cynf_rnn. As in a matrix-vector product every weight is used once a step, so what counts is that the blocks stream. Tile: nr units in nv vectors, and mr
 * partial sums of each gate (a multiple of VK), row k of U going to sum k % mr; they are added pairwise. Tiles of RNN_EXACT_SUMS sums are exact.
 *
 * units       sequences; a step needs the one before
 * Over-read, over-write: none.
 */
#ifndef CYNF_RNN_FUSED_H
#define CYNF_RNN_FUSED_H

#include <string.h>

#include "kernels/rnn/cell.h"

/** sequence(g, t, kind, ...) with the kind as a constant. */
#define RNN_BY_KIND(sequence, g, t, ...) \
    switch ((g)->kind) { \
    case CYNF_RNN_SIMPLE: sequence(g, t, CYNF_RNN_SIMPLE, __VA_ARGS__); break; \
    case CYNF_RNN_GRU: sequence(g, t, CYNF_RNN_GRU, __VA_ARGS__); break; \
    case CYNF_RNN_GRU_AFTER: sequence(g, t, CYNF_RNN_GRU_AFTER, __VA_ARGS__); break; \
    case CYNF_RNN_LSTM: sequence(g, t, CYNF_RNN_LSTM, __VA_ARGS__); break; \
    }

/**
 * The first unit of block i of a step. Every other step goes through the blocks from the last to the first, and every block is read the other way than the step before: what a
 * step begins with is in the nearest cache. The blocks forth, their rows back, and the reverse: the states that a product begins with are those of the step's first blocks.
 */
static CYNF_INLINE int rnn_fused_block(const cynf_rnn *g, const int nr, int i, bool back)
{
    return (back ? CYNF_CEIL_DIV(g->h, nr) - 1 - i : i) * nr;
}

/** The second phase of a step of CYNF_RNN_GRU. */
static CYNF_INLINE void rnn_fused_candidates(const cynf_rnn *g, cynf_tile t, bool back, const float *packed, const rnn_step *s)
{
    const int nr = t.nv * VL;
    for (int i0 = 0; i0 < g->h; i0 += nr) {
        const int j0 = rnn_fused_block(g, nr, i0 / nr, back);
        vf acc[CYNF_VECTORS_MAX];
#pragma GCC unroll 8
        for (int i = 0; i < t.nv; i++)
            acc[i] = vf_zero();
        cynf_row_product(t.mr, t.nv, back, g->h, s->rh, packed + rnn_phase1(g, t) + (ptrdiff_t)j0 * g->h, acc);
        rnn_candidates(g, t, j0, s, acc);
    }
}

/** The states of sequence i before its first step, in the workspace. */
static CYNF_INLINE rnn_step rnn_fused_begin(const cynf_rnn *g, cynf_tile t, const int kind, const cynf_args *a, float *state, ptrdiff_t i)
{
    const size_t one = rnn_state(g, t), bytes = (size_t)g->h * sizeof(float);
    memset(state, 0, rnn_fused_private_bytes(g, t)); /* what lies behind the last unit is computed along */
    if (g->initial) {
        memcpy(state, a->x[1] + i * g->i_ns, bytes);
        if (kind == CYNF_RNN_LSTM)
            memcpy(state + 2 * one, a->x[1] + i * g->i_ns + g->h, bytes);
    }
    return (rnn_step){NULL, state, state + one, state + 2 * one, state + 3 * one, state + 4 * one};
}

/** Whether step s is one that the mask, or NULL, lets through. */
static CYNF_INLINE bool rnn_fused_live(const cynf_rnn *g, const float *mask, int s) { return !mask || mask[g->x_reverse ? g->t - 1 - s : s] != 0; }

/** Step s leaves its output; shown: h, else 0. */
static CYNF_INLINE void rnn_fused_output(const cynf_rnn *g, int s, bool shown, const float *h, float *y)
{
    const size_t bytes = (size_t)g->h * sizeof(float);
    float *out = y + (g->sequences ? (ptrdiff_t)(g->y_reverse ? g->t - 1 - s : s) * g->y_ts : 0);
    if (!g->sequences && s < g->t - 1)
        return;
    if (shown)
        memcpy(out, h, bytes);
    else
        memset(out, 0, bytes);
}

static CYNF_INLINE void rnn_fused_states(const cynf_rnn *g, const int kind, const rnn_step *s, float *y)
{
    const size_t bytes = (size_t)g->h * sizeof(float);
    if (!g->states)
        return;
    memcpy(y + g->s_offset, s->h, bytes);
    if (kind == CYNF_RNN_LSTM)
        memcpy(y + g->s_offset + g->h, s->c, bytes);
}

/** The new state is the next step's old one. */
static CYNF_INLINE void rnn_fused_turn(rnn_step *s)
{
    float *const old = s->h;
    s->h = s->next;
    s->next = old;
}

static CYNF_INLINE void rnn_fused_sequence(const cynf_rnn *g, cynf_tile t, const int kind, const cynf_args *a, float *state, ptrdiff_t i)
{
    const int nr = t.nv * VL;
    const float *x = a->x[0] + i * g->x_ns, *mask = g->masked ? a->x[1 + !!g->initial] + i * g->m_ns : NULL;
    float *const y = a->y + i * g->y_ns;
    rnn_step now = rnn_fused_begin(g, t, kind, a, state, i);
    bool seen = false;
    for (int s = 0; s < g->t; s++) {
        const bool live = rnn_fused_live(g, mask, s), back = s % 2;
        if (live) {
            now.x = x + (ptrdiff_t)(g->x_reverse ? g->t - 1 - s : s) * g->x_ts;
            for (int i0 = 0; i0 < g->h; i0 += nr)
                rnn_cell(g, t, kind, back, rnn_fused_block(g, nr, i0 / nr, back), a->packed, &now);
            if (kind == CYNF_RNN_GRU)
                rnn_fused_candidates(g, t, back, a->packed, &now);
            rnn_fused_turn(&now);
            seen = true;
        }
        rnn_fused_output(g, s, live || (seen && !g->zero_masked), now.h, y);
    }
    rnn_fused_states(g, kind, &now, y);
}

static CYNF_INLINE void rnn_fused(const cynf_rnn *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    float *state = cynf_private(a, 0, rnn_fused_private_bytes(g, t), thread);
    for (size_t i = begin; i < end; i++)
        RNN_BY_KIND(rnn_fused_sequence, g, t, a, state, (ptrdiff_t)i)
}

#endif
