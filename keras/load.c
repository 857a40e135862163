/* SPDX-License-Identifier: MIT */
/** File -> config -> layers -> graph. */
#include "keras/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "keras/config.h"
#include "keras/custom.h"
#include "keras/layers/layer.h"
#include "keras/open_sizes.h"
#include "keras/yaml_config.h"

#define MAX_CALLS 100000 /* shared nested models may multiply */
#define MAX_JSON (64 << 20)
#define STREAM_STEPS 1021 /* of a sequence of open length, while it is made a stream: more than what convolutions without padding take away */

typedef struct loader {
    const cynf_load_options *o;
    char *arch;            /* text of a .json architecture, or NULL */
    cynf_file *file;
    cJSON *json;
    cynf_keras_model *model;
    cynf_weight_map *weights;
    cynf_customs *customs; /* from o->customs, or NULL */
    cynf_graph *g;
    cynf_lower proto;      /* what all layers share */
    cynf_shape *named;     /* of each input, from o->input_shapes; rank 0: none */
    int32_t named_batch;   /* its batch, or 0 */
    cynf_open_dim open[CYNF_MAX_OPEN]; /* dimensions that o->max_shapes keeps open */
    int32_t n_open;
    int32_t calls;
    int64_t parameters;    /* of all layers so far */
    int32_t batch;         /* that the file fixes and that has to be kept, or 0 */
    bool trial;            /* nobody is told of the layers */
    bool turned;           /* kernels are Theano's */
    cynf_status status;    /* of the first problem, when loading goes on */
    char first[512];
} loader;

/* ---- inputs -------------------------------------------------------------------------------------------------------------- */

/* What is computed in single precision is taken in it: C has no portable half type. */
static const struct {
    const char *name;
    cynf_dtype dtype;
} dtypes[] = {{"float32", CYNF_F32}, {"float64", CYNF_F64}, {"float16", CYNF_F32}, {"bfloat16", CYNF_F32}, {"int8", CYNF_I8}, {"uint8", CYNF_U8}, {"int16", CYNF_I16},
    {"uint16", CYNF_U16}, {"int32", CYNF_I32}, {"uint32", CYNF_U32}, {"int64", CYNF_I64}, {"uint64", CYNF_U64}, {"bool", CYNF_BOOL}};

/* "float32" or {"class_name": "DTypePolicy", "config": {"name": "float32"}} */
static const char *policy_name(const cJSON *v)
{
    if (cJSON_IsObject(v))
        v = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(v, "config"), "name");
    return cJSON_GetStringValue(v);
}

static cynf_dtype input_dtype(cynf_graph *g, const cJSON *v)
{
    const char *name = policy_name(v);
    if (!name || !strncmp(name, "mixed_", 6))
        return CYNF_F32;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(dtypes[i].name, name))
            return dtypes[i].dtype;
    cynf_graph_fail(g, CYNF_EUNSUPPORTED, "an input of dtype \"%s\" is not supported; only numbers are", name);
    return CYNF_F32;
}

static const char *input_name(const cynf_keras_model *m, int32_t i)
{
    return m->in[i].key ? m->in[i].key : m->in[i].layer < 0 ? "input" : m->layer[m->in[i].layer].name;
}

/* What the file leaves open of input i stays so. */
static bool keep_open(loader *l, int32_t i, const char *text, char *message, size_t cap)
{
    const cJSON *dtype, *list = cynf_keras_input_shape(l->model, i, &dtype), *e;
    const int32_t before = l->n_open;
    int32_t axis = 0;
    cJSON_ArrayForEach(e, list) {
        if (axis && axis < l->named[i].rank && cJSON_IsNull(e)) {
            if (l->n_open == CYNF_MAX_OPEN) {
                snprintf(message, cap, "maximum shape \"%s\": over %d open dimensions", text, CYNF_MAX_OPEN);
                return false;
            }
            l->open[l->n_open++] = (cynf_open_dim){i, axis, l->named[i].d[axis]};
        }
        axis++;
    }
    if (l->n_open == before)
        snprintf(message, cap, "maximum shape \"%s\": the file leaves no size of input \"%s\" open", text, input_name(l->model, i));
    return l->n_open > before;
}

