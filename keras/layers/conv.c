/* SPDX-License-Identifier: MIT */
/**
 * Regular, depthwise and separable convolutions of sequences, images and volumes. Kernels are stored as [k...][in][out], depthwise ones as
 * [k...][in][multiplier]; Keras 1 with dim_ordering "th" has [out][in][k...], and its sequences are images of one column.
 */
#include "keras/layers/conv.h"

#include <string.h>

/* Keras 1 gives each size a key of its own. */
static bool kernel_size(cynf_lower *c, int n, int32_t *k)
{
    static const char *const keys[3][3] = {{"filter_length"}, {"nb_row", "nb_col"}, {"kernel_dim1", "kernel_dim2", "kernel_dim3"}};
    if (!cynf_cfg(c, keys[n - 1][0]))
        return cynf_cfg_ints(c, "kernel_size", n, k, 1, CYNF_REQUIRED);
    for (int i = 0; i < n; i++)
        k[i] = cynf_cfg_int(c, keys[n - 1][i], 1, CYNF_REQUIRED);
    return !c->g->status;
}

bool cynf_conv_begin(cynf_lower *c, int n, cynf_conv *v)
{
    *v = (cynf_conv){.k = {1, 1, 1}, .s = {1, 1, 1}, .d = {1, 1, 1}, .late_bias = CYNF_NO_TENSOR};
    v->pad = cynf_cfg_padding(c, n == 1);
    return cynf_image_in(c, n, &v->im) && kernel_size(c, n, v->k + 3 - n) && cynf_cfg_ints(c, "strides|subsample|subsample_length", n, v->s + 3 - n, 1, 1) &&
        cynf_cfg_ints(c, "dilation_rate|atrous_rate", n, v->d + 3 - n, 1, 1);
}

/* The taps, of n elements each, from the last to the first. */
static void turn(float *w, int32_t taps, size_t n)
{
    for (int32_t i = 0, j = taps - 1; i < j; i++, j--)
        for (size_t k = 0; k < n; k++) {
            const float t = w[(size_t)i * n + k];
            w[(size_t)i * n + k] = w[(size_t)j * n + k];
            w[(size_t)j * n + k] = t;
        }
}

cynf_tensor_id cynf_conv_kernel(cynf_lower *c, const cynf_conv *v, const char *names, int32_t a, int32_t b, bool swapped)
{
    const int n = v->im.n;
    const char *ordering = cynf_cfg_text(c, "dim_ordering");
    const bool theano = ordering && !strcmp(ordering, "th");
    const cynf_shape used = {5, {v->k[0], v->k[1], v->k[2], a, b}};
    cynf_shape s = {0};
    if (theano) {
        s.d[s.rank++] = b;
        s.d[s.rank++] = a;
    }
    for (int i = 3 - n; i < 3; i++)
        s.d[s.rank++] = v->k[i];
    if (c->keras == 1 && n == 1)
        s.d[s.rank++] = 1;
    if (!theano) {
        s.d[s.rank++] = swapped ? b : a;
        s.d[s.rank++] = swapped ? a : b;
    }
    const cynf_tensor_id w = names ? cynf_layer_weight(c, names, &s) : cynf_layer_kernel(c, &s);
    if (w < 0 || (!theano && !swapped)) {
        if (w >= 0)
            c->g->t[w].shape = used;
        if (w >= 0 && c->turned && !names)
            turn(c->g->t[w].data, v->k[0] * v->k[1] * v->k[2], (size_t)a * (size_t)b);
        return w;
    }
    const cynf_tensor_id y = cynf_g_const(c->g, &used, NULL);
    const int32_t taps = v->k[0] * v->k[1] * v->k[2];
    for (int32_t t = 0; y >= 0 && t < taps; t++)
        for (int32_t i = 0; i < a; i++)
            for (int32_t j = 0; j < b; j++)
                c->g->t[y].data[((size_t)t * (size_t)a + (size_t)i) * (size_t)b + (size_t)j] =
                    c->g->t[w].data[theano ? ((size_t)j * (size_t)a + (size_t)i) * (size_t)taps + (size_t)t : ((size_t)t * (size_t)b + (size_t)j) * (size_t)a + (size_t)i];
    if (y >= 0 && c->turned && !names)
        turn(c->g->t[y].data, taps, (size_t)a * (size_t)b);
    return y;
}

/*
 * Keras 3.7 and later on TensorFlow add the bias of a channels_first layer along the last axis when that has as many elements
 * (keras/src/backend/tensorflow/numpy.py: add() takes it for a bias of channels_last); what Keras computes is what counts.
 */
cynf_tensor_id cynf_conv_bias(cynf_lower *c, cynf_conv *v, int32_t filters, int32_t columns)
{
    const cynf_tensor_id bias = cynf_layer_bias(c, filters);
    if (bias < 0 || !v->im.first || !cynf_biases(c) || filters == 1 || columns != filters)
        return bias;
    v->late_bias = bias;
    return CYNF_NO_TENSOR;
}

