/* SPDX-License-Identifier: MIT */
/** Layers that spread the values of an image: AutoContrast, ContrastLimitedAdaptiveHistogramEqualization. */
#include <math.h>
#include <stdlib.h>

#include "keras/layers/layer.h"

#define LEVELS 256
#define MAX_ELEMENTS (1 << 26)

static cynf_tensor_id binary(cynf_lower *c, cynf_elt_kind kind, cynf_tensor_id p, cynf_tensor_id q) { return cynf_g_binary(c->g, kind, p, q); }
static cynf_tensor_id affine(cynf_lower *c, cynf_tensor_id x, double a, double b) { return a == 1 && b == 0 ? x : cynf_g_unary(c->g, x, CYNF_ACT_AFFINE, (float)a, (float)b, 0); }
static cynf_tensor_id clip(cynf_lower *c, cynf_tensor_id x, double a, double b) { return cynf_g_unary(c->g, x, CYNF_ACT_CLIP, (float)a, (float)b, 0); }

/* value_range; false after an error */
static bool range_of(cynf_lower *c, double *low, double *size)
{
    float v[2] = {0, 255};
    const int32_t n = cynf_cfg_floats(c, "value_range", v, 2);
    *low = (double)v[0];
    *size = (double)v[1] - (double)v[0];
    if ((n && n != 2) || *size == 0)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "value_range is not a list of two different numbers");
    return !c->g->status;
}

/* Every channel of every image from 0 to 255; a channel of one value stays as it is. */
static cynf_tensor_id auto_contrast(cynf_lower *c)
{
    double first, size;
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    if (s.rank != 4)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 4 dimensions", s.rank);
    if (!range_of(c, &first, &size))
        return CYNF_NO_TENSOR;
    const cynf_tensor_id x = affine(c, c->in[0], 255 / size, -first * 255 / size);
    const cynf_tensor_id low = cynf_g_reduce(c->g, x, CYNF_REDUCE_MIN, 6, true), high = cynf_g_reduce(c->g, x, CYNF_REDUCE_MAX, 6, true);
    const cynf_tensor_id scale = binary(c, CYNF_ELT_DIV, cynf_g_scalar(c->g, 255), binary(c, CYNF_ELT_SUB, high, low));
    const cynf_tensor_id y = affine(c, clip(c, binary(c, CYNF_ELT_MUL, binary(c, CYNF_ELT_SUB, x, low), scale), 0, 255), size / 255, first);
    return cynf_g_select(c->g, binary(c, CYNF_ELT_EQUAL, y, y), y, c->in[0]);
}

/* [n, rows, columns, ...] with the first and the last index of an axis repeated once more. */
static cynf_tensor_id extended(cynf_lower *c, cynf_tensor_id x, int axis)
{
    return cynf_pad_mirrored(c, x, axis, 1, 1, true);
}

/* Between the middles of tiles of size elements, over the first n elements of the axis. */
static cynf_tensor_id between(cynf_lower *c, cynf_tensor_id x, int axis, int32_t size, int32_t n)
{
    float *table = malloc(3 * (size_t)n * sizeof *table);
    if (!table)
        return cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    for (int32_t i = 0; i < n; i++) {
        const double at = (i - size / 2.0) / size + 1, first = floor(at);
        table[2 * i] = (float)(1 - (at - first));
        table[2 * i + 1] = (float)(at - first);
        table[2 * n + i] = (float)first;
    }
    const cynf_tensor_id y = cynf_g_resample(c->g, x, axis, n, 2, table, table + 2 * (size_t)n);
    free(table);
    return y;
}

/*
 * Zuiderveld, "Contrast Limited Adaptive Histogram Equalization" (1994), as Keras has it: the histogram of each tile of each channel, what exceeds the limit
 * spread over all levels, its running sum from 0 to 255; a pixel's value is looked up in those of the four nearest tiles.
 */
