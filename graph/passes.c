/* SPDX-License-Identifier: MIT */
/**
 * Plan-independent passes. Each looks at one node and its producer, and says whether it changed something; all of them run until none
 * does. A pass never edits a constant that others read: it makes a new one.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/graph_internal.h"
#include "kernels/kernel.h"

static cynf_shape shape(const cynf_graph *g, cynf_tensor_id t) { return g->t[t].shape; }

static cynf_node *producer(const cynf_graph *g, cynf_tensor_id t)
{
    return g->t[t].producer >= 0 ? &g->node[g->t[t].producer] : NULL;
}

/* Readers of t, model outputs and what states become included: counted before each pass and kept up to date where they may grow; a pass may see too many, never
 * too few. */
static int uses(const cynf_graph *g, cynf_tensor_id t) { return g->t[t].uses; }

static void count_uses(cynf_graph *g)
{
    for (int i = 0; i < g->n_t; i++)
        g->t[i].uses = 0;
    for (int j = 0; j < g->n_node; j++)
        if (!g->node[j].dead)
            for (int i = 0; i < g->node[j].n_in; i++)
                g->t[g->node[j].in[i]].uses++;
    for (int i = 0; i < g->n_out; i++)
        g->t[g->out[i].t].uses++;
    for (int i = 0; i < g->n_state; i++)
        g->t[g->state[i].next].uses++;
}

/* Operand i of n becomes t. */
static void read_from(cynf_graph *g, cynf_node *n, int i, cynf_tensor_id t)
{
    n->in[i] = t;
    g->t[t].uses++;
}

/* Everyone who reads from now reads to. */
static void replace(cynf_graph *g, cynf_tensor_id from, cynf_tensor_id to)
{
    g->t[to].uses += g->t[from].uses;
    for (int j = 0; j < g->n_node; j++)
        for (int i = 0; i < g->node[j].n_in; i++)
            if (g->node[j].in[i] == from)
                g->node[j].in[i] = to;
    for (int i = 0; i < g->n_out; i++)
        if (g->out[i].t == from)
            g->out[i].t = to;
    for (int i = 0; i < g->n_state; i++)
        if (g->state[i].next == from)
            g->state[i].next = to;
}

/* The producer p takes over node n's output; n is gone. Only when n is p's one reader. */
static void absorb(cynf_graph *g, cynf_node *p, cynf_node *n)
{
    p->out = n->out;
    g->t[n->out].producer = (int32_t)(p - g->node);
    n->dead = true;
}

static bool has_weights(const cynf_node *n) { return n->op == CYNF_N_CONV2D || n->op == CYNF_N_DWCONV2D || n->op == CYNF_N_FC; }
static bool linear(const cynf_node *n) { return n->e.act == CYNF_ACT_LINEAR; }

/* The node moves forward to place at. */
static void move_node(cynf_graph *g, int from, int at)
{
    const cynf_node n = g->node[from];
    memmove(&g->node[at + 1], &g->node[at], (size_t)(from - at) * sizeof n);
    g->node[at] = n;
    for (int i = at; i <= from; i++)
        if (!g->node[i].dead)
            g->t[g->node[i].out].producer = i;
}

/* ---- per-channel scale and shift ------------------------------------------------------------------------------------------ */

/* A constant that is the same for every position but the last axis, as c values. False when it is none. */
static bool per_channel(const cynf_graph *g, cynf_tensor_id t, int32_t c, float *out)
{
    const cynf_tensor *x = &g->t[t];
    if (!x->data)
        return false;
    const size_t n = cynf_shape_elems(&x->shape);
    const int32_t last = x->shape.rank ? x->shape.d[x->shape.rank - 1] : 1;
    if (n != (size_t)last || (last != 1 && last != c))
        return false;
    for (int32_t i = 0; i < c; i++)
        out[i] = x->data[last == 1 ? 0 : i];
    return true;
}

/* x * scale + shift over the last axis: MULADD, and ADD, SUB, MUL, DIV with a constant, and the AFFINE function. Returns the index of x, or -1. */
static int scale_shift(const cynf_graph *g, const cynf_node *n, int32_t c, float *scale, float *shift)
{
    if (n->op != CYNF_N_ELTWISE)
        return -1;
    for (int32_t i = 0; i < c; i++) {
        scale[i] = 1;
        shift[i] = 0;
    }
    if (n->kind == CYNF_ELT_UNARY) {
        if (n->e.act != CYNF_ACT_AFFINE)
            return -1;
        for (int32_t i = 0; i < c; i++) {
            scale[i] = n->e.a;
            shift[i] = n->e.b;
        }
        return 0;
    }
    if (n->kind == CYNF_ELT_MULADD)
        return !g->t[n->in[0]].data && cynf_shape_equal(&g->t[n->in[0]].shape, &g->t[n->out].shape) && per_channel(g, n->in[1], c, scale) && per_channel(g, n->in[2], c, shift) ? 0 : -1;
    for (int x = 0; x < 2; x++) {
        const cynf_tensor_id k = n->in[1 - x];
        if (g->t[n->in[x]].data || !cynf_shape_equal(&g->t[n->in[x]].shape, &g->t[n->out].shape))
            continue;
        switch (n->kind) {
        case CYNF_ELT_MUL: return per_channel(g, k, c, scale) ? x : -1;
        case CYNF_ELT_ADD: return per_channel(g, k, c, shift) ? x : -1;
        case CYNF_ELT_SUB:
            if (!per_channel(g, k, c, shift))
                return -1;
            for (int32_t i = 0; i < c; i++) {
                shift[i] = x ? shift[i] : -shift[i];
                scale[i] = x ? -1 : 1;
            }
            return x;
        case CYNF_ELT_DIV:
            if (x || !per_channel(g, k, c, scale))
                return -1;
            for (int32_t i = 0; i < c; i++)
                scale[i] = 1 / scale[i];
            return 0;
        default: return -1;
        }
    }
    return -1;
}

