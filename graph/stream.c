/* SPDX-License-Identifier: MIT */
/**
 * A model of whole sequences as one that is given a few steps at a time. Every tensor that has the steps along an axis is followed from the inputs on; a node that
 * looks back in time gets a state with the steps that it still needs, and one that would have to look ahead, or at all steps, is refused.
 *
 * Step i of a tensor is computed when step i + skip of the input comes (both counted in the tensor's own steps): a convolution without padding, whose first output needs
 * several inputs, has skip > 0, and its outputs before that belong to no sequence. Steps put in front of the sequence give skip < 0 until a convolution takes them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph_internal.h"

/* A tensor of the old graph. */
typedef struct flow {
    cynf_tensor_id t;      /* its twin in the new graph, or CYNF_NO_TENSOR */
    bool live, streams;    /* something needs it; it has the steps along axis, as outer * length * (any number) elements */
    int32_t axis, outer;
    int32_t length, steps; /* of the whole sequence, and of a call */
    int32_t skip;
    int32_t packed;        /* of the output of a recurrent node with states behind the sequence: elements of one step */
} flow;

typedef struct streamer {
    cynf_graph *g, *s;     /* from, to */
    flow *f;
    cynf_node *n;
} streamer;

static cynf_tensor_id refuse(streamer *s, const char *why) { return cynf_graph_fail(s->s, CYNF_EUNSUPPORTED, "it cannot be streamed: %s", why); }

static const cynf_shape *old_shape(const streamer *s, cynf_tensor_id t) { return &s->g->t[t].shape; }
static cynf_shape new_shape(const streamer *s, cynf_tensor_id t) { return s->s->t[t].shape; }

/* The twin of t; a constant moves over when it is first needed. */
static cynf_tensor_id twin(streamer *s, cynf_tensor_id t)
{
    flow *f = &s->f[t];
    if (f->t < 0 && s->g->t[t].data && (f->t = cynf_g_tensor(s->s, old_shape(s, t))) >= 0) {
        s->s->t[f->t].data = s->g->t[t].data;
        s->g->t[t].data = NULL;
    }
    return f->t;
}

/* Whether the steps are an axis of their own. */
static bool pure(const streamer *s, cynf_tensor_id t)
{
    const flow *f = &s->f[t];
    return f->outer == 1 && !f->packed && old_shape(s, t)->d[f->axis] == f->length;
}

/* The current node as it is, but for the steps; the output flows as `out` says. */
static void emit(streamer *s, const cynf_node *node, flow out)
{
    cynf_node n = *node;
    cynf_shape y = *old_shape(s, n.out);
    for (int32_t i = 0; i < n.n_in; i++)
        n.in[i] = twin(s, n.in[i]);
    if (out.streams && out.length < 2) {
        refuse(s, "it leaves a single step of the sequence");
        return;
    }
    if (out.streams && !out.packed)
        y.d[out.axis] = y.d[out.axis] / out.length * out.steps;
    out.t = s->s->status ? CYNF_NO_TENSOR : cynf_g_node(s->s, &n, &y);
    out.live = true;
    s->f[node->out] = out;
}

/* The first operand that streams; the others must go in step with it or, where they are broadcast, be the same for all steps. CYNF_NO_TENSOR: refused. */
static cynf_tensor_id in_step(streamer *s, bool broadcast)
{
    const cynf_node *n = s->n;
    cynf_tensor_id x = CYNF_NO_TENSOR;
    for (int32_t i = 0; i < n->n_in && x < 0; i++)
        x = s->f[n->in[i]].streams ? n->in[i] : x;
    const flow *f = &s->f[x];
    const int right = old_shape(s, x)->rank - f->axis;
    for (int32_t i = 0; i < n->n_in; i++) {
        const flow *e = &s->f[n->in[i]];
        const cynf_shape *shape = old_shape(s, n->in[i]);
        if (!e->streams && (!broadcast || (shape->rank >= right && shape->d[shape->rank - right] != 1)))
            return refuse(s, "it adds to each step something that depends on its position");
        if (e->streams && (shape->rank - e->axis != right || e->length != f->length || e->outer != f->outer || e->packed))
            return refuse(s, "its inputs have their steps along different axes");
        if (e->streams && e->skip != f->skip)
            return refuse(s, "one of its inputs lags behind another");
    }
    return x;
}

/* ---- windows ----------------------------------------------------------------------------------------------------------------- */

static int32_t at_least_1(int32_t v) { return v > 0 ? v : 1; }

