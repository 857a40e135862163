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

/** kept: operand 0 is y, 1 is x. over: operand 0 is x. along: lanes run along the reduced elements, else along the kept ones. */
typedef struct reduce_fold_space {
    cynf_nd kept, over;
    int32_t count;
    bool along;
} reduce_fold_space;

static CYNF_INLINE reduce_fold_space reduce_fold_plan(const cynf_reduce *g, cynf_tile t)
{
    reduce_fold_space s = {.count = 1};
    for (int i = 0; i < g->rank; i++)
        if (g->ys[i] == 0 && (g->mask >> i & 1)) {
            cynf_nd_add(&s.over, g->dims[i], g->xs[i], 0, 0, 0);
            s.count *= g->dims[i];
        } else {
            cynf_nd_add(&s.kept, g->dims[i], g->ys[i], g->xs[i], 0, 0);
        }
    cynf_nd_collapse(&s.kept);
    cynf_nd_collapse(&s.over);
    s.along = s.over.s[0][s.over.rank - 1] == 1 && s.count > 1;
    cynf_nd_cut(&s.over, s.along ? CYNF_FOLD_CHUNK * t.nv * t.v : CYNF_FOLD_CHUNK);
    if (!s.along && s.over.h * s.over.w > CYNF_FOLD_CHUNK) {
        s.over.h = CYNF_CEIL_DIV(CYNF_FOLD_CHUNK, s.over.w);
        s.over.down = CYNF_CEIL_DIV(s.over.dims[s.over.rank - 2], s.over.h);
    }
    /* A unit is one row of outputs: as many vectors as are folded side by side, or as many outputs as their inputs fit a cache. */
    const int32_t few = CYNF_ROUND_UP(CYNF_ND_UNIT / s.count + 1, t.v);
    cynf_nd_cut(&s.kept, s.along ? few : CYNF_FOLD_VECTORS * t.v);
    s.kept.h = 1;
    s.kept.down = s.kept.dims[s.kept.rank - 2];
    return s;
}

#endif
