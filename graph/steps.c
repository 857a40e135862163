/* SPDX-License-Identifier: MIT */
/** Nodes to kernel calls: geometry from locations, kernel choice, packing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/large.h"
#include "graph/custom.h"
#include "graph/program_internal.h"

#define ALIGN_BYTES 64

static const cynf_shape *shape(const cynf_builder *b, cynf_tensor_id t) { return &b->g->t[t].shape; }

/* ---- constants ----------------------------------------------------------------------------------------------------------- */

static int64_t base_bytes(const cynf_builder *b) { return b->o->base ? b->o->base->consts_bytes : 0; }

/* The program's own constants at an offset that consts_reserve() gave. */
static void *own(const cynf_builder *b, int64_t offset) { return (char *)b->p->consts + (offset - base_bytes(b)); }

/* Room for bytes in the constants; the offset, or -1. */
static int64_t consts_reserve(cynf_builder *b, int64_t bytes)
{
    cynf_program *p = b->p;
    const int64_t at = p->consts_bytes, end = CYNF_ROUND_UP(at + bytes, ALIGN_BYTES);
    if (end > b->cap_consts) {
        const int64_t cap = end > 2 * b->cap_consts ? end : 2 * b->cap_consts;
        void *q = cynf_alloc_large((size_t)CYNF_ROUND_UP(cap, ALIGN_BYTES));
        if (!q) {
            cynf_build_fail(b, CYNF_ENOMEM, "out of memory for %lld bytes of weights", (long long)cap);
            return -1;
        }
        if (p->consts)
            memcpy(q, p->consts, (size_t)at);
        free(p->consts);
        p->consts = q;
        b->cap_consts = CYNF_ROUND_UP(cap, ALIGN_BYTES);
    }
    memset((char *)p->consts + at, 0, (size_t)(end - at));
    p->consts_bytes = end;
    return base_bytes(b) + at;
}

static bool same_raw(const cynf_weights *a, const cynf_weights *c) { return a->w == c->w && a->bias == c->bias && a->w2 == c->w2 && a->bias2 == c->bias2; }

/* Whether weights are packed alike for two geometries of an operation: sizes of images, batches and sequences do not matter, nor does where they lie. */
static bool packs_alike(const cynf_problem *p, const cynf_problem *q)
{
    const cynf_op op = p->op;
    const cynf_conv2d *c = op == CYNF_OP_SEPCONV2D ? &p->u.sepconv2d.pw : &p->u.conv2d, *c2 = op == CYNF_OP_SEPCONV2D ? &q->u.sepconv2d.pw : &q->u.conv2d;
    const cynf_dwconv2d *d = op == CYNF_OP_SEPCONV2D ? &p->u.sepconv2d.dw : &p->u.dwconv2d, *d2 = op == CYNF_OP_SEPCONV2D ? &q->u.sepconv2d.dw : &q->u.dwconv2d;
    const bool conv = c->kh == c2->kh && c->kw == c2->kw && c->ic == c2->ic && c->oc == c2->oc && c->groups == c2->groups && c->x.b == c2->x.b;
    const bool depthwise = d->kh == d2->kh && d->kw == d2->kw && d->c == d2->c && d->mult == d2->mult && d->x.b == d2->x.b;
    switch (op) {
    case CYNF_OP_CONV2D: return conv;
    case CYNF_OP_DWCONV2D: return depthwise;
    case CYNF_OP_SEPCONV2D: return conv && depthwise;
    case CYNF_OP_FC: return p->u.fc.k == q->u.fc.k && p->u.fc.n == q->u.fc.n;
    case CYNF_OP_RNN: return p->u.rnn.kind == q->u.rnn.kind && p->u.rnn.h == q->u.rnn.h && p->u.rnn.f == q->u.rnn.f;
    case CYNF_OP_LOOKUP: return p->u.lookup.rows == q->u.lookup.rows && p->u.lookup.len == q->u.lookup.len;
    default: return false;
    }
}

/* The step of the base program with the same weights, or NULL. */
static const cynf_step *base_step(const cynf_builder *b, const cynf_step *s)
{
    for (int i = 0; b->o->base && s->raw.w && i < b->o->base->n_step; i++)
        if (b->o->base->step[i].problem.op == s->problem.op && same_raw(&b->o->base->step[i].raw, &s->raw))
            return &b->o->base->step[i];
    return NULL;
}

/* Shared layers of the same geometry share their packed weights, and so do the bands of a layer. */
static void pack(cynf_builder *b, cynf_step *s)
{
    const cynf_program *p = b->p;
    s->packed_offset = -1;
    s->packed_bytes = (int64_t)cynf_kernel_packed_bytes(s->kernel, &s->problem.u);
    if (!s->packed_bytes)
        return;
    const cynf_step *t = base_step(b, s);
    if (t && t->kernel == s->kernel && t->packed_bytes == s->packed_bytes && packs_alike(&t->problem, &s->problem)) {
        s->packed_offset = t->packed_offset;
        return;
    }
    for (int i = 0; i < p->n_step; i++)
        if (p->step[i].kernel == s->kernel && p->step[i].packed_offset >= 0 && same_raw(&p->step[i].raw, &s->raw) &&
            (!memcmp(&p->step[i].problem, &s->problem, sizeof s->problem) ||
                (p->step[i].node == s->node && p->step[i].packed_bytes == s->packed_bytes && packs_alike(&p->step[i].problem, &s->problem)))) {
            s->packed_offset = p->step[i].packed_offset;
            return;
        }
    if ((s->packed_offset = consts_reserve(b, s->packed_bytes)) >= 0)
        cynf_kernel_pack(s->kernel, &s->problem.u, &s->raw, own(b, s->packed_offset));
}

/* ---- steps ----------------------------------------------------------------------------------------------------------------- */

static bool forced(const char *force, const char *name)
{
    while (*force) {
        char part[128];
        const size_t n = strcspn(force, ",");
        if (n && n < sizeof part) {
            memcpy(part, force, n);
            part[n] = 0;
            if (strstr(name, part))
                return true;
        }
        force += n + (force[n] == ',');
    }
    return false;
}

/* Whether the program may have k for p. */
static bool allowed(const cynf_builder *b, const cynf_kernel *k, const cynf_problem *p)
{
    return k->algo->op == p->op && cynf_kernel_supports(k, &p->u) && (!k->algo->sleef || b->o->math == CYNF_MATH_SLEEF) &&
        (b->g->exact ? cynf_kernel_exact(k, &p->u) : !cynf_kernel_calls_fmaf(k));
}

#define BARRIER_SECONDS 5e-7 /* handing units out, and waiting for the last one */

