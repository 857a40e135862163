/* SPDX-License-Identifier: MIT */
/** Layers around another layer. */
#include <string.h>

#include "keras/layers/layer.h"

/* The layer applied to every step alike: steps join the batch, and so they do in a mask of more than steps, which the layer heeds. */
static cynf_tensor_id time_distributed(cynf_lower *c)
{
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    if (s.rank < 3)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of at least 3 dimensions", s.rank);
    cynf_shape in = {s.rank - 1, {s.d[0] * s.d[1]}};
    for (int i = 2; i < s.rank; i++)
        in.d[i - 1] = s.d[i];
    const cynf_shape m = cynf_shape_of(c, c->mask[0]);
    cynf_shape rows = {m.rank - 1, {s.d[0] * s.d[1]}};
    for (int i = 2; i < m.rank; i++)
        rows.d[i - 1] = m.d[i];
    cynf_tensor_id mask = m.rank > 2 ? cynf_g_reshape(c->g, c->mask[0], &rows) : CYNF_NO_TENSOR;
    const cynf_tensor_id y = cynf_lower_masked(c, cynf_cfg(c, "layer"), cynf_g_reshape(c->g, c->in[0], &in), &mask);
    const cynf_shape o = cynf_shape_of(c, y);
    cynf_shape out = {o.rank + 1, {s.d[0], s.d[1]}};
    if (out.rank > CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an output of rank %d; at most %d dimensions are supported", out.rank, CYNF_MAX_DIMS);
    for (int i = 1; i < o.rank; i++)
        out.d[i + 1] = o.d[i];
    if (c->keras < 3 && mask >= 0) { /* Keras 3 leaves the mask as it was */
        cynf_shape seen = cynf_shape_of(c, mask);
        memmove(seen.d + 2, seen.d + 1, (size_t)(seen.rank - 1) * sizeof *seen.d);
        seen.rank++;
        seen.d[0] = s.d[0];
        seen.d[1] = s.d[1];
        *c->out_mask = cynf_g_reshape(c->g, mask, &seen);
    } else if (c->keras < 3 && m.rank > 2)
        *c->out_mask = cynf_g_reduce(c->g, c->mask[0], CYNF_REDUCE_MAX, ((1u << m.rank) - 1) & ~3u, false);
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
