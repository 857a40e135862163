/* SPDX-License-Identifier: MIT */
/** How a vector of depthwise outputs meets memory: input lanes, residual, activation, store. Include after simd.h. */
#ifndef CYNF_DWCONV2D_LANES_H
#define CYNF_DWCONV2D_LANES_H

#include "kernels/dwconv2d/taps_layout.h"
#include "kernels/gemm/microkernel.h"

#define CYNF_DW_FINISH_MAX 8 /* pixels of a tile */

/** Where the lanes of a block lie behind a pixel of y, the output or a workspace in its place, and of r; plain: side by side, at y_ch and r_ch. */
typedef struct cynf_dw_lanes {
    cynf_dw_block block;
    cynf_view y; /**< a copy, which folds: the address of a view that is no literal would not */
    bool plain;
    ptrdiff_t y_ch, r_ch;
} cynf_dw_lanes;

static CYNF_INLINE cynf_dw_lanes cynf_dw_lanes_of(const cynf_dwconv2d *g, const cynf_view *y, cynf_dw_block b)
{
    const int oc = g->c * g->mult;
    const bool plain = g->mult == 1 || (b.step == 1 && y->b >= oc && (!g->e.residual || g->r.b >= oc));
    return (cynf_dw_lanes){b, *y, plain, plain ? cynf_channel(y, b.oc) : 0, plain && g->e.residual ? cynf_channel(&g->r, b.oc) : 0};
}

/** n lanes of input; spread: one input channel for all of them. */
static CYNF_INLINE vf cynf_dw_load(const float *x, const bool spread, const int n)
{
    return spread ? vf_set1(*x) : n == VL ? vf_load(x) : vf_loadn(x, n);
}

/* Lane by lane: a function of its own, the stores of a tile are many. */
static __attribute__((noinline, unused)) vf cynf_dw_gather(const cynf_view *v, const cynf_dw_block *b, const float *p)
{
    float lane[VL] = {0};
    for (int i = 0; i < b->n; i++)
        lane[i] = p[cynf_channel(v, b->oc + i * b->step)];
    return vf_load(lane);
}

static __attribute__((noinline, unused)) void cynf_dw_scatter(const cynf_view *v, const cynf_dw_block *b, float *p, vf a)
{
    float lane[VL];
    vf_store(lane, a);
    for (int i = 0; i < b->n; i++)
        p[cynf_channel(v, b->oc + i * b->step)] = lane[i];
}

static CYNF_INLINE vf cynf_dw_get(const cynf_view *v, const cynf_dw_lanes *l, ptrdiff_t ch, const int n, const float *p)
{
    if (!l->plain)
        return cynf_dw_gather(v, &l->block, p);
    return n == VL ? vf_load(p + ch) : vf_loadn(p + ch, n);
}

static CYNF_INLINE void cynf_dw_put(const cynf_dw_lanes *l, const int n, float *p, vf a)
{
    if (!l->plain)
        cynf_dw_scatter(&l->y, &l->block, p, a);
    else if (n == VL)
        vf_store(p + l->y_ch, a);
    else
        vf_storen(p + l->y_ch, a, n);
}

/** Residual, the activations that a register tile carries, store, for p pixels that lie y_step and r_step apart. y and r: the first. */
static CYNF_INLINE void cynf_dw_finish(const cynf_dwconv2d *g, const cynf_dw_lanes *l, const int p, const int n, const vf *acc, float *y,
    ptrdiff_t y_step, const float *r, ptrdiff_t r_step)
{
    vf out[CYNF_DW_FINISH_MAX];
#pragma GCC unroll 8
    for (int i = 0; i < p; i++)
        out[i] = acc[i];
    if (g->e.residual)
#pragma GCC unroll 8
        for (int i = 0; i < p; i++)
            out[i] = vf_add(out[i], cynf_dw_get(&g->r, l, l->r_ch, n, r + i * r_step));
#pragma GCC unroll 8
    for (int i = 0; i < p; i++)
        cynf_dw_put(l, n, y + i * y_step, cynf_activate_in_tile(out[i], &g->e));
}

/* Lane by lane. */
static __attribute__((noinline, unused)) void cynf_dw_activate_scattered(const cynf_dwconv2d *g, const cynf_dw_lanes *l, int rows, int cols, float *y)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            float *p = y + (ptrdiff_t)i * l->y.rs + (ptrdiff_t)j * l->y.ps;
            cynf_dw_scatter(&l->y, &l->block, p, cynf_activate(cynf_dw_gather(&l->y, &l->block, p), &g->e));
        }
}

/** The other activations, over rows x cols pixels just stored: too long to stand at every store. y: the first pixel. */
static CYNF_INLINE void cynf_dw_activate(const cynf_dwconv2d *g, const cynf_dw_lanes *l, int rows, int cols, float *y)
{
    if (l->plain)
        for (int i = 0; i < rows; i++)
            cynf_activate_rows(&g->e, y + l->y_ch + (ptrdiff_t)i * l->y.rs, cols, l->y.ps, l->block.n);
    else
        cynf_dw_activate_scattered(g, l, rows, cols, y);
}

#endif
