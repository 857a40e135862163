/* SPDX-License-Identifier: MIT */
/** Dense over the last axis of any rank, and over any axes by an equation. */
#include <string.h>

#include "keras/layers/layer.h"

/* A kernel with a LoRA update that is not merged has no scale of its own any more. */
static bool has_scale(cynf_lower *c)
{
    if (cynf_cfg(c, "lora_rank") && !c->archive)
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an int8 kernel with a LoRA update apart is not supported; save the model as .keras, which merges them");
    return !c->g->status;
}

/* Products of whole numbers, then what they stand for: Keras multiplies int8 by int8 into int32, which single precision holds up to 2^24. */
static cynf_tensor_id int8_dense(cynf_lower *c, cynf_tensor_id w, int32_t units)
{
    if (!has_scale(c))
        return CYNF_NO_TENSOR;
    cynf_tensor_id x_scale, scale = cynf_layer_weight(c, "kernel_scale", &(cynf_shape){1, {units}});
    const cynf_tensor_id x = cynf_quantise(c, c->in[0], 1u << (cynf_shape_of(c, c->in[0]).rank - 1), &x_scale);
    if (x_scale >= 0)
        scale = cynf_g_binary(c->g, CYNF_ELT_MUL, scale, x_scale);
    const cynf_tensor_id y = cynf_g_binary(c->g, CYNF_ELT_DIV, cynf_g_fc(c->g, x, w, CYNF_NO_TENSOR), scale), bias = cynf_layer_bias(c, units);
    return bias < 0 ? y : cynf_g_binary(c->g, CYNF_ELT_ADD, y, bias);
}

