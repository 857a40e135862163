/* SPDX-License-Identifier: MIT */
/** Nodes of keras.ops that move, cut, join and fill elements, but for those that layers have, too. */
#include "keras/layers/ops.h"

/* Numbers of a list, or one number for a list of one; their count, or -1 after an error. */
static int whole_numbers(cynf_lower *c, const cJSON *v, const char *name, int32_t out[CYNF_MAX_DIMS])
{
    int n = 0;
    for (const cJSON *e = cJSON_IsArray(v) ? v->child : v; e && n >= 0; e = cJSON_IsArray(v) ? e->next : NULL) {
        if (!cJSON_IsNumber(e) || fabs(e->valuedouble) > 1 << 30 || n == CYNF_MAX_DIMS)
            n = -1;
        else
            out[n++] = (int32_t)e->valuedouble;
    }
    if (n < 1)
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "%s is not a list of at most %d whole numbers", name, CYNF_MAX_DIMS);
    return n < 1 ? -1 : n;
}

/* Axes [n] of a tensor of that rank; false after an error. */
static bool axis_list(cynf_lower *c, int n, int32_t *axis, int rank)
{
    uint32_t seen = 0;
    for (int i = 0; i < n; i++) {
        axis[i] += axis[i] < 0 ? rank : 0;
        if (axis[i] < 0 || axis[i] >= rank || seen >> axis[i] & 1)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "axes are out of range for an operand of rank %d, or named twice", rank) >= 0;
        seen |= 1u << axis[i];
    }
    return true;
}

static cynf_tensor_id moved(cynf_lower *c, cynf_tensor_id x, int n, const int32_t *from, const int32_t *to)
{
    const int rank = cynf_shape_of(c, x).rank;
    int32_t perm[CYNF_MAX_DIMS];
    uint32_t taken = 0;
    for (int i = 0; i < CYNF_MAX_DIMS; i++)
        perm[i] = -1;
    for (int i = 0; i < n; i++) {
        perm[to[i]] = from[i];
        taken |= 1u << from[i];
    }
    for (int i = 0, next = 0; i < rank; i++)
        if (perm[i] < 0) {
            while (taken >> next & 1)
                next++;
            perm[i] = next++;
        }
    c->g->batch_mixed |= perm[0] > 0;
    return c->g->status ? CYNF_NO_TENSOR : cynf_g_transpose(c->g, x, perm);
}

static cynf_tensor_id move_axis(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const int rank = cynf_shape_of(c, x).rank;
    int32_t from[CYNF_MAX_DIMS], to[CYNF_MAX_DIMS];
    const int n = whole_numbers(c, option(c, 1, "source"), "source", from), m = whole_numbers(c, option(c, 2, "destination"), "destination", to);
    if (c->g->status || n != m || !axis_list(c, n, from, rank) || !axis_list(c, n, to, rank))
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "source and destination are not lists of the same length");
    return moved(c, x, n, from, to);
}

static cynf_tensor_id ravel(cynf_lower *c) { return flat(c, operand(c, 0, "x")); }

/* x with leading axes of 1 up to a rank, then repeated up to sizes; the batch stays what it is. */
static cynf_tensor_id broadcast_to(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x");
    const cynf_shape s = cynf_shape_of(c, x);
    cynf_shape wide = {0};
    int32_t size[CYNF_MAX_DIMS], counts[CYNF_MAX_DIMS];
    const cJSON *list = option(c, 1, "shape");
    const int n = cJSON_GetArraySize(list);
    if (c->g->status || n < s.rank || n > CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "shape is not a list of %d to %d dimensions", s.rank, CYNF_MAX_DIMS);
    for (int i = 0; i < n; i++) {
        const cJSON *e = cJSON_GetArrayItem(list, i);
        const int32_t own = i < n - s.rank ? 1 : s.d[i - n + s.rank];
        wide.d[wide.rank++] = own;
        size[i] = (i == 0 && n == s.rank) || !cJSON_IsNumber(e) || e->valuedouble > 1 << 30 ? own : (int32_t)e->valuedouble;
        if (size[i] < 1 || size[i] % own || (own != 1 && own != size[i]))
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "axis %d of %d elements cannot become %d", i, own, size[i]);
        counts[i] = size[i] / own;
    }
    c->g->batch_mixed |= n != s.rank;
    return cynf_g_repeat(c->g, cynf_g_reshape(c->g, x, &wide), counts);
}

