/* SPDX-License-Identifier: MIT */
/** Layers of Keras 1 and 2 that Keras 3 no longer has. */
#include "keras/layers/layer.h"

static cynf_tensor_id binary(cynf_lower *c, cynf_elt_kind kind, cynf_tensor_id p, cynf_tensor_id q) { return cynf_g_binary(c->g, kind, p, q); }
static cynf_tensor_id relu(cynf_lower *c, cynf_tensor_id x) { return cynf_g_unary(c->g, x, CYNF_ACT_RELU, 0, 0, 0); }

/* t act(x W + b) + (1 - t) x, t = sigmoid(x W_carry + b_carry) */
static cynf_tensor_id highway(cynf_lower *c)
{
    const cynf_tensor_id x = c->in[0];
    const cynf_shape s = cynf_shape_of(c, x);
    const int32_t n = s.d[s.rank - 1];
    const bool bias = cynf_cfg_bool(c, "bias", true);
    const cynf_shape w = {2, {n, n}}, b = {1, {n}};
    const cynf_tensor_id y = cynf_g_fc(c->g, x, cynf_layer_weight(c, "kernel", &w), bias ? cynf_layer_weight(c, "bias", &b) : CYNF_NO_TENSOR);
    const cynf_tensor_id z = cynf_g_fc(c->g, x, cynf_layer_weight(c, "carry_kernel", &w), bias ? cynf_layer_weight(c, "carry_bias", &b) : CYNF_NO_TENSOR);
    const cynf_tensor_id t = cynf_g_unary(c->g, z, CYNF_ACT_SIGMOID, 0, 0, 0);
    return cynf_g_muladd(c->g, t, binary(c, CYNF_ELT_SUB, cynf_activate(c, y, cynf_cfg(c, "activation")), x), x);
}

/* The largest of several dense layers, element by element. */
static cynf_tensor_id maxout_dense(cynf_lower *c)
{
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    const int32_t n = cynf_cfg_int(c, "output_dim", 1, CYNF_REQUIRED), of = cynf_cfg_int(c, "nb_feature", 1, 4);
    if (s.rank != 2 || (int64_t)n * of > 1 << 24)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 2 dimensions; or too many units", s.rank);
    const cynf_tensor_id w = cynf_g_transpose(c->g, cynf_layer_weight(c, "kernel", &(cynf_shape){3, {of, s.d[1], n}}), (const int32_t[]){1, 0, 2});
    const cynf_tensor_id bias = cynf_cfg_bool(c, "bias", true) ? cynf_g_reshape(c->g, cynf_layer_weight(c, "bias", &(cynf_shape){2, {of, n}}), &(cynf_shape){1, {of * n}}) : CYNF_NO_TENSOR;
    const cynf_tensor_id y = cynf_g_fc(c->g, c->in[0], cynf_g_reshape(c->g, w, &(cynf_shape){2, {s.d[1], of * n}}), bias);
    return cynf_g_reduce(c->g, cynf_g_reshape(c->g, y, &(cynf_shape){3, {s.d[0], of, n}}), CYNF_REDUCE_MAX, 1u << 1, false);
}

/* A weight of the shape of one sample. */
static cynf_tensor_id of_sample(cynf_lower *c, const char *name)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    cynf_shape s = {x.rank - 1, {0}};
    for (int i = 1; i < x.rank; i++)
        s.d[i - 1] = x.d[i];
    return cynf_layer_weight(c, name, &s);
}

/* alpha log(1 + exp(beta x)) */
static cynf_tensor_id parametric_softplus(cynf_lower *c)
{
    const cynf_tensor_id y = cynf_g_unary(c->g, binary(c, CYNF_ELT_MUL, c->in[0], of_sample(c, "beta")), CYNF_ACT_SOFTPLUS, 0, 0, 0);
    return binary(c, CYNF_ELT_MUL, y, of_sample(c, "alpha"));
}

/* Slope a_left below t_left, 1 in between, a_right above t_left + |t_right|. */
static cynf_tensor_id s_relu(cynf_lower *c)
{
    const cynf_tensor_id x = c->in[0], left = of_sample(c, "t_left"), range = cynf_g_unary(c->g, of_sample(c, "t_right"), CYNF_ACT_ABS, 0, 0, 0);
    const cynf_tensor_id middle = binary(c, CYNF_ELT_MIN, relu(c, binary(c, CYNF_ELT_SUB, x, left)), range);
    const cynf_tensor_id below = binary(c, CYNF_ELT_MUL, relu(c, binary(c, CYNF_ELT_SUB, left, x)), of_sample(c, "a_left"));
    const cynf_tensor_id above = binary(c, CYNF_ELT_MUL, relu(c, binary(c, CYNF_ELT_SUB, x, binary(c, CYNF_ELT_ADD, left, range))), of_sample(c, "a_right"));
    return binary(c, CYNF_ELT_ADD, binary(c, CYNF_ELT_SUB, binary(c, CYNF_ELT_ADD, left, middle), below), above);
}

