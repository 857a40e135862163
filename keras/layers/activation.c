/* SPDX-License-Identifier: MIT */
/** Activations by name, by function object, by layer object, and the activation layers. Formulas and defaults: keras/activations, keras/layers/activations. */
#include <math.h>
#include <string.h>

#include "keras/layers/layer.h"

static uint32_t last_axis(const cynf_lower *c, cynf_tensor_id x)
{
    const int r = cynf_shape_of(c, x).rank;
    return r ? 1u << (r - 1) : 0;
}

static cynf_tensor_id act_softmax(cynf_lower *c, cynf_tensor_id x) { return cynf_g_softmax(c->g, x, CYNF_SOFTMAX, last_axis(c, x)); }
static cynf_tensor_id act_log_softmax(cynf_lower *c, cynf_tensor_id x) { return cynf_g_softmax(c->g, x, CYNF_LOG_SOFTMAX, last_axis(c, x)); }
static cynf_tensor_id act_sparsemax(cynf_lower *c, cynf_tensor_id x) { return cynf_g_softmax(c->g, x, CYNF_SPARSEMAX, last_axis(c, x)); }

/* First half of the last axis times the sigmoid of the second. */
static cynf_tensor_id act_glu(cynf_lower *c, cynf_tensor_id x)
{
    const cynf_shape s = cynf_shape_of(c, x);
    int32_t begin[CYNF_MAX_DIMS] = {0}, size[CYNF_MAX_DIMS];
    memcpy(size, s.d, sizeof size);
    const int last = s.rank - 1;
    if (last < 0 || s.d[last] % 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "activation glu needs an even last dimension");
    begin[last] = size[last] /= 2;
    const cynf_tensor_id gate = cynf_g_slice(c->g, x, begin, size, NULL);
    begin[last] = 0;
    return cynf_g_binary(c->g, CYNF_ELT_MUL, cynf_g_slice(c->g, x, begin, size, NULL), cynf_g_unary(c->g, gate, CYNF_ACT_SIGMOID, 0, 0, 0));
}

static const struct named {
    const char *name;
    cynf_act act;
    float a, b;
    cynf_tensor_id (*fn)(cynf_lower *c, cynf_tensor_id x); /* instead of act */
    bool rows;                                             /* over the last axis, not element by element */
} activations[] = {
    {"linear", CYNF_ACT_LINEAR, 0, 0, NULL, false},
    {"relu", CYNF_ACT_RELU, 0, 0, NULL, false},
    {"relu6", CYNF_ACT_CLIP, 0, 6, NULL, false},
    {"leaky_relu", CYNF_ACT_LEAKY_RELU, 0.2f, 0, NULL, false},
    {"elu", CYNF_ACT_ELU, 1, 0, NULL, false},
    {"selu", CYNF_ACT_SELU, 0, 0, NULL, false},
    {"celu", CYNF_ACT_CELU, 1, 0, NULL, false},
    {"exponential", CYNF_ACT_EXP, 0, 0, NULL, false},
    {"sigmoid", CYNF_ACT_SIGMOID, 0, 0, NULL, false},
    {"hard_sigmoid", CYNF_ACT_HARD_SIGMOID, 0.2f, 0.5f, NULL, false},
    {"tanh", CYNF_ACT_TANH, 0, 0, NULL, false},
    {"hard_tanh", CYNF_ACT_CLIP, -1, 1, NULL, false},
    {"tanh_shrink", CYNF_ACT_TANH_SHRINK, 0, 0, NULL, false},
    {"softplus", CYNF_ACT_SOFTPLUS, 0, 0, NULL, false},
    {"softsign", CYNF_ACT_SOFTSIGN, 0, 0, NULL, false},
    {"silu", CYNF_ACT_SILU, 0, 0, NULL, false},
    {"swish", CYNF_ACT_SILU, 0, 0, NULL, false},
    {"hard_silu", CYNF_ACT_HARD_SILU, 0, 0, NULL, false},
    {"hard_swish", CYNF_ACT_HARD_SILU, 0, 0, NULL, false},
    {"gelu", CYNF_ACT_GELU, 0, 0, NULL, false},
    {"mish", CYNF_ACT_MISH, 0, 0, NULL, false},
    {"log_sigmoid", CYNF_ACT_LOG_SIGMOID, 0, 0, NULL, false},
    {"soft_shrink", CYNF_ACT_SOFT_SHRINK, 0.5f, 0, NULL, false},
    {"hard_shrink", CYNF_ACT_HARD_SHRINK, 0.5f, 0, NULL, false},
    {"sparse_plus", CYNF_ACT_SPARSE_PLUS, 0, 0, NULL, false},
    {"sparse_sigmoid", CYNF_ACT_SPARSE_SIGMOID, 0, 0, NULL, false},
    {"squareplus", CYNF_ACT_SQUAREPLUS, 4, 0, NULL, false},
    {"softmax", CYNF_ACT_LINEAR, 0, 0, act_softmax, true},
    {"log_softmax", CYNF_ACT_LINEAR, 0, 0, act_log_softmax, true},
    {"sparsemax", CYNF_ACT_LINEAR, 0, 0, act_sparsemax, true},
    {"glu", CYNF_ACT_LINEAR, 0, 0, act_glu, true},
};