/* One text of o->input_shapes, "name=1,64,64,3", or of o->max_shapes; a single input needs no name. */
static bool named_shape(loader *l, const char *text, bool max, char *message, size_t cap)
{
    const cynf_keras_model *m = l->model;
    const char *equals = strrchr(text, '='), *at = equals ? equals + 1 : text;
    const size_t length = equals ? (size_t)(equals - text) : 0;
    int32_t i = 0;
    while (i < m->n_in && (equals ? strlen(input_name(m, i)) != length || memcmp(input_name(m, i), text, length) : m->n_in > 1))
        i++;
    if (i == m->n_in) {
        size_t n = (size_t)snprintf(message, cap, "input shape \"%s\": no input has this name; the inputs are", text);
        for (i = 0; i < m->n_in && n < cap; i++)
            n += (size_t)snprintf(message + n, cap - n, "%s \"%s\"", i ? "," : "", input_name(m, i));
        return false;
    }
    cynf_shape s = {0};
    bool ok = true;
    for (char *end; ok && at; at = *end ? end + 1 : NULL) {
        const long v = strtol(at, &end, 10);
        ok = end > at && v >= 1 && v <= 1 << 30 && s.rank < CYNF_MAX_DIMS && (!*end || *end == ',');
        if (ok)
            s.d[s.rank++] = (int32_t)v;
    }
    if (!ok) {
        snprintf(message, cap, "input shape \"%s\": expected a name and whole numbers, the batch first: name=1,64,64,3", text);
        return false;
    }
    const int32_t batch = l->named_batch ? l->named_batch : l->o->batch;
    if (l->named[i].rank || (batch > 0 && batch != s.d[0])) {
        if (l->named[i].rank)
            snprintf(message, cap, "input shape \"%s\": this input's shape is given twice", text);
        else
            snprintf(message, cap, "input shape \"%s\": its batch is %d, elsewhere %d was given", text, s.d[0], batch);
        return false;
    }
    l->named[i] = s;
    l->named_batch = s.d[0];
    return !max || keep_open(l, i, text, message, cap);
}

static cynf_shape input_shape(loader *l, int32_t i, const cJSON *list)
{
    cynf_shape s = {0};
    const int n = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || n < 1 || n > CYNF_MAX_DIMS) {
        cynf_graph_fail(l->g, CYNF_EFORMAT, "input %d has no shape: expected a batch_shape of 1 to %d dimensions in the config", i, CYNF_MAX_DIMS);
        return s;
    }
    const cynf_shape *named = &l->named[i];
    if (named->rank && named->rank != n) {
        cynf_graph_fail(l->g, CYNF_EINVAL, "a shape of %d sizes was given for input \"%s\", whose shape in the file has %d", named->rank, input_name(l->model, i), n);
        return s;
    }
    const int32_t *given = named->rank ? named->d : i < l->o->n_shapes ? l->o->shapes[i] : NULL;
    const cJSON *e;
    cJSON_ArrayForEach(e, list) {
        const int at = s.rank++;
        if (!at && (cJSON_IsNull(e) || cJSON_IsNumber(e)))
            s.d[at] = l->g->batch;
        else if (cJSON_IsNull(e) && given && given[at] > 0)
            s.d[at] = given[at];
        else if (cJSON_IsNull(e) && at == 1 && l->o->stream)
            s.d[at] = STREAM_STEPS;
        else if (cJSON_IsNull(e))
            cynf_graph_fail(l->g, CYNF_ESHAPE, "dimension %d of its input shape is open (null); give all sizes, as in --input-shape %s=1,64,64,3 (input_shapes from C and "
                "Python), or save the model with a fixed input shape", at, input_name(l->model, i));
        else if (!cJSON_IsNumber(e))
            cynf_graph_fail(l->g, CYNF_EFORMAT, "dimension %d of its input shape is not a number", at);
        else if (!(e->valuedouble >= 1 && e->valuedouble <= 1 << 30) || e->valuedouble != floor(e->valuedouble))
            cynf_graph_fail(l->g, CYNF_EFORMAT, "dimension %d of its input shape is %g, expected a whole number from 1 to %d", at, e->valuedouble, 1 << 30);
        else if (named->rank && named->d[at] != (int32_t)e->valuedouble)
            cynf_graph_fail(l->g, CYNF_EINVAL, "dimension %d of input \"%s\" was given as %d, the file says %g", at, input_name(l->model, i), named->d[at], e->valuedouble);
        else
            s.d[at] = (int32_t)e->valuedouble;
    }
    return s;
}

