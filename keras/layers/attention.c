/* SPDX-License-Identifier: MIT */
/**
 * Attention, AdditiveAttention, MultiHeadAttention, GroupedQueryAttention: matrix products around a softmax. Masks are 1 where a position counts;
 * -1e9 is added to the scores of those that do not. The scale goes into the weights of the query's projection.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "keras/layers/layer.h"

static cynf_tensor_id both(cynf_lower *c, cynf_tensor_id a, cynf_tensor_id b)
{
    return a < 0 ? b : b < 0 ? a : cynf_g_binary(c->g, CYNF_ELT_MUL, a, b);
}

/* [t, s]: whether query i may look at key j: not later (causal), nearer than window (0: any). */
static cynf_tensor_id reach(cynf_lower *c, int32_t t, int32_t s, bool causal, int32_t window)
{
    if (!causal && !window)
        return CYNF_NO_TENSOR;
    const cynf_tensor_id y = cynf_g_const(c->g, &(cynf_shape){2, {t, s}}, NULL);
    for (int32_t i = 0; y >= 0 && i < t; i++)
        for (int32_t j = 0; j < s; j++)
            c->g->t[y].data[(size_t)i * (size_t)s + (size_t)j] = (!causal || j <= i) && (!window || (i - j < window && j - i < window));
    return y;
}

static cynf_tensor_id masked_softmax(cynf_lower *c, cynf_tensor_id scores, cynf_tensor_id mask)
{
    if (mask >= 0)
        scores = cynf_g_binary(c->g, CYNF_ELT_ADD, scores, cynf_g_unary(c->g, mask, CYNF_ACT_AFFINE, 1e9f, -1e9f, 0));
    return c->g->status ? CYNF_NO_TENSOR : cynf_g_softmax(c->g, scores, CYNF_SOFTMAX, 1u << (cynf_shape_of(c, scores).rank - 1));
}

/* ---- Attention, AdditiveAttention --------------------------------------------------------------------------------------- */

static cynf_tensor_id scalar_weight(cynf_lower *c, const char *name) { return cynf_layer_weight(c, name, &(cynf_shape){0}); }

/* f(q_i + k_j) for all i, j: [b, t, s, dim] */
static cynf_tensor_id pairs(cynf_lower *c, cynf_tensor_id q, cynf_tensor_id k)
{
    return cynf_g_binary(c->g, CYNF_ELT_ADD, cynf_expand(c, q, 2), cynf_expand(c, k, 1));
}

static cynf_tensor_id dot_scores(cynf_lower *c, cynf_tensor_id q, cynf_tensor_id k)
{
    const bool scaled = cynf_cfg_bool(c, "use_scale", false);
    const char *mode = cynf_cfg_text(c, "score_mode");
    if (mode && !strcmp(mode, "concat")) {
        cynf_tensor_id x = pairs(c, q, k);
        x = cynf_g_unary(c->g, scaled ? cynf_g_binary(c->g, CYNF_ELT_MUL, x, scalar_weight(c, "scale")) : x, CYNF_ACT_TANH, 0, 0, 0);
        return cynf_g_binary(c->g, CYNF_ELT_MUL, cynf_g_reduce(c->g, x, CYNF_REDUCE_SUM, 1u << 3, false), scalar_weight(c, "concat_score_weight"));
    }
    if (mode && strcmp(mode, "dot"))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "score_mode \"%s\" is unknown; dot and concat are supported", mode);
    const cynf_tensor_id y = cynf_g_gemm(c->g, q, cynf_g_transpose(c->g, k, (const int32_t[]){0, 2, 1}));
    return scaled ? cynf_g_binary(c->g, CYNF_ELT_MUL, y, scalar_weight(c, "scale")) : y;
}

