/* SPDX-License-Identifier: MIT */
/**
 * Families of graphs from their members. Every graph that was ever lowered is kept as words that differ from the first of its form, and the finished
 * family has to give all of them again.
 */
#include "keras/open_sizes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph_internal.h"
#include "kernels/kernel.h"

#define MAX_FORMS 32
#define MAX_VARIANTS 256
#define MAX_LOWERED 65536     /* graphs */
#define MAX_PERIOD 256        /* of what is kept of a table */
#define JOINT 256             /* choices of several sizes at once; all where there are no more */
#define MAX_POOL (1 << 26)    /* floats of constants that depend on a size */

typedef struct form {
    uint64_t signature;
    int32_t n_word;
    int32_t *word; /* of its first sample: the graph's, then the constants' numbers */
} form;

typedef struct sample {
    int32_t size[CYNF_MAX_OPEN];
    int32_t form; /* -1: the model cannot have these sizes */
    int32_t n, *diff; /* pairs: word, value */
} sample;

typedef struct constant {
    cynf_shape shape;
    uint64_t hash;
    float *data;
} constant;

typedef struct learner {
    const cynf_open_dim *dim;
    int32_t n_dim, n_group;
    int32_t group[CYNF_MAX_OPEN], max[CYNF_MAX_OPEN]; /* of each dimension; of each group */
    cynf_lower_sizes_fn *lower;
    void *ctx;
    form form[MAX_FORMS];
    int32_t n_form;
    sample *sample;
    int32_t n_sample, cap_sample, *slot; /* slot: a hash table of 2 MAX_LOWERED numbers of samples, 0: free, else number + 1 */
    constant *pool;
    int32_t n_pool, cap_pool;
    size_t state_elems;
    size_t added; /* floats of the pool beyond those of the largest graph */
    int32_t *out; /* the block */
    size_t n_out, cap_out;
    cynf_status status;
    char *text;
    size_t cap;
} learner;

static bool fail(learner *l, cynf_status s, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool fail(learner *l, cynf_status s, const char *format, ...)
{
    if (!l->status) {
        va_list ap;
        va_start(ap, format);
        vsnprintf(l->text, l->cap, format, ap);
        va_end(ap);
        l->status = s;
    }
    return false;
}

static bool memory(learner *l, const void *p) { return p || fail(l, CYNF_ENOMEM, "out of memory"); }

/* Room for one more of n elements. */
static bool grow(learner *l, void **p, int32_t n, int32_t *cap, size_t bytes)
{
    if (n < *cap)
        return true;
    void *q = realloc(*p, (size_t)(*cap ? 2 * *cap : 64) * bytes);
    if (!memory(l, q))
        return false;
    *p = q;
    *cap = *cap ? 2 * *cap : 64;
    return true;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* ---- one graph ------------------------------------------------------------------------------------------------------------------ */

/* Operations, edges and ranks: graphs that differ in sizes alone have the same. */
static uint64_t signature(const cynf_graph *g)
{
    uint64_t h = mix((uint64_t)g->n_t, (uint64_t)g->n_node);
    for (int i = 0; i < g->n_t; i++)
        h = mix(h, (uint64_t)g->t[i].shape.rank * 2 + !!g->t[i].data);
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        h = mix(mix(h, n->op), (uint64_t)n->out);
        for (int i = 0; i < n->n_in; i++)
            h = mix(h, (uint64_t)n->in[i]);
    }
    return h;
}

static uint64_t hash_floats(const float *x, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        h = mix(h, bits);
    }
    return h;
}

static bool same_corner(const float *x, const int32_t *d, const float *whole, const int32_t *w, int rank)
{
    if (rank < 2)
        return !memcmp(x, whole, (rank ? (size_t)*d : 1) * sizeof *x);
    size_t row = 1, whole_row = 1;
    for (int i = 1; i < rank; i++) {
        row *= (size_t)d[i];
        whole_row *= (size_t)w[i];
    }
    bool same = true;
    for (int32_t i = 0; same && i < *d; i++)
        same = same_corner(x + (size_t)i * row, d + 1, whole + (size_t)i * whole_row, w + 1, rank - 1);
    return same;
}

