/* SPDX-License-Identifier: MIT */
/** Dense over the last axis of any rank. */
#include "keras/layers/layer.h"

/* After enable_lora() an .h5 holds the kernel and its low-rank update apart: kernel + (alpha / rank) A B. An archive holds the sum. */
static cynf_tensor_id lora_kernel(cynf_lower *c, int32_t k, int32_t units, int32_t rank)
{
    const cynf_shape s = {2, {k, units}};
    const float *w = cynf_layer_data(c, "kernel", &s), *a = cynf_layer_data(c, "lora_kernel_a|lora_a", &(cynf_shape){2, {k, rank}}),
                *b = cynf_layer_data(c, "lora_kernel_b|lora_b", &(cynf_shape){2, {rank, units}});
    const double scale = cynf_cfg_number(c, "lora_alpha", rank) / rank;
    const cynf_tensor_id t = w && a && b ? cynf_g_const(c->g, &s, w) : CYNF_NO_TENSOR;
    if (t < 0)
        return t;
    float *y = c->g->t[t].data;
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < units; j++) {
            double sum = 0;
            for (int32_t r = 0; r < rank; r++)
                sum += (double)a[(int64_t)i * rank + r] * b[(int64_t)r * units + j];
            y[(int64_t)i * units + j] += (float)(scale * sum);
        }
    return t;
}

static cynf_tensor_id dense(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const int32_t units = cynf_cfg_int(c, "units|output_dim", 1, CYNF_REQUIRED), lora = c->archive ? 0 : cynf_cfg_int(c, "lora_rank", 1, 0);
    if (x.rank < 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of at least 2 dimensions", x.rank);
    const int32_t k = x.d[x.rank - 1];
    const cynf_tensor_id w = lora ? lora_kernel(c, k, units, lora) : cynf_layer_weight(c, "kernel", &(cynf_shape){2, {k, units}});
    return cynf_activate(c, cynf_g_fc(c->g, c->in[0], w, cynf_layer_bias(c, units)), cynf_cfg(c, "activation"));
}

const cynf_layer_class cynf_layers_dense[] = {
    {"Dense", dense, false},
    {NULL, NULL, false},
};