/* The batch that an input fixes, for all of them; 0: none. */
static int32_t fixed_batch(const cynf_keras_model *m)
{
    int32_t batch = 0;
    for (int32_t i = 0; i < m->n_in; i++) {
        const cJSON *dtype, *first = cJSON_GetArrayItem(cynf_keras_input_shape(m, i, &dtype), 0);
        if (cJSON_IsNumber(first) && first->valuedouble >= 1 && first->valuedouble <= 1 << 20)
            batch = (int32_t)first->valuedouble;
    }
    return batch;
}

/* ---- one call of one layer -------------------------------------------------------------------------------------------------- */

static int64_t macs(const cynf_graph *g, const cynf_node *n)
{
    const int64_t out = (int64_t)cynf_shape_elems(&g->t[n->out].shape);
    const cynf_shape *a = &g->t[n->in[0]].shape, *w = n->n_in > 1 ? &g->t[n->in[1]].shape : NULL;
    switch (n->op) {
    case CYNF_N_CONV2D: return out * w->d[0] * w->d[1] * w->d[2];
    case CYNF_N_DWCONV2D: return out * w->d[0] * w->d[1];
    case CYNF_N_FC:
    case CYNF_N_GEMM: return out * a->d[a->rank - 1];
    case CYNF_N_RNN: return (int64_t)a->d[0] * a->d[1] * w->d[0] * w->d[1];
    default: return 0;
    }
}

static void check_weights(cynf_lower *c)
{
    cynf_graph *g = c->g;
    if (cynf_cfg(c, "dora_rank") && !c->archive)
        cynf_graph_fail(g, CYNF_EUNSUPPORTED, "its kernel is kept apart from a DoRA update, which is not supported; save the model as .keras, which merges them");
    const cJSON *dtype = cynf_cfg(c, "dtype");
    const char *policy = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(dtype, "class_name"));
    if (!policy)
        policy = policy_name(dtype);
    static const char *const int8[] = {"Dense", "EinsumDense", "Embedding", "ReversibleEmbedding"};
    for (size_t i = 0; cynf_layer_int8(c) && i < sizeof int8 / sizeof *int8; i++)
        if (!strcmp(c->klass->name, int8[i]))
            return;
    const char *kind = policy ? strstr(policy, "DTypePolicy") : NULL; /* Int4DTypePolicy, GPTQDTypePolicy ..., but DTypePolicy, FloatDTypePolicy */
    if (policy && ((kind && kind != policy && strcmp(policy, "FloatDTypePolicy")) || strstr(policy, "_from_")))
        cynf_graph_fail(g, CYNF_EUNSUPPORTED, "its dtype policy \"%s\" means quantised weights, which are not supported; save the model before quantize()", policy);
}

/* Where the mask may stand among the positional arguments of a layer of one input; -1: nowhere. */
static int mask_position(const char *klass)
{
    return !strcmp(klass, "Softmax") ? 1 : -1;
}

static bool check_call(cynf_lower *c, const char *klass, const cynf_keras_call *call)
{
    cynf_graph *g = c->g;
    c->klass = cynf_layer_choose(c, klass, c->json);
    if (!c->klass) {
        cynf_layer_refuse(c, klass, c->json);
        return false;
    }
    const bool masked = call->n_positional == 2 && mask_position(klass) == 1 && cynf_call_input(c, 1, "mask") == 1;
    if (call->n_positional != 1 && !masked && c->klass->arity == CYNF_ONE_INPUT)
        cynf_graph_fail(g, CYNF_EUNSUPPORTED, "called with %d tensors, expected 1", call->n_positional);
    else if (call->extra && c->klass->arity != CYNF_ANY_CALL && (!call->extra->string || strcmp(call->extra->string, "mask") || cynf_call_input(c, -1, "mask") < 0))
        cynf_graph_fail(g, CYNF_EUNSUPPORTED, "called with an argument (%s) that is not supported", call->extra->string ? call->extra->string : "a constant");
    check_weights(c);
    for (int32_t i = 0; c->klass->arity != CYNF_ANY_CALL && i < c->n_in; i++)
        if (c->in[i] >= 0 && !g->t[c->in[i]].shape.rank)
            cynf_graph_fail(g, CYNF_EFORMAT, "called with a scalar, expected samples");
    return !g->status;
}

