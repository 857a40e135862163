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

/** The first unit of block i of a step. Every other step goes through the weights from the last to the first: those it begins with are in the nearest cache. */
static CYNF_INLINE int rnn_fused_block(const cynf_rnn *g, const int nr, int i, bool back)
{
    return (back ? CYNF_CEIL_DIV(g->h, nr) - 1 - i : i) * nr;
}

/** One step of one sequence. x: its projection; h, next, c, z, rh: states in the workspace. */
static CYNF_INLINE void rnn_fused_step(const cynf_rnn *g, cynf_tile t, const int kind, bool back, const float *x, const float *packed, const float *h,
    float *next, float *c, float *z, float *rh)
{
    const int nr = t.nv * VL;
    for (int i0 = 0; i0 < g->h; i0 += nr)
        rnn_cell(g, t, kind, back, rnn_fused_block(g, nr, i0 / nr, back), x, packed, h, next, c, z, rh);
    if (kind != CYNF_RNN_GRU)
        return;
    for (int i0 = 0; i0 < g->h; i0 += nr) {
        const int j0 = rnn_fused_block(g, nr, i0 / nr, back);
        const float *b = packed + rnn_phase1(g, t) + (ptrdiff_t)j0 * g->h;
        vf acc[CYNF_VECTORS_MAX];
#pragma GCC unroll 8
        for (int i = 0; i < t.nv; i++)
            acc[i] = vf_zero();
        cynf_row_product(t.mr, t.nv, back, g->h, rh, b, acc);
#pragma GCC unroll 2
        for (int v = 0; v < t.nv; v++) {
            const int j = j0 + v * VL;
            const vf candidate = cynf_activate(vf_add(rnn_load(x + 2 * (ptrdiff_t)g->h + j, g->h - j), acc[v]), &g->e);
            vf_store(next + j, rnn_mix(vf_load(z + j), vf_load(h + j), candidate));
        }
    }
}

static CYNF_INLINE void rnn_fused_sequence(const cynf_rnn *g, cynf_tile t, const int kind, const cynf_args *a, float *state, ptrdiff_t i)
{
    const size_t one = rnn_state(g, t), bytes = (size_t)g->h * sizeof(float);
    float *h = state, *next = state + one, *c = state + 2 * one, *z = state + 3 * one, *rh = state + 4 * one, *y = a->y + i * g->y_ns;
    const float *x = a->x[0] + i * g->x_ns, *mask = g->masked ? a->x[1 + !!g->initial] + i * g->m_ns : NULL;
    bool seen = false;
    memset(state, 0, rnn_fused_private_bytes(g, t)); /* what lies behind the last unit is computed along */
    if (g->initial) {
        memcpy(h, a->x[1] + i * g->i_ns, bytes);
        if (kind == CYNF_RNN_LSTM)
            memcpy(c, a->x[1] + i * g->i_ns + g->h, bytes);
    }
    for (int s = 0; s < g->t; s++) {
        const int at = g->x_reverse ? g->t - 1 - s : s;
        const bool live = !mask || mask[at] != 0;
        if (live) {
            rnn_fused_step(g, t, kind, s % 2, x + (ptrdiff_t)at * g->x_ts, a->packed, h, next, c, z, rh);
            float *const old = h;
            h = next;
            next = old;
            seen = true;
        }
        if (g->sequences || s == g->t - 1) {
            float *out = y + (g->sequences ? (ptrdiff_t)(g->y_reverse ? g->t - 1 - s : s) * g->y_ts : 0);
            if (live || (seen && !g->zero_masked))
                memcpy(out, h, bytes);
            else
                memset(out, 0, bytes);
        }
    }
    if (g->states) {
        memcpy(y + g->s_offset, h, bytes);
        if (kind == CYNF_RNN_LSTM)
            memcpy(y + g->s_offset + g->h, c, bytes);
    }
}

static CYNF_INLINE void rnn_fused(const cynf_rnn *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    float *state = cynf_private(a, 0, rnn_fused_private_bytes(g, t), thread);
    for (size_t i = begin; i < end; i++)
        switch (g->kind) {
        case CYNF_RNN_SIMPLE: rnn_fused_sequence(g, t, CYNF_RNN_SIMPLE, a, state, (ptrdiff_t)i); break;
        case CYNF_RNN_GRU: rnn_fused_sequence(g, t, CYNF_RNN_GRU, a, state, (ptrdiff_t)i); break;
        case CYNF_RNN_GRU_AFTER: rnn_fused_sequence(g, t, CYNF_RNN_GRU_AFTER, a, state, (ptrdiff_t)i); break;
        case CYNF_RNN_LSTM: rnn_fused_sequence(g, t, CYNF_RNN_LSTM, a, state, (ptrdiff_t)i); break;
        }
}

#endif