/* x where keep(row, column) says so, else 0, for the last two axes. */
static cynf_tensor_id triangle(cynf_lower *c) /* Tril, Triu */
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cynf_shape s = cynf_shape_of(c, x);
    const double k = number(c, 1, "k", 0);
    const bool lower = !strcmp(class_name(c), "Tril");
    if (c->g->status || s.rank < 2 || !(fabs(k) < 1 << 30))
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "an operand of rank %d, expected at least 2", s.rank);
    const int32_t m = s.d[s.rank - 2], n = s.d[s.rank - 1];
    c->g->batch_mixed |= s.rank == 2;
    const cynf_tensor_id keep = cynf_g_const(c->g, &(cynf_shape){2, {m, n}}, NULL);
    for (int32_t i = 0; keep >= 0 && i < m; i++)
        for (int32_t j = 0; j < n; j++)
            c->g->t[keep].data[(size_t)i * (size_t)n + (size_t)j] = lower ? j - i <= k : j - i >= k;
    return cynf_g_select(c->g, keep, x, cynf_g_scalar(c->g, 0));
}

/* The diagonal of two axes as a last axis; it starts k to the right of the corner, or -k below. */
static cynf_tensor_id diagonal_of(cynf_lower *c, cynf_tensor_id x, int32_t k, int32_t axis1, int32_t axis2)
{
    const int rank = cynf_shape_of(c, x).rank;
    int32_t from[2] = {axis1, axis2}, to[2] = {rank - 2, rank - 1};
    if (c->g->status || rank < 2 || !axis_list(c, 2, from, rank))
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "an operand of rank %d, expected at least 2", rank);
    c->g->batch_mixed |= !from[0] || !from[1];
    x = moved(c, x, 2, from, to);
    cynf_shape s = cynf_shape_of(c, x);
    const int32_t m = s.d[rank - 2], n = s.d[rank - 1];
    const int64_t length = k >= 0 ? (n - (int64_t)k < m ? n - (int64_t)k : m) : (m + (int64_t)k < n ? m + (int64_t)k : n);
    if (c->g->status || length < 1)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "a matrix of %d x %d has no diagonal %d", m, n, k);
    s.rank--;
    s.d[s.rank - 1] = m * n;
    int32_t begin[CYNF_MAX_DIMS] = {0}, step[CYNF_MAX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
    begin[s.rank - 1] = k >= 0 ? k : -k * n;
    step[s.rank - 1] = n + 1;
    const cynf_tensor_id rows = cynf_g_reshape(c->g, x, &s);
    s.d[s.rank - 1] = (int32_t)length;
    return cynf_g_slice(c->g, rows, begin, s.d, step);
}

static cynf_tensor_id diagonal(cynf_lower *c) /* Diagonal, Trace */
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const int32_t k = cynf_cfg_int(c, "offset", -(1 << 30), 0), axis1 = cynf_cfg_int(c, "axis1", -CYNF_MAX_DIMS, 0), axis2 = cynf_cfg_int(c, "axis2", -CYNF_MAX_DIMS, 1);
    const cynf_tensor_id y = diagonal_of(c, x, k, axis1, axis2);
    return class_name(c)[0] == 'T' && y >= 0 ? cynf_g_reduce(c->g, y, CYNF_REDUCE_SUM, 1u << (cynf_shape_of(c, y).rank - 1), false) : y;
}

static cynf_tensor_id rotate(cynf_lower *c) /* Rot90: k quarter turns from the first axis to the second */
{
    cynf_tensor_id x = operand(c, 0, "array");
    const int rank = cynf_shape_of(c, x).rank;
    int32_t axis[CYNF_MAX_DIMS] = {0, 1};
    const cJSON *list = cynf_cfg(c, "axes");
    const int turns = ((cynf_cfg_int(c, "k", -(1 << 30), 1) % 4) + 4) % 4;
    if ((list && whole_numbers(c, list, "axes", axis) != 2) || c->g->status || !axis_list(c, 2, axis, rank))
        return CYNF_NO_TENSOR;
    if (turns == 2 && cynf_shape_of(c, x).d[axis[0]] != cynf_shape_of(c, x).d[axis[1]])
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "two turns of a plane that is not square are not supported: Keras mixes up its elements; use flip along both axes");
    for (int i = 0; i < turns && !c->g->status; i++) { /* each: mirror the second axis, then swap them */
        const int32_t n = cynf_shape_of(c, x).d[axis[1]], back[2] = {axis[1], axis[0]};
        int32_t *index = malloc((size_t)n * sizeof *index);
        for (int32_t j = 0; index && j < n; j++)
            index[j] = n - 1 - j;
        x = index ? moved(c, cynf_select_along(c, x, axis[1], n, index), 2, axis, back) : cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
        free(index);
    }
    return x;
}