/* Modelled seconds of k on the builder's threads. */
static double shared_seconds(const cynf_builder *b, const cynf_kernel *k, const cynf_problem *p)
{
    const int stages = cynf_kernel_stages(k, &p->u);
    const double units = (double)cynf_kernel_units(k, &p->u, stages - 1);
    return cynf_kernel_cost(k, &p->u, b->machine) / fmin(units, b->o->threads) + stages * BARRIER_SECONDS;
}

/* The cost model's choice. What has a stage for each step of time is the one thing for which it hangs on the number of threads, among kernels that give the same bits. */
static const cynf_kernel *automatic(const cynf_builder *b, const cynf_problem *p, bool one_stage)
{
    const cynf_kernel *best = b->g->exact ? cynf_auto_exact(p->op, &p->u, b->machine) : cynf_auto_math(p->op, &p->u, b->machine, b->o->math), *all[64];
    if (p->op != CYNF_OP_RNN || b->o->threads < 2 || b->p->serial || one_stage)
        return best;
    const size_t n = (b->g->exact ? cynf_exact_candidates : cynf_candidates)(p->op, &p->u, b->machine, all, 64);
    const cynf_kernel *shared = best;
    for (size_t i = 0; i < n && i < 64; i++)
        if (all[i]->tile.mr == best->tile.mr && all[i]->fma == best->fma && shared_seconds(b, all[i], p) < shared_seconds(b, shared, p))
            shared = all[i];
    return shared;
}

/* The recurrent node beside recurrent node j, dir = 1 after or -1 before it, where neither needs the other: the other direction of a Bidirectional layer. -1: none. */
static int32_t partner_of(const cynf_builder *b, int32_t j, int32_t dir)
{
    const cynf_graph *g = b->g;
    int32_t k = j + dir;
    while (k >= 0 && k < g->n_node && g->node[k].dead)
        k += dir;
    if (b->o->threads < 2 || j < 0 || k < 0 || k >= g->n_node || g->node[j].op != CYNF_N_RNN || g->node[k].op != CYNF_N_RNN)
        return -1;
    const cynf_node *first = &g->node[dir > 0 ? j : k], *second = &g->node[dir > 0 ? k : j];
    for (int i = 0; i < second->n_in; i++)
        if (second->in[i] == first->out)
            return -1;
    return k;
}

/* The cheapest kernel for p whose name is asked for, or NULL. */
static const cynf_kernel *forced_kernel(const cynf_builder *b, const cynf_problem *p)
{
    const cynf_kernel *all[512];
    if (!b->o->force || !*b->o->force)
        return NULL;
    const size_t n = (b->g->exact ? cynf_exact_candidates : cynf_candidates)(p->op, &p->u, b->machine, all, 512);
    for (size_t i = 0; i < n && i < 512; i++)
        if (forced(b->o->force, cynf_kernel_name(all[i])))
            return all[i];
    return NULL;
}

static const cynf_kernel *choose(cynf_builder *b, const cynf_step *s, int32_t node)
{
    const cynf_problem *p = &s->problem;
    const cynf_step *t = base_step(b, s);
    const cynf_kernel *k = t && allowed(b, t->kernel, p) ? t->kernel : NULL;
    if (!k)
        k = forced_kernel(b, p);
    if (!k && b->o->choose)
        k = b->o->choose(b->o->choose_ctx, p, node);
    /* Steps of few sequences wait for each other: directions are computed at the same time, by kernels that have no barrier of their own. */
    const bool paired = partner_of(b, node, 1) >= 0 || partner_of(b, node, -1) >= 0;
    return k && allowed(b, k, p) && !(paired && cynf_kernel_stages(k, &p->u) > 1) ? k : automatic(b, p, paired);
}

/* Where tensor t lies, relative to its buffer; constants are copied into the program. */
static cynf_ref ref(cynf_builder *b, cynf_tensor_id t)
{
    const cynf_tensor *x = &b->g->t[t];
    if (!x->data)
        return (cynf_ref){CYNF_IN_ARENA, b->loc[t].buffer, b->loc[t].offset};
    if (b->loc[t].buffer < 0) {
        const size_t bytes = cynf_shape_elems(&x->shape) * sizeof(float);
        cynf_location_plain(&b->loc[t], &x->shape);
        b->loc[t].offset = consts_reserve(b, (int64_t)bytes) / (int64_t)sizeof(float);
        if (b->status)
            return (cynf_ref){CYNF_IN_CONST, 0, 0};
        b->loc[t].buffer = INT32_MAX;
        memcpy(own(b, b->loc[t].offset * (int64_t)sizeof(float)), x->data, bytes);
    }
    return (cynf_ref){CYNF_IN_CONST, 0, b->loc[t].offset};
}

/* Room for one more step, which counts when p->n_step does; NULL after an error. */
static cynf_step *new_step(cynf_builder *b, int32_t node, int n_in, const cynf_ref *in, cynf_ref out)
{
    cynf_program *p = b->p;
    if (b->status)
        return NULL;
    if (p->n_step == b->cap_step) {
        const int32_t cap = b->cap_step ? 2 * b->cap_step : 64;
        cynf_step *q = realloc(p->step, (size_t)cap * sizeof *q);
        if (!q) {
            cynf_build_fail(b, CYNF_ENOMEM, "out of memory");
            return NULL;
        }
        p->step = q;
        b->cap_step = cap;
    }
    cynf_step *s = &p->step[p->n_step];
    memset(s, 0, sizeof *s);
    s->node = node;
    s->name = node >= 0 ? b->g->node[node].name : NULL;
    s->part = node >= 0 && b->band_end[node] >= 0;
    s->n_in = n_in;
    memcpy(s->in, in, (size_t)n_in * sizeof *in);
    s->out = out;
    return s;
}

/* The call for problem, by the kernel for whole, of which it may be a part, if that runs it. */
static void emit_part(cynf_builder *b, int32_t node, const cynf_problem *problem, const cynf_problem *whole, int n_in, const cynf_ref *in, cynf_ref out, const cynf_weights *raw)
{
    cynf_program *p = b->p;
    cynf_step *s = new_step(b, node, n_in, in, out);
    if (!s)
        return;
    const char *why, *name = s->name, *klass = node >= 0 ? b->g->node[node].klass : NULL;
    if (!cynf_geometry_valid(problem->op, &problem->u, &why)) {
        cynf_build_fail(b, CYNF_EUNSUPPORTED, "layer \"%s\" (%s): %s", name ? name : "?", klass ? klass : "?", why);
        return;
    }
    s->problem = *whole;
    cynf_geometry_simplify(whole->op, &s->problem.u);
    if (raw)
        s->raw = *raw;
    s->kernel = choose(b, s, node);
    s->problem = *problem;
    cynf_geometry_simplify(problem->op, &s->problem.u);
    if (problem != whole && !(s->kernel && allowed(b, s->kernel, &s->problem)))
        s->kernel = automatic(b, &s->problem, false);
    if (!s->kernel) {
        cynf_build_fail(b, CYNF_EUNSUPPORTED, "layer \"%s\" (%s): no %skernel runs it", name ? name : "?", klass ? klass : "?", b->g->exact ? "exact " : "");
        return;
    }
    pack(b, s);
    s->workspace_offset = -1;
    s->workspace_bytes = (int64_t)cynf_kernel_workspace_bytes(s->kernel, &s->problem.u, p->threads);
    p->n_step++;
}