static cynf_tensor_id additive_scores(cynf_lower *c, cynf_tensor_id q, cynf_tensor_id k)
{
    const int32_t dim = cynf_shape_of(c, q).d[2];
    const cynf_tensor_id x = cynf_g_unary(c->g, pairs(c, q, k), CYNF_ACT_TANH, 0, 0, 0);
    if (!cynf_cfg_bool(c, "use_scale", true))
        return cynf_g_reduce(c->g, x, CYNF_REDUCE_SUM, 1u << 3, false);
    const cynf_tensor_id w = cynf_g_reshape(c->g, cynf_layer_weight(c, "scale", &(cynf_shape){1, {dim}}), &(cynf_shape){2, {dim, 1}});
    const cynf_tensor_id y = cynf_g_fc(c->g, x, w, CYNF_NO_TENSOR);
    const cynf_shape s = cynf_shape_of(c, y);
    return cynf_g_reshape(c->g, y, &(cynf_shape){3, {s.d[0], s.d[1], s.d[2]}});
}

/* x [..., m, n] as [batch, m, n], the batch being whatever comes before; as many dimensions before the last two as lead. */
static cynf_tensor_id flat_batch(cynf_lower *c, cynf_tensor_id x, const cynf_shape *lead)
{
    const cynf_shape s = cynf_shape_of(c, x);
    if (s.rank != lead->rank || memcmp(s.d, lead->d, (size_t)(s.rank - 2) * sizeof *s.d))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "query, value and key are not alike in all dimensions but the last two");
    return cynf_g_reshape(c->g, x, &(cynf_shape){3, {-1, s.d[s.rank - 2], s.d[s.rank - 1]}});
}

/* Inputs [query, value] or [query, value, key], masks of the first two. */
static cynf_tensor_id attend(cynf_lower *c, cynf_tensor_id (*scores)(cynf_lower *c, cynf_tensor_id q, cynf_tensor_id k))
{
    const int32_t n = c->call ? c->call->n_positional : c->n_in;
    if (n < 2 || n > 3)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "%d inputs, expected [query, value] or [query, value, key]", n);
    const cJSON *masks = cynf_call_arg(c, 1, "mask");
    const int32_t given[2] = {cynf_call_tensor(c, cJSON_GetArrayItem(masks, 0)), cynf_call_tensor(c, cJSON_GetArrayItem(masks, 1))};
    const cynf_tensor_id q_mask = masks ? given[0] < 0 ? CYNF_NO_TENSOR : cynf_nonzero(c, c->in[given[0]]) : c->mask[0];
    const cynf_tensor_id v_mask = masks ? given[1] < 0 ? CYNF_NO_TENSOR : cynf_nonzero(c, c->in[given[1]]) : c->mask[1];
    const cynf_shape given_q = cynf_shape_of(c, c->in[0]), given_v = cynf_shape_of(c, c->in[1]);
    if (given_q.rank < 2 || (given_q.rank != 3 && (q_mask >= 0 || v_mask >= 0)))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "inputs of %d dimensions; at least 2, or 3 with masks, are supported", given_q.rank);
    c->g->batch_mixed |= given_q.rank == 2; /* samples attend to each other */
    const cynf_tensor_id q = flat_batch(c, c->in[0], &given_q), v = flat_batch(c, c->in[1], &given_q), k = n == 3 ? flat_batch(c, c->in[2], &given_q) : v;
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const bool causal = cJSON_IsTrue(cynf_call_arg(c, -1, "use_causal_mask")) || cynf_cfg_bool(c, "causal", false);
    const cynf_tensor_id near = reach(c, cynf_shape_of(c, q).d[1], cynf_shape_of(c, k).d[1], causal, 0);
    const cynf_tensor_id p = masked_softmax(c, scores(c, q, k), both(c, v_mask < 0 ? v_mask : cynf_expand(c, v_mask, 1), near));
    cynf_shape shown = given_q, out = given_q;
    shown.d[shown.rank - 1] = given_v.d[given_v.rank - 2];
    out.d[out.rank - 1] = given_v.d[given_v.rank - 1];
    cynf_set_output(c, 1, cynf_g_reshape(c->g, p, &shown));
    const cynf_tensor_id y = cynf_g_reshape(c->g, cynf_g_gemm(c->g, p, v), &out);
    *c->out_mask = q_mask;
    return q_mask < 0 ? y : cynf_g_binary(c->g, CYNF_ELT_MUL, y, cynf_expand(c, q_mask, 2));
}

