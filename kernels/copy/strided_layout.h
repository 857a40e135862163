/* SPDX-License-Identifier: MIT */
/** copy, strided: the index space in its simplest form, and how it falls into units. */
#ifndef CYNF_COPY_STRIDED_LAYOUT_H
#define CYNF_COPY_STRIDED_LAYOUT_H

#include "kernels/kernel.h"

/** Elements of a unit at most: half of an L1 cache on either side. */
#define CYNF_COPY_UNIT 4096

/**
 * An equal copy with as few dimensions as possible: those of size 1 are gone, neighbours that run on are one, and they are ordered
 * by the output's stride, largest first. The last two, rows and columns, make the plane that the inner loops see: where the input
 * is contiguous along another dimension than the output, that one is the rows (a transposition). Always at least two dimensions.
 */
static CYNF_INLINE cynf_copy copy_strided_collapse(const cynf_copy *g)
{
    cynf_copy c = {.rank = 0};
    for (int i = 0; i < g->rank; i++) {
        if (g->dims[i] == 1)
            continue;
        int at = c.rank++;
        for (; at > 0 && c.ys[at - 1] < g->ys[i]; at--) {
            c.dims[at] = c.dims[at - 1];
            c.xs[at] = c.xs[at - 1];
            c.ys[at] = c.ys[at - 1];
        }
        c.dims[at] = g->dims[i];
        c.xs[at] = g->xs[i];
        c.ys[at] = g->ys[i];
    }
    int rank = 0;
    for (int i = 0; i < c.rank; i++) {
        const int j = rank - 1;
        if (rank && c.xs[j] == c.xs[i] * c.dims[i] && c.ys[j] == c.ys[i] * c.dims[i]) {
            c.dims[j] *= c.dims[i];
            c.xs[j] = c.xs[i];
            c.ys[j] = c.ys[i];
        } else {
            c.dims[rank] = c.dims[i];
            c.xs[rank] = c.xs[i];
            c.ys[rank++] = c.ys[i];
        }
    }
    c.rank = rank;
    for (; c.rank < 2; c.rank++) {
        for (int i = c.rank; i > 0; i--) {
            c.dims[i] = c.dims[i - 1];
            c.xs[i] = c.xs[i - 1];
            c.ys[i] = c.ys[i - 1];
        }
        c.dims[0] = 1;
        c.xs[0] = c.ys[0] = c.rank ? 0 : 1;
    }
    for (int i = 0, last = c.rank - 1; i < last - 1 && c.xs[last] != 1; i++)
        if (c.xs[i] == 1) {
            const int32_t d = c.dims[i], y = c.ys[i];
            for (int j = i; j < last - 1; j++) {
                c.dims[j] = c.dims[j + 1];
                c.xs[j] = c.xs[j + 1];
                c.ys[j] = c.ys[j + 1];
            }
            c.dims[last - 1] = d;
            c.xs[last - 1] = 1;
            c.ys[last - 1] = y;
            break;
        }
    return c;
}

/** The plane of a collapsed copy in blocks of rows x cols; a unit is one block of one outer index. */
typedef struct copy_strided_blocks {
    int32_t rows, cols, down, across;
} copy_strided_blocks;

static CYNF_INLINE copy_strided_blocks copy_strided_block(const cynf_copy *c)
{
    const int32_t rows = c->dims[c->rank - 2], cols = c->dims[c->rank - 1];
    /* Square blocks for a transposition, long ones for anything else. */
    const bool transposed = c->xs[c->rank - 1] > 1 && c->xs[c->rank - 2] == 1;
    const int32_t widest = transposed ? 64 : CYNF_COPY_UNIT, w = cols < widest ? cols : widest;
    const int32_t tallest = CYNF_COPY_UNIT / w, h = rows < tallest ? rows : tallest;
    return (copy_strided_blocks){h, w, CYNF_CEIL_DIV(rows, h), CYNF_CEIL_DIV(cols, w)};
}

static CYNF_INLINE size_t copy_strided_units(const cynf_copy *g)
{
    const cynf_copy c = copy_strided_collapse(g);
    const copy_strided_blocks b = copy_strided_block(&c);
    size_t units = (size_t)b.down * (size_t)b.across;
    for (int i = 0; i < c.rank - 2; i++)
        units *= (size_t)c.dims[i];
    return units;
}

#endif
