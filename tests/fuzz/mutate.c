/* SPDX-License-Identifier: MIT */
/**
 * mutate [-n CASES] [-s SEED] [-j JOBS] [-c CASE] [-d DEFAULTS] FOLDER...: damages the architecture and the weights of every model below the folders, CASES times
 * each, and takes what comes out from the loader to a run. Each case must end in an error with a message or in a run: no crash, no 10 seconds, no GiB.
 *
 * The reading process is left out (its fuzzers are file_fuzz and stream_fuzz): what it read of the whole model is damaged in memory. Cases depend on
 * the model's name below its folder, their number and the seed alone. -c runs one case of each model in the foreground, for debuggers. With the defaults of Keras 3
 * (JSON: class -> argument -> value) case 0 leaves out every argument that has its default: the answer must stay the same.
 */
#include <float.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "graph/program.h"
#include "keras/file.h"
#include "keras/layers/layer.h"
#include "keras/load.h"
#include "runtime/executor.h"
#include "runtime/walk.h"

enum { MAX_MODELS = 20000, MAX_PORTS = 64, SECONDS = 10, MAX_RUN_BYTES = 64 << 20, BATCH = 200 };
#define MAX_RUN_FLOPS 2e8

/* What a worker tells about itself: its parent reads it after a crash. */
typedef struct shared {
    long passed, failed, ran;
    struct {
        int at;
        char what[1000], why[1024];
    } job[64];
} shared;

static shared *told;
static int self; /* this job */
typedef struct listed {
    char *path;
    size_t name; /**< where the part below the folder begins: a corpus has the same cases wherever it lies */
} listed;

static listed model[MAX_MODELS];
static size_t root; /* length of the folder's name */
static int models, only = -1;
static uint64_t state;

/* ---- random choices ------------------------------------------------------------------------------------------------------- */

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int below(int n) { return n < 2 ? 0 : (int)(draw() % (uint64_t)n); }

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char *what = told->job[self].what;
    const size_t n = strlen(what), cap = sizeof told->job[self].what;
    va_list ap;
    va_start(ap, format);
    vsnprintf(what + n, cap - n, format, ap);
    va_end(ap);
}

/* ---- the architecture ------------------------------------------------------------------------------------------------------ */

typedef struct place {
    cJSON *parent, *item;
} place;

typedef struct places {
    place *p;
    int n, cap;
} places;

/* What no lowering looks at is hit ten times as seldom. */
static bool of_training(const char *key)
{
    static const char *const part[] = {"initializer", "regularizer", "constraint", "compile_config", "registered_name", "module", "trainable", "build_config"};
    for (size_t i = 0; key && i < sizeof part / sizeof *part; i++)
        if (strstr(key, part[i]))
            return true;
    return false;
}

static void collect(places *l, cJSON *parent, int depth)
{
    for (cJSON *e = parent->child; e; e = e->next) {
        if (of_training(e->string) && below(10))
            continue;
        if (l->n == l->cap) {
            l->cap = l->cap ? 2 * l->cap : 256;
            l->p = realloc(l->p, (size_t)l->cap * sizeof *l->p);
        }
        l->p[l->n++] = (place){parent, e};
        if (depth < 200)
            collect(l, e, depth + 1);
    }
}

static cJSON *nested(int depth)
{
    cJSON *v = cJSON_CreateNumber(1);
    for (int i = 0; i < depth; i++) {
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, v);
        v = list;
    }
    return v;
}

static cJSON *list_of(int n, const cJSON *what)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(list, what ? cJSON_Duplicate(what, true) : cJSON_CreateNumber(i));
    return list;
}

