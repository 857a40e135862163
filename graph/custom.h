/* SPDX-License-Identifier: MIT */
/** Layers whose function comes from a file of the user's: calls of it, as nodes and steps refer to them. */
#ifndef CYNF_GRAPH_CUSTOM_H
#define CYNF_GRAPH_CUSTOM_H

#include "cynf/custom.h"
#include "kernels/kernel.h"

/** One file; owned by the set. */
typedef struct cynf_custom_source {
    char *name;                          /**< given with it */
    char *text;                          /**< of the file */
    const cynf_custom_functions *functions;
} cynf_custom_source;

/** One call of one layer: the geometry of its step. In portable models run alone is set, to a function that has the rest as literals. */
typedef struct cynf_custom_call {
    cynf_run_fn *run;                    /**< NULL: run of source's functions */
    const cynf_custom_source *source;
    int32_t n_in, n_weights, n_out;
    cynf_custom_shape *shape;            /**< of the inputs, then the weights, then the outputs */
    double param[CYNF_CUSTOM_MAX_PARAMS];
} cynf_custom_call;

typedef struct cynf_custom_set {
    cynf_custom_call *call;
    int32_t n_call;
    void (*release)(struct cynf_custom_set *s); /**< NULL: static storage */
} cynf_custom_set;

/** What steps of custom layers have as their kernel; its geometry is a cynf_custom_call, and its operation none of the library's: CYNF_OP_COUNT. */
extern const cynf_kernel cynf_custom_kernel;

#endif
