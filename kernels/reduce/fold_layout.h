/* SPDX-License-Identifier: MIT */
/** reduce, fold: the kept and the reduced dimensions in their simplest form, and how the outputs fall into units. */
#ifndef CYNF_REDUCE_FOLD_LAYOUT_H
#define CYNF_REDUCE_FOLD_LAYOUT_H

#include "kernels/nd_layout.h"

/** Vectors of outputs that are folded side by side where outputs are next to each other. */
#define CYNF_FOLD_VECTORS 4
/** Elements that are folded before the result joins the total: short sums of sums lose less than one long sum. */
#define CYNF_FOLD_CHUNK 128
/** Elements along the reduced ones, vectors times lanes, of the tiles that are exact; 4 times as many partial results. */
#define CYNF_FOLD_EXACT 16

/** The index spaces: in CYNF_FOLD_KEPT operand 0 is y, 1 is x; in CYNF_FOLD_OVER operand 0 is x. */
enum { CYNF_FOLD_KEPT, CYNF_FOLD_OVER, CYNF_FOLD_SPACES };

static CYNF_INLINE bool reduce_fold_over(const cynf_reduce *g, int i) { return g->ys[i] == 0 && (g->mask >> i & 1); }

/** Whether lanes run along the reduced elements, which are contiguous; else they run along the kept ones. A literal g gives a literal. */
static CYNF_INLINE bool reduce_fold_along(const cynf_reduce *g)
{
    int32_t least = 0, n = 0;
#pragma GCC unroll 8
    for (int i = 0; i < g->rank; i++)
        if (reduce_fold_over(g, i) && g->dims[i] > 1)
            least = n++ && least < g->xs[i] ? least : g->xs[i];
    return least == 1;
}

/** Strides of the innermost kept dimension, in y and in x. A literal g gives literals. */
static CYNF_INLINE void reduce_fold_steps(const cynf_reduce *g, ptrdiff_t *y, ptrdiff_t *x)
{
    int32_t ys = 1, xs = 1, n = 0;
#pragma GCC unroll 8
    for (int i = 0; i < g->rank; i++)
        if (!reduce_fold_over(g, i) && g->dims[i] > 1 && (!n++ || g->ys[i] <= ys)) {
            ys = g->ys[i];
            xs = g->xs[i];
        }
    *y = ys;
    *x = xs;
}

/** Inputs of an output. A literal g gives a literal. */
static CYNF_INLINE int32_t reduce_fold_count(const cynf_reduce *g)
{
    int32_t count = 1;
#pragma GCC unroll 8
    for (int i = 0; i < g->rank; i++)
        count *= reduce_fold_over(g, i) ? g->dims[i] : 1;
    return count;
}

static CYNF_INLINE void reduce_fold_spaces(const cynf_reduce *g, cynf_tile t, cynf_nd *nd)
{
    cynf_nd *const kept = &nd[CYNF_FOLD_KEPT], *const over = &nd[CYNF_FOLD_OVER];
    *kept = *over = (cynf_nd){.rank = 0};
    for (int i = 0; i < g->rank; i++)
        if (reduce_fold_over(g, i))
            cynf_nd_add(over, g->dims[i], g->xs[i], 0, 0, 0);
        else
            cynf_nd_add(kept, g->dims[i], g->ys[i], g->xs[i], 0, 0);
    cynf_nd_collapse(kept);
    cynf_nd_collapse(over);
    const bool along = reduce_fold_along(g);
    cynf_nd_cut(over, along ? CYNF_FOLD_CHUNK * t.nv * t.v : CYNF_FOLD_CHUNK);
    if (!along && over->h * over->w > CYNF_FOLD_CHUNK) {
        over->h = CYNF_CEIL_DIV(CYNF_FOLD_CHUNK, over->w);
        over->down = CYNF_CEIL_DIV(over->dims[over->rank - 2], over->h);
    }
    /* A unit is one row of outputs: as many vectors as are folded side by side, or as many outputs as their inputs fit a cache. */
    const int32_t few = CYNF_ROUND_UP(CYNF_ND_UNIT / reduce_fold_count(g) + 1, t.v);
    cynf_nd_cut(kept, along ? few : CYNF_FOLD_VECTORS * t.v);
    kept->h = 1;
    kept->down = kept->dims[kept->rank - 2];
}

#endif