/* A convolution with a kernel of its own at each position: the windows as rows, then one product for each position. */
static cynf_tensor_id locally_connected(cynf_lower *c, int n)
{
    cynf_image im;
    int32_t k[2] = {1, 1}, st[2] = {1, 1}, before, out[2];
    const int32_t filters = cynf_cfg_int(c, "filters", 1, CYNF_REQUIRED);
    if (!cynf_image_in(c, n, &im) || !cynf_cfg_ints(c, "kernel_size", n, k + 2 - n, 1, CYNF_REQUIRED) || !cynf_cfg_ints(c, "strides", n, st + 2 - n, 1, 1))
        return CYNF_NO_TENSOR;
    const cynf_shape s = cynf_shape_of(c, im.x);
    if (cynf_cfg_padding(c, false) != CYNF_PAD_VALID || cynf_cfg_int(c, "implementation", 1, 1) != 1 || (int64_t)k[0] * k[1] > 4096)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only padding valid, implementation 1 and kernels of at most 4096 positions are supported");
    for (int i = 0; i < 2; i++)
        if ((out[i] = cynf_conv_length(s.d[1 + i], k[i], st[i], 1, CYNF_PAD_VALID, &before)) < 1)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "the kernel (size %d) is larger than its input of shape size %d; no output is left", k[i], s.d[1 + i]);
    cynf_tensor_id tap[4096];
    const int32_t size[CYNF_MAX_DIMS] = {s.d[0], out[0], out[1], s.d[3]}, step[CYNF_MAX_DIMS] = {1, st[0], st[1], 1}, taps = k[0] * k[1], places = out[0] * out[1];
    for (int32_t t = 0; t < taps; t++)
        tap[t] = cynf_g_slice(c->g, im.x, (const int32_t[CYNF_MAX_DIMS]){0, t / k[1], t % k[1]}, size, step);
    const cynf_tensor_id rows = cynf_g_reshape(c->g, cynf_concat_all(c, tap, taps, 3), &(cynf_shape){3, {s.d[0], places, taps * s.d[3]}});
    const cynf_shape ws = {3, {places, taps * s.d[3], filters}};
    cynf_tensor_id w = cynf_layer_weight(c, "kernel", &ws);
    if (im.first) { /* windows lie channel by channel */
        w = cynf_g_reshape(c->g, w, &(cynf_shape){4, {places, s.d[3], taps, filters}});
        w = cynf_g_reshape(c->g, cynf_g_transpose(c->g, w, (const int32_t[]){0, 2, 1, 3}), &ws);
    }
    const cynf_tensor_id y = cynf_g_transpose(c->g, cynf_g_gemm(c->g, cynf_g_transpose(c->g, rows, (const int32_t[]){1, 0, 2}), w), (const int32_t[]){1, 0, 2});
    cynf_tensor_id z = cynf_g_reshape(c->g, y, &(cynf_shape){4, {s.d[0], out[0], out[1], filters}});
    if (cynf_cfg_bool(c, "use_bias", true)) {
        const cynf_shape b = n == 1 ? (cynf_shape){2, {out[1], filters}} : (cynf_shape){3, {out[0], out[1], filters}};
        z = binary(c, CYNF_ELT_ADD, z, cynf_layer_weight(c, "bias", &b));
    }
    return cynf_image_out(c, &im, z, cynf_cfg(c, "activation"));
}

static cynf_tensor_id locally_connected1d(cynf_lower *c) { return locally_connected(c, 1); }
static cynf_tensor_id locally_connected2d(cynf_lower *c) { return locally_connected(c, 2); }

const cynf_layer_class cynf_layers_legacy[] = {
    {"Highway", highway, CYNF_ONE_INPUT,
        "Keras 1: activation", "fc, eltwise"},
    {"MaxoutDense", maxout_dense, CYNF_ONE_INPUT,
        "Keras 1: nb_feature", "fc, reduce"},
    {"ParametricSoftplus", parametric_softplus, CYNF_ONE_INPUT,
        "Keras 1: shared_axes", "eltwise"},
    {"SReLU", s_relu, CYNF_ONE_INPUT,
        "Keras 1: shared_axes", "eltwise"},
    {"LocallyConnected1D", locally_connected1d, CYNF_ONE_INPUT,
        "data_format, padding valid, implementation 1, at most 4096 positions", "gemm", "other options are refused"},
    {"LocallyConnected2D", locally_connected2d, CYNF_ONE_INPUT},
    {NULL, NULL, CYNF_ONE_INPUT},
};