static void emit(cynf_builder *b, int32_t node, const cynf_problem *problem, int n_in, const cynf_ref *in, cynf_ref out, const cynf_weights *raw)
{
    emit_part(b, node, problem, problem, n_in, in, out, raw);
}

/* ---- convolutions ------------------------------------------------------------------------------------------------------------ */

static cynf_view view(const cynf_builder *b, cynf_tensor_id t)
{
    return cynf_location_view(&b->loc[t], shape(b, t));
}

/* Raw weights: operand 1 and, where there is one, the bias. */
static void raw_weights(const cynf_builder *b, const cynf_node *n, const float **w, const float **bias)
{
    *w = b->g->t[n->in[1]].data;
    *bias = n->n_in - !!n->e.residual - (n->op == CYNF_N_CONV2D && n->kind) > 2 ? b->g->t[n->in[2]].data : NULL;
}

static cynf_conv2d conv2d_geometry(const cynf_builder *b, const cynf_node *n)
{
    const cynf_shape *x = shape(b, n->in[0]), *y = shape(b, n->out);
    cynf_conv2d g = {.n = x->d[0], .h = x->d[1], .w = x->d[2], .ic = x->d[3], .oh = y->d[1], .ow = y->d[2], .oc = y->d[3], .kh = n->kh, .kw = n->kw,
        .sh = n->sh, .sw = n->sw, .dh = n->dh, .dw = n->dw, .pt = n->pt, .pl = n->pl, .groups = n->groups, .scaled = n->kind, .e = n->e};
    g.x = view(b, n->in[0]);
    g.y = view(b, n->out);
    if (n->e.residual)
        g.r = view(b, n->in[n->n_in - 1]);
    return g;
}

static cynf_dwconv2d dwconv2d_geometry(const cynf_builder *b, const cynf_node *n)
{
    const cynf_shape *x = shape(b, n->in[0]), *y = shape(b, n->out);
    cynf_dwconv2d g = {.n = x->d[0], .h = x->d[1], .w = x->d[2], .c = x->d[3], .mult = n->mult, .oh = y->d[1], .ow = y->d[2], .kh = n->kh, .kw = n->kw,
        .sh = n->sh, .sw = n->sw, .dh = n->dh, .dw = n->dw, .pt = n->pt, .pl = n->pl, .e = n->e};
    g.x = view(b, n->in[0]);
    g.y = view(b, n->out);
    if (n->e.residual)
        g.r = view(b, n->in[n->n_in - 1]);
    return g;
}

static cynf_sepconv2d sepconv2d_geometry(const cynf_builder *b, const cynf_node *dw, const cynf_node *pw)
{
    cynf_sepconv2d g = {dwconv2d_geometry(b, dw), conv2d_geometry(b, pw)};
    g.dw.y = g.pw.x = (cynf_view){0};
    return g;
}

static cynf_problem conv_problem(const cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j], *dw = cynf_fused_into(b, j);
    cynf_problem p = {.op = dw ? CYNF_OP_SEPCONV2D : n->op == CYNF_N_CONV2D ? CYNF_OP_CONV2D : CYNF_OP_DWCONV2D};
    if (dw)
        p.u.sepconv2d = sepconv2d_geometry(b, dw, n);
    else if (n->op == CYNF_N_CONV2D)
        p.u.conv2d = conv2d_geometry(b, n);
    else
        p.u.dwconv2d = dwconv2d_geometry(b, n);
    return p;
}

/* Operands of the call for node j; returns their number. */
static int conv_operands(cynf_builder *b, int j, cynf_ref in[CYNF_MAX_INPUTS], cynf_weights *raw)
{
    const cynf_node *n = &b->g->node[j], *dw = cynf_fused_into(b, j);
    *raw = (cynf_weights){0};
    raw_weights(b, dw ? dw : n, &raw->w, &raw->bias);
    if (dw)
        raw_weights(b, n, &raw->w2, &raw->bias2);
    in[0] = ref(b, dw ? dw->in[0] : n->in[0]);
    int n_in = 1;
    if (n->e.residual)
        in[n_in++] = ref(b, n->in[n->n_in - 1]);
    if (!dw && n->op == CYNF_N_CONV2D && n->kind)
        in[n_in++] = ref(b, n->in[n->n_in - 1 - !!n->e.residual]);
    return n_in;
}

static void conv_step(cynf_builder *b, int j)
{
    const cynf_problem p = conv_problem(b, j);
    cynf_weights raw;
    cynf_ref in[CYNF_MAX_INPUTS];
    const int n_in = conv_operands(b, j, in, &raw);
    emit(b, j, &p, n_in, in, ref(b, b->g->node[j].out), &raw);
}

/* ---- pairs -------------------------------------------------------------------------------------------------------------------- */

static cynf_problem fc_problem(const cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *xs = shape(b, n->in[0]), *ys = shape(b, n->out);
    const int r = xs->rank;
    cynf_problem p = {.op = CYNF_OP_FC};
    p.u.fc = (cynf_fc){.m = (int32_t)(cynf_shape_elems(ys) / (size_t)ys->d[r - 1]), .k = xs->d[r - 1], .n = ys->d[r - 1], .e = n->e};
    /* Rank 2 tensors may have gaps between rows; others are contiguous. */
    p.u.fc.x_rs = r > 1 ? b->loc[n->in[0]].stride[r - 2] : p.u.fc.k;
    p.u.fc.y_rs = r > 1 ? b->loc[n->out].stride[r - 2] : p.u.fc.n;
    if (n->e.residual)
        p.u.fc.r_rs = r > 1 ? b->loc[n->in[n->n_in - 1]].stride[r - 2] : p.u.fc.n;
    return p;
}

