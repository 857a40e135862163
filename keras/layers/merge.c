/* SPDX-License-Identifier: MIT */
/** Layers of several inputs. */
#include <stdlib.h>
#include <string.h>

#include "keras/layers/layer.h"

/* Keras gives inputs of lower rank new axes right after the batch, unlike NumPy, which gives them before it. */
static cynf_tensor_id raise_rank(cynf_lower *c, cynf_tensor_id x, int rank)
{
    const cynf_shape s = cynf_shape_of(c, x);
    cynf_shape r = {rank, {s.d[0]}};
    const int new = rank - s.rank;
    for (int i = 1; i < rank; i++)
        r.d[i] = i <= new ? 1 : s.d[i - new];
    return cynf_g_reshape(c->g, x, &r);
}

/* A step counts if it does in any of the inputs; before Keras 3, if it does in all of them. Keras 3 lost the masks until 3.4. */
static cynf_tensor_id join(cynf_lower *c, cynf_tensor_id a, cynf_tensor_id b)
{
    return a < 0 ? b : cynf_g_binary(c->g, c->keras >= 3 ? CYNF_ELT_MAX : CYNF_ELT_MUL, a, b);
}

static bool masks_lost(const cynf_lower *c) { return c->keras == 3 && c->keras_minor < 4; }

static void merge_masks(cynf_lower *c)
{
    cynf_tensor_id y = CYNF_NO_TENSOR;
    int32_t masks = 0;
    for (int32_t i = 0; i < c->n_in; i++)
        if (c->mask[i] >= 0) {
            y = join(c, y, c->mask[i]);
            masks++;
        }
    if (masks && (c->keras < 3 || (masks == c->n_in && !masks_lost(c))))
        *c->out_mask = y;
}

/* Whether Multiply, Maximum or Minimum leaves out the steps that a mask says do not count, which Keras 3 does. */
static bool leaves_out(cynf_lower *c, cynf_elt_kind kind)
{
    bool any = false;
    for (int32_t i = 0; i < c->n_in; i++)
        any |= c->mask[i] >= 0;
    return any && c->keras >= 3 && !masks_lost(c) && (kind == CYNF_ELT_MUL || kind == CYNF_ELT_MAX || kind == CYNF_ELT_MIN);
}

/*
 * Their result so: a step that does not count is 1 in a product, and what the other inputs give in a maximum or minimum. Where no input counts the
 * product is 0; a mask [batch, steps] becomes [batch, steps, 1].
 */
static cynf_tensor_id fold_counted(cynf_lower *c, cynf_elt_kind kind)
{
    cynf_tensor_id y = CYNF_NO_TENSOR, counts = CYNF_NO_TENSOR;
    bool all = true;
    for (int32_t i = 0; i < c->n_in; i++) {
        cynf_tensor_id x = c->in[i];
        const int rank = cynf_shape_of(c, x).rank;
        const cynf_tensor_id mask = c->mask[i] < 0 ? c->mask[i] : cynf_expand(c, c->mask[i], 2);
        if (c->g->status || rank != cynf_shape_of(c, c->in[0]).rank || (mask >= 0 && rank != cynf_shape_of(c, mask).rank))
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "masked inputs of other than 3 dimensions are not supported here");
        all &= mask >= 0;
        if (kind == CYNF_ELT_MUL) {
            x = mask < 0 ? x : cynf_g_select(c->g, mask, x, cynf_g_scalar(c->g, 1));
        } else if (i) {
            x = mask < 0 ? x : cynf_g_select(c->g, mask, x, y);
            y = counts < 0 ? y : cynf_g_select(c->g, counts, y, x);
        }
        counts = !all ? CYNF_NO_TENSOR : counts < 0 ? mask : cynf_g_binary(c->g, CYNF_ELT_MAX, counts, mask);
        y = i ? cynf_g_binary(c->g, kind, y, x) : x;
    }
    return kind == CYNF_ELT_MUL && all ? cynf_g_select(c->g, counts, y, cynf_g_scalar(c->g, 0)) : y;
}

/* A layer is called with one list of tensors, the node of keras.ops of the same name with two operands. */
static bool is_op(const cynf_lower *c)
{
    return c->keras >= 3 && c->call && c->call->args && !cJSON_IsArray(cJSON_GetArrayItem(c->call->args, 0));
}

