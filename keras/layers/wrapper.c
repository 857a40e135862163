/* SPDX-License-Identifier: MIT */
/** Layers around another layer. */
#include "keras/layers/layer.h"

/* The layer applied to every step alike: steps join the batch. */
static cynf_tensor_id time_distributed(cynf_lower *c)
{
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    if (s.rank < 3)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of at least 3 dimensions", s.rank);
    cynf_shape in = {s.rank - 1, {s.d[0] * s.d[1]}};
    for (int i = 2; i < s.rank; i++)
        in.d[i - 1] = s.d[i];
    const cynf_tensor_id y = cynf_lower_inner(c, cynf_cfg(c, "layer"), cynf_g_reshape(c->g, c->in[0], &in));
    const cynf_shape o = cynf_shape_of(c, y);
    cynf_shape out = {o.rank + 1, {s.d[0], s.d[1]}};
    if (out.rank > CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an output of rank %d; at most %d dimensions are supported", out.rank, CYNF_MAX_DIMS);
    for (int i = 1; i < o.rank; i++)
        out.d[i + 1] = o.d[i];
    return cynf_g_reshape(c->g, y, &out);
}

/* The stored kernel is the normalised one. */
static cynf_tensor_id spectral_normalization(cynf_lower *c)
{
    return cynf_lower_inner(c, cynf_cfg(c, "layer"), c->in[0]);
}

/* Preprocessing layers in a row. */
static cynf_tensor_id pipeline(cynf_lower *c)
{
    const cJSON *e;
    cynf_tensor_id x = c->in[0];
    cJSON_ArrayForEach(e, cynf_cfg(c, "layers"))
        x = cynf_lower_inner(c, e, x);
    return x;
}

const cynf_layer_class cynf_layers_wrapper[] = {
    {"TimeDistributed", time_distributed, CYNF_ONE_INPUT,
        "around one supported layer or a model of one input and one output", "those of the layer inside"},
    {"SpectralNormalization", spectral_normalization, CYNF_ONE_INPUT,
        "around one supported layer", "those of the layer inside", "the stored kernel is the normalised one"},
    {"Pipeline", pipeline, CYNF_ONE_INPUT,
        "preprocessing layers in a row", "those of the layers inside"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
