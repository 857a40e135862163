/* SPDX-License-Identifier: MIT */
/** lookup f32, rows: copies; contract at cynf_lookup. */
#ifndef CYNF_LOOKUP_ROWS_H
#define CYNF_LOOKUP_ROWS_H

#include <string.h>

#include "kernels/lookup/rows_layout.h"

static CYNF_INLINE void lookup_rows(const cynf_lookup *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)t, (void)stage, (void)thread;
    const float *table = a->packed;
    const size_t group = (size_t)lookup_rows_group(g), first = begin * group, last = end * group < (size_t)g->n ? end * group : (size_t)g->n;
    for (size_t i = first; i < last; i++) {
        const float row = a->x[0][(ptrdiff_t)i * g->x_s];
        float *y = a->y + (ptrdiff_t)i * g->y_rs;
        if (row >= 0 && row < (float)g->rows)
            memcpy(y, table + (size_t)row * (size_t)g->len, (size_t)g->len * sizeof *y);
        else
            memset(y, 0, (size_t)g->len * sizeof *y);
    }
}

#endif