/* A convolution or pooling along the steps: the steps before this call's that it still needs are a state, which zeros, the padding, are at first. */
static void window(streamer *s, int32_t k, int32_t stride, int32_t *before)
{
    const cynf_node *n = s->n;
    const cynf_tensor_id x = n->in[0];
    flow out = s->f[x];
    const int32_t pad = *before, next = old_shape(s, n->out)->d[out.axis];
    char why[160];
    if (!pure(s, x)) {
        refuse(s, "its steps are not an axis of their own");
    } else if ((next - 1) * stride + k - pad > out.length || (pad && n->op == CYNF_N_POOL)) {
        refuse(s, "its padding looks at steps that are still to come; padding \"causal\" or \"valid\" does not");
    } else if (pad && out.skip > 0) {
        refuse(s, "its padding stands behind a layer without padding, which drops the first steps");
    } else if (out.steps % stride) {
        snprintf(why, sizeof why, "its stride is %d, and a call has %d steps here; give a multiple", stride, out.steps);
        refuse(s, why);
    }
    if (s->s->status)
        return;
    int32_t history = k > stride ? k - stride : 0;
    while ((history + out.skip - pad) % stride)
        history++;
    cynf_node twisted = *n;
    cynf_tensor_id all = twin(s, x);
    if (history) {
        char part[32];
        cynf_shape past = new_shape(s, all);
        int32_t begin[CYNF_MAX_DIMS] = {0}, step[CYNF_MAX_DIMS];
        for (int i = 0; i < CYNF_MAX_DIMS; i++)
            step[i] = 1;
        past.d[out.axis] = history;
        begin[out.axis] = out.steps;
        snprintf(part, sizeof part, "past %d", s->s->n_node);
        all = cynf_g_concat(s->s, (const cynf_tensor_id[]){cynf_g_state(s->s, &past, part), all}, 2, out.axis);
        cynf_g_keep(s->s, part, cynf_g_slice(s->s, all, begin, past.d, step));
    }
    out.skip = (history + out.skip - pad) / stride;
    out.length = next;
    out.steps /= stride;
    if (out.skip < 0) {
        refuse(s, "more steps are put in front of the sequence than it needs");
        return;
    }
    /* emit() looks the twin up: for this node it is the longer one. */
    *(before == &n->pf ? &twisted.pf : before == &n->pt ? &twisted.pt : &twisted.pl) = 0;
    const cynf_tensor_id kept = s->f[x].t;
    s->f[x].t = all;
    emit(s, &twisted, out);
    s->f[x].t = kept;
}

static void windows(streamer *s)
{
    cynf_node *n = s->n;
    const flow *f = &s->f[n->in[0]];
    const int rank = old_shape(s, n->in[0])->rank, from_end = rank - 1 - f->axis; /* 0: channels, 1: width, 2: height, 3: depth */
    if (!f->axis)
        emit(s, n, *f);
    else if (!from_end || n->e.residual)
        refuse(s, "it sums over the steps");
    else if (from_end == 1)
        window(s, (n->kw - 1) * at_least_1(n->dw) + 1, at_least_1(n->sw), &n->pl);
    else if (from_end == 2)
        window(s, (n->kh - 1) * at_least_1(n->dh) + 1, at_least_1(n->sh), &n->pt);
    else
        window(s, n->kd, at_least_1(n->sd), &n->pf);
}

/* ---- recurrent layers ---------------------------------------------------------------------------------------------------------- */

static bool is_state(const cynf_graph *g, cynf_tensor_id t)
{
    for (int32_t i = 0; i < g->n_state; i++)
        if (g->state[i].t == t)
            return true;
    return false;
}