/* Whether t is constant number id of the pool, or its leading corner. */
static bool matches(const learner *l, int32_t id, const cynf_tensor *t)
{
    const constant *c = &l->pool[id];
    bool fits = c->shape.rank == t->shape.rank;
    for (int i = 0; fits && i < t->shape.rank; i++)
        fits = t->shape.d[i] <= c->shape.d[i];
    return fits && same_corner(t->data, t->shape.d, c->data, c->shape.d, t->shape.rank);
}

/* The pool's number of a constant, which may join it; hint: what it is in a graph of the same form, or -1. */
static int32_t pooled(learner *l, const cynf_tensor *t, int32_t hint)
{
    if (hint >= 0 && matches(l, hint, t))
        return hint;
    const size_t n = cynf_shape_elems(&t->shape);
    const uint64_t hash = hash_floats(t->data, n);
    for (int32_t i = 0; i < l->n_pool; i++)
        if (l->pool[i].hash == hash && cynf_shape_equal(&l->pool[i].shape, &t->shape) && !memcmp(l->pool[i].data, t->data, n * sizeof *t->data))
            return i;
    l->added += l->n_form ? n : 0;
    if (l->added > MAX_POOL)
        return fail(l, CYNF_EUNSUPPORTED, "the constants of its layers that depend on open sizes have over %d numbers in all; give a smaller maximum", MAX_POOL) - 1;
    if (!grow(l, (void **)&l->pool, l->n_pool, &l->cap_pool, sizeof *l->pool))
        return -1;
    float *data = malloc(n * sizeof *data);
    if (!memory(l, data))
        return -1;
    memcpy(data, t->data, n * sizeof *data);
    l->pool[l->n_pool] = (constant){t->shape, hash, data};
    return l->n_pool++;
}

/* The graph as a sample: of a form that is known, or of a new one. */
static bool keep(learner *l, sample *s, const cynf_graph *g)
{
    int32_t *word, n_const = 0, f = 0;
    size_t n;
    if (l->n_form && cynf_graph_state_elems(g) != l->state_elems)
        return fail(l, CYNF_EUNSUPPORTED, "the size of its state depends on an open size, which is not supported; fix that with the input shape");
    l->state_elems = cynf_graph_state_elems(g);
    for (int i = 0; i < g->n_t; i++)
        n_const += g->t[i].data != NULL;
    if (cynf_graph_to_words(g, &word, &n))
        return memory(l, NULL);
    const uint64_t h = signature(g);
    while (f < l->n_form && (l->form[f].signature != h || l->form[f].n_word != (int32_t)n + n_const))
        f++;
    int32_t *all = realloc(word, (n + (size_t)n_const) * sizeof *all), k = (int32_t)n;
    if (!memory(l, all)) {
        free(word);
        return false;
    }
    const int32_t *known = f < l->n_form ? l->form[f].word : NULL;
    for (int i = 0; i < g->n_t && !l->status; i++)
        if (g->t[i].data) {
            all[k] = pooled(l, &g->t[i], known ? known[k] : -1);
            k++;
        }
    s->form = f;
    if (f == MAX_FORMS)
        fail(l, CYNF_EUNSUPPORTED, "its graph has more than %d forms for different sizes", MAX_FORMS);
    if (!known && !l->status) {
        l->form[l->n_form++] = (form){h, k, all};
        return true;
    }
    for (int32_t i = 0; i < k && !l->status; i++)
        s->n += all[i] != known[i];
    s->diff = malloc((2 * (size_t)s->n + 1) * sizeof *s->diff);
    if (!l->status && memory(l, s->diff))
        for (int32_t i = 0, at = 0; i < k; i++)
            if (all[i] != known[i]) {
                s->diff[at++] = i;
                s->diff[at++] = all[i];
            }
    free(all);
    return !l->status;
}

