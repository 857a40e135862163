/* SPDX-License-Identifier: MIT */
/** Layers that scale and shift by constants: BatchNormalization, Normalization, Rescaling. All become one multiply-add, which passes fold further. */
#include <math.h>
#include <stdlib.h>

#include "keras/layers/layer.h"

/* Shape of the axes in mask, 1 elsewhere, without leading ones: broadcasts against a tensor of shape x. */
static cynf_shape kept(const cynf_shape *x, uint32_t mask)
{
    cynf_shape s = {0};
    for (int i = 0; i < x->rank; i++)
        if (s.rank || mask >> i & 1)
            s.d[s.rank++] = mask >> i & 1 ? x->d[i] : 1;
    return s;
}

/* Two constants of n elements: scale and shift. */
static float *take_pair(cynf_lower *c, size_t n)
{
    float *p = n ? malloc(2 * n * sizeof *p) : NULL;
    if (!p)
        cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    return p;
}

static cynf_tensor_id finish(cynf_lower *c, const cynf_shape *s, float *pair)
{
    const cynf_tensor_id y = cynf_scale_shift(c, c->in[0], s, pair, pair + cynf_shape_elems(s));
    free(pair);
    return y;
}

/* gamma (x - mean) / sqrt(variance + epsilon) + beta */
static cynf_tensor_id batch_normalization(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const cJSON *axis = cynf_cfg(c, "axis");
    const uint32_t mask = axis ? cynf_cfg_axes(c, axis, x.rank) : 1u << (x.rank - 1);
    const double eps = cynf_cfg_number(c, "epsilon", 1e-3);
    const bool center = cynf_cfg_bool(c, "center", true), scale = cynf_cfg_bool(c, "scale", true);
    if (!mask || mask & (mask - 1) || mask & 1)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "axis must be one axis other than the batch");
    if (cynf_cfg_int(c, "mode", 0, 0) == 1)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "mode 1 (statistics of each sample) is not supported; only 0 and 2 are");
    const cynf_shape s = kept(&x, mask), w = {1, {(int32_t)cynf_shape_elems(&s)}};
    const float *gamma = scale ? cynf_layer_data(c, "gamma", &w) : NULL, *beta = center ? cynf_layer_data(c, "beta", &w) : NULL;
    const float *mean = cynf_layer_data(c, "moving_mean|running_mean", &w), *var = cynf_layer_data(c, "moving_variance|running_variance|running_std", &w);
    float *p = c->g->status ? NULL : take_pair(c, (size_t)w.d[0]);
    if (!p)
        return CYNF_NO_TENSOR;
    for (int32_t i = 0; i < w.d[0]; i++) {
        const double a = (gamma ? gamma[i] : 1) / sqrt(var[i] + eps);
        p[i] = (float)a;
        p[w.d[0] + i] = (float)((beta ? beta[i] : 0) - mean[i] * a);
    }
    return finish(c, &s, p);
}

/* (x - mean) / max(sqrt(variance), 1e-7), or back; mean and variance are weights (adapted) or in the config. */
static cynf_tensor_id normalization(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const cJSON *axis = cJSON_GetObjectItemCaseSensitive(c->config, "axis");
    const bool every = cJSON_IsNull(axis) || (cJSON_IsArray(axis) && !axis->child), invert = cynf_cfg_bool(c, "invert", false);
    const uint32_t mask = every ? 0 : axis ? cynf_cfg_axes(c, axis, x.rank) : 1u << (x.rank - 1);
    if (mask & 1)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "axis must not name the batch");
    cynf_shape w = {0};
    for (int i = 0; i < x.rank; i++)
        if (mask >> i & 1)
            w.d[w.rank++] = x.d[i];
    const cynf_shape s = kept(&x, mask);
    const int32_t n = (int32_t)cynf_shape_elems(&w);
    float *p = c->g->status ? NULL : take_pair(c, (size_t)n);
    if (!p)
        return CYNF_NO_TENSOR;
    float *mean = p, *var = p + n;
    if (cynf_cfg(c, "mean")) {
        const int32_t nm = cynf_cfg_floats(c, "mean", mean, n), nv = cynf_cfg_floats(c, "variance", var, n);
        if (nm < 1 || nv < 1 || n % nm || n % nv)
            cynf_graph_fail(c->g, CYNF_EFORMAT, "mean and variance have %d and %d elements, expected %d", nm, nv, n);
        for (int32_t i = n - 1; !c->g->status && i >= 0; i--) { /* shorter lists broadcast along the leading axes */
            mean[i] = mean[i % nm];
            var[i] = var[i % nv];
        }
    } else {
        const float *wm = cynf_layer_data(c, "mean", &w), *wv = cynf_layer_data(c, "variance", &w);
        for (int32_t i = 0; wm && wv && i < n; i++) {
            mean[i] = wm[i];
            var[i] = wv[i];
        }
    }
    for (int32_t i = 0; !c->g->status && i < n; i++) {
        const double m = mean[i], d = fmax(sqrt(var[i]), 1e-7);
        p[i] = (float)(invert ? d : 1 / d);
        p[n + i] = (float)(invert ? m : -m / d);
    }
    return finish(c, &s, p);
}

/* scale x + offset; each is one number or one per channel. */
static cynf_tensor_id rescaling(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const int32_t n = x.d[x.rank - 1];
    float *p = take_pair(c, (size_t)n);
    if (!p)
        return CYNF_NO_TENSOR;
    const int32_t ns = cynf_cfg_floats(c, "scale", p, n), no = cynf_cfg_floats(c, "offset", p + n, n);
    if ((ns != 1 && ns != n) || (no > 1 && no != n))
        cynf_graph_fail(c->g, CYNF_EFORMAT, "scale and offset have %d and %d elements, expected 1 or %d", ns, no, n);
    for (int32_t i = n - 1; !c->g->status && i >= 0; i--) {
        p[i] = ns == 1 ? p[0] : p[i];
        p[n + i] = no == n ? p[n + i] : no == 1 ? p[n] : 0;
    }
    return finish(c, &(cynf_shape){1, {n}}, p);
}

const cynf_layer_class cynf_layers_norm[] = {
    {"BatchNormalization", batch_normalization, CYNF_ONE_INPUT,
        "any one axis but the batch, center, scale", "eltwise", "folded into a neighbouring convolution or Dense where there is one"},
    {"BatchNormalizationV1", batch_normalization, CYNF_ONE_INPUT},
    {"BatchNormalizationV2", batch_normalization, CYNF_ONE_INPUT},
    {"Normalization", normalization, CYNF_ONE_INPUT,
        "axis, invert", "eltwise", "folded into a neighbouring convolution or Dense where there is one"},
    {"Rescaling", rescaling, CYNF_ONE_INPUT,
        "scale and offset: numbers or lists", "eltwise", "folded into a neighbouring convolution or Dense where there is one"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