static const struct named *find_named(const char *name)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (!strcmp(activations[i].name, name))
            return &activations[i];
    return NULL;
}

/* "relu" and {"class_name": "function", "config": "relu"} name a function; {"class_name": "LeakyReLU", "config": {...}} is a layer: NULL. */
static const char *function_name(const cJSON *v)
{
    if (cJSON_IsObject(v))
        v = cJSON_GetObjectItemCaseSensitive(v, "config");
    return cJSON_GetStringValue(v);
}

bool cynf_activation_pointwise(const cJSON *v)
{
    const char *name = v ? function_name(v) : "linear";
    const struct named *a = name ? find_named(name) : NULL;
    return a && !a->rows;
}

static cynf_epilogue epilogue_of(const cynf_lower *c, const struct named *a)
{
    cynf_epilogue e = {.act = (int32_t)a->act, .a = a->a, .b = a->b};
    if (a->act == CYNF_ACT_HARD_SIGMOID && c->keras >= 3) /* relu6(x + 3) / 6 */
        e.a = 1.f / 6;
    return e;
}

bool cynf_activation_epilogue(const cynf_lower *c, const cJSON *v, cynf_epilogue *e)
{
    *e = (cynf_epilogue){.act = CYNF_ACT_LINEAR};
    const bool pointwise = cynf_activation_pointwise(v);
    if (v && pointwise)
        *e = epilogue_of(c, find_named(function_name(v)));
    return pointwise;
}

cynf_tensor_id cynf_activate(cynf_lower *c, cynf_tensor_id x, const cJSON *v)
{
    if (!v || c->g->status)
        return c->g->status ? CYNF_NO_TENSOR : x;
    const char *name = function_name(v);
    if (!name)
        return cJSON_IsObject(v) ? cynf_lower_inner(c, v, x) : cynf_graph_fail(c->g, CYNF_EFORMAT, "activation is neither a name nor an object");
    const struct named *a = find_named(name);
    if (!a)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "activation \"%s\" is not one of Keras' own; replace it by a built-in one", name);
    if (a->fn)
        return a->fn(c, x);
    const cynf_epilogue e = epilogue_of(c, a);
    return a->act == CYNF_ACT_LINEAR ? x : cynf_g_unary(c->g, x, a->act, e.a, e.b, 0);
}

/* ---- layers ------------------------------------------------------------------------------------------------------------- */

static cynf_tensor_id activation(cynf_lower *c)
{
    const cJSON *v = cynf_cfg(c, "activation");
    return v ? cynf_activate(c, c->in[0], v) : cynf_graph_fail(c->g, CYNF_EFORMAT, "its config has no activation");
}

