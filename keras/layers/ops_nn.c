/* SPDX-License-Identifier: MIT */
/** Nodes of keras.ops.nn and keras.ops.image that are not layers, too. */
#include <stdint.h>

#include "keras/layers/ops.h"

static cynf_tensor_id glu(cynf_lower *c) /* first half sigmoid(second half) */
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const int axis = axis_of(c, x, option(c, 1, "axis"), -1);
    const int32_t half = cynf_shape_of(c, x).d[axis] / 2;
    return binary(c, CYNF_ELT_MUL, cynf_take(c, x, axis, 0, half), unary(c, cynf_take(c, x, axis, half, half), CYNF_ACT_SIGMOID, 0, 0));
}

static cynf_tensor_id threshold(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    return cynf_g_select(c->g, cynf_greater(c, x, cynf_g_scalar(c->g, (float)number(c, 1, "threshold", 0))), x,
        cynf_g_scalar(c->g, (float)number(c, 2, "default_value", 0)));
}

static cynf_tensor_id sparsemax(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    return cynf_g_softmax(c->g, x, CYNF_SPARSEMAX, 1u << axis_of(c, x, option(c, 1, "axis"), -1));
}

static cynf_tensor_id centred(cynf_lower *c, cynf_tensor_id x, uint32_t mask)
{
    return binary(c, CYNF_ELT_SUB, x, cynf_g_reduce(c->g, x, CYNF_REDUCE_MEAN, mask, true));
}

/* 1 / sqrt(mean of x^2 + epsilon) */
static cynf_tensor_id inverse_rms(cynf_lower *c, cynf_tensor_id x, uint32_t mask, double absent)
{
    const cynf_tensor_id mean = cynf_g_reduce(c->g, unary(c, x, CYNF_ACT_SQUARE, 0, 0), CYNF_REDUCE_MEAN, mask, true);
    return unary(c, unary(c, mean, CYNF_ACT_AFFINE, 1, (float)cynf_cfg_number(c, "epsilon", absent)), CYNF_ACT_RSQRT, 0, 0);
}

static cynf_tensor_id moments(cynf_lower *c) /* mean, variance */
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const uint32_t mask = cynf_cfg_axes(c, option(c, 1, "axes"), cynf_shape_of(c, x).rank);
    c->g->batch_mixed |= mask & 1;
    cynf_set_output(c, 1, cynf_g_reduce(c->g, unary(c, centred(c, x, mask), CYNF_ACT_SQUARE, 0, 0), CYNF_REDUCE_MEAN, mask, keepdims(c)));
    return cynf_g_reduce(c->g, x, CYNF_REDUCE_MEAN, mask, keepdims(c));
}

/* The axes of a normalisation, the last one when there are none. */
static uint32_t normal_axes(cynf_lower *c, cynf_tensor_id x)
{
    const int rank = cynf_shape_of(c, x).rank;
    const cJSON *axis = cynf_cfg(c, "axis");
    const uint32_t mask = c->g->status || rank < 1 ? 0 : axis ? cynf_cfg_axes(c, axis, rank) : 1u << (rank - 1);
    c->g->batch_mixed |= mask & 1;
    return mask;
}

/* An optional operand as x broadcasts with it: over the axes of mask, or as it is when it has all of them. */
static cynf_tensor_id over_axes(cynf_lower *c, int position, const char *name, cynf_tensor_id x, uint32_t mask)
{
    if (!cynf_call_arg(c, position, name))
        return CYNF_NO_TENSOR;
    const cynf_tensor_id w = operand(c, position, name);
    const cynf_shape s = cynf_shape_of(c, x);
    cynf_shape wide = s;
    for (int i = 0; i < s.rank; i++)
        wide.d[i] = mask >> i & 1 ? s.d[i] : 1;
    return cynf_shape_of(c, w).rank == s.rank ? w : cynf_g_reshape(c->g, w, &wide);
}

static cynf_tensor_id scaled(cynf_lower *c, cynf_tensor_id y, cynf_tensor_id scale, cynf_tensor_id shift)
{
    y = scale < 0 ? y : binary(c, CYNF_ELT_MUL, y, scale);
    return shift < 0 ? y : binary(c, CYNF_ELT_ADD, y, shift);
}