/* After a problem loading may go on, to find the others. */
static void tell(loader *l, const cynf_keras_layer *k, const cynf_tensor_id *out, int64_t parameters, int32_t first_node)
{
    cynf_graph *g = l->g;
    if (l->trial)
        return;
    if (g->status && l->o->layer && g->status != CYNF_ENOMEM) {
        if (!l->status) {
            l->status = g->status;
            memcpy(l->first, g->error, sizeof l->first);
        }
        g->status = CYNF_OK;
    }
    if (!l->o->layer)
        return;
    cynf_load_layer info = {g->cur_name, k->klass, *out < 0 ? NULL : &g->t[*out].shape, parameters, 0, g->error[0] ? g->error : NULL};
    for (int32_t i = first_node; i < g->n_node; i++)
        info.macs += macs(g, &g->node[i]);
    l->o->layer(l->o->layer_ctx, &info);
    g->error[0] = 0;
}

/* Tensors of one call and their masks: arrays of inputs, of outputs. */
typedef struct wires {
    const cynf_tensor_id *in, *in_mask;
    cynf_tensor_id *out, *out_mask;
} wires;

/* Whether the inputs lose their masks. */
static bool lower_layer(loader *l, const cynf_keras_layer *k, const cynf_keras_call *call, const wires *w, int32_t n_out, bool again)
{
    cynf_lower c = l->proto;
    const int32_t first_node = l->g->n_node;
    bool known = true;
    c.json = k->json;
    c.config = k->config;
    c.weights = cynf_weights_of(l->weights, k->json, 0);
    c.in = w->in;
    c.mask = w->in_mask;
    c.n_in = call->n_in;
    c.call = call;
    c.out = w->out;
    c.out_mask = w->out_mask;
    c.n_out = n_out;
    for (int32_t i = 0; i < c.n_in; i++)
        known = known && w->in[i] >= 0;
    if (check_call(&c, k->klass, call) && known) {
        const int32_t given = c.klass->arity == CYNF_ONE_INPUT ? cynf_call_input(&c, mask_position(k->klass), "mask") : -1;
        const cynf_tensor_id mask = given < 0 ? *w->in_mask : cynf_nonzero(&c, c.in[given]);
        if (given >= 0)
            c.mask = &mask;
        if (cynf_layer_keeps_mask(k->klass))
            *w->out_mask = mask;
        *w->out = c.klass->lower(&c);
    }
    if (l->g->status)
        *w->out = CYNF_NO_TENSOR;
    l->parameters += again ? 0 : c.parameters;
    tell(l, k, w->out, again ? 0 : c.parameters, first_node);
    return c.takes_masks;
}

/* ---- models ------------------------------------------------------------------------------------------------------------------- */

static bool lower_model(loader *l, const cynf_keras_model *m, const wires *w, const char *prefix, bool again);

/* The values of a model's layers and their masks: outputs of call node of layer i start at first[i] + node * its number of outputs. */
typedef struct values {
    const cynf_keras_model *m;
    const wires *w;
    int32_t *first;
    cynf_tensor_id *t, *mask;
} values;

static int32_t outputs(const cynf_keras_layer *k)
{
    return k->n_out > 0 ? k->n_out : 1;
}

/* false after an error */
static bool value(loader *l, const values *v, const cynf_keras_ref *r, cynf_tensor_id *t, cynf_tensor_id *mask)
{
    const cynf_keras_layer *k = r->layer < 0 ? NULL : &v->m->layer[r->layer];
    if (k && k->n_call) {
        const int32_t at = v->first[r->layer] + r->node * outputs(k) + r->tensor;
        *t = v->t[at];
        *mask = v->mask[at];
        if (*t < 0 && r->tensor && v->t[at - r->tensor] >= 0)
            cynf_graph_fail(l->g, CYNF_EFORMAT, "tensor index %d of layer \"%s\" (%s) is out of range: it has fewer outputs", r->tensor, k->name, k->klass);
        return !l->g->status;
    }
    for (int32_t i = 0; i < v->m->n_in; i++)
        if (k ? v->m->in[i].layer == r->layer : v->m->in[i].tensor == r->tensor) {
            *t = v->w->in[i];
            *mask = v->w->in_mask[i];
            return true;
        }
    cynf_graph_fail(l->g, CYNF_EFORMAT, "InputLayer \"%s\" is not among input_layers", k->name);
    return false;
}

