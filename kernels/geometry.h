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
    for (int o = 0; o < out; o++)
        for (int t = 0; t < k; t++) {
            const int i = o * s - before + t * d;
            taps += i >= 0 && i < in;
        }
    return taps;
}

#endif