/* fc: the projection, of whose input it is computed, or NULL. */
static cynf_problem rnn_problem(const cynf_builder *b, int j, const cynf_node *fc)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_tensor_id x = fc ? fc->in[0] : n->in[0];
    const cynf_shape *xs = shape(b, x), *us = shape(b, n->in[1]);
    const int32_t h = us->d[0], *x_stride = b->loc[x].stride, *y_stride = b->loc[n->out].stride;
    const int states = 2 + (n->kind == CYNF_RNN_GRU_AFTER);
    cynf_problem p = {.op = CYNF_OP_RNN};
    cynf_rnn *g = &p.u.rnn;
    *g = (cynf_rnn){.kind = n->kind, .n = xs->d[0], .t = xs->d[1], .h = h, .f = fc ? xs->d[2] : 0, .x_reverse = !!(n->rnn & CYNF_RNN_X_REVERSE),
        .y_reverse = !!(n->rnn & CYNF_RNN_Y_REVERSE), .sequences = !!(n->rnn & CYNF_RNN_SEQUENCES), .states = !!(n->rnn & CYNF_RNN_STATES),
        .initial = !!(n->rnn & CYNF_RNN_INITIAL), .masked = !!(n->rnn & CYNF_RNN_MASKED), .zero_masked = !!(n->rnn & CYNF_RNN_ZERO_MASKED),
        .x_ns = x_stride[0], .x_ts = x_stride[1], .y_ns = y_stride[0], .y_ts = shape(b, n->out)->rank == 3 ? y_stride[1] : h, .e = n->e, .re = n->re};
    g->s_offset = g->states ? (g->sequences ? g->t : 1) * h : 0;
    if (g->initial)
        g->i_ns = b->loc[n->in[states]].stride[0];
    if (g->masked)
        g->m_ns = b->loc[n->in[states + g->initial]].stride[0];
    return p;
}

/* Modelled seconds of k, or INFINITY for NULL. */
static double modelled(const cynf_builder *b, const cynf_kernel *k, const cynf_problem *p, bool shared)
{
    return !k ? INFINITY : shared ? shared_seconds(b, k, p) : cynf_kernel_cost(k, &p->u, b->machine);
}

/* Whether threads are better off with the projection and the recurrence apart, where that gives the bits of both in one. */
static bool share_apart(const cynf_builder *b, const cynf_problem parts[2], const cynf_problem *both, const cynf_kernel *projection, const cynf_kernel *fused)
{
    const cynf_kernel *recurrence = automatic(b, &parts[1], false);
    return cynf_kernel_exact(projection, &parts[0].u) && projection->fma == fused->fma && recurrence->fma == fused->fma && recurrence->tile.mr == 1 &&
        modelled(b, projection, &parts[0], true) + modelled(b, recurrence, &parts[1], true) < modelled(b, fused, both, true);
}

/* Whether nodes i and j are fused, asked for or left to the cost model. */
static bool fuses(cynf_builder *b, int i, int j, bool asked)
{
    const cynf_node *first = &b->g->node[i], *second = &b->g->node[j];
    const bool recurrent = second->op == CYNF_N_RNN;
    /* Layouts as if both were alone: places are not known yet. */
    const cynf_tensor_id t[3] = {first->in[0], first->out, second->out};
    cynf_location old[3];
    for (int k = 0; k < 3; k++) {
        old[k] = b->loc[t[k]];
        if (b->block[t[k]])
            cynf_location_blocked(&b->loc[t[k]], shape(b, t[k]), b->block[t[k]]);
        else
            cynf_location_plain(&b->loc[t[k]], shape(b, t[k]));
    }
    cynf_problem parts[2], both = {.op = CYNF_OP_SEPCONV2D};
    if (recurrent) {
        parts[0] = fc_problem(b, i);
        parts[1] = rnn_problem(b, j, NULL);
        both = rnn_problem(b, j, first);
    } else {
        cynf_node plain = *second;
        plain.e.residual = 0; /* the same for both sides of the comparison */
        plain.n_in -= !!second->e.residual;
        parts[0] = (cynf_problem){.op = CYNF_OP_DWCONV2D, .u.dwconv2d = dwconv2d_geometry(b, first)};
        parts[1] = (cynf_problem){.op = CYNF_OP_CONV2D, .u.conv2d = conv2d_geometry(b, &plain)};
        both.u.sepconv2d = sepconv2d_geometry(b, first, &plain);
    }
    for (int k = 0; k < 3; k++)
        b->loc[t[k]] = old[k];
    if (forced_kernel(b, &both) && !forced_kernel(b, &parts[1]))
        return true;
    const cynf_kernel *k0 = automatic(b, &parts[0], true), *k1 = automatic(b, &parts[1], true), *k = automatic(b, &both, true);
    if (asked || !(modelled(b, k, &both, false) < modelled(b, k0, &parts[0], false) + modelled(b, k1, &parts[1], false)))
        return asked && k0 && k1 && k;
    /* A sequence is one thread's, unless its steps are shared; two directions have a thread each. */
    return !(recurrent && b->o->threads > 1 && !b->p->serial && partner_of(b, j, 1) < 0 && partner_of(b, j, -1) < 0 && share_apart(b, parts, &both, k0, k));
}

void cynf_build_fuse(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    const cynf_decisions *dec = b->o->decisions;
    for (int j = 0; j < g->n_node; j++) {
        const int i = b->pair[j];
        if (i < 0)
            continue;
        int fuse = dec && dec->fuse && i < dec->n_node ? dec->fuse[i] : -1;
        if (b->o->base && b->o->base->graph->n_node == g->n_node) {
            fuse = 0;
            for (int k = 0; k < b->o->base->n_step; k++)
                fuse |= b->o->base->step[k].node == j && cynf_step_fused(&b->o->base->step[k]);
        }
        b->fused_away[i] = fuse < 0 || (fuse > 0 && g->exact) ? fuses(b, i, j, fuse > 0) : fuse; /* what is asked for may have no exact kernel */
    }
}

/* ---- index spaces ------------------------------------------------------------------------------------------------------------ */

static void copy_dims(int32_t *to, const int32_t *from, int rank) { memcpy(to, from, (size_t)rank * sizeof *to); }

static bool collapse(cynf_builder *b, int j, cynf_space_map *m)
{
    if (cynf_space_collapse(m))
        return true;
    const cynf_node *n = &b->g->node[j];
    cynf_build_fail(b, CYNF_EUNSUPPORTED, "layer \"%s\" (%s): its index space has over %d dimensions", n->name ? n->name : "?", n->klass ? n->klass : "?", CYNF_MAX_DIMS);
    return false;
}

/* y = x over the space of m (operand 0: y, operand 1: x). */
static void copy_step(cynf_builder *b, int j, cynf_space_map *m, cynf_ref x, cynf_ref y)
{
    if (!collapse(b, j, m))
        return;
    cynf_problem p = {.op = CYNF_OP_COPY};
    p.u.copy.rank = m->rank;
    copy_dims(p.u.copy.dims, m->dim, m->rank);
    copy_dims(p.u.copy.ys, m->stride[0], m->rank);
    copy_dims(p.u.copy.xs, m->stride[1], m->rank);
    emit(b, j, &p, 1, &x, y, NULL);
}