static cJSON *number(const cJSON *old)
{
    static const double odd[] = {0, -1, 1, 2, 3, 7, 16, 17, 64, 255, 65536, 1 << 20, 16777217, 1e9, INT32_MAX, 2147483648.0, INT32_MIN, 4294967296.0, 9007199254740993.0, 1e18,
        DBL_MAX, -DBL_MAX, 0.5, -0.5, 1e-300, 1.5, -2, 1 << 30};
    const double v = cJSON_IsNumber(old) ? old->valuedouble : 1;
    switch (below(8)) {
    case 0: return cJSON_CreateNumber(v + 1);
    case 1: return cJSON_CreateNumber(v - 1);
    case 2: return cJSON_CreateNumber(-v);
    case 3: return cJSON_CreateNumber(v * 2);
    case 4: return cJSON_CreateNumber(v * 1000);
    default: return cJSON_CreateNumber(odd[below(sizeof odd / sizeof *odd)]);
    }
}

static cJSON *string(void)
{
    static const char *const odd[] = {"", "same", "valid", "causal", "channels_first", "channels_last", "softmax", "relu", "float16", "linear", "sum", "concat", "%s%n", "\xff\xfe",
        "a\nb", "1", "None", "..", "abc,cde->abde", "nearest", "bilinear", "int", "multi_hot"};
    if (below(20))
        return cJSON_CreateString(odd[below(sizeof odd / sizeof *odd)]);
    char *s = malloc(100001);
    memset(s, 'x', 100000);
    s[100000] = 0;
    cJSON *v = cJSON_CreateString(s);
    free(s);
    return v;
}

static cJSON *value(const cJSON *old)
{
    switch (below(14)) {
    case 0: return cJSON_CreateNull();
    case 1: return cJSON_CreateTrue();
    case 2: return cJSON_CreateFalse();
    case 3: return string();
    case 4: return cJSON_CreateArray();
    case 5: return cJSON_CreateObject();
    case 6: return list_of(1 + below(4), old);
    case 7: return below(10) ? list_of(below(9), NULL) : list_of(50000, NULL);
    case 8: return nested(below(20) ? below(12) : 900);
    default: return cJSON_IsString(old) ? string() : number(old);
    }
}

static const char *some_class(void)
{
    int n = 0;
    for (const cynf_layer_family *f = cynf_layer_families(); f->title; f++)
        for (const cynf_layer_class *k = f->class; k->name; k++)
            n++;
    n = below(n);
    for (const cynf_layer_family *f = cynf_layer_families(); f->title; f++)
        for (const cynf_layer_class *k = f->class; k->name; k++)
            if (!n--)
                return k->name;
    return "";
}

static void replace(place *at, cJSON *v)
{
    if (at->parent->type == cJSON_Object)
        cJSON_ReplaceItemInObjectCaseSensitive(at->parent, at->item->string, v);
    else
        cJSON_ReplaceItemViaPointer(at->parent, at->item, v);
}

/* The layer wrapped depth times. */
static cJSON *wrapped(const cJSON *layer, const char *klass, int depth)
{
    cJSON *v = cJSON_Duplicate(layer, true);
    for (int i = 0; i < depth; i++) {
        cJSON *o = cJSON_CreateObject(), *config = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "class_name", klass);
        cJSON_AddItemToObject(o, "config", config);
        cJSON_AddStringToObject(config, "name", "outer");
        if (strcmp(klass, "Sequential"))
            cJSON_AddItemToObject(config, "layer", v);
        else
            cJSON_AddItemToArray(cJSON_AddArrayToObject(config, "layers"), v);
        v = o;
    }
    return v;
}

