/* SPDX-License-Identifier: MIT */
/**
 * eltwise f32, map: y = epilogue(kind(p, q, r)) with broadcasting; contract at cynf_eltwise.
 * The inner loop sees operands that are contiguous or, where they repeat one element, a vector of it that does not move; other strides
 * pass through a small buffer.
 */
#ifndef CYNF_ELTWISE_MAP_H
#define CYNF_ELTWISE_MAP_H

#include <string.h>

#include "kernels/act.h"
#include "kernels/eltwise/map_layout.h"
#include "kernels/eltwise/angle.h"
#include "kernels/eltwise/pow.h"

/* The kinds there are code for. Generated code defines those of its layers: a compiler expands all that are listed before it learns which a layer has. */
#ifndef CYNF_ELT_USED
#define CYNF_ELT_USED CYNF_ELT_LIST
#endif

/** Elements of an operand of another stride that are gathered at a time. */
#define CYNF_MAP_GATHER 64

static CYNF_INLINE vf eltwise_combine(const int kind, vf p, vf q, vf r)
{
    switch (kind) {
    case CYNF_ELT_ADD: return vf_add(p, q);
    case CYNF_ELT_SUB: return vf_sub(p, q);
    case CYNF_ELT_MUL: return vf_mul(p, q);
    case CYNF_ELT_DIV: return vf_div(p, q);
    case CYNF_ELT_MAX: return vf_sel(vf_isnan(p), p, vf_max(p, q));
    case CYNF_ELT_MIN: return vf_sel(vf_isnan(p), p, vf_min(p, q));
    case CYNF_ELT_POW: return vf_pow(p, q);
    case CYNF_ELT_PRELU: return vf_sel(vf_gt(p, vf_zero()), p, vf_mul(p, q));
    case CYNF_ELT_MULADD: return vf_fma(p, q, r);
    case CYNF_ELT_SELECT: return vf_sel(vf_eq(p, vf_zero()), r, q);
    case CYNF_ELT_GREATER: return vf_sel(vf_gt(p, q), vf_set1(1), vf_zero());
    case CYNF_ELT_GREATER_EQUAL: return vf_sel(vf_ge(p, q), vf_set1(1), vf_zero());
    case CYNF_ELT_EQUAL: return vf_sel(vf_eq(p, q), vf_set1(1), vf_zero());
    case CYNF_ELT_MOD: return vf_mod(p, q);
    case CYNF_ELT_ATAN2: return vf_atan2(p, q);
    default: return p;
    }
}

/** n elements; in[k] moves by step[k] elements an element: 1, or 0 for a vector of one value. */
static CYNF_INLINE void eltwise_line(const int kind, const cynf_epilogue *e, int n, const float *const in[3], const ptrdiff_t step[3], float *y)
{
    const int inputs = eltwise_map_inputs(kind);
    vf v[3] = {vf_zero(), vf_zero(), vf_zero()};
    int i = 0;
    for (; i + VL <= n; i += VL) {
        for (int k = 0; k < inputs; k++)
            v[k] = vf_load(in[k] + i * step[k]);
        vf_store(y + i, cynf_activate(eltwise_combine(kind, v[0], v[1], v[2]), e));
    }
    if (i < n) {
        for (int k = 0; k < inputs; k++)
            v[k] = vf_loadn(in[k] + i * step[k], n - i);
        vf_storen(y + i, cynf_activate(eltwise_combine(kind, v[0], v[1], v[2]), e), n - i);
    }
}

static CYNF_INLINE void eltwise_rows(const int kind, const cynf_epilogue *e, const cynf_nd *nd, const cynf_nd_walk *walk, const cynf_args *a)
{
    const int inputs = eltwise_map_inputs(kind), row = nd->rank - 2, col = nd->rank - 1;
    const ptrdiff_t y_step = nd->s[0][col];
    float gathered[3][CYNF_MAP_GATHER] = {{0}}, out[CYNF_MAP_GATHER];
    bool direct = y_step == 1;
    for (int k = 0; k < inputs; k++)
        direct = direct && nd->s[1 + k][col] <= 1;
    bool moves = direct; /* no operand repeats an element along a row */
    for (int k = 0; k < inputs; k++)
        moves = moves && nd->s[1 + k][col] == 1;
    if (moves) { /* rows may be as short as a vector */
        const ptrdiff_t along[3] = {1, 1, 1};
        for (int r = 0; r < walk->rows; r++) {
            const float *in[3] = {0};
            for (int k = 0; k < inputs; k++)
                in[k] = a->x[k] + walk->at[1 + k] + (ptrdiff_t)r * nd->s[1 + k][row];
            eltwise_line(kind, e, walk->cols, in, along, a->y + walk->at[0] + (ptrdiff_t)r * nd->s[0][row]);
        }
        return;
    }
    const int chunk = direct ? walk->cols : CYNF_MAP_GATHER;
    for (int r = 0; r < walk->rows; r++)
        for (int c = 0; c < walk->cols; c += chunk) {
            const int n = walk->cols - c < chunk ? walk->cols - c : chunk;
            const float *in[3] = {gathered[0], gathered[1], gathered[2]};
            ptrdiff_t step[3] = {1, 1, 1};
            for (int k = 0; k < inputs; k++) {
                const ptrdiff_t s = nd->s[1 + k][col];
                const float *x = a->x[k] + walk->at[1 + k] + (ptrdiff_t)r * nd->s[1 + k][row] + c * s;
                if (s == 1) {
                    in[k] = x;
                } else if (s == 0) {
                    vf_store(gathered[k], vf_set1(*x));
                    step[k] = 0;
                } else {
                    for (int i = 0; i < n && i < CYNF_MAP_GATHER; i++) /* as in kernels/gather.h */
                        gathered[k][i] = x[i * s];
                }
            }
            float *y = a->y + walk->at[0] + (ptrdiff_t)r * nd->s[0][row] + c * y_step;
            eltwise_line(kind, e, n, in, step, y_step == 1 ? y : out);
            if (y_step != 1)
                for (int i = 0; i < n; i++)
                    y[i * y_step] = out[i];
        }
}

static CYNF_INLINE void eltwise_map_in(const cynf_eltwise *g, const cynf_nd *nd, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)t, (void)stage, (void)thread;
    if (begin == end)
        return;
    cynf_nd_walk walk = cynf_nd_seek(nd, begin);
    for (size_t u = begin; u < end; u++, cynf_nd_next(nd, &walk))
        switch (g->kind) {
#define X(name) case CYNF_ELT_##name: eltwise_rows(CYNF_ELT_##name, &g->e, nd, &walk, a); break;
            CYNF_ELT_USED(X)
#undef X
        }
}

static CYNF_INLINE void eltwise_map(const cynf_eltwise *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_nd nd = eltwise_map_space(g);
    eltwise_map_in(g, &nd, t, stage, a, thread, begin, end);
}

#endif
