/* SPDX-License-Identifier: MIT */
/** A Keras file as a graph of primitives. */
#ifndef CYNF_KERAS_LOAD_H
#define CYNF_KERAS_LOAD_H

#include "graph/graph.h"

/** One call of one layer, for those who list a model. Strings live during the call back only. */
typedef struct cynf_load_layer {
    const char *name, *klass;  /**< of a layer inside nested models: "outer/inner" */
    const cynf_shape *shape;   /**< of its output; NULL when unknown */
    int64_t parameters, macs;
    const char *problem;       /**< NULL, or why it cannot be run: the one-line message */
} cynf_load_layer;

typedef struct cynf_load_options {
    int32_t batch;          /**< samples per call; 0: 1. A batch that the file fixes wins. */
    const char *weights;    /**< weights-only .h5 that goes with a .json architecture, or NULL */
    const int32_t (*shapes)[CYNF_MAX_DIMS]; /**< sizes (batch first; it is ignored) for dimensions that the file leaves open, a row an input; NULL: none */
    int32_t n_shapes;
    const char *const *input_shapes; /**< the same in words, NULL-terminated: "name=1,64,64,3", batch first; sizes that the file says otherwise are an error; or NULL */
    /** Largest sizes, in the same words: what the file leaves open of these inputs stays open, (*out)->sizes has the graphs of all sizes up to these, and *out is that of
     * the largest; or NULL. Not with stream. */
    const char *const *max_shapes;
    int32_t stream; /**< 0, or steps a run: see cynf_graph_stream(); sequences may have an open length */
    const char *kernels_from;        /**< "theano": kernels of convolutions are turned by 180 degrees; NULL or "tensorflow": as they are. The file does not tell. */
    const char *const *customs;      /**< NULL-terminated, "Name=file.c": layers given in C (cynf/custom.h), which the graph owns then; or NULL */
    bool exact;                      /**< cynf_graph.exact */
    /** NULL, or called after each layer; then loading goes on after a problem, so that all are found, and fails at its end with the first. */
    void (*layer)(void *ctx, const cynf_load_layer *layer);
    void *layer_ctx;
} cynf_load_options;

/** The graph is not optimised. On failure text gets one line: file, layer's name and class, found, expected, what to do. */
cynf_status cynf_keras_load(cynf_graph **out, const char *path, const cynf_load_options *o, char *text, size_t cap);

#endif
