/* SPDX-License-Identifier: MIT */
/** Learns how a model's graph depends on the sizes that its file leaves open. */
#ifndef CYNF_OPEN_SIZES_H
#define CYNF_OPEN_SIZES_H

#include "graph/sizes.h"

/** The optimised graph for one size of each open dimension; a failure other than CYNF_ENOMEM means that the model cannot have these sizes, and text says why. */
typedef cynf_status cynf_lower_sizes_fn(void *ctx, const int32_t *size, cynf_graph **out, char *text, size_t cap);

typedef struct cynf_open_dim {
    int32_t input, axis, max;
} cynf_open_dim;

/**
 * Lowers the model for every size of each open dimension while the others are at their maximum, for the sizes at which the graph takes another form, and,
 * with several dimensions, for many choices of all of them (all choices where these are few). What comes out gives exactly these graphs: each of them is
 * compared, and so is each constant. Dimensions whose sizes must agree are found, too. CYNF_EUNSUPPORTED: the sizes depend on each other in a way that the
 * family cannot express; text names the layer.
 */
cynf_status cynf_open_sizes(cynf_sizes **out, const cynf_open_dim *dim, int32_t n_dim, cynf_lower_sizes_fn *lower, void *ctx, char *text, size_t cap);

#endif
