/* SPDX-License-Identifier: MIT */
/** Layers that scale by statistics of each sample: Layer-, Group-, Instance-, RMS- and UnitNormalization. */
#include "keras/layers/layer.h"

static cynf_tensor_id squares(cynf_lower *c, cynf_tensor_id x, uint32_t mask) { return cynf_g_reduce(c->g, x, CYNF_REDUCE_SUMSQ, mask, true); }
static cynf_tensor_id mul(cynf_lower *c, cynf_tensor_id x, cynf_tensor_id y) { return cynf_g_binary(c->g, CYNF_ELT_MUL, x, y); }
static cynf_tensor_id unary(cynf_lower *c, cynf_tensor_id x, cynf_act act, float a, float b) { return cynf_g_unary(c->g, x, act, a, b, 0); }

static float mean_of(const cynf_shape *s, uint32_t mask)
{
    double n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= mask >> i & 1 ? s->d[i] : 1;
    return (float)(1 / n);
}

static cynf_tensor_id centred(cynf_lower *c, cynf_tensor_id x, uint32_t mask)
{
    return cynf_g_binary(c->g, CYNF_ELT_SUB, x, cynf_g_reduce(c->g, x, CYNF_REDUCE_MEAN, mask, true));
}

/* 1 / sqrt(mean of x^2 + epsilon) */
static cynf_tensor_id inverse_rms(cynf_lower *c, cynf_tensor_id x, uint32_t mask, double epsilon)
{
    const cynf_shape s = cynf_shape_of(c, x);
    return unary(c, unary(c, squares(c, x, mask), CYNF_ACT_AFFINE, mean_of(&s, mask), (float)epsilon), CYNF_ACT_RSQRT, 0, 0);
}

/* The sizes of the layer's axes in the order that its config lists them, which is that of its weights. */
static cynf_shape listed(cynf_lower *c, const cynf_shape *x, uint32_t mask)
{
    const cJSON *axis = cynf_cfg(c, "axis");
    cynf_shape s = {0};
    for (const cJSON *e = cJSON_IsArray(axis) ? axis->child : NULL; e; e = e->next) {
        const uint32_t one = cynf_cfg_axes(c, e, x->rank) & mask;
        mask &= ~one;
        for (int i = 0; i < x->rank; i++)
            if (one >> i & 1)
                s.d[s.rank++] = x->d[i];
    }
    for (int i = 0; i < x->rank; i++)
        if (mask >> i & 1)
            s.d[s.rank++] = x->d[i];
    return s;
}

/* A weight over the axes of mask that broadcasts against x: Keras reshapes it, in whatever order the axes are listed. */
static cynf_tensor_id over_axes(cynf_lower *c, const char *name, const cynf_shape *x, uint32_t mask)
{
    cynf_shape stored = listed(c, x, mask), used = {0};
    for (int i = 0; i < x->rank; i++)
        if (used.rank || mask >> i & 1)
            used.d[used.rank++] = mask >> i & 1 ? x->d[i] : 1;
    const cynf_tensor_id w = cynf_layer_weight(c, name, &stored);
    if (w >= 0)
        c->g->t[w].shape = used;
    return w;
}

/* gamma y + beta, where the layer has them; y has the shape of the layer's input. */
static cynf_tensor_id gamma_beta(cynf_lower *c, cynf_tensor_id y, uint32_t mask)
{
    const cynf_shape s = cynf_shape_of(c, y);
    const bool scale = cynf_cfg_bool(c, "scale", true), center = cynf_cfg_bool(c, "center", true);
    const cynf_tensor_id gamma = scale ? over_axes(c, "gamma", &s, mask) : CYNF_NO_TENSOR, beta = center ? over_axes(c, "beta", &s, mask) : CYNF_NO_TENSOR;
    if (scale && center)
        return cynf_g_muladd(c->g, y, gamma, beta);
    return scale ? mul(c, y, gamma) : center ? cynf_g_binary(c->g, CYNF_ELT_ADD, y, beta) : y;
}

static uint32_t axes(cynf_lower *c)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    const cJSON *axis = cynf_cfg(c, "axis");
    const uint32_t mask = axis ? cynf_cfg_axes(c, axis, rank) : 1u << (rank - 1);
    if (mask & 1)
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "axis must not name the batch");
    return c->g->status ? 0 : mask;
}

static cynf_tensor_id layer_normalization(cynf_lower *c)
{
    const uint32_t mask = axes(c);
    const double epsilon = cynf_cfg_number(c, "epsilon", 1e-3);
    const cynf_tensor_id x = centred(c, c->in[0], mask), inv = inverse_rms(c, x, mask, epsilon);
    if (cynf_cfg_bool(c, "rms_scaling", false)) { /* the input itself, over its standard deviation */
        const cynf_shape s = cynf_shape_of(c, c->in[0]);
        return mul(c, mul(c, c->in[0], inv), over_axes(c, "gamma", &s, mask));
    }
    return gamma_beta(c, mul(c, x, inv), mask);
}