static void recurrent(streamer *s)
{
    const cynf_node *n = s->n;
    const int first = 2 + (n->kind == CYNF_RNN_GRU_AFTER);
    const bool sequences = n->rnn & CYNF_RNN_SEQUENCES, given = n->rnn & CYNF_RNN_INITIAL, states = n->rnn & CYNF_RNN_STATES;
    const flow *x = &s->f[n->in[0]];
    const cynf_tensor_id mask = n->rnn & CYNF_RNN_MASKED ? n->in[n->n_in - 1] : CYNF_NO_TENSOR;
    if (n->rnn & (CYNF_RNN_X_REVERSE | CYNF_RNN_Y_REVERSE))
        refuse(s, "it runs through the sequence backwards");
    else if (!x->streams || x->axis != 1 || !pure(s, n->in[0]))
        refuse(s, "its steps are not an axis of their own");
    else if (x->skip)
        refuse(s, "it comes behind a layer that drops the first steps, which it would see");
    else if (given && !is_state(s->g, n->in[first]))
        refuse(s, "its initial state comes from other layers");
    else if (mask >= 0 && !(s->f[mask].streams && s->f[mask].axis == 1 && pure(s, mask) && !s->f[mask].skip))
        refuse(s, "its mask has not the steps of its input");
    if (s->s->status)
        return;
    const int32_t h = old_shape(s, n->in[1])->d[0], kept = (n->kind == CYNF_RNN_LSTM ? 2 : 1) * h, all = (sequences ? x->steps : 1) * h;
    const int32_t batch = new_shape(s, x->t).d[0];
    char part[32];
    cynf_node to = *n;
    for (int32_t i = 0; i < n->n_in; i++)
        to.in[i] = twin(s, n->in[i]);
    snprintf(part, sizeof part, "past %d", s->s->n_node);
    if (!given) {
        memmove(to.in + first + 1, to.in + first, (size_t)(n->n_in - first) * sizeof *to.in);
        to.in[first] = cynf_g_state(s->s, &(cynf_shape){2, {batch, kept}}, part);
        to.n_in++;
    }
    to.rnn |= CYNF_RNN_INITIAL | CYNF_RNN_STATES;
    const cynf_tensor_id y = s->s->status ? CYNF_NO_TENSOR : cynf_g_node(s->s, &to, &(cynf_shape){2, {batch, all + kept}});
    const int32_t ones[] = {1, 1};
    if (!given)
        cynf_g_keep(s->s, part, cynf_g_slice(s->s, y, (const int32_t[]){0, all}, (const int32_t[]){batch, kept}, ones));
    flow out = {.t = y, .live = true};
    if (sequences) {
        out = *x;
        out.t = y;
        out.packed = states ? h : 0;
    }
    if (!states)
        out.t = cynf_g_slice(s->s, y, (const int32_t[]){0, 0}, (const int32_t[]){batch, all}, ones);
    if (!states && sequences)
        out.t = cynf_g_reshape(s->s, out.t, &(cynf_shape){3, {batch, x->steps, h}});
    s->f[n->out] = out;
}

/* ---- the rest ------------------------------------------------------------------------------------------------------------------- */

static void reshape(streamer *s)
{
    const cynf_node *n = s->n;
    const cynf_shape *x = old_shape(s, n->in[0]), *y = old_shape(s, n->out);
    flow out = s->f[n->in[0]];
    int64_t before = out.outer, here = 1;
    for (int i = 0; i < out.axis; i++)
        before *= x->d[i];
    for (int i = 0; i < y->rank; here *= y->d[i++])
        if (y->d[i] > 1 && !(before % here) && !(here * y->d[i] % (before * out.length))) {
            out.axis = i;
            out.outer = (int32_t)(before / here);
            emit(s, n, out);
            return;
        }
    refuse(s, "it puts steps together with something else");
}

static void slice(streamer *s)
{
    cynf_node n = *s->n;
    const cynf_shape *x = old_shape(s, n.in[0]), *y = old_shape(s, n.out);
    flow out = s->f[n.in[0]];
    const int32_t begin = n.begin[out.axis], size = y->d[out.axis];
    if (out.packed) {
        const int32_t all = out.length * out.packed;
        out.outer = 1;
        out.streams = !begin && size == all;
        if (!out.streams && begin < all) {
            refuse(s, "it takes a part of the sequence");
            return;
        }
        n.begin[1] = out.streams ? 0 : begin - (out.length - out.steps) * out.packed;
        out.packed = 0;
    } else if (size != x->d[out.axis]) {
        if (!pure(s, n.in[0]) || n.step[out.axis] > 1 || begin + size != out.length || out.skip < 0) {
            refuse(s, size == 1 ? "it takes single steps out of the sequence" : "it takes a part of the sequence");
            return;
        }
        if (size == 1) { /* the last one */
            n.begin[out.axis] = out.steps - 1;
            out.streams = false;
        } else {
            n.begin[out.axis] = 0;
            out.skip += begin;
            out.length = size;
        }
    }
    emit(s, &n, out);
}

