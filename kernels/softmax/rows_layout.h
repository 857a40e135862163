/* SPDX-License-Identifier: MIT */
/** softmax, rows: how the rows fall into units. */
#ifndef CYNF_SOFTMAX_ROWS_LAYOUT_H
#define CYNF_SOFTMAX_ROWS_LAYOUT_H

#include "kernels/kernel.h"

/** Elements of a step, vectors times lanes, of the tiles that are exact. */
#define CYNF_SOFTMAX_EXACT 16

/** Rows of a unit: about 1024 elements. */
static CYNF_INLINE int32_t softmax_rows_group(const cynf_softmax *g)
{
    const int32_t rows = 1024 / g->len + 1;
    return rows < g->rows ? rows : g->rows;
}

#endif