cynf_tensor_id cynf_conv_end(cynf_lower *c, const cynf_conv *v, cynf_tensor_id y)
{
    const cJSON *activation = cynf_cfg(c, "activation");
    if (v->late_bias < 0)
        return cynf_image_out(c, &v->im, y, activation);
    y = cynf_image_out(c, &v->im, y, NULL);
    return cynf_activate(c, cynf_g_binary(c->g, CYNF_ELT_ADD, y, v->late_bias), activation);
}

cynf_tensor_id cynf_conv_slices(cynf_lower *c, cynf_tensor_id x, int32_t kd, int32_t dilation, int32_t stride, int32_t before, int32_t count, int32_t groups)
{
    const cynf_shape s = cynf_shape_of(c, x);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const int64_t last = (int64_t)(kd - 1) * dilation + (int64_t)(count - 1) * stride - before;
    const int32_t cg = s.d[4] / groups, front = before > 0 ? before : 0;
    int32_t lead[CYNF_MAX_DIMS] = {0, front}, trail[CYNF_MAX_DIMS] = {0}, begin[CYNF_MAX_DIMS] = {0};
    if (last > INT32_MAX || (int64_t)kd * groups > 1 << 16)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "a kernel of depth %d with %d groups is too large", kd, groups);
    trail[1] = last >= s.d[1] ? (int32_t)(last - s.d[1] + 1) : 0;
    const cynf_tensor_id padded = cynf_g_pad(c->g, x, lead, trail, 0);
    const int32_t size[CYNF_MAX_DIMS] = {s.d[0], count, s.d[2], s.d[3], cg}, step[CYNF_MAX_DIMS] = {1, stride, 1, 1, 1};
    cynf_tensor_id part[CYNF_MAX_NODE_INPUTS];
    int32_t n = 0;
    for (int32_t g = 0; g < groups; g++)
        for (int32_t t = 0; t < kd; t++) {
            begin[1] = t * dilation + (front - before);
            begin[4] = g * cg;
            if (n == CYNF_MAX_NODE_INPUTS) {
                part[0] = cynf_g_concat(c->g, part, n, 4);
                n = 1;
            }
            part[n++] = cynf_g_slice(c->g, padded, begin, size, step);
        }
    return cynf_g_reshape(c->g, cynf_g_concat(c->g, part, n, 4), &(cynf_shape){4, {s.d[0] * count, s.d[2], s.d[3], kd * s.d[4]}});
}

static cynf_window window(const cynf_conv *v, int32_t groups)
{
    /* A sequence is an image of one row. */
    return (cynf_window){.sh = v->s[1], .sw = v->s[2], .dh = v->d[1], .dw = v->d[2], .groups = groups, .pad_h = v->im.n == 1 ? CYNF_PAD_VALID : v->pad, .pad_w = v->pad};
}

cynf_tensor_id cynf_conv_kernel2d(cynf_lower *c, const cynf_conv *v, const char *names, int32_t a, int32_t b)
{
    const cynf_tensor_id w = cynf_conv_kernel(c, v, names, a, b, false);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, w, (const int32_t[]){1, 2, 0, 3, 4}), &(cynf_shape){4, {v->k[1], v->k[2], v->k[0] * a, b}});
}

cynf_tensor_id cynf_conv_apply(cynf_lower *c, const cynf_conv *v, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, int32_t groups)
{
    const cynf_shape s = cynf_shape_of(c, x);
    const cynf_window win = window(v, groups);
    if (s.rank < 5)
        return cynf_g_conv2d(c->g, x, w, bias, &win);
    int32_t before;
    const int32_t depth = cynf_conv_length(s.d[1], v->k[0], v->s[0], v->d[0], v->pad, &before);
    if (depth < 1)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "the kernel (depth: size %d, dilation %d) is larger than its input of shape size %d; no output is left", v->k[0], v->d[0], s.d[1]);
    const cynf_tensor_id y = cynf_g_conv2d(c->g, cynf_conv_slices(c, x, v->k[0], v->d[0], v->s[0], before, depth, groups), w, bias, &win);
    const cynf_shape o = cynf_shape_of(c, y);
    return cynf_g_reshape(c->g, y, &(cynf_shape){5, {s.d[0], depth, o.d[1], o.d[2], o.d[3]}});
}

/* ---- layers ------------------------------------------------------------------------------------------------------------- */

static int32_t columns(const cynf_lower *c, const cynf_conv *v)
{
    const cynf_shape s = cynf_shape_of(c, v->im.x);
    int32_t before;
    return cynf_conv_length(s.d[s.rank - 2], v->k[2], v->s[2], v->d[2], v->pad, &before);
}

static cynf_tensor_id regular(cynf_lower *c, int n)
{
    cynf_conv v;
    const int32_t filters = cynf_cfg_int(c, "filters|nb_filter", 1, CYNF_REQUIRED), groups = cynf_cfg_int(c, "groups", 1, 1);
    if (!cynf_conv_begin(c, n, &v))
        return CYNF_NO_TENSOR;
    if (v.im.channels % groups || filters % groups)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "groups = %d does not divide %d input channels and %d filters", groups, v.im.channels, filters);
    const cynf_tensor_id w = cynf_conv_kernel2d(c, &v, NULL, v.im.channels / groups, filters), bias = cynf_conv_bias(c, &v, filters, columns(c, &v));
    return cynf_conv_end(c, &v, cynf_conv_apply(c, &v, v.im.x, w, bias, groups));
}