/* The masks that Keras 3 names in the call of a nested model; false: other tensors than its inputs and these are given. */
static bool model_masks(loader *l, const cynf_keras_call *call, int32_t n_in, const cynf_tensor_id *in, cynf_tensor_id *in_mask)
{
    const cJSON *mask = cJSON_GetObjectItemCaseSensitive(call->kwargs, "mask");
    int32_t found = 0;
    cynf_lower c = l->proto;
    for (int32_t i = n_in; i < call->n_in; i++)
        for (int32_t j = 0; j < n_in; j++)
            if (call->in[i].json == (cJSON_IsArray(mask) ? cJSON_GetArrayItem(mask, j) : j ? NULL : mask)) {
                in_mask[j] = in[i] < 0 ? CYNF_NO_TENSOR : cynf_nonzero(&c, in[i]);
                found++;
            }
    return call->n_in == n_in + found;
}

/* again: the layer's weights have been counted in an earlier call. */
static void lower_call(loader *l, const values *v, const cynf_keras_ref *at, const char *prefix, bool again)
{
    const cynf_keras_layer *k = &v->m->layer[at->layer];
    const cynf_keras_call *call = &k->call[at->node];
    again = again || at->node;
    const int32_t first = v->first[at->layer] + at->node * outputs(k);
    char name[1024];
    snprintf(name, sizeof name, "%s%s", prefix, k->name);
    l->g->cur_name = name;
    l->g->cur_class = k->klass;
    if (++l->calls > MAX_CALLS)
        cynf_graph_fail(l->g, CYNF_EFORMAT, "the model has more than %d layer calls", MAX_CALLS);
    cynf_tensor_id *in = malloc(2 * (size_t)call->n_in * sizeof *in);
    if (!in)
        cynf_graph_fail(l->g, CYNF_ENOMEM, "out of memory");
    const wires w = {in, in ? in + call->n_in : NULL, v->t + first, v->mask + first};
    for (int32_t i = 0; in && i < call->n_in; i++)
        in[i] = in[call->n_in + i] = CYNF_NO_TENSOR;
    for (int32_t i = 0; in && i < call->n_in && !l->g->status; i++)
        value(l, v, &call->in[i], in + i, in + call->n_in + i);
    if (in && k->model) {
        if (!model_masks(l, call, k->model->n_in, in, in + call->n_in))
            cynf_graph_fail(l->g, CYNF_EFORMAT, "called with %d tensors, expected %d", call->n_in, k->model->n_in);
        else {
            snprintf(name, sizeof name, "%s%s/", prefix, k->name);
            lower_model(l, k->model, &w, name, again);
        }
    } else if (in && lower_layer(l, k, call, &w, outputs(k), again))
        for (int32_t i = 0; i < call->n_in; i++) {
            const cynf_keras_ref *r = &call->in[i];
            if (r->layer >= 0 && v->m->layer[r->layer].n_call)
                v->mask[v->first[r->layer] + r->node * outputs(&v->m->layer[r->layer]) + r->tensor] = CYNF_NO_TENSOR;
        }
    l->g->cur_name = l->g->cur_class = NULL;
    free(in);
}

static bool lower_model(loader *l, const cynf_keras_model *m, const wires *w, const char *prefix, bool again)
{
    int64_t total = 0;
    values v = {.m = m, .w = w, .first = calloc((size_t)m->n_layer, sizeof *v.first)};
    for (int32_t i = 0; v.first && i < m->n_layer; i++) {
        v.first[i] = (int32_t)total;
        total += (int64_t)m->layer[i].n_call * outputs(&m->layer[i]);
        total = total < MAX_CALLS ? total : MAX_CALLS;
    }
    v.t = v.first && total < MAX_CALLS ? malloc(2 * (size_t)(total + 1) * sizeof *v.t) : NULL;
    if (!v.t)
        cynf_graph_fail(l->g, CYNF_ENOMEM, "the model has too many layers, or memory is out");
    v.mask = v.t ? v.t + total + 1 : NULL;
    for (int64_t i = 0; v.t && i < total; i++)
        v.t[i] = v.mask[i] = CYNF_NO_TENSOR;
    for (int32_t i = 0; i < m->n_order && !l->g->status; i++)
        lower_call(l, &v, &m->order[i], prefix, again);
    for (int32_t i = 0; i < m->n_out && !l->g->status; i++)
        value(l, &v, &m->out[i], w->out + i, w->out_mask + i);
    free(v.first);
    free(v.t);
    return !l->g->status;
}