static cynf_tensor_id layer_norm(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const uint32_t mask = normal_axes(c, x);
    const cynf_tensor_id y = centred(c, x, mask), inv = inverse_rms(c, y, mask, 1e-7), gamma = over_axes(c, 1, "gamma", x, mask);
    return cynf_cfg_bool(c, "rms_scaling", false) ? scaled(c, binary(c, CYNF_ELT_MUL, x, inv), gamma, CYNF_NO_TENSOR)
        : scaled(c, binary(c, CYNF_ELT_MUL, y, inv), gamma, over_axes(c, 2, "beta", x, mask));
}

static cynf_tensor_id rms_norm(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x"), y = binary(c, CYNF_ELT_MUL, x, inverse_rms(c, x, normal_axes(c, x), 1e-7));
    return cynf_call_arg(c, 1, "scale") ? binary(c, CYNF_ELT_MUL, y, operand(c, 1, "scale")) : y;
}

static cynf_tensor_id batch_norm(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const uint32_t mask = normal_axes(c, x);
    const cynf_tensor_id mean = over_axes(c, 1, "mean", x, mask), var = over_axes(c, 2, "variance", x, mask);
    const cynf_tensor_id inv = unary(c, unary(c, var, CYNF_ACT_AFFINE, 1, (float)cynf_cfg_number(c, "epsilon", 1e-3)), CYNF_ACT_RSQRT, 0, 0);
    const cynf_tensor_id y = binary(c, CYNF_ELT_MUL, binary(c, CYNF_ELT_SUB, x, mean), inv);
    return scaled(c, y, over_axes(c, 4, "scale", x, mask), over_axes(c, 3, "offset", x, mask));
}

/* Which of num_classes numbers there are along axis 1, or the only one. */
static cynf_tensor_id multi_hot(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "inputs");
    const int32_t n = cynf_cfg_int(c, "num_classes|num_tokens", 1, CYNF_REQUIRED);
    const int rank = cynf_shape_of(c, x).rank;
    if (c->g->status || rank < 1 || cynf_cfg_int(c, "axis", -CYNF_MAX_DIMS, -1) != -1)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only the last axis is supported");
    c->g->batch_mixed |= rank == 1;
    return cynf_g_reduce(c->g, cynf_one_hot(c, x, n), CYNF_REDUCE_MAX, rank > 1 ? 2u : 1u, false);
}

/* softmax(q k^T scale + bias) v of q [b, t, n, d], k and v [b, s, n or fewer, d]; what the mask [b, 1 or n, t, s] leaves out is -1e9 or so. */
static cynf_tensor_id dot_product_attention(cynf_lower *c)
{
    static const int32_t heads_first[4] = {0, 2, 1, 3}, turned[4] = {0, 2, 3, 1};
    cynf_tensor_id x[3];
    cynf_shape s[3];
    for (int i = 0; i < 3; i++) {
        x[i] = operand(c, i, i == 0 ? "query" : i == 1 ? "key" : "value");
        s[i] = cynf_shape_of(c, x[i]);
    }
    if (c->g->status || s[0].rank != 4 || s[1].rank != 4 || s[2].rank != 4 || s[0].d[2] % s[1].d[2] || s[1].d[2] != s[2].d[2] || cynf_cfg(c, "attn_logits_soft_cap"))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only query, key and value of 4 dimensions without attn_logits_soft_cap are supported");
    for (int i = 1; i < 3; i++)
        x[i] = cynf_g_repeat(c->g, x[i], (const int32_t[CYNF_MAX_DIMS]){1, 1, s[0].d[2] / s[1].d[2], 1, 1, 1, 1, 1});
    const double scale = number(c, 5, "scale", 1 / sqrt(s[1].d[3]));
    cynf_tensor_id y = cynf_g_gemm(c->g, cynf_g_transpose(c->g, x[0], heads_first), cynf_g_transpose(c->g, x[1], turned));
    y = unary(c, y, CYNF_ACT_AFFINE, (float)scale, 0);
    if (cynf_call_arg(c, 3, "bias"))
        y = binary(c, CYNF_ELT_ADD, y, operand(c, 3, "bias"));
    const cynf_tensor_id low = cynf_g_scalar(c->g, -0.7f * 3.4028234e38f);
    if (cynf_call_arg(c, 4, "mask"))
        y = cynf_g_select(c->g, operand(c, 4, "mask"), y, low);
    if (cynf_cfg_bool(c, "is_causal", false)) {
        const cynf_tensor_id later = cynf_greater(c, count_up(c, s[1].d[1], 0), count_up(c, s[0].d[1], 1));
        y = cynf_g_select(c->g, later, low, y);
    }
    y = cynf_g_gemm(c->g, cynf_g_softmax(c->g, y, CYNF_SOFTMAX, 1u << 3), cynf_g_transpose(c->g, x[2], heads_first));
    return cynf_g_transpose(c->g, y, heads_first);
}

