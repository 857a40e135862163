/* SPDX-License-Identifier: MIT */
/** Two loops per instruction set that tell what the machine can do at best: multiply-adds from registers, reads from memory. */
#ifndef CYNF_PROBE_H
#define CYNF_PROBE_H

#include "cynf/kernels.h"

typedef struct cynf_probe {
    int32_t flops;                                    /**< of one round of fma */
    float (*fma)(int64_t rounds);                     /**< 12 accumulators: a register tile of 3 x 4 vectors whose operands are in L1 */
    float (*read)(const float *p, size_t n);          /**< reads n floats, a multiple of 128, from a 64-byte aligned p */
} cynf_probe;

/** NULL when this build lacks isa. */
const cynf_probe *cynf_probe_of(cynf_isa isa);

#endif