static cynf_tensor_id dense(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const int32_t units = cynf_cfg_int(c, "units|output_dim", 1, CYNF_REQUIRED);
    if (x.rank < 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of at least 2 dimensions", x.rank);
    const int32_t k = x.d[x.rank - 1];
    const cynf_tensor_id w = cynf_layer_kernel(c, &(cynf_shape){2, {k, units}});
    const cynf_tensor_id y = cynf_layer_int8(c) ? int8_dense(c, w, units) : cynf_g_fc(c->g, c->in[0], w, cynf_layer_bias(c, units));
    return cynf_activate(c, y, cynf_cfg(c, "activation"));
}

/*
 * The product of whole numbers by an equation over what they stand for. x is scaled over the axes that the output lacks; the kernel's scale is as an output that has size 1
 * wherever the kernel lacks the axis.
 */
static cynf_tensor_id int8_einsum(cynf_lower *c, const char *eq, cynf_tensor_id w)
{
    const char *comma = strchr(eq, ','), *arrow = strstr(comma, "->"), *out = arrow + 2;
    const int rank = cynf_shape_of(c, c->in[0]).rank, named = (int)(comma - eq) - (memchr(eq, '.', (size_t)(comma - eq)) ? 3 : 0);
    uint32_t summed = 0;
    int at = 0;
    for (const char *p = eq; p < comma && at < rank; p++)
        if (*p == '.') {
            at += p[1] != '.' ? rank - named : 0;
        } else {
            summed |= strchr(out, *p) ? 0 : 1u << at;
            at++;
        }
    cynf_tensor_id x_scale, x = cynf_quantise(c, c->in[0], summed, &x_scale);
    if (x_scale >= 0)
        x = cynf_g_binary(c->g, CYNF_ELT_DIV, x, x_scale);
    const cynf_tensor_id y = cynf_einsum(c, eq, x, w);
    const cynf_shape full = cynf_shape_of(c, y);
    const int letters = (int)strlen(out) - (strchr(out, '.') ? 3 : 0);
    cynf_shape s = {0};
    for (const char *p = out; *p && s.rank < full.rank; p++) {
        const int more = *p != '.' ? 1 : p[1] != '.' ? full.rank - letters : 0;
        for (int i = 0; i < more && s.rank < full.rank; i++, s.rank++)
            s.d[s.rank] = *p != '.' && memchr(comma + 1, *p, (size_t)(arrow - comma - 1)) ? full.d[s.rank] : 1;
    }
    return cynf_g_binary(c->g, CYNF_ELT_DIV, y, cynf_layer_weight(c, "kernel_scale", &s));
}

/* The kernel has the axes that the equation gives it: sizes from the input where both have them, the others from output_shape. */
static cynf_tensor_id einsum_dense(cynf_lower *c)
{
    const cynf_shape x = cynf_shape_of(c, c->in[0]);
    const char *eq = cynf_cfg_text(c, "equation"), *comma = eq ? strchr(eq, ',') : NULL, *arrow = comma ? strstr(comma, "->") : NULL;
    const char *bias_axes = cynf_cfg_text(c, "bias_axes");
    const cJSON *list = cynf_cfg(c, "output_shape");
    if (!arrow)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "its config has no equation of the form \"ab,bc->ac\"");
    const int n_x = (int)(comma - eq), n_k = (int)(arrow - comma - 1), n_y = (int)strlen(arrow + 2), n_list = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 1;
    const bool dots = strstr(eq, "...") == eq, dots_after = !dots && memchr(eq, '.', (size_t)n_x);
    cynf_shape k = {0}, b = {0};
    for (int pass = 0; pass < 2; pass++) /* the kernel, then the bias: 1 for the axes after its first that it lacks */
        for (const char *p = pass ? arrow + 2 : comma + 1; pass ? bias_axes && *p : p < arrow; p++) {
            cynf_shape *s = pass ? &b : &k;
            if (pass && !strchr(bias_axes, *p)) {
                const int ones = !s->rank ? 0 : *p != '.' ? 1 : p[-1] != '.' ? x.rank - (n_x - 3) : 0;
                for (int i = 0; i < ones && s->rank < CYNF_MAX_DIMS; i++)
                    s->d[s->rank++] = 1;
                continue;
            }
            const char *in = memchr(eq, *p, (size_t)n_x), *out = strchr(arrow + 2, *p);
            int32_t size = 0;
            if (in) { /* axes after an ellipsis count from the end */
                const int at = dots ? x.rank - (int)(comma - in) : (int)(in - eq);
                size = at >= 0 && at < x.rank ? x.d[at] : 0;
            } else if (out) {
                const int at = dots_after ? (int)(out - arrow - 2) - 1 : n_list - (n_y - (int)(out - arrow - 2));
                const cJSON *e = cJSON_IsArray(list) ? cJSON_GetArrayItem(list, at) : list;
                size = at >= 0 && cJSON_IsNumber(e) && e->valuedouble >= 1 && e->valuedouble < 1 << 24 ? (int32_t)e->valuedouble : 0;
            }
            if (!size || s->rank == CYNF_MAX_DIMS)
                return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the size of axis \"%c\" in the equation \"%s\" is not known from the input and output_shape", *p, eq);
            s->d[s->rank++] = size;
        }
    if (n_k < 1)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "the equation \"%s\" has no kernel", eq);
    const cynf_tensor_id w = cynf_layer_kernel(c, &k);
    cynf_tensor_id y = !cynf_layer_int8(c) ? cynf_einsum(c, eq, c->in[0], w) : has_scale(c) ? int8_einsum(c, eq, w) : CYNF_NO_TENSOR;
    if (bias_axes)
        y = cynf_add_bias(c, y, cynf_layer_weight(c, "bias", &b));
    return cynf_activate(c, y, cynf_cfg(c, "activation"));
}

const cynf_layer_class cynf_layers_dense[] = {
    {"Dense", dense, CYNF_ONE_INPUT,
        "any rank, LoRA, int8", "fc, reduce", "int8: as whole numbers in single precision"},
    {"EinsumDense", einsum_dense, CYNF_ONE_INPUT,
        "equations of two operands with distinct axes, ellipses, bias_axes, LoRA, int8", "fc, gemm, reduce", "other equations are refused"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
