/* SPDX-License-Identifier: MIT */
/** Graph storage: tensors, nodes, ports, the sticky error. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/custom.h"
#include "graph/graph_internal.h"
#include "graph/sizes.h"

cynf_graph *cynf_graph_new(void)
{
    cynf_graph *g = calloc(1, sizeof *g);
    if (g)
        g->batch = 1;
    return g;
}

void cynf_graph_free(cynf_graph **pg)
{
    cynf_graph *g = *pg;
    if (!g)
        return;
    for (int32_t i = 0; i < g->n_t; i++) {
        if (!g->t[i].borrowed)
            free(g->t[i].data);
        free(g->t[i].name);
    }
    for (int32_t i = 0; i < g->n_node; i++) {
        free(g->node[i].name);
        free(g->node[i].klass);
    }
    for (int32_t i = 0; i < g->n_in; i++)
        free(g->in[i].name);
    for (int32_t i = 0; i < g->n_out; i++)
        free(g->out[i].name);
    for (int32_t i = 0; i < g->n_state; i++)
        free(g->state[i].name);
    cynf_sizes_free(&g->sizes);
    if (g->custom && g->custom->release)
        g->custom->release(g->custom);
    free(g->state);
    free(g->t);
    free(g->node);
    free(g->in);
    free(g->out);
    free(g->name);
    free(g);
    *pg = NULL;
}

cynf_tensor_id cynf_graph_fail(cynf_graph *g, cynf_status s, const char *format, ...)
{
    if (g->status)
        return CYNF_NO_TENSOR;
    g->status = s;
    size_t n = 0;
    if (g->cur_name)
        n = (size_t)snprintf(g->error, sizeof g->error, "layer \"%s\" (%s): ", g->cur_name, g->cur_class ? g->cur_class : "?");
    if (n < sizeof g->error) {
        va_list ap;
        va_start(ap, format);
        vsnprintf(g->error + n, sizeof g->error - n, format, ap);
        va_end(ap);
    }
    return CYNF_NO_TENSOR;
}

size_t cynf_shape_elems(const cynf_shape *s)
{
    size_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= (size_t)s->d[i];
    return n;
}

bool cynf_shape_equal(const cynf_shape *a, const cynf_shape *b)
{
    return a->rank == b->rank && !memcmp(a->d, b->d, (size_t)a->rank * sizeof *a->d);
}

const char *cynf_shape_text(const cynf_shape *s, char *buf, size_t cap)
{
    size_t n = (size_t)snprintf(buf, cap, "(");
    for (int i = 0; i < s->rank && n < cap; i++)
        n += (size_t)snprintf(buf + n, cap - n, i ? ", %d" : "%d", s->d[i]);
    if (n < cap)
        snprintf(buf + n, cap - n, ")");
    return buf;
}

static char *copy_text(const char *s) { return s ? strdup(s) : NULL; }

/* Grows an array to hold one more element. */
static bool grow(void **p, int32_t n, int32_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    const int32_t want = *cap ? 2 * *cap : 64;
    void *q = realloc(*p, (size_t)want * size);
    if (!q)
        return false;
    *p = q;
    *cap = want;
    return true;
}

cynf_tensor_id cynf_g_tensor(cynf_graph *g, const cynf_shape *s)
{
    if (g->status)
        return CYNF_NO_TENSOR;
    if (s->rank < 0 || s->rank > CYNF_MAX_DIMS)
        return cynf_graph_fail(g, CYNF_EUNSUPPORTED, "a tensor of rank %d; at most %d dimensions are supported", s->rank, CYNF_MAX_DIMS);
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) {
        if (s->d[i] < 1)
            return cynf_graph_fail(g, CYNF_EFORMAT, "dimension %d of a shape is %d; sizes must be positive", i, s->d[i]);
        n *= s->d[i];
        if (n > CYNF_MAX_TENSOR_ELEMS)
            return cynf_graph_fail(g, CYNF_EFORMAT, "a shape is too large: over %d elements", CYNF_MAX_TENSOR_ELEMS);
    }
    if (!grow((void **)&g->t, g->n_t, &g->cap_t, sizeof *g->t))
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    g->t[g->n_t] = (cynf_tensor){.shape = *s, .producer = -1};
    return g->n_t++;
}

