/* SPDX-License-Identifier: MIT */
/**
 * rnn f32, beside: as rnn, fused, of the layer's input. A step streams its weights from a cache that delivers them at half the rate of the multiply-adds or less; the idle
 * ones compute the projection of the next block of steps: beside every few rows of U a vector of a row of W, times that feature of mr steps. What a block's steps leave undone
 * (masked ones do nothing), and the first block, is computed by itself. One sum a gate: blocks of many vectors, and the projection, hide its latency.
 * Tile: mr steps (a multiple of VK), nr units in nv vectors. LSTM of 128 units, 100 steps of 64 features, AMD EPYC (Zen 4, AVX-512): 257 us with its projection, 284 apart.
 *
 * units       sequences; a step needs the one before
 * Over-read, over-write: none.
 */
#ifndef CYNF_RNN_BESIDE_H
#define CYNF_RNN_BESIDE_H

#include "kernels/rnn/fused.h"

#define RNN_BESIDE_MAX 16 /* steps of a block */

/** What is left of a block's projection. Goes on with row k of the first of so many panels: vectors of columns. */
typedef struct rnn_beside_rest {
    int panels, k;
    const float *w, *x; /* that row, or the bias before row 0; the inputs [f][mr] */
    float *y;           /* the panel's columns of the projection */
} rnn_beside_rest;

/** What the first r->k rows gave, at first the bias. */
static CYNF_INLINE void rnn_beside_load(const cynf_rnn *g, cynf_tile t, rnn_beside_rest *r, vf c[RNN_BESIDE_MAX])
{
    const ptrdiff_t row = rnn_beside_row(g);
    if (!r->k)
        r->w += VL;
#pragma GCC unroll 16
    for (int m = 0; m < t.mr; m++)
        c[m] = r->k ? vf_load(r->y + m * row) : vf_load(r->w - VL);
}

static CYNF_INLINE void rnn_beside_store(const cynf_rnn *g, cynf_tile t, rnn_beside_rest *r, int rows, const vf c[RNN_BESIDE_MAX])
{
    const ptrdiff_t row = rnn_beside_row(g);
#pragma GCC unroll 16
    for (int m = 0; m < t.mr; m++)
        vf_store(r->y + m * row, c[m]);
    r->w += rows * VL;
    r->k += rows;
    if (r->k == g->f) {
        r->k = 0;
        r->y += VL;
        r->panels--;
    }
}

/** Row w of W, a vector of it, times the inputs x of all steps. */
static CYNF_INLINE void rnn_beside_fma(cynf_tile t, const float *w, const float *x, vf c[RNN_BESIDE_MAX])
{
    const vf wk = vf_load(w);
#pragma GCC unroll 16
    for (int m = 0; m < t.mr; m += VK) {
        const vk a = vk_load(x + m);
#pragma GCC unroll 4
        for (int lane = 0; lane < VK; lane++)
            c[m + lane] = vf_fmak(c[m + lane], wk, a, lane);
    }
}

/** All that is left. */
static CYNF_INLINE void rnn_beside_alone(const cynf_rnn *g, cynf_tile t, rnn_beside_rest *r)
{
    while (r->panels) {
        const int rows = g->f - r->k;
        vf c[RNN_BESIDE_MAX];
        rnn_beside_load(g, t, r, c);
        for (int k = 0; k < rows; k++)
            rnn_beside_fma(t, r->w + (ptrdiff_t)k * VL, r->x + (ptrdiff_t)(r->k + k) * t.mr, c);
        rnn_beside_store(g, t, r, rows, c);
    }
}

/** As cynf_row_product() in rnn_cell(), and some rows of the projection, one beside each pace elements. */
static CYNF_INLINE void rnn_beside_product(const cynf_rnn *g, cynf_tile t, const int vectors, int pace, bool back, const float *h, const float *b,
    rnn_beside_rest *r, vf acc[CYNF_VECTORS_MAX])
{
    const int whole = g->h / VK * VK, first = back ? 0 : whole - VK, left = g->f - r->k, most = g->h / pace;
    const int rows = left < most ? left : CYNF_CEIL_DIV(left, CYNF_CEIL_DIV(left, most));
    const ptrdiff_t step = back ? VK : -VK;
    vf sum[CYNF_SUMS_MAX][CYNF_VECTORS_MAX], c[RNN_BESIDE_MAX];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++)
        sum[0][v] = vf_zero();
    rnn_beside_load(g, t, r, c);
    const float *hk = h + first, *bk = b + first * (ptrdiff_t)vectors * VL, *w = r->w, *x = r->x + (ptrdiff_t)r->k * t.mr;
    for (int i = 0; i < rows; i++, w += VL, x += t.mr) {
        for (int k = 0; k < pace; k += VK, hk += step, bk += step * vectors * VL)
            cynf_row_group(1, vectors, hk, bk, sum);
        rnn_beside_fma(t, w, x, c);
    }
    rnn_beside_store(g, t, r, rows, c);
    for (int k = rows * pace; k < whole; k += VK, hk += step, bk += step * vectors * VL)
        cynf_row_group(1, vectors, hk, bk, sum);
    cynf_row_finish(1, vectors, whole, g->h, h, b, sum, acc);
}