static cynf_tensor_id bias_of(const cynf_node *n) { return n->n_in - !!n->e.residual > 2 ? n->in[2] : CYNF_NO_TENSOR; } /* before scales are moved, at the end */

static void set_bias(cynf_node *n, cynf_tensor_id bias)
{
    if (bias_of(n) < 0) {
        if (n->e.residual)
            n->in[3] = n->in[2];
        n->n_in++;
    }
    n->in[2] = bias;
}

/* New weights: w[..., oc] * scale[oc], bias * scale + shift, in double precision. */
static bool scale_outputs(cynf_graph *g, int j, const float *scale, const float *shift)
{
    cynf_node *n = &g->node[j];
    const cynf_shape ws = shape(g, n->in[1]);
    const int32_t oc = shape(g, n->out).d[shape(g, n->out).rank - 1];
    const cynf_tensor_id old_w = n->in[1], old_b = bias_of(n);
    const cynf_tensor_id w = cynf_g_const(g, &ws, NULL), b = cynf_g_const1(g, oc, NULL);
    if (g->status)
        return false;
    n = &g->node[j];
    /* A depthwise kernel's last two axes together are the output channels. */
    for (size_t i = 0; i < cynf_shape_elems(&ws); i++)
        g->t[w].data[i] = (float)((double)g->t[old_w].data[i] * (double)scale[i % (size_t)oc]);
    for (int32_t i = 0; i < oc; i++)
        g->t[b].data[i] = (float)((old_b >= 0 ? (double)g->t[old_b].data[i] : 0.0) * (double)scale[i] + (double)shift[i]);
    n->in[1] = w;
    set_bias(n, b);
    return true;
}

/* New weights for f(x * scale + shift): w[..., ic, oc] * scale[ic], and sum w * shift goes into the bias. */
static bool scale_inputs(cynf_graph *g, int j, const float *scale, const float *shift)
{
    cynf_node *n = &g->node[j];
    const cynf_shape ws = shape(g, n->in[1]);
    const bool dw = n->op == CYNF_N_DWCONV2D;
    const int32_t r = ws.rank, icg = ws.d[r - 2], last = ws.d[r - 1], oc = dw ? icg * last : last, groups = n->op == CYNF_N_CONV2D ? n->groups : 1;
    const cynf_tensor_id old_w = n->in[1], old_b = bias_of(n);
    const cynf_tensor_id w = cynf_g_const(g, &ws, NULL), b = cynf_g_const1(g, oc, NULL);
    double *sum = calloc((size_t)oc, sizeof *sum);
    if (g->status || !sum) {
        free(sum);
        return false;
    }
    n = &g->node[j];
    for (size_t i = 0; i < cynf_shape_elems(&ws); i++) {
        const int32_t o = (int32_t)(i % (size_t)last), in_group = (int32_t)(i / (size_t)last % (size_t)icg);
        const int32_t c = dw ? in_group : o / (oc / groups) * icg + in_group;
        const double v = g->t[old_w].data[i];
        g->t[w].data[i] = (float)(v * (double)scale[c]);
        sum[dw ? in_group * last + o : o] += v * (double)shift[c];
    }
    for (int32_t i = 0; i < oc; i++)
        g->t[b].data[i] = (float)((old_b >= 0 ? (double)g->t[old_b].data[i] : 0.0) + sum[i]);
    free(sum);
    n->in[1] = w;
    set_bias(n, b);
    return true;
}

/* Whether a convolution reads any tap outside its image. */
static bool pads(const cynf_graph *g, const cynf_node *n)
{
    if (n->op == CYNF_N_FC)
        return false;
    const cynf_shape x = shape(g, n->in[0]), y = shape(g, n->out);
    return n->pt || n->pl || (y.d[1] - 1) * n->sh + (n->kh - 1) * n->dh >= x.d[1] || (y.d[2] - 1) * n->sw + (n->kw - 1) * n->dw >= x.d[2];
}

#define MAX_PARTS 256

/* The convolutions of whose results t consists, through interleaving and reshapes that keep the channels. False when something else is among them. */
static bool find_parts(const cynf_graph *g, cynf_tensor_id t, int32_t *part, int *n)
{
    const cynf_node *p = producer(g, t);
    if (!p || uses(g, t) != 1 || !linear(p))
        return false;
    if (has_weights(p) && !p->e.residual) {
        if (*n < MAX_PARTS)
            part[*n] = (int32_t)(p - g->node);
        return ++*n <= MAX_PARTS;
    }
    const cynf_shape a = shape(g, p->in[0]), b = shape(g, p->out);
    if (p->op == CYNF_N_RESHAPE)
        return a.rank && b.rank && a.d[a.rank - 1] == b.d[b.rank - 1] && find_parts(g, p->in[0], part, n);
    bool all = p->op == CYNF_N_CONCAT && p->step[p->axis];
    for (int i = 0; i < p->n_in && all; i++)
        all = find_parts(g, p->in[i], part, n);
    return all;
}