/* ---- images ------------------------------------------------------------------------------------------------------------------------ */

/* The first of the two axes of an image's rows and columns. */
static int rows_axis(cynf_lower *c, cynf_tensor_id x)
{
    const int rank = cynf_shape_of(c, x).rank;
    if (rank != 3 && rank != 4)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "images of rank %d, expected 3 or 4", rank);
    return rank - 3 + cynf_cfg_channels_first(c);
}

static cynf_tensor_id rgb_to_grayscale(cynf_lower *c)
{
    static const float weight[3] = {0.2989f, 0.587f, 0.114f}, first = 0;
    const cynf_tensor_id x = operand(c, 0, "images");
    const int rank = cynf_shape_of(c, x).rank, axis = cynf_cfg_channels_first(c) ? rank - 3 : rank - 1;
    if (rank < 3 || cynf_shape_of(c, x).d[axis] != 3)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "images without an axis of 3 colours");
    return cynf_g_resample(c->g, x, axis, 1, 3, weight, &first);
}

/* PadImages, CropImages: what goes at each side; one of two opposite ones follows from the size to reach. */
static cynf_tensor_id framed(cynf_lower *c)
{
    static const char *const pads[4] = {"top_padding", "bottom_padding", "left_padding", "right_padding"};
    static const char *const crops[4] = {"top_cropping", "bottom_cropping", "left_cropping", "right_cropping"};
    const bool crop = class_name(c)[0] == 'C';
    const cynf_tensor_id x = operand(c, 0, "images");
    const int axis = rows_axis(c, x);
    cynf_shape size = cynf_shape_of(c, x);
    int32_t side[2][CYNF_MAX_DIMS] = {{0}};
    for (int i = 0; i < 2 && !c->g->status; i++) {
        const int at = axis + i;
        int32_t v[2], total = crop ? size.d[at] - cynf_cfg_int(c, i ? "target_width" : "target_height", 1, 0) : cynf_cfg_int(c, i ? "target_width" : "target_height", 1, 0) - size.d[at];
        for (int k = 0; k < 2; k++)
            v[k] = cynf_cfg_int(c, (crop ? crops : pads)[2 * i + k], 0, -1);
        for (int k = 0; k < 2; k++) {
            v[k] = v[k] < 0 ? total - v[1 - k] : v[k];
            if (v[k] < 0 || v[k] > 1 << 24)
                return cynf_graph_fail(c->g, CYNF_EFORMAT, "%s is %d", (crop ? crops : pads)[2 * i + k], v[k]);
            side[k][at] = v[k];
        }
        size.d[at] -= v[0] + v[1];
    }
    if (c->g->status)
        return CYNF_NO_TENSOR;
    return crop ? cynf_g_slice(c->g, x, side[0], size.d, NULL) : cynf_g_pad(c->g, x, side[0], side[1], 0);
}

static cynf_tensor_id space_to_depth(cynf_lower *c)
{
    const cynf_tensor_id given = operand(c, 0, "x");
    const bool first = cynf_cfg_channels_first(c);
    const cynf_tensor_id x = first ? cynf_channels_last(c, given) : given;
    const cynf_shape s = cynf_shape_of(c, x);
    const int32_t b = cynf_cfg_int(c, "block_size", 1, CYNF_REQUIRED);
    if (c->g->status || s.rank != 4 || b > 1 << 12 || s.d[1] % b || s.d[2] % b)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "block_size %d does not divide the image", b);
    const cynf_tensor_id y = cynf_g_reshape(c->g, x, &(cynf_shape){6, {s.d[0], s.d[1] / b, b, s.d[2] / b, b, s.d[3]}});
    const cynf_tensor_id z = cynf_g_reshape(c->g, cynf_g_transpose(c->g, y, (const int32_t[]){0, 1, 3, 2, 4, 5}), &(cynf_shape){4, {s.d[0], s.d[1] / b, s.d[2] / b, -1}});
    return first ? cynf_channels_first(c, z) : z;
}

