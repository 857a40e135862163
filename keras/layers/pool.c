/* SPDX-License-Identifier: MIT */
/** Pooling: windows, global, adaptive. */
#include <math.h>
#include <stdlib.h>

#include "keras/layers/layer.h"

static cynf_tensor_id window(cynf_lower *c, int n, cynf_pool_kind kind)
{
    const cynf_padding pad = cynf_cfg_padding(c, false);
    int32_t k[3], s[3];
    cynf_image im;
    if (!cynf_image_in(c, n, &im) || !cynf_cfg_ints(c, "pool_size|pool_length", n, k, 1, 2) || !cynf_cfg_ints(c, "strides|stride", n, s, 1, 0))
        return CYNF_NO_TENSOR;
    for (int i = 0; i < n; i++)
        s[i] = s[i] ? s[i] : k[i];
    const cynf_window w = {.kd = k[0], .kh = n == 1 ? 1 : k[n - 2], .kw = k[n - 1], .sd = s[0], .sh = n == 1 ? 1 : s[n - 2], .sw = s[n - 1],
        .pad_h = n == 1 ? CYNF_PAD_VALID : pad, .pad_w = pad};
    return cynf_image_out(c, &im, cynf_g_pool(c->g, im.x, kind, &w), NULL);
}

static cynf_tensor_id global(cynf_lower *c, int n, cynf_reduce_kind kind)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    const bool first = cynf_cfg_channels_first(c), keepdims = cynf_cfg_bool(c, "keepdims", false);
    if (rank != n + 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of %d dimensions", rank, n + 2);
    return cynf_g_reduce(c->g, c->in[0], kind, ((1u << n) - 1) << (first ? 2 : 1), keepdims);
}

/* Output j of out covers inputs floor(j in/out) to ceil((j + 1) in/out); a box of windows is a window of each axis in turn. */
static void bounds(int32_t in, int32_t out, int32_t j, int32_t *begin, int32_t *end)
{
    *begin = (int32_t)((int64_t)j * in / out);
    *end = (int32_t)(((int64_t)(j + 1) * in + out - 1) / out);
}

static cynf_tensor_id adaptive_mean(cynf_lower *c, cynf_tensor_id x, int axis, int32_t in, int32_t out)
{
    const int32_t taps = in / out + 2 < in ? in / out + 2 : in;
    float *w = calloc((size_t)out * (size_t)(taps + 1), sizeof *w), *first = w + (size_t)out * (size_t)taps;
    if (!w)
        return cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    for (int32_t j = 0; j < out; j++) {
        int32_t b, e;
        bounds(in, out, j, &b, &e);
        const int32_t f = b + taps <= in ? b : in - taps;
        first[j] = (float)f;
        for (int32_t t = b; t < e; t++)
            w[(int64_t)j * taps + t - f] = 1.f / (float)(e - b);
    }
    const cynf_tensor_id y = cynf_g_resample(c->g, x, axis, out, taps, w, first);
    free(w);
    return y;
}

static cynf_tensor_id adaptive_max(cynf_lower *c, cynf_tensor_id x, int axis, int32_t in, int32_t out)
{
    cynf_tensor_id part[CYNF_MAX_NODE_INPUTS];
    if (out > CYNF_MAX_NODE_INPUTS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "output_size %d; at most %d is supported", out, CYNF_MAX_NODE_INPUTS);
    for (int32_t j = 0; j < out; j++) {
        cynf_shape size = cynf_shape_of(c, x);
        int32_t begin[CYNF_MAX_DIMS] = {0}, e;
        bounds(in, out, j, &begin[axis], &e);
        size.d[axis] = e - begin[axis];
        part[j] = cynf_g_reduce(c->g, cynf_g_slice(c->g, x, begin, size.d, NULL), CYNF_REDUCE_MAX, 1u << axis, true);
    }
    return cynf_g_concat(c->g, part, out, axis);
}