/* The sample of these sizes, one for each dimension; NULL after a failure. */
static const sample *lowered(learner *l, const int32_t *size)
{
    uint64_t h = 1;
    for (int32_t i = 0; i < l->n_dim; i++)
        h = mix(h, (uint64_t)size[i]);
    size_t at = h % (2 * MAX_LOWERED);
    while (l->slot[at] && memcmp(l->sample[l->slot[at] - 1].size, size, (size_t)l->n_dim * sizeof *size))
        at = (at + 1) % (2 * MAX_LOWERED);
    if (l->slot[at])
        return &l->sample[l->slot[at] - 1];
    if (l->n_sample == MAX_LOWERED) {
        fail(l, CYNF_EUNSUPPORTED, "its maximum shapes leave too many sizes open: over %d graphs would have to be looked at", MAX_LOWERED);
        return NULL;
    }
    if (l->status || !grow(l, (void **)&l->sample, l->n_sample, &l->cap_sample, sizeof *l->sample))
        return NULL;
    sample *s = &l->sample[l->n_sample];
    *s = (sample){.form = -1};
    memcpy(s->size, size, (size_t)l->n_dim * sizeof *size);
    cynf_graph *g = NULL;
    char why[1024] = "";
    const cynf_status status = l->lower(l->ctx, size, &g, why, sizeof why);
    if (status == CYNF_ENOMEM || (status && !l->n_sample)) /* the largest sizes must be possible */
        fail(l, status, "%s", why);
    else if (!status)
        keep(l, s, g);
    cynf_graph_free(&g);
    l->slot[at] = ++l->n_sample;
    return l->status ? NULL : s;
}

/* The same for one size of each group. */
static const sample *lowered_groups(learner *l, const int32_t *v)
{
    int32_t size[CYNF_MAX_OPEN];
    for (int32_t i = 0; i < l->n_dim; i++)
        size[i] = v[l->group[i]];
    return lowered(l, size);
}

static void words_of(const learner *l, const sample *s, int32_t *word)
{
    memcpy(word, l->form[s->form].word, (size_t)l->form[s->form].n_word * sizeof *word);
    for (int32_t i = 0; i < s->n; i++)
        word[s->diff[2 * i]] = s->diff[2 * i + 1];
}

/* ---- which dimensions agree ------------------------------------------------------------------------------------------------------- */

/* Whether any other size will do for the dimensions of `with`, a bit each, while the others are at their maximum. 1 is left out: it may be broadcast. */
static bool varies(learner *l, uint32_t with)
{
    int32_t size[CYNF_MAX_OPEN], most = 0;
    for (int32_t i = 0; i < l->n_dim; i++) {
        size[i] = l->dim[i].max;
        most = with >> i & 1 ? size[i] : most;
    }
    for (int32_t v = most - 1; v > (most > 2); v--) {
        for (int32_t i = 0; i < l->n_dim; i++)
            size[i] = with >> i & 1 ? v : size[i];
        const sample *s = lowered(l, size);
        if (!s || s->form >= 0)
            return s != NULL;
    }
    return false;
}

/* A dimension that cannot change alone joins an earlier group of the same maximum with which it can. */
static void find_groups(learner *l)
{
    uint32_t members[CYNF_MAX_OPEN] = {0};
    for (int32_t i = 0; i < l->n_dim && !l->status; i++) {
        int32_t k = 0;
        const bool alone = varies(l, 1u << i);
        while (k < l->n_group && (alone || l->max[k] != l->dim[i].max || !varies(l, members[k] | 1u << i)))
            k++;
        l->group[i] = k;
        members[k] |= 1u << i;
        l->max[k] = l->dim[i].max;
        l->n_group += k == l->n_group;
    }
}

/* ---- the block ------------------------------------------------------------------------------------------------------------------------ */