/* Every window's pixels as channels: [b, windows down, windows across, kh kw channels]. */
static cynf_tensor_id extract_patches(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "images");
    const cynf_shape s = cynf_shape_of(c, x);
    const cynf_padding padding = cynf_cfg_padding(c, false);
    int32_t k[2], stride[2], d[2], out[2];
    if (s.rank != 4 || cynf_cfg_channels_first(c))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only a batch of images of channels_last is supported");
    if (!cynf_cfg_ints(c, "size", 2, k, 1, CYNF_REQUIRED) || !cynf_cfg_ints(c, "strides", 2, stride, 1, 0) || !cynf_cfg_ints(c, "dilation_rate", 2, d, 1, 1))
        return CYNF_NO_TENSOR;
    int32_t before[CYNF_MAX_DIMS] = {0}, after[CYNF_MAX_DIMS] = {0}, step[CYNF_MAX_DIMS] = {1, 1, 1, 1};
    for (int i = 0; i < 2; i++) {
        step[1 + i] = stride[i] ? stride[i] : k[i];
        out[i] = cynf_conv_length(s.d[1 + i], k[i], step[1 + i], d[i], padding, &before[1 + i]);
        const int64_t reach = (int64_t)(out[i] - 1) * step[1 + i] + (int64_t)(k[i] - 1) * d[i] + 1 - before[1 + i];
        if (out[i] < 1 || reach > INT32_MAX)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "windows of %d x %d pixels do not fit", k[0], k[1]);
        after[1 + i] = reach > s.d[1 + i] ? (int32_t)reach - s.d[1 + i] : 0;
    }
    const int64_t n = (int64_t)k[0] * k[1];
    cynf_tensor_id *part = n <= MAX_CONSTANT / 256 ? malloc((size_t)n * sizeof *part) : NULL;
    if (!part)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "windows of %d x %d pixels are not supported", k[0], k[1]);
    const cynf_tensor_id padded = cynf_g_pad(c->g, x, before, after, 0);
    for (int32_t i = 0; i < n; i++)
        part[i] = cynf_g_slice(c->g, padded, (const int32_t[CYNF_MAX_DIMS]){0, i / k[1] * d[0], i % k[1] * d[1], 0}, (const int32_t[CYNF_MAX_DIMS]){s.d[0], out[0], out[1], s.d[3]}, step);
    const cynf_tensor_id y = cynf_concat_all(c, part, (int32_t)n, 3);
    free(part);
    return y;
}

const cynf_layer_class cynf_layers_ops_nn[] = {
    OP_AS("Glu", glu, "axis", "eltwise")
    OP_AS("Threshold", threshold, "threshold, default_value", "eltwise")
    OP_AS("Sparsemax", sparsemax, "axis", "softmax")
    OP_AS("Moments", moments, "axes, keepdims", "reduce, eltwise")
    OP_AS("LayerNorm", layer_norm, "axis, epsilon, rms_scaling", "reduce, eltwise")
    OP_AS("RMSNorm", rms_norm, "axis, epsilon", "reduce, eltwise")
    OP_AS("BatchNorm", batch_norm, "axis, epsilon", "eltwise")
    OP_AS("MultiHot", multi_hot, "num_classes", "eltwise, reduce", "the last axis")
    OP_AS("DotProductAttention", dot_product_attention, "bias, mask, scale, is_causal, fewer heads of key and value", "gemm, softmax, eltwise", "attn_logits_soft_cap is refused")
    OP_AS("RGBToGrayscale", rgb_to_grayscale, "data_format", "resample")
    OP_AS("PadImages", framed, "all", "copy")
    OP("CropImages", framed)
    OP_AS("SpaceToDepth", space_to_depth, "block_size, data_format", "copy")
    OP_AS("ExtractPatches", extract_patches, "size, strides, dilation_rate, padding", "copy", "channels_last")
    {NULL, NULL, CYNF_ONE_INPUT},
};