static void damage_config(cJSON *json)
{
    places l = {0};
    collect(&l, json, 0);
    if (!l.n)
        return;
    place *at = &l.p[below(l.n)];
    const bool layer = cJSON_GetObjectItemCaseSensitive(at->item, "class_name") && at->parent->type == cJSON_Array;
    const int kind = below(10);
    if (!strcmp(at->item->string ? at->item->string : "", "class_name") && below(2)) {
        const char *klass = some_class();
        say("class_name := %s; ", klass);
        replace(at, cJSON_CreateString(klass));
    } else if (layer && below(4)) {
        static const char *const wrapper[] = {"TimeDistributed", "Sequential", "Bidirectional", "SpectralNormalization", "Pipeline"};
        const int w = below(5), depth = below(8) ? 1 + below(3) : 150;
        say("%s in %d %s; ", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(at->item, "class_name")), depth, wrapper[w]);
        replace(at, wrapped(at->item, wrapper[w], depth));
    } else if (kind < 2) {
        say("drop %s; ", at->item->string ? at->item->string : "an element");
        cJSON_Delete(cJSON_DetachItemViaPointer(at->parent, at->item));
    } else if (kind < 3 && at->parent->type == cJSON_Array) {
        say("double an element; ");
        cJSON_AddItemToArray(at->parent, cJSON_Duplicate(at->item, true));
    } else if (kind < 5) { /* a value from elsewhere, from under the same key if there is one */
        const place *from = &l.p[below(l.n)];
        for (int i = 0, k = below(l.n); at->item->string && i < l.n; i++) {
            const place *p = &l.p[(k + i) % l.n];
            if (p->item != at->item && p->item->string && !strcmp(p->item->string, at->item->string)) {
                from = p;
                break;
            }
        }
        cJSON *v = cJSON_Duplicate(from->item, true);
        say("%s := that of another place (%.30s); ", at->item->string ? at->item->string : "an element", from->item->string ? from->item->string : "an element");
        replace(at, v);
    } else {
        cJSON *v = value(at->item);
        char *s = cJSON_PrintUnformatted(v);
        say("%s := %.40s; ", at->item->string ? at->item->string : "an element", s ? s : "?");
        free(s);
        replace(at, v);
    }
    free(l.p);
}

static cJSON *defaults;

/* Arguments that have their default are left out, in all layers. */
static void leave_out(cJSON *json)
{
    const char *klass = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "class_name"));
    const char *module = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "module"));
    cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config"), *next;
    const cJSON *known = klass && (!module || !strcmp(module, "keras.layers")) ? cJSON_GetObjectItemCaseSensitive(defaults, klass) : NULL;
    for (cJSON *e = known && cJSON_IsObject(config) ? config->child : NULL; e; e = next) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(known, e->string);
        next = e->next;
        if (value && cJSON_Compare(e, value, true))
            cJSON_Delete(cJSON_DetachItemViaPointer(config, e));
    }
    for (cJSON *e = json->child; e; e = e->next)
        leave_out(e);
}

static void damage_text(char *s)
{
    const int n = (int)strlen(s);
    if (below(2)) {
        const int at = below(n);
        say("text ends at %d; ", at);
        s[at] = 0;
    } else
        for (int i = 0, m = 1 + below(4); i < m; i++) {
            const int at = below(n);
            s[at] = "\"[]{},:0-e\\n\x80"[below(13)];
            say("byte %d is '%c'; ", at, s[at]);
        }
}

/* ---- weights ------------------------------------------------------------------------------------------------------------------ */

static size_t elements(const cynf_dataset *d)
{
    size_t n = 1;
    for (int32_t i = 0; i < d->rank; i++)
        n *= (size_t)d->dim[i];
    return n;
}

/* As the parser of the record stream would have made it: data are as many as the shape says. */
static void reshape(cynf_dataset *d, int32_t rank, const int64_t *dim)
{
    const size_t n = d->data ? elements(d) : 0;
    d->rank = rank;
    memcpy(d->dim, dim, (size_t)rank * sizeof *dim);
    const size_t m = elements(d);
    float *data = d->data ? calloc(m + 1, sizeof *data) : NULL;
    if (data)
        memcpy(data, d->data, (n < m ? n : m) * sizeof *data);
    free(d->data);
    d->data = data;
}

