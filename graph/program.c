/* SPDX-License-Identifier: MIT */
/**
 * Graph to program. In order: what is fused (pairs of nodes, chains in bands of rows), how each tensor is laid out, which tensors are views of others
 * (concat and pad in place, reshape, in-place element-wise), the kernel calls, and the static memory plan.
 */
#include "graph/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/program_internal.h"

cynf_status cynf_build_fail(cynf_builder *b, cynf_status s, const char *format, ...)
{
    if (b->status)
        return s;
    b->status = s;
    if (b->text) {
        va_list ap;
        va_start(ap, format);
        vsnprintf(b->text, b->text_cap, format, ap);
        va_end(ap);
    }
    return s;
}

/* ---- who uses what ------------------------------------------------------------------------------------------------------- */

/* Whether a run leaves t behind: as an output, or as the next value of a state. */
static bool is_output(const cynf_graph *g, cynf_tensor_id t)
{
    for (int i = 0; i < g->n_out; i++)
        if (g->out[i].t == t)
            return true;
    for (int i = 0; i < g->n_state; i++)
        if (g->state[i].next == t)
            return true;
    return false;
}

static bool is_residual(const cynf_node *n, int i) { return n->e.residual && i == n->n_in - 1; }
static bool is_scale(const cynf_node *n, int i) { return n->op == CYNF_N_CONV2D && n->kind && i == n->n_in - 1 - !!n->e.residual; }

/* Weights and tables are operands of the node, not of the kernel call. */
static bool is_weight(const cynf_node *n, int i)
{
    switch (n->op) {
    case CYNF_N_CONV2D:
    case CYNF_N_DWCONV2D:
    case CYNF_N_FC:
    case CYNF_N_RESAMPLE: return i > 0 && !is_residual(n, i) && !is_scale(n, i);
    case CYNF_N_LOOKUP: return i == 1;
    case CYNF_N_RNN: return i == 1 || (i == 2 && n->kind == CYNF_RNN_GRU_AFTER);
    default: return false;
    }
}

static bool count_uses(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        if (n->dead)
            continue;
        for (int i = 0; i < n->n_in; i++) {
            if (is_weight(n, i) && !g->t[n->in[i]].data)
                return cynf_build_fail(b, CYNF_EUNSUPPORTED, "layer \"%s\" (%s): its weights are computed by other layers; only stored weights are supported",
                    n->name ? n->name : "?", n->klass ? n->klass : "?");
            b->uses[n->in[i]]++;
            b->user[n->in[i]] = j;
        }
    }
    for (int i = 0; i < g->n_out; i++)
        b->uses[g->out[i].t]++;
    for (int i = 0; i < g->n_state; i++)
        b->uses[g->state[i].next]++;
    return CYNF_OK;
}

/* ---- pairs: depthwise -> pointwise, projection -> recurrence ------------------------------------------------------------------ */

static bool pointwise(const cynf_node *n)
{
    return n->op == CYNF_N_CONV2D && !n->kind && n->kh == 1 && n->kw == 1 && n->sh == 1 && n->sw == 1 && n->groups == 1 && !n->pt && !n->pl;
}

/* What one kernel may compute with the node before it, whose output nobody else reads: a pointwise convolution after a depthwise one, a recurrence after its projection. */
static void find_pairs(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        if (n->dead || !(n->op == CYNF_N_RNN || pointwise(n)))
            continue;
        const cynf_tensor_id mid = n->in[0];
        const int i = g->t[mid].producer;
        if (i < 0 || b->uses[mid] != 1 || g->node[i].e.residual)
            continue;
        const cynf_node *before = &g->node[i];
        const cynf_shape *a = &g->t[mid].shape, *y = &g->t[n->out].shape;
        if (n->op == CYNF_N_RNN ? before->op == CYNF_N_FC && before->e.act == CYNF_ACT_LINEAR && g->t[before->in[0]].shape.rank == 3
                                : before->op == CYNF_N_DWCONV2D && a->d[1] == y->d[1] && a->d[2] == y->d[2])
            b->pair[j] = i;
    }
}