static cynf_tensor_id adaptive(cynf_lower *c, int n, cynf_pool_kind kind)
{
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    const int first = cynf_cfg_channels_first(c) ? 2 : 1;
    int32_t out[3];
    cynf_tensor_id x = c->in[0];
    if (s.rank != n + 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of %d dimensions", s.rank, n + 2);
    if (!cynf_cfg_ints(c, "output_size", n, out, 1, CYNF_REQUIRED))
        return CYNF_NO_TENSOR;
    for (int i = 0; i < n && !c->g->status; i++) {
        const int axis = first + i;
        if (out[i] > s.d[axis])
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "output_size %d is larger than the input's %d", out[i], s.d[axis]);
        x = kind == CYNF_POOL_AVG ? adaptive_mean(c, x, axis, s.d[axis], out[i]) : adaptive_max(c, x, axis, s.d[axis], out[i]);
    }
    return x;
}

static cynf_tensor_id max1d(cynf_lower *c) { return window(c, 1, CYNF_POOL_MAX); }
static cynf_tensor_id max2d(cynf_lower *c) { return window(c, 2, CYNF_POOL_MAX); }
static cynf_tensor_id max3d(cynf_lower *c) { return window(c, 3, CYNF_POOL_MAX); }
static cynf_tensor_id avg1d(cynf_lower *c) { return window(c, 1, CYNF_POOL_AVG); }
static cynf_tensor_id avg2d(cynf_lower *c) { return window(c, 2, CYNF_POOL_AVG); }
static cynf_tensor_id avg3d(cynf_lower *c) { return window(c, 3, CYNF_POOL_AVG); }
static cynf_tensor_id global_max1d(cynf_lower *c) { return global(c, 1, CYNF_REDUCE_MAX); }
static cynf_tensor_id global_max2d(cynf_lower *c) { return global(c, 2, CYNF_REDUCE_MAX); }
static cynf_tensor_id global_max3d(cynf_lower *c) { return global(c, 3, CYNF_REDUCE_MAX); }
/* The mean over the steps that the mask keeps. */
static cynf_tensor_id global_avg1d(cynf_lower *c)
{
    const int32_t given = cynf_call_input(c, 1, "mask");
    const cynf_tensor_id mask = given >= 0 ? cynf_nonzero(c, c->in[given]) : c->mask[0];
    if (mask < 0 || cynf_shape_of(c, c->in[0]).rank != 3)
        return global(c, 1, CYNF_REDUCE_MEAN);
    const int axis = cynf_cfg_channels_first(c) ? 2 : 1;
    const bool keep = cynf_cfg_bool(c, "keepdims", false);
    const cynf_tensor_id m = cynf_expand(c, mask, 3 - axis), x = cynf_g_binary(c->g, CYNF_ELT_MUL, c->in[0], m);
    return cynf_g_binary(c->g, CYNF_ELT_DIV, cynf_g_reduce(c->g, x, CYNF_REDUCE_SUM, 1u << axis, keep), cynf_g_reduce(c->g, m, CYNF_REDUCE_SUM, 1u << axis, keep));
}

static cynf_tensor_id global_avg2d(cynf_lower *c) { return global(c, 2, CYNF_REDUCE_MEAN); }
static cynf_tensor_id global_avg3d(cynf_lower *c) { return global(c, 3, CYNF_REDUCE_MEAN); }
static cynf_tensor_id adaptive_max1d(cynf_lower *c) { return adaptive(c, 1, CYNF_POOL_MAX); }
static cynf_tensor_id adaptive_max2d(cynf_lower *c) { return adaptive(c, 2, CYNF_POOL_MAX); }
static cynf_tensor_id adaptive_max3d(cynf_lower *c) { return adaptive(c, 3, CYNF_POOL_MAX); }
static cynf_tensor_id adaptive_avg1d(cynf_lower *c) { return adaptive(c, 1, CYNF_POOL_AVG); }
static cynf_tensor_id adaptive_avg2d(cynf_lower *c) { return adaptive(c, 2, CYNF_POOL_AVG); }
static cynf_tensor_id adaptive_avg3d(cynf_lower *c) { return adaptive(c, 3, CYNF_POOL_AVG); }

