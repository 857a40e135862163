/* SPDX-License-Identifier: MIT */
/** Config getters, weights and tensor helpers that the lowerings of all families share. */
#include "keras/layers/layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "keras/custom.h"

/* ---- config ------------------------------------------------------------------------------------------------------------- */

const cJSON *cynf_cfg(const cynf_lower *c, const char *keys)
{
    char key[64];
    while (*keys) {
        const size_t n = strcspn(keys, "|");
        memcpy(key, keys, n);
        key[n] = 0;
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->config, key);
        if (v && !cJSON_IsNull(v))
            return v;
        keys += n + (keys[n] == '|');
    }
    return NULL;
}

const cJSON *cynf_cfg_or(const cynf_lower *c, const char *keys, const cJSON *absent)
{
    const cJSON *v = cynf_cfg(c, keys);
    char key[128];
    while (!v && *keys) {
        const size_t n = strcspn(keys, "|");
        snprintf(key, sizeof key, "%.*s", (int)n, keys);
        if (cJSON_HasObjectItem(c->config, key))
            return NULL;
        keys += n + (keys[n] == '|');
    }
    return v ? v : absent;
}

/* The newest of the alternative names, for messages. */
static int newest(const char *keys)
{
    return (int)strcspn(keys, "|");
}

static void missing(cynf_lower *c, const char *keys)
{
    cynf_graph_fail(c->g, CYNF_EFORMAT, "its config has no %.*s", newest(keys), keys);
}

bool cynf_cfg_bool(cynf_lower *c, const char *keys, bool absent)
{
    const cJSON *v = cynf_cfg(c, keys);
    if (v && !cJSON_IsBool(v))
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%.*s is not true or false", newest(keys), keys);
    return v ? cJSON_IsTrue(v) : absent;
}

double cynf_cfg_number(cynf_lower *c, const char *keys, double absent)
{
    const cJSON *v = cynf_cfg(c, keys);
    if (v && (!cJSON_IsNumber(v) || !isfinite(v->valuedouble))) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%.*s is not a finite number", newest(keys), keys);
        return absent;
    }
    return v ? v->valuedouble : absent;
}

static bool to_int(cynf_lower *c, const char *keys, const cJSON *v, int32_t min, int32_t *out)
{
    if (!cJSON_IsNumber(v))
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%.*s is not a number, expected a whole number of at least %d", newest(keys), keys, min);
    else if (!(v->valuedouble >= min && v->valuedouble <= INT32_MAX) || v->valuedouble != floor(v->valuedouble))
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%.*s is %g, out of range: expected a whole number of at least %d", newest(keys), keys, v->valuedouble, min);
    else {
        *out = (int32_t)v->valuedouble;
        return true;
    }
    return false;
}

int32_t cynf_cfg_int(cynf_lower *c, const char *keys, int32_t min, int32_t absent)
{
    int32_t v = min;
    cynf_cfg_ints(c, keys, 1, &v, min, absent);
    return v;
}

bool cynf_cfg_ints(cynf_lower *c, const char *keys, int n, int32_t *out, int32_t min, int32_t absent)
{
    const cJSON *v = cynf_cfg(c, keys);
    for (int i = 0; i < n; i++)
        out[i] = absent == CYNF_REQUIRED ? min : absent;
    if (!v) {
        if (absent == CYNF_REQUIRED)
            missing(c, keys);
        return absent != CYNF_REQUIRED;
    }
    const int len = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 1;
    if (len != 1 && len != n) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%.*s has %d elements, expected %d", newest(keys), keys, len, n);
        return false;
    }
    const cJSON *e = cJSON_IsArray(v) ? v->child : v;
    for (int i = 0; i < n; i++, e = len == 1 ? e : e->next)
        if (!to_int(c, keys, e, min, &out[i]))
            return false;
    return true;
}

const char *cynf_cfg_text(cynf_lower *c, const char *keys)
{
    const cJSON *v = cynf_cfg(c, keys);
    if (v && !cJSON_IsString(v))
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%.*s is not a string", newest(keys), keys);
    return v ? cJSON_GetStringValue(v) : NULL;
}

