/* SPDX-License-Identifier: MIT */
/**
 * The architecture of a Keras model, checked: layers, the calls of each layer in an order in which they can be computed, inputs and outputs.
 *
 * Reads Sequential (config a list or a dict), Functional and Model, nested to any sensible depth, layers called several times, and the
 * forms of inbound_nodes of Keras 1 ([name, node, tensor]), 2 (the same plus keyword arguments) and 3 (args and kwargs with keras_history).
 * All strings and cJSON nodes point into the parsed JSON, which must outlive the tree.
 */
#ifndef CYNF_KERAS_CONFIG_H
#define CYNF_KERAS_CONFIG_H

#include <cjson/cJSON.h>

#include "cynf/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CYNF_KERAS_MAX_LAYERS 20000
#define CYNF_KERAS_MAX_DEPTH 16

/** Output number tensor of call number node of a layer; layer -1 is the model's own input (a Sequential without InputLayer). */
typedef struct cynf_keras_ref {
    int32_t layer, node, tensor;
    const char *key;   /**< of a dict of inputs or outputs; else NULL */
    const cJSON *json; /**< what names it: ["name", node, tensor, ...] or a __keras_tensor__ */
} cynf_keras_ref;

/** Positional arguments first, then those by keyword. */
typedef struct cynf_keras_call {
    cynf_keras_ref *in;
    int32_t n_in, n_positional;
    const cJSON *args, *kwargs; /**< as the file has them; args is NULL before Keras 3 */
    const cJSON *extra;         /**< the first argument that is neither a positional tensor nor the layer's default; NULL: none */
} cynf_keras_call;

typedef struct cynf_keras_model cynf_keras_model;

typedef struct cynf_keras_layer {
    const cJSON *json, *config; /**< {"class_name", "config", ...} and its "config" */
    const char *name, *klass;
    cynf_keras_model *model;    /**< of a nested model, else NULL */
    cynf_keras_call *call;
    int32_t n_call;
    int32_t n_out;              /**< outputs of a call that are used: the highest index plus one; of a model: all */
    bool keras3;                /**< its inbound_nodes have Keras 3's form */
} cynf_keras_layer;

struct cynf_keras_model {
    const cJSON *json, *config;
    const char *name;
    cynf_keras_layer *layer;
    int32_t n_layer;
    cynf_keras_ref *in, *out;
    int32_t n_in, n_out;
    cynf_keras_ref *order; /**< every (layer, node), each after those that it needs */
    int32_t n_order;
};

/** json: the parsed model_config or config.json. On failure text gets one line that names the layer; errors: EFORMAT, EUNSUPPORTED, ENOMEM. */
cynf_status cynf_keras_config(cynf_keras_model **out, const cJSON *json, char *text, size_t cap);
void cynf_keras_config_free(cynf_keras_model **m);
/** Sequential, Functional or Model. */
bool cynf_keras_is_model(const char *klass);
/** The shape (a JSON list, batch first) that the file gives for input i, and through dtype, if it says so, the declared type's JSON; NULL: none. */
const cJSON *cynf_keras_input_shape(const cynf_keras_model *m, int32_t i, const cJSON **dtype);

#endif
