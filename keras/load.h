/* SPDX-License-Identifier: MIT */
/** A Keras file as a graph of primitives. */
#ifndef CYNF_KERAS_LOAD_H
#define CYNF_KERAS_LOAD_H

#include "graph/graph.h"

typedef struct cynf_load_options {
    int32_t batch;          /**< samples per call; 0: 1 */
    const char *weights;    /**< weights-only .h5 that goes with a .json architecture, or NULL */
} cynf_load_options;

/** The graph is not optimised. On failure text gets one line: file, layer's name and class, found, expected, what to do. */
cynf_status cynf_keras_load(cynf_graph **out, const char *path, const cynf_load_options *o, char *text, size_t cap);

#endif