/* A model inside a wrapper; the wrapper speaks for its layers. */
static cynf_tensor_id wrapped_model(cynf_lower *c, const cJSON *json, cynf_tensor_id x, cynf_tensor_id *mask)
{
    loader *l = c->loader;
    const char *name = c->g->cur_name, *klass = c->g->cur_class;
    const bool trial = l->trial;
    const int64_t before = l->parameters;
    const cynf_tensor_id given = *mask;
    cynf_tensor_id y = CYNF_NO_TENSOR;
    cynf_keras_model *m = NULL;
    char text[256] = "", prefix[1024];
    const cynf_status s = cynf_keras_config(&m, json, text, sizeof text);
    snprintf(prefix, sizeof prefix, "%s/", name);
    l->trial = true;
    if (s)
        cynf_graph_fail(c->g, s, "%s", text);
    else if (m->n_in != 1 || m->n_out != 1)
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "a model of %d inputs and %d outputs inside it; only one of each is supported", m->n_in, m->n_out);
    else
        lower_model(l, m, &(wires){&x, &given, &y, mask}, prefix, false);
    l->trial = trial;
    c->parameters += l->parameters - before;
    l->parameters = before;
    c->g->cur_name = name;
    c->g->cur_class = klass;
    cynf_keras_config_free(&m);
    return y;
}

static void lower_top(loader *l, const cynf_keras_model *m)
{
    cynf_graph *g = l->g;
    cynf_tensor_id *in = malloc(2 * (size_t)m->n_in * sizeof *in), *out = malloc(2 * (size_t)m->n_out * sizeof *out);
    const wires w = {in, in ? in + m->n_in : NULL, out, out ? out + m->n_out : NULL};
    for (int32_t i = 0; in && i < 2 * m->n_in; i++)
        in[i] = CYNF_NO_TENSOR;
    for (int32_t i = 0; out && i < 2 * m->n_out; i++)
        out[i] = CYNF_NO_TENSOR;
    if (!in || !out)
        cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    g->name = strdup(m->name);
    for (int32_t i = 0; i < m->n_in && !g->status; i++) {
        const int32_t at = m->in[i].layer;
        const cJSON *dtype;
        g->cur_name = at < 0 ? m->name : m->layer[at].name;
        g->cur_class = at < 0 ? "Sequential" : m->layer[at].klass;
        const cynf_shape s = input_shape(l, i, cynf_keras_input_shape(m, i, &dtype));
        in[i] = cynf_g_input(g, &s, input_dtype(g, dtype), input_name(m, i));
    }
    g->cur_name = g->cur_class = NULL;
    if (!g->status && lower_model(l, m, &w, "", false))
        for (int32_t i = 0; i < m->n_out && !l->status; i++)
            cynf_g_output(g, out[i], CYNF_F32, m->out[i].key ? m->out[i].key : m->out[i].layer < 0 ? "output" : m->layer[m->out[i].layer].name);
    free(in);
    free(out);
    if (l->status) {
        g->status = l->status;
        memcpy(g->error, l->first, sizeof g->error);
    }
}

/* ---- files -------------------------------------------------------------------------------------------------------------------- */

/* The text of a .json or YAML architecture; NULL when the file starts as HDF5 and zip files do, or cannot be read. */
static char *read_architecture(const char *path)
{
    struct stat st;
    FILE *f = !stat(path, &st) && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL; /* a named pipe would hang */
    char head[64];
    const size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    const bool text = n && !memchr(head, 0, n) && head[0] != '\x89' && (n < 2 || memcmp(head, "PK", 2));
    char *s = NULL;
    if (text && !fseek(f, 0, SEEK_END)) {
        const long size = ftell(f);
        s = size > 0 && size <= MAX_JSON ? malloc((size_t)size + 1) : NULL;
        rewind(f);
        if (s)
            s[fread(s, 1, (size_t)size, f)] = 0;
    }
    if (f)
        fclose(f);
    return s;
}

/* Python's json writes Infinity, which JSON does not have: as long a number that is too large stands for it. */
static char *without_infinity(const char *s)
{
    char *y = strdup(s);
    bool text = false;
    for (char *p = y; p && *p; p++) {
        if (text && *p == '\\' && p[1])
            p++;
        else if (*p == '"')
            text = !text;
        else if (!text && !strncmp(p, "Infinity", 8))
            memcpy(p, "1.0e9999", 8);
    }
    return y;
}