/* Scale and shift into the layer before; failing that, two of them into one; or into the layer after. */
static bool fold_scale(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    const cynf_shape ys = shape(g, n->out);
    const int32_t c = ys.rank ? ys.d[ys.rank - 1] : 0;
    if (n->op != CYNF_N_ELTWISE || !c)
        return false;
    float *k = malloc(4 * (size_t)c * sizeof *k), *shift = k + c, *k0 = shift + c, *shift0 = k0 + c;
    bool changed = false;
    const int x = k ? scale_shift(g, n, c, k, shift) : -1;
    if (x < 0)
        goto done;
    cynf_node *p = producer(g, n->in[x]);
    /* A unary AFFINE has used the node's activation; the others may carry one. */
    const cynf_epilogue e = n->kind == CYNF_ELT_UNARY ? (cynf_epilogue){0} : n->e;
    if (p && uses(g, n->in[x]) == 1 && linear(p)) {
        if (has_weights(p) && !p->e.residual) {
            const int at = (int)(p - g->node);
            if (!scale_outputs(g, at, k, shift))
                goto done;
            g->node[at].e = e;
            absorb(g, &g->node[at], &g->node[j]);
            changed = true;
            goto done;
        }
    }
    int32_t part[MAX_PARTS];
    int parts = 0;
    if (p && p->op == CYNF_N_CONCAT && find_parts(g, n->in[x], part, &parts)) { /* a transposed convolution */
        const int at = (int)(p - g->node);
        for (int i = 0; i < parts && !g->status; i++) {
            scale_outputs(g, part[i], k, shift);
            g->node[part[i]].e = e;
        }
        absorb(g, &g->node[at], &g->node[j]);
        changed = true;
        goto done;
    }
    int x0;
    if (p && uses(g, n->in[x]) == 1 && (linear(p) || (p->op == CYNF_N_ELTWISE && p->kind == CYNF_ELT_UNARY)) && (x0 = scale_shift(g, p, c, k0, shift0)) >= 0 &&
        cynf_shape_equal(&g->t[p->in[x0]].shape, &ys)) {
        for (int32_t i = 0; i < c; i++) {
            shift[i] = (float)((double)shift0[i] * (double)k[i] + (double)shift[i]);
            k[i] = (float)((double)k0[i] * (double)k[i]);
        }
        const cynf_tensor_id from = p->in[x0], tk = cynf_g_const1(g, c, k), ts = cynf_g_const1(g, c, shift);
        if (g->status)
            goto done;
        n = &g->node[j];
        n->kind = CYNF_ELT_MULADD;
        n->n_in = 3;
        read_from(g, n, 0, from);
        n->in[1] = tk;
        n->in[2] = ts;
        n->e = e;
        changed = true; /* p has no reader left */
        goto done;
    }
    if (e.act == CYNF_ACT_LINEAR && uses(g, n->out) == 1)
        for (int i = j + 1; i < g->n_node; i++) {
            const cynf_node *q = &g->node[i];
            if (q->dead || q->in[0] != n->out || !has_weights(q) || (q->e.residual && q->in[q->n_in - 1] == n->out))
                continue;
            bool shifts = false;
            for (int32_t o = 0; o < c; o++)
                shifts |= shift[o] != 0;
            if (shifts && pads(g, q))
                break;
            if (scale_inputs(g, i, k, shift)) {
                replace(g, g->node[j].out, g->node[j].in[x]);
                g->node[j].dead = changed = true;
            }
            break;
        }
done:
    free(k);
    return changed;
}

/* ---- epilogues ------------------------------------------------------------------------------------------------------------- */

static bool has_epilogue(const cynf_node *n)
{
    switch (n->op) {
    case CYNF_N_CONV2D:
    case CYNF_N_DWCONV2D:
    case CYNF_N_FC:
    case CYNF_N_GEMM:
    case CYNF_N_POOL:
    case CYNF_N_ELTWISE:
    case CYNF_N_REDUCE:
    case CYNF_N_RESAMPLE: return true;
    default: return false;
    }
}

static bool fold_activation(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    if (n->op != CYNF_N_ELTWISE || n->kind != CYNF_ELT_UNARY)
        return false;
    cynf_node *p = producer(g, n->in[0]);
    if (linear(n)) {
        replace(g, n->out, n->in[0]);
        return n->dead = true;
    }
    if (!p || !linear(p) || uses(g, n->in[0]) != 1 || (g->math == CYNF_MATH_SLEEF && cynf_act_transcendental(n->e.act)))
        return false;
    int32_t part[MAX_PARTS];
    int parts = 0;
    if (p->op == CYNF_N_CONCAT && find_parts(g, n->in[0], part, &parts)) {
        for (int i = 0; i < parts; i++)
            g->node[part[i]].e = n->e;
        absorb(g, p, n);
        return true;
    }
    if (!has_epilogue(p))
        return false;
    const int32_t residual = p->e.residual;
    p->e = n->e;
    p->e.residual = residual;
    absorb(g, p, n);
    return true;
}

