/* SPDX-License-Identifier: MIT */
/**
 * Nodes of keras.ops that sort, count and look up. An element's place in order is how many go before it, and what stands at a computed index is the sum of all that
 * stand there: both compare every pair, in tensors of n^2 elements for an axis of n.
 */
#include "keras/layers/ops.h"

/* x along one axis against itself or a list of n: whether there are too many pairs. */
static bool too_many(cynf_lower *c, cynf_tensor_id x, int64_t n)
{
    const cynf_shape s = cynf_shape_of(c, x);
    if (!c->g->status && ((int64_t)cynf_shape_elems(&s) * n > MAX_PAIRS || s.rank >= CYNF_MAX_DIMS))
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an axis of %lld elements in a tensor of %zu is too long to compare all pairs", (long long)n, cynf_shape_elems(&s));
    return c->g->status != CYNF_OK;
}

/* What x, which broadcasts to [.., k, n, ..], has where hit [.., k, n, ..] is 1: [.., k, ..]. */
static cynf_tensor_id gather(cynf_lower *c, cynf_tensor_id x, int axis, cynf_tensor_id hit)
{
    const cynf_tensor_id found = cynf_g_select(c->g, hit, x, cynf_g_scalar(c->g, 0));
    return cynf_g_reduce(c->g, found, CYNF_REDUCE_SUM, 1u << (axis + 1), false);
}

/* How many elements of the axis go before each one. */
static cynf_tensor_id places(cynf_lower *c, cynf_tensor_id x, int axis, bool descending)
{
    const cynf_shape s = cynf_shape_of(c, x);
    const int after = s.rank - axis - 1;
    const int32_t n = s.d[axis];
    const cynf_tensor_id self = cynf_expand(c, x, axis + 1), other = cynf_expand(c, x, axis);
    const cynf_tensor_id earlier = cynf_greater(c, count_up(c, n, after + 1), count_up(c, n, after));
    const cynf_tensor_id ahead = descending ? cynf_greater(c, other, self) : cynf_greater(c, self, other);
    const cynf_tensor_id tie = binary(c, CYNF_ELT_MUL, binary(c, CYNF_ELT_EQUAL, self, other), earlier);
    return cynf_g_reduce(c->g, binary(c, CYNF_ELT_ADD, ahead, tie), CYNF_REDUCE_SUM, 1u << (axis + 1), false);
}

cynf_tensor_id cynf_ordered(cynf_lower *c, cynf_tensor_id x, int axis, int32_t k, bool descending, bool indices)
{
    const cynf_shape s = cynf_shape_of(c, x);
    if (c->g->status || too_many(c, x, s.d[axis]))
        return CYNF_NO_TENSOR;
    if (k < 1 || k > s.d[axis])
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "the first %d of an axis of %d", k, s.d[axis]);
    const int after = s.rank - axis - 1;
    const cynf_tensor_id hit = binary(c, CYNF_ELT_EQUAL, cynf_expand(c, places(c, x, axis, descending), axis), count_up(c, k, after + 1));
    return gather(c, indices ? count_up(c, s.d[axis], after) : cynf_expand(c, x, axis), axis, hit);
}

static cynf_tensor_id order(cynf_lower *c) /* Sort, Argsort */
{
    const bool indices = class_name(c)[0] == 'A';
    const cynf_tensor_id given = operand(c, 0, "x"), x = cynf_cfg_or(c, "axis", c->config) ? given : flat(c, given);
    const int axis = axis_of(c, x, cynf_cfg(c, "axis"), -1);
    return c->g->status ? CYNF_NO_TENSOR : cynf_ordered(c, x, axis, cynf_shape_of(c, x).d[axis], false, indices);
}

static cynf_tensor_id top_k(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const int32_t k = cynf_cfg_int(c, "k", 1, 1);
    const int axis = axis_of(c, x, NULL, -1);
    cynf_set_output(c, 1, cynf_ordered(c, x, axis, k, true, true));
    return cynf_ordered(c, x, axis, k, true, false);
}

/* Whether fewer than k predictions [b, n] are above that of the target [b]. */
static cynf_tensor_id in_top_k(cynf_lower *c)
{
    const cynf_tensor_id target = operand(c, 0, "targets"), x = operand(c, 1, "predictions");
    const cynf_shape s = cynf_shape_of(c, x);
    if (c->g->status || s.rank != 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "predictions of rank %d, expected 2", s.rank);
    const cynf_tensor_id own = cynf_g_reduce(c->g, cynf_g_select(c->g, cynf_one_hot(c, target, s.d[1]), x, cynf_g_scalar(c->g, 0)), CYNF_REDUCE_SUM, 2, true);
    const cynf_tensor_id above = cynf_g_reduce(c->g, cynf_greater(c, x, own), CYNF_REDUCE_SUM, 2, false);
    return cynf_greater(c, cynf_g_scalar(c->g, (float)number(c, -1, "k", 1)), above);
}