static cynf_tensor_id attention(cynf_lower *c) { return attend(c, dot_scores); }
static cynf_tensor_id additive_attention(cynf_lower *c) { return attend(c, additive_scores); }

/* ---- heads ---------------------------------------------------------------------------------------------------------------- */

/* What MultiHeadAttention and GroupedQueryAttention share; heads of the query come in groups that share a key and a value. */
typedef struct heads {
    int32_t n, groups, dim, value_dim;
    cynf_tensor_id q, k, v;
    cynf_tensor_id mask; /* [b, t, s], a dimension may be 1; or CYNF_NO_TENSOR */
    bool blank;          /* a query that may look at nothing gets zeros, not the mean of all values */
    uint32_t over;       /* axes that are attended over */
} heads;

/* x W + b with W stored as [features, heads, dim]. */
static cynf_tensor_id project(cynf_lower *c, const char *name, cynf_tensor_id x, int32_t n, int32_t dim)
{
    char kernel[64], bias[64];
    const cynf_shape s = cynf_shape_of(c, x);
    snprintf(kernel, sizeof kernel, "%s/kernel", name);
    snprintf(bias, sizeof bias, "%s/bias", name);
    const int32_t d = s.d[s.rank - 1];
    if ((int64_t)n * dim > INT32_MAX)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "%d heads of %d dimensions are too many", n, dim);
    const cynf_tensor_id w = cynf_g_reshape(c->g, cynf_layer_weight(c, kernel, &(cynf_shape){3, {d, n, dim}}), &(cynf_shape){2, {d, n * dim}});
    const cynf_tensor_id b = cynf_cfg_bool(c, "use_bias", true) ? cynf_layer_weight(c, bias, &(cynf_shape){2, {n, dim}}) : CYNF_NO_TENSOR;
    if (b < 0 || dim > 1 || s.rank == CYNF_MAX_DIMS)
        return cynf_g_fc(c->g, x, w, b);
    cynf_shape y = s, one = s;
    y.d[s.rank - 1] = one.d[s.rank - 1] = n;
    one.d[one.rank++] = 1;
    return cynf_g_reshape(c->g, cynf_add_bias(c, cynf_g_reshape(c->g, cynf_g_fc(c->g, x, w, CYNF_NO_TENSOR), &one), b), &y);
}

/* [batch axes..., groups, (n / groups) * attended, dim] from [batch, axes..., n * dim]; turned: the last two the other way round. */
static cynf_tensor_id by_head(cynf_lower *c, const heads *h, cynf_tensor_id x, int32_t n, int32_t dim, bool turned)
{
    const cynf_shape s = cynf_shape_of(c, x);
    const int r = s.rank - 1;
    cynf_shape split = s, y = {0};
    int32_t perm[CYNF_MAX_DIMS], at = 0, rows = n / h->groups;
    if (c->g->status || r + 3 > CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an input of rank %d is not supported", s.rank);
    split.rank = r + 3;
    split.d[r] = h->groups;
    split.d[r + 1] = n / h->groups;
    split.d[r + 2] = dim;
    for (int i = 0; i < r; i++)
        if (!(h->over >> i & 1)) {
            perm[at++] = i;
            y.d[y.rank++] = s.d[i];
        }
    perm[at++] = r;
    y.d[y.rank++] = h->groups;
    if (turned)
        perm[at++] = r + 2;
    perm[at++] = r + 1;
    for (int i = 0; i < r; i++)
        if (h->over >> i & 1) {
            perm[at++] = i;
            rows *= s.d[i];
        }
    if (!turned)
        perm[at++] = r + 2;
    y.d[y.rank++] = turned ? dim : rows;
    y.d[y.rank++] = turned ? rows : dim;
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, cynf_g_reshape(c->g, x, &split), perm), &y);
}

