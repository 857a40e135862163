/* SPDX-License-Identifier: MIT */
/** Layers that only act in training: at inference they give their input. */
#include "keras/layers/layer.h"

static cynf_tensor_id identity(cynf_lower *c) { return c->in[0]; }

const cynf_layer_class cynf_layers_identity[] = {
    {"Dropout", identity, CYNF_ONE_INPUT},
    {"SpatialDropout1D", identity, CYNF_ONE_INPUT},
    {"SpatialDropout2D", identity, CYNF_ONE_INPUT},
    {"SpatialDropout3D", identity, CYNF_ONE_INPUT},
    {"GaussianDropout", identity, CYNF_ONE_INPUT},
    {"GaussianNoise", identity, CYNF_ONE_INPUT},
    {"AlphaDropout", identity, CYNF_ONE_INPUT},
    {"ActivityRegularization", identity, CYNF_ONE_INPUT},
    {"Identity", identity, CYNF_ONE_INPUT},
    {NULL, NULL, CYNF_ONE_INPUT},
};