uint32_t cynf_cfg_axes(cynf_lower *c, const cJSON *axes, int rank)
{
    uint32_t mask = 0;
    const cJSON *e = cJSON_IsArray(axes) ? axes->child : axes;
    for (; e; e = cJSON_IsArray(axes) ? e->next : NULL) {
        int32_t a = 0;
        if (!to_int(c, "axis", e, -rank, &a))
            return 0;
        a = a < 0 ? a + rank : a;
        if (a >= rank) {
            cynf_graph_fail(c->g, CYNF_EFORMAT, "axis %d is out of range for an input of rank %d", a, rank);
            return 0;
        }
        mask |= 1u << a;
    }
    if (!mask)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "axis is empty or missing");
    return mask;
}

static int32_t flatten_numbers(const cJSON *v, float *out, int32_t n, int32_t cap)
{
    if (cJSON_IsNumber(v)) {
        if (n < cap)
            out[n] = (float)v->valuedouble;
        return n < cap ? n + 1 : -1;
    }
    if (!cJSON_IsArray(v))
        return -1;
    const cJSON *e;
    cJSON_ArrayForEach(e, v)
        if (n >= 0)
            n = flatten_numbers(e, out, n, cap);
    return n;
}

int32_t cynf_cfg_floats(cynf_lower *c, const char *keys, float *out, int32_t cap)
{
    const cJSON *v = cynf_cfg(c, keys);
    if (cJSON_IsObject(v)) /* {"class_name": "__numpy__" or "__tensor__", "config": {"value": ...}} */
        v = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(v, "config"), "value");
    const int32_t n = v ? flatten_numbers(v, out, 0, cap) : 0;
    if (n < 0)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%.*s is not a list of at most %d numbers", newest(keys), keys, cap);
    return n;
}

bool cynf_cfg_channels_first(cynf_lower *c)
{
    const char *f = cynf_cfg_text(c, "data_format|dim_ordering");
    const bool first = f && (!strcmp(f, "channels_first") || !strcmp(f, "th"));
    if (f && !first && strcmp(f, "channels_last") && strcmp(f, "tf") && strcmp(f, "default"))
        cynf_graph_fail(c->g, CYNF_EFORMAT, "data_format is \"%s\", expected channels_last or channels_first", f);
    return first;
}

cynf_padding cynf_cfg_padding(cynf_lower *c, bool causal)
{
    const char *p = cynf_cfg_text(c, "padding|border_mode");
    if (!p || !strcmp(p, "valid"))
        return CYNF_PAD_VALID;
    if (!strcmp(p, "same"))
        return CYNF_PAD_SAME;
    if (!causal || strcmp(p, "causal"))
        cynf_graph_fail(c->g, CYNF_EFORMAT, "padding is \"%s\", expected valid%s", p, causal ? ", same or causal" : " or same");
    return CYNF_PAD_CAUSAL;
}

/* ---- calls ---------------------------------------------------------------------------------------------------------------- */

const cJSON *cynf_call_arg(const cynf_lower *c, int position, const char *name)
{
    if (!c->call)
        return NULL;
    const cJSON *v = position >= 0 ? cJSON_GetArrayItem(c->call->args, position) : NULL;
    if (!v || cJSON_IsNull(v))
        v = cJSON_GetObjectItemCaseSensitive(c->call->kwargs, name);
    return v && !cJSON_IsNull(v) ? v : NULL;
}

int32_t cynf_call_tensor(const cynf_lower *c, const cJSON *json)
{
    for (int32_t i = 0; json && i < c->n_in; i++)
        if (c->call->in[i].json == json)
            return i;
    return -1;
}

int32_t cynf_call_input(const cynf_lower *c, int position, const char *name)
{
    const cJSON *v = cynf_call_arg(c, position, name);
    if (v || !c->call || c->call->args)
        return v ? cynf_call_tensor(c, v) : -1;
    return position >= 0 && position < c->call->n_positional ? position : -1;
}