static void pad(streamer *s)
{
    cynf_node n = *s->n;
    flow out = s->f[n.in[0]];
    const int32_t before = n.begin[out.axis];
    if (before || n.step[out.axis]) {
        if (!pure(s, n.in[0]) || n.step[out.axis] || n.value != 0 || out.skip) {
            refuse(s, "it puts something behind the sequence, or in front of it what is not 0");
            return;
        }
        out.skip -= before;
        out.length += before;
        n.begin[out.axis] = 0;
    }
    emit(s, &n, out);
}

static void product(streamer *s)
{
    const cynf_node *n = s->n;
    const flow *p = &s->f[n->in[0]], *q = &s->f[n->in[1]];
    const int rank = old_shape(s, n->out)->rank;
    if ((p->streams && p->axis == rank - 1) || (q->streams && q->axis == rank - 2))
        refuse(s, "it sums over the steps");
    else if (p->streams && q->streams && (p->axis >= rank - 2 || in_step(s, false) < 0))
        refuse(s, "it puts every step together with every other");
    else
        emit(s, n, p->streams ? *p : *q);
}

static void reduce(streamer *s)
{
    const cynf_node *n = s->n;
    flow out = s->f[n->in[0]];
    if (n->mask >> out.axis & 1) {
        refuse(s, "it puts all steps together");
        return;
    }
    for (int i = s->f[n->in[0]].axis - 1; i >= 0 && !n->keepdims; i--)
        out.axis -= n->mask >> i & 1;
    emit(s, n, out);
}

static void repeat(streamer *s)
{
    flow out = s->f[s->n->in[0]];
    const int32_t count = s->n->perm[out.axis];
    if (count > 1) {
        if (!pure(s, s->n->in[0]))
            refuse(s, "its steps are not an axis of their own");
        out.length *= count;
        out.steps *= count;
        out.skip *= count;
    }
    emit(s, s->n, out);
}

static void transpose(streamer *s)
{
    flow out = s->f[s->n->in[0]];
    int axis = 0;
    while (s->n->perm[axis] != out.axis)
        axis++;
    out.axis = axis;
    emit(s, s->n, out);
}

/* Whether what stands in front of the sequence, of which no call knows, is no matter to the node. */
static bool moves_only(cynf_node_op op)
{
    return op == CYNF_N_CONV2D || op == CYNF_N_DWCONV2D || op == CYNF_N_POOL || op == CYNF_N_RESHAPE || op == CYNF_N_TRANSPOSE || op == CYNF_N_SLICE || op == CYNF_N_CONCAT;
}

static void node(streamer *s)
{
    const cynf_node *n = s->n;
    int32_t skip = 0;
    bool any = false;
    for (int32_t i = 0; i < n->n_in; i++) {
        const flow *e = &s->f[n->in[i]];
        any |= e->streams;
        skip = e->skip > skip ? e->skip : skip;
        if (e->streams && e->skip < 0 && !moves_only(n->op)) {
            refuse(s, "it stands between the padding of a sequence and its convolution");
            return;
        }
        if (e->packed && n->op != CYNF_N_SLICE) {
            refuse(s, "it puts steps together with something else");
            return;
        }
    }
    const flow *x = &s->f[n->in[0]];
    const int last = old_shape(s, n->out)->rank - 1;
    if (!any) {
        emit(s, n, (flow){.skip = skip});
        return;
    }
    cynf_tensor_id t;
    switch (n->op) {
    case CYNF_N_CONV2D:
    case CYNF_N_DWCONV2D:
    case CYNF_N_POOL: windows(s); return;
    case CYNF_N_RNN: recurrent(s); return;
    case CYNF_N_GEMM: product(s); return;
    case CYNF_N_REDUCE: reduce(s); return;
    case CYNF_N_TRANSPOSE: transpose(s); return;
    case CYNF_N_RESHAPE: reshape(s); return;
    case CYNF_N_SLICE: slice(s); return;
    case CYNF_N_PAD: pad(s); return;
    case CYNF_N_REPEAT: repeat(s); return;
    case CYNF_N_LOOKUP: emit(s, n, *x); return;
    case CYNF_N_ELTWISE:
        if ((t = in_step(s, true)) >= 0) {
            flow out = s->f[t];
            out.axis += last + 1 - old_shape(s, t)->rank;
            emit(s, n, out);
        }
        return;
    case CYNF_N_CONCAT:
        if (n->axis == s->f[n->in[0]].axis && x->streams)
            refuse(s, "it puts sequences one behind the other");
        else if (in_step(s, false) >= 0)
            emit(s, n, *x);
        return;
    case CYNF_N_FC:
    case CYNF_N_SOFTMAX:
    case CYNF_N_HASH:
    case CYNF_N_RESAMPLE:
        if (x->axis == (n->op == CYNF_N_RESAMPLE ? n->axis : old_shape(s, n->in[0])->rank - 1))
            refuse(s, "it puts all steps together");
        else
            emit(s, n, *x);
        return;
    case CYNF_N_CUSTOM: refuse(s, "its function in C takes the whole sequence"); return;
    case CYNF_N_COUNT: return;
    }
}

