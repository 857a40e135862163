/* SPDX-License-Identifier: MIT */
/** What the cost models of bandwidth-bound operations share. */
#ifndef CYNF_COST_H
#define CYNF_COST_H

#include "kernels/kernel.h"

/** Seconds to move bytes once, at the speed of the cache level that holds a working set of that size. */
static inline double cynf_stream_seconds(const cynf_machine *m, double bytes)
{
    int level = 0;
    while (level < 3 && bytes > (double)m->cache_bytes[level])
        level++;
    return bytes / (m->gbps[level] * 1e9);
}

/** Seconds of n vector operations at half of the machine's multiply-add rate: two a cycle are possible, one is typical outside of products. */
static inline double cynf_vector_seconds(const cynf_machine *m, cynf_isa isa, double n)
{
    return n * 4 * cynf_isa_lanes(isa) / (m->gflops[isa] * 1e9);
}

/** Vector operations of an activation, about. */
static inline double cynf_act_ops(int32_t act)
{
    switch ((cynf_act)act) {
    case CYNF_ACT_LINEAR: return 0;
    case CYNF_ACT_RELU: case CYNF_ACT_ABS: case CYNF_ACT_NEG: case CYNF_ACT_SQUARE: case CYNF_ACT_AFFINE: case CYNF_ACT_FLOOR: case CYNF_ACT_CEIL:
    case CYNF_ACT_ROUND: return 1;
    case CYNF_ACT_CLIP: case CYNF_ACT_LEAKY_RELU: case CYNF_ACT_GENERAL_RELU: case CYNF_ACT_HARD_SIGMOID: case CYNF_ACT_HARD_SILU:
    case CYNF_ACT_SOFT_SHRINK: case CYNF_ACT_HARD_SHRINK: case CYNF_ACT_SPARSE_PLUS: case CYNF_ACT_SPARSE_SIGMOID: case CYNF_ACT_THRESHOLD:
    case CYNF_ACT_SIGN: return 4;
    default: return 25;
    }
}

#endif
