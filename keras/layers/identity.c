/* SPDX-License-Identifier: MIT */
/** Layers that only act in training: at inference they give their input. */
#include "keras/layers/layer.h"

static cynf_tensor_id identity(cynf_lower *c) { return c->in[0]; }

const cynf_layer_class cynf_layers_identity[] = {
    {"Dropout", identity, false},
    {"SpatialDropout1D", identity, false},
    {"SpatialDropout2D", identity, false},
    {"SpatialDropout3D", identity, false},
    {"GaussianDropout", identity, false},
    {"GaussianNoise", identity, false},
    {"AlphaDropout", identity, false},
    {"ActivityRegularization", identity, false},
    {"Identity", identity, false},
    {NULL, NULL, false},
};