/* ---- layouts --------------------------------------------------------------------------------------------------------------- */

/* Whether the kernel call of n can read (i >= 0) or write (i = -1) a blocked tensor at operand i. */
static bool takes_blocks(const cynf_graph *g, const cynf_node *n, int i, int32_t block)
{
    switch (n->op) {
    case CYNF_N_CONV2D: return n->groups == 1 && !(g->exact && i == 0 && n->kw > 1); /* the order of its sums would hang on the blocks */
    case CYNF_N_DWCONV2D: return n->mult == 1;
    case CYNF_N_POOL: return g->t[n->in[0]].shape.rank == 4;
    case CYNF_N_ELTWISE: {
        /* Every operand must split at the same channels. */
        const int32_t c = g->t[n->out].shape.d[g->t[n->out].shape.rank - 1];
        for (int k = 0; k < n->n_in; k++) {
            const cynf_shape *s = &g->t[n->in[k]].shape;
            if (s->rank && s->d[s->rank - 1] != c && s->d[s->rank - 1] != 1)
                return false;
            if (i == k && s->d[s->rank - 1] != c)
                return false;
        }
        return true;
    }
    case CYNF_N_REDUCE: return i >= 0 && !g->exact; /* likewise */
    case CYNF_N_CONCAT: {
        const int last = g->t[n->out].shape.rank - 1;
        if (n->axis != last)
            return false;
        for (int k = 0; k < n->n_in; k++)
            if (g->t[n->in[k]].shape.d[last] % block)
                return false;
        return true;
    }
    case CYNF_N_PAD: {
        const int last = g->t[n->out].shape.rank - 1;
        return !n->begin[last] && !n->step[last];
    }
    default: return false;
    }
}

/* Blocks a tensor when everyone who touches it can and a depthwise convolution is among them: that is where NHWC loses most. */
static void choose_layouts(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    const int32_t lanes = cynf_isa_lanes(cynf_cpu_best());
    const cynf_decisions *dec = b->o->decisions;
    bool *gain = b->flag;
    memset(gain, 0, (size_t)g->n_t * sizeof *gain);
    for (int t = 0; t < g->n_t; t++) {
        const int32_t asked = dec && dec->block && t < dec->n_tensor ? dec->block[t] : -1;
        b->block[t] = asked >= 0 ? asked : lanes;
        const cynf_shape *s = &g->t[t].shape;
        const int p = g->t[t].producer;
        if (b->block[t] < 2 || s->rank != 4 || s->d[3] % b->block[t] || s->d[3] == b->block[t] || s->d[1] * s->d[2] == 1 || g->t[t].data || p < 0 ||
            is_output(g, t) || !takes_blocks(g, &g->node[p], -1, b->block[t]))
            b->block[t] = 0;
        gain[t] = asked > 0;
    }
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        if (n->dead)
            continue;
        for (int i = 0; i < n->n_in; i++)
            if (b->block[n->in[i]] && (is_weight(n, i) || !takes_blocks(g, n, i, b->block[n->in[i]])))
                b->block[n->in[i]] = 0;
        if (n->op == CYNF_N_DWCONV2D)
            gain[n->in[0]] = gain[n->out] = true;
    }
    for (int t = 0; t < g->n_t; t++)
        if (!gain[t])
            b->block[t] = 0;
    /* Parts of a concat have the whole's layout, or the whole is plain. */
    for (int j = g->n_node - 1; j >= 0; j--) {
        const cynf_node *n = &g->node[j];
        if (n->dead || (n->op != CYNF_N_CONCAT && n->op != CYNF_N_PAD))
            continue;
        bool same = true;
        for (int i = 0; i < n->n_in; i++)
            same &= b->block[n->in[i]] == b->block[n->out];
        for (int i = 0; i < n->n_in && !same; i++)
            b->block[n->in[i]] = 0;
        if (!same)
            b->block[n->out] = 0;
    }
}