/* Its scale is not reshaped: it broadcasts from the last axis on, whichever axes the mean is over. */
static cynf_tensor_id rms_normalization(cynf_lower *c)
{
    const uint32_t mask = axes(c);
    const cynf_shape x = cynf_shape_of(c, c->in[0]), s = listed(c, &x, mask);
    return mul(c, mul(c, c->in[0], inverse_rms(c, c->in[0], mask, cynf_cfg_number(c, "epsilon", 1e-6))), cynf_layer_weight(c, "scale", &s));
}

/* x / |x|; 0 stays 0. */
static cynf_tensor_id unit_normalization(cynf_lower *c)
{
    const cynf_tensor_id n2 = squares(c, c->in[0], axes(c));
    if (c->keras < 3)
        return mul(c, c->in[0], unary(c, cynf_g_binary(c->g, CYNF_ELT_MAX, n2, cynf_g_scalar(c->g, 1e-12f)), CYNF_ACT_RSQRT, 0, 0));
    return mul(c, c->in[0], cynf_g_binary(c->g, CYNF_ELT_MIN, unary(c, n2, CYNF_ACT_RSQRT, 0, 0), cynf_g_scalar(c->g, 1e12f)));
}

/* The channels split into groups, each with its own mean and variance over everything else of the sample. */
static cynf_tensor_id group_normalization(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const uint32_t mask = axes(c);
    int axis = 0;
    while (axis < x.rank - 1 && !(mask >> axis & 1))
        axis++;
    int32_t groups = cynf_cfg_int(c, "groups", -1, 32);
    groups = groups == -1 ? x.d[axis] : groups;
    if (c->g->status || mask != 1u << axis || groups < 1 || x.d[axis] % groups || x.rank == CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "groups = %d does not divide axis %d of size %d, or there are several axes", groups, axis, x.d[axis]);
    cynf_shape s = {x.rank + 1, {0}};
    for (int i = 0; i < x.rank; i++)
        s.d[i + (i > axis)] = x.d[i];
    s.d[axis] = groups;
    s.d[axis + 1] = x.d[axis] / groups;
    const uint32_t over = ((1u << s.rank) - 1) & ~(1u | 1u << axis);
    const cynf_tensor_id y = centred(c, cynf_g_reshape(c->g, c->in[0], &s), over);
    return gamma_beta(c, cynf_g_reshape(c->g, mul(c, y, inverse_rms(c, y, over, cynf_cfg_number(c, "epsilon", 1e-3))), &x), mask);
}

/* The common custom layer, of two makes: tensorflow_addons is a group normalisation and has "groups"; keras_contrib divides by deviation + epsilon. */
static cynf_tensor_id instance_normalization(cynf_lower *c)
{
    if (cynf_cfg(c, "groups"))
        return group_normalization(c);
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const uint32_t mask = cynf_cfg(c, "axis") ? axes(c) : 0, over = ((1u << x.rank) - 1) & ~(1u | mask);
    const cynf_tensor_id y = centred(c, c->in[0], over), var = unary(c, squares(c, y, over), CYNF_ACT_AFFINE, mean_of(&x, over), 0);
    const cynf_tensor_id dev = unary(c, unary(c, var, CYNF_ACT_SQRT, 0, 0), CYNF_ACT_AFFINE, 1, (float)cynf_cfg_number(c, "epsilon", 1e-3));
    const cynf_tensor_id z = cynf_g_binary(c->g, CYNF_ELT_DIV, y, dev);
    if (mask)
        return gamma_beta(c, z, mask);
    const cynf_shape one = {1, {1}}; /* without an axis there is one scale for all */
    const cynf_tensor_id scaled = cynf_cfg_bool(c, "scale", true) ? mul(c, z, cynf_layer_weight(c, "gamma", &one)) : z;
    return cynf_cfg_bool(c, "center", true) ? cynf_g_binary(c->g, CYNF_ELT_ADD, scaled, cynf_layer_weight(c, "beta", &one)) : scaled;
}

const cynf_layer_class cynf_layers_moments[] = {
    {"LayerNormalization", layer_normalization, CYNF_ONE_INPUT,
        "axes but the batch, center, scale, rms_scaling", "reduce, eltwise"},
    {"RMSNormalization", rms_normalization, CYNF_ONE_INPUT,
        "axes but the batch", "reduce, eltwise"},
    {"UnitNormalization", unit_normalization, CYNF_ONE_INPUT,
        "axes but the batch", "reduce, eltwise"},
    {"GroupNormalization", group_normalization, CYNF_ONE_INPUT,
        "groups, axis, center, scale", "reduce, eltwise"},
    {"InstanceNormalization", instance_normalization, CYNF_ONE_INPUT,
        "of keras_contrib and of tensorflow_addons: axis, center, scale", "reduce, eltwise"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
