/* SPDX-License-Identifier: MIT */
/** Layers that move elements: Flatten, Reshape, Permute, RepeatVector, padding, cropping. */
#include <string.h>

#include "keras/layers/layer.h"

static cynf_tensor_id flatten(cynf_lower *c)
{
    cynf_tensor_id x = c->in[0];
    const cynf_shape s = cynf_shape_of(c, x);
    if (cynf_cfg_channels_first(c) && s.rank > 2)
        x = cynf_channels_last(c, x);
    return cynf_g_reshape(c->g, x, &(cynf_shape){2, {s.d[0], (int32_t)(cynf_shape_elems(&s) / (size_t)s.d[0])}});
}

static cynf_tensor_id reshape(cynf_lower *c)
{
    const cJSON *list = cynf_cfg(c, "target_shape|dims");
    if (!list && cynf_cfg(c, "newshape|shape"))
        return cynf_op_reshape(c);
    const int n = cJSON_GetArraySize(list);
    cynf_shape s = {n + 1, {cynf_shape_of(c, c->in[0]).d[0]}};
    if (!cJSON_IsArray(list) || n >= CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "target_shape is not a list of at most %d dimensions", CYNF_MAX_DIMS - 1);
    if (n && !cynf_cfg_ints(c, "target_shape|dims", n, s.d + 1, -1, CYNF_REQUIRED))
        return CYNF_NO_TENSOR;
    return cynf_g_reshape(c->g, c->in[0], &s);
}

static cynf_tensor_id permute(cynf_lower *c)
{
    const int n = cynf_shape_of(c, c->in[0]).rank - 1;
    int32_t perm[CYNF_MAX_DIMS] = {0};
    return n < 1 || cynf_cfg_ints(c, "dims", n, perm + 1, 1, CYNF_REQUIRED) ? cynf_g_transpose(c->g, c->in[0], perm) : CYNF_NO_TENSOR;
}

static cynf_tensor_id repeat_vector(cynf_lower *c)
{
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    if (s.rank != 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 2 dimensions", s.rank);
    const int32_t counts[CYNF_MAX_DIMS] = {1, cynf_cfg_int(c, "n", 1, CYNF_REQUIRED), 1};
    return cynf_g_repeat(c->g, cynf_g_reshape(c->g, c->in[0], &(cynf_shape){3, {s.d[0], 1, s.d[1]}}), counts);
}

/* An amount before and after each of n axes: one number for all, a number an axis, or a pair an axis (the pairs may be one flat list, as Keras 1 writes it). */
static bool amounts(cynf_lower *c, const char *key, int n, int32_t *before, int32_t *after, int32_t absent)
{
    const cJSON *v = cynf_cfg(c, key), *axis = cJSON_IsArray(v) ? v->child : NULL;
    if (!cJSON_IsArray(axis) && cJSON_GetArraySize(v) == 2 * n) {
        int32_t flat[2 * CYNF_MAX_DIMS];
        if (!cynf_cfg_ints(c, key, 2 * n, flat, 0, CYNF_REQUIRED))
            return false;
        for (int i = 0; i < n; i++) {
            before[i] = flat[2 * i];
            after[i] = flat[2 * i + 1];
        }
        return true;
    }
    if (!cJSON_IsArray(axis)) {
        if (!cynf_cfg_ints(c, key, n, before, 0, absent))
            return false;
        memcpy(after, before, (size_t)n * sizeof *after);
        return true;
    }
    int i = 0;
    for (; axis && i < n; axis = axis->next, i++) {
        const cJSON *b = axis->child, *a = b ? b->next : NULL;
        const bool pair = cJSON_IsArray(axis) && cJSON_IsNumber(b) && cJSON_IsNumber(a) && !a->next;
        if (!pair || !(b->valuedouble >= 0 && b->valuedouble < 1 << 30) || !(a->valuedouble >= 0 && a->valuedouble < 1 << 30))
            break;
        before[i] = (int32_t)b->valuedouble;
        after[i] = (int32_t)a->valuedouble;
    }
    if (axis || i < n)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%s is not a list of %d pairs of whole numbers of at least 0", key, n);
    return !axis && i == n;
}

/* Rank check; the first spatial axis. */
static int spatial(cynf_lower *c, int n)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank, first = n > 1 && cynf_cfg_channels_first(c) ? 2 : 1;
    if (rank != n + 2)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of %d dimensions", rank, n + 2);
    return first;
}

static cynf_tensor_id zero_padding(cynf_lower *c, int n)
{
    int32_t before[CYNF_MAX_DIMS] = {0}, after[CYNF_MAX_DIMS] = {0};
    const int first = spatial(c, n);
    return amounts(c, "padding", n, before + first, after + first, 1) ? cynf_g_pad(c->g, c->in[0], before, after, 0) : CYNF_NO_TENSOR;
}

static cynf_tensor_id cropping(cynf_lower *c, int n)
{
    int32_t before[CYNF_MAX_DIMS] = {0}, after[CYNF_MAX_DIMS] = {0};
    const int first = spatial(c, n);
    if (!amounts(c, "cropping", n, before + first, after + first, n == 2 ? 0 : 1))
        return CYNF_NO_TENSOR;
    cynf_shape s = cynf_shape_of(c, c->in[0]);
    for (int i = 0; i < s.rank; i++) {
        const int64_t left = (int64_t)s.d[i] - before[i] - after[i];
        if (left < 1)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "cropping of %d and %d leaves nothing of axis %d of size %d", before[i], after[i], i, s.d[i]);
        s.d[i] = (int32_t)left;
    }
    return cynf_g_slice(c->g, c->in[0], before, s.d, NULL);
}

static cynf_tensor_id pad1d(cynf_lower *c) { return zero_padding(c, 1); }
static cynf_tensor_id pad2d(cynf_lower *c) { return zero_padding(c, 2); }
static cynf_tensor_id pad3d(cynf_lower *c) { return zero_padding(c, 3); }
static cynf_tensor_id crop1d(cynf_lower *c) { return cropping(c, 1); }
static cynf_tensor_id crop2d(cynf_lower *c) { return cropping(c, 2); }
static cynf_tensor_id crop3d(cynf_lower *c) { return cropping(c, 3); }

const cynf_layer_class cynf_layers_shape[] = {
    {"Flatten", flatten, CYNF_ONE_INPUT,
        "data_format", "none"},
    {"Reshape", reshape, CYNF_ANY_CALL,
        "target_shape with one -1", "none"},
    {"Permute", permute, CYNF_ONE_INPUT,
        "dims", "copy"},
    {"RepeatVector", repeat_vector, CYNF_ONE_INPUT,
        "n", "copy"},
    {"ZeroPadding1D", pad1d, CYNF_ONE_INPUT,
        "padding: a number, one an axis, a pair an axis; data_format", "copy", "folded into a convolution that follows"},
    {"ZeroPadding2D", pad2d, CYNF_ONE_INPUT},
    {"ZeroPadding3D", pad3d, CYNF_ONE_INPUT},
    {"Cropping1D", crop1d, CYNF_ONE_INPUT,
        "cropping: a number, one an axis, a pair an axis; data_format", "copy"},
    {"Cropping2D", crop2d, CYNF_ONE_INPUT},
    {"Cropping3D", crop3d, CYNF_ONE_INPUT},
    {NULL, NULL, CYNF_ONE_INPUT},
};