/* x with the axes of a node at its end, as one. */
static cynf_tensor_id behind(cynf_lower *c, cynf_tensor_id x, uint32_t mask)
{
    const cynf_shape s = cynf_shape_of(c, x);
    int32_t perm[CYNF_MAX_DIMS] = {0}, at = 0;
    cynf_shape y = {0};
    for (int i = 0; i < s.rank; i++)
        if (!(mask >> i & 1)) {
            perm[at++] = i;
            y.d[y.rank++] = s.d[i];
        }
    y.d[y.rank++] = -1;
    for (int i = 0; i < s.rank; i++)
        if (mask >> i & 1)
            perm[at++] = i;
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, x, perm), &y);
}

/* Median, Quantile, Percentile: for each q what stands at q (n - 1) in order, or between its neighbours. Only Percentile uses its method. */
static cynf_tensor_id quantile(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const bool median = class_name(c)[0] == 'M', percent = class_name(c)[0] == 'P';
    const char *method = cynf_cfg_text(c, "method");
    const cJSON *axis = cynf_cfg(c, "axis"), *list = median ? NULL : cynf_call_arg(c, 1, "q");
    const cynf_shape s = cynf_shape_of(c, x);
    const uint32_t mask = c->g->status ? 0 : axis ? cynf_cfg_axes(c, axis, s.rank) : (1u << s.rank) - 1;
    const cynf_tensor_id at = median ? cynf_g_scalar(c->g, 0.5f) : list ? cynf_operand(c, list) : operand(c, 1, "q");
    if (c->g->status || !mask)
        return CYNF_NO_TENSOR;
    const cynf_shape qs = cynf_shape_of(c, at);
    if (!c->g->t[at].data || qs.rank > 1)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only a constant q, one number or a list, is supported");
    c->g->batch_mixed |= mask & 1;
    const cynf_tensor_id rows = behind(c, x, mask);
    const cynf_shape r = cynf_shape_of(c, rows);
    const int32_t last = r.rank - 1, n = r.d[last], n_q = (int32_t)cynf_shape_elems(&qs);
    const cynf_tensor_id sorted = cynf_ordered(c, rows, last, n, false, false);
    float *table = c->g->status ? NULL : malloc(3 * (size_t)n_q * sizeof *table);
    if (!table)
        return c->g->status ? CYNF_NO_TENSOR : cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    for (int32_t i = 0; i < n_q; i++) {
        const double q = c->g->t[at].data[i] / (percent ? 100.0 : 1), place = fmin(fmax(q * (n - 1), 0), n - 1), low = fmin(floor(place), n > 1 ? n - 2 : 0);
        double part = place - low;
        if (percent && method && strcmp(method, "linear"))
            part = !strcmp(method, "lower") ? floor(part) : !strcmp(method, "higher") ? ceil(part) : !strcmp(method, "nearest") ? rint(place) - low
                : part > 0 && part < 1 ? 0.5 : part;
        table[2 * i] = (float)(1 - part);
        table[2 * i + 1] = (float)part;
        table[2 * n_q + i] = (float)low;
    }
    if (n == 1)
        for (int32_t i = 0; i < n_q; i++)
            table[i] = 1;
    cynf_tensor_id y = cynf_g_resample(c->g, sorted, last, n_q, n > 1 ? 2 : 1, table, table + 2 * n_q);
    free(table);
    /* [rest..., q] -> [q, rest...], with the reduced axes as 1 where they are kept */
    int32_t perm[CYNF_MAX_DIMS] = {last};
    for (int i = 0; i < last; i++)
        perm[i + 1] = i;
    cynf_shape out = {0};
    if (qs.rank)
        out.d[out.rank++] = n_q;
    for (int i = 0; i < s.rank && out.rank < CYNF_MAX_DIMS; i++)
        if (!(mask >> i & 1) || keepdims(c))
            out.d[out.rank++] = mask >> i & 1 ? 1 : s.d[i];
    c->g->batch_mixed |= qs.rank > 0;
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, y, perm), &out);
}

/* Indices of an axis of n, negative ones from its end. */
static cynf_tensor_id from_end(cynf_lower *c, cynf_tensor_id index, int32_t n)
{
    return cynf_g_select(c->g, cynf_greater(c, cynf_g_scalar(c->g, 0), index), unary(c, index, CYNF_ACT_AFFINE, 1, (float)n), index);
}

