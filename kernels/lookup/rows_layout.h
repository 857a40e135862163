/* SPDX-License-Identifier: MIT */
/** lookup, rows: packed = the table as it is. */
#ifndef CYNF_LOOKUP_ROWS_LAYOUT_H
#define CYNF_LOOKUP_ROWS_LAYOUT_H

#include "kernels/kernel.h"

/** Numbers of a unit: about 4096 elements. */
static CYNF_INLINE int32_t lookup_rows_group(const cynf_lookup *g)
{
    const int32_t n = 4096 / g->len + 1;
    return n < g->n ? n : g->n;
}

#endif