/* ---- places ---------------------------------------------------------------------------------------------------------------- */

static int32_t new_buffer(cynf_builder *b, cynf_space space, int32_t index, int64_t elems)
{
    b->buffer[b->n_buffer] = (cynf_buffer){.space = space, .index = index, .elems = elems, .first = INT32_MAX, .last = -1};
    return b->n_buffer++;
}

/* A tensor of its own: plain, or blocked as chosen; all of its rows, or a window. */
static void place_alone(cynf_builder *b, cynf_tensor_id t, cynf_space space, int32_t index)
{
    cynf_shape s = b->g->t[t].shape;
    cynf_location *l = &b->loc[t];
    if (b->window[t])
        s.d[1] = b->window[t];
    if (b->block[t])
        cynf_location_blocked(l, &s, b->block[t]);
    else
        cynf_location_plain(l, &s);
    l->buffer = new_buffer(b, space, index, (int64_t)cynf_shape_elems(&s));
    l->offset = 0;
}

/* Whether every reader of t, and its producer, can work on a view with gaps. */
static bool allows_view(const cynf_builder *b, cynf_tensor_id t)
{
    const cynf_graph *g = b->g;
    const int p = g->t[t].producer;
    if (p < 0 || is_output(g, t) || b->loc[t].buffer >= 0)
        return false;
    for (int j = p; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        bool touches = j == p;
        for (int i = 0; i < n->n_in; i++)
            touches |= n->in[i] == t;
        if (n->dead || !touches)
            continue;
        switch (n->op) {
        case CYNF_N_RESHAPE:
        case CYNF_N_RESAMPLE:
        case CYNF_N_LOOKUP:
        case CYNF_N_HASH:
        case CYNF_N_CUSTOM:
        case CYNF_N_SOFTMAX: return false;
        case CYNF_N_GEMM:
        case CYNF_N_FC:
            if (g->t[t].shape.rank != 2)
                return false;
            break;
        default: break;
        }
    }
    return true;
}

/* t becomes the part of whole that starts at index `at`, in steps of `step` along `axis`; both share a layout. */
static void place_inside(cynf_builder *b, cynf_tensor_id t, cynf_tensor_id whole, const int32_t *at, int axis, int32_t step)
{
    const cynf_location *w = &b->loc[whole];
    cynf_location *l = &b->loc[t];
    *l = *w;
    l->stride[axis] *= step;
    l->contiguous = false;
    l->offset += cynf_location_at(w, &b->g->t[whole].shape, at);
}

/* Whether slice n can be a view of what it is cut from, for all who read it. */
static bool slices_in_place(const cynf_builder *b, const cynf_node *n)
{
    return n->op == CYNF_N_SLICE && !b->g->t[n->in[0]].data && n->step[b->g->t[n->out].shape.rank - 1] == 1 && allows_view(b, n->out);
}