/* y[.., k, ..] = x[.., index[.., k, ..], ..] */
static cynf_tensor_id take_along_axis(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x"), index = operand(c, 1, "indices");
    if (!cynf_cfg(c, "axis")) {
        x = flat(c, x);
        index = flat(c, index);
    }
    const int axis = axis_of(c, x, cynf_cfg(c, "axis"), -1);
    const cynf_shape s = cynf_shape_of(c, x), is = cynf_shape_of(c, index);
    if (c->g->status || is.rank != s.rank || too_many(c, x, is.d[axis]))
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "indices of rank %d for an operand of rank %d", is.rank, s.rank);
    const cynf_tensor_id at = cynf_expand(c, from_end(c, index, s.d[axis]), axis + 1);
    return gather(c, cynf_expand(c, x, axis), axis, binary(c, CYNF_ELT_EQUAL, at, count_up(c, s.d[axis], s.rank - axis - 1)));
}

/* y = x.shape[:axis] + indices.shape + x.shape[axis + 1:] */
static cynf_tensor_id take(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x"), list = operand(c, 1, "indices");
    const cJSON *v = option(c, 2, "axis");
    x = v ? x : flat(c, x);
    const int axis = axis_of(c, x, v, 0);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const cynf_shape s = cynf_shape_of(c, x), is = cynf_shape_of(c, list);
    const int32_t size = s.d[axis], n = (int32_t)cynf_shape_elems(&is);
    cynf_shape out = {0};
    if (s.rank + is.rank - 1 > CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "more than %d dimensions are not supported", CYNF_MAX_DIMS);
    for (int i = 0; i < axis; i++)
        out.d[out.rank++] = s.d[i];
    for (int i = 0; i < is.rank; i++)
        out.d[out.rank++] = is.d[i];
    for (int i = axis + 1; i < s.rank; i++)
        out.d[out.rank++] = s.d[i];
    if (!c->g->t[list].data) {
        const cynf_tensor_id at = from_end(c, list, size);
        if (axis == 0 && s.rank == 2 && c->g->t[x].data)
            return cynf_g_lookup(c->g, at, x);
        if (too_many(c, x, n))
            return CYNF_NO_TENSOR;
        c->g->batch_mixed = true;
        cynf_shape rows = {s.rank - axis + 1, {n, 1, 1, 1, 1, 1, 1, 1}};
        const cynf_tensor_id hit = binary(c, CYNF_ELT_EQUAL, cynf_g_reshape(c->g, at, &rows), count_up(c, size, s.rank - axis - 1));
        return cynf_g_reshape(c->g, gather(c, cynf_expand(c, x, axis), axis, hit), &out);
    }
    int32_t *index = n > 0 ? malloc((size_t)n * sizeof *index) : NULL;
    for (int32_t i = 0; index && i < n; i++) {
        const float at = c->g->t[list].data[i];
        index[i] = at >= (float)-size && at < (float)size ? (int32_t)(at < 0 ? at + (float)size : at) : -1;
        if (index[i] < 0)
            cynf_graph_fail(c->g, CYNF_EFORMAT, "index %g is out of range for an axis of %d", (double)at, size);
    }
    const cynf_tensor_id y = index ? cynf_select_along(c, x, axis, n, index) : cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    free(index);
    return cynf_g_reshape(c->g, y, &out);
}

/* Digitize: how many of the bins are not above x; SearchSorted: how many are below x, or not above it. */
static cynf_tensor_id search_sorted(cynf_lower *c)
{
    const bool digitize = class_name(c)[0] == 'D';
    const cynf_tensor_id x = digitize ? operand(c, 0, "x") : operand(c, 1, "values"), bins = digitize ? operand(c, 1, "bins") : operand(c, 0, "sorted_sequence");
    const char *side = digitize ? "right" : cynf_cfg_text(c, "side");
    const int rank = cynf_shape_of(c, x).rank;
    if (c->g->status || cynf_shape_of(c, bins).rank != 1 || too_many(c, x, cynf_shape_of(c, bins).d[0]))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only one list to search in is supported");
    const cynf_tensor_id each = cynf_expand(c, x, rank);
    const cynf_tensor_id below = side && !strcmp(side, "right") ? binary(c, CYNF_ELT_GREATER_EQUAL, each, bins) : cynf_greater(c, each, bins);
    return cynf_g_reduce(c->g, below, CYNF_REDUCE_SUM, 1u << rank, false);
}

/* y[s] = sum of the data [n, ...] whose segment_ids [n] are s */
static cynf_tensor_id segment_sum(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "data"), ids = operand(c, 1, "segment_ids");
    const int32_t n = cynf_cfg_int(c, "num_segments", 1, CYNF_REQUIRED);
    cynf_shape s = cynf_shape_of(c, x);
    if (c->g->status || s.rank < 1 || too_many(c, ids, n))
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "data of rank %d, expected at least 1", s.rank);
    c->g->batch_mixed = true;
    const cynf_tensor_id hit = binary(c, CYNF_ELT_EQUAL, count_up(c, n, 1), ids), rows = cynf_g_reshape(c->g, x, &(cynf_shape){2, {s.d[0], -1}});
    s.d[0] = n;
    return cynf_g_reshape(c->g, cynf_g_gemm(c->g, hit, rows), &s);
}