void cynf_set_output(cynf_lower *c, int32_t i, cynf_tensor_id t)
{
    if (i < c->n_out)
        c->out[i] = t;
}

/* ---- weights ------------------------------------------------------------------------------------------------------------ */

static const cynf_dataset *find_weight(const cynf_lower *c, const char *names)
{
    char name[64];
    while (*names) {
        const size_t n = strcspn(names, "|");
        memcpy(name, names, n);
        name[n] = 0;
        const cynf_dataset *d = cynf_weight(c->weights, name);
        if (d)
            return d;
        names += n + (names[n] == '|');
    }
    return NULL;
}

const float *cynf_layer_data(cynf_lower *c, const char *names, const cynf_shape *s)
{
    if (c->g->status)
        return NULL;
    const char *where = c->weights && c->weights->where ? c->weights->where : "the file";
    if (!c->weights || c->weights->problem) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "its weights (%s): %s", where, c->weights ? c->weights->problem : "not found");
        return NULL;
    }
    const cynf_dataset *d = find_weight(c, names);
    if (!d) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "weight \"%.*s\" is missing in %s", newest(names), names, where);
        return NULL;
    }
    if (!d->data) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "weight \"%s\" %s", d->path, d->note ? d->note : "could not be read");
        return NULL;
    }
    cynf_shape found = {d->rank < CYNF_MAX_DIMS ? d->rank : CYNF_MAX_DIMS, {0}};
    bool fits = d->rank == s->rank;
    for (int i = 0; i < found.rank; i++) {
        found.d[i] = d->dim[i] > INT32_MAX ? INT32_MAX : (int32_t)d->dim[i];
        fits = fits && d->dim[i] == s->d[i];
    }
    if (!fits) {
        char a[96], b[96];
        cynf_graph_fail(c->g, CYNF_EFORMAT, "weight \"%s\" has shape %s, expected %s", d->path, cynf_shape_text(&found, a, sizeof a), cynf_shape_text(s, b, sizeof b));
        return NULL;
    }
    c->parameters += (int64_t)cynf_shape_elems(s);
    return d->data;
}

cynf_tensor_id cynf_layer_weight(cynf_lower *c, const char *names, const cynf_shape *s)
{
    const float *data = cynf_layer_data(c, names, s);
    return data ? cynf_g_const(c->g, s, data) : CYNF_NO_TENSOR;
}

/* After enable_lora() an .h5 holds the kernel and its update apart: kernel + (alpha / rank) A B. An archive holds the sum. */
cynf_tensor_id cynf_layer_adapted(cynf_lower *c, const char *name, const cynf_shape *s)
{
    char lora_a[64], lora_b[64];
    snprintf(lora_a, sizeof lora_a, "lora_%s_a", name);
    snprintf(lora_b, sizeof lora_b, "lora_%s_b", name);
    const int32_t rank = c->archive ? 0 : cynf_cfg_int(c, "lora_rank", 1, 0), n = s->d[s->rank - 1];
    const cynf_tensor_id t = cynf_layer_weight(c, name, s);
    if (t < 0 || !rank)
        return t;
    cynf_shape left = *s;
    left.d[left.rank - 1] = rank;
    const float *a = cynf_layer_data(c, lora_a, &left), *b = cynf_layer_data(c, lora_b, &(cynf_shape){2, {rank, n}});
    const double scale = cynf_cfg_number(c, "lora_alpha", rank) / rank;
    if (c->g->status)
        return CYNF_NO_TENSOR;
    float *y = c->g->t[t].data;
    const size_t rows = cynf_shape_elems(s) / (size_t)n;
    for (size_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < n; j++) {
            double sum = 0;
            for (int32_t r = 0; r < rank; r++)
                sum += (double)a[i * (size_t)rank + (size_t)r] * b[(size_t)r * (size_t)n + (size_t)j];
            y[i * (size_t)n + (size_t)j] += (float)(scale * sum);
        }
    return t;
}

cynf_tensor_id cynf_layer_kernel(cynf_lower *c, const cynf_shape *s) { return cynf_layer_adapted(c, "kernel", s); }

