/* SPDX-License-Identifier: MIT */
/** Config JSON -> checked tree of layers and calls. The config is hostile: every kind, index, count and depth is checked here. */
#include "keras/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    int32_t depth, layers;
    cynf_status status;
    char *text;
    size_t cap;
} parser;

static bool fail(parser *p, cynf_status s, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool fail(parser *p, cynf_status s, const char *format, ...)
{
    if (!p->status) {
        p->status = s;
        va_list ap;
        va_start(ap, format);
        vsnprintf(p->text, p->cap, format, ap);
        va_end(ap);
    }
    return false;
}

static void *take(parser *p, int32_t n, size_t size)
{
    void *m = calloc(n > 0 ? (size_t)n : 1, size);
    if (!m)
        fail(p, CYNF_ENOMEM, "out of memory");
    return m;
}

static const cJSON *get(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNull(v) ? NULL : v;
}

static const char *get_text(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(get(o, key));
}

bool cynf_keras_is_model(const char *klass)
{
    return !strcmp(klass, "Sequential") || !strcmp(klass, "Functional") || !strcmp(klass, "Model");
}

static bool is_input(const cynf_keras_layer *l)
{
    return !strcmp(l->klass, "InputLayer");
}

/* ---- references to tensors ------------------------------------------------------------------------------------------------ */

/* Names are looked up in an index sorted by name. */
typedef struct name_index {
    const cynf_keras_layer *layer;
    int32_t *at;
    int32_t n;
} name_index;

static int by_name(const void *a, const void *b, void *ctx)
{
    const cynf_keras_layer *l = ctx;
    return strcmp(l[*(const int32_t *)a].name, l[*(const int32_t *)b].name);
}

static int32_t find_layer(const name_index *ix, const char *name)
{
    int32_t lo = 0, hi = ix->n;
    while (lo < hi) {
        const int32_t mid = (lo + hi) / 2, c = strcmp(ix->layer[ix->at[mid]].name, name);
        if (!c)
            return ix->at[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

typedef struct ref_list {
    parser *p;
    const name_index *names;
    const char *where;   /* "inbound_nodes of layer "x"", "output_layers" */
    cynf_keras_ref *ref;
    int32_t n, cap;
    const cJSON *extra, *kwargs; /* kwargs: as Keras 2 keeps them, behind the first tensor */
} ref_list;

static bool add_ref(ref_list *l, const cJSON *json, const cJSON *name, const char *key)
{
    const cJSON *node = name->next, *tensor = node->next;
    const int32_t layer = find_layer(l->names, name->valuestring);
    if (layer < 0)
        return fail(l->p, CYNF_EFORMAT, "%s name an unknown layer \"%s\"", l->where, name->valuestring);
    if (!(node->valuedouble >= 0 && node->valuedouble < 1 << 20))
        return fail(l->p, CYNF_EFORMAT, "%s: node index %g of layer \"%s\" is out of range", l->where, node->valuedouble, name->valuestring);
    if (!(tensor->valuedouble >= 0 && tensor->valuedouble < 1 << 20))
        return fail(l->p, CYNF_EFORMAT, "%s: tensor index %g of layer \"%s\" is out of range", l->where, tensor->valuedouble, name->valuestring);
    if (l->n == l->cap) {
        cynf_keras_ref *r = realloc(l->ref, (size_t)(l->cap ? 2 * l->cap : 4) * sizeof *r);
        if (!r)
            return fail(l->p, CYNF_ENOMEM, "out of memory");
        l->ref = r;
        l->cap = l->cap ? 2 * l->cap : 4;
    }
    l->ref[l->n++] = (cynf_keras_ref){layer, (int32_t)node->valuedouble, (int32_t)tensor->valuedouble, key, json};
    return true;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* ["name", node, tensor, ...] */
static bool is_history(const cJSON *v)
{
    const cJSON *a = cJSON_IsArray(v) ? v->child : NULL, *b = a ? a->next : NULL, *c = b ? b->next : NULL;
    return cJSON_IsString(a) && cJSON_IsNumber(b) && cJSON_IsNumber(c) && strcmp(a->valuestring, "_CONSTANT_VALUE");
}

static bool collect(ref_list *l, const cJSON *v, const char *key);

/* Tensors anywhere inside the values of keyword arguments; other numbers and texts are not references. */
static bool collect_values(ref_list *l, const cJSON *v)
{
    const char *klass = get_text(v, "class_name");
    if (is_history(v) || (klass && !strcmp(klass, "__keras_tensor__")))
        return collect(l, v, NULL);
    bool ok = true;
    for (const cJSON *e = cJSON_IsArray(v) || cJSON_IsObject(v) ? v->child : NULL; e && ok; e = e->next)
        ok = collect_values(l, e);
    return ok;
}

/* Keyword arguments that change nothing at inference: null, booleans (training) and empty ones. */
static bool collect_kwargs(ref_list *l, const cJSON *kwargs)
{
    const cJSON *k;
    bool ok = true;
    cJSON_ArrayForEach(k, kwargs) {
        if (!l->extra && !cJSON_IsNull(k) && !cJSON_IsBool(k))
            l->extra = k;
        ok = ok && collect_values(l, k);
    }
    return ok;
}

/* Collects the tensors of any nest of lists and dicts (by sorted key, as Keras flattens). */
static bool collect(ref_list *l, const cJSON *v, const char *key)
{
    if (cJSON_IsArray(v)) {
        if (is_history(v)) {
            if (cJSON_IsObject(v->child->next->next->next) && !l->kwargs)
                l->kwargs = v->child->next->next->next;
            return add_ref(l, v, v->child, key);
        }
        for (const cJSON *a = v->child; a; a = a->next)
            if (!collect(l, a, key))
                return false;
        return true;
    }
    const char *klass = get_text(v, "class_name");
    if (klass && !strcmp(klass, "__keras_tensor__")) {
        const cJSON *h = get(get(v, "config"), "keras_history");
        return cJSON_GetArraySize(h) == 3 && is_history(h) ? add_ref(l, v, h->child, key)
            : fail(l->p, CYNF_EFORMAT, "%s: a tensor without keras_history [layer, node, tensor]", l->where);
    }
    if (cJSON_IsObject(v) && v->child && !klass) {
        const int n = cJSON_GetArraySize(v);
        const cJSON **item = take(l->p, n, sizeof *item), *e;
        int i = 0;
        if (!item)
            return false;
        cJSON_ArrayForEach(e, v)
            item[i++] = e;
        qsort(item, (size_t)n, sizeof *item, by_key);
        bool ok = true;
        for (i = 0; i < n && ok; i++)
            ok = collect(l, item[i], item[i]->string);
        free(item);
        return ok;
    }
    if (!l->extra && !cJSON_IsNull(v) && !cJSON_IsBool(v))
        l->extra = v;
    return true;
}

/* ---- layers ----------------------------------------------------------------------------------------------------------------- */

static cynf_keras_model *read_model(parser *p, const cJSON *json);

static bool read_layer(parser *p, cynf_keras_layer *l, const cJSON *json, int32_t i)
{
    if (++p->layers > CYNF_KERAS_MAX_LAYERS)
        return fail(p, CYNF_EFORMAT, "the config has more than %d layers", CYNF_KERAS_MAX_LAYERS);
    l->json = json;
    l->klass = get_text(json, "class_name");
    if (!l->klass)
        return fail(p, CYNF_EFORMAT, "layer %d of the config has no class_name", i);
    l->config = get(json, "config");
    l->name = get_text(json, "name");
    if (!l->name)
        l->name = get_text(l->config, "name");
    if (!l->name)
        l->name = l->klass;
    if (cynf_keras_is_model(l->klass)) {
        l->model = read_model(p, json);
        return l->model != NULL;
    }
    return cJSON_IsObject(l->config) || fail(p, CYNF_EFORMAT, "layer \"%s\" (%s): its config is not an object", l->name, l->klass);
}

static bool read_layers(parser *p, cynf_keras_model *m, const cJSON *list)
{
    const int n = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || n < 1)
        return fail(p, CYNF_EFORMAT, "the config of model \"%s\" has no layers%s", m->name, cJSON_IsArray(list) ? ": its list of layers is empty" : "");
    m->layer = take(p, n, sizeof *m->layer);
    if (!m->layer)
        return false;
    const cJSON *e;
    cJSON_ArrayForEach(e, list)
        if (++m->n_layer, !read_layer(p, &m->layer[m->n_layer - 1], e, m->n_layer - 1))
            return false;
    return true;
}

static bool index_names(parser *p, const cynf_keras_model *m, name_index *ix)
{
    *ix = (name_index){m->layer, take(p, m->n_layer, sizeof *ix->at), m->n_layer};
    if (!ix->at)
        return false;
    for (int32_t i = 0; i < ix->n; i++)
        ix->at[i] = i;
    qsort_r(ix->at, (size_t)ix->n, sizeof *ix->at, by_name, m->layer);
    for (int32_t i = 1; i < ix->n; i++)
        if (!strcmp(m->layer[ix->at[i - 1]].name, m->layer[ix->at[i]].name))
            return fail(p, CYNF_EFORMAT, "duplicate layer name \"%s\": two layers of model \"%s\" have it", m->layer[ix->at[i]].name, m->name);
    for (int32_t i = 0; i < ix->n; i++) { /* the layer is called by "name", but its config has one, too */
        const char *inner = get_text(m->layer[i].config, "name");
        const int32_t at = inner ? find_layer(ix, inner) : -1;
        if (at >= 0 && at != i)
            return fail(p, CYNF_EFORMAT, "duplicate layer name \"%s\": the config of layer \"%s\" has it, too", inner, m->layer[i].name);
    }
    return true;
}

/* ---- functional models -------------------------------------------------------------------------------------------------------- */

static bool read_calls(parser *p, cynf_keras_layer *l, const name_index *names)
{
    const cJSON *list = get(l->json, "inbound_nodes"), *node;
    const int n = cJSON_GetArraySize(list);
    char where[256];
    snprintf(where, sizeof where, "layer \"%s\" (%s): inbound_nodes", l->name, l->klass);
    if (is_input(l) || n < 1)
        return list == NULL || cJSON_IsArray(list) || fail(p, CYNF_EFORMAT, "%s are not a list", where);
    l->call = take(p, n, sizeof *l->call);
    if (!l->call)
        return false;
    cJSON_ArrayForEach(node, list) {
        cynf_keras_call *c = &l->call[l->n_call++];
        ref_list r = {.p = p, .names = names, .where = where};
        l->keras3 = cJSON_IsObject(node);
        const cJSON *args = l->keras3 ? get(node, "args") : NULL;
        bool ok = collect(&r, l->keras3 ? args : node, NULL);
        const int32_t positional = r.n;
        const cJSON *kwargs = l->keras3 ? get(node, "kwargs") : r.kwargs;
        ok = ok && collect_kwargs(&r, kwargs);
        *c = (cynf_keras_call){r.ref, r.n, positional, args, kwargs, r.extra};
        if (!ok)
            return false;
        if (!r.n || (!l->keras3 && r.extra && !r.extra->string))
            return fail(p, r.n || !l->keras3 ? CYNF_EFORMAT : CYNF_EUNSUPPORTED, "%s: inbound node %d names no tensor in a known form", where, l->n_call - 1);
    }
    return true;
}

/*
 * Where calls of nested models are counted from. Keras 2 counts from 1 (0 is the model's own graph) if the model has an InputLayer; every kept call is
 * used somewhere, so a highest index equal to the number of calls tells. Keras 3 counts from 0, but for Functional ones in output_layers.
 */
static void rebase_nested(cynf_keras_model *m, cynf_keras_ref *const *list, const int32_t *n, int32_t lists, int32_t *lowest, int32_t *highest)
{
    for (int32_t i = 0; i < m->n_layer; i++)
        lowest[i] = INT32_MAX, highest[i] = -1;
    for (int32_t i = 0; i < lists; i++)
        for (int32_t j = 0; j < n[i]; j++) {
            const cynf_keras_ref *r = &list[i][j];
            if (r->node < lowest[r->layer])
                lowest[r->layer] = r->node;
            if (r->node > highest[r->layer])
                highest[r->layer] = r->node;
        }
    for (int32_t i = 0; i < lists; i++)
        for (int32_t j = 0; j < n[i]; j++) {
            cynf_keras_ref *r = &list[i][j];
            const cynf_keras_layer *l = &m->layer[r->layer];
            const bool from_one = l->keras3 ? list[i] == m->out && strcmp(l->klass, "Sequential") : lowest[r->layer] >= 1 && highest[r->layer] == l->n_call;
            if (l->model && from_one && r->node)
                r->node--;
        }
}

static bool check_node(parser *p, const cynf_keras_model *m, const cynf_keras_ref *r, const char *where)
{
    cynf_keras_layer *l = &m->layer[r->layer];
    const int32_t n = is_input(l) ? 1 : l->n_call, n_out = l->model ? l->model->n_out : is_input(l) ? 1 : INT32_MAX;
    if (r->node >= n)
        return fail(p, CYNF_EFORMAT, "%s: node index %d of layer \"%s\" (%s) is out of range: it has %d inbound nodes", where, r->node, l->name, l->klass, n);
    if (r->tensor >= n_out)
        return fail(p, CYNF_EFORMAT, "%s: tensor index %d of layer \"%s\" (%s) is out of range: it has %d outputs", where, r->tensor, l->name, l->klass, n_out);
    l->n_out = l->model ? n_out : r->tensor >= l->n_out ? r->tensor + 1 : l->n_out;
    return true;
}

static bool check_nodes(parser *p, cynf_keras_model *m)
{
    int32_t lists = 1;
    for (int32_t i = 0; i < m->n_layer; i++)
        lists += m->layer[i].n_call;
    cynf_keras_ref **list = take(p, lists, sizeof *list);
    int32_t *n = take(p, lists, sizeof *n), *range = take(p, 2 * m->n_layer, sizeof *range);
    if (list && n && range) {
        list[0] = m->out;
        n[0] = m->n_out;
        for (int32_t i = 0, at = 1; i < m->n_layer; i++)
            for (int32_t j = 0; j < m->layer[i].n_call; j++, at++) {
                list[at] = m->layer[i].call[j].in;
                n[at] = m->layer[i].call[j].n_in;
            }
        rebase_nested(m, list, n, lists, range, range + m->n_layer);
        for (int32_t i = 0; i < m->n_layer; i++) {
            char where[256];
            snprintf(where, sizeof where, "layer \"%s\" (%s): inbound_nodes", m->layer[i].name, m->layer[i].klass);
            for (int32_t j = 0; j < m->layer[i].n_call; j++)
                for (int32_t k = 0; k < m->layer[i].call[j].n_in; k++)
                    check_node(p, m, &m->layer[i].call[j].in[k], where);
        }
        for (int32_t i = 0; i < m->n_out; i++)
            check_node(p, m, &m->out[i], "output_layers");
    }
    free(list);
    free(n);
    free(range);
    return !p->status;
}

/* Kahn's algorithm in file order: passes over the calls that wait, until none is left or none can go on. */
static bool sort_calls(parser *p, cynf_keras_model *m)
{
    int32_t total = 0;
    int32_t *first = take(p, m->n_layer, sizeof *first);
    for (int32_t i = 0; first && i < m->n_layer; i++) {
        first[i] = total;
        total += m->layer[i].n_call;
    }
    m->order = take(p, total, sizeof *m->order);
    cynf_keras_ref *wait = take(p, total, sizeof *wait);
    bool *done = take(p, total, sizeof *done);
    if (p->status)
        goto out;
    int32_t n = 0;
    for (int32_t i = 0; i < m->n_layer; i++)
        for (int32_t j = 0; j < m->layer[i].n_call; j++)
            wait[n++] = (cynf_keras_ref){i, j, 0, NULL, NULL};
    while (n) {
        int32_t left = 0;
        for (int32_t i = 0; i < n; i++) {
            const cynf_keras_call *c = &m->layer[wait[i].layer].call[wait[i].node];
            bool ready = true;
            for (int32_t k = 0; k < c->n_in && ready; k++)
                ready = is_input(&m->layer[c->in[k].layer]) || done[first[c->in[k].layer] + c->in[k].node];
            if (ready) {
                done[first[wait[i].layer] + wait[i].node] = true;
                m->order[m->n_order++] = wait[i];
            } else
                wait[left++] = wait[i];
        }
        if (left == n) {
            const cynf_keras_layer *l = &m->layer[wait[0].layer];
            fail(p, CYNF_EFORMAT, "layer \"%s\" (%s): its inbound nodes depend on itself: the graph has a cycle", l->name, l->klass);
            break;
        }
        n = left;
    }
out:
    free(first);
    free(wait);
    free(done);
    return !p->status;
}

static bool read_ends(parser *p, cynf_keras_model *m, const name_index *names, const char *key, cynf_keras_ref **out, int32_t *n)
{
    ref_list r = {.p = p, .names = names, .where = key};
    const bool ok = collect(&r, get(m->config, key), NULL);
    *out = r.ref;
    *n = r.n;
    return ok && (r.n || fail(p, CYNF_EFORMAT, "model \"%s\" has no %s: its %s are empty or missing", m->name, key[0] == 'i' ? "input" : "output", key));
}

static bool read_functional(parser *p, cynf_keras_model *m)
{
    name_index names = {0};
    bool ok = read_layers(p, m, get(m->config, "layers")) && index_names(p, m, &names) && read_ends(p, m, &names, "input_layers", &m->in, &m->n_in) &&
        read_ends(p, m, &names, "output_layers", &m->out, &m->n_out);
    for (int32_t i = 0; ok && i < m->n_in; i++)
        if (!is_input(&m->layer[m->in[i].layer]))
            ok = fail(p, CYNF_EFORMAT, "input_layers name \"%s\", which is a %s, expected an InputLayer", m->layer[m->in[i].layer].name, m->layer[m->in[i].layer].klass);
    for (int32_t i = 0; ok && i < m->n_layer; i++)
        ok = read_calls(p, &m->layer[i], &names);
    free(names.at);
    return ok && check_nodes(p, m) && sort_calls(p, m);
}

/* ---- sequential models ---------------------------------------------------------------------------------------------------------- */

/* The layers behind last, each called with what the one before gives. */
static bool read_chain(parser *p, cynf_keras_model *m, cynf_keras_ref last)
{
    for (int32_t i = last.layer + 1; i < m->n_layer; i++) {
        cynf_keras_layer *l = &m->layer[i];
        if (is_input(l))
            return fail(p, CYNF_EFORMAT, "layer \"%s\" (InputLayer): an input in the middle of the Sequential model \"%s\"", l->name, m->name);
        l->call = take(p, 1, sizeof *l->call);
        if (!l->call)
            return false;
        l->n_call = 1;
        l->call[0].in = take(p, 1, sizeof *l->call[0].in);
        if (!l->call[0].in)
            return false;
        l->n_out = l->model ? l->model->n_out : 1;
        l->call[0].n_in = l->call[0].n_positional = 1;
        l->call[0].in[0] = last;
        last = (cynf_keras_ref){i, 0, 0, NULL, NULL};
        m->order[m->n_order++] = last;
    }
    m->out[0] = last;
    return true;
}

/* A Keras 1 Sequential may begin with a Merge that holds the models it joins: they become layers, each called with inputs of the model. */
static bool read_merged(parser *p, cynf_keras_model *m, const cJSON *parts)
{
    const int32_t n = cJSON_GetArraySize(parts), rest = m->n_layer;
    cynf_keras_layer *all = take(p, (int64_t)n + rest, sizeof *all);
    if (!all)
        return false;
    memcpy(all + n, m->layer, (size_t)rest * sizeof *all);
    free(m->layer);
    m->layer = all;
    m->n_layer = n + rest;
    int32_t at = 0, inputs = 0;
    for (const cJSON *e = parts->child; e; e = e->next, at++) {
        if (!cynf_keras_is_model(get_text(e, "class_name") ? get_text(e, "class_name") : ""))
            return fail(p, CYNF_EUNSUPPORTED, "layer \"%s\" (Merge): part %d is not a model", all[n].name, at);
        if (!read_layer(p, &all[at], e, at))
            return false;
        inputs += all[at].model->n_in;
    }
    m->in = take(p, inputs, sizeof *m->in);
    m->out = take(p, 1, sizeof *m->out);
    m->order = take(p, m->n_layer, sizeof *m->order);
    cynf_keras_call *join = all[n].call = take(p, 1, sizeof *all[n].call);
    if (p->status)
        return false;
    all[n].n_call = all[n].n_out = m->n_out = 1;
    *join = (cynf_keras_call){.in = take(p, n, sizeof *join->in), .n_in = n, .n_positional = n};
    for (at = 0; at < n && !p->status; at++) {
        cynf_keras_layer *l = &all[at];
        l->call = take(p, 1, sizeof *l->call);
        cynf_keras_ref *in = l->call ? take(p, l->model->n_in, sizeof *in) : NULL;
        if (!in)
            return false;
        l->n_call = 1;
        l->n_out = l->model->n_out;
        *l->call = (cynf_keras_call){.in = in, .n_in = l->model->n_in, .n_positional = l->model->n_in};
        for (int32_t i = 0; i < l->model->n_in; i++) {
            const cynf_keras_layer *first = &l->model->layer[l->model->in[i].layer < 0 ? 0 : l->model->in[i].layer];
            in[i] = m->in[m->n_in] = (cynf_keras_ref){-1, 0, m->n_in, NULL, NULL};
            m->in[m->n_in++].key = first->name;
        }
        join->in[at] = m->order[m->n_order++] = (cynf_keras_ref){at, 0, 0, NULL, NULL};
    }
    m->order[m->n_order++] = (cynf_keras_ref){n, 0, 0, NULL, NULL};
    return !p->status;
}

static bool read_sequential(parser *p, cynf_keras_model *m)
{
    if (!read_layers(p, m, cJSON_IsArray(m->config) ? m->config : get(m->config, "layers")))
        return false;
    const cJSON *parts = strcmp(m->layer[0].klass, "Merge") ? NULL : get(m->layer[0].config, "layers");
    if (cJSON_IsArray(parts) && parts->child)
        return read_merged(p, m, parts) && read_chain(p, m, (cynf_keras_ref){cJSON_GetArraySize(parts), 0, 0, NULL, NULL});
    m->in = take(p, 1, sizeof *m->in);
    m->out = take(p, 1, sizeof *m->out);
    m->order = take(p, m->n_layer, sizeof *m->order);
    if (p->status)
        return false;
    cynf_keras_ref last = {is_input(&m->layer[0]) ? 0 : -1, 0, 0, NULL, NULL};
    m->n_in = m->n_out = 1;
    m->in[0] = last;
    return read_chain(p, m, last);
}

static cynf_keras_model *read_model(parser *p, const cJSON *json)
{
    const char *klass = get_text(json, "class_name");
    cynf_keras_model *m = take(p, 1, sizeof *m);
    if (!m)
        return NULL;
    m->json = json;
    m->config = klass ? get(json, "config") : json;
    m->name = get_text(m->config, "name");
    if (!m->name)
        m->name = klass ? klass : "model";
    bool ok = ++p->depth <= CYNF_KERAS_MAX_DEPTH || fail(p, CYNF_EFORMAT, "models are nested deeper than %d levels", CYNF_KERAS_MAX_DEPTH);
    if (ok)
        ok = klass && !strcmp(klass, "Sequential") ? read_sequential(p, m) : read_functional(p, m);
    p->depth--;
    if (!ok)
        cynf_keras_config_free(&m);
    return m;
}

cynf_status cynf_keras_config(cynf_keras_model **out, const cJSON *json, char *text, size_t cap)
{
    parser p = {.text = text, .cap = cap};
    const char *klass = get_text(json, "class_name");
    if (!cJSON_IsObject(json))
        fail(&p, CYNF_EFORMAT, "the config is not a JSON object with class_name and config");
    else if (klass && !cynf_keras_is_model(klass))
        fail(&p, CYNF_EUNSUPPORTED, "the model's class \"%s\" is unknown: a subclassed or custom model keeps no graph in its file; save it as a functional model", klass);
    else if (!klass && !get(json, "layers"))
        fail(&p, CYNF_EFORMAT, "the config has neither class_name nor layers: it is no Keras model");
    else
        *out = read_model(&p, json);
    return p.status;
}

void cynf_keras_config_free(cynf_keras_model **pm)
{
    cynf_keras_model *m = *pm;
    if (!m)
        return;
    for (int32_t i = 0; i < m->n_layer; i++) {
        cynf_keras_layer *l = &m->layer[i];
        cynf_keras_config_free(&l->model);
        for (int32_t j = 0; j < l->n_call; j++)
            free(l->call[j].in);
        free(l->call);
    }
    free(m->layer);
    free(m->in);
    free(m->out);
    free(m->order);
    free(m);
    *pm = NULL;
}

const cJSON *cynf_keras_input_shape(const cynf_keras_model *m, int32_t i, const cJSON **dtype)
{
    const int32_t at = m->in[i].layer;
    const cynf_keras_layer *l = &m->layer[at < 0 ? 0 : at];
    int32_t k = m->in[i].tensor; /* of the models that a Merge joins */
    for (int32_t j = 0; at < 0 && l->model && k >= l->model->n_in && j + 1 < m->n_layer && m->layer[j + 1].model; j++) {
        k -= l->model->n_in;
        l = &m->layer[j + 1];
    }
    if (at < 0 && l->model)
        return cynf_keras_input_shape(l->model, k < l->model->n_in ? k : 0, dtype);
    const cJSON *s = get(l->config, "batch_shape");
    *dtype = at < 0 ? NULL : get(l->config, "dtype");
    if (!s)
        s = get(l->config, "batch_input_shape");
    if (!s && at < 0)
        s = get(m->config, "build_input_shape");
    if (!s && at < 0)
        s = get(get(m->json, "build_config"), "input_shape");
    return s;
}
