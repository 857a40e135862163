/* SPDX-License-Identifier: MIT */
/** Layers of a config and datasets of a file, brought together: see weights.h for the rules. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keras/weights.h"

/** Paths of .keras are made of class names; those of .h5 of the users' layer names, of which a real one has a thousand letters. */
enum { MAX_DEPTH = 32, PATH_CAP = 1024, GROUP_CAP = 8192, MAX_CLASSES = 200, MAX_CLAIMS = 1 << 22 };

/** A layer on the way: names are there from the start, datasets when its outermost layer is matched. */
typedef struct entry {
    cynf_layer_weights w;
    int32_t early;        /**< so many names come first in the flat list of the group (trainable ones) */
    bool known;           /**< its class is in the table */
} entry;

struct cynf_weight_map {
    const cynf_file *f;
    entry *e;
    int32_t n;
    bool archive;         /**< paths by class; else groups with weight_names */
    bool no_memory;
    const char *prefix;   /**< "model_weights/" or "" */
};

typedef struct class_names { const char *class, *attribute, *weights; } class_names;

static const class_names classes[] = {
#define CYNF_CLASS(class, attribute, weights) {#class, attribute, weights},
#include "keras/weight_names.inc"
#undef CYNF_CLASS
};

/* A gate a matrix, unless the layer was made for a GPU. */
static const class_names keras1_gates[] = {
    {"LSTM", "", "W_i U_i b_i W_c U_c b_c W_f U_f b_f W_o U_o b_o"},
    {"GRU", "", "W_z U_z b_z W_r U_r b_r W_h U_h b_h"},
};

/* ---- the config ---- */

static const cJSON *item(const cJSON *object, const char *key) { return cJSON_GetObjectItemCaseSensitive(object, key); }
static const cJSON *config_of(const cJSON *layer) { return item(layer, "config"); }

static const char *text_of(const cJSON *object, const char *key)
{
    const char *s = cJSON_GetStringValue(item(object, key));
    return s ? s : "";
}

/** The name under which GroupedQueryAttention is registered is not its own. */
static const char *class_of(const cJSON *layer)
{
    const char *s = text_of(layer, "class_name");
    return strcmp(s, "GroupQueryAttention") ? s : "GroupedQueryAttention";
}

static const char *name_of(const cJSON *layer)
{
    const char *inner = text_of(config_of(layer), "name");
    return *inner ? inner : text_of(layer, "name");
}

/** The layers of a model (or of what holds layers like one), NULL for a layer. */
static const cJSON *layers_of(const cJSON *layer)
{
    const cJSON *c = config_of(layer) ? config_of(layer) : layer, *l = cJSON_IsArray(c) ? c : item(c, "layers");
    return cJSON_IsArray(l) ? l : NULL;
}

static bool is_true(const cJSON *c, const char *key, bool when_absent)
{
    const cJSON *v = item(c, key);
    return !v ? when_absent : !(cJSON_IsNull(v) || cJSON_IsFalse(v) || (cJSON_IsNumber(v) && v->valuedouble == 0));
}

static bool truth(const cJSON *c, const char *key, bool archive)
{
    const bool lora = is_true(c, "lora_rank", false), int8 = !strcmp(text_of(item(c, "dtype"), "class_name"), "QuantizedDTypePolicy");
    if (*key != '@')
        return *key == '+' ? is_true(c, key + 1, false) : is_true(c, key, is_true(c, "bias", true) || strcmp(key, "use_bias"));
    key++;
    if (!strcmp(key, "archive"))
        return archive;
    if (!strcmp(key, "lora"))
        return lora && !archive;                       /* .keras holds the merged kernel */
    if (!strcmp(key, "int8"))
        return int8;
    if (!strcmp(key, "moved"))
        return (lora || int8) && !archive;             /* a kernel that is no longer trained is listed behind the bias */
    if (!strcmp(key, "untied"))
        return !is_true(c, "tie_weights", true);
    if (!strcmp(key, "gamma"))
        return is_true(c, "scale", true) || is_true(c, "rms_scaling", false);
    if (!strcmp(key, "beta"))
        return is_true(c, "center", true) && !is_true(c, "rms_scaling", false);
    if (!strcmp(key, "concat"))
        return !strcmp(text_of(c, "score_mode"), "concat");
    if (!strcmp(key, "gate_bias"))
        return is_true(c, "use_gate", false) && is_true(c, "use_bias", true);
    return strcmp(text_of(c, "mode"), strcmp(key, "real") ? "real" : "imag");   /* of STFTSpectrogram: real or imag */
}