/* Copies tensor x, whose location may be overridden, into the part of y that starts at `at`, in steps of `step` along `axis`. */
static void copy_into(cynf_builder *b, int j, cynf_tensor_id x, cynf_tensor_id y, const int32_t *at, int axis, int32_t step)
{
    const cynf_ref from = ref(b, x);
    cynf_ref to = ref(b, y);
    cynf_location ly = b->loc[y];
    const cynf_location *lx = &b->loc[x];
    const cynf_shape *s = shape(b, x);
    to.offset += cynf_location_at(&ly, s, at);
    ly.stride[axis] *= step;
    cynf_space_map m;
    cynf_space_from(&m, s, 2, (const cynf_shape *[]){s, s}, (const cynf_location *[]){&ly, lx}, 0);
    copy_step(b, j, &m, from, to);
}

/* The rows of band, or all when that is NULL; operands that are as large as the output then are one, the first. */
static void eltwise_part(cynf_builder *b, int j, const cynf_band *band)
{
    const cynf_node *n = &b->g->node[j];
    cynf_shape ys = *shape(b, n->out), xs = *shape(b, n->in[0]);
    const cynf_shape *s[1 + CYNF_MAX_INPUTS] = {&ys, &xs};
    const cynf_location *l[1 + CYNF_MAX_INPUTS] = {&b->loc[n->out]};
    cynf_ref in[CYNF_MAX_INPUTS], out = ref(b, n->out);
    for (int i = 0; i < n->n_in; i++) {
        in[i] = ref(b, n->in[i]);
        l[1 + i] = &b->loc[n->in[i]];
        if (i)
            s[1 + i] = shape(b, n->in[i]);
    }
    if (band) {
        ys.d[1] = xs.d[1] = band->y1 - band->y0;
        in[0].offset += (int64_t)(band->y0 - band->x_base) * l[1]->stride[1];
        out.offset += (int64_t)(band->y0 - band->y_base) * l[0]->stride[1];
    }
    cynf_space_map m;
    cynf_space_from(&m, s[0], 1 + n->n_in, s, l, 0);
    if (!collapse(b, j, &m))
        return;
    cynf_problem p = {.op = CYNF_OP_ELTWISE};
    p.u.eltwise.kind = n->kind;
    p.u.eltwise.rank = m.rank;
    p.u.eltwise.e = n->e;
    copy_dims(p.u.eltwise.dims, m.dim, m.rank);
    copy_dims(p.u.eltwise.ys, m.stride[0], m.rank);
    for (int i = 0; i < n->n_in; i++)
        copy_dims(p.u.eltwise.xs[i], m.stride[1 + i], m.rank);
    emit(b, j, &p, n->n_in, in, out, NULL);
}

static void reduce_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *xs = shape(b, n->in[0]);
    const cynf_ref in = ref(b, n->in[0]);
    /* The output with kept dimensions: the reduced ones have stride 0. Its own shape has ones, or lacks them. */
    cynf_location y = {0};
    cynf_shape ys = *xs;
    const cynf_location *ly = &b->loc[n->out];
    for (int i = 0, k = 0; i < xs->rank; i++) {
        const bool reduced = n->mask >> i & 1;
        y.stride[i] = reduced ? 0 : ly->stride[k];
        if (reduced)
            ys.d[i] = 1;
        k += !reduced || n->keepdims;
    }
    cynf_space_map m;
    cynf_space_from(&m, xs, 2, (const cynf_shape *[]){xs, &ys}, (const cynf_location *[]){&b->loc[n->in[0]], &y}, (uint32_t)n->mask);
    if (!collapse(b, j, &m))
        return;
    cynf_problem p = {.op = CYNF_OP_REDUCE};
    p.u.reduce.kind = n->kind;
    p.u.reduce.rank = m.rank;
    p.u.reduce.e = n->e;
    copy_dims(p.u.reduce.dims, m.dim, m.rank);
    copy_dims(p.u.reduce.xs, m.stride[0], m.rank);
    copy_dims(p.u.reduce.ys, m.stride[1], m.rank);
    for (int i = 0; i < m.rank; i++)
        p.u.reduce.mask |= (int32_t)(m.mark[i] << i);
    emit(b, j, &p, 1, &in, ref(b, n->out), NULL);
}

static void transpose_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_ref in = ref(b, n->in[0]);
    const cynf_shape *ys = shape(b, n->out);
    cynf_location x = b->loc[n->in[0]];
    for (int i = 0; i < ys->rank; i++)
        x.stride[i] = b->loc[n->in[0]].stride[n->perm[i]];
    cynf_space_map m;
    cynf_space_from(&m, ys, 2, (const cynf_shape *[]){ys, ys}, (const cynf_location *[]){&b->loc[n->out], &x}, 0);
    copy_step(b, j, &m, in, ref(b, n->out));
}

static void slice_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    cynf_ref in = ref(b, n->in[0]);
    const cynf_shape *ys = shape(b, n->out);
    const cynf_location *y = &b->loc[n->out];
    cynf_location x = b->loc[n->in[0]];
    cynf_space_map m;
    bool same = !b->g->t[n->in[0]].data && x.buffer == y->buffer;
    for (int i = 0; i < ys->rank; i++) {
        in.offset += (int64_t)n->begin[i] * x.stride[i];
        x.stride[i] *= n->step[i];
        same &= x.stride[i] == y->stride[i];
    }
    if (same && in.offset == y->offset) /* a view */
        return;
    cynf_space_from(&m, ys, 2, (const cynf_shape *[]){ys, ys}, (const cynf_location *[]){&b->loc[n->out], &x}, 0);
    copy_step(b, j, &m, in, ref(b, n->out));
}

/* Of the input's axis 1, `rows` elements, or all for 0. */
static void repeat_part(cynf_builder *b, int j, cynf_ref x, cynf_ref y, int32_t rows)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *xs = shape(b, n->in[0]);
    const cynf_location *lx = &b->loc[n->in[0]], *ly = &b->loc[n->out];
    cynf_space_map m = {.n = 2};
    for (int i = 0; i < xs->rank; i++)
        for (int part = 0; part < 1 + (n->perm[i] > 1); part++, m.rank++) {
            m.dim[m.rank] = part ? n->perm[i] : i == 1 && rows ? rows : xs->d[i];
            m.stride[0][m.rank] = part ? ly->stride[i] : ly->stride[i] * n->perm[i];
            m.stride[1][m.rank] = part ? 0 : lx->stride[i];
        }
    copy_step(b, j, &m, x, y);
}

