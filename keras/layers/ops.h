/* SPDX-License-Identifier: MIT */
/** What the files of keras.ops nodes share: operands, options and axes of a call. */
#ifndef CYNF_KERAS_OPS_H
#define CYNF_KERAS_OPS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "keras/layers/layer.h"

#define MAX_CONSTANT (1 << 20)
#define MAX_PAIRS (1 << 24) /* elements of a tensor of comparisons, one for each pair */

static inline cynf_tensor_id unary(cynf_lower *c, cynf_tensor_id x, cynf_act act, float a, float b) { return cynf_g_unary(c->g, x, act, a, b, 0); }
static inline cynf_tensor_id binary(cynf_lower *c, cynf_elt_kind kind, cynf_tensor_id p, cynf_tensor_id q) { return cynf_g_binary(c->g, kind, p, q); }

static inline cynf_tensor_id operand(cynf_lower *c, int position, const char *name)
{
    const cJSON *v = cynf_call_arg(c, position, name);
    if (!v && c->call && !c->call->args && position == 0 && c->call->n_positional)
        return c->in[0];
    if (!v && c->keras < 3 && position == 1)
        v = cynf_call_arg(c, -1, "y");
    return v ? cynf_operand(c, v) : cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "called without operand %d (%s)", position, name);
}

/* The other operand of a pair. Axes meet from the end, so the samples of one operand meet another axis of one that has more. */
static inline cynf_tensor_id second_operand(cynf_lower *c, int position)
{
    for (int32_t i = 1; i < c->n_in && !c->g->status; i++) {
        const int a = cynf_shape_of(c, c->in[0]).rank, b = cynf_shape_of(c, c->in[i]).rank;
        c->g->batch_mixed |= a && b && a != b;
    }
    return operand(c, position, "x2");
}

/* An option: in the config, or an argument of the call. */
static inline const cJSON *option(const cynf_lower *c, int position, const char *name)
{
    const cJSON *v = cynf_cfg(c, name);
    return v ? v : cynf_call_arg(c, position, name);
}

static inline double number(cynf_lower *c, int position, const char *name, double absent)
{
    const cJSON *v = option(c, position, name);
    if (v && !cJSON_IsNumber(v))
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "%s is not a number", name);
    return v && cJSON_IsNumber(v) ? v->valuedouble : absent;
}

/* One axis of x; the batch may be one, and then samples mix. */
static inline int axis_of(cynf_lower *c, cynf_tensor_id x, const cJSON *v, int absent)
{
    const int rank = cynf_shape_of(c, x).rank;
    double a = v && cJSON_IsNumber(v) ? v->valuedouble : absent;
    a += a < 0 ? rank : 0;
    if (c->g->status || a < 0 || a >= rank || a != floor(a)) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "axis %g is out of range for an operand of rank %d", a, rank);
        return 0;
    }
    if (!a)
        c->g->batch_mixed = true;
    return (int)a;
}

/* The axes of a reduction; without any, all. */
static inline uint32_t axes(cynf_lower *c, cynf_tensor_id x)
{
    const int rank = cynf_shape_of(c, x).rank;
    const cJSON *v = option(c, 1, "axis");
    const uint32_t mask = v ? cynf_cfg_axes(c, v, rank) : (1u << rank) - 1;
    if (mask & 1)
        c->g->batch_mixed = true;
    return mask;
}

static inline bool keepdims(const cynf_lower *c) { return cJSON_IsTrue(option(c, -1, "keepdims")); }

static inline const char *class_name(const cynf_lower *c) { return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c->json, "class_name")); }

/* All elements as one axis. */
static inline cynf_tensor_id flat(cynf_lower *c, cynf_tensor_id x)
{
    c->g->batch_mixed = true;
    return cynf_g_reshape(c->g, x, &(cynf_shape){1, {-1}});
}

/* 0, 1, ... as an axis of n elements with `after` axes of 1 behind it. */
static inline cynf_tensor_id count_up(cynf_lower *c, int32_t n, int after)
{
    cynf_shape s = {after + 1, {n, 1, 1, 1, 1, 1, 1, 1}};
    const cynf_tensor_id y = c->g->status ? CYNF_NO_TENSOR : cynf_g_const(c->g, &s, NULL);
    for (int32_t i = 0; y >= 0 && i < n; i++)
        c->g->t[y].data[i] = (float)i;
    return y;
}

/* The n pieces of one axis as the node's outputs: up to the indices of an array, else as equal as can be, the first ones longer; drop: of 1, without the axis. */
cynf_tensor_id cynf_cut(cynf_lower *c, cynf_tensor_id x, int axis, const cJSON *ends, int32_t n, bool drop);
/* Indices [n] along one axis, each below its size. */
cynf_tensor_id cynf_select_along(cynf_lower *c, cynf_tensor_id x, int axis, int32_t n, const int32_t *index);
/* The first k of the axis in order, of equals the first one first: the elements, or where they were. */
cynf_tensor_id cynf_ordered(cynf_lower *c, cynf_tensor_id x, int axis, int32_t k, bool descending, bool indices);

/** A line of a table of nodes: class, function, then its words for docs/layers.md; OP has those of the line before. */
#define OP_AS(name, fn, ...) {name, fn, CYNF_ANY_CALL, __VA_ARGS__},
#define OP(name, fn) {name, fn, CYNF_ANY_CALL},

#endif
