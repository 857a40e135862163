/* SPDX-License-Identifier: MIT */
/**
 * resample, taps: packed weights and units.
 *
 *     packed = [out] int32 first input index, padded to 64 bytes | [out][taps] weights
 */
#ifndef CYNF_RESAMPLE_TAPS_LAYOUT_H
#define CYNF_RESAMPLE_TAPS_LAYOUT_H

#include "kernels/kernel.h"

/** Where the weights start, in 4-byte elements. */
static CYNF_INLINE size_t resample_taps_weights(const cynf_resample *g)
{
    return (size_t)CYNF_ROUND_UP(g->out, 16);
}

/** Output positions of a unit: about 1024 elements. */
static CYNF_INLINE int32_t resample_taps_group(const cynf_resample *g)
{
    const int32_t n = 1024 / g->inner + 1;
    return n < g->out ? n : g->out;
}

#endif