/* Where n words begin; zeros at first. */
static size_t append(learner *l, const int32_t *word, size_t n)
{
    const size_t at = l->n_out;
    if (l->status)
        return at;
    if (at + n > l->cap_out) {
        const size_t cap = 2 * (at + n);
        int32_t *q = cap < INT32_MAX ? realloc(l->out, cap * sizeof *q) : NULL;
        if (!memory(l, q))
            return at;
        l->out = q;
        l->cap_out = cap;
    }
    if (word)
        memcpy(l->out + at, word, n * sizeof *word);
    else
        memset(l->out + at, 0, n * sizeof *l->out);
    l->n_out += n;
    return at;
}

/* A table of value[0 .. max - 1] for sizes 1 .. max: as few of them as give the others. A table that is there is used again. */
static int32_t add_table(learner *l, const int32_t *value, int32_t max, size_t first)
{
    int32_t head[3] = {max, 1, 0};
    for (int32_t period = 1; period <= MAX_PERIOD && period <= max / 2; period++) {
        const int32_t rise = value[max - 1] - value[max - 1 - period];
        int32_t n = max;
        while (n > period && value[n - 1] - value[n - 1 - period] == rise)
            n--;
        if (n < head[0]) {
            head[0] = n;
            head[1] = period;
            head[2] = rise;
        }
    }
    for (size_t at = first; at < l->n_out; at += 3 + (size_t)l->out[at])
        if (!memcmp(l->out + at, head, sizeof head) && !memcmp(l->out + at + 3, value, (size_t)head[0] * sizeof *value))
            return (int32_t)at;
    const size_t at = append(l, head, 3);
    append(l, value, (size_t)head[0]);
    return (int32_t)at;
}

/* ---- variants --------------------------------------------------------------------------------------------------------------------------- */

/* Sizes of one variant. */
typedef struct variant {
    int32_t class[CYNF_MAX_OPEN], base[CYNF_MAX_OPEN]; /* base: the largest of each class */
    int32_t n_word, n_patch;
    int32_t *patch;
    const int32_t *table_class[CYNF_MAX_OPEN]; /* per group: the class of each size */
} variant;

/* "layer "x" (Dense)" that word i of the variant's graph belongs to. */
static void name_of(learner *l, const variant *v, int32_t i, char *name, size_t cap)
{
    int32_t size[CYNF_MAX_OPEN];
    cynf_graph *g = NULL;
    char why[256];
    for (int32_t k = 0; k < l->n_dim; k++)
        size[k] = v->base[l->group[k]];
    snprintf(name, cap, "the model");
    if (!l->lower(l->ctx, size, &g, why, sizeof why)) {
        const cynf_node *n = cynf_graph_node_of_word(g, (size_t)i);
        if (n)
            snprintf(name, cap, "layer \"%s\" (%s)", n->name ? n->name : "?", n->klass ? n->klass : "?");
    }
    cynf_graph_free(&g);
}

static bool in_class(const variant *v, int32_t k, int32_t size) { return v->table_class[k][size - 1] == v->class[k]; }

/* The sample at the variant's base but for group k; NULL after a failure. */
static const sample *along(learner *l, const variant *v, int32_t k, int32_t size)
{
    int32_t sizes[CYNF_MAX_OPEN];
    memcpy(sizes, v->base, sizeof sizes);
    sizes[k] = size;
    return lowered_groups(l, sizes);
}