/* Last consumers first, so that a concat knows its place before its parts are placed inside it. */
static void place(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    for (int t = 0; t < g->n_t; t++)
        if (g->t[t].data)
            cynf_location_plain(&b->loc[t], &g->t[t].shape);
    for (int i = 0; i < g->n_in; i++)
        place_alone(b, g->in[i].t, CYNF_IN_INPUT, i);
    for (int i = 0; i < g->n_state; i++) {
        place_alone(b, g->state[i].t, CYNF_IN_ARENA, 0);
        b->buffer[b->loc[g->state[i].t].buffer].state = true;
    }
    for (int i = 0; i < g->n_out; i++) {
        const cynf_tensor_id t = g->out[i].t;
        if (g->t[t].producer >= 0 && b->loc[t].buffer < 0)
            place_alone(b, t, CYNF_IN_OUTPUT, i);
    }
    for (int j = g->n_node - 1; j >= 0; j--) {
        const cynf_node *n = &g->node[j];
        if (n->dead || b->fused_away[j])
            continue;
        const cynf_tensor_id x = n->in[0];
        int32_t at[CYNF_MAX_DIMS] = {0};
        if (n->op == CYNF_N_RESHAPE) {
            /* The input takes the output's place when it is free to; otherwise the output may take the input's, below. */
            if (g->t[x].producer < 0 || b->loc[x].buffer >= 0 || b->uses[x] > 1 || (b->loc[n->out].buffer >= 0 && !b->loc[n->out].contiguous))
                continue;
            if (b->loc[n->out].buffer < 0)
                place_alone(b, n->out, CYNF_IN_ARENA, 0);
            cynf_location_plain(&b->loc[x], &g->t[x].shape);
            b->loc[x].buffer = b->loc[n->out].buffer;
            b->loc[x].offset = b->loc[n->out].offset;
            continue;
        }
        if (slices_in_place(b, n))
            continue; /* below, when the place of the whole is known */
        if (b->loc[n->out].buffer < 0)
            place_alone(b, n->out, CYNF_IN_ARENA, 0);
        if (n->op == CYNF_N_CONCAT) {
            for (int i = 0; i < n->n_in; i++) {
                if (allows_view(b, n->in[i]))
                    place_inside(b, n->in[i], n->out, at, n->axis, cynf_concat_step(n));
                at[n->axis] += n->step[n->axis] ? 1 : g->t[n->in[i]].shape.d[n->axis];
            }
        } else if (n->op == CYNF_N_PAD && allows_view(b, x)) {
            place_inside(b, x, n->out, n->begin, 0, 1);
        }
    }
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        if (n->dead || b->loc[n->out].buffer >= 0)
            continue;
        if (n->op == CYNF_N_SLICE) {
            cynf_location *l = &b->loc[n->out];
            place_inside(b, n->out, n->in[0], n->begin, 0, 1);
            for (int i = 0; i < g->t[n->out].shape.rank; i++)
                l->stride[i] *= n->step[i];
        }
        if (n->op != CYNF_N_RESHAPE)
            continue;
        const cynf_location *x = &b->loc[n->in[0]];
        if (x->buffer < 0 || !x->contiguous) {
            place_alone(b, n->out, CYNF_IN_ARENA, 0);
            continue;
        }
        cynf_location_plain(&b->loc[n->out], &g->t[n->out].shape);
        b->loc[n->out].buffer = x->buffer;
        b->loc[n->out].offset = x->offset;
    }
}

/* Whether a value survives in its buffer after node j read it: other tensors of the buffer, or later readers. */
static bool dies_at(const cynf_builder *b, cynf_tensor_id t, int j)
{
    return b->uses[t] == 1 && b->user[t] == j && !b->shared[b->loc[t].buffer] && !b->buffer[b->loc[t].buffer].state;
}

/* Element-wise nodes write over an input that nobody else needs. */
static void place_in_place(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    for (int t = 0; t < g->n_t; t++)
        if (b->loc[t].buffer >= 0)
            b->members[b->loc[t].buffer]++;
    for (int i = 0; i < b->n_buffer; i++)
        b->shared[i] = b->members[i] > 1;
    for (int j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        if (n->dead || n->op != CYNF_N_ELTWISE || b->band_end[j] >= 0) /* of a chain's tensors there may be fewer rows of one than of the other */
            continue;
        const int32_t own = b->loc[n->out].buffer;
        if (b->buffer[own].space != CYNF_IN_ARENA || b->shared[own])
            continue;
        for (int i = 0; i < n->n_in; i++) {
            const cynf_tensor_id x = n->in[i];
            if (g->t[x].data || b->loc[x].buffer < 0 || b->buffer[b->loc[x].buffer].space != CYNF_IN_ARENA || !dies_at(b, x, j) ||
                !cynf_shape_equal(&g->t[x].shape, &g->t[n->out].shape) || b->loc[x].block != b->loc[n->out].block)
                continue;
            b->buffer[own].elems = 0;
            b->loc[n->out].buffer = b->loc[x].buffer;
            break;
        }
    }
}