static void repeat_step(cynf_builder *b, int j)
{
    const cynf_ref x = ref(b, b->g->node[j].in[0]);
    repeat_part(b, j, x, ref(b, b->g->node[j].out), 0);
}

/* The border, one slab per side and axis; the interior has been written in place or is copied. */
static void pad_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *xs = shape(b, n->in[0]), *ys = shape(b, n->out);
    const cynf_ref value = {CYNF_IN_CONST, 0, consts_reserve(b, sizeof n->value) / (int64_t)sizeof n->value};
    if (b->status)
        return;
    *(float *)own(b, value.offset * (int64_t)sizeof n->value) = n->value;
    cynf_shape slab = *ys; /* axes before this one are whole, those after it only the interior, so that slabs do not overlap */
    const cynf_location *ly = &b->loc[n->out];
    int32_t at[CYNF_MAX_DIMS] = {0};
    for (int axis = 0; axis < ys->rank; axis++) {
        for (int side = 0; side < 2; side++) {
            slab.d[axis] = side ? n->step[axis] : n->begin[axis];
            if (!slab.d[axis])
                continue;
            at[axis] = side ? n->begin[axis] + xs->d[axis] : 0;
            cynf_ref y = ref(b, n->out);
            y.offset += cynf_location_at(ly, ys, at);
            const cynf_location none = {0};
            cynf_space_map m;
            cynf_space_from(&m, &slab, 2, (const cynf_shape *[]){&slab, &slab}, (const cynf_location *[]){ly, &none}, 0);
            for (int i = 0; i < m.rank; i++)
                m.stride[1][i] = 0;
            copy_step(b, j, &m, value, y);
        }
        slab.d[axis] = xs->d[axis];
        at[axis] = n->begin[axis];
    }
    if (b->loc[n->in[0]].buffer != ly->buffer)
        copy_into(b, j, n->in[0], n->out, n->begin, 0, 1);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------------------- */

static void fc_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_problem p = fc_problem(b, j);
    const cynf_ref in[2] = {ref(b, n->in[0]), n->e.residual ? ref(b, n->in[n->n_in - 1]) : (cynf_ref){0}};
    cynf_weights raw = {0};
    raw_weights(b, n, &raw.w, &raw.bias);
    emit(b, j, &p, 1 + !!n->e.residual, in, ref(b, n->out), &raw);
}

static void gemm_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *ps = shape(b, n->in[0]), *qs = shape(b, n->in[1]), *ys = shape(b, n->out);
    const int r = ys->rank;
    cynf_problem p = {.op = CYNF_OP_GEMM};
    cynf_gemm *g = &p.u.gemm;
    *g = (cynf_gemm){.b0 = 1, .b1 = 1, .m = ys->d[r - 2], .n = ys->d[r - 1], .k = ps->d[r - 1], .e = n->e};
    const cynf_ref in[2] = {ref(b, n->in[0]), ref(b, n->in[1])};
    const cynf_location *lp = &b->loc[n->in[0]], *lq = &b->loc[n->in[1]], *ly = &b->loc[n->out];
    for (int i = 0; i < r - 2; i++)
        g->b1 *= ys->d[i];
    g->p_rs = lp->stride[r - 2];
    g->p_cs = lp->stride[r - 1];
    g->q_rs = lq->stride[r - 2];
    g->q_cs = lq->stride[r - 1];
    g->y_rs = ly->stride[r - 2];
    if (r > 2) {
        g->p_s1 = ps->d[r - 2] * g->p_rs;
        g->q_s1 = qs->d[r - 2] * g->q_rs;
        g->y_s1 = ys->d[r - 2] * g->y_rs;
    }
    emit(b, j, &p, 2, in, ref(b, n->out), NULL);
}

static cynf_problem pool_problem(const cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *xs = shape(b, n->in[0]), *ys = shape(b, n->out);
    const int v = xs->rank == 5;
    cynf_problem p = {.op = CYNF_OP_POOL};
    p.u.pool = (cynf_pool){.kind = n->kind, .n = xs->d[0], .d = v ? xs->d[1] : 1, .h = xs->d[1 + v], .w = xs->d[2 + v], .c = xs->d[3 + v],
        .od = v ? ys->d[1] : 1, .oh = ys->d[1 + v], .ow = ys->d[2 + v], .kd = n->kd, .kh = n->kh, .kw = n->kw, .sd = n->sd, .sh = n->sh, .sw = n->sw,
        .pf = n->pf, .pt = n->pt, .pl = n->pl, .x_ds = v ? b->loc[n->in[0]].stride[1] : 0, .y_ds = v ? b->loc[n->out].stride[1] : 0, .e = n->e};
    p.u.pool.x = view(b, n->in[0]);
    p.u.pool.y = view(b, n->out);
    return p;
}

static void pool_step(cynf_builder *b, int j)
{
    const cynf_problem p = pool_problem(b, j);
    const cynf_ref in = ref(b, b->g->node[j].in[0]);
    emit(b, j, &p, 1, &in, ref(b, b->g->node[j].out), NULL);
}

static void softmax_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *s = shape(b, n->out);
    const int32_t len = s->d[s->rank - 1];
    const cynf_ref in = ref(b, n->in[0]);
    cynf_problem p = {.op = CYNF_OP_SOFTMAX};
    p.u.softmax = (cynf_softmax){.kind = n->kind, .rows = (int32_t)(cynf_shape_elems(s) / (size_t)len), .len = len, .x_rs = len, .y_rs = len};
    emit(b, j, &p, 1, &in, ref(b, n->out), NULL);
}

static void resample_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *xs = shape(b, n->in[0]), *ws = shape(b, n->in[1]);
    const cynf_ref in = ref(b, n->in[0]);
    cynf_problem p = {.op = CYNF_OP_RESAMPLE};
    cynf_resample *g = &p.u.resample;
    *g = (cynf_resample){.outer = 1, .in = xs->d[n->axis], .out = ws->d[0], .inner = 1, .taps = ws->d[1], .e = n->e};
    for (int i = 0; i < n->axis; i++)
        g->outer *= xs->d[i];
    for (int i = n->axis + 1; i < xs->rank; i++)
        g->inner *= xs->d[i];
    g->x_rs = g->y_rs = g->inner;
    g->x_os = g->in * g->inner;
    g->y_os = g->out * g->inner;
    emit(b, j, &p, 1, &in, ref(b, n->out), &(cynf_weights){.w = b->g->t[n->in[1]].data, .w2 = b->g->t[n->in[2]].data});
}