/* Differences of neighbours along an axis, n times. */
static cynf_tensor_id diff(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "a");
    const int axis = axis_of(c, x, cynf_cfg(c, "axis"), -1);
    const int32_t n = cynf_cfg_int(c, "n", 0, 1);
    for (int32_t i = 0; i < n && !c->g->status; i++) {
        const int32_t rest = cynf_shape_of(c, x).d[axis] - 1;
        x = binary(c, CYNF_ELT_SUB, cynf_take(c, x, axis, 1, rest), cynf_take(c, x, axis, 0, rest));
    }
    return x;
}

/* (y[i] + y[i + 1]) dx / 2, summed */
static cynf_tensor_id trapezoid(cynf_lower *c)
{
    const cynf_tensor_id y = operand(c, 0, "y");
    const int axis = axis_of(c, y, cynf_cfg(c, "axis"), -1);
    if (c->g->status || cynf_cfg(c, "x"))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only evenly spaced points (dx) are supported");
    const int32_t rest = cynf_shape_of(c, y).d[axis] - 1;
    const cynf_tensor_id both = binary(c, CYNF_ELT_ADD, cynf_take(c, y, axis, 1, rest), cynf_take(c, y, axis, 0, rest));
    return unary(c, cynf_g_reduce(c->g, both, CYNF_REDUCE_SUM, 1u << axis, false), CYNF_ACT_AFFINE, (float)(number(c, -1, "dx", 1) / 2), 0);
}

/* Hstack, Vstack, Dstack: along axis 1, 0, 2; what lacks axes gets them as NumPy gives them. */
static cynf_tensor_id stack_along(cynf_lower *c)
{
    const char kind = class_name(c)[0];
    cynf_tensor_id *part = malloc((size_t)(c->n_in + 1) * sizeof *part), y = CYNF_NO_TENSOR;
    for (int32_t i = 0; part && i < c->n_in; i++) {
        part[i] = c->in[i];
        if (kind != 'H' && cynf_shape_of(c, part[i]).rank == 1)
            part[i] = cynf_expand(c, part[i], 0);
        if (kind == 'D' && cynf_shape_of(c, part[i]).rank == 2)
            part[i] = cynf_expand(c, part[i], 2);
    }
    if (part && c->n_in && !c->g->status) {
        const int axis = kind == 'H' ? cynf_shape_of(c, part[0]).rank > 1 : kind == 'V' ? 0 : 2;
        c->g->batch_mixed |= !axis;
        y = cynf_concat_all(c, part, c->n_in, axis);
    }
    free(part);
    return y < 0 ? cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "its operands are not all tensors") : y;
}

static cynf_tensor_id append(cynf_lower *c)
{
    cynf_tensor_id part[2] = {operand(c, 0, "x1"), second_operand(c, 1)};
    const cJSON *v = cynf_cfg(c, "axis");
    for (int i = 0; i < 2 && !v; i++)
        part[i] = flat(c, part[i]);
    return cynf_g_concat(c->g, part, 2, axis_of(c, part[0], v, 0));
}

/* One output for each piece; the first ones of pieces that do not come out even have an element more. Unstack: pieces of 1 without the axis. */
static cynf_tensor_id pieces(cynf_lower *c)
{
    const char *name = class_name(c);
    const bool single = name[0] == 'U';
    const cynf_tensor_id x = operand(c, 0, "x");
    const int axis = axis_of(c, x, name[0] == 'H' ? NULL : cynf_cfg(c, "axis"), name[0] == 'H' ? 1 : name[0] == 'D' ? 2 : 0);
    const cJSON *v = cynf_cfg(c, "indices_or_sections");
    const int32_t size = cynf_shape_of(c, x).d[axis], n = single ? size : cJSON_IsArray(v) ? cJSON_GetArraySize(v) + 1 : cynf_cfg_int(c, "indices_or_sections", 1, CYNF_REQUIRED);
    return c->g->status ? CYNF_NO_TENSOR : cynf_cut(c, x, axis, v, n, single);
}

/* A box of constant corner and size; all of the batch stays all of it. */
static cynf_tensor_id slice(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "inputs");
    const cynf_shape s = cynf_shape_of(c, x);
    int32_t begin[CYNF_MAX_DIMS], size[CYNF_MAX_DIMS];
    const int n = whole_numbers(c, cynf_call_arg(c, 1, "start_indices"), "start_indices", begin), m = whole_numbers(c, cynf_cfg(c, "shape"), "shape", size);
    if (c->g->status || n != s.rank || m != s.rank)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "start_indices and shape do not have %d dimensions", s.rank);
    for (int i = 0; i < n; i++) {
        begin[i] += begin[i] < 0 ? s.d[i] : 0;
        size[i] = size[i] == -1 || (i == 0 && !begin[0]) ? s.d[i] - begin[i] : size[i];
    }
    c->g->batch_mixed |= begin[0] > 0;
    return cynf_g_slice(c->g, x, begin, size, NULL);
}