/* ---- building ---------------------------------------------------------------------------------------------------------------- */

static bool builder_init(cynf_builder *b)
{
    const size_t nt = (size_t)b->g->n_t + 1, nn = (size_t)b->g->n_node + 1, nb = nt + 2 * (size_t)b->g->n_out + (size_t)b->g->n_in + (size_t)b->g->n_state + 1;
    b->uses = calloc(nt, sizeof *b->uses);
    b->user = calloc(nt, sizeof *b->user);
    b->block = calloc(nt, sizeof *b->block);
    b->flag = calloc(nt, sizeof *b->flag);
    b->loc = calloc(nt, sizeof *b->loc);
    b->pair = malloc(nn * sizeof *b->pair);
    b->fused_away = calloc(nn, sizeof *b->fused_away);
    b->bands = calloc(nn, sizeof *b->bands);
    b->band_end = malloc(nn * sizeof *b->band_end);
    b->window = calloc(nt, sizeof *b->window);
    b->buffer = calloc(nb, sizeof *b->buffer);
    b->shared = calloc(nb, sizeof *b->shared);
    b->members = calloc(nb, sizeof *b->members);
    if (!b->uses || !b->user || !b->block || !b->flag || !b->loc || !b->pair || !b->fused_away || !b->bands || !b->band_end || !b->window || !b->buffer || !b->shared || !b->members)
        return false;
    for (size_t i = 0; i < nt; i++)
        b->loc[i].buffer = -1;
    for (size_t i = 0; i < nn; i++)
        b->pair[i] = b->band_end[i] = -1;
    return true;
}

