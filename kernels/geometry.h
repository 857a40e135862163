/* SPDX-License-Identifier: MIT */
/** Geometry structs as lists of fields: what prints, parses and compares them. */
#ifndef CYNF_GEOMETRY_H
#define CYNF_GEOMETRY_H

#include "kernels/kernel.h"

/** A field by its C designator ("x.ps", "dims[2]"); int32_t, or float. */
typedef struct cynf_field {
    const char *name;
    size_t offset;
    bool is_float;
} cynf_field;

/** The fields of an operation's geometry struct; ends with a NULL name. */
const cynf_field *cynf_geometry_fields(cynf_op op);

/** Taps of one axis that fall inside the image, over all output positions: what padding-free counting needs. */
static inline int64_t cynf_useful_taps(int in, int out, int k, int s, int d, int before)
{
    int64_t taps = 0;
    for (int t = 0; t < k; t++) { /* outputs whose tap t falls on the input: 0 <= o s - shift < in */
        const int64_t shift = before - (int64_t)t * d, first = shift > 0 ? (shift + s - 1) / s : 0, end = in + shift > 0 ? (in + shift + s - 1) / s : 0;
        const int64_t last = end < out ? end : out;
        taps += last > first ? last - first : 0;
    }
    return taps;
}

#endif