/* The elements of concatenation p's operands whose producers can apply an activation. */
static size_t takes_activation(const cynf_graph *g, const cynf_node *p)
{
    size_t elems = 0;
    for (int i = 0; i < p->n_in; i++) {
        const cynf_node *q = producer(g, p->in[i]);
        if (q && linear(q) && uses(g, p->in[i]) == 1 && (has_epilogue(q) || q->op == CYNF_N_CONCAT))
            elems += cynf_shape_elems(&g->t[p->in[i]].shape);
    }
    return elems;
}

/* f(concat(a, b)) = concat(f(a), f(b)): where most of the operands come from layers that apply f as they store. */
static bool hoist_over_concat(cynf_graph *g, int j)
{
    const cynf_node *n = &g->node[j], *p = producer(g, n->in[0]);
    if (n->op != CYNF_N_ELTWISE || n->kind != CYNF_ELT_UNARY || linear(n) || !p || p->op != CYNF_N_CONCAT || p->step[p->axis] || uses(g, n->in[0]) != 1 ||
        (g->math == CYNF_MATH_SLEEF && cynf_act_transcendental(n->e.act)) || 2 * takes_activation(g, p) < cynf_shape_elems(&g->t[n->out].shape))
        return false;
    const int at = (int)(p - g->node), n_in = p->n_in;
    for (int i = 0; i < n_in; i++) {
        const cynf_node *f = &g->node[j + i], *c = &g->node[at + i];
        const cynf_tensor_id x = c->in[i];
        const cynf_shape xs = shape(g, x);
        g->cur_name = f->name;
        g->cur_class = f->klass;
        const cynf_tensor_id y = cynf_g_node(g, &(cynf_node){.op = CYNF_N_ELTWISE, .kind = CYNF_ELT_UNARY, .n_in = 1, .in = {x}, .e = f->e}, &xs);
        g->cur_name = g->cur_class = NULL;
        if (y < 0)
            return false;
        move_node(g, g->n_node - 1, at + i);
        g->t[y].uses = 1;
        g->node[at + i + 1].in[i] = y;
    }
    absorb(g, &g->node[at + n_in], &g->node[j + n_in]);
    return true;
}

/* An addition becomes the residual of the later of the two convolutions; that node moves to the addition's place in the order. */
static bool fold_residual(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    if (n->op != CYNF_N_ELTWISE || n->kind != CYNF_ELT_ADD)
        return false;
    int side = -1;
    for (int x = 0; x < 2; x++) {
        const cynf_node *p = producer(g, n->in[x]);
        if (p && has_weights(p) && linear(p) && !p->e.residual && uses(g, n->in[x]) == 1 && cynf_shape_equal(&g->t[n->in[x]].shape, &g->t[n->out].shape) &&
            cynf_shape_equal(&g->t[n->in[1 - x]].shape, &g->t[n->out].shape) && (side < 0 || g->t[n->in[x]].producer > g->t[n->in[side]].producer))
            side = x;
    }
    if (side < 0)
        return false;
    cynf_node *p = producer(g, n->in[side]);
    const cynf_tensor_id r = n->in[1 - side], y = n->out;
    const cynf_epilogue e = n->e;
    cynf_node moved = *p;
    moved.in[moved.n_in++] = r;
    moved.e = e;
    moved.e.residual = 1;
    moved.out = y;
    /* The names change places with the nodes. */
    char *const name = n->name, *const klass = n->klass;
    *p = (cynf_node){.dead = true, .name = name, .klass = klass};
    *n = moved;
    return true;
}

/* ---- padding, reshapes ----------------------------------------------------------------------------------------------------- */

static bool fold_pad(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    if (n->op != CYNF_N_CONV2D && n->op != CYNF_N_DWCONV2D)
        return false;
    const cynf_node *p = producer(g, n->in[0]);
    if (!p || p->op != CYNF_N_PAD || p->value != 0 || p->begin[0] || p->step[0] || p->begin[3] || p->step[3])
        return false;
    /* A convolution's last position must not lie wholly outside its image. */
    const cynf_shape x = shape(g, p->in[0]), y = shape(g, n->out);
    if ((y.d[1] - 1) * n->sh - n->pt - p->begin[1] >= x.d[1] || (y.d[2] - 1) * n->sw - n->pl - p->begin[2] >= x.d[2])
        return false;
    n->pt += p->begin[1];
    n->pl += p->begin[2];
    read_from(g, n, 0, p->in[0]);
    return true;
}

/* Whether node n works on each element of the last axis alike, so that other axes may be reshaped before or after it. */
static bool last_axis_only(const cynf_graph *g, const cynf_node *n, int x)
{
    const cynf_shape ys = shape(g, n->out);
    if (!ys.rank || !cynf_shape_equal(&g->t[n->in[x]].shape, &ys))
        return false;
    for (int i = 0; i < n->n_in; i++) {
        const cynf_tensor *t = &g->t[n->in[i]];
        const size_t last = (size_t)(t->shape.rank ? t->shape.d[t->shape.rank - 1] : 1);
        if (i != x && (!t->data || cynf_shape_elems(&t->shape) != last))
            return false;
    }
    return true;
}