static cynf_tensor_id fold(cynf_lower *c, cynf_elt_kind kind)
{
    if (is_op(c))
        return cynf_op_binary(c, kind);
    int rank = 1;
    for (int32_t i = 0; i < c->n_in; i++)
        rank = cynf_shape_of(c, c->in[i]).rank > rank ? cynf_shape_of(c, c->in[i]).rank : rank;
    merge_masks(c);
    if (leaves_out(c, kind))
        return fold_counted(c, kind);
    cynf_tensor_id y = raise_rank(c, c->in[0], rank);
    for (int32_t i = 1; i < c->n_in; i++)
        y = cynf_g_binary(c->g, kind, y, raise_rank(c, c->in[i], rank));
    return y;
}

static cynf_tensor_id add(cynf_lower *c) { return fold(c, CYNF_ELT_ADD); }
static cynf_tensor_id multiply(cynf_lower *c) { return fold(c, CYNF_ELT_MUL); }
static cynf_tensor_id maximum(cynf_lower *c) { return fold(c, CYNF_ELT_MAX); }
static cynf_tensor_id minimum(cynf_lower *c) { return fold(c, CYNF_ELT_MIN); }

static cynf_tensor_id subtract(cynf_lower *c)
{
    return c->n_in == 2 || is_op(c) ? fold(c, CYNF_ELT_SUB) : cynf_graph_fail(c->g, CYNF_EFORMAT, "%d inputs, expected 2", c->n_in);
}

static cynf_tensor_id average(cynf_lower *c)
{
    if (is_op(c))
        return cynf_op_average(c);
    return cynf_g_unary(c->g, fold(c, CYNF_ELT_ADD), CYNF_ACT_AFFINE, 1.f / (float)c->n_in, 0, 0);
}

/* Along the steps the masks are joined, too; along another axis a step counts if any of its parts (before Keras 3: all of them) do. */
static void concatenate_masks(cynf_lower *c, int axis)
{
    bool any = false, all = true;
    for (int32_t i = 0; i < c->n_in; i++) {
        any |= c->mask[i] >= 0;
        all &= c->mask[i] >= 0;
    }
    if (!any || masks_lost(c) || (!all && c->keras >= 3 && axis != 1)) /* a part without mask counts everywhere */
        return;
    cynf_tensor_id *part = malloc((size_t)c->n_in * sizeof *part);
    if (!part) {
        cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
        return;
    }
    cynf_tensor_id y = CYNF_NO_TENSOR;
    for (int32_t i = 0; i < c->n_in; i++) {
        const cynf_shape s = cynf_shape_of(c, c->in[i]), steps = {2, {s.d[0], s.d[1]}};
        part[i] = c->mask[i] < 0 && axis == 1 ? cynf_g_unary(c->g, cynf_g_const(c->g, &steps, NULL), CYNF_ACT_AFFINE, 0, 1, 0) : c->mask[i];
        y = part[i] < 0 || axis == 1 ? y : join(c, y, part[i]);
    }
    *c->out_mask = axis == 1 ? cynf_concat_all(c, part, c->n_in, 1) : y;
    free(part);
}

static cynf_tensor_id concatenate(cynf_lower *c)
{
    int32_t axis = cynf_cfg_int(c, "axis|concat_axis", -CYNF_MAX_DIMS, -1);
    axis += axis < 0 ? cynf_shape_of(c, c->in[0]).rank : 0;
    if (axis == 0)
        c->g->batch_mixed = true;
    concatenate_masks(c, axis);
    return cynf_concat_all(c, c->in, c->n_in, axis);
}

/* x / sqrt(max(sum x^2, 1e-12)) along an axis */
static cynf_tensor_id l2_normalise(cynf_lower *c, cynf_tensor_id x, int axis)
{
    const cynf_tensor_id n2 = cynf_g_reduce(c->g, x, CYNF_REDUCE_SUMSQ, 1u << axis, true);
    const cynf_tensor_id n = cynf_g_unary(c->g, cynf_g_binary(c->g, CYNF_ELT_MAX, n2, cynf_g_scalar(c->g, 1e-12f)), CYNF_ACT_RSQRT, 0, 0, 0);
    return cynf_g_binary(c->g, CYNF_ELT_MUL, x, n);
}

/* The given axis goes last (or, for the second operand, right after the batch), the others become one. */
static cynf_tensor_id as_matrix(cynf_lower *c, cynf_tensor_id x, int axis, bool last)
{
    const cynf_shape s = cynf_shape_of(c, x);
    int32_t perm[CYNF_MAX_DIMS] = {0}, at = 1, rest = 1;
    if (!last)
        perm[at++] = axis;
    for (int i = 1; i < s.rank; i++)
        if (i != axis) {
            perm[at++] = i;
            rest *= s.d[i];
        }
    if (last)
        perm[at++] = axis;
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, x, perm), &(cynf_shape){3, {s.d[0], last ? rest : s.d[axis], last ? s.d[axis] : rest}});
}