/* Cumsum, Cumprod: after step k each element has the sum of up to 2^k before it and itself (Hillis and Steele, 1986). */
static cynf_tensor_id cumulate(cynf_lower *c)
{
    const bool sum = !strcmp(class_name(c), "Cumsum");
    const cJSON *v = option(c, 1, "axis");
    const cynf_tensor_id given = operand(c, 0, "x");
    cynf_tensor_id x = v ? given : flat(c, given);
    float low, high;
    if (cynf_whole_type(cynf_cfg_text(c, "dtype"), &low, &high))
        x = cynf_whole(c, x);
    const int axis = axis_of(c, x, v, 0);
    const cynf_shape s = cynf_shape_of(c, x);
    for (int32_t shift = 1; !c->g->status && shift < s.d[axis]; shift *= 2) {
        int32_t before[CYNF_MAX_DIMS] = {0}, after[CYNF_MAX_DIMS] = {0};
        before[axis] = shift;
        const cynf_tensor_id earlier = cynf_g_pad(c->g, cynf_take(c, x, axis, 0, s.d[axis] - shift), before, after, sum ? 0 : 1);
        x = binary(c, sum ? CYNF_ELT_ADD : CYNF_ELT_MUL, x, earlier);
    }
    return x;
}

/* The first index of the largest (smallest) element: n - max of (n - i) where x equals it. */
static cynf_tensor_id arg(cynf_lower *c)
{
    const cynf_tensor_id given = operand(c, 0, "x");
    const cJSON *v = option(c, 1, "axis");
    const int rank = cynf_shape_of(c, given).rank;
    cynf_tensor_id x = v ? given : flat(c, given);
    const int axis = axis_of(c, x, v, 0);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const cynf_shape s = cynf_shape_of(c, x);
    const int32_t n = s.d[axis];
    x = !strcmp(class_name(c), "Argmin") ? unary(c, x, CYNF_ACT_NEG, 0, 0) : x;
    const cynf_tensor_id most = cynf_g_reduce(c->g, x, CYNF_REDUCE_MAX, 1u << axis, true);
    const cynf_tensor_id countdown = unary(c, count_up(c, n, s.rank - axis - 1), CYNF_ACT_AFFINE, -1, (float)n), equal = binary(c, CYNF_ELT_EQUAL, most, x);
    const cynf_tensor_id best = cynf_g_reduce(c->g, binary(c, CYNF_ELT_MUL, equal, countdown), CYNF_REDUCE_MAX, 1u << axis, v && keepdims(c));
    const cynf_tensor_id y = unary(c, best, CYNF_ACT_AFFINE, -1, (float)n);
    return v || !keepdims(c) ? y : cynf_g_reshape(c->g, y, &(cynf_shape){rank, {1, 1, 1, 1, 1, 1, 1, 1}});
}

const cynf_layer_class cynf_layers_ops_order[] = {
    OP_AS("Argmax", arg, "axis, keepdims", "reduce, eltwise")
    OP("Argmin", arg)
    OP_AS("Sort", order, "axis", "eltwise, reduce", "all pairs of an axis are compared: at most 2^24")
    OP("Argsort", order)
    OP_AS("TopK", top_k, "k", "eltwise, reduce", "all pairs of an axis are compared: at most 2^24")
    OP_AS("InTopK", in_top_k, "k", "eltwise, reduce")
    OP_AS("Median", quantile, "axis, keepdims", "eltwise, reduce, resample", "all pairs of an axis are compared: at most 2^24")
    OP_AS("Quantile", quantile, "axis, keepdims", "eltwise, reduce, resample", "constant q; method is not used, as in Keras; all pairs of an axis are compared: at most 2^24")
    OP_AS("Percentile", quantile, "axis, keepdims, method", "eltwise, reduce, resample", "constant q; all pairs of an axis are compared: at most 2^24")
    OP_AS("Take", take, "indices, axis", "resample, lookup, eltwise, reduce", "computed indices into other than a constant matrix: at most 2^24 pairs")
    OP_AS("TakeAlongAxis", take_along_axis, "axis", "eltwise, reduce", "at most 2^24 pairs of index and element")
    OP_AS("Digitize", search_sorted, "bins", "eltwise, reduce")
    OP_AS("SearchSorted", search_sorted, "side", "eltwise, reduce", "one list to search in")
    OP_AS("SegmentSum", segment_sum, "num_segments", "eltwise, gemm")
    OP_AS("Cumsum", cumulate, "axis", "copy, eltwise")
    OP("Cumprod", cumulate)
    {NULL, NULL, CYNF_ONE_INPUT},
};