/* Constants of an element-wise node as rank 1 (or 0), so that they broadcast against any rank. */
static bool flatten_constants(cynf_graph *g, int j, int x)
{
    for (int i = 0; i < g->node[j].n_in; i++) {
        const cynf_tensor *t = &g->t[g->node[j].in[i]];
        if (i == x || t->shape.rank <= 1)
            continue;
        const cynf_tensor_id flat = cynf_g_const1(g, t->shape.d[t->shape.rank - 1], t->data);
        if (g->status)
            return false;
        g->node[j].in[i] = flat;
    }
    return true;
}

/*
 * Element-wise after a reshape that keeps the last axis goes before it, where it meets the layer that it can be folded into:
 * f(reshape(x)) = reshape(f(x)), and reshape(a) + reshape(b) = reshape(a + b).
 */
static bool hoist_over_reshape(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    if (n->op != CYNF_N_ELTWISE)
        return false;
    const cynf_shape ys = shape(g, n->out);
    int x = -1, n_reshaped = 0;
    cynf_shape inner = {0};
    for (int i = 0; i < n->n_in; i++) {
        if (g->t[n->in[i]].data)
            continue;
        const cynf_node *p = producer(g, n->in[i]);
        if (!p || p->op != CYNF_N_RESHAPE || uses(g, n->in[i]) != 1 || g->t[p->in[0]].data || !cynf_shape_equal(&g->t[n->in[i]].shape, &ys))
            return false;
        const cynf_shape s = shape(g, p->in[0]);
        if (!s.rank || !ys.rank || s.d[s.rank - 1] != ys.d[ys.rank - 1] || (n_reshaped && !cynf_shape_equal(&s, &inner)))
            return false;
        inner = s;
        x = i;
        n_reshaped++;
    }
    if (!n_reshaped || (n_reshaped == 1 && (!last_axis_only(g, n, x) || !flatten_constants(g, j, x))) || (n_reshaped > 1 && n_reshaped != n->n_in))
        return false;
    const cynf_tensor_id y = cynf_g_tensor(g, &inner);
    if (y < 0)
        return false;
    n = &g->node[j];
    /* The reshape of the last operand is the latest: it takes the place of the element-wise node, and that its place. */
    int last = -1;
    for (int i = 0; i < n->n_in; i++)
        if (!g->t[n->in[i]].data && g->t[n->in[i]].producer > last)
            last = g->t[n->in[i]].producer;
    cynf_node f = *n, r = g->node[last];
    for (int i = 0; i < f.n_in; i++)
        if (!g->t[f.in[i]].data) {
            cynf_node *p = producer(g, f.in[i]);
            read_from(g, &f, i, p->in[0]);
            if (p != &g->node[last])
                p->dead = true;
        }
    const cynf_tensor_id old = r.out;
    r.out = n->out;
    r.in[0] = f.out = y;
    g->t[old].producer = -1;
    g->node[last] = f;
    g->node[j] = r;
    g->t[y].producer = last;
    g->t[y].uses = 1;
    g->t[r.out].producer = j;
    return true;
}

static bool fold_reshape(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    if (n->op != CYNF_N_RESHAPE)
        return false;
    if (cynf_shape_equal(&g->t[n->in[0]].shape, &g->t[n->out].shape)) {
        replace(g, n->out, n->in[0]);
        return n->dead = true;
    }
    const cynf_node *p = producer(g, n->in[0]);
    if (!p || p->op != CYNF_N_RESHAPE)
        return false;
    read_from(g, n, 0, p->in[0]);
    return true;
}

static bool fold_transpose(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    if (n->op != CYNF_N_TRANSPOSE)
        return false;
    const cynf_node *p = producer(g, n->in[0]);
    const int r = shape(g, n->out).rank;
    bool identity = true;
    if (p && p->op == CYNF_N_TRANSPOSE) {
        int32_t perm[CYNF_MAX_DIMS];
        for (int i = 0; i < r; i++)
            perm[i] = p->perm[n->perm[i]];
        memcpy(n->perm, perm, (size_t)r * sizeof *perm);
        read_from(g, n, 0, p->in[0]);
    }
    for (int i = 0; i < r; i++)
        identity &= n->perm[i] == i;
    if (identity) {
        replace(g, n->out, n->in[0]);
        n->dead = true;
    }
    return identity || (p && p->op == CYNF_N_TRANSPOSE);
}

/* ---- constants -------------------------------------------------------------------------------------------------------------- */

/* A node whose operands are all constants is computed now. */
static bool fold_constant(cynf_graph *g, int j)
{
    cynf_node *n = &g->node[j];
    if (n->op == CYNF_N_CUSTOM)
        return false; /* its function belongs to the whole graph */
    for (int i = 0; i < n->n_in; i++)
        if (!g->t[n->in[i]].data)
            return false;
    for (int i = 0; i < g->n_out; i++)
        if (g->out[i].t == n->out)
            return false; /* the program copies a constant to an output, so its producer may as well compute it there */
    float *data = cynf_graph_evaluate(g, j);
    if (!data)
        return false;
    g->t[n->out].data = data;
    g->t[n->out].producer = -1;
    return n->dead = true;
}

/* ---- the same again ----------------------------------------------------------------------------------------------------------- */

#define SAME_ELEMS 4096 /* of constants that are compared; shared weights are one tensor */

static bool same_operand(const cynf_graph *g, cynf_tensor_id a, cynf_tensor_id c)
{
    const cynf_tensor *x = &g->t[a], *y = &g->t[c];
    const size_t n = cynf_shape_elems(&x->shape);
    return a == c || (x->data && y->data && cynf_shape_equal(&x->shape, &y->shape) && n <= SAME_ELEMS && !memcmp(x->data, y->data, n * sizeof *x->data));
}

