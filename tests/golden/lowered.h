/* SPDX-License-Identifier: MIT */
/** Cases as one flat file: graph, inputs and reference outputs, for machines that cannot read HDF5. */
#ifndef CYNF_LOWERED_H
#define CYNF_LOWERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cynf/dtype.h"

#define LOWERED_MAX_PORTS 64

typedef struct lowered_case {
    char name[256], family[64];
    double rtol, atol;
    void *flat; /* cynf_graph_to_flat() */
    size_t flat_bytes;
    int n_in, n_out;
    float *in[LOWERED_MAX_PORTS], *out[LOWERED_MAX_PORTS];
    size_t in_elems[LOWERED_MAX_PORTS], out_elems[LOWERED_MAX_PORTS];
} lowered_case;

bool lowered_append(const char *path, const lowered_case *c);
/** 1: read (free it with lowered_free), 0: end of the file, -1: damaged. */
int lowered_next(FILE *f, lowered_case *c);
void lowered_free(lowered_case *c);
/** References are floats whatever the model declares: converted to the declared type for a call, and back. malloc()ed. */
void *lowered_from_floats(const float *x, size_t n, cynf_dtype t);
float *lowered_to_floats(const void *x, size_t n, cynf_dtype t);

#endif
