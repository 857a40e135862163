/* SPDX-License-Identifier: MIT */
/** The recurrent cell of a block of units, for all algorithms of rnn; formulas at cynf_rnn. Include after simd.h. */
#ifndef CYNF_RNN_CELL_H
#define CYNF_RNN_CELL_H

#include "kernels/act.h"
#include "kernels/gemm/row_product.h"
#include "kernels/rnn/rnn_layout.h"

/** n of a vector's elements are there. */
static CYNF_INLINE vf rnn_load(const float *p, int n) { return n >= VL ? vf_load(p) : n > 0 ? vf_loadn(p, n) : vf_zero(); }

/** z h + (1 - z) g, in the form that leaves h as it is where z is 1. */
static CYNF_INLINE vf rnn_mix(vf z, vf h, vf g) { return vf_fma(z, h, vf_mul(vf_sub(vf_set1(1), z), g)); }

/** What a step reads and writes. x: its projection; the others: states, z and rh those of CYNF_RNN_GRU's second phase. */
typedef struct rnn_step {
    const float *x;
    float *h, *next, *c, *z, *rh;
} rnn_step;

/** The cell of the units of the block that starts at j0, on top of the products of all gates, acc. Of CYNF_RNN_GRU the first phase alone. */
static CYNF_INLINE void rnn_units(const cynf_rnn *g, cynf_tile t, const int kind, int j0, const float *packed, const rnn_step *s, const vf *acc)
{
    const int gates = rnn_first_gates(kind);
    const float *bias = packed + rnn_bias(g, t);
#pragma GCC unroll 4
    for (int v = 0; v < t.nv; v++) {
        const int j = j0 + v * VL, left = g->h - j;
        vf in[4], y;
#pragma GCC unroll 4
        for (int i = 0; i < gates; i++)
            in[i] = rnn_load(s->x + (ptrdiff_t)i * g->h + j, left);
        if (kind == CYNF_RNN_SIMPLE) {
            y = cynf_activate(vf_add(in[0], acc[v]), &g->e);
        } else if (kind == CYNF_RNN_LSTM) {
            const vf i = cynf_activate(vf_add(in[0], acc[v]), &g->re), f = cynf_activate(vf_add(in[1], acc[t.nv + v]), &g->re);
            const vf candidate = cynf_activate(vf_add(in[2], acc[2 * t.nv + v]), &g->e);
            const vf o = cynf_activate(vf_add(in[3], acc[3 * t.nv + v]), &g->re);
            const vf cell = vf_fma(f, vf_load(s->c + j), vf_mul(i, candidate));
            vf_store(s->c + j, cell);
            y = vf_mul(o, cynf_activate(cell, &g->e));
        } else {
            const vf update = cynf_activate(vf_add(in[0], acc[v]), &g->re), reset = cynf_activate(vf_add(in[1], acc[t.nv + v]), &g->re);
            if (kind == CYNF_RNN_GRU) {
                vf_store(s->z + j, update);
                vf_store(s->rh + j, vf_mul(reset, vf_load(s->h + j)));
                continue;
            }
            const vf candidate = cynf_activate(vf_fma(reset, vf_add(acc[2 * t.nv + v], vf_load(bias + j)), in[2]), &g->e);
            y = rnn_mix(update, vf_load(s->h + j), candidate);
        }
        vf_store(s->next + j, y);
    }
}

/** The second phase of CYNF_RNN_GRU, on top of the products of its candidate. */
static CYNF_INLINE void rnn_candidates(const cynf_rnn *g, cynf_tile t, int j0, const rnn_step *s, const vf *acc)
{
#pragma GCC unroll 4
    for (int v = 0; v < t.nv; v++) {
        const int j = j0 + v * VL;
        const vf candidate = cynf_activate(vf_add(rnn_load(s->x + 2 * (ptrdiff_t)g->h + j, g->h - j), acc[v]), &g->e);
        vf_store(s->next + j, rnn_mix(vf_load(s->z + j), vf_load(s->h + j), candidate));
    }
}

/** The products of the block that starts at j0, and the cell while they are in registers. back: the blocks of this step from the last to the first, see rnn_fused_block(). */
static CYNF_INLINE void rnn_cell(const cynf_rnn *g, cynf_tile t, const int kind, bool back, int j0, const float *packed, const rnn_step *s)
{
    const int vectors = rnn_first_gates(kind) * t.nv;
    vf acc[CYNF_VECTORS_MAX];
#pragma GCC unroll 8
    for (int i = 0; i < vectors; i++)
        acc[i] = vf_zero();
    cynf_row_product(t.mr, vectors, !back, g->h, s->h, packed + (ptrdiff_t)j0 * g->h * (vectors / t.nv), acc);
    rnn_units(g, t, kind, j0, packed, s, acc);
}

#endif