static void lookup_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *ts = shape(b, n->in[1]);
    const cynf_ref in = ref(b, n->in[0]);
    cynf_problem p = {.op = CYNF_OP_LOOKUP};
    p.u.lookup = (cynf_lookup){.n = (int32_t)cynf_shape_elems(shape(b, n->in[0])), .rows = ts->d[0], .len = ts->d[1], .x_s = 1, .y_rs = ts->d[1]};
    emit(b, j, &p, 1, &in, ref(b, n->out), &(cynf_weights){.w = b->g->t[n->in[1]].data});
}

static void hash_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *xs = shape(b, n->in[0]);
    const cynf_ref in = ref(b, n->in[0]);
    cynf_problem p = {.op = CYNF_OP_HASH};
    p.u.hash = (cynf_hash){.kind = n->kind, .n = (int32_t)cynf_shape_elems(shape(b, n->out)), .inputs = xs->d[xs->rank - 1], .bins = n->mult,
        .key = {n->perm[0], n->perm[1], n->perm[2], n->perm[3]}};
    emit(b, j, &p, 1, &in, ref(b, n->out), NULL);
}

static void rnn_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j], *fc = cynf_fused_into(b, j);
    const bool after = n->kind == CYNF_RNN_GRU_AFTER;
    cynf_ref in[CYNF_MAX_INPUTS] = {ref(b, fc ? fc->in[0] : n->in[0])};
    cynf_weights raw = {.w = b->g->t[n->in[1]].data, .bias = after ? b->g->t[n->in[2]].data : NULL};
    int n_in = 1;
    for (int i = 2 + after; i < n->n_in; i++)
        in[n_in++] = ref(b, n->in[i]);
    if (fc)
        raw_weights(b, fc, &raw.w2, &raw.bias2);
    const cynf_problem p = rnn_problem(b, j, fc);
    emit(b, j, &p, n_in, in, ref(b, n->out), &raw);
}

static void custom_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_custom_set *set = b->g->custom;
    const bool weights = n->n_in > 1;
    if (!set || (uint32_t)n->kind >= (uint32_t)set->n_call || n->mult < 0) {
        cynf_build_fail(b, CYNF_EFORMAT, "layer \"%s\" (%s): the graph lacks its function", n->name ? n->name : "?", n->klass ? n->klass : "?");
        return;
    }
    cynf_ref in[2] = {ref(b, n->in[0])};
    if (weights)
        in[1] = ref(b, n->in[1]);
    cynf_step *s = new_step(b, j, 1 + weights, in, ref(b, n->out));
    if (!s)
        return;
    s->kernel = &cynf_custom_kernel;
    s->problem.op = CYNF_OP_COUNT;
    s->custom = &set->call[n->kind];
    s->packed_offset = s->workspace_offset = -1;
    s->workspace_bytes = 64 * (int64_t)n->mult;
    b->p->n_step++;
}

/* ---- bands of rows --------------------------------------------------------------------------------------------------------- */

/* A geometry becomes that of rows y0 ... y1 of its output; returns the first row of the input that they need, where x then begins. */
static int32_t cut(const cynf_node *n, int32_t *h, int32_t *oh, int32_t *pt, cynf_band band)
{
    int32_t lo, hi;
    cynf_band_input(n, *h, band.y0, band.y1, &lo, &hi);
    *pt += lo - band.y0 * n->sh;
    *h = hi - lo;
    *oh = band.y1 - band.y0;
    return lo;
}

static cynf_problem problem_of(const cynf_builder *b, int j) { return b->g->node[j].op == CYNF_N_POOL ? pool_problem(b, j) : conv_problem(b, j); }

void cynf_build_rows(cynf_builder *b, int j, cynf_band band)
{
    const cynf_node *n = &b->g->node[j], *dw = cynf_fused_into(b, j), *reads = dw ? dw : n;
    if (n->op == CYNF_N_ELTWISE) {
        eltwise_part(b, j, &band);
        return;
    }
    const cynf_tensor_id x = reads->in[0], y = n->out;
    cynf_ref in[CYNF_MAX_INPUTS], out = ref(b, y);
    cynf_weights raw = {0};
    int n_in = 1;
    if (n->op == CYNF_N_REPEAT || n->op == CYNF_N_POOL)
        in[0] = ref(b, x);
    else
        n_in = conv_operands(b, j, in, &raw);
    out.offset += (int64_t)(band.y0 - band.y_base) * b->loc[y].stride[1];
    if (n->op == CYNF_N_REPEAT) {
        const int32_t first = band.y0 / n->perm[1];
        in[0].offset += (int64_t)(first - band.x_base) * b->loc[x].stride[1];
        repeat_part(b, j, in[0], out, (band.y1 - band.y0) / n->perm[1]);
        return;
    }
    if (n->e.residual)
        in[1].offset += (int64_t)band.y0 * b->loc[n->in[n->n_in - 1]].stride[1];
    cynf_problem p = problem_of(b, j);
    /* Kernels are chosen for the whole image, as it would lie outside a chain. */
    const cynf_tensor_id windowed[2] = {x, y};
    cynf_location old[2];
    for (int k = 0; k < 2; k++) {
        cynf_location *l = &b->loc[windowed[k]];
        old[k] = *l;
        if (b->window[windowed[k]] && l->block)
            cynf_location_blocked(l, shape(b, windowed[k]), l->block);
        else if (b->window[windowed[k]])
            cynf_location_plain(l, shape(b, windowed[k]));
    }
    const cynf_problem whole = problem_of(b, j);
    for (int k = 0; k < 2; k++)
        b->loc[windowed[k]] = old[k];
    int32_t first;
    if (n->op == CYNF_N_POOL) {
        first = cut(n, &p.u.pool.h, &p.u.pool.oh, &p.u.pool.pt, band);
    } else if (dw) {
        first = cut(dw, &p.u.sepconv2d.dw.h, &p.u.sepconv2d.dw.oh, &p.u.sepconv2d.dw.pt, band);
        p.u.sepconv2d.pw.h = p.u.sepconv2d.pw.oh = p.u.sepconv2d.dw.oh;
    } else if (n->op == CYNF_N_CONV2D) {
        first = cut(n, &p.u.conv2d.h, &p.u.conv2d.oh, &p.u.conv2d.pt, band);
    } else {
        first = cut(n, &p.u.dwconv2d.h, &p.u.dwconv2d.oh, &p.u.dwconv2d.pt, band);
    }
    in[0].offset += (int64_t)(first - band.x_base) * b->loc[x].stride[1];
    emit_part(b, j, &p, &whole, n_in, in, out, &raw);
}

