/* SPDX-License-Identifier: MIT */
/**
 * Which dataset of a file is which weight of which layer.
 *
 * Names in a file are not reliable, positions are; so the layers of the config are walked in their stored order with a table of the weights that
 * each class has, and counted against what the file holds:
 *  - HDF5 (model_weights, or the root of an old weights-only file): one group per layer of the outermost model, found by the layer's name when all
 *    names are there, else by order among the layers that have weights. A group of a nested model or wrapper is one flat list: the
 *    trainable weights of all layers inside, then the others (all weights of a layer with "trainable": false are "others").
 *  - .keras and Keras 3 weights-only files: layers/<snake_case class>[_N]/.../vars/<i>, N counted per class in layer order.
 */
#ifndef CYNF_KERAS_WEIGHTS_H
#define CYNF_KERAS_WEIGHTS_H

#include <cjson/cJSON.h>

#include "keras/file.h"

/**
 * The weights of one layer or cell. Names are those of weight_names.inc, whatever a file calls them (Keras 1's W and b are "kernel" and "bias"):
 * "recurrent_kernel", "gamma", "moving_variance", "query/kernel" (MultiHeadAttention), "W_i" (a Keras 1 LSTM with a matrix per gate) ...;
 * for a class that the table does not have, the last part of the name in the file.
 */
typedef struct cynf_layer_weights {
    const cJSON *layer;
    int32_t copy;
    char *where;               /**< "model_weights/conv", "layers/conv2d": for messages */
    int32_t n;
    char **name;
    const cynf_dataset **data; /**< in Keras' order, each with data; owned by the file */
    char *problem;             /**< NULL, or what is wrong: "lists 1 weight (kernel), expected 2 (kernel, bias)"; then n is 0 */
} cynf_layer_weights;

typedef struct cynf_weight_map cynf_weight_map;

/**
 * model is the parsed architecture: {"class_name", "config"} or a bare functional config; f and model must outlive *out. What is wrong with one layer
 * is said in its problem, so that an unsupported class can be named first. Errors: CYNF_EFORMAT (no weights in the file), CYNF_ENOMEM; text as in file.h.
 */
cynf_status cynf_weights_open(cynf_weight_map **out, const cynf_file *f, const cJSON *model, char *text, size_t cap);
void cynf_weights_free(cynf_weight_map **w);

/**
 * layer is the {"class_name", "config"} node anywhere inside model: an entry of "layers", or the "layer", "cell", "cells" entry of a wrapper's config.
 * Containers (models, TimeDistributed, Bidirectional, RNN, StackedRNNCells) have no weights of their own: ask for what they hold.
 * copy is 1 for the backward half of a Bidirectional (its "backward_layer", or its "layer" when there is none, and the cells inside), else 0.
 * Never NULL for a node of model; a layer without weights has n = 0.
 */
const cynf_layer_weights *cynf_weights_of(const cynf_weight_map *w, const cJSON *layer, int32_t copy);
/** The weight of that name, NULL when the layer has none. */
const cynf_dataset *cynf_weight(const cynf_layer_weights *l, const char *name);

#endif