/* Each word that changes along a group gets a table of it. */
static void learn_tables(learner *l, variant *v, size_t first_table)
{
    const sample *base = lowered_groups(l, v->base);
    if (!base)
        return;
    const int32_t f = base->form, n = l->form[f].n_word, g = l->n_group;
    int32_t *at_base = malloc((size_t)n * sizeof *at_base), *word = malloc((size_t)n * sizeof *word), *patch_of = calloc((size_t)n, sizeof *patch_of);
    if (memory(l, at_base) && memory(l, word) && memory(l, patch_of))
        words_of(l, base, at_base);
    for (int32_t k = 0; k < g && !l->status; k++) {
        int32_t n_changed = 0, *changed = malloc((size_t)n * sizeof *changed), *column = NULL;
        uint8_t *flag = calloc((size_t)n, 1);
        if (memory(l, changed) && memory(l, flag))
            for (int32_t size = 1; size <= l->max[k] && !l->status; size++) {
                const sample *s = in_class(v, k, size) ? along(l, v, k, size) : NULL;
                if (!s)
                    continue;
                if (s->form != f) {
                    fail(l, CYNF_EUNSUPPORTED, "what sizes it can have in one dimension depends on those in others (size %d of %d); fix some with the input shape", size,
                        l->max[k]);
                    break;
                }
                words_of(l, s, word);
                for (int32_t i = 0; i < n; i++)
                    flag[i] |= word[i] != at_base[i];
            }
        for (int32_t i = 0; !l->status && i < n; i++)
            if (flag[i])
                changed[n_changed++] = i;
        if (!l->status && !memory(l, column = malloc(((size_t)n_changed * (size_t)l->max[k] + 1) * sizeof *column)))
            n_changed = 0;
        /* Sizes of other classes have the values of the next smaller one of this class, or of the first. */
        for (int32_t size = 1, seen = 0; size <= l->max[k] && !l->status; size++) {
            const sample *s = in_class(v, k, size) ? along(l, v, k, size) : NULL;
            if (s)
                words_of(l, s, word);
            else if (!seen)
                continue;
            for (int32_t c = 0; c < n_changed; c++) {
                int32_t *to = column + (size_t)c * (size_t)l->max[k];
                to[size - 1] = word[changed[c]];
                for (int32_t before = seen ? size : 1; before < size; before++)
                    to[before - 1] = word[changed[c]];
            }
            seen = 1;
        }
        for (int32_t c = 0; c < n_changed && !l->status; c++) {
            const int32_t i = changed[c];
            if (!patch_of[i]) {
                int32_t *q = realloc(v->patch, (size_t)(v->n_patch + 1) * (size_t)(2 + g) * sizeof *q);
                if (!memory(l, q))
                    break;
                v->patch = q;
                memset(q + (size_t)v->n_patch * (size_t)(2 + g), 0, (size_t)(2 + g) * sizeof *q);
                q[(size_t)v->n_patch * (size_t)(2 + g)] = i;
                patch_of[i] = ++v->n_patch;
            }
            v->patch[(size_t)(patch_of[i] - 1) * (size_t)(2 + g) + 2 + (size_t)k] = add_table(l, column + (size_t)c * (size_t)l->max[k], l->max[k], first_table);
        }
        free(column);
        free(changed);
        free(flag);
    }
    v->n_word = n;
    free(at_base);
    free(word);
    free(patch_of);
}

/* Many choices of sizes of all groups; all where they are few. */
static void look_at_more(learner *l, const variant *v)
{
    double all = 1;
    uint32_t seed = 1;
    int32_t size[CYNF_MAX_OPEN];
    for (int32_t k = 0; k < l->n_group; k++) {
        int32_t n = 0;
        for (int32_t i = 1; i <= l->max[k]; i++)
            n += in_class(v, k, i);
        all *= n;
        size[k] = 1;
    }
    if (l->n_group < 2)
        return;
    for (int32_t round = 0; all > JOINT && round < JOINT && !l->status; round++) {
        for (int32_t k = 0; k < l->n_group; k++)
            do {
                seed = seed * 1664525u + 1013904223u;
                size[k] = 1 + (int32_t)((seed >> 8) % (uint32_t)l->max[k]);
            } while (!in_class(v, k, size[k]));
        lowered_groups(l, size);
    }
    for (int32_t k = 0; all <= JOINT && k < l->n_group && !l->status;) {
        bool member = true;
        for (k = 0; k < l->n_group; k++)
            member &= in_class(v, k, size[k]);
        if (member)
            lowered_groups(l, size);
        for (k = 0; k < l->n_group && ++size[k] > l->max[k]; k++)
            size[k] = 1;
    }
}

/* ---- all of it ----------------------------------------------------------------------------------------------------------------------------- */