bool cynf_whole_type(const char *dtype, float *low, float *high)
{
    static const struct {
        const char *dtype;
        float low, high;
    } types[] = {{"uint8", 0, 255}, {"int8", -128, 127}, {"uint16", 0, 65535}, {"int16", -32768, 32767}, {"int32", -INFINITY, INFINITY}, {"uint32", 0, INFINITY},
        {"int64", -INFINITY, INFINITY}, {"uint64", 0, INFINITY}};
    for (size_t i = 0; dtype && i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].dtype, dtype)) {
            *low = types[i].low;
            *high = types[i].high;
            return true;
        }
    return false;
}

bool cynf_layer_int8(const cynf_lower *c)
{
    const cJSON *dtype = cynf_cfg(c, "dtype"), *config = cJSON_GetObjectItemCaseSensitive(dtype, "config");
    const char *klass = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(dtype, "class_name"));
    const char *mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "mode")), *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "name"));
    return klass && !strcmp(klass, "QuantizedDTypePolicy") && (mode ? !strcmp(mode, "int8") : name && !strncmp(name, "int8_from_", 10));
}

cynf_tensor_id cynf_quantise(cynf_lower *c, cynf_tensor_id x, uint32_t axes, cynf_tensor_id *scale)
{
    const cJSON *how = cJSON_GetObjectItemCaseSensitive(cynf_cfg(c, "quantization_config"), "config");
    const cJSON *quantiser = cJSON_GetObjectItemCaseSensitive(how, "activation_quantizer");
    const char *klass = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(quantiser, "class_name"));
    *scale = CYNF_NO_TENSOR;
    if (how && !cJSON_IsObject(quantiser))
        return x;
    if (how && (!klass || strcmp(klass, "AbsMaxQuantizer")))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "its activations are quantised by %s, which is not supported", klass ? klass : "?");
    const cynf_tensor_id most = cynf_g_reduce(c->g, cynf_g_unary(c->g, x, CYNF_ACT_ABS, 0, 0, 0), CYNF_REDUCE_MAX, axes, true);
    *scale = cynf_g_binary(c->g, CYNF_ELT_DIV, cynf_g_scalar(c->g, 127), cynf_g_unary(c->g, most, CYNF_ACT_AFFINE, 1, 1e-7f, 0));
    const cynf_tensor_id whole = cynf_g_unary(c->g, cynf_g_binary(c->g, CYNF_ELT_MUL, x, *scale), CYNF_ACT_ROUND, 0, 0, 0);
    return cynf_g_unary(c->g, whole, CYNF_ACT_CLIP, -127, 127, 0);
}

cynf_tensor_id cynf_layer_bias(cynf_lower *c, int32_t n)
{
    return cynf_cfg_bool(c, "use_bias|bias", true) ? cynf_layer_weight(c, "bias", &(cynf_shape){1, {n}}) : CYNF_NO_TENSOR;
}

bool cynf_biases(const cynf_lower *c) { return c->keras > 3 || (c->keras == 3 && c->keras_minor >= 7); }

cynf_tensor_id cynf_add_bias(cynf_lower *c, cynf_tensor_id y, cynf_tensor_id bias)
{
    const cynf_shape s = cynf_shape_of(c, y), b = cynf_shape_of(c, bias);
    int wide = 0;
    for (int i = 0; i < b.rank; i++)
        wide += b.d[i] > 1;
    const int32_t n = wide == 1 && cynf_biases(c) && s.rank > 1 ? (int32_t)cynf_shape_elems(&b) : 0;
    cynf_shape along = {0};
    if (n && n == s.d[s.rank - 1])
        along = (cynf_shape){1, {n}};
    else if (n && n == s.d[1])
        for (along.rank = 0; along.rank < s.rank - 1; along.rank++)
            along.d[along.rank] = along.rank ? 1 : n;
    return cynf_g_binary(c->g, CYNF_ELT_ADD, y, along.rank ? cynf_g_reshape(c->g, bias, &along) : bias);
}

