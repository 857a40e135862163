/* SPDX-License-Identifier: MIT */
/**
 * The flat form of a graph: little-endian, every field 32 bits but the constants' bytes.
 *
 *   "CYNFFLAT" version batch batch_mixed n_t n_node n_in n_out n_state name
 *   tensors   rank d[rank] has_data                      (64-byte aligned floats follow at the end, in tensor order)
 *   nodes     op name class n_in in[] out and every integer field in order, value, epilogues
 *   ports     t dtype name
 *   states    t next name
 *   text      length bytes padded to 4
 *
 * The same without the constants' bytes, but with a number for each constant, are the words of a graph: what graph/sizes.c keeps of one.
 */
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "graph/graph_internal.h"

#define VERSION 3
static const char magic[8] = "CYNFFLAT";

/* ---- one description of the fields, used both ways ---------------------------------------------------------------------- */

typedef struct stream {
    bool writing;
    unsigned char *data; /* NULL while only measuring */
    size_t at, bytes;
    const char *why;     /* the first problem found when reading */
    cynf_word_constant *constant; /* NULL, or who has the constants by number */
    const void *ctx;
} stream;

static void word(stream *s, void *v)
{
    if (s->writing) {
        if (s->data)
            memcpy(s->data + s->at, v, 4);
    } else if (s->at + 4 > s->bytes) {
        if (!s->why)
            s->why = "it ends too early";
        memset(v, 0, 4);
        return;
    } else {
        memcpy(v, s->data + s->at, 4);
    }
    s->at += 4;
}

static void text(stream *s, char **t)
{
    int32_t n = s->writing ? (*t ? (int32_t)strlen(*t) : -1) : 0;
    word(s, &n);
    if (s->why || n < 0)
        return;
    const size_t padded = ((size_t)n + 3) / 4 * 4;
    if (s->writing) {
        if (s->data) {
            memset(s->data + s->at, 0, padded);
            memcpy(s->data + s->at, *t, (size_t)n);
        }
    } else if (padded > s->bytes - s->at) {
        s->why = "a text is longer than the file";
        return;
    } else if (!(*t = calloc((size_t)n + 1, 1))) {
        s->why = "out of memory";
        return;
    } else {
        memcpy(*t, s->data + s->at, (size_t)n);
    }
    s->at += padded;
}

static void words(stream *s, int32_t *v, int n)
{
    for (int i = 0; i < n; i++)
        word(s, &v[i]);
}

static void node(stream *s, cynf_node *n)
{
    int32_t op = (int32_t)n->op;
    word(s, &op);
    n->op = (cynf_node_op)op;
    text(s, &n->name);
    text(s, &n->klass);
    word(s, &n->n_in);
    if (n->n_in < 0 || n->n_in > CYNF_MAX_NODE_INPUTS) {
        s->why = s->why ? s->why : "a node has too many operands";
        return;
    }
    words(s, n->in, n->n_in);
    int32_t *const fields[] = {&n->out, &n->kind, &n->kd, &n->kh, &n->kw, &n->sd, &n->sh, &n->sw, &n->dh, &n->dw, &n->pf, &n->pt, &n->pl, &n->groups, &n->mult,
        &n->axis, &n->mask, &n->keepdims, &n->e.act, &n->e.residual, (int32_t *)&n->rnn, &n->re.act};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        word(s, fields[i]);
    words(s, n->perm, CYNF_MAX_DIMS);
    words(s, n->begin, CYNF_MAX_DIMS);
    words(s, n->step, CYNF_MAX_DIMS);
    float *const floats[] = {&n->value, &n->e.a, &n->e.b, &n->e.c, &n->re.a, &n->re.b, &n->re.c};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        word(s, floats[i]);
}

static void port(stream *s, cynf_port *p)
{
    int32_t dtype = (int32_t)p->dtype;
    word(s, &p->t);
    word(s, &dtype);
    p->dtype = (cynf_dtype)dtype;
    text(s, &p->name);
}

static void state(stream *s, cynf_state *p)
{
    word(s, &p->t);
    word(s, &p->next);
    text(s, &p->name);
}

static void header(stream *s, cynf_graph *g, int32_t *version, int32_t *mixed)
{
    word(s, version);
    word(s, &g->batch);
    word(s, mixed);
    word(s, &g->n_t);
    word(s, &g->n_node);
    word(s, &g->n_in);
    word(s, &g->n_out);
    word(s, &g->n_state);
    text(s, &g->name);
}