cynf_tensor_id cynf_g_node(cynf_graph *g, const cynf_node *proto, const cynf_shape *out)
{
    if (g->status)
        return CYNF_NO_TENSOR;
    for (int32_t i = 0; i < proto->n_in; i++)
        if (proto->in[i] < 0 || proto->in[i] >= g->n_t)
            return cynf_graph_fail(g, CYNF_EINVAL, "operand %d is missing", i);
    if (!grow((void **)&g->node, g->n_node, &g->cap_node, sizeof *g->node))
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    const cynf_tensor_id t = cynf_g_tensor(g, out);
    if (t < 0)
        return t;
    cynf_node *n = &g->node[g->n_node];
    *n = *proto;
    n->name = copy_text(g->cur_name);
    n->klass = copy_text(g->cur_class);
    n->out = t;
    g->t[t].producer = g->n_node++;
    return t;
}

cynf_tensor_id cynf_g_input(cynf_graph *g, const cynf_shape *s, cynf_dtype dtype, const char *name)
{
    const cynf_tensor_id t = cynf_g_tensor(g, s);
    if (t < 0)
        return t;
    cynf_port *p = realloc(g->in, (size_t)(g->n_in + 1) * sizeof *p);
    if (!p)
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    g->in = p;
    p[g->n_in++] = (cynf_port){t, dtype, copy_text(name), 0};
    g->t[t].name = copy_text(name);
    return t;
}

void cynf_g_output(cynf_graph *g, cynf_tensor_id t, cynf_dtype dtype, const char *name)
{
    if (g->status)
        return;
    cynf_port *p = realloc(g->out, (size_t)(g->n_out + 1) * sizeof *p);
    if (!p) {
        cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
        return;
    }
    g->out = p;
    p[g->n_out++] = (cynf_port){t, dtype, copy_text(name), 0};
}

static cynf_state *find_state(cynf_graph *g, const char *part, char *name, size_t cap)
{
    snprintf(name, cap, "%s/%s", g->cur_name ? g->cur_name : "", part);
    for (int32_t i = 0; i < g->n_state; i++)
        if (!strcmp(g->state[i].name, name))
            return &g->state[i];
    return NULL;
}

cynf_tensor_id cynf_g_state_named(cynf_graph *g, const cynf_shape *s, const char *name)
{
    const cynf_tensor_id t = cynf_g_tensor(g, s);
    cynf_state *p = t < 0 ? NULL : realloc(g->state, (size_t)(g->n_state + 1) * sizeof *p);
    if (!p)
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    g->state = p;
    if (!(p[g->n_state].name = copy_text(name)))
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    p[g->n_state].t = p[g->n_state].next = t;
    g->n_state++;
    g->batch_mixed = true;
    return t;
}

cynf_tensor_id cynf_g_state(cynf_graph *g, const cynf_shape *s, const char *part)
{
    char name[1280];
    if (g->status)
        return CYNF_NO_TENSOR;
    const cynf_state *known = find_state(g, part, name, sizeof name);
    if (known && !cynf_shape_equal(s, &g->t[known->t].shape))
        return cynf_graph_fail(g, CYNF_EFORMAT, "it keeps one state for calls that need states of several shapes");
    return known ? known->next : cynf_g_state_named(g, s, name);
}

void cynf_g_keep(cynf_graph *g, const char *part, cynf_tensor_id t)
{
    char name[1280];
    cynf_state *s = g->status ? NULL : find_state(g, part, name, sizeof name);
    if (!s || t < 0)
        return;
    if (cynf_shape_equal(&g->t[t].shape, &g->t[s->t].shape))
        s->next = t;
    else
        cynf_graph_fail(g, CYNF_EFORMAT, "what it keeps has not the shape of its state");
}

size_t cynf_graph_state_elems(const cynf_graph *g)
{
    size_t n = 0;
    for (int32_t i = 0; i < g->n_state; i++)
        n += cynf_shape_elems(&g->t[g->state[i].t].shape);
    return n;
}

cynf_tensor_id cynf_g_const(cynf_graph *g, const cynf_shape *s, const float *data)
{
    const cynf_tensor_id t = cynf_g_tensor(g, s);
    if (t < 0)
        return t;
    const size_t n = cynf_shape_elems(s);
    if (!(g->t[t].data = calloc(n ? n : 1, sizeof(float))))
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory for a constant of %zu elements", n);
    if (data)
        memcpy(g->t[t].data, data, n * sizeof(float));
    return t;
}

cynf_tensor_id cynf_g_const1(cynf_graph *g, int32_t n, const float *data) { return cynf_g_const(g, &(cynf_shape){1, {n}}, data); }
cynf_tensor_id cynf_g_scalar(cynf_graph *g, float value) { return cynf_g_const(g, &(cynf_shape){0}, &value); }