static cynf_tensor_id clahe(cynf_lower *c)
{
    const bool channels_first = cynf_cfg_channels_first(c);
    const double limit = cynf_cfg_number(c, "clip_limit", 4);
    double first, size;
    int32_t grid[2];
    const cynf_tensor_id given = channels_first ? cynf_channels_last(c, c->in[0]) : c->in[0];
    const cynf_shape s = cynf_shape_of(c, given);
    if (s.rank != 4)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 4 dimensions", s.rank);
    if (!range_of(c, &first, &size) || !cynf_cfg_ints(c, "tile_grid_size", 2, grid, 1, 8))
        return CYNF_NO_TENSOR;
    const int32_t n = s.d[0], h = s.d[1], w = s.d[2], channels = s.d[3], gh = grid[0], gw = grid[1], th = (h - 1) / gh + 1, tw = (w - 1) / gw + 1;
    if ((int64_t)n * th * gh * tw * gw * channels > MAX_ELEMENTS / LEVELS || th * gh > 2 * h || tw * gw > 2 * w)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "images of %d pixels and channels in %d x %d tiles are not supported; at most %d", h * w * channels, gh, gw,
            MAX_ELEMENTS / LEVELS);
    const cynf_tensor_id x = affine(c, given, 255 / size, -first * 255 / size);
    const cynf_tensor_id padded = cynf_pad_mirrored(c, cynf_pad_mirrored(c, x, 1, 0, th * gh - h, true), 2, 0, tw * gw - w, true);
    const cynf_tensor_id level = cynf_one_hot(c, cynf_whole(c, clip(c, padded, 0, 255)), LEVELS); /* [n, rows, columns, channels, levels] */
    /* One tile's rows, then its columns: [n, gh, gw, channels, levels] */
    cynf_tensor_id hist = cynf_g_reshape(c->g, level, &(cynf_shape){7, {n, gh, th, gw, tw, channels, LEVELS}});
    hist = cynf_g_reduce(c->g, hist, CYNF_REDUCE_SUM, 1u << 2 | 1u << 4, false);
    if (limit > 0) {
        const cynf_tensor_id clipped = clip(c, hist, 0, limit * (th * tw) / LEVELS);
        const cynf_tensor_id excess = cynf_g_reduce(c->g, binary(c, CYNF_ELT_SUB, hist, clipped), CYNF_REDUCE_SUM, 1u << 4, true);
        hist = binary(c, CYNF_ELT_ADD, clipped, affine(c, excess, 1.0 / LEVELS, 0));
    }
    const cynf_tensor_id upper = cynf_g_const(c->g, &(cynf_shape){2, {LEVELS, LEVELS}}, NULL);
    for (int i = 0; upper >= 0 && i < LEVELS; i++)
        for (int j = i; j < LEVELS; j++)
            c->g->t[upper].data[i * LEVELS + j] = 1;
    const cynf_tensor_id sums = cynf_g_fc(c->g, hist, upper, CYNF_NO_TENSOR), least = cynf_take(c, sums, 4, 0, 1), most = affine(c, least, -1, th * tw);
    const cynf_tensor_id divisor = cynf_g_select(c->g, most, most, cynf_g_scalar(c->g, 1));
    cynf_tensor_id map = clip(c, binary(c, CYNF_ELT_DIV, affine(c, binary(c, CYNF_ELT_SUB, sums, least), 255, 0), divisor), 0, 255);
    map = between(c, between(c, extended(c, extended(c, map, 1), 2), 1, th, h), 2, tw, w);
    const cynf_tensor_id here = cynf_take(c, cynf_take(c, level, 1, 0, h), 2, 0, w);
    const cynf_tensor_id y = affine(c, cynf_g_reduce(c->g, binary(c, CYNF_ELT_MUL, map, here), CYNF_REDUCE_SUM, 1u << 4, false), size / 255, first);
    return channels_first ? cynf_channels_first(c, y) : y;
}

const cynf_layer_class cynf_layers_contrast[] = {
    {"AutoContrast", auto_contrast, CYNF_ONE_INPUT,
        "value_range", "reduce, eltwise"},
    {"ContrastLimitedAdaptiveHistogramEqualization", clahe, CYNF_ONE_INPUT,
        "value_range, clip_limit, tile_grid_size, data_format", "eltwise, reduce, fc, resample", "images of at most 2^18 pixels and channels"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