static void damage_weights(cynf_file *f)
{
    if (f->n_list && !below(4)) {
        cynf_name_list *l = &f->list[below(f->n_list)];
        say("list %s/%s: ", l->group, l->attribute);
        if (!l->n || !below(4)) {
            say("empty; ");
            l->n = 0;
        } else if (below(2)) {
            static char nothing[1];
            l->item[below(l->n)] = below(2) ? nothing : f->list[0].group;
            say("an item changed; ");
        } else {
            say("an item less; ");
            l->n--;
        }
        return;
    }
    if (!f->n_dataset)
        return;
    const int at = below(f->n_dataset);
    cynf_dataset *d = &f->dataset[at];
    int64_t dim[8];
    memcpy(dim, d->dim, sizeof dim);
    say("weights %s: ", d->path);
    switch (below(8)) {
    case 0:
        say("missing; ");
        free(d->path), free(d->data);
        memmove(d, d + 1, (size_t)(--f->n_dataset - at) * sizeof *d);
        return;
    case 1: {
        cynf_dataset *o = &f->dataset[below(f->n_dataset)];
        char *const path = d->path, *const other = o->path;
        say("swapped with %s; ", o->path);
        const cynf_dataset t = *d;
        *d = *o;
        *o = t;
        d->path = path;
        o->path = other;
        return;
    }
    case 2:
        say("unreadable; ");
        free(d->data);
        d->data = NULL;
        d->note = "could not be read";
        return;
    case 3:
        say("not finite; ");
        for (size_t i = 0, n = d->data ? elements(d) : 0; i < n; i++)
            d->data[i] = (float[]){NAN, INFINITY, -INFINITY, FLT_MAX, FLT_MIN / 4}[below(5)];
        return;
    case 4:
        say("an axis more; ");
        if (d->rank < 8)
            dim[d->rank] = 1, reshape(d, d->rank + 1, dim);
        return;
    case 5:
        say("an axis less; ");
        if (d->rank)
            reshape(d, d->rank - 1, dim);
        return;
    default:
        if (d->rank) {
            const int a = below(d->rank);
            dim[a] = (int64_t[]){0, 1, dim[a] + 1, dim[a] - 1 > 0 ? dim[a] - 1 : 0, dim[a] < 1000 ? 2 * dim[a] : 1}[below(5)];
            say("axis %d is %lld; ", a, (long long)dim[a]);
            reshape(d, d->rank, dim);
        }
    }
}

/* ---- the damaged file, where the loader asks for it --------------------------------------------------------------------------- */

static const cynf_file *whole;
static int damages; /* -1: what has its default is left out */

static char *copied(const char *s) { return s ? strdup(s) : NULL; }

/* Notes, attributes and items point into strings that f owns. */
static cynf_file *copy(const cynf_file *f)
{
    cynf_file *c = calloc(1, sizeof *c);
    *c = (cynf_file){.path = copied(f->path), .container = f->container, .config = copied(f->config), .keras_version = copied(f->keras_version), .backend = copied(f->backend),
        .n_dataset = f->n_dataset, .n_list = f->n_list};
    c->dataset = calloc((size_t)f->n_dataset + 1, sizeof *c->dataset);
    c->list = calloc((size_t)f->n_list + 1, sizeof *c->list);
    for (int32_t i = 0; i < f->n_dataset; i++) {
        c->dataset[i] = f->dataset[i];
        c->dataset[i].path = copied(f->dataset[i].path);
        const size_t n = f->dataset[i].data ? elements(&f->dataset[i]) : 0;
        c->dataset[i].data = f->dataset[i].data ? memcpy(malloc((n + 1) * sizeof(float)), f->dataset[i].data, n * sizeof(float)) : NULL;
    }
    for (int32_t i = 0; i < f->n_list; i++) {
        c->list[i] = f->list[i];
        c->list[i].group = copied(f->list[i].group);
        c->list[i].item = memcpy(malloc(((size_t)f->list[i].n + 1) * sizeof(char *)), f->list[i].item, (size_t)f->list[i].n * sizeof(char *));
    }
    return c;
}