/* A node that computes what an earlier one has computed; networks of cells apply an activation to one tensor again and again. */
static bool fold_same(cynf_graph *g, int j)
{
    const cynf_node *n = &g->node[j];
    if (n->op == CYNF_N_CUSTOM)
        return false;
    for (int i = 0; i < j; i++) {
        const cynf_node *m = &g->node[i];
        if (m->dead || m->op != n->op || m->in[0] != n->in[0] || m->n_in != n->n_in || !cynf_shape_equal(&g->t[m->out].shape, &g->t[n->out].shape))
            continue;
        cynf_node like = *m;
        like.name = n->name;
        like.klass = n->klass;
        like.out = n->out;
        bool same = true;
        for (int k = 0; k < n->n_in; k++) {
            same &= same_operand(g, m->in[k], n->in[k]);
            like.in[k] = n->in[k];
        }
        if (!same || memcmp(&like, n, sizeof like))
            continue;
        replace(g, n->out, m->out);
        return g->node[j].dead = true;
    }
    return false;
}

/* ---- cleaning up -------------------------------------------------------------------------------------------------------------- */

static bool remove_unused(cynf_graph *g)
{
    bool changed = false;
    count_uses(g);
    for (int j = g->n_node - 1; j >= 0; j--)
        if (!g->node[j].dead && !uses(g, g->node[j].out)) {
            changed = g->node[j].dead = true;
            for (int i = 0; i < g->node[j].n_in; i++)
                g->t[g->node[j].in[i]].uses--;
        }
    return changed;
}

/* Tensors that no live node, input, output or state names are dropped, and everything is numbered anew. */
static cynf_status compact(cynf_graph *g)
{
    cynf_tensor_id *id = malloc(((size_t)g->n_t + 1) * sizeof *id);
    if (!id)
        return CYNF_ENOMEM;
    for (int i = 0; i < g->n_t; i++)
        id[i] = CYNF_NO_TENSOR;
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        if (n->dead)
            continue;
        id[n->out] = 0;
        for (int i = 0; i < n->n_in; i++)
            id[n->in[i]] = 0;
    }
    for (int i = 0; i < g->n_in; i++)
        id[g->in[i].t] = 0;
    for (int i = 0; i < g->n_out; i++)
        id[g->out[i].t] = 0;
    for (int i = 0; i < g->n_state; i++)
        id[g->state[i].t] = id[g->state[i].next] = 0;
    int32_t n_t = 0, n_node = 0;
    for (int i = 0; i < g->n_t; i++) {
        if (id[i] < 0) {
            free(g->t[i].data);
            free(g->t[i].name);
            continue;
        }
        g->t[n_t] = g->t[i];
        g->t[n_t].producer = -1;
        id[i] = n_t++;
    }
    for (int j = 0; j < g->n_node; j++) {
        if (g->node[j].dead) {
            free(g->node[j].name);
            free(g->node[j].klass);
            continue;
        }
        cynf_node *n = &g->node[n_node];
        *n = g->node[j];
        n->out = id[n->out];
        for (int i = 0; i < n->n_in; i++)
            n->in[i] = id[n->in[i]];
        g->t[n->out].producer = n_node++;
    }
    for (int i = 0; i < g->n_in; i++)
        g->in[i].t = id[g->in[i].t];
    for (int i = 0; i < g->n_out; i++)
        g->out[i].t = id[g->out[i].t];
    for (int i = 0; i < g->n_state; i++) {
        g->state[i].t = id[g->state[i].t];
        g->state[i].next = id[g->state[i].next];
    }
    g->n_t = n_t;
    g->n_node = n_node;
    free(id);
    return CYNF_OK;
}

/* ---- at the end ------------------------------------------------------------------------------------------------------------ */

#define NARROW 16          /* channels that do not fill the vectors of every machine */
#define WIDE_MAX (1 << 12) /* elements of a widened constant */

/*
 * An element-wise node with few channels whose constants are one number a channel goes along whole rows of pixels instead: constants that are all the same number
 * become scalars, others are repeated for each pixel of a row. The passes above look for constants of a channel, so this comes after them.
 */
static void widen_constants(cynf_graph *g, int j)
{
    const cynf_shape ys = shape(g, g->node[j].out);
    const int32_t c = ys.rank ? ys.d[ys.rank - 1] : 0, row = ys.rank > 1 ? ys.d[ys.rank - 2] : 0;
    if (g->node[j].op != CYNF_N_ELTWISE || c < 2 || c >= NARROW || row < 2 || row > WIDE_MAX / NARROW)
        return;
    for (int i = 0; i < g->node[j].n_in; i++) {
        const cynf_tensor_id t = g->node[j].in[i];
        const size_t n = cynf_shape_elems(&g->t[t].shape);
        if (!cynf_shape_equal(&g->t[t].shape, &ys) && (!g->t[t].data || (n != 1 && (n != (size_t)c || g->t[t].shape.d[g->t[t].shape.rank - 1] != c))))
            return;
    }
    float wide[WIDE_MAX];
    for (int i = 0; i < g->node[j].n_in && !g->status; i++) {
        const float *k = g->t[g->node[j].in[i]].data;
        if (!k || cynf_shape_elems(&g->t[g->node[j].in[i]].shape) != (size_t)c)
            continue;
        bool same = true;
        for (int32_t e = 0; e < row * c; e++) {
            wide[e] = k[e % c];
            same &= !memcmp(&wide[e], &wide[0], sizeof *wide);
        }
        const cynf_tensor_id t = same ? cynf_g_scalar(g, wide[0]) : cynf_g_const(g, &(cynf_shape){2, {row, c}}, wide);
        if (!g->status)
            g->node[j].in[i] = t;
    }
}

