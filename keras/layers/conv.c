/* SPDX-License-Identifier: MIT */
/** Regular, depthwise and separable convolutions of sequences and images. Kernels are stored as [k...][in][out], depthwise ones as [k...][in][multiplier]. */
#include "keras/layers/layer.h"

/* What all of them have in common. */
typedef struct conv {
    cynf_image im;
    cynf_window win;
    int32_t k[2];
} conv;

static bool begin(cynf_lower *c, int n, conv *v)
{
    const cynf_padding pad = cynf_cfg_padding(c, n == 1);
    int32_t s[2], d[2];
    *v = (conv){.k = {1, 1}};
    if (!cynf_image_in(c, n, &v->im) || !cynf_cfg_ints(c, "kernel_size", n, v->k, 1, CYNF_REQUIRED) || !cynf_cfg_ints(c, "strides", n, s, 1, 1) ||
        !cynf_cfg_ints(c, "dilation_rate", n, d, 1, 1))
        return false;
    /* A sequence is an image of one row. */
    v->win = (cynf_window){.sh = n == 1 ? 1 : s[0], .sw = s[n - 1], .dh = n == 1 ? 1 : d[0], .dw = d[n - 1], .pad_h = n == 1 ? CYNF_PAD_VALID : pad, .pad_w = pad};
    return true;
}

/* A kernel weight [k...][a][b], used as [kh][kw][a][b]. names NULL: the kernel of a regular convolution. */
static cynf_tensor_id kernel(cynf_lower *c, const conv *v, const char *names, int32_t a, int32_t b)
{
    const int n = v->im.n;
    const cynf_shape s = n == 1 ? (cynf_shape){3, {v->k[0], a, b}} : (cynf_shape){4, {v->k[0], v->k[1], a, b}};
    const cynf_tensor_id w = names ? cynf_layer_weight(c, names, &s) : cynf_layer_kernel(c, &s);
    if (w >= 0)
        c->g->t[w].shape = (cynf_shape){4, {n == 1 ? 1 : v->k[0], v->k[n - 1], a, b}};
    return w;
}

/*
 * Bias and activation. Keras 3 on TensorFlow adds the bias of a channels_first layer along the last axis when that has as many elements
 * (keras/src/backend/tensorflow/numpy.py: add() takes it for a bias of channels_last); what Keras computes is what counts.
 */
typedef cynf_tensor_id conv_fn(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, const cynf_window *win);

static cynf_tensor_id finish(cynf_lower *c, const conv *v, conv_fn *fn, cynf_tensor_id x, cynf_tensor_id w, const cynf_window *win, int32_t filters)
{
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const cJSON *activation = cynf_cfg(c, "activation");
    const cynf_tensor_id bias = cynf_layer_bias(c, filters);
    int32_t before;
    const int32_t width = cynf_conv_length(cynf_shape_of(c, x).d[2], cynf_shape_of(c, w).d[1], win->sw, win->dw, win->pad_w, &before);
    if (bias < 0 || !v->im.first || c->keras < 3 || filters == 1 || width != filters)
        return cynf_image_out(c, &v->im, fn(c->g, x, w, bias, win), activation);
    const cynf_tensor_id y = cynf_image_out(c, &v->im, fn(c->g, x, w, CYNF_NO_TENSOR, win), NULL);
    return cynf_activate(c, cynf_g_binary(c->g, CYNF_ELT_ADD, y, bias), activation);
}

static cynf_tensor_id regular(cynf_lower *c, int n)
{
    conv v;
    const int32_t filters = cynf_cfg_int(c, "filters", 1, CYNF_REQUIRED), groups = cynf_cfg_int(c, "groups", 1, 1);
    if (!begin(c, n, &v))
        return CYNF_NO_TENSOR;
    if (v.im.channels % groups || filters % groups)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "groups = %d does not divide %d input channels and %d filters", groups, v.im.channels, filters);
    v.win.groups = groups;
    return finish(c, &v, cynf_g_conv2d, v.im.x, kernel(c, &v, NULL, v.im.channels / groups, filters), &v.win, filters);
}

static int32_t multiplier(cynf_lower *c, const conv *v)
{
    const int32_t m = cynf_cfg_int(c, "depth_multiplier", 1, 1);
    if ((int64_t)m * v->im.channels > INT32_MAX)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "depth_multiplier %d is too large for %d channels", m, v->im.channels);
    return m;
}

static cynf_tensor_id depthwise(cynf_lower *c, int n)
{
    conv v;
    if (!begin(c, n, &v))
        return CYNF_NO_TENSOR;
    const int32_t m = multiplier(c, &v);
    const cynf_tensor_id w = kernel(c, &v, "depthwise_kernel", v.im.channels, m);
    return w < 0 ? w : finish(c, &v, cynf_g_dwconv2d, v.im.x, w, &v.win, m * v.im.channels);
}

static cynf_tensor_id separable(cynf_lower *c, int n)
{
    conv v;
    const int32_t filters = cynf_cfg_int(c, "filters", 1, CYNF_REQUIRED);
    if (!begin(c, n, &v))
        return CYNF_NO_TENSOR;
    const int32_t m = multiplier(c, &v);
    const cynf_tensor_id dw = kernel(c, &v, "depthwise_kernel", v.im.channels, m), y = cynf_g_dwconv2d(c->g, v.im.x, dw, CYNF_NO_TENSOR, &v.win);
    if (y < 0)
        return y;
    v.k[0] = v.k[1] = 1;
    return finish(c, &v, cynf_g_conv2d, y, kernel(c, &v, "pointwise_kernel", m * v.im.channels, filters), &(cynf_window){.sw = 1, .dw = 1}, filters);
}

static cynf_tensor_id conv1d(cynf_lower *c) { return regular(c, 1); }
static cynf_tensor_id conv2d(cynf_lower *c) { return regular(c, 2); }
static cynf_tensor_id depthwise1d(cynf_lower *c) { return depthwise(c, 1); }
static cynf_tensor_id depthwise2d(cynf_lower *c) { return depthwise(c, 2); }
static cynf_tensor_id separable1d(cynf_lower *c) { return separable(c, 1); }
static cynf_tensor_id separable2d(cynf_lower *c) { return separable(c, 2); }

const cynf_layer_class cynf_layers_conv[] = {
    {"Conv1D", conv1d, false},
    {"Conv2D", conv2d, false},
    {"DepthwiseConv1D", depthwise1d, false},
    {"DepthwiseConv2D", depthwise2d, false},
    {"SeparableConv1D", separable1d, false},
    {"SeparableConv2D", separable2d, false},
    {NULL, NULL, false},
};