cynf_status __real_cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap);
cynf_status __wrap_cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap);
cynf_status __wrap_cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap)
{
    if (!whole)
        return __real_cynf_file_read(out, path, limits, text, cap);
    cynf_file *f = copy(whole);
    cJSON *json = f->config ? cJSON_Parse(f->config) : NULL;
    for (int i = 0; i < damages; i++)
        if (json && below(4))
            damage_config(json);
        else
            damage_weights(f);
    if (json && damages < 0)
        leave_out(json);
    if (json) {
        free(f->config);
        f->config = cJSON_PrintUnformatted(json);
        if (damages > 0 && f->config && *f->config && !below(20))
            damage_text(f->config);
    }
    cJSON_Delete(json);
    *out = f;
    return CYNF_OK;
}

/* ---- one case ------------------------------------------------------------------------------------------------------------------ */

/* One run on made-up inputs; its outputs in single precision one behind the other, NULL where that would take long. */
static float *run(const cynf_program *p, size_t *n)
{
    cynf_executor *e;
    const cynf_graph *g = p->graph;
    const void *x[MAX_PORTS];
    void *y[MAX_PORTS];
    size_t elems = 0, ports = 0;
    double flops = 0;
    for (int i = 0; i < p->n_step; i++)
        flops += cynf_geometry_flops(p->step[i].problem.op, &p->step[i].problem.u);
    for (int i = 0; i < g->n_in; i++)
        ports += cynf_program_input_elems(p, i) * 8;
    for (int i = 0; i < g->n_out; i++)
        elems += cynf_program_output_elems(p, i);
    if (g->n_in > MAX_PORTS || g->n_out > MAX_PORTS || p->arena_bytes > MAX_RUN_BYTES || ports + elems * 8 > MAX_RUN_BYTES || flops > MAX_RUN_FLOPS ||
        cynf_executor_create(&e, p, 1))
        return NULL;
    for (int i = 0; i < g->n_in; i++) {
        const size_t m = cynf_program_input_elems(p, i);
        unsigned char *bytes = calloc(m, cynf_dtype_bytes(g->in[i].dtype));
        for (size_t k = 0; k < m; k++)
            if (g->in[i].dtype == CYNF_F32)
                ((float *)(void *)bytes)[k] = (float)(k * 37 % 101) / 50 - 1;
            else
                bytes[k * cynf_dtype_bytes(g->in[i].dtype)] = g->in[i].dtype == CYNF_F64 ? 0 : (unsigned char)(k % 3);
        x[i] = bytes;
    }
    float *all = calloc(elems + 1, sizeof *all);
    *n = 0;
    for (int i = 0; i < g->n_out; i++)
        y[i] = malloc(cynf_program_output_elems(p, i) * cynf_dtype_bytes(g->out[i].dtype) + 1);
    cynf_executor_run(e, x, y);
    cynf_executor_destroy(&e);
    for (int i = 0; i < g->n_in; i++)
        free((void *)(uintptr_t)x[i]);
    for (int i = 0; i < g->n_out; i++) {
        if (g->out[i].dtype == CYNF_F32)
            memcpy(all + *n, y[i], cynf_program_output_elems(p, i) * sizeof *all);
        *n += cynf_program_output_elems(p, i);
        free(y[i]);
    }
    told->ran++;
    return all;
}

/* The passes must not change what a graph computes. Only where numbers stay moderate: the same sums in another order may overflow. */
static bool agree(const float *a, const float *b, size_t n)
{
    float most = 0, off = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(fabsf(a[i]) < 1e6f) || !(fabsf(b[i]) < 1e6f))
            return true;
        most = fmaxf(most, fabsf(a[i]));
        off = fmaxf(off, fabsf(a[i] - b[i]));
    }
    return off <= 1e-3f * fmaxf(most, 1e-3f);
}