/* The class of each size of a group: the form of its graph, from 1 on, while the others are at their maximum; 0: the model cannot have it. */
static int32_t *classes(learner *l, int32_t k)
{
    int32_t size[CYNF_MAX_OPEN], *class = calloc((size_t)l->max[k], sizeof *class);
    memcpy(size, l->max, sizeof size);
    for (int32_t v = l->max[k]; memory(l, class) && v >= 1 && !l->status; v--) {
        size[k] = v;
        const sample *s = lowered_groups(l, size);
        class[v - 1] = s ? s->form + 1 : 0;
    }
    return class;
}

/* The choices of a class for each group; *n of them. A size that is the largest of its class speaks for it. */
static variant *find_variants(learner *l, int32_t *const class[], int32_t *n)
{
    int32_t cap = 0, at[CYNF_MAX_OPEN];
    variant *all = NULL;
    *n = 0;
    memcpy(at, l->max, sizeof at);
    for (int32_t k = 0; k < l->n_group && !l->status;) {
        variant v = {.n_patch = 0};
        for (k = 0; k < l->n_group; k++) {
            v.class[k] = class[k][at[k] - 1];
            v.table_class[k] = class[k];
        }
        memcpy(v.base, at, sizeof at);
        const sample *s = lowered_groups(l, at);
        if (*n == MAX_VARIANTS)
            fail(l, CYNF_EUNSUPPORTED, "its graph has more than %d forms for different sizes", MAX_VARIANTS);
        if (s && s->form >= 0 && grow(l, (void **)&all, *n, &cap, sizeof *all))
            all[(*n)++] = v;
        /* The next choice: the next smaller size whose class has not been met. */
        for (k = 0; k < l->n_group; k++) {
            uint64_t met = 1; /* classes, a bit each */
            for (int32_t size = at[k]; size <= l->max[k]; size++)
                met |= UINT64_C(1) << class[k][size - 1];
            while (--at[k] > 0 && met >> class[k][at[k] - 1] & 1)
                ;
            if (at[k] > 0)
                break;
            at[k] = l->max[k];
        }
    }
    return all;
}

/* Product where it gives all samples that changed in several sizes, else sum: tried on the finished block. */
static void choose_form(learner *l, const cynf_sizes *s, const variant *v, int32_t index, size_t patch_at)
{
    const int32_t g = l->n_group, stride = 2 + g;
    int32_t *word = malloc((size_t)v->n_word * sizeof *word), *want = malloc((size_t)v->n_word * sizeof *want);
    const sample *base = lowered_groups(l, v->base);
    for (int32_t i = 0; memory(l, word) && memory(l, want) && i < l->n_sample && g > 1; i++) {
        const sample *t = &l->sample[i];
        int32_t size[CYNF_MAX_OPEN];
        bool ours = t->form == base->form;
        for (int32_t k = 0; k < l->n_dim; k++)
            size[l->group[k]] = t->size[k];
        for (int32_t k = 0; ours && k < g; k++)
            ours = in_class(v, k, size[k]);
        if (!ours)
            continue;
        cynf_sizes_words(s, index, size, word);
        words_of(l, t, want);
        for (int32_t p = 0; p < v->n_patch; p++) {
            int32_t *patch = l->out + patch_at + (size_t)p * (size_t)stride;
            if (word[patch[0]] != want[patch[0]])
                patch[1] = CYNF_SIZES_SUM;
        }
    }
    free(word);
    free(want);
}