static cynf_tensor_id relu(cynf_lower *c)
{
    const double slope = cynf_cfg_number(c, "negative_slope", 0), threshold = cynf_cfg_number(c, "threshold", 0), max = cynf_cfg_number(c, "max_value", INFINITY);
    if (threshold < 0 || max < 0 || slope < 0)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "max_value, negative_slope and threshold must not be negative, found %g, %g and %g", max, slope, threshold);
    if (slope != 0 && threshold == 0 && isinf(max))
        return cynf_g_unary(c->g, c->in[0], CYNF_ACT_LEAKY_RELU, (float)slope, 0, 0);
    if (slope != 0 || threshold != 0)
        return cynf_g_unary(c->g, c->in[0], CYNF_ACT_GENERAL_RELU, (float)slope, (float)threshold, (float)max);
    return isinf(max) ? cynf_g_unary(c->g, c->in[0], CYNF_ACT_RELU, 0, 0, 0) : cynf_g_unary(c->g, c->in[0], CYNF_ACT_CLIP, 0, (float)max, 0);
}

static cynf_tensor_id leaky_relu(cynf_lower *c)
{
    return cynf_g_unary(c->g, c->in[0], CYNF_ACT_LEAKY_RELU, (float)cynf_cfg_number(c, "negative_slope|alpha", 0.3), 0, 0);
}

static cynf_tensor_id elu(cynf_lower *c)
{
    return cynf_g_unary(c->g, c->in[0], CYNF_ACT_ELU, (float)cynf_cfg_number(c, "alpha", 1), 0, 0);
}

static cynf_tensor_id thresholded_relu(cynf_lower *c)
{
    return cynf_g_unary(c->g, c->in[0], CYNF_ACT_THRESHOLD, (float)cynf_cfg_number(c, "theta", 1), 0, 0);
}

/* One slope per element of a sample, or one for all along each of the shared axes. */
static cynf_tensor_id prelu(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const cJSON *shared = cynf_cfg(c, "shared_axes");
    const uint32_t mask = shared && (!cJSON_IsArray(shared) || shared->child) ? cynf_cfg_axes(c, shared, x.rank) : 0;
    cynf_shape s = {x.rank - 1, {0}};
    for (int i = 1; i < x.rank; i++)
        s.d[i - 1] = mask >> i & 1 ? 1 : x.d[i];
    return cynf_g_binary(c->g, CYNF_ELT_PRELU, c->in[0], cynf_layer_weight(c, "alpha|alphas", &s));
}

static cynf_tensor_id softmax(cynf_lower *c)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    const cJSON *axis = cynf_cfg(c, "axis");
    const bool every = !cynf_cfg_or(c, "axis", c->config); /* null, in a node of keras.ops */
    const uint32_t mask = axis ? cynf_cfg_axes(c, axis, rank) : every ? (1u << rank) - 1 : last_axis(c, c->in[0]);
    c->g->batch_mixed |= mask & 1;
    if (c->mask[0] < 0)
        return cynf_g_softmax(c->g, c->in[0], CYNF_SOFTMAX, mask);
    const cynf_tensor_id low = cynf_g_scalar(c->g, -1e9f), x = cynf_g_select(c->g, c->mask[0], c->in[0], low), y = cynf_g_softmax(c->g, x, CYNF_SOFTMAX, mask);
    return c->keras == 3 && c->keras_minor >= 10 ? cynf_g_binary(c->g, CYNF_ELT_MUL, y, c->mask[0]) : y;
}

const cynf_layer_class cynf_layers_activation[] = {
    {"Activation", activation, CYNF_ONE_INPUT,
        "every activation of Keras by name, function object or layer object", "eltwise, softmax", "hard_sigmoid is relu6(x + 3) / 6 in files of Keras 3, clip(0.2 x + 0.5) before; sparsemax is Keras' own formula"},
    {"ReLU", relu, CYNF_ONE_INPUT,
        "max_value, negative_slope, threshold", "eltwise"},
    {"LeakyReLU", leaky_relu, CYNF_ONE_INPUT,
        "alpha, negative_slope", "eltwise"},
    {"ELU", elu, CYNF_ONE_INPUT,
        "alpha", "eltwise"},
    {"PReLU", prelu, CYNF_ONE_INPUT,
        "shared_axes", "eltwise"},
    {"Softmax", softmax, CYNF_ONE_INPUT,
        "axis, mask", "softmax"},
    {"ThresholdedReLU", thresholded_relu, CYNF_ONE_INPUT,
        "theta", "eltwise"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