static int32_t multiplier(cynf_lower *c, const cynf_conv *v)
{
    const int32_t m = cynf_cfg_int(c, "depth_multiplier", 1, 1);
    if ((int64_t)m * v->im.channels > INT32_MAX)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "depth_multiplier %d is too large for %d channels", m, v->im.channels);
    return m;
}

static cynf_tensor_id depthwise(cynf_lower *c, int n)
{
    cynf_conv v;
    if (!cynf_conv_begin(c, n, &v))
        return CYNF_NO_TENSOR;
    const cynf_window win = window(&v, 1);
    const int32_t m = multiplier(c, &v);
    const cynf_tensor_id w = cynf_conv_kernel2d(c, &v, "depthwise_kernel", v.im.channels, m);
    if (w < 0)
        return w;
    const cynf_tensor_id bias = cynf_conv_bias(c, &v, m * v.im.channels, columns(c, &v));
    return cynf_conv_end(c, &v, cynf_g_dwconv2d(c->g, v.im.x, w, bias, &win));
}

static cynf_tensor_id separable(cynf_lower *c, int n)
{
    cynf_conv v;
    const int32_t filters = cynf_cfg_int(c, "filters|nb_filter", 1, CYNF_REQUIRED);
    if (!cynf_conv_begin(c, n, &v))
        return CYNF_NO_TENSOR;
    const cynf_window win = window(&v, 1);
    const int32_t m = multiplier(c, &v), width = columns(c, &v);
    const cynf_tensor_id y = cynf_g_dwconv2d(c->g, v.im.x, cynf_conv_kernel2d(c, &v, "depthwise_kernel", v.im.channels, m), CYNF_NO_TENSOR, &win);
    if (y < 0)
        return y;
    v.k[1] = v.k[2] = 1;
    const cynf_tensor_id w = cynf_conv_kernel2d(c, &v, "pointwise_kernel", m * v.im.channels, filters), bias = cynf_conv_bias(c, &v, filters, width);
    return cynf_conv_end(c, &v, cynf_g_conv2d(c->g, y, w, bias, &(cynf_window){.sw = 1, .dw = 1}));
}

static cynf_tensor_id conv1d(cynf_lower *c) { return regular(c, 1); }
static cynf_tensor_id conv2d(cynf_lower *c) { return regular(c, 2); }
static cynf_tensor_id conv3d(cynf_lower *c) { return regular(c, 3); }
static cynf_tensor_id depthwise1d(cynf_lower *c) { return depthwise(c, 1); }
static cynf_tensor_id depthwise2d(cynf_lower *c) { return depthwise(c, 2); }
static cynf_tensor_id separable1d(cynf_lower *c) { return separable(c, 1); }
static cynf_tensor_id separable2d(cynf_lower *c) { return separable(c, 2); }

const cynf_layer_class cynf_layers_conv[] = {
    {"Conv1D", conv1d, CYNF_ONE_INPUT,
        "strides, dilation_rate, groups, padding valid, same, causal, data_format, LoRA", "conv2d"},
    {"Conv2D", conv2d, CYNF_ONE_INPUT,
        "strides, dilation_rate, groups, padding valid, same, data_format, LoRA", "conv2d", "channels_first: the bias goes where Keras 3 puts it, along the last axis if that has as many elements"},
    {"Conv3D", conv3d, CYNF_ONE_INPUT,
        "strides, dilation_rate, groups, padding valid, same, data_format, LoRA", "conv2d", "depth taps become input channels"},
    {"DepthwiseConv1D", depthwise1d, CYNF_ONE_INPUT,
        "strides, dilation_rate, depth_multiplier, padding valid, same, causal (1-D), data_format", "dwconv2d"},
    {"DepthwiseConv2D", depthwise2d, CYNF_ONE_INPUT},
    {"SeparableConv1D", separable1d, CYNF_ONE_INPUT,
        "strides, dilation_rate, depth_multiplier, padding valid, same, causal (1-D), data_format", "dwconv2d, conv2d", "both in one kernel (sepconv2d) where that is faster"},
    {"SeparableConv2D", separable2d, CYNF_ONE_INPUT},
    {"Convolution1D", conv1d, CYNF_ONE_INPUT,
        "Keras 1: subsample, border_mode, atrous_rate, dim_ordering tf and th", "conv2d"}, /* Keras 1 */
    {"Convolution2D", conv2d, CYNF_ONE_INPUT},
    {"Convolution3D", conv3d, CYNF_ONE_INPUT},
    {"AtrousConvolution1D", conv1d, CYNF_ONE_INPUT},
    {"AtrousConvolution2D", conv2d, CYNF_ONE_INPUT},
    {"SeparableConvolution2D", separable2d, CYNF_ONE_INPUT,
        "Keras 1: subsample, border_mode, depth_multiplier, dim_ordering tf and th", "dwconv2d, conv2d"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
