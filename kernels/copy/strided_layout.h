/* SPDX-License-Identifier: MIT */
/** copy, strided: the index space in its simplest form, and how it falls into units. */
#ifndef CYNF_COPY_STRIDED_LAYOUT_H
#define CYNF_COPY_STRIDED_LAYOUT_H

#include "kernels/nd_layout.h"

/** Operand 0 is y, 1 is x. Where x is contiguous along another dimension than y, that one is the rows of the plane: a transposition. */
static CYNF_INLINE cynf_nd copy_strided_space(const cynf_copy *g)
{
    cynf_nd nd = {.rank = 0};
    for (int i = 0; i < g->rank; i++)
        cynf_nd_add(&nd, g->dims[i], g->ys[i], g->xs[i], 0, 0);
    cynf_nd_collapse(&nd);
    const int row = nd.rank - 2;
    for (int i = 0; i < row && nd.s[1][row + 1] > 1 && nd.s[1][row] != 1; i++)
        if (nd.s[1][i] == 1) {
            cynf_nd t = nd;
            for (int j = i; j < row; j++)
                cynf_nd_move(&t, j, j + 1);
            t.dims[row] = nd.dims[i];
            t.s[0][row] = nd.s[0][i];
            t.s[1][row] = 1;
            nd = t;
        }
    const bool transposed = nd.s[1][row + 1] > 1 && nd.s[1][row] == 1;
    if (!transposed)
        cynf_nd_widen(&nd);
    /* Square blocks for a transposition, long ones for anything else. */
    cynf_nd_cut(&nd, transposed ? 64 : CYNF_ND_UNIT);
    return nd;
}

#endif