static void builder_free(cynf_builder *b)
{
    void *const all[] = {b->uses, b->user, b->block, b->flag, b->loc, b->pair, b->fused_away, b->bands, b->band_end, b->window, b->buffer, b->shared, b->members};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* Rows of a band where memory is scarce. */
#define SCARCE_ROWS 4

static cynf_status build(cynf_program **out, const cynf_graph *g, const cynf_build_options *o, char *text, size_t cap)
{
    cynf_builder b = {.g = g, .o = o, .text = text, .text_cap = cap};
    b.machine = o->machine ? o->machine : cynf_machine_default();
    cynf_program *p = b.p = calloc(1, sizeof *p);
    if (!p || !builder_init(&b)) {
        cynf_build_fail(&b, CYNF_ENOMEM, "out of memory");
    } else if (!count_uses(&b)) {
        p->graph = g;
        p->base = o->base;
        p->threads = o->threads > 0 ? o->threads : 1;
        p->serial = o->decisions && o->decisions->serial;
        find_pairs(&b);
        choose_layouts(&b);
        cynf_build_fuse(&b);
        cynf_build_bands(&b);
        place(&b);
        place_in_place(&b);
        cynf_build_steps(&b);
        if (!b.status)
            cynf_build_memory(&b);
        if (!b.status)
            cynf_build_asks(&b);
    }
    if (p) {
        p->bands = b.bands;
        p->block = b.block;
        b.bands = NULL;
        b.block = NULL;
    }
    builder_free(&b);
    if (b.status)
        cynf_program_free(&p);
    else
        *out = p;
    return b.status;
}

cynf_status cynf_program_build(cynf_program **out, const cynf_graph *g, const cynf_build_options *o, char *text, size_t cap)
{
    if (text && cap)
        text[0] = 0;
    const cynf_status s = build(out, g, o, text, cap);
    if (s != CYNF_ENOMEM || !o->max_arena_bytes || o->band_rows || g->sizes)
        return s;
    cynf_build_options less = *o;
    less.band_rows = SCARCE_ROWS;
    if (build(out, g, &less, NULL, 0))
        return s; /* the message names what is needed without bands */
    if (text && cap)
        text[0] = 0;
    return CYNF_OK;
}

cynf_op cynf_node_operation(cynf_node_op op)
{
    switch (op) {
    case CYNF_N_CONV2D: return CYNF_OP_CONV2D;
    case CYNF_N_DWCONV2D: return CYNF_OP_DWCONV2D;
    case CYNF_N_FC: return CYNF_OP_FC;
    case CYNF_N_GEMM: return CYNF_OP_GEMM;
    case CYNF_N_POOL: return CYNF_OP_POOL;
    case CYNF_N_ELTWISE: return CYNF_OP_ELTWISE;
    case CYNF_N_REDUCE: return CYNF_OP_REDUCE;
    case CYNF_N_SOFTMAX: return CYNF_OP_SOFTMAX;
    case CYNF_N_RESAMPLE: return CYNF_OP_RESAMPLE;
    case CYNF_N_LOOKUP: return CYNF_OP_LOOKUP;
    case CYNF_N_HASH: return CYNF_OP_HASH;
    case CYNF_N_RNN: return CYNF_OP_RNN;
    case CYNF_N_CUSTOM: return CYNF_OP_COUNT;
    case CYNF_N_TRANSPOSE:
    case CYNF_N_RESHAPE:
    case CYNF_N_SLICE:
    case CYNF_N_CONCAT:
    case CYNF_N_PAD:
    case CYNF_N_REPEAT:
    case CYNF_N_COUNT: break;
    }
    return CYNF_OP_COPY;
}

cynf_status cynf_program_operations(const cynf_graph *g, unsigned *ops)
{
    cynf_builder b = {.g = g, .machine = cynf_machine_default()};
    unsigned set = 0;
    if (!builder_init(&b))
        cynf_build_fail(&b, CYNF_ENOMEM, "out of memory");
    if (!b.status && !count_uses(&b)) {
        find_pairs(&b);
        for (int j = 0; j < g->n_node; j++)
            if (!g->node[j].dead)
                set |= 1u << cynf_node_operation(g->node[j].op) | (b.pair[j] >= 0 && g->node[j].op != CYNF_N_RNN ? 1u << CYNF_OP_SEPCONV2D : 0);
        /* cynf_build_steps() copies what is no layer's own output. */
        for (int i = 0; i < g->n_out; i++) {
            bool copied = g->t[g->out[i].t].producer < 0;
            for (int k = 0; k < i; k++)
                copied |= g->out[k].t == g->out[i].t;
            set |= copied ? 1u << CYNF_OP_COPY : 0;
        }
        set |= g->n_state ? 1u << CYNF_OP_COPY : 0;
        cynf_band_chains(&b, 1, b.bands);
        for (int j = 0; j < g->n_node; j++)
            set |= b.bands[j] ? 1u << CYNF_OP_COPY : 0;
    }
    builder_free(&b);
    *ops = set;
    return b.status;
}

cynf_status cynf_program_bands(const cynf_graph *g, const cynf_machine *machine, int32_t rows, int16_t *bands)
{
    cynf_builder b = {.g = g, .machine = machine ? machine : cynf_machine_default()};
    if (!builder_init(&b))
        cynf_build_fail(&b, CYNF_ENOMEM, "out of memory");
    if (!b.status && !count_uses(&b)) {
        find_pairs(&b);
        cynf_band_chains(&b, rows, bands);
    }
    builder_free(&b);
    return b.status;
}

void cynf_program_free(cynf_program **pp)
{
    cynf_program *p = *pp;
    if (!p)
        return;
    free(p->step);
    free(p->consts);
    free(p->place);
    free(p->bands);
    free(p->block);
    free(p);
    *pp = NULL;
}

size_t cynf_program_input_elems(const cynf_program *p, int i) { return cynf_shape_elems(&p->graph->t[p->graph->in[i].t].shape); }
size_t cynf_program_output_elems(const cynf_program *p, int i) { return cynf_shape_elems(&p->graph->t[p->graph->out[i].t].shape); }