/* ---- tensors ------------------------------------------------------------------------------------------------------------ */

cynf_shape cynf_shape_of(const cynf_lower *c, cynf_tensor_id t)
{
    return t < 0 ? (cynf_shape){0} : c->g->t[t].shape;
}

cynf_tensor_id cynf_channels_last(cynf_lower *c, cynf_tensor_id x)
{
    const int r = cynf_shape_of(c, x).rank;
    int32_t perm[CYNF_MAX_DIMS] = {0};
    for (int i = 1; i < r; i++)
        perm[i] = i == r - 1 ? 1 : i + 1;
    return cynf_g_transpose(c->g, x, perm);
}

cynf_tensor_id cynf_channels_first(cynf_lower *c, cynf_tensor_id x)
{
    const int r = cynf_shape_of(c, x).rank;
    int32_t perm[CYNF_MAX_DIMS] = {0};
    for (int i = 1; i < r; i++)
        perm[i] = i == 1 ? r - 1 : i - 1;
    return cynf_g_transpose(c->g, x, perm);
}

cynf_tensor_id cynf_not(cynf_lower *c, cynf_tensor_id truth) { return cynf_g_unary(c->g, truth, CYNF_ACT_AFFINE, -1, 1, 0); }

cynf_tensor_id cynf_nonzero(cynf_lower *c, cynf_tensor_id x)
{
    return cynf_not(c, cynf_g_binary(c->g, CYNF_ELT_EQUAL, x, cynf_g_scalar(c->g, 0)));
}

cynf_tensor_id cynf_greater(cynf_lower *c, cynf_tensor_id p, cynf_tensor_id q)
{
    return cynf_g_binary(c->g, CYNF_ELT_GREATER, p, q);
}

cynf_tensor_id cynf_expand(cynf_lower *c, cynf_tensor_id x, int axis)
{
    cynf_shape s = cynf_shape_of(c, x);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    if (s.rank == CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "more than %d dimensions are not supported", CYNF_MAX_DIMS);
    if (axis > s.rank)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "a tensor of rank %d, expected at least %d", s.rank, axis);
    memmove(s.d + axis + 1, s.d + axis, (size_t)(s.rank - axis) * sizeof *s.d);
    s.d[axis] = 1;
    s.rank++;
    return cynf_g_reshape(c->g, x, &s);
}

cynf_tensor_id cynf_concat_all(cynf_lower *c, const cynf_tensor_id *x, int32_t n, int axis)
{
    cynf_tensor_id part[CYNF_MAX_NODE_INPUTS] = {x[0]};
    int32_t k = 1;
    for (int32_t i = 1; i < n; i++) {
        if (k == CYNF_MAX_NODE_INPUTS) {
            part[0] = cynf_g_concat(c->g, part, k, axis);
            k = 1;
        }
        part[k++] = x[i];
    }
    return cynf_g_concat(c->g, part, k, axis);
}

cynf_tensor_id cynf_take(cynf_lower *c, cynf_tensor_id x, int axis, int32_t begin, int32_t n)
{
    cynf_shape s = cynf_shape_of(c, x);
    int32_t from[CYNF_MAX_DIMS] = {0};
    if (c->g->status)
        return CYNF_NO_TENSOR;
    if (axis < 0 || axis >= s.rank)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "a tensor of rank %d, expected at least %d", s.rank, axis + 1);
    s.d[axis] = n;
    from[axis] = begin;
    return cynf_g_slice(c->g, x, from, s.d, NULL);
}

cynf_tensor_id cynf_scale_shift(cynf_lower *c, cynf_tensor_id x, const cynf_shape *s, const float *scale, const float *shift)
{
    return cynf_g_muladd(c->g, x, cynf_g_const(c->g, s, scale), cynf_g_const(c->g, s, shift));
}