/* ---- the graph -------------------------------------------------------------------------------------------------------------------- */

static void find_live(streamer *s)
{
    const cynf_graph *g = s->g;
    for (int32_t i = 0; i < g->n_out; i++)
        s->f[g->out[i].t].live = true;
    for (int32_t i = 0; i < g->n_state; i++)
        s->f[g->state[i].next].live = true;
    for (int32_t j = g->n_node - 1; j >= 0; j--)
        for (int32_t i = 0; i < g->node[j].n_in && s->f[g->node[j].out].live; i++)
            s->f[g->node[j].in[i]].live = true;
}

static void sources(streamer *s, int32_t steps)
{
    cynf_graph *g = s->g;
    const cynf_shape *first = g->n_in ? old_shape(s, g->in[0].t) : NULL;
    if (!first || first->rank < 2 || first->d[1] < 2) {
        cynf_graph_fail(s->s, CYNF_EUNSUPPORTED, "the model cannot be streamed: its first input has no axis of steps behind the batch");
        return;
    }
    for (int32_t i = 0; i < g->n_in; i++) {
        flow *f = &s->f[g->in[i].t];
        cynf_shape x = *old_shape(s, g->in[i].t);
        if (x.rank > 1 && x.d[1] == first->d[1]) {
            *f = (flow){.live = true, .streams = true, .axis = 1, .outer = 1, .length = x.d[1], .steps = steps};
            x.d[1] = steps;
        }
        f->t = cynf_g_input(s->s, &x, g->in[i].dtype, g->in[i].name);
    }
    for (int32_t i = 0; i < g->n_state; i++)
        s->f[g->state[i].t].t = cynf_g_state_named(s->s, old_shape(s, g->state[i].t), g->state[i].name);
}

cynf_status cynf_graph_stream(cynf_graph **pg, int32_t steps)
{
    cynf_graph *g = *pg;
    streamer s = {.g = g, .s = cynf_graph_new(), .f = calloc((size_t)g->n_t + 1, sizeof *s.f)};
    if (!s.s || !s.f) {
        free(s.f);
        cynf_graph_free(&s.s);
        return CYNF_ENOMEM;
    }
    for (int32_t i = 0; i < g->n_t; i++)
        s.f[i].t = CYNF_NO_TENSOR;
    s.s->name = g->name;
    g->name = NULL;
    s.s->batch = g->batch;
    s.s->math = g->math;
    s.s->exact = g->exact;
    s.s->batch_mixed = g->batch_mixed;
    find_live(&s);
    sources(&s, steps);
    for (int32_t j = 0; j < g->n_node && !s.s->status; j++)
        if (s.f[g->node[j].out].live) {
            s.n = &g->node[j];
            s.s->cur_name = s.n->name;
            s.s->cur_class = s.n->klass;
            node(&s);
        }
    for (int32_t i = 0; i < g->n_state && !s.s->status; i++)
        s.s->state[i].next = twin(&s, g->state[i].next);
    for (int32_t i = 0; i < g->n_out && !s.s->status; i++) {
        const flow *f = &s.f[g->out[i].t];
        const cynf_tensor_id t = twin(&s, g->out[i].t);
        s.n = g->t[g->out[i].t].producer >= 0 ? &g->node[g->t[g->out[i].t].producer] : NULL;
        s.s->cur_name = s.n ? s.n->name : NULL;
        s.s->cur_class = s.n ? s.n->klass : NULL;
        if (f->skip < 0)
            refuse(&s, "the model's output has steps in front of the sequence");
        else if (f->streams && !pure(&s, g->out[i].t))
            refuse(&s, "it puts steps together with something else");
        cynf_g_output(s.s, t, g->out[i].dtype, g->out[i].name);
        if (!s.s->status)
            s.s->out[i].skip = f->skip;
    }
    s.s->cur_name = s.s->cur_class = NULL;
    free(s.f);
    const cynf_status status = s.s->status;
    cynf_graph_free(pg);
    *pg = s.s;
    return status;
}