/*
 * What squeeze and excitation multiply an image by, a number a channel, goes to the weights of the 1x1 convolution that reads the product, if these are fewer
 * than the image's elements. A convolution keeps its operands in order, so this comes after the passes that look for a bias.
 */
static void move_scale(cynf_graph *g, int j)
{
    const cynf_node *m = &g->node[j];
    const cynf_shape ys = shape(g, m->out);
    if (m->op != CYNF_N_ELTWISE || m->kind != CYNF_ELT_MUL || !linear(m) || ys.rank != 4 || ys.d[0] != 1 || uses(g, m->out) != 1)
        return;
    int x = -1;
    for (int i = 0; i < 2; i++) {
        const cynf_tensor *s = &g->t[m->in[1 - i]];
        if (!g->t[m->in[i]].data && !s->data && cynf_shape_equal(&g->t[m->in[i]].shape, &ys) && s->shape.rank && s->shape.d[s->shape.rank - 1] == ys.d[3] &&
            cynf_shape_elems(&s->shape) == (size_t)ys.d[3])
            x = i;
    }
    if (x < 0 || ys.d[1] * ys.d[2] == 1)
        return;
    for (int i = j + 1; i < g->n_node; i++) {
        cynf_node *c = &g->node[i];
        if (c->dead || c->in[0] != m->out)
            continue;
        if (c->op == CYNF_N_CONV2D && c->kh == 1 && c->kw == 1 && !c->pt && !c->pl && c->groups == 1 && shape(g, c->out).d[3] < ys.d[1] * ys.d[2] &&
            !(c->e.residual && c->in[c->n_in - 1] == m->out) && c->n_in < CYNF_MAX_NODE_INPUTS) {
            c->in[0] = m->in[x];
            if (c->e.residual)
                c->in[c->n_in] = c->in[c->n_in - 1];
            c->in[c->n_in - !!c->e.residual] = m->in[1 - x];
            c->n_in++;
            c->kind = 1;
            g->node[j].dead = true;
        }
        return;
    }
}

/*
 * A 1x1 convolution of one pixel is a dense layer: one product. Of pixels alone that are one whatever the size of the model's input, as the graphs of all its sizes
 * shall be of few forms.
 */
static void pixel_to_dense(cynf_graph *g, int j)
{
    cynf_node *c = &g->node[j];
    const cynf_node *p = producer(g, c->in[0]);
    if (c->op != CYNF_N_CONV2D || c->kind || c->groups != 1 || c->kh != 1 || c->kw != 1 || c->pt || c->pl || !g->t[c->in[1]].data || !p ||
        (p->op != CYNF_N_REDUCE && p->op != CYNF_N_RESHAPE && p->op != CYNF_N_FC))
        return;
    const cynf_shape xs = shape(g, c->in[0]), ys = shape(g, c->out);
    if (xs.d[1] != 1 || xs.d[2] != 1 || ys.d[1] != 1 || ys.d[2] != 1)
        return;
    const cynf_tensor_id w = cynf_g_const(g, &(cynf_shape){2, {xs.d[3], ys.d[3]}}, g->t[c->in[1]].data);
    if (g->status)
        return;
    c->op = CYNF_N_FC;
    c->in[1] = w;
    c->kh = c->kw = c->sh = c->sw = c->dh = c->dw = c->groups = 0;
}

#define MAX_SIBLINGS 8

/* Whether all who read t take it as a part of a wider tensor, with gaps between its rows. */
static bool read_in_part(const cynf_graph *g, cynf_tensor_id t)
{
    int readers = 0;
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        for (int i = 0; i < n->n_in && !n->dead; i++)
            if (n->in[i] == t) {
                if (n->op != CYNF_N_CONV2D && n->op != CYNF_N_POOL && n->op != CYNF_N_ELTWISE && n->op != CYNF_N_RNN)
                    return false;
                readers++;
            }
    }
    return readers == uses(g, t); /* no output, no state */
}

/* Whether t is the projection of one recurrent node, which may compute it itself. */
static bool projects(const cynf_graph *g, cynf_tensor_id t)
{
    int readers = 0;
    for (int j = 0; j < g->n_node; j++)
        readers += !g->node[j].dead && g->node[j].op == CYNF_N_RNN && g->node[j].in[0] == t;
    return readers == 1 && uses(g, t) == 1;
}