static cJSON *parse(const char *given, char *message, size_t cap)
{
    const char *first = given + strspn(given, " \t\r\n");
    if (*first != '{' && *first != '"')
        return cynf_yaml_parse(given, message, cap);
    char *s = without_infinity(given);
    const char *end = s;
    cJSON *json = s ? cJSON_ParseWithOpts(s, &end, true) : NULL, *inner = json;
    if (cJSON_IsString(json)) { /* json.dumps(model.to_json()) */
        inner = cJSON_Parse(json->valuestring);
        cJSON_Delete(json);
    }
    if (!inner)
        snprintf(message, cap, "the model config is not JSON, or nested too deeply: it cannot be parsed from byte %td on", end - s);
    free(s);
    return inner;
}

/* The Keras that wrote the file: major version, and whether its UpSampling2D is TensorFlow 1's (the Keras outside TensorFlow before 2.4). */
static void keras_version(cynf_lower *c, const cynf_file *f, const cJSON *json)
{
    const char *v = f->keras_version && f->keras_version[0] ? f->keras_version : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "keras_version"));
    int major = 1, minor = 0;
    if (!v && cJSON_HasObjectItem(json, "registered_name")) /* to_json() of Keras 3 leaves it out; taken for its latest */
        v = "3.99";
    if (v)
        sscanf(v, "%4d.%4d", &major, &minor);
    c->keras = major;
    c->keras_minor = minor;
    c->corner_resize = (major < 2 || (major == 2 && minor < 4)) && !(v && strstr(v, "-tf"));
    c->archive = f->container == CYNF_CONTAINER_KERAS;
}

/* Whether a file without weights beside it looks like one: begins as JSON does, or has the name of a YAML file. */
static bool is_architecture(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")))
        return true;
    char *s = read_architecture(path);
    const char first = s ? s[strspn(s, " \t\r\n")] : 0;
    free(s);
    return first == '{' || first == '"';
}

/* File, config and weights. What is wrong goes to message, or to text where the reader's own message names the file already. */
static cynf_status read_parts(loader *l, const char *path, char *message, size_t n, char *text, size_t cap)
{
    const char *weights = l->o->weights, *from = l->o->kernels_from;
    l->turned = from && !strcmp(from, "theano");
    if (from && !l->turned && strcmp(from, "tensorflow")) {
        snprintf(message, n, "kernels from \"%s\"; expected theano or tensorflow", from);
        return CYNF_EINVAL;
    }
    l->arch = weights || is_architecture(path) ? read_architecture(path) : NULL;
    if (!l->arch != !weights) {
        snprintf(message, n, l->arch ? "an architecture without weights; give the weights file, too"
            : "not a JSON or YAML architecture, which a separate weights file needs");
        return CYNF_EFORMAT;
    }
    cynf_status s = cynf_file_read(&l->file, weights ? weights : path, NULL, text, cap);
    if (s)
        return s;
    const char *config = l->arch ? l->arch : l->file->config;
    if (!config)
        snprintf(message, n, "no model_config: it holds weights without an architecture; give the .json or YAML architecture, too");
    l->json = config ? parse(config, message, n) : NULL;
    if (!l->json)
        return CYNF_EFORMAT;
    s = cynf_keras_config(&l->model, l->json, message, n);
    return s ? s : cynf_weights_open(&l->weights, l->file, l->json, text, cap);
}

static cynf_status lower(loader *l)
{
    if (!l->g)
        return CYNF_ENOMEM;
    const int32_t asked = l->named_batch ? l->named_batch : l->o->batch;
    l->g->batch = l->batch ? l->batch : asked > 0 ? asked : 1;
    if (l->batch && l->named_batch && l->batch != l->named_batch)
        cynf_graph_fail(l->g, CYNF_EINVAL, "an input shape was given with a batch of %d; the file fixes %d, on which its layers depend", l->named_batch, l->batch);
    l->g->batch_mixed = l->batch > 0;
    l->g->exact = l->o->exact;
    cynf_customs_restart(l->customs);
    l->proto = (cynf_lower){.g = l->g, .customs = l->customs, .file = l->weights, .turned = l->turned, .model = wrapped_model, .loader = l};
    l->calls = 0;
    l->status = CYNF_OK;
    keras_version(&l->proto, l->file, l->json);
    lower_top(l, l->model);
    const char *unused = cynf_customs_unused(l->customs);
    if (unused)
        cynf_graph_fail(l->g, CYNF_EINVAL, "custom \"%s\": the model has no layer of this class, nor a Lambda of this name", unused);
    return l->g->status;
}