/* Every graph that was lowered has to come out of the block. */
static void check(learner *l, const cynf_sizes *s, const variant *all)
{
    for (int32_t i = 0; i < l->n_sample && !l->status; i++) {
        const sample *t = &l->sample[i];
        int32_t size[CYNF_MAX_OPEN] = {0}, index = 0, bad = -1;
        if (!cynf_sizes_allowed(s, t->size))
            continue;
        for (int32_t k = 0; k < l->n_dim; k++)
            size[l->group[k]] = t->size[k];
        for (bool found = false; !found; index += !found) {
            found = true;
            for (int32_t k = 0; k < l->n_group; k++)
                found &= in_class(&all[index], k, size[k]);
        }
        const variant *v = &all[index];
        int32_t *word = malloc(2 * (size_t)v->n_word * sizeof *word), *want = word + v->n_word;
        if (memory(l, word) && t->form >= 0 && l->form[t->form].n_word == v->n_word) {
            cynf_sizes_words(s, index, size, word);
            words_of(l, t, want);
            for (int32_t k = v->n_word - 1; k >= 0; k--)
                bad = word[k] != want[k] ? k : bad;
        } else {
            bad = v->n_word;
        }
        free(word);
        if (bad >= 0 && !l->status) {
            char name[256], sizes[128] = "";
            for (int32_t k = 0; k < l->n_dim; k++)
                snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), "%s%d", k ? ", " : "", t->size[k]);
            name_of(l, v, bad, name, sizeof name);
            fail(l, CYNF_EUNSUPPORTED, "%s depends on several open sizes at once in a way that is not supported (seen at %s); fix all but one of them with the "
                "input shape", name, sizes);
        }
    }
}

static cynf_sizes *build(learner *l, variant *all, int32_t n_variant, int32_t *const class[])
{
    const int32_t g = l->n_group;
    int32_t head[CYNF_SIZES_HEADER] = {0};
    const size_t dims = CYNF_SIZES_HEADER, groups = dims + 3 * (size_t)l->n_dim, variants = groups + 2 * (size_t)g;
    const size_t pool = variants + (size_t)n_variant * (size_t)(4 + g);
    const size_t first_table = pool + (size_t)l->n_pool * (3 + CYNF_MAX_DIMS);
    append(l, NULL, first_table);
    memcpy(head, "CYNFSIZE", 8);
    head[CYNF_SIZES_VERSION] = 1;
    head[CYNF_SIZES_DIMS] = l->n_dim;
    head[CYNF_SIZES_GROUPS] = g;
    head[CYNF_SIZES_VARIANTS] = n_variant;
    head[CYNF_SIZES_POOL] = l->n_pool;
    for (int32_t i = 0; i < l->n_dim && !l->status; i++)
        memcpy(l->out + dims + 3 * i, (const int32_t[]){l->dim[i].input, l->dim[i].axis, l->group[i]}, 3 * sizeof(int32_t));
    for (int32_t k = 0; k < g && !l->status; k++) {
        const int32_t table = add_table(l, class[k], l->max[k], first_table);
        memcpy(l->out + groups + 2 * k, (const int32_t[]){l->max[k], table}, 2 * sizeof(int32_t));
    }
    size_t floats = 0;
    for (int32_t i = 0; i < l->n_pool && !l->status; i++) {
        int32_t *p = l->out + pool + (size_t)i * (3 + CYNF_MAX_DIMS);
        const cynf_shape *s = &l->pool[i].shape;
        p[0] = s->rank;
        memcpy(p + 1, s->d, (size_t)s->rank * sizeof *p);
        p[1 + CYNF_MAX_DIMS] = (int32_t)(floats & INT32_MAX);
        p[2 + CYNF_MAX_DIMS] = (int32_t)(floats >> 31);
        floats += CYNF_ROUND_UP(cynf_shape_elems(s), 16);
    }
    for (int32_t i = 0; i < n_variant && !l->status; i++)
        learn_tables(l, &all[i], first_table);
    size_t *patch_at = malloc(((size_t)n_variant + 1) * sizeof *patch_at);
    for (int32_t i = 0; memory(l, patch_at) && i < n_variant && !l->status; i++) {
        const sample *base = lowered_groups(l, all[i].base);
        int32_t *word = malloc((size_t)all[i].n_word * sizeof *word);
        if (!memory(l, word))
            break;
        words_of(l, base, word);
        const size_t at = append(l, word, (size_t)all[i].n_word);
        patch_at[i] = append(l, all[i].patch, (size_t)all[i].n_patch * (size_t)(2 + g));
        free(word);
        if (l->status)
            break;
        int32_t *v = l->out + variants + (size_t)i * (size_t)(4 + g);
        memcpy(v, (const int32_t[]){all[i].n_word, (int32_t)at, all[i].n_patch, (int32_t)patch_at[i]}, 4 * sizeof *v);
        memcpy(v + 4, all[i].class, (size_t)g * sizeof *v);
    }
    const size_t start = CYNF_ROUND_UP(l->n_out * sizeof(int32_t), 64), bytes = start + floats * sizeof(float);
    head[CYNF_SIZES_WORDS] = (int32_t)l->n_out;
    cynf_sizes *s = l->status ? NULL : calloc(1, sizeof *s);
    char *block = s ? aligned_alloc(64, CYNF_ROUND_UP(bytes, 64)) : NULL;
    if (!l->status && memory(l, block)) {
        memcpy(l->out, head, sizeof head);
        *s = (cynf_sizes){l->out, bytes, true};
        for (int32_t i = 0; i < n_variant; i++)
            choose_form(l, s, &all[i], i, patch_at[i]);
        check(l, s, all);
        memset(block, 0, CYNF_ROUND_UP(bytes, 64));
        memcpy(block, l->out, l->n_out * sizeof(int32_t));
        floats = 0;
        for (int32_t i = 0; i < l->n_pool; i++) {
            const size_t n = cynf_shape_elems(&l->pool[i].shape);
            memcpy(block + start + floats * sizeof(float), l->pool[i].data, n * sizeof(float));
            floats += CYNF_ROUND_UP(n, 16);
        }
        *s = (cynf_sizes){(const int32_t *)block, bytes, false};
        block = NULL;
    }
    free(block);
    free(patch_at);
    return s;
}