static int32_t product(const cynf_shape *s, uint32_t axes)
{
    int32_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= axes >> i & 1 ? s->d[i] : 1;
    return n;
}

/* The mask [.., t, s] between scores [batch axes..., heads, t, s]. */
static cynf_tensor_id fit_mask(cynf_lower *c, const heads *h, const cynf_shape *scores, int32_t attended)
{
    if (h->mask < 0)
        return h->mask;
    const cynf_shape s = cynf_shape_of(c, h->mask);
    cynf_shape y = {scores->rank, {0}};
    const int lead = s.rank - 2 * attended;
    if (lead < 0 || lead > scores->rank - 2)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "a mask of rank %d for %d attended axes is not supported", s.rank, attended);
    for (int i = 0; i < scores->rank - 2; i++)
        y.d[i] = i < lead ? s.d[i] : 1;
    y.d[y.rank - 2] = product(&s, ((1u << attended) - 1) << lead);
    y.d[y.rank - 1] = product(&s, ((1u << attended) - 1) << (lead + attended));
    return cynf_g_reshape(c->g, h->mask, &y);
}

static cynf_tensor_id output_projection(cynf_lower *c, cynf_tensor_id x, const heads *h, int32_t features)
{
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const cJSON *list = cynf_cfg(c, "output_shape");
    cynf_shape s = cynf_shape_of(c, x), k = {2, {h->n, h->value_dim}}, b = {0};
    const int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : list ? 1 : 0;
    int32_t given[CYNF_MAX_DIMS] = {features}, size = 1;
    if (n + 2 > CYNF_MAX_DIMS || s.rank - 1 + n > CYNF_MAX_DIMS || (n && !cynf_cfg_ints(c, "output_shape", n, given, 1, CYNF_REQUIRED)))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "output_shape with %d dimensions is not supported", n);
    s.rank--;
    for (int i = 0; i < (n ? n : 1); i++) {
        k.d[k.rank++] = b.d[b.rank++] = s.d[s.rank++] = given[i];
        size *= given[i] < 1 << 20 ? given[i] : 1;
    }
    const cynf_tensor_id w = cynf_g_reshape(c->g, cynf_layer_weight(c, "attention_output/kernel", &k), &(cynf_shape){2, {h->n * h->value_dim, size}});
    const cynf_tensor_id bias = cynf_cfg_bool(c, "use_bias", true) ? cynf_layer_weight(c, "attention_output/bias", &b) : CYNF_NO_TENSOR;
    if (b.rank == 1)
        return cynf_g_fc(c->g, x, w, bias);
    const cynf_tensor_id y = cynf_g_reshape(c->g, cynf_g_fc(c->g, x, w, CYNF_NO_TENSOR), &s);
    return bias < 0 ? y : cynf_add_bias(c, y, bias);
}