/* Whether two nodes are one product of the same rows by different columns. */
static bool siblings(const cynf_graph *g, const cynf_node *a, const cynf_node *c)
{
    const bool product = a->op == CYNF_N_FC || (a->op == CYNF_N_CONV2D && !a->kind && a->kh == 1 && a->kw == 1 && a->groups == 1);
    return product && !c->dead && c->op == a->op && c->in[0] == a->in[0] && c->kind == a->kind && c->kh == a->kh && c->kw == a->kw && c->sh == a->sh && c->sw == a->sw &&
        c->pt == a->pt && c->pl == a->pl && c->groups == a->groups && !a->e.residual && !memcmp(&c->e, &a->e, sizeof a->e) && g->t[a->in[1]].data && g->t[c->in[1]].data &&
        g->t[a->out].shape.rank == g->t[c->out].shape.rank;
}

/*
 * 1x1 convolutions, or dense layers, of one tensor become one of all their channels, and their outputs parts of its. Projections stay by themselves, all in front of the
 * recurrent nodes that read them.
 */
static void merge_siblings(cynf_graph *g, int j)
{
    int member[MAX_SIBLINGS], n = 0, bias = 0;
    int32_t columns = 0;
    const bool projections = projects(g, g->node[j].out);
    for (int k = j; k < g->n_node && n < MAX_SIBLINGS; k++)
        if (siblings(g, &g->node[j], &g->node[k]) && read_in_part(g, g->node[k].out) && projects(g, g->node[k].out) == projections) {
            bias |= bias_of(&g->node[k]) >= 0;
            columns += g->t[g->node[k].out].shape.d[g->t[g->node[k].out].shape.rank - 1];
            member[n++] = k;
        }
    if (n < 2 || member[0] != j)
        return;
    for (int k = 1; k < n && projections; k++)
        move_node(g, member[k], j + k);
    if (projections)
        return;
    cynf_shape ws = shape(g, g->node[j].in[1]), ys = shape(g, g->node[j].out);
    const int32_t last = ys.rank - 1, rows = (int32_t)(cynf_shape_elems(&ws) / (size_t)ys.d[last]);
    float *w = malloc((size_t)(rows + 1) * (size_t)columns * sizeof *w), *const b = w ? w + (size_t)rows * (size_t)columns : NULL;
    if (!w) {
        cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
        return;
    }
    for (int k = 0, at = 0; k < n; k++) {
        const cynf_node *m = &g->node[member[k]];
        const int32_t c = g->t[m->out].shape.d[last];
        for (int32_t r = 0; r < rows; r++)
            memcpy(w + (size_t)r * (size_t)columns + at, g->t[m->in[1]].data + (size_t)r * (size_t)c, (size_t)c * sizeof *w);
        for (int32_t i = 0; i < c; i++)
            b[at + i] = bias_of(m) >= 0 ? g->t[bias_of(m)].data[i] : 0;
        at += c;
    }
    ws.d[ws.rank - 1] = ys.d[last] = columns;
    const cynf_tensor_id merged_w = cynf_g_const(g, &ws, w), merged_b = bias ? cynf_g_const1(g, columns, b) : CYNF_NO_TENSOR, y = cynf_g_tensor(g, &ys);
    free(w);
    int32_t begin[CYNF_MAX_DIMS] = {0}, step[CYNF_MAX_DIMS];
    for (int i = 0; i < CYNF_MAX_DIMS; i++)
        step[i] = 1;
    for (int k = 0; k < n && !g->status; k++) {
        const cynf_tensor_id out = g->node[member[k]].out;
        const cynf_shape part = shape(g, out);
        g->cur_name = g->node[member[k]].name;
        g->cur_class = g->node[member[k]].klass;
        if (cynf_g_slice(g, y, begin, part.d, step) < 0)
            return;
        g->cur_name = g->cur_class = NULL;
        g->node[g->n_node - 1].out = out;
        begin[last] += part.d[last];
    }
    if (g->status)
        return;
    cynf_node *m = &g->node[j];
    m->in[1] = merged_w;
    m->n_in = 2;
    if (merged_b >= 0)
        m->in[m->n_in++] = merged_b;
    m->out = y;
    g->t[y].producer = j;
    for (int k = 1; k < n; k++)
        g->node[member[k]].dead = true;
    for (int k = 0; k < n; k++)
        move_node(g, g->n_node - 1, j + 1); /* each goes in front of those after it */
}

cynf_status cynf_graph_optimise(cynf_graph *g)
{
    static bool (*const passes[])(cynf_graph *, int) = {fold_constant, fold_same, fold_reshape, fold_transpose, hoist_over_reshape, fold_pad, fold_scale, fold_activation,
        hoist_over_concat, fold_residual};
    bool changed = true;
    while (changed && !g->status) {
        changed = false;
        for (size_t p = 0; p < sizeof passes / sizeof *passes; p++) {
            count_uses(g);
            for (int j = 0; j < g->n_node && !g->status; j++)
                if (!g->node[j].dead)
                    changed |= passes[p](g, j);
        }
        changed |= remove_unused(g);
    }
    count_uses(g);
    for (int j = 0; j < g->n_node && !g->status; j++)
        if (!g->node[j].dead)
            move_scale(g, j);
    for (int j = 0; j < g->n_node && !g->status; j++)
        if (!g->node[j].dead)
            pixel_to_dense(g, j);
    count_uses(g);
    for (int j = 0; j < g->n_node && !g->status; j++)
        if (!g->node[j].dead)
            merge_siblings(g, j);
    for (int j = 0; j < g->n_node && !g->status; j++)
        if (!g->node[j].dead)
            widen_constants(g, j);
    count_uses(g);
    return g->status ? g->status : compact(g);
}