bool cynf_image_in(cynf_lower *c, int n, cynf_image *out)
{
    *out = (cynf_image){.n = n, .first = cynf_cfg_channels_first(c), .given = cynf_shape_of(c, c->in[0]), .x = c->in[0]};
    cynf_shape s = out->given;
    if (s.rank < n + 2 || (out->first && s.rank > n + 2)) {
        char a[96];
        cynf_graph_fail(c->g, CYNF_EFORMAT, "input of shape %s, expected %d dimensions", cynf_shape_text(&s, a, sizeof a), n + 2);
        return false;
    }
    if (out->first) {
        out->x = cynf_channels_last(c, out->x);
        if (c->g->status)
            return false;
        s = cynf_shape_of(c, out->x);
    }
    cynf_shape im = {0};
    im.d[im.rank++] = 1;
    for (int i = 0; i < s.rank - n - 1; i++)
        im.d[0] *= s.d[i];
    if (n == 1)
        im.d[im.rank++] = 1;
    for (int i = s.rank - n - 1; i < s.rank; i++)
        im.d[im.rank++] = s.d[i];
    out->channels = im.d[im.rank - 1];
    out->x = cynf_g_reshape(c->g, out->x, &im);
    return !c->g->status;
}

cynf_tensor_id cynf_image_out(cynf_lower *c, const cynf_image *im, cynf_tensor_id y, const cJSON *activation)
{
    const cynf_shape s = cynf_shape_of(c, y);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const bool early = cynf_activation_pointwise(activation); /* next to the convolution, where it can be fused */
    if (early)
        y = cynf_activate(c, y, activation);
    cynf_shape o = {0};
    for (int i = 0; i < im->given.rank - im->n - 1; i++)
        o.d[o.rank++] = im->given.d[i];
    for (int i = s.rank - im->n - 1; i < s.rank; i++)
        o.d[o.rank++] = s.d[i];
    y = cynf_g_reshape(c->g, y, &o);
    if (im->first)
        y = cynf_channels_first(c, y);
    return early ? y : cynf_activate(c, y, activation);
}

/* ---- classes ------------------------------------------------------------------------------------------------------------ */

extern const cynf_layer_class cynf_layers_conv[], cynf_layers_conv_transpose[], cynf_layers_dense[], cynf_layers_embedding[], cynf_layers_rnn[],
    cynf_layers_attention[], cynf_layers_norm[], cynf_layers_moments[], cynf_layers_activation[], cynf_layers_pool[], cynf_layers_resample[],
    cynf_layers_shape[], cynf_layers_merge[], cynf_layers_identity[], cynf_layers_ops[], cynf_layers_ops_order[], cynf_layers_ops_shape[],
    cynf_layers_ops_product[], cynf_layers_ops_nn[], cynf_layers_legacy[], cynf_layers_categories[], cynf_layers_spectrum[], cynf_layers_contrast[],
    cynf_layers_wrapper[], cynf_layers_custom[];

const cynf_layer_family *cynf_layer_families(void)
{
    static const cynf_layer_family families[] = {
        {"Convolution", cynf_layers_conv},
        {"Transposed convolution", cynf_layers_conv_transpose},
        {"Dense", cynf_layers_dense},
        {"Lookup, masks", cynf_layers_embedding},
        {"Recurrent", cynf_layers_rnn},
        {"Attention", cynf_layers_attention},
        {"Scale and shift", cynf_layers_norm},
        {"Normalisation", cynf_layers_moments},
        {"Activation", cynf_layers_activation},
        {"Pooling", cynf_layers_pool},
        {"Resizing", cynf_layers_resample},
        {"Shape", cynf_layers_shape},
        {"Merging", cynf_layers_merge},
        {"Training only", cynf_layers_identity},
        {"Nodes of `keras.ops`", cynf_layers_ops},
        {"Nodes of `keras.ops`: order and look-up", cynf_layers_ops_order},
        {"Nodes of `keras.ops`: shapes", cynf_layers_ops_shape},
        {"Nodes of `keras.ops`: products", cynf_layers_ops_product},
        {"Nodes of `keras.ops`: networks and images", cynf_layers_ops_nn},
        {"Of Keras 1 and 2", cynf_layers_legacy},
        {"Categories", cynf_layers_categories},
        {"Spectra", cynf_layers_spectrum},
        {"Contrast", cynf_layers_contrast},
        {"Wrappers", cynf_layers_wrapper},
        {"Given in C", cynf_layers_custom},
        {NULL, NULL},
    };
    return families;
}