/* For cynf_open_sizes(). */
static cynf_status lower_sizes(void *ctx, const int32_t *size, cynf_graph **out, char *text, size_t cap)
{
    loader *l = ctx;
    for (int32_t i = 0; i < l->n_open; i++)
        l->named[l->open[i].input].d[l->open[i].axis] = size[i];
    l->g = cynf_graph_new();
    cynf_status s = lower(l);
    if (!s)
        s = cynf_graph_optimise(l->g);
    if (s)
        snprintf(text, cap, "%s", l->g && l->g->error[0] ? l->g->error : cynf_status_str(s));
    if (s)
        cynf_graph_free(&l->g);
    *out = l->g;
    return s;
}

/* l->g, lowered at the largest sizes, gets those of all. */
static cynf_status learn_sizes(loader *l, char *message, size_t cap)
{
    cynf_graph *const largest = l->g;
    l->trial = true;
    const cynf_status s = cynf_open_sizes(&largest->sizes, l->open, l->n_open, lower_sizes, l, message, cap);
    l->g = largest;
    return s;
}

cynf_status cynf_keras_load(cynf_graph **out, const char *path, const cynf_load_options *o, char *text, size_t cap)
{
    static const cynf_load_options defaults;
    loader l = {.o = o ? o : &defaults, .g = cynf_graph_new()};
    char message[1024] = "";
    snprintf(text, cap, "%s: out of memory", path);
    cynf_status s = l.g ? read_parts(&l, path, message, sizeof message, text, cap) : CYNF_ENOMEM;
    if (!s && !(l.named = calloc((size_t)l.model->n_in + 1, sizeof *l.named)))
        s = CYNF_ENOMEM;
    if (!s && l.o->customs && *l.o->customs)
        s = cynf_customs_open(&l.customs, l.o->customs, message, sizeof message);
    for (const char *const *t = l.o->input_shapes; !s && t && *t; t++)
        s = named_shape(&l, *t, false, message, sizeof message) ? CYNF_OK : CYNF_EINVAL;
    for (const char *const *t = l.o->max_shapes; !s && t && *t; t++)
        s = named_shape(&l, *t, true, message, sizeof message) ? CYNF_OK : CYNF_EINVAL;
    if (!s && l.n_open && l.o->stream) {
        snprintf(message, sizeof message, "a stream takes so many steps a run; it has no maximum shape");
        s = CYNF_EINVAL;
    }
    if (!s && l.n_open && l.customs) {
        snprintf(message, sizeof message, "a custom layer in C has fixed shapes; give input shapes, not maximum shapes");
        s = CYNF_EUNSUPPORTED;
    }
    if (!s) {
        /* A batch that the file fixes matters only where layers mix its samples, or hold its size. */
        const int32_t fixed = fixed_batch(l.model);
        l.trial = fixed > 0;
        s = fixed ? lower(&l) : CYNF_OK;
        if (fixed && l.g) {
            l.batch = s || l.g->batch_mixed ? fixed : 0;
            l.trial = false;
            cynf_graph_free(&l.g);
            l.g = cynf_graph_new();
        }
        s = lower(&l);
        if (!s && l.o->stream)
            s = cynf_graph_stream(&l.g, l.o->stream);
        if (l.g)
            snprintf(message, sizeof message, "%s", l.g->error);
        if (!s && l.n_open)
            s = learn_sizes(&l, message, sizeof message);
    }
    if (s && message[0]) {
        snprintf(text, cap, "%s: %s", path, message);
        for (char *c = text; cap && *c; c++) /* names come from the file: one line, whatever they hold */
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
    }
    if (s)
        cynf_graph_free(&l.g);
    else
        *out = l.g;
    if (!s && l.customs)
        l.g->custom = cynf_customs_give(&l.customs);
    cynf_customs_free(&l.customs);
    cynf_weights_free(&l.weights);
    cynf_keras_config_free(&l.model);
    cynf_file_free(&l.file);
    cJSON_Delete(l.json);
    free(l.arch);
    free(l.named);
    return s;
}