/* y[b, i..., j...] = sum_k p[b, i..., k, ...] q[b, j..., k, ...] over one axis of each */
static cynf_tensor_id dot(cynf_lower *c)
{
    if (is_op(c))
        return cynf_op_dot(c);
    if (c->n_in != 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "%d inputs, expected 2", c->n_in);
    cynf_tensor_id x[2] = {c->in[0], c->in[1]};
    const cynf_shape s[2] = {cynf_shape_of(c, x[0]), cynf_shape_of(c, x[1])};
    int32_t axes[2];
    if (!cynf_cfg_ints(c, "axes|dot_axes", 2, axes, -CYNF_MAX_DIMS, CYNF_REQUIRED))
        return CYNF_NO_TENSOR;
    cynf_shape out = {1, {s[0].d[0]}};
    for (int i = 0; i < 2; i++) {
        axes[i] += axes[i] < 0 ? s[i].rank : 0;
        if (axes[i] < 1 || axes[i] >= s[i].rank)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "axes name axis %d of an input of rank %d", axes[i], s[i].rank);
        if (cynf_cfg_bool(c, "normalize", false))
            x[i] = l2_normalise(c, x[i], axes[i]);
        for (int j = 1; j < s[i].rank; j++)
            if (j != axes[i] && out.rank < CYNF_MAX_DIMS)
                out.d[out.rank++] = s[i].d[j];
    }
    if (out.rank == 1)
        out.d[out.rank++] = 1;
    return cynf_g_reshape(c->g, cynf_g_gemm(c->g, as_matrix(c, x[0], axes[0], true), as_matrix(c, x[1], axes[1], false)), &out);
}

/* Keras 1's one class for all of them; cos is the dot product of normalised vectors, with an axis more. */
static cynf_tensor_id merge(cynf_lower *c)
{
    static const struct {
        const char *mode;
        cynf_lower_fn *fn;
    } modes[] = {{"sum", add}, {"mul", multiply}, {"ave", average}, {"max", maximum}, {"concat", concatenate}, {"dot", dot}};
    const char *mode = cynf_cfg_text(c, "mode");
    for (size_t i = 0; mode && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(modes[i].mode, mode))
            return modes[i].fn(c);
    if (!mode || strcmp(mode, "cos") || c->n_in != 2)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "mode %s is not supported", mode ? mode : "with a function");
    int32_t axes[2];
    cynf_tensor_id x[2];
    if (!cynf_cfg_ints(c, "dot_axes", 2, axes, 1, 1))
        return CYNF_NO_TENSOR;
    for (int i = 0; i < 2; i++) {
        if (axes[i] >= cynf_shape_of(c, c->in[i]).rank)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "dot_axes name axis %d of an input of rank %d", axes[i], cynf_shape_of(c, c->in[i]).rank);
        x[i] = l2_normalise(c, c->in[i], axes[i]);
    }
    cynf_lower normal = *c;
    normal.in = x;
    return cynf_expand(c, dot(&normal), 1);
}

const cynf_layer_class cynf_layers_merge[] = {
    {"Add", add, CYNF_ANY_CALL,
        "any number of inputs, broadcasting", "eltwise"},
    {"Subtract", subtract, CYNF_ANY_CALL},
    {"Multiply", multiply, CYNF_ANY_CALL},
    {"Maximum", maximum, CYNF_ANY_CALL},
    {"Minimum", minimum, CYNF_ANY_CALL},
    {"Average", average, CYNF_ANY_CALL,
        "any number of inputs, broadcasting; as a node of keras.ops: axis, weights", "eltwise, reduce"},
    {"Concatenate", concatenate, CYNF_MANY_INPUTS,
        "axis but the batch", "copy", "parts are computed in place where they can be"},
    {"Dot", dot, CYNF_ANY_CALL,
        "axes, normalize; as a node of keras.ops: any ranks", "gemm, reduce, fc"},
    {"Merge", merge, CYNF_MANY_INPUTS,
        "Keras 1: modes sum, mul, ave, max, concat, dot, cos", "eltwise, copy, gemm, reduce", "of models where a Sequential begins with it; functions as mode are refused"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