const cynf_layer_class *cynf_layer_find(const char *name)
{
    for (const cynf_layer_family *f = cynf_layer_families(); f->title; f++)
        for (const cynf_layer_class *k = f->class; k->name; k++)
            if (!strcmp(k->name, name))
                return k;
    return NULL;
}

const cynf_layer_class *cynf_layer_choose(const cynf_lower *c, const char *klass, const cJSON *json)
{
    return cynf_customs_have(c->customs, json) ? cynf_layers_custom : cynf_layer_find(klass);
}

cynf_tensor_id cynf_layer_refuse(cynf_lower *c, const char *klass, const cJSON *json)
{
    /* Keras 3 says where a class comes from: {"module": "my.layers", "registered_name": "my>Scale"}; what is its own has "keras.layers" and null. */
    const char *module = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "module"));
    const char *registered = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "registered_name"));
    const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "config"), "name")), *package = strrchr(klass, '>');
    const bool lambda = !strcmp(klass, "Lambda"), custom = module ? strncmp(module, "keras.", 6) != 0 : registered != NULL;
    return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "%s %.64s %s; say in C what it computes, with --custom %.64s=file.c (cynf/custom.h), or with layers or keras.ops functions "
        "that are supported (cynf-info --layers), and save the model again", lambda ? "a" : custom ? "the custom layer" : "the layer class", klass,
        lambda ? "holds Python code, which is not run" : custom ? "has no Python code in the file" : "is not supported; if it is a custom one, its Python code is not in the file",
        lambda && own ? own : package ? package + 1 : klass);
}

bool cynf_layer_keeps_mask(const char *klass)
{
    static const char *const keep[] = {"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Softmax", "BatchNormalization", "BatchNormalizationV1",
        "BatchNormalizationV2", "LayerNormalization", "GroupNormalization", "UnitNormalization", "InstanceNormalization", "Normalization", "Rescaling", "Dense", "Dropout",
        "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization", "Identity", "Masking",
        "TimeDistributed", "MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"};
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
        if (!strcmp(keep[i], klass))
            return true;
    return false;
}

cynf_tensor_id cynf_lower_inner(cynf_lower *c, const cJSON *json, cynf_tensor_id x)
{
    cynf_tensor_id no_mask = CYNF_NO_TENSOR;
    return cynf_lower_masked(c, json, x, &no_mask);
}

cynf_tensor_id cynf_lower_masked(cynf_lower *c, const cJSON *json, cynf_tensor_id x, cynf_tensor_id *mask)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "class_name"));
    if (name && cynf_keras_is_model(name) && c->model)
        return c->g->status ? CYNF_NO_TENSOR : c->model(c, json, x, mask);
    const cynf_layer_class *k = name ? cynf_layer_choose(c, name, json) : NULL;
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config");
    if (x >= 0 && k && k->arity != CYNF_ANY_CALL && !cynf_shape_of(c, x).rank)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "%s inside it is called with a scalar, expected samples", name);
    if (name && !k)
        return cynf_layer_refuse(c, name, json);
    if (!k || k->arity == CYNF_MANY_INPUTS || !cJSON_IsObject(config))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "%s inside it is not supported", name ? name : "what is");
    const cynf_tensor_id given = *mask;
    if (!cynf_layer_keeps_mask(name))
        *mask = CYNF_NO_TENSOR;
    cynf_lower inner = *c;
    inner.klass = k;
    inner.json = json;
    inner.config = config;
    inner.weights = cynf_weights_of(c->file, json, 0);
    inner.in = &x;
    inner.n_in = 1;
    inner.mask = &given;
    inner.out_mask = mask;
    inner.call = NULL;
    inner.n_out = 1;
    const cynf_tensor_id y = c->g->status ? CYNF_NO_TENSOR : k->lower(&inner);
    c->parameters = inner.parameters;
    return y;
}