/* Nodes of keras.ops, for any number of spatial dimensions. */
static cynf_tensor_id op_pool(cynf_lower *c, cynf_pool_kind kind)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    return rank >= 3 && rank <= 5 ? window(c, rank - 2, kind) : cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 3 to 5 dimensions", rank);
}

static cynf_tensor_id op_adaptive(cynf_lower *c, cynf_pool_kind kind)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    return rank >= 3 && rank <= 5 ? adaptive(c, rank - 2, kind) : cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 3 to 5 dimensions", rank);
}

static cynf_tensor_id op_adaptive_max(cynf_lower *c) { return op_adaptive(c, CYNF_POOL_MAX); }
static cynf_tensor_id op_adaptive_average(cynf_lower *c) { return op_adaptive(c, CYNF_POOL_AVG); }
static cynf_tensor_id op_max_pool(cynf_lower *c) { return op_pool(c, CYNF_POOL_MAX); }
static cynf_tensor_id op_average_pool(cynf_lower *c) { return op_pool(c, CYNF_POOL_AVG); }

const cynf_layer_class cynf_layers_pool[] = {
    {"MaxPooling1D", max1d, CYNF_ONE_INPUT,
        "pool_size, strides, padding valid, same, data_format", "pool"},
    {"MaxPooling2D", max2d, CYNF_ONE_INPUT},
    {"MaxPooling3D", max3d, CYNF_ONE_INPUT},
    {"AveragePooling1D", avg1d, CYNF_ONE_INPUT},
    {"AveragePooling2D", avg2d, CYNF_ONE_INPUT},
    {"AveragePooling3D", avg3d, CYNF_ONE_INPUT},
    {"GlobalMaxPooling1D", global_max1d, CYNF_ONE_INPUT,
        "keepdims, data_format", "reduce"},
    {"GlobalMaxPooling2D", global_max2d, CYNF_ONE_INPUT},
    {"GlobalMaxPooling3D", global_max3d, CYNF_ONE_INPUT},
    {"GlobalAveragePooling1D", global_avg1d, CYNF_ANY_CALL,
        "keepdims, data_format, mask", "reduce"},
    {"GlobalAveragePooling2D", global_avg2d, CYNF_ONE_INPUT,
        "keepdims, data_format", "reduce"},
    {"GlobalAveragePooling3D", global_avg3d, CYNF_ONE_INPUT},
    {"AdaptiveMaxPooling1D", adaptive_max1d, CYNF_ONE_INPUT,
        "output_size up to 64, data_format", "reduce, copy"},
    {"AdaptiveMaxPooling2D", adaptive_max2d, CYNF_ONE_INPUT},
    {"AdaptiveMaxPooling3D", adaptive_max3d, CYNF_ONE_INPUT},
    {"AdaptiveAveragePooling1D", adaptive_avg1d, CYNF_ONE_INPUT,
        "output_size, data_format", "resample"},
    {"AdaptiveAveragePooling2D", adaptive_avg2d, CYNF_ONE_INPUT},
    {"AdaptiveAveragePooling3D", adaptive_avg3d, CYNF_ONE_INPUT},
    {"MaxPool", op_max_pool, CYNF_ONE_INPUT,
        "nodes of keras.ops", "pool"},
    {"AveragePool", op_average_pool, CYNF_ONE_INPUT},
    {"AdaptiveMaxPool", op_adaptive_max, CYNF_ONE_INPUT,
        "node of keras.ops: output_size up to 64, data_format", "reduce, copy"},
    {"AdaptiveAveragePool", op_adaptive_average, CYNF_ONE_INPUT,
        "node of keras.ops: output_size, data_format", "resample"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