static void align(stream *s)
{
    const size_t to = (s->at + 63) / 64 * 64;
    if (s->writing && s->data)
        memset(s->data + s->at, 0, to - s->at);
    s->at = to;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

/* All but the constants. */
static void put_words(stream *s, const cynf_graph *graph)
{
    cynf_graph g = *graph; /* the description takes pointers to both ends; nothing is changed when writing */
    int32_t version = VERSION, mixed = g.batch_mixed;
    if (s->data)
        memcpy(s->data, magic, sizeof magic);
    s->at = sizeof magic;
    header(s, &g, &version, &mixed);
    for (int i = 0; i < g.n_t; i++) {
        int32_t has = g.t[i].data != NULL;
        word(s, &g.t[i].shape.rank);
        words(s, g.t[i].shape.d, g.t[i].shape.rank);
        word(s, &has);
    }
    for (int i = 0; i < g.n_node; i++)
        node(s, &g.node[i]);
    for (int i = 0; i < g.n_in; i++)
        port(s, &g.in[i]);
    for (int i = 0; i < g.n_out; i++)
        port(s, &g.out[i]);
    for (int i = 0; i < g.n_state; i++)
        state(s, &g.state[i]);
}

static void put(stream *s, const cynf_graph *g)
{
    put_words(s, g);
    for (int i = 0; i < g->n_t; i++)
        if (g->t[i].data) {
            const size_t bytes = cynf_shape_elems(&g->t[i].shape) * sizeof(float);
            align(s);
            if (s->data)
                memcpy(s->data + s->at, g->t[i].data, bytes);
            s->at += bytes;
        }
}

cynf_status cynf_graph_to_flat(const cynf_graph *g, void **data, size_t *bytes)
{
    stream s = {.writing = true};
    put(&s, g);
    const size_t n = s.at;
    if (!(s.data = malloc(n)))
        return CYNF_ENOMEM;
    s.at = 0;
    put(&s, g);
    *data = s.data;
    *bytes = n;
    return CYNF_OK;
}

cynf_status cynf_graph_to_words(const cynf_graph *g, int32_t **word, size_t *n)
{
    stream s = {.writing = true};
    put_words(&s, g);
    *n = s.at / 4;
    if (!(*word = malloc(s.at)))
        return CYNF_ENOMEM;
    s = (stream){.writing = true, .data = (unsigned char *)*word};
    put_words(&s, g);
    return CYNF_OK;
}

/* Who makes tensor t, or reads it first. */
static const cynf_node *owner(const cynf_graph *g, cynf_tensor_id t)
{
    for (int j = 0; j < g->n_node; j++)
        for (int i = -1; i < g->node[j].n_in; i++)
            if ((i < 0 ? g->node[j].out : g->node[j].in[i]) == t)
                return &g->node[j];
    return NULL;
}

const cynf_node *cynf_graph_node_of_word(const cynf_graph *g, size_t i)
{
    const cynf_graph none = {.name = g->name};
    stream s = {.writing = true};
    put_words(&s, &none);
    for (int t = 0; t < g->n_t; t++)
        if ((s.at += 4 * (2 + (size_t)g->t[t].shape.rank)) > 4 * i)
            return owner(g, t);
    for (int j = 0; j < g->n_node; j++) {
        cynf_node n = g->node[j];
        node(&s, &n);
        if (s.at > 4 * i)
            return &g->node[j];
    }
    s = (stream){.writing = true};
    put_words(&s, g);
    for (int t = 0; t < g->n_t; t++)
        if (g->t[t].data && (s.at += 4) > 4 * i)
            return owner(g, t);
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

static bool ids_valid(const cynf_graph *g)
{
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        if ((uint32_t)n->op >= CYNF_N_COUNT || n->out < 0 || n->out >= g->n_t || g->t[n->out].data || g->t[n->out].producer >= 0)
            return false;
        for (int i = 0; i < n->n_in; i++) {
            /* Topological order: an operand is a constant, a model input, or has been produced. */
            if (n->in[i] < 0 || n->in[i] >= g->n_t)
                return false;
            bool known = g->t[n->in[i]].data || g->t[n->in[i]].producer >= 0;
            for (int k = 0; k < g->n_in && !known; k++)
                known = g->in[k].t == n->in[i];
            for (int k = 0; k < g->n_state && !known; k++)
                known = g->state[k].t == n->in[i];
            if (!known)
                return false;
        }
        g->t[n->out].producer = j;
    }
    return true;
}

static bool ports_valid(const cynf_graph *g, const cynf_port *p, int32_t n)
{
    for (int i = 0; i < n; i++)
        if (p[i].t < 0 || p[i].t >= g->n_t || (uint32_t)p[i].dtype > CYNF_BOOL)
            return false;
    return true;
}

static bool states_valid(const cynf_graph *g)
{
    for (int i = 0; i < g->n_state; i++) {
        const cynf_state *s = &g->state[i];
        if (s->t < 0 || s->t >= g->n_t || s->next < 0 || s->next >= g->n_t || !s->name || g->t[s->t].data || g->t[s->t].producer >= 0 ||
            !cynf_shape_equal(&g->t[s->t].shape, &g->t[s->next].shape))
            return false;
    }
    return true;
}

static void get(stream *s, cynf_graph *g)
{
    int32_t version = 0, mixed = 0;
    if (s->bytes < sizeof magic || memcmp(s->data, magic, sizeof magic)) {
        s->why = "it does not begin with CYNFFLAT";
        return;
    }
    s->at = sizeof magic;
    header(s, g, &version, &mixed);
    const int32_t n_t = g->n_t, n_node = g->n_node, n_in = g->n_in, n_out = g->n_out, n_state = g->n_state;
    g->n_t = g->n_node = g->n_in = g->n_out = g->n_state = 0; /* until the arrays exist */
    g->batch_mixed = mixed;
    const int64_t room = (int64_t)(s->bytes / 4); /* every item takes at least a word */
    if (version != VERSION || g->batch < 1 || n_t < 0 || n_node < 0 || n_in < 0 || n_out < 0 || n_state < 0 || n_t > room || n_node > room || n_in > room ||
        n_out > room || n_state > room) {
        s->why = version != VERSION ? "it is of another version" : "its counts are out of range";
        return;
    }
    g->t = calloc((size_t)n_t + 1, sizeof *g->t);
    g->node = calloc((size_t)n_node + 1, sizeof *g->node);
    g->in = calloc((size_t)n_in + 1, sizeof *g->in);
    g->out = calloc((size_t)n_out + 1, sizeof *g->out);
    g->state = calloc((size_t)n_state + 1, sizeof *g->state);
    if (!g->t || !g->node || !g->in || !g->out || !g->state) {
        s->why = "out of memory";
        return;
    }
    g->n_t = g->cap_t = n_t;
    g->n_node = g->cap_node = n_node;
    g->n_in = n_in;
    g->n_out = n_out;
    g->n_state = n_state;
    bool *has = calloc((size_t)n_t + 1, sizeof *has);
    for (int i = 0; i < n_t && has && !s->why; i++) {
        int32_t flag = 0;
        int64_t elems = 1;
        cynf_shape *shape = &g->t[i].shape;
        g->t[i].producer = -1;
        word(s, &shape->rank);
        if (shape->rank < 0 || shape->rank > CYNF_MAX_DIMS) {
            s->why = "a rank is out of range";
            break;
        }
        words(s, shape->d, shape->rank);
        for (int k = 0; k < shape->rank && !s->why; k++)
            if (shape->d[k] < 1 || (elems *= shape->d[k]) > CYNF_MAX_TENSOR_ELEMS)
                s->why = "a shape is out of range";
        word(s, &flag);
        has[i] = flag;
    }
    for (int i = 0; i < n_node && !s->why; i++)
        node(s, &g->node[i]);
    for (int i = 0; i < n_in && !s->why; i++)
        port(s, &g->in[i]);
    for (int i = 0; i < n_out && !s->why; i++)
        port(s, &g->out[i]);
    for (int i = 0; i < n_state && !s->why; i++)
        state(s, &g->state[i]);
    for (int i = 0; i < n_t && has && !s->why; i++) {
        if (!has[i])
            continue;
        if (s->constant) {
            int32_t id = 0;
            word(s, &id);
            if (!s->why && !s->constant(s->ctx, id, &g->t[i]))
                s->why = "a constant does not exist, or memory is out";
            continue;
        }
        const size_t bytes = cynf_shape_elems(&g->t[i].shape) * sizeof(float);
        align(s);
        if (s->at > s->bytes || bytes > s->bytes - s->at)
            s->why = "a constant lies beyond its end";
        else if (!(g->t[i].data = malloc(bytes)))
            s->why = "out of memory";
        else
            memcpy(g->t[i].data, s->data + s->at, bytes);
        s->at += bytes;
    }
    if (!s->why && (!has || !ports_valid(g, g->in, n_in) || !ports_valid(g, g->out, n_out) || !ids_valid(g) || !states_valid(g)))
        s->why = "a node, port or state names a tensor that does not exist";
    free(has);
}

static cynf_status read_graph(cynf_graph **out, stream *s, char *text_out, size_t cap)
{
    cynf_graph *g = cynf_graph_new();
    if (!g)
        return CYNF_ENOMEM;
    get(s, g);
    if (!s->why) {
        *out = g;
        return CYNF_OK;
    }
    if (text_out && cap)
        snprintf(text_out, cap, "the flat graph cannot be read: %s", s->why);
    cynf_graph_free(&g);
    return CYNF_EFORMAT;
}

cynf_status cynf_graph_from_flat(cynf_graph **out, const void *data, size_t bytes, char *text_out, size_t cap)
{
    return read_graph(out, &(stream){.data = (unsigned char *)(uintptr_t)data, .bytes = bytes}, text_out, cap);
}

cynf_status cynf_graph_from_words(cynf_graph **out, const int32_t *word, size_t n, cynf_word_constant *constant, const void *ctx, char *text_out, size_t cap)
{
    return read_graph(out, &(stream){.data = (unsigned char *)(uintptr_t)word, .bytes = n * sizeof *word, .constant = constant, .ctx = ctx}, text_out, cap);
}