/** The inputs of the mr steps from s on, the last one's again behind that, as [f][mr]. A function of its own: long, and once for all kinds and tiles. */
static __attribute__((noinline, unused)) void rnn_beside_transpose(const cynf_rnn *g, int mr, const float *x, int s, float *out)
{
    for (int k = 0; k < g->f; k += VL)
        for (int m = 0; m < mr; m += VL) {
            vf in[VL];
#pragma GCC unroll 16
            for (int j = 0; j < VL; j++) {
                const int step = s + m + j < g->t ? s + m + j : g->t - 1;
                in[j] = rnn_load(x + (ptrdiff_t)(g->x_reverse ? g->t - 1 - step : step) * g->x_ts + k, g->f - k);
            }
            vf_transpose(in);
#pragma GCC unroll 16
            for (int j = 0; j < VL; j++)
                if (k + j < g->f && m + VL <= mr)
                    vf_store(out + (ptrdiff_t)(k + j) * mr + m, in[j]);
                else if (k + j < g->f)
                    vf_storen(out + (ptrdiff_t)(k + j) * mr + m, in[j], mr - m);
        }
}

/** All of the projection of the steps from s on. */
static CYNF_INLINE rnn_beside_rest rnn_beside_block(const cynf_rnn *g, cynf_tile t, const cynf_args *a, ptrdiff_t i, int s, float *x, float *y)
{
    rnn_beside_transpose(g, t.mr, a->x[0] + i * g->x_ns, s, x);
    return (rnn_beside_rest){rnn_beside_panels(g, t), 0, (const float *)a->packed + rnn_beside_at(g, t), x, y};
}

static CYNF_INLINE void rnn_beside_sequence(const cynf_rnn *g, cynf_tile t, const int kind, const cynf_args *a, float *state, ptrdiff_t i)
{
    const int nr = t.nv * VL, vectors = rnn_first_gates(kind) * t.nv, pace = rnn_beside_pace(g, kind, t, VK);
    const cynf_tile u = {t.v, 1, t.nv}, head = {t.v, CYNF_CEIL_DIV(t.mr, 2 * VK) * VK, t.nv}; /* nothing hides the first block: it is half as long */
    const ptrdiff_t row = rnn_beside_row(g);
    const float *const mask = g->masked ? a->x[1 + !!g->initial] + i * g->m_ns : NULL;
    float *const y = a->y + i * g->y_ns, *const x = state + rnn_fused_private_bytes(g, t) / sizeof(float);
    float *here = x + rnn_beside_inputs(g, t), *there = here + t.mr * row; /* projections of this block and of the next */
    rnn_step now = rnn_fused_begin(g, t, kind, a, state, i);
    rnn_beside_rest rest = rnn_beside_block(g, head, a, i, 0, x, here);
    rnn_beside_alone(g, head, &rest);
    bool seen = false;
    for (int s = 0, from = 0, to = head.mr; s < g->t; s++) {
        const bool live = rnn_fused_live(g, mask, s), back = s % 2;
        if (s == to) {
            float *const done = here;
            rnn_beside_alone(g, t, &rest);
            here = there;
            there = done;
            from = to;
            to += t.mr;
        }
        if (s == from && to < g->t)
            rest = rnn_beside_block(g, t, a, i, to, x, there);
        if (live) {
            now.x = here + (s - from) * row;
            for (int i0 = 0; i0 < g->h; i0 += nr) {
                const int j0 = rnn_fused_block(g, nr, i0 / nr, back);
                if (!rest.panels || g->h < pace) {
                    rnn_cell(g, u, kind, back, j0, a->packed, &now);
                } else {
                    vf acc[CYNF_VECTORS_MAX];
                    rnn_beside_product(g, t, vectors, pace, back, now.h, (const float *)a->packed + (ptrdiff_t)j0 * g->h * (vectors / t.nv), &rest, acc);
                    rnn_units(g, u, kind, j0, a->packed, &now, acc);
                }
            }
            if (kind == CYNF_RNN_GRU)
                rnn_fused_candidates(g, u, back, a->packed, &now);
            rnn_fused_turn(&now);
            seen = true;
        }
        rnn_fused_output(g, s, live || (seen && !g->zero_masked), now.h, y);
    }
    rnn_fused_states(g, kind, &now, y);
}

static CYNF_INLINE void rnn_beside(const cynf_rnn *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    float *state = cynf_private(a, 0, rnn_beside_private_bytes(g, t), thread);
    for (size_t i = begin; i < end; i++)
        RNN_BY_KIND(rnn_beside_sequence, g, t, a, state, (ptrdiff_t)i)
}

#endif
