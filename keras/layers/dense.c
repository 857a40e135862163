/* SPDX-License-Identifier: MIT */
/** Dense over the last axis of any rank. */
#include "keras/layers/layer.h"

static cynf_tensor_id dense(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const int32_t units = cynf_cfg_int(c, "units|output_dim", 1, CYNF_REQUIRED);
    if (x.rank < 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of at least 2 dimensions", x.rank);
    const int32_t k = x.d[x.rank - 1];
    const cynf_tensor_id w = cynf_layer_kernel(c, &(cynf_shape){2, {k, units}});
    return cynf_activate(c, cynf_g_fc(c->g, c->in[0], w, cynf_layer_bias(c, units)), cynf_cfg(c, "activation"));
}

const cynf_layer_class cynf_layers_dense[] = {
    {"Dense", dense, CYNF_ONE_INPUT},
    {NULL, NULL, CYNF_ONE_INPUT},
};