static cynf_tensor_id attend_heads(cynf_lower *c, heads *h)
{
    const cynf_shape qs = cynf_shape_of(c, h->q), ks = cynf_shape_of(c, h->k);
    const int r = qs.rank - 1;
    int32_t attended = 0;
    for (int i = 1; i < r; i++)
        attended += h->over >> i & 1;
    const cynf_tensor_id q = cynf_g_unary(c->g, project(c, "query", h->q, h->n, h->dim), CYNF_ACT_AFFINE, (float)(1 / sqrt(h->dim)), 0, 0);
    const cynf_tensor_id k = project(c, "key", h->k, h->groups, h->dim), v = project(c, "value", h->v, h->groups, h->value_dim);
    const cynf_tensor_id scores = cynf_g_gemm(c->g, by_head(c, h, q, h->n, h->dim, false), by_head(c, h, k, h->groups, h->dim, true));
    cynf_shape grouped = cynf_shape_of(c, scores), s = grouped, shown = {0};
    if (c->g->status)
        return CYNF_NO_TENSOR;
    s.d[s.rank - 3] = h->n;
    s.d[s.rank - 2] = product(&qs, h->over);
    const cynf_tensor_id mask = fit_mask(c, h, &s, attended), all = masked_softmax(c, cynf_g_reshape(c->g, scores, &s), mask);
    const cynf_tensor_id p = h->blank ? cynf_g_binary(c->g, CYNF_ELT_MUL, all, mask) : all;
    memcpy(shown.d, s.d, sizeof shown.d);
    shown.rank = s.rank - 2;
    for (int k2 = 0; k2 < 2; k2++)
        for (int i = 1; i < r; i++)
            if (h->over >> i & 1 && shown.rank < CYNF_MAX_DIMS)
                shown.d[shown.rank++] = k2 ? ks.d[i] : qs.d[i];
    if (c->n_out > 1)
        cynf_set_output(c, 1, cynf_g_reshape(c->g, p, &shown));
    cynf_tensor_id y = cynf_g_gemm(c->g, cynf_g_reshape(c->g, p, &grouped), by_head(c, h, v, h->groups, h->value_dim, false));
    /* Back: [batch axes..., groups, n / groups, attended..., dim] -> [batch, axes..., n * dim] */
    cynf_shape split = {0}, out = qs;
    int32_t perm[CYNF_MAX_DIMS], batch = 0, seen = 0;
    for (int i = 0; i < r; i++)
        if (!(h->over >> i & 1))
            split.d[split.rank++] = qs.d[i];
    batch = split.rank;
    split.d[split.rank++] = h->n;
    for (int i = 0; i < r; i++)
        if (h->over >> i & 1)
            split.d[split.rank++] = qs.d[i];
    split.d[split.rank++] = h->value_dim;
    for (int i = 0, next = 0; i < r; i++)
        perm[i] = h->over >> i & 1 ? batch + 1 + seen++ : next++;
    perm[r] = batch;
    perm[r + 1] = r + 1;
    out.d[r] = h->n * h->value_dim;
    y = cynf_g_reshape(c->g, cynf_g_transpose(c->g, cynf_g_reshape(c->g, y, &split), perm), &out);
    if (cynf_cfg_bool(c, "use_gate", false))
        y = cynf_g_binary(c->g, CYNF_ELT_MUL, y, cynf_g_unary(c->g, project(c, "gate", h->q, h->n, h->value_dim), CYNF_ACT_SIGMOID, 0, 0, 0));
    return output_projection(c, y, h, qs.d[r]);
}