/* Windows of `length` elements of the last axis, every `stride` elements: [..., windows, length]. */
static cynf_tensor_id extract_sequences(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cynf_shape s = cynf_shape_of(c, x);
    const int32_t length = cynf_cfg_int(c, "sequence_length", 1, CYNF_REQUIRED), stride = cynf_cfg_int(c, "sequence_stride", 1, CYNF_REQUIRED);
    if (c->g->status || s.rank < 1 || s.rank == CYNF_MAX_DIMS || s.d[s.rank - 1] < length)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "windows of %d elements do not fit", length);
    c->g->batch_mixed |= s.rank == 1;
    const int64_t n = (s.d[s.rank - 1] - length) / stride + 1;
    int32_t *index = n * length <= MAX_CONSTANT ? malloc((size_t)n * (size_t)length * sizeof *index) : NULL;
    if (!index)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "%lld windows of %d elements are too many", (long long)n, length);
    for (int64_t i = 0; i < n * length; i++)
        index[i] = (int32_t)(i / length * stride + i % length);
    const cynf_tensor_id y = cynf_select_along(c, x, s.rank - 1, (int32_t)n * length, index);
    free(index);
    cynf_shape out = s;
    out.d[out.rank - 1] = (int32_t)n;
    out.d[out.rank++] = length;
    return cynf_g_reshape(c->g, y, &out);
}

/* num steps from start to stop, both tensors, as a new axis. */
static cynf_tensor_id linspace(cynf_lower *c)
{
    const cynf_tensor_id from = operand(c, 0, "start"), to = operand(c, 1, "stop");
    const int32_t n = cynf_cfg_int(c, "num", 1, 50);
    const bool end = cynf_cfg_bool(c, "endpoint", true);
    const int rank = cynf_shape_of(c, from).rank > cynf_shape_of(c, to).rank ? cynf_shape_of(c, from).rank : cynf_shape_of(c, to).rank;
    int32_t axis = cynf_cfg_int(c, "axis", -CYNF_MAX_DIMS, 0);
    axis += axis < 0 ? rank + 1 : 0;
    if (c->g->status || cynf_cfg_bool(c, "retstep", false) || axis < 0 || axis > rank || cynf_shape_of(c, from).rank != cynf_shape_of(c, to).rank)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only operands of the same rank, and no retstep, are supported");
    c->g->batch_mixed |= !axis;
    const cynf_tensor_id part = unary(c, count_up(c, n, rank - axis), CYNF_ACT_AFFINE, n - end > 0 ? (float)(1.0 / (n - end)) : 0, 0);
    const cynf_tensor_id first = cynf_expand(c, from, axis);
    return cynf_g_muladd(c->g, binary(c, CYNF_ELT_SUB, cynf_expand(c, to, axis), first), part, first);
}

const cynf_layer_class cynf_layers_ops_shape[] = {
    OP_AS("Moveaxis", move_axis, "source, destination", "copy")
    OP_AS("Ravel", ravel, "all", "none")
    OP_AS("BroadcastTo", broadcast_to, "shape", "copy")
    OP_AS("Tril", triangle, "k", "eltwise")
    OP("Triu", triangle)
    OP_AS("Diagonal", diagonal, "offset, axis1, axis2", "copy")
    OP_AS("Trace", diagonal, "offset, axis1, axis2", "copy, reduce")
    OP_AS("Rot90", rotate, "k, axes", "resample, copy", "k of 2: squares")
    OP_AS("Diff", diff, "n, axis", "eltwise")
    OP_AS("Trapezoid", trapezoid, "dx, axis", "eltwise, reduce", "x is refused")
    OP_AS("Hstack", stack_along, "all", "copy")
    OP("Vstack", stack_along)
    OP("Dstack", stack_along)
    OP_AS("Append", append, "axis", "copy")
    OP_AS("ArraySplit", pieces, "indices_or_sections, axis", "copy")
    OP("Hsplit", pieces)
    OP("Vsplit", pieces)
    OP("Dsplit", pieces)
    OP_AS("Unstack", pieces, "axis", "copy")
    OP_AS("Slice", slice, "shape, start_indices", "copy", "constant start_indices")
    OP_AS("ExtractSequences", extract_sequences, "sequence_length, sequence_stride", "resample")
    OP_AS("Linspace", linspace, "num, endpoint, axis", "eltwise", "operands of the same rank")
    {NULL, NULL, CYNF_ONE_INPUT},
};
