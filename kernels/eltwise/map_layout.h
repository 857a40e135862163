/* SPDX-License-Identifier: MIT */
/** eltwise, map: the index space in its simplest form, and how it falls into units. */
#ifndef CYNF_ELTWISE_MAP_LAYOUT_H
#define CYNF_ELTWISE_MAP_LAYOUT_H

#include "kernels/nd_layout.h"

/** Operands that a kind reads. */
static CYNF_INLINE int eltwise_map_inputs(int kind)
{
    return kind == CYNF_ELT_UNARY ? 1 : kind == CYNF_ELT_MULADD || kind == CYNF_ELT_SELECT ? 3 : 2;
}

/** Operand 0 is y, 1.. are p, q, r. */
static CYNF_INLINE cynf_nd eltwise_map_space(const cynf_eltwise *g)
{
    const int inputs = eltwise_map_inputs(g->kind);
    cynf_nd nd = {.rank = 0};
    for (int i = 0; i < g->rank; i++)
        cynf_nd_add(&nd, g->dims[i], g->ys[i], g->xs[0][i], inputs > 1 ? g->xs[1][i] : 0, inputs > 2 ? g->xs[2][i] : 0);
    cynf_nd_collapse(&nd);
    cynf_nd_widen(&nd);
    cynf_nd_cut(&nd, CYNF_ND_UNIT);
    return nd;
}

#endif