/* Query, value and key with their masks, explicit or along with the tensors. */
static bool head_inputs(cynf_lower *c, heads *h, bool multi)
{
    static const char *const names[3] = {"query", "value", "key"}, *const masks[3] = {"query_mask", "value_mask", "key_mask"};
    int32_t at[3];
    cynf_tensor_id mask[3];
    c->takes_masks = multi && c->keras == 3 && c->keras_minor >= 7; /* the layer removes them from the tensors */
    for (int i = 0; i < 3; i++) {
        at[i] = cynf_call_input(c, i, names[i]);
        const int32_t given = i || !c->takes_masks ? cynf_call_input(c, i + 3, masks[i]) : -1; /* it overwrites query_mask, too */
        mask[i] = given >= 0 ? cynf_nonzero(c, c->in[given]) : at[i] >= 0 ? c->mask[at[i]] : CYNF_NO_TENSOR;
    }
    if (at[0] < 0 || at[1] < 0) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "called without query and value");
        return false;
    }
    h->q = c->in[at[0]];
    h->v = c->in[at[1]];
    h->k = at[2] < 0 ? h->v : c->in[at[2]];
    const cynf_shape qs = cynf_shape_of(c, h->q), vs = cynf_shape_of(c, h->v);
    if (qs.rank < 3 || vs.rank != qs.rank) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "query of rank %d and value of rank %d, expected equal shapes of at least 3 dimensions", qs.rank, vs.rank);
        return false;
    }
    const cJSON *axes = cynf_cfg(c, "attention_axes");
    h->over = axes ? cynf_cfg_axes(c, axes, qs.rank) : ((1u << (qs.rank - 1)) - 1) & ~1u;
    const int32_t window = cynf_cfg_int(c, "sliding_window", 1, 0);
    const cynf_tensor_id near = reach(c, qs.d[1], vs.d[1], cJSON_IsTrue(cynf_call_arg(c, -1, "use_causal_mask")), window);
    const int32_t given = cynf_call_input(c, 6, "attention_mask");
    h->mask = near < 0 ? near : cynf_expand(c, near, 0);
    h->mask = both(c, h->mask, mask[0] < 0 ? mask[0] : cynf_expand(c, mask[0], 2));
    h->mask = both(c, h->mask, mask[1] < 0 ? mask[1] : cynf_expand(c, mask[1], 1));
    h->mask = both(c, h->mask, mask[2] < 0 ? mask[2] : cynf_expand(c, mask[2], 1));
    h->mask = both(c, h->mask, given < 0 ? CYNF_NO_TENSOR : cynf_nonzero(c, c->in[given]));
    /* The layer Softmax, which zeroes what is masked from Keras 3.10 on; it is called where the fused attention of 3 dimensions is not. */
    const bool fused = qs.rank == 3 && !(cynf_cfg_number(c, "dropout", 0) > 0) && !cJSON_IsTrue(cynf_call_arg(c, -1, "return_attention_scores"));
    h->blank = h->mask >= 0 && (window || given >= 0 || mask[0] >= 0 || mask[1] >= 0 || mask[2] >= 0) && !fused && c->keras == 3 && c->keras_minor >= 10;
    *c->out_mask = mask[0];
    return !c->g->status;
}

static cynf_tensor_id multi_head_attention(cynf_lower *c)
{
    heads h = {.n = cynf_cfg_int(c, "num_heads", 1, CYNF_REQUIRED), .dim = cynf_cfg_int(c, "key_dim", 1, CYNF_REQUIRED)};
    h.value_dim = cynf_cfg_int(c, "value_dim", 1, h.dim);
    h.groups = h.n;
    return head_inputs(c, &h, true) ? attend_heads(c, &h) : CYNF_NO_TENSOR;
}

static cynf_tensor_id grouped_query_attention(cynf_lower *c)
{
    heads h = {.n = cynf_cfg_int(c, "num_query_heads", 1, CYNF_REQUIRED), .groups = cynf_cfg_int(c, "num_key_value_heads", 1, CYNF_REQUIRED),
        .dim = cynf_cfg_int(c, "head_dim", 1, CYNF_REQUIRED)};
    h.value_dim = h.dim;
    if (h.n % h.groups)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "num_key_value_heads %d does not divide num_query_heads %d", h.groups, h.n);
    return head_inputs(c, &h, false) ? attend_heads(c, &h) : CYNF_NO_TENSOR;
}

const cynf_layer_class cynf_layers_attention[] = {
    {"Attention", attention, CYNF_ANY_CALL,
        "use_scale, score_mode, masks, use_causal_mask, return_attention_scores", "gemm, softmax, reduce", "masks: inputs of 3 dimensions"},
    {"AdditiveAttention", additive_attention, CYNF_ANY_CALL,
        "use_scale, masks, use_causal_mask, return_attention_scores", "gemm, fc, softmax, reduce", "masks: inputs of 3 dimensions"},
    {"MultiHeadAttention", multi_head_attention, CYNF_ANY_CALL,
        "masks, use_causal_mask, sliding_window, attention_axes, value_dim, output_shape, use_gate, return_attention_scores", "fc, gemm, softmax"},
    {"GroupedQueryAttention", grouped_query_attention, CYNF_ANY_CALL,
        "masks, use_causal_mask, sliding_window, use_gate, return_attention_scores", "fc, gemm, softmax"},
    {"GroupQueryAttention", grouped_query_attention, CYNF_ANY_CALL},
    {NULL, NULL, CYNF_ONE_INPUT},
};