static const class_names *find_class(const cJSON *layer)
{
    const char *class = strrchr(class_of(layer), '>');
    class = class ? class + 1 : class_of(layer);       /* "Package>Class" */
    const cJSON *c = config_of(layer);
    for (size_t i = 0; i < sizeof keras1_gates / sizeof *keras1_gates; i++)
        if (item(c, "inner_init") && strcmp(text_of(c, "consume_less"), "gpu") && !strcmp(keras1_gates[i].class, class))
            return &keras1_gates[i];
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(classes[i].class, class))
            return &classes[i];
    return NULL;
}

/* ---- results ---- */

static void problem(cynf_weight_map *w, entry *e, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void problem(cynf_weight_map *w, entry *e, const char *format, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (!e->w.problem && !(e->w.problem = strdup(text)))
        w->no_memory = true;
}

static bool push(cynf_weight_map *w, char ***names, int32_t *n, const char *name, size_t length)
{
    char **more = realloc(*names, (size_t)(*n + 1) * sizeof *more);
    if (more)
        *names = more;
    if (!more || !(more[*n] = strndup(name, length))) {
        w->no_memory = true;
        return false;
    }
    ++*n;
    return true;
}

/** The last part of a name of an .h5 file, as the next weight of e. */
static void push_last(cynf_weight_map *w, entry *e, const char *name)
{
    const char *slash = strrchr(name, '/');
    name = slash ? slash + 1 : name;
    push(w, &e->w.name, &e->w.n, name, strcspn(name, ":"));
}

/** The names of a layer's weights into e, by its class's line in the table. */
static void name_weights(cynf_weight_map *w, entry *e, const class_names *class, const cJSON *config, bool frozen)
{
    bool late = frozen;
    for (const char *s = class->weights; *s;) {
        const size_t length = strcspn(s, " ");
        const char *mark = memchr(s, '?', length);
        char key[32] = "";
        if (mark)
            snprintf(key, sizeof key, "%.*s", (int)(s + length - mark - 1), mark + 1);
        const bool wanted = !mark || (*key == '!') != truth(config, key + (*key == '!'), w->archive);
        if (*s == '|')
            late = true;
        else if (length && wanted && push(w, &e->w.name, &e->w.n, s, mark ? (size_t)(mark - s) : length))
            e->early += !late;
        s += length + (s[length] == ' ');
    }
}

static entry *add(cynf_weight_map *w, const cJSON *layer, int32_t copy, const char *where)
{
    entry *e = w->n & (w->n - 1) ? w->e : realloc(w->e, (w->n ? (size_t)w->n * 2 : 1) * sizeof *e);
    if (e)
        w->e = e;
    char *text = e ? strdup(where) : NULL;
    if (!text) {
        w->no_memory = true;
        return NULL;
    }
    w->e[w->n] = (entry){.w = {.layer = layer, .copy = copy, .where = text}};
    return &w->e[w->n++];
}

/* ---- paths of .keras ---- */

/** Keras' to_snake_case; tf.keras' also takes digits for lower case, so that ConvLSTM2D is conv_lst_m2d instead of conv_lstm2d. */
static void snake_case(char *to, size_t cap, const char *class, bool digits)
{
    size_t k = 0;
    bool inside = false;                              /* of what Keras' first pattern, (.)([A-Z][a-z]+), matched */
    for (size_t i = 0; class[i] && k + 3 < cap; i++) {
        const unsigned char c = (unsigned char)class[i], before = i ? (unsigned char)class[i - 1] : 0, after = (unsigned char)class[i + 1];
        const bool starts = i && !inside && isupper(c) && (islower(after) || (digits && isdigit(after)));
        if (starts || (isupper(c) && islower(before)))
            to[k++] = '_';
        inside = starts || (inside && (islower(c) || (digits && isdigit(c))));
        to[k++] = (char)tolower(c);
    }
    to[k] = 0;
}

static bool is_below(const cynf_dataset *d, const char *path)
{
    const size_t n = strlen(path);
    return !strncmp(d->path, path, n) && d->path[n] == '/';
}

/** The first dataset below that path; f->n_dataset, or one that is not below it: there is none. */
static int32_t first_below(const cynf_file *f, const char *path)
{
    const size_t n = strlen(path);
    int32_t low = 0, high = f->n_dataset;
    while (low < high) {
        const int32_t mid = low + (high - low) / 2;
        const int order = strncmp(f->dataset[mid].path, path, n);
        if (order < 0 || (!order && f->dataset[mid].path[n] < '/'))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/** Whether the file has a dataset below that path. */
static bool is_there(const cynf_file *f, const char *path)
{
    const int32_t i = first_below(f, path);
    return i < f->n_dataset && is_below(&f->dataset[i], path);
}

/** The path of the same-th layer of a class in a list. */
static void path_in_list(const cynf_weight_map *w, char path[PATH_CAP], const char *list, const char *class, int same)
{
    char own[128], number[16] = "";
    if (same)
        snprintf(number, sizeof number, "_%d", same);
    for (int digits = 0; digits < 2; digits++) {
        snake_case(own, sizeof own, class, digits);
        path[0] = 0;
        if ((size_t)snprintf(path, PATH_CAP, "%s/%s%s", list, own, number) >= PATH_CAP || is_there(w->f, path))
            return;
    }
}

/* ---- the walk ---- */

static void walk(cynf_weight_map *w, const cJSON *layer, int32_t copy, const char *where, bool frozen, int depth);

/** What a wrapper holds; below is where .keras has it. */
static void walk_part(cynf_weight_map *w, const cJSON *layer, int32_t copy, const char *where, const char *below, bool frozen, int depth)
{
    char path[PATH_CAP];
    snprintf(path, sizeof path, w->archive ? "%s/%s" : "%s", where, below);
    if (cJSON_IsObject(layer))
        walk(w, layer, copy, path, frozen, depth + 1);
}

static void walk_list(cynf_weight_map *w, const cJSON *list, int32_t copy, const char *where, const char *below, bool frozen, int depth)
{
    struct { const char *class; int n; } seen[MAX_CLASSES];
    char base[PATH_CAP], path[PATH_CAP];
    int n = 0, k;
    if (w->archive) {
        snprintf(base, sizeof base, *where ? "%s/%s" : "%s%s", where, below);
        if (!strcmp(below, "layers") && !is_there(w->f, base))                 /* Keras 2.12 */
            snprintf(base, sizeof base, *where ? "%s/%s" : "%s%s", where, "_layer_checkpoint_dependencies");
    }
    for (const cJSON *l = list->child; l && n < MAX_CLASSES; l = l->next) {
        for (k = 0; w->archive && k < n && strcmp(seen[k].class, class_of(l)); k++)
            ;
        if (w->archive && k == n)
            seen[n++].class = class_of(l), seen[k].n = 0;
        if (w->archive)
            path_in_list(w, path, base, class_of(l), seen[k].n++);
        walk(w, l, copy, w->archive ? path : where, frozen, depth + 1);
    }
}

/** A layer and all inside it, in the order of its flat list of weights. */
static void walk(cynf_weight_map *w, const cJSON *layer, int32_t copy, const char *where, bool frozen, int depth)
{
    const cJSON *c = config_of(layer), *list = layers_of(layer);
    const char *class = class_of(layer);
    if (depth > MAX_DEPTH || w->no_memory)
        return;
    frozen |= !is_true(c, "trainable", true);
    if (list)
        walk_list(w, list, copy, where, "layers", frozen, depth);
    else if (!strcmp(class, "Bidirectional")) { /* what it holds is there twice, so nests of it count as deep */
        depth += MAX_DEPTH / 4;
        const cJSON *back = item(c, "backward_layer");
        walk_part(w, item(c, "layer"), 0, where, "forward_layer", frozen, depth);
        walk_part(w, cJSON_IsObject(back) ? back : item(c, "layer"), 1, where, "backward_layer", frozen, depth);
    } else if (cJSON_IsArray(item(c, "cells")))
        walk_list(w, item(c, "cells"), copy, where, "cells", frozen, depth);
    else if (cJSON_IsObject(item(c, "cell")))
        walk_part(w, item(c, "cell"), copy, where, "cell", frozen, depth);
    else if (cJSON_IsObject(item(c, "layer")))
        walk_part(w, item(c, "layer"), copy, where, "layer", frozen, depth);
    const class_names *known = find_class(layer);
    char path[PATH_CAP];
    snprintf(path, sizeof path, known && *known->attribute && w->archive ? "%s/%s" : "%s", where, known ? known->attribute : "");
    entry *e = add(w, layer, copy, path);
    if (!e)
        return;
    e->known = known || list;
    if (known)
        name_weights(w, e, known, c, frozen);
}

/* ---- .keras: dataset of a path ---- */

/** Whether there are entries of layers inside it. */
static bool holds_layers(const entry *e)
{
    const cJSON *c = config_of(e->w.layer);
    return item(c, "layer") || item(c, "cell") || item(c, "cells");
}

/** Takes d as the next weight of e; false after a problem. */
static bool give(cynf_weight_map *w, entry *e, int32_t i, const cynf_dataset *d, const char *path)
{
    if (!d)
        problem(w, e, "the file has no dataset %s (weight %s): it is missing or of another model", path, e->w.name[i]);
    else if (d->note)
        problem(w, e, "weight %s: dataset %s %s", e->w.name[i], d->path, d->note);
    e->w.data[i] = d;
    return d && !d->note;
}

/** Of a class that is not in the table, as many as there are: its own, then those of layers inside it that have no entry. */
static void find_below(cynf_weight_map *w, entry *e)
{
    const size_t skip = strlen(e->w.where) + 1;
    const int32_t first = first_below(w->f, e->w.where);
    int32_t end = first;
    char vars[PATH_CAP + 8], path[PATH_CAP + 32];
    while (end < w->f->n_dataset && is_below(&w->f->dataset[end], e->w.where))
        end++;
    if (!(e->w.data = calloc((size_t)(end - first) + 1, sizeof *e->w.data))) {
        w->no_memory = true;
        return;
    }
    snprintf(vars, sizeof vars, "%s/vars", e->w.where);
    for (int own = 1; own >= holds_layers(e); own--)
        for (int32_t i = first; i < end; i++) {
            const cynf_dataset *d = &w->f->dataset[i];
            if (is_below(d, vars) != own)
                continue;
            if (own) { /* by number, not by text */
                snprintf(path, sizeof path, "%s/%d", vars, e->w.n);
                d = cynf_file_dataset(w->f, path);
            }
            if (d)
                e->w.data[e->w.n] = d;
            if (!d || !push(w, &e->w.name, &e->w.n, d->path + skip, SIZE_MAX))
                return;
        }
}

static void find_by_path(cynf_weight_map *w, entry *e)
{
    char path[2 * PATH_CAP];
    int32_t at = 0;
    if (!e->known) {
        find_below(w, e);
        return;
    }
    if (!(e->w.data = calloc((size_t)e->w.n + 1, sizeof *e->w.data)))
        w->no_memory = true;
    for (int32_t i = 0; i < e->w.n && !w->no_memory; i++) {
        const char *name = e->w.name[i], *slash = strchr(name, '/');
        const int sub = slash ? (int)(slash - name) : 0;
        at = i && !strncmp(e->w.name[i - 1], name, (size_t)sub + !!slash) ? at + 1 : 0;
        const bool output = sub && !strncmp(name, "attention_output", (size_t)sub);
        const cynf_dataset *d = NULL;
        for (int underscore = 0; underscore < 2 && !d; underscore++) {
            if (sub)
                snprintf(path, sizeof path, "%s/%s%.*s_dense/vars/%d", e->w.where, underscore ? "_" : "", output ? 6 : sub, output ? "output" : name, at);
            else
                snprintf(path, sizeof path, "%s/vars/%d", e->w.where, at);
            d = cynf_file_dataset(w->f, path);
        }
        if (!give(w, e, i, d, path))
            return;
        if (i + 1 < e->w.n && !strncmp(e->w.name[i + 1], name, (size_t)sub + !!slash))
            continue;
        char *number = strrchr(path, '/') + 1;
        snprintf(number, sizeof path - (size_t)(number - path), "%d", at + 1);
        if (cynf_file_dataset(w->f, path)) { /* such as scales of a quantised kernel, of which the config says nothing */
            problem(w, e, "the file has more weights at %.*s than the %d expected", (int)(number - 1 - path), path, at + 1);
            return;
        }
    }
}

/* ---- .h5: groups with lists ---- */

/** "kernel, bias": names of entries (NULL list) or items of a list. */
static const char *join(char text[512], const cynf_name_list *list, const entry *e, int32_t entries)
{
    size_t at = 0;
    text[0] = 0;
    for (int32_t k = 0; k < (list ? 1 : entries); k++)
        for (int32_t i = 0; i < (list ? list->n : e[k].w.n) && at < 480; i++)
            at += (size_t)snprintf(text + at, 512 - at, "%s%.200s", at ? ", " : "", list ? list->item[i] : e[k].w.name[i]);
    return text;
}

/** Whether one of the names between the slashes of path is that one. */
static bool has_part(const char *path, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (n && !strncmp(at, name, n) && at[n] == '/')
            return true;
    return false;
}

/**
 * Layers that are not in the table take the weights that are named by them, for want of anything better: owner of each item of the list, from 1 on. Returns how
 * many they are.
 */
static int32_t claim(cynf_weight_map *w, entry *e, int32_t n, const cynf_name_list *list, int32_t *owner)
{
    int32_t claimed = 0;
    for (int32_t i = 0; i < n && (int64_t)n * list->n < MAX_CLAIMS; i++) {
        if (e[i].known || holds_layers(&e[i]))
            continue;
        for (int32_t k = 0; k < list->n; k++)
            if (!owner[k] && has_part(list->item[k], name_of(e[i].w.layer))) {
                owner[k] = i + 1;
                push_last(w, &e[i], list->item[k]);
                claimed++;
            }
    }
    return claimed;
}

/** The entries first .. first + n - 1 are one outermost layer, whose group lists its weights. */
static void find_in_group(cynf_weight_map *w, int32_t first, int32_t n, const char *layer)
{
    char group[GROUP_CAP], path[2 * GROUP_CAP], have[512], want[512];
    snprintf(group, sizeof group, "%s%s", w->prefix, layer);
    const cynf_name_list *list = cynf_file_list(w->f, group, "weight_names");
    entry *e = w->e + first;
    int32_t total = 0, early = 0, *owner = calloc((size_t)(list ? list->n : 0) + 1, sizeof *owner);
    if (!owner)
        w->no_memory = true;
    for (int32_t i = 0; i < n; i++) {
        free(e[i].w.where);
        if (!(e[i].w.where = strdup(group)))
            w->no_memory = true;
        if (!e[i].known && n == 1)
            for (int32_t k = 0; list && k < list->n; k++)
                push_last(w, &e[i], list->item[k]);
        total += e[i].w.n;
        early += e[i].early;
    }
    if (list && list->n > total && !w->no_memory)
        total += claim(w, e, n, list, owner);
    for (int32_t i = 0; i < n; i++)
        if (!(e[i].w.data = calloc((size_t)e[i].w.n + 1, sizeof *e[i].w.data)))
            w->no_memory = true;
    if (w->no_memory || (!total && !list)) {
        free(owner);
        return;
    }
    if (!list || list->n != total) {
        if (list)
            join(have, list, NULL, 0), join(want, NULL, e, n);
        for (int32_t i = 0; i < n; i++)
            if (!list)
                problem(w, e + i, "its weights are missing or of another model: the file has no group %s with weight_names", group);
            else
                problem(w, e + i, "group %s lists %d weights (%s), expected %d (%s)", group, list->n, have, total, want);
        free(owner);
        return;
    }
    int32_t next_early = 0, next_late = 0;
    for (int32_t k = 0; k < early; next_late++)
        k += !owner[next_late];
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0, claimed = 0; k < e[i].w.n; k++) {
            int32_t *next = e[i].known || n == 1 ? k < e[i].early ? &next_early : &next_late : &claimed;
            while (owner[*next] != (next == &claimed ? i + 1 : 0))
                ++*next;
            const char *name = list->item[(*next)++];
            snprintf(path, sizeof path, "%s/%s", group, name);
            give(w, e + i, k, cynf_file_dataset(w->f, path), path);
        }
    free(owner);
}

typedef struct outer { const char *name; int32_t first, n; bool weighty; } outer;

/** The outermost layers; a Merge at the head of a Keras 1 Sequential holds whole models, whose layers count as outermost. */
static int32_t collect(cynf_weight_map *w, const cJSON *list, outer *o, int32_t n, bool frozen, int depth)
{
    for (const cJSON *l = list->child; l && !w->no_memory; l = l->next) {
        const bool merge = !strcmp(class_of(l), "Merge") && layers_of(l) && depth < MAX_DEPTH;
        if (merge) {
            for (const cJSON *m = layers_of(l)->child; m; m = m->next)
                if (layers_of(m))
                    n = collect(w, layers_of(m), o, n, frozen, depth + 1);
            add(w, l, 0, "");
            continue;
        }
        outer here = {.name = name_of(l), .first = w->n};
        walk(w, l, 0, "", frozen, depth + 1);
        here.n = w->n - here.first;
        for (int32_t i = here.first; i < w->n; i++)
            here.weighty |= w->e[i].w.n > 0;
        if (o)
            o[n] = here;
        n++;
    }
    return n;
}

static int32_t count_outer(const cJSON *list, int depth)
{
    int32_t n = 0;
    for (const cJSON *l = list->child; l; l = l->next, n++)
        if (!strcmp(class_of(l), "Merge") && layers_of(l) && depth < MAX_DEPTH)
            for (const cJSON *m = layers_of(l)->child; m; m = m->next)
                n += layers_of(m) ? count_outer(layers_of(m), depth + 1) : 0;
    return n;
}

static const cynf_name_list *weight_names(const cynf_weight_map *w, const char *layer)
{
    char group[GROUP_CAP];
    return (size_t)snprintf(group, sizeof group, "%s%s", w->prefix, layer) < sizeof group ? cynf_file_list(w->f, group, "weight_names") : NULL;
}

static void find_in_groups(cynf_weight_map *w, const cJSON *layers, const cynf_name_list *names, bool frozen)
{
    outer *o = calloc((size_t)count_outer(layers, 0) + 1, sizeof *o);
    if (!o) {
        w->no_memory = true;
        return;
    }
    const int32_t n = collect(w, layers, o, 0, frozen, 0);
    bool by_name = true;
    int32_t weighty = 0, stored = 0, next = 0;
    for (int32_t i = 0; i < n; i++) {
        by_name &= !o[i].weighty || weight_names(w, o[i].name);
        weighty += o[i].weighty;
    }
    for (int32_t i = 0; i < names->n; i++) {
        const cynf_name_list *l = weight_names(w, names->item[i]);
        stored += l && l->n;
    }
    for (int32_t i = 0; i < n && !w->no_memory; i++) {
        const cynf_name_list *l = NULL;
        if (o[i].weighty && !by_name && stored == weighty)
            while (!(l = weight_names(w, names->item[next++])) || !l->n)
                ;
        find_in_group(w, o[i].first, o[i].n, l ? l->group + strlen(w->prefix) : o[i].name);
    }
    free(o);
}

/* ---- interface ---- */

static int by_layer(const void *a, const void *b)
{
    const cynf_layer_weights *x = &((const entry *)a)->w, *y = &((const entry *)b)->w;
    const uintptr_t p = (uintptr_t)x->layer, q = (uintptr_t)y->layer;
    return p != q ? (p > q) - (p < q) : x->copy - y->copy;
}

cynf_status cynf_weights_open(cynf_weight_map **out, const cynf_file *f, const cJSON *model, char *text, size_t cap)
{
    const cJSON *layers = layers_of(model);
    const bool frozen = !is_true(config_of(model), "trainable", true);
    const cynf_name_list *names = cynf_file_list(f, "model_weights", "layer_names");
    cynf_weight_map *w = calloc(1, sizeof *w);
    if (!w)
        return CYNF_ENOMEM;
    w->f = f;
    w->prefix = names ? "model_weights/" : "";
    names = names ? names : cynf_file_list(f, "", "layer_names");
    w->archive = !names;
    if (!names && f->container == CYNF_CONTAINER_H5) {
        snprintf(text, cap, "%s: no weights: no group model_weights with the attribute layer_names; save the whole model", f->path);
        free(w);
        return CYNF_EFORMAT;
    }
    if (layers && names)
        find_in_groups(w, layers, names, frozen);
    else if (layers) {
        walk_list(w, layers, 0, "", "layers", frozen, 0);
        for (int32_t i = 0; i < w->n && !w->no_memory; i++)
            find_by_path(w, w->e + i);
    }
    for (int32_t i = 0; i < w->n; i++)
        if (w->e[i].w.problem) {
            for (int32_t k = 0; k < w->e[i].w.n; k++)
                free(w->e[i].w.name[k]);
            w->e[i].w.n = 0;
        }
    if (w->no_memory) {
        snprintf(text, cap, "%s: no memory for the table of weights", f->path);
        cynf_weights_free(&w);
        return CYNF_ENOMEM;
    }
    if (w->n)
        qsort(w->e, (size_t)w->n, sizeof *w->e, by_layer);
    *out = w;
    return CYNF_OK;
}

void cynf_weights_free(cynf_weight_map **weights)
{
    cynf_weight_map *w = *weights;
    *weights = NULL;
    for (int32_t i = 0; w && i < w->n; i++) {
        for (int32_t k = 0; k < w->e[i].w.n; k++)
            free(w->e[i].w.name[k]);
        free(w->e[i].w.name);
        free(w->e[i].w.data);
        free(w->e[i].w.where);
        free(w->e[i].w.problem);
    }
    if (w)
        free(w->e);
    free(w);
}

const cynf_layer_weights *cynf_weights_of(const cynf_weight_map *w, const cJSON *layer, int32_t copy)
{
    const entry key = {.w = {.layer = layer, .copy = copy}};
    const entry *e = w->n ? bsearch(&key, w->e, (size_t)w->n, sizeof key, by_layer) : NULL;
    return e ? &e->w : NULL;
}

const cynf_dataset *cynf_weight(const cynf_layer_weights *l, const char *name)
{
    for (int32_t i = 0; l && i < l->n; i++)
        if (!strcmp(l->name[i], name))
            return l->data[i];
    return NULL;
}