void cynf_build_carry(cynf_builder *b, int32_t j, int32_t from, int32_t rows)
{
    const cynf_tensor_id t = b->g->node[j].out;
    const cynf_location *l = &b->loc[t];
    cynf_shape s = *shape(b, t);
    cynf_ref x = ref(b, t);
    const cynf_ref y = x;
    s.d[1] = rows;
    x.offset += (int64_t)from * l->stride[1];
    cynf_space_map m;
    cynf_space_from(&m, &s, 2, (const cynf_shape *[]){&s, &s}, (const cynf_location *[]){l, l}, 0);
    copy_step(b, j, &m, x, y);
}

static void node_step(cynf_builder *b, int j)
{
    const cynf_node *n = &b->g->node[j];
    switch (n->op) {
    case CYNF_N_CONV2D:
    case CYNF_N_DWCONV2D: conv_step(b, j); break;
    case CYNF_N_FC: fc_step(b, j); break;
    case CYNF_N_GEMM: gemm_step(b, j); break;
    case CYNF_N_POOL: pool_step(b, j); break;
    case CYNF_N_ELTWISE: eltwise_part(b, j, NULL); break;
    case CYNF_N_REDUCE: reduce_step(b, j); break;
    case CYNF_N_SOFTMAX: softmax_step(b, j); break;
    case CYNF_N_TRANSPOSE: transpose_step(b, j); break;
    case CYNF_N_RESHAPE:
        if (b->loc[n->in[0]].buffer != b->loc[n->out].buffer || b->g->t[n->in[0]].data) {
            /* Only a tensor with gaps, a shared one or a constant is copied: element by element in row-major order. */
            const cynf_ref in = ref(b, n->in[0]);
            const cynf_shape *xs = shape(b, n->in[0]);
            cynf_location y;
            cynf_location_plain(&y, xs);
            cynf_space_map m;
            cynf_space_from(&m, xs, 2, (const cynf_shape *[]){xs, xs}, (const cynf_location *[]){&y, &b->loc[n->in[0]]}, 0);
            copy_step(b, j, &m, in, ref(b, n->out));
        }
        break;
    case CYNF_N_SLICE: slice_step(b, j); break;
    case CYNF_N_CONCAT: {
        int32_t at[CYNF_MAX_DIMS] = {0};
        for (int i = 0; i < n->n_in; i++) {
            const cynf_location *x = &b->loc[n->in[i]], *y = &b->loc[n->out];
            if (b->g->t[n->in[i]].data || x->buffer != y->buffer || x->offset != y->offset + cynf_location_at(y, shape(b, n->out), at))
                copy_into(b, j, n->in[i], n->out, at, n->axis, cynf_concat_step(n));
            at[n->axis] += n->step[n->axis] ? 1 : shape(b, n->in[i])->d[n->axis];
        }
        break;
    }
    case CYNF_N_PAD: pad_step(b, j); break;
    case CYNF_N_REPEAT: repeat_step(b, j); break;
    case CYNF_N_RESAMPLE: resample_step(b, j); break;
    case CYNF_N_LOOKUP: lookup_step(b, j); break;
    case CYNF_N_HASH: hash_step(b, j); break;
    case CYNF_N_RNN: rnn_step(b, j); break;
    case CYNF_N_CUSTOM: custom_step(b, j); break;
    case CYNF_N_COUNT: break;
    }
}

/* Whether the next value of a state can be written where the state stays: it has plain memory of its own, first written when nobody reads the old value any more. */
static bool in_place(const cynf_builder *b, const cynf_state *s)
{
    const cynf_location *next = &b->loc[s->next];
    if (b->g->t[s->next].data)
        return false;
    const cynf_buffer *from = &b->buffer[next->buffer], *to = &b->buffer[b->loc[s->t].buffer];
    return from->space == CYNF_IN_ARENA && !from->same && !from->state && from->elems == to->elems && next->contiguous && !next->offset && from->first > to->last;
}

/* Marks the first of two partners' steps, if each has one stage. */
static void pair_steps(cynf_builder *b)
{
    cynf_step *const s = b->p->step;
    for (int i = 0; i + 1 < b->p->n_step; i++)
        s[i].with_next = s[i + 1].node >= 0 && partner_of(b, s[i].node, 1) == s[i + 1].node && !(i && s[i - 1].with_next) &&
            cynf_kernel_stages(s[i].kernel, &s[i].problem.u) == 1 && cynf_kernel_stages(s[i + 1].kernel, &s[i + 1].problem.u) == 1;
}

static void keep_states(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    pair_steps(b);
    cynf_build_lifetimes(b);
    for (int i = 0; i < g->n_state && !b->status; i++) {
        const cynf_state *s = &g->state[i];
        if (s->next == s->t)
            continue;
        if (in_place(b, s)) {
            b->buffer[b->loc[s->next].buffer].same = &b->buffer[b->loc[s->t].buffer];
        } else if (!g->t[s->next].data && b->buffer[b->loc[s->next].buffer].state) {
            cynf_build_fail(b, CYNF_EUNSUPPORTED, "state \"%s\" becomes another one's value; only computed values can be kept", s->name);
        } else {
            const cynf_ref x = ref(b, s->next);
            const cynf_shape *shapes[] = {shape(b, s->t), shape(b, s->t)};
            cynf_space_map m;
            cynf_space_from(&m, shapes[0], 2, shapes, (const cynf_location *[]){&b->loc[s->t], &b->loc[s->next]}, 0);
            copy_step(b, -1, &m, x, ref(b, s->t));
        }
    }
}

void cynf_build_steps(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    for (int j = 0; j < g->n_node && !b->status; j++)
        if (b->band_end[j] == j)
            cynf_build_chain(b, j);
        else if (!g->node[j].dead && !b->fused_away[j] && b->band_end[j] < 0)
            node_step(b, j);
    /* Outputs that are inputs, constants, or a second copy of one tensor. */
    for (int i = 0; i < g->n_out && !b->status; i++) {
        const cynf_tensor_id t = g->out[i].t;
        const int32_t at = b->loc[t].buffer;
        if (g->t[t].producer >= 0 && b->buffer[at].space == CYNF_IN_OUTPUT && b->buffer[at].index == i)
            continue;
        const cynf_ref x = ref(b, t);
        b->buffer[b->n_buffer] = (cynf_buffer){.space = CYNF_IN_OUTPUT, .index = i, .elems = (int64_t)cynf_shape_elems(shape(b, t)),
            .first = INT32_MAX, .last = -1};
        cynf_location y;
        cynf_location_plain(&y, shape(b, t));
        cynf_space_map m;
        cynf_space_from(&m, shape(b, t), 2, (const cynf_shape *[]){shape(b, t), shape(b, t)}, (const cynf_location *[]){&y, &b->loc[t]}, 0);
        cynf_ref to = {CYNF_IN_ARENA, b->n_buffer++, 0};
        copy_step(b, -1, &m, x, to);
    }
    if (!b->status)
        keep_states(b);
}
