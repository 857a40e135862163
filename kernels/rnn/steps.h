/* SPDX-License-Identifier: MIT */
/**
 * rnn f32, steps: a step is a stage, whose blocks of nr units are shared among threads, so that each streams its own part of the weights from its own caches.
 * Worth its barriers where the weights are larger than a cache. Packing, tile and results are those of rnn, fused.
 *
 * stages      the initial state, then one a step
 * units       sequences; then (block of units, sequence)
 * Over-read, over-write: none.
 */
#ifndef CYNF_RNN_STEPS_H
#define CYNF_RNN_STEPS_H

#include <string.h>

#include "kernels/rnn/cell.h"

static CYNF_INLINE void rnn_steps_begin(const cynf_rnn *g, cynf_tile t, const int kind, const cynf_args *a, float *h, ptrdiff_t i)
{
    const size_t one = rnn_state(g, t), bytes = (size_t)g->h * sizeof(float);
    memset(h, 0, 3 * one * sizeof(float)); /* what lies behind the last unit is computed along */
    if (g->initial) {
        memcpy(h, a->x[1] + i * g->i_ns, bytes);
        if (kind == CYNF_RNN_LSTM)
            memcpy(h + 2 * one, a->x[1] + i * g->i_ns + g->h, bytes);
    }
}

/** Step s of the block that starts at unit j0, in sequence i, whose states begin at state. */
static CYNF_INLINE void rnn_steps_block(const cynf_rnn *g, cynf_tile t, const int kind, const cynf_args *a, float *state, ptrdiff_t i, int j0, int s)
{
    const size_t one = rnn_state(g, t);
    const int nr = t.nv * VL, n = g->h - j0 < nr ? g->h - j0 : nr, at = g->x_reverse ? g->t - 1 - s : s;
    float *h = state + (s % 2 ? one : 0), *next = state + (s % 2 ? 0 : one), *c = state + 2 * one, *y = a->y + i * g->y_ns;
    const float *mask = g->masked ? a->x[1 + !!g->initial] + i * g->m_ns : NULL;
    const bool live = !mask || mask[at] != 0;
    if (live)
        rnn_cell(g, t, kind, s % 2, j0, a->packed, &(rnn_step){a->x[0] + i * g->x_ns + (ptrdiff_t)at * g->x_ts, h, next, c, NULL, NULL});
    else
        memcpy(next + j0, h + j0, (size_t)nr * sizeof(float));
    if (g->sequences || s == g->t - 1) {
        float *out = y + (g->sequences ? (ptrdiff_t)(g->y_reverse ? g->t - 1 - s : s) * g->y_ts : 0) + j0;
        bool seen = live;
        for (int k = 0; k < s && !seen && !g->zero_masked; k++)
            seen = mask[g->x_reverse ? g->t - 1 - k : k] != 0;
        if (seen)
            memcpy(out, next + j0, (size_t)n * sizeof(float));
        else
            memset(out, 0, (size_t)n * sizeof(float));
    }
    if (g->states && s == g->t - 1) {
        memcpy(y + g->s_offset + j0, next + j0, (size_t)n * sizeof(float));
        if (kind == CYNF_RNN_LSTM)
            memcpy(y + g->s_offset + g->h + j0, c + j0, (size_t)n * sizeof(float));
    }
}

static CYNF_INLINE void rnn_steps_of(const cynf_rnn *g, cynf_tile t, const int kind, int stage, const cynf_args *a, size_t begin, size_t end)
{
    float *const states = a->workspace;
    for (size_t unit = begin; unit < end; unit++) {
        const ptrdiff_t i = (ptrdiff_t)(unit % (size_t)g->n);
        float *const state = states + 3 * rnn_state(g, t) * (size_t)i;
        if (stage == 0)
            rnn_steps_begin(g, t, kind, a, state, i);
        else
            rnn_steps_block(g, t, kind, a, state, i, (int)(unit / (size_t)g->n) * t.nv * VL, stage - 1);
    }
}

static CYNF_INLINE void rnn_steps(const cynf_rnn *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)thread;
    switch (g->kind) {
    case CYNF_RNN_SIMPLE: rnn_steps_of(g, t, CYNF_RNN_SIMPLE, stage, a, begin, end); break;
    case CYNF_RNN_GRU_AFTER: rnn_steps_of(g, t, CYNF_RNN_GRU_AFTER, stage, a, begin, end); break;
    case CYNF_RNN_LSTM: rnn_steps_of(g, t, CYNF_RNN_LSTM, stage, a, begin, end); break;
    }
}

#endif
