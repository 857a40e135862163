/* SPDX-License-Identifier: MIT */
/** Tables looked up by whole numbers, and what counts or compares: Embedding, ReversibleEmbedding, Masking. */
#include "keras/layers/layer.h"

#define MAX_ONE_HOT (1 << 26)

cynf_tensor_id cynf_whole(cynf_lower *c, cynf_tensor_id x)
{
    for (int32_t i = 0; i < c->g->n_in; i++)
        if (c->g->in[i].t == x && c->g->in[i].dtype != CYNF_F32 && c->g->in[i].dtype != CYNF_F64)
            return x;
    const cynf_tensor_id size = cynf_g_unary(c->g, cynf_g_unary(c->g, x, CYNF_ACT_ABS, 0, 0, 0), CYNF_ACT_FLOOR, 0, 0, 0);
    return cynf_g_binary(c->g, CYNF_ELT_MUL, cynf_g_unary(c->g, x, CYNF_ACT_SIGN, 0, 0, 0), size);
}

cynf_tensor_id cynf_one_hot(cynf_lower *c, cynf_tensor_id x, int32_t n)
{
    const cynf_shape s = cynf_shape_of(c, x);
    if ((int64_t)cynf_shape_elems(&s) * n > MAX_ONE_HOT)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "%zu numbers of %d kinds are too many; at most %d of number times kinds are supported", cynf_shape_elems(&s), n, MAX_ONE_HOT);
    const cynf_tensor_id kinds = cynf_g_const(c->g, &(cynf_shape){1, {n}}, NULL);
    for (int32_t i = 0; kinds >= 0 && i < n; i++)
        c->g->t[kinds].data[i] = (float)i;
    const cynf_tensor_id away = cynf_g_unary(c->g, cynf_g_binary(c->g, CYNF_ELT_SUB, cynf_expand(c, x, s.rank), kinds), CYNF_ACT_ABS, 0, 0, 0);
    return cynf_g_unary(c->g, away, CYNF_ACT_HARD_SIGMOID, -1, 1, 0);
}

static cynf_tensor_id embedding(cynf_lower *c)
{
    const int32_t n = cynf_cfg_int(c, "input_dim", 1, CYNF_REQUIRED), m = cynf_cfg_int(c, "output_dim", 1, CYNF_REQUIRED);
    const cynf_tensor_id x = cynf_whole(c, c->in[0]), table = cynf_layer_adapted(c, "embeddings", &(cynf_shape){2, {n, m}});
    const float *scale = cynf_layer_int8(c) ? cynf_layer_data(c, "embeddings_scale", &(cynf_shape){1, {n}}) : NULL;
    if (c->g->status)
        return CYNF_NO_TENSOR;
    for (size_t i = 0; scale && i < (size_t)n * (size_t)m; i++)
        c->g->t[table].data[i] /= scale[i / (size_t)m];
    if (cynf_cfg_bool(c, "mask_zero", false))
        *c->out_mask = cynf_nonzero(c, x);
    return cynf_g_lookup(c->g, x, table);
}

static cynf_tensor_id reversible_embedding(cynf_lower *c)
{
    const int32_t n = cynf_cfg_int(c, "input_dim", 1, CYNF_REQUIRED), m = cynf_cfg_int(c, "output_dim", 1, CYNF_REQUIRED);
    if (!cJSON_IsTrue(cynf_call_arg(c, 1, "reverse")))
        return embedding(c);
    if (cynf_layer_int8(c))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the way back through an int8 table is not supported; save the model before quantize()");
    const double cap = cynf_cfg_number(c, "logit_soft_cap", 0);
    const cynf_tensor_id w = cynf_cfg_bool(c, "tie_weights", true) ? cynf_g_transpose(c->g, cynf_layer_adapted(c, "embeddings", &(cynf_shape){2, {n, m}}), (const int32_t[]){1, 0})
        : cynf_layer_weight(c, "reverse_embeddings", &(cynf_shape){2, {m, n}});
    const cynf_tensor_id y = cynf_g_fc(c->g, c->in[0], w, CYNF_NO_TENSOR);
    if (cap == 0)
        return y;
    const cynf_tensor_id t = cynf_g_unary(c->g, cynf_g_unary(c->g, y, CYNF_ACT_AFFINE, (float)(1 / cap), 0, 0), CYNF_ACT_TANH, 0, 0, 0);
    return cynf_g_unary(c->g, t, CYNF_ACT_AFFINE, (float)cap, 0, 0);
}

/* Steps whose features all equal the value become zeros and are masked. */
static cynf_tensor_id masking(cynf_lower *c)
{
    const cynf_tensor_id x = c->in[0];
    const int last = cynf_shape_of(c, x).rank - 1;
    if (last < 1)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of at least 2 dimensions", last + 1);
    const cynf_tensor_id away = cynf_g_unary(c->g, x, CYNF_ACT_AFFINE, 1, (float)-cynf_cfg_number(c, "mask_value", 0), 0);
    const cynf_tensor_id most = cynf_g_reduce(c->g, cynf_g_unary(c->g, away, CYNF_ACT_ABS, 0, 0, 0), CYNF_REDUCE_MAX, 1u << last, false);
    *c->out_mask = cynf_g_unary(c->g, most, CYNF_ACT_SIGN, 0, 0, 0);
    return cynf_g_binary(c->g, CYNF_ELT_MUL, x, cynf_expand(c, *c->out_mask, last));
}

const cynf_layer_class cynf_layers_embedding[] = {
    {"Embedding", embedding, CYNF_ONE_INPUT,
        "mask_zero, LoRA, int8", "lookup", "a number without a row gives zeros"},
    {"ReversibleEmbedding", reversible_embedding, CYNF_ANY_CALL,
        "reverse, tie_weights, logit_soft_cap", "lookup, fc", "a number without a row gives zeros"},
    {"Masking", masking, CYNF_ONE_INPUT,
        "mask_value", "reduce"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