/* Everything after the groups. */
static cynf_sizes *learn(learner *l)
{
    int32_t *class[CYNF_MAX_OPEN] = {0}, n_variant = 0;
    variant *all = NULL;
    cynf_sizes *s = NULL;
    for (int32_t k = 0; k < l->n_group && !l->status; k++)
        class[k] = classes(l, k);
    if (!l->status)
        all = find_variants(l, class, &n_variant);
    /* What is not there yet is lowered before the block is begun: all numbers of constants are known then. */
    for (int32_t i = 0; i < n_variant && !l->status; i++) {
        for (int32_t k = 0; k < l->n_group; k++)
            for (int32_t v = 1; v <= l->max[k] && !l->status; v++)
                if (in_class(&all[i], k, v))
                    along(l, &all[i], k, v);
        look_at_more(l, &all[i]);
    }
    if (!l->status)
        s = build(l, all, n_variant, class);
    if (l->status)
        cynf_sizes_free(&s);
    for (int32_t i = 0; i < n_variant; i++)
        free(all[i].patch);
    free(all);
    for (int32_t k = 0; k < l->n_group; k++)
        free(class[k]);
    return s;
}

cynf_status cynf_open_sizes(cynf_sizes **out, const cynf_open_dim *dim, int32_t n_dim, cynf_lower_sizes_fn *lower, void *ctx, char *text, size_t cap)
{
    learner l = {.dim = dim, .n_dim = n_dim, .lower = lower, .ctx = ctx, .text = text, .cap = cap};
    int32_t size[CYNF_MAX_OPEN];
    cynf_sizes *s = NULL;
    if (memory(&l, l.slot = calloc(2 * MAX_LOWERED, sizeof *l.slot))) {
        for (int32_t i = 0; i < n_dim; i++)
            size[i] = dim[i].max;
        if (lowered(&l, size))
            find_groups(&l);
    }
    if (!l.status)
        s = learn(&l);
    if (!l.status)
        *out = s;
    for (int32_t i = 0; i < l.n_form; i++)
        free(l.form[i].word);
    for (int32_t i = 0; i < l.n_sample; i++)
        free(l.sample[i].diff);
    for (int32_t i = 0; i < l.n_pool; i++)
        free(l.pool[i].data);
    free(l.sample);
    free(l.pool);
    free(l.slot);
    free(l.out);
    return l.status;
}