/* The graph as it is, built and run; NULL outputs when it was not run. */
static cynf_status build_and_run(const cynf_graph *g, float **y, size_t *n, char *text, size_t cap)
{
    cynf_program *p = NULL;
    const cynf_status s = cynf_program_build(&p, g, &(cynf_build_options){.threads = 1, .max_arena_bytes = (int64_t)1 << 29}, text, cap);
    *y = s ? NULL : run(p, n);
    cynf_program_free(&p);
    return s;
}

static void ignore(void *ctx, const cynf_load_layer *l) { (void)ctx, (void)l; }

/* NULL, or what is wrong: the model as it is and without what has its default. It may be refused then, but not computed otherwise. */
static const char *check_defaults(const char *path, const cynf_file *f)
{
    float *y[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    char text[1024];
    told->job[self].what[0] = 0;
    for (int i = 0; i < 2; i++) {
        cynf_graph *g = NULL;
        damages = -i;
        whole = f;
        if (!cynf_keras_load(&g, path, NULL, text, sizeof text) && !cynf_graph_optimise(g))
            build_and_run(g, &y[i], &n[i], text, sizeof text);
        whole = NULL;
        cynf_graph_free(&g);
    }
    const bool same = !y[0] || !y[1] || (n[0] == n[1] && !memcmp(y[0], y[1], n[0] * sizeof **y));
    free(y[0]);
    free(y[1]);
    return same ? NULL : "without arguments that have their defaults it gives another answer";
}

/* NULL, or what is wrong. */
static const char *run_case(const char *path, const char *name, const cynf_file *f, int number, uint64_t seed)
{
    cynf_graph *g = NULL, *plain = NULL;
    void *flat = NULL;
    float *y = NULL, *z = NULL;
    size_t n = 0, m = 0, bytes;
    char text[1024] = "";
    uint64_t h = 0xcbf29ce484222325u;
    if (!number && defaults && f->keras_version[0] == '3')
        return check_defaults(path, f);
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    state = h ^ seed * 0x9E3779B97F4A7C15u ^ (uint64_t)number * 0xD1B54A32D192ED03u;
    told->job[self].what[0] = 0;
    damages = 1 + below(3);
    whole = f;
    cynf_status s = cynf_keras_load(&g, path, &(cynf_load_options){.layer = below(4) ? NULL : ignore}, text, sizeof text);
    whole = NULL;
    if (!s)
        s = cynf_graph_to_flat(g, &flat, &bytes);
    if (!s)
        s = cynf_graph_from_flat(&plain, flat, bytes, text, sizeof text);
    free(flat);
    if (!s && (s = cynf_graph_optimise(g)))
        snprintf(text, sizeof text, "%s", g->error);
    if (!s)
        s = build_and_run(g, &y, &n, text, sizeof text);
    bool same = true;
    if (y && !build_and_run(plain, &z, &m, text, sizeof text) && z)
        same = n == m && agree(y, z, n);
    free(y);
    free(z);
    cynf_graph_free(&plain);
    cynf_graph_free(&g);
    snprintf(told->job[self].why, sizeof told->job[self].why, "%s", text);
    if (!s)
        return same ? NULL : "optimised, it gives another answer";
    return s == CYNF_ENOMEM && !strstr(text, "limit") ? "it asked for more than 1 GiB" : !*text ? "no message" : strchr(text, '\n') ? "a message of two lines" : NULL;
}

/* ---- workers -------------------------------------------------------------------------------------------------------------------- */

static void report(const char *path, int number, const char *why)
{
    printf("%s case %d: %s [%s] %s\n", path, number, why, told->job[self].what, told->job[self].why);
    fflush(stdout);
    told->failed++;
}

#if defined(__SANITIZE_ADDRESS__)
/* Its shadow takes terabytes of address space, so it counts itself; file by file, as leaks are not looked for in processes that fork. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1:max_allocation_size_mb=1024:hard_rss_limit_mb=1500:detect_leaks=0"; }
static void limit_memory(void) {}
#else
static void limit_memory(void) { setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)3 << 29, (rlim_t)3 << 29}); }
#endif

static void run_model(const listed *m, int cases, uint64_t seed)
{
    cynf_file *f;
    char text[1024];
    if (__real_cynf_file_read(&f, m->path, NULL, text, sizeof text))
        return;
    for (int from = 0; from < cases;) {
        fflush(stdout);
        const pid_t pid = fork();
        if (!pid) {
            limit_memory();
            for (int i = from; i < cases && i < from + BATCH; i++) {
                told->job[self].at = i;
                setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {SECONDS, 0}}, NULL);
                const char *why = run_case(m->path, m->path + m->name, f, i, seed);
                if (why)
                    report(m->path, i, why);
                else
                    __atomic_add_fetch(&told->passed, 1, __ATOMIC_RELAXED);
            }
            told->job[self].at = from + BATCH < cases ? from + BATCH : cases;
            _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        from = told->job[self].at;
        if (status) {
            char why[64];
            snprintf(why, sizeof why, WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it took more than %d seconds" : "it died with status %d",
                WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? SECONDS : status);
            report(m->path, from++, why);
        }
    }
    cynf_file_free(&f);
}

static int add_model(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    const size_t n = strlen(path);
    const bool h5 = n > 3 && !strcmp(path + n - 3, ".h5"), keras = n > 6 && !strcmp(path + n - 6, ".keras");
    if (type == FTW_F && (h5 || keras) && !strstr(path, "/bad/") && !(n > 10 && !strcmp(path + n - 10, ".golden.h5")) && models < MAX_MODELS)
        model[models++] = (listed){strdup(path), root + strspn(path + root, "/")};
    return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(((const listed *)a)->path, ((const listed *)b)->path); }

static cJSON *read_json(const char *path)
{
    static char text[1 << 16];
    FILE *f = fopen(path, "r");
    const size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = 0;
    cJSON *json = n ? cJSON_Parse(text) : NULL;
    if (!json) {
        fprintf(stderr, "mutate: %s cannot be read\n", path);
        exit(2);
    }
    fclose(f);
    return json;
}

int main(int argc, char **argv)
{
    int cases = 20, jobs = 1;
    uint64_t seed = 1;
    for (int c; (c = getopt(argc, argv, "n:s:j:c:d:")) != -1;)
        switch (c) {
        case 'n': cases = atoi(optarg); break;
        case 's': seed = strtoull(optarg, NULL, 0); break;
        case 'j': jobs = atoi(optarg); break;
        case 'c': only = atoi(optarg); break;
        case 'd': defaults = read_json(optarg); break;
        default: argc = 0;
        }
    if (optind >= argc || cases < 1 || jobs < 1 || jobs > 64) {
        fprintf(stderr, "usage: mutate [-n CASES] [-s SEED] [-j JOBS] [-c CASE] [-d DEFAULTS] FOLDER...\n");
        return 2;
    }
    for (; optind < argc; optind++) {
        root = strlen(argv[optind]);
        if (nftw(argv[optind], add_model, 16, FTW_PHYS))
            perror(argv[optind]);
    }
    qsort(model, (size_t)models, sizeof *model, by_name);
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        return 2;
    if (only >= 0) {
        for (int i = 0; i < models; i++) {
            cynf_file *f;
            char text[1024];
            if (__real_cynf_file_read(&f, model[i].path, NULL, text, sizeof text))
                continue;
            const char *why = run_case(model[i].path, model[i].path + model[i].name, f, only, seed);
            printf("%s case %d: %s [%s] %s\n", model[i].path, only, why ? why : "passed", told->job[self].what, told->job[self].why);
        }
        return 0;
    }
    for (self = 0; self < jobs; self++)
        if (!fork()) {
            for (int i = self; i < models; i += jobs)
                run_model(&model[i], cases, seed);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    printf("seed %llu, %d models, %ld cases came to a run\n%ld passed, %ld failed\n", (unsigned long long)seed, models, told->ran, told->passed, told->failed);
    return told->failed || !told->passed;
}
