/* SPDX-License-Identifier: MIT */
/** Where each tensor of a program lies: buffer, offset, strides, channel block; and index spaces over several tensors. */
#ifndef CYNF_LOCATION_H
#define CYNF_LOCATION_H

#include "graph/program.h"

/** Index spaces before collapsing: every dimension may split in two. */
#define CYNF_MAX_SPACE_DIMS (2 * CYNF_MAX_DIMS + 1)

/**
 * A tensor in memory. block 0: element i lies at sum i[k]*stride[k]. block b: the last dimension is split in blocks,
 * c at (c/b)*block_stride + c%b, and the others have their strides.
 */
typedef struct cynf_location {
    int32_t buffer; /**< index of a buffer; -1: not placed (the tensor does not exist in the program) */
    int64_t offset; /**< elements */
    int32_t stride[CYNF_MAX_DIMS];
    int32_t block, block_stride;
    bool contiguous; /**< plain row-major without gaps */
} cynf_location;

/** Row-major strides of s. */
void cynf_location_plain(cynf_location *l, const cynf_shape *s);
/** [n][c/b][spatial][b] */
void cynf_location_blocked(cynf_location *l, const cynf_shape *s, int32_t b);
/** View of a rank-4 tensor (or of one [h,w,c] slice set of a rank-5 one, whose slice stride is stride[1]). */
cynf_view cynf_location_view(const cynf_location *l, const cynf_shape *s);

/** Elements from the start of the tensor of shape s at l to index at. */
int64_t cynf_location_at(const cynf_location *l, const cynf_shape *s, const int32_t *at);

/** An index space shared by n operands; strides are 0 where an operand repeats. */
typedef struct cynf_space_map {
    int rank, n;
    int32_t dim[CYNF_MAX_SPACE_DIMS];
    int32_t stride[1 + CYNF_MAX_INPUTS][CYNF_MAX_SPACE_DIMS]; /**< operand 0 is the output */
    uint32_t mark[CYNF_MAX_SPACE_DIMS];                        /**< dimensions with different marks are never merged */
} cynf_space_map;

/** Appends the dimensions of shape, split by block where any operand is blocked; operand i has shape s[i] (broadcast, right-aligned) at l[i]. */
void cynf_space_from(cynf_space_map *m, const cynf_shape *space, int n, const cynf_shape *const *s, const cynf_location *const *l, uint32_t marked_axes);
/** Drops dimensions of 1, orders by the output's (then the first input's) strides, merges neighbours. False: more than CYNF_MAX_DIMS are left. */
bool cynf_space_collapse(cynf_space_map *m);

#endif
