/* SPDX-License-Identifier: MIT */
/** Index spaces of up to CYNF_MAX_DIMS dimensions over several strided operands: the simplest form of one, and its walk by units. */
#ifndef CYNF_ND_LAYOUT_H
#define CYNF_ND_LAYOUT_H

#include "kernels/kernel.h"

#define CYNF_ND_OPERANDS 4
/** Elements of a unit at most: a few of its operands fit an L1 cache. */
#define CYNF_ND_UNIT 4096

/** s[0] are the strides that order the dimensions. The last two dimensions are a plane of rows and columns, cut into blocks of h x w. */
struct cynf_nd {
    int32_t rank, dims[CYNF_MAX_DIMS + 1], s[CYNF_ND_OPERANDS][CYNF_MAX_DIMS + 1]; /* one to spare, to move with */
    int32_t h, w, down, across;
};

static CYNF_INLINE void cynf_nd_move(cynf_nd *nd, int to, int from)
{
    nd->dims[to] = nd->dims[from];
    for (int k = 0; k < CYNF_ND_OPERANDS; k++)
        nd->s[k][to] = nd->s[k][from];
}

/** Adds a dimension where its stride of operand 0 belongs, largest first; those of size 1 are left out. Strides of unused operands are 0. */
static CYNF_INLINE void cynf_nd_add(cynf_nd *nd, int32_t dim, int32_t s0, int32_t s1, int32_t s2, int32_t s3)
{
    if (dim == 1)
        return;
    int at = nd->rank++;
    for (; at > 0 && nd->s[0][at - 1] < s0; at--)
        cynf_nd_move(nd, at, at - 1);
    nd->dims[at] = dim;
    nd->s[0][at] = s0;
    nd->s[1][at] = s1;
    nd->s[2][at] = s2;
    nd->s[3][at] = s3;
}

/** Joins neighbours that run on in every operand. Leaves at least two dimensions; a missing one has size 1 and strides step. */
static CYNF_INLINE void cynf_nd_collapse(cynf_nd *nd)
{
    int rank = 0;
    for (int i = 0; i < nd->rank; i++) {
        bool joins = rank > 0;
        for (int k = 0; k < CYNF_ND_OPERANDS; k++)
            joins = joins && nd->s[k][rank - 1] == nd->s[k][i] * nd->dims[i];
        if (joins) {
            const int32_t dim = nd->dims[rank - 1];
            cynf_nd_move(nd, rank - 1, i);
            nd->dims[rank - 1] *= dim;
        } else {
            cynf_nd_move(nd, rank++, i);
        }
    }
    nd->rank = rank;
    for (; nd->rank < 2; nd->rank++) {
        if (nd->rank)
            cynf_nd_move(nd, 1, 0);
        nd->dims[0] = 1;
        for (int k = 0; k < CYNF_ND_OPERANDS; k++)
            nd->s[k][0] = !nd->rank;
    }
}

/** Makes the longest dimension the rows where the plane is small, since every plane costs some 20 ns; the order in operand 0 is lost. */
static CYNF_INLINE void cynf_nd_widen(cynf_nd *nd)
{
    const int row = nd->rank - 2;
    int longest = row;
    for (int i = 0; i < row; i++)
        if (nd->dims[i] > nd->dims[longest])
            longest = i;
    if (longest == row || nd->dims[row] * nd->dims[row + 1] >= CYNF_ND_UNIT / 8)
        return;
    cynf_nd_move(nd, nd->rank, row);
    cynf_nd_move(nd, row, longest);
    cynf_nd_move(nd, longest, nd->rank);
}

/** Cuts the plane into blocks at most widest across. */
static CYNF_INLINE void cynf_nd_cut(cynf_nd *nd, int32_t widest)
{
    const int32_t rows = nd->dims[nd->rank - 2], cols = nd->dims[nd->rank - 1];
    nd->w = cols < widest ? cols : widest;
    nd->h = CYNF_ND_UNIT / nd->w < rows ? CYNF_ND_UNIT / nd->w : rows;
    nd->down = CYNF_CEIL_DIV(rows, nd->h);
    nd->across = CYNF_CEIL_DIV(cols, nd->w);
}

/** A unit is one block of one index of the dimensions outside the plane. */
static CYNF_INLINE size_t cynf_nd_units(const cynf_nd *nd)
{
    size_t units = (size_t)nd->down * (size_t)nd->across;
    for (int i = 0; i < nd->rank - 2; i++)
        units *= (size_t)nd->dims[i];
    return units;
}

/** Where a walk over units stands: the block of a unit is rows x cols from offset at[k] of operand k. */
typedef struct cynf_nd_walk {
    int32_t idx[CYNF_MAX_DIMS], block, rows, cols;
    ptrdiff_t at[CYNF_ND_OPERANDS];
} cynf_nd_walk;

/* Loops over the outer dimensions are not unrolled: generated code would be a few KB a layer, and no faster. */
static CYNF_INLINE void cynf_nd_settle(const cynf_nd *nd, cynf_nd_walk *walk)
{
    const int outer = nd->rank - 2, r = walk->block / nd->across * nd->h, c = walk->block % nd->across * nd->w;
    walk->rows = nd->dims[outer] - r < nd->h ? nd->dims[outer] - r : nd->h;
    walk->cols = nd->dims[outer + 1] - c < nd->w ? nd->dims[outer + 1] - c : nd->w;
    for (int k = 0; k < CYNF_ND_OPERANDS; k++)
        walk->at[k] = (ptrdiff_t)r * nd->s[k][outer] + (ptrdiff_t)c * nd->s[k][outer + 1];
#pragma GCC unroll 1
    for (int i = 0; i < outer; i++)
        for (int k = 0; k < CYNF_ND_OPERANDS; k++)
            walk->at[k] += (ptrdiff_t)walk->idx[i] * nd->s[k][i];
}

static CYNF_INLINE cynf_nd_walk cynf_nd_seek(const cynf_nd *nd, size_t unit)
{
    const size_t blocks = (size_t)nd->down * (size_t)nd->across;
    cynf_nd_walk walk = {.block = (int32_t)(unit % blocks)};
    size_t rest = unit / blocks;
#pragma GCC unroll 1
    for (int i = nd->rank - 3; i >= 0; i--) {
        walk.idx[i] = (int32_t)(rest % (size_t)nd->dims[i]);
        rest /= (size_t)nd->dims[i];
    }
    cynf_nd_settle(nd, &walk);
    return walk;
}

static CYNF_INLINE void cynf_nd_next(const cynf_nd *nd, cynf_nd_walk *walk)
{
    if (++walk->block == nd->down * nd->across) {
        walk->block = 0;
#pragma GCC unroll 1
        for (int i = nd->rank - 3; i >= 0; i--) {
            if (++walk->idx[i] < nd->dims[i])
                break;
            walk->idx[i] = 0;
        }
    }
    cynf_nd_settle(nd, walk);
}

#endif
