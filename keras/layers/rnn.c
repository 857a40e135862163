/* SPDX-License-Identifier: MIT */
/**
 * Recurrent layers: the projection of the inputs is hoisted out of time (one product, or convolution, for all steps). What is left is one primitive, or,
 * of convolutions and of activations that work on whole rows, is unrolled: cell_step() is the one function that knows how such a step is computed.
 *
 * Gates lie side by side as Keras stores them: i f c o (LSTM), z r h (GRU). A masked step keeps the states and repeats the output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keras/layers/conv.h"

#define MAX_STEPS 1024 /* unrolled */
#define MAX_CELLS 16
#define MAX_STATES (2 * MAX_CELLS)

typedef enum cell_kind { SIMPLE, GRU, LSTM } cell_kind;

typedef struct cell {
    cell_kind kind;
    int32_t units, states;
    bool reset_after, conv, first;  /* first: channels_first, computed as channels_last */
    cynf_conv in, back;             /* geometry of a ConvLSTM: input and recurrent convolution */
    cynf_tensor_id w, u, bias, u_bias;
    cynf_tensor_id u_candidate;     /* unrolled GRU with the reset gate before the product: u has the gates only */
    const cJSON *act, *gate_act;
    bool fused;                     /* one primitive, with these as its activations */
    cynf_epilogue e, re;
    cynf_lower lower;               /* the cell's config and weights */
} cell;

/* ---- cells ------------------------------------------------------------------------------------------------------------------ */

/* One part of the last axis. */
static cynf_tensor_id gate(cynf_lower *c, cynf_tensor_id z, int32_t units, int first, int n)
{
    return cynf_take(c, z, cynf_shape_of(c, z).rank - 1, first * units, n * units);
}

static cynf_tensor_id mul(cynf_lower *c, cynf_tensor_id p, cynf_tensor_id q) { return cynf_g_binary(c->g, CYNF_ELT_MUL, p, q); }
static cynf_tensor_id add(cynf_lower *c, cynf_tensor_id p, cynf_tensor_id q) { return cynf_g_binary(c->g, CYNF_ELT_ADD, p, q); }

/* Defaults of Keras, for configs without them; those of reset_after and of the gates changed with Keras 3. */
static char tanh_text[] = "tanh", sigmoid_text[] = "sigmoid", hard_sigmoid_text[] = "hard_sigmoid";
static const cJSON tanh_name = {.type = cJSON_String, .valuestring = tanh_text}, sigmoid_name = {.type = cJSON_String, .valuestring = sigmoid_text},
    hard_sigmoid_name = {.type = cJSON_String, .valuestring = hard_sigmoid_text};

/* Keras 1 may keep a matrix for each gate. */
static cynf_tensor_id weight(cynf_lower *c, const cell *k, const char *name, const char *prefix, const cynf_shape *s)
{
    char first[16];
    snprintf(first, sizeof first, "%s_i", prefix);
    if (k->kind == SIMPLE || !cynf_weight(c->weights, k->kind == LSTM ? first : (first[2] = 'z', first)))
        return cynf_layer_weight(c, name, s);
    cynf_tensor_id part[4];
    const int n = k->kind == LSTM ? 4 : 3, last = s->rank - 1;
    cynf_shape one = *s;
    one.d[last] = k->units;
    for (int i = 0; i < n; i++) {
        first[2] = (k->kind == LSTM ? "ifco" : "zrh")[i];
        part[i] = cynf_layer_weight(c, first, &one);
    }
    return cynf_g_concat(c->g, part, n, last);
}

static bool open_dense(cell *k, int32_t features, int32_t gates)
{
    cynf_lower *c = &k->lower;
    const bool use_bias = cynf_cfg_bool(c, "use_bias", true), rows = k->kind == GRU && k->reset_after;
    const int32_t n = gates * k->units;
    k->w = weight(c, k, "kernel", "W", &(cynf_shape){2, {features, n}});
    k->u = weight(c, k, "recurrent_kernel", "U", &(cynf_shape){2, {k->units, n}});
    const cynf_shape b = rows ? (cynf_shape){2, {2, n}} : (cynf_shape){1, {n}};
    k->bias = !use_bias ? CYNF_NO_TENSOR : weight(c, k, "bias", "b", &b);
    if (use_bias && rows) {
        k->u_bias = cynf_g_reshape(c->g, cynf_take(c, k->bias, 0, 1, 1), &(cynf_shape){1, {n}});
        k->bias = cynf_g_reshape(c->g, cynf_take(c, k->bias, 0, 0, 1), &(cynf_shape){1, {n}});
    }
    if (k->fused && rows && use_bias) {
        /* Only the candidate's second bias has to wait for the product. */
        const cynf_tensor_id gates = gate(c, k->u_bias, k->units, 0, 2);
        k->u_bias = cynf_g_reshape(c->g, gate(c, k->u_bias, k->units, 2, 1), &(cynf_shape){1, {k->units}});
        k->bias = add(c, k->bias, cynf_g_pad(c->g, gates, (const int32_t[]){0}, (const int32_t[]){k->units}, 0));
    }
    if (k->kind == GRU && !rows && !k->fused) {
        k->u_candidate = gate(c, k->u, k->units, 2, 1);
        k->u = gate(c, k->u, k->units, 0, 2);
    }
    return !c->g->status;
}

static bool open_conv(cell *k, const cynf_shape *x, int n)
{
    cynf_lower *c = &k->lower;
    k->in = (cynf_conv){.im = {.n = n}, .k = {1, 1, 1}, .s = {1, 1, 1}, .d = {1, 1, 1}};
    k->in.pad = cynf_cfg_padding(c, false);
    if (!cynf_cfg_ints(c, "kernel_size", n, k->in.k + 3 - n, 1, CYNF_REQUIRED) || !cynf_cfg_ints(c, "strides", n, k->in.s + 3 - n, 1, 1) ||
        !cynf_cfg_ints(c, "dilation_rate", n, k->in.d + 3 - n, 1, 1))
        return false;
    k->back = (cynf_conv){.im = {.n = n}, .s = {1, 1, 1}, .d = {1, 1, 1}, .pad = CYNF_PAD_SAME};
    memcpy(k->back.k, k->in.k, sizeof k->back.k);
    k->w = cynf_conv_kernel2d(c, &k->in, "kernel", x->d[x->rank - 1], 4 * k->units);
    k->u = cynf_conv_kernel2d(c, &k->back, "recurrent_kernel", k->units, 4 * k->units);
    k->bias = cynf_cfg_bool(c, "use_bias", true) ? cynf_layer_weight(c, "bias", &(cynf_shape){1, {4 * k->units}}) : CYNF_NO_TENSOR;
    return !c->g->status;
}

/* json: a cell, or a layer that is one; x: shape of its input [batch, steps, ..., features]. */
static bool cell_open(cynf_lower *c, cell *k, const cJSON *json, const cJSON *config, const cynf_layer_weights *weights, const cynf_shape *x)
{
    static const struct {
        const char *name;
        cell_kind kind;
        int32_t gates;
        int conv;
    } classes[] = {{"SimpleRNN", SIMPLE, 1, 0}, {"SimpleRNNCell", SIMPLE, 1, 0}, {"GRU", GRU, 3, 0}, {"GRUCell", GRU, 3, 0}, {"LSTM", LSTM, 4, 0}, {"LSTMCell", LSTM, 4, 0},
        {"ConvLSTM1D", LSTM, 4, 1}, {"ConvLSTM2D", LSTM, 4, 2}, {"ConvLSTM3D", LSTM, 4, 3}};
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "class_name"));
    size_t i = 0;
    while (i < sizeof classes / sizeof *classes && (!name || strcmp(name, classes[i].name)))
        i++;
    if (i == sizeof classes / sizeof *classes || !cJSON_IsObject(config)) {
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "a cell of class %s is not supported", name ? name : "unknown");
        return false;
    }
    *k = (cell){.kind = classes[i].kind, .conv = classes[i].conv, .lower = *c, .u_bias = CYNF_NO_TENSOR, .u_candidate = CYNF_NO_TENSOR};
    k->lower.json = json;
    k->lower.config = config;
    k->lower.weights = weights;
    k->lower.parameters = 0;
    k->units = cynf_cfg_int(&k->lower, k->conv ? "filters" : "units|output_dim", 1, CYNF_REQUIRED);
    k->states = k->kind == LSTM ? 2 : 1;
    k->reset_after = cynf_cfg_bool(&k->lower, "reset_after", c->keras > 2);
    k->act = cynf_cfg_or(&k->lower, "activation", &tanh_name);
    k->gate_act = cynf_cfg_or(&k->lower, "recurrent_activation|inner_activation", c->keras > 2 ? &sigmoid_name : &hard_sigmoid_name);
    k->fused = cynf_activation_epilogue(&k->lower, k->act, &k->e) && (k->kind == SIMPLE || cynf_activation_epilogue(&k->lower, k->gate_act, &k->re)) && !k->conv;
    if (x->rank != (k->conv ? classes[i].conv + 3 : 3)) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of %d dimensions", x->rank, k->conv ? classes[i].conv + 3 : 3);
        return false;
    }
    if (k->units > 1 << 20) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%d units are too many", k->units);
        return false;
    }
    const bool ok = k->conv ? open_conv(k, x, classes[i].conv) : open_dense(k, x->d[2], classes[i].gates);
    c->parameters += k->lower.parameters;
    return ok;
}

/* What the inputs [batch, steps, ...] of all steps give the gates: [batch, steps, ..., gates * units]. */
static cynf_tensor_id cell_project(cynf_lower *c, const cell *k, cynf_tensor_id x)
{
    if (!k->conv)
        return cynf_g_fc(c->g, x, k->w, k->bias);
    const cynf_shape s = cynf_shape_of(c, x);
    const int n = s.rank - 3;
    cynf_shape im = {0}, out = {2, {s.d[0], s.d[1]}};
    im.d[im.rank++] = s.d[0] * s.d[1];
    if (n == 1)
        im.d[im.rank++] = 1;
    for (int i = 2; i < s.rank; i++)
        im.d[im.rank++] = s.d[i];
    const cynf_tensor_id y = cynf_conv_apply(c, &k->in, cynf_g_reshape(c->g, x, &im), k->w, k->bias, 1);
    const cynf_shape o = cynf_shape_of(c, y);
    for (int i = 1; i < o.rank; i++)
        out.d[out.rank++] = o.d[i];
    return cynf_g_reshape(c->g, y, &out);
}

static cynf_tensor_id recur(cynf_lower *c, const cell *k, cynf_tensor_id h)
{
    return k->conv ? cynf_conv_apply(c, &k->back, h, k->u, CYNF_NO_TENSOR, 1) : cynf_g_fc(c->g, h, k->u, k->u_bias);
}

static cynf_tensor_id blend(cynf_lower *c, cynf_tensor_id z, cynf_tensor_id h, cynf_tensor_id candidate) /* z h + (1 - z) candidate */
{
    return cynf_g_muladd(c->g, z, cynf_g_binary(c->g, CYNF_ELT_SUB, h, candidate), candidate);
}

/* Of channels_first the rows that an activation may work on are not those of the channels. */
static cynf_tensor_id activate(cynf_lower *c, const cell *k, cynf_tensor_id x, const cJSON *act)
{
    return k->first && !cynf_activation_pointwise(act) ? cynf_channels_last(c, cynf_activate(c, cynf_channels_first(c, x), act)) : cynf_activate(c, x, act);
}

/* Two gates under one activation, or each under its own when it is no element-wise one. */
static cynf_tensor_id two_gates(cynf_lower *c, const cell *k, cynf_tensor_id z)
{
    if (cynf_activation_pointwise(k->gate_act))
        return activate(c, k, z, k->gate_act);
    const cynf_tensor_id part[2] = {activate(c, k, gate(c, z, k->units, 0, 1), k->gate_act), activate(c, k, gate(c, z, k->units, 1, 1), k->gate_act)};
    return cynf_g_concat(c->g, part, 2, cynf_shape_of(c, z).rank - 1);
}

/* One step: x is the projected input, state [h] or [h, c] becomes the next one, whose h is the output. */
static void cell_step(cynf_lower *c, const cell *k, cynf_tensor_id x, cynf_tensor_id *state)
{
    const int32_t n = k->units;
    if (k->kind == SIMPLE)
        state[0] = activate(c, k, add(c, recur(c, k, state[0]), x), k->act);
    else if (k->kind == LSTM) {
        const cynf_tensor_id z = add(c, recur(c, k, state[0]), x), in_forget = two_gates(c, k, gate(c, z, n, 0, 2));
        const cynf_tensor_id candidate = activate(c, k, gate(c, z, n, 2, 1), k->act), out = activate(c, k, gate(c, z, n, 3, 1), k->gate_act);
        state[1] = cynf_g_muladd(c->g, gate(c, in_forget, n, 0, 1), candidate, mul(c, gate(c, in_forget, n, 1, 1), state[1]));
        state[0] = mul(c, out, activate(c, k, state[1], k->act));
    } else if (k->reset_after) {
        const cynf_tensor_id r = recur(c, k, state[0]), gates = two_gates(c, k, add(c, gate(c, x, n, 0, 2), gate(c, r, n, 0, 2)));
        const cynf_tensor_id candidate = cynf_g_muladd(c->g, gate(c, gates, n, 1, 1), gate(c, r, n, 2, 1), gate(c, x, n, 2, 1));
        state[0] = blend(c, gate(c, gates, n, 0, 1), state[0], activate(c, k, candidate, k->act));
    } else {
        const cynf_tensor_id gates = two_gates(c, k, add(c, recur(c, k, state[0]), gate(c, x, n, 0, 2)));
        const cynf_tensor_id reset = cynf_g_fc(c->g, mul(c, gate(c, gates, n, 1, 1), state[0]), k->u_candidate, CYNF_NO_TENSOR);
        state[0] = blend(c, gate(c, gates, n, 0, 1), state[0], activate(c, k, add(c, reset, gate(c, x, n, 2, 1)), k->act));
    }
}

/* ---- sequences -------------------------------------------------------------------------------------------------------------- */

/* A recurrent layer: its input, and what it gives. */
typedef struct run {
    cynf_tensor_id x, mask;         /* [batch, steps, ..., features]; [batch, steps] or CYNF_NO_TENSOR */
    cynf_tensor_id passed;          /* the mask of the outputs: not always the one that is heeded */
    cynf_tensor_id state[MAX_STATES];
    int32_t n_state;                /* given ones, then those left behind */
    bool flip;                      /* the outputs' order is that of the computation turned round */
    cynf_tensor_id y, last;         /* outputs of all steps [batch, steps, ...], where somebody wants them; that of the last one */
    int32_t steps;
    bool first, sequences, states;  /* channels_first, return_sequences, return_state */
    bool keeps;                     /* stateful: where no states are given it goes on where it ended; the last ones are kept either way */
    int32_t copy;                   /* 1: the backward layer */
    bool paired;                    /* in a Bidirectional */
} run;

/* One cell of a stack: its states begin at state[first]; the outermost gives the layer's outputs. */
typedef struct place {
    int32_t first;
    bool given, back, outermost, zeros, sequences;
} place;

/* Step t of [batch, steps, ...]. */
static cynf_tensor_id at_step(cynf_lower *c, cynf_tensor_id x, int32_t t)
{
    cynf_shape s = cynf_shape_of(c, x);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    memmove(s.d + 1, s.d + 2, (size_t)(s.rank - 2) * sizeof *s.d);
    s.rank--;
    return cynf_g_reshape(c->g, cynf_take(c, x, 1, t, 1), &s);
}

/* The mask of one step as 1 and 0, or 0 and 1, shaped to go with s; and mask ? p : q */
typedef struct choice {
    cynf_tensor_id yes, no;
} choice;

static choice step_mask(cynf_lower *c, cynf_tensor_id mask, int32_t t, const cynf_shape *s)
{
    if (mask < 0)
        return (choice){CYNF_NO_TENSOR, CYNF_NO_TENSOR};
    cynf_shape m = {s->rank, {s->d[0]}};
    for (int i = 1; i < s->rank; i++)
        m.d[i] = 1;
    const cynf_tensor_id yes = cynf_g_reshape(c->g, cynf_take(c, mask, 1, t, 1), &m);
    return (choice){yes, cynf_g_unary(c->g, yes, CYNF_ACT_AFFINE, -1, 1, 0)};
}

static cynf_tensor_id choose(cynf_lower *c, choice m, cynf_tensor_id p, cynf_tensor_id q)
{
    return m.yes < 0 ? p : q < 0 ? mul(c, m.yes, p) : cynf_g_muladd(c->g, m.yes, p, mul(c, m.no, q));
}

/* Outputs of all steps as one tensor [batch, steps, ...]; flip: the last one first. */
static cynf_tensor_id sequence(cynf_lower *c, const cynf_tensor_id *step, int32_t steps, bool flip)
{
    cynf_tensor_id *part = malloc((size_t)steps * sizeof *part);
    if (!part)
        return cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    for (int32_t i = 0; i < steps; i++)
        part[i] = cynf_expand(c, step[flip ? steps - 1 - i : i], 1);
    const cynf_tensor_id y = cynf_concat_all(c, part, steps, 1);
    free(part);
    return y;
}

/* States of a stateful layer: of a fused cell one tensor. */
static const char *state_part(const run *r, int32_t index, char *buf, size_t cap)
{
    snprintf(buf, cap, "%s%d", r->copy ? "backward/" : "", index);
    return buf;
}

static void run_unrolled(cynf_lower *c, const cell *k, run *r, cynf_tensor_id projected, const place *p, const cynf_shape *s)
{
    cynf_tensor_id *state = r->state + p->first, *step = r->steps > MAX_STEPS ? NULL : malloc((size_t)r->steps * sizeof *step);
    if (!step)
        cynf_graph_fail(c->g, r->steps > MAX_STEPS ? CYNF_EUNSUPPORTED : CYNF_ENOMEM, "%d steps; at most %d are supported", r->steps, MAX_STEPS);
    r->last = CYNF_NO_TENSOR;
    char part[32];
    for (int32_t i = 0; i < k->states; i++) {
        const cynf_tensor_id kept = r->keeps ? cynf_g_state(c->g, s, state_part(r, p->first + i, part, sizeof part)) : CYNF_NO_TENSOR;
        if (!p->given)
            state[i] = r->keeps ? kept : cynf_g_const(c->g, s, NULL);
    }
    for (int32_t i = 0; i < r->steps && !c->g->status; i++) {
        const int32_t t = p->back ? r->steps - 1 - i : i;
        const choice m = step_mask(c, r->mask, t, s);
        cynf_tensor_id next[2] = {state[0], k->states > 1 ? state[1] : CYNF_NO_TENSOR};
        cell_step(c, k, at_step(c, projected, t), next);
        for (int32_t j = 0; j < k->states; j++)
            state[j] = choose(c, m, next[j], state[j]);
        r->last = step[i] = p->outermost ? choose(c, m, next[0], p->zeros ? CYNF_NO_TENSOR : r->last) : next[0];
    }
    if (p->sequences && !c->g->status)
        r->y = sequence(c, step, r->steps, r->flip);
    for (int32_t i = 0; i < k->states && r->keeps; i++)
        cynf_g_keep(c->g, state_part(r, p->first + i, part, sizeof part), state[i]);
    free(step);
}

static void run_fused(cynf_lower *c, const cell *k, run *r, cynf_tensor_id projected, const place *p, const cynf_shape *s)
{
    static const cynf_rnn_kind kinds[] = {[SIMPLE] = CYNF_RNN_SIMPLE, [GRU] = CYNF_RNN_GRU, [LSTM] = CYNF_RNN_LSTM};
    cynf_tensor_id *state = r->state + p->first, initial = CYNF_NO_TENSOR;
    const cynf_shape all_states = {2, {s->d[0], k->states * k->units}};
    const bool states = r->states || r->keeps;
    char part[32];
    if (r->keeps)
        initial = cynf_g_state(c->g, &all_states, state_part(r, p->first, part, sizeof part));
    if (p->given)
        initial = k->states > 1 ? cynf_g_concat(c->g, state, 2, 1) : state[0];
    const uint32_t flags = (p->back ? CYNF_RNN_X_REVERSE : 0) | (r->flip ? CYNF_RNN_Y_REVERSE : 0) | (p->sequences ? CYNF_RNN_SEQUENCES : 0) |
        (states ? CYNF_RNN_STATES : 0) | (p->zeros ? CYNF_RNN_ZERO_MASKED : 0);
    const cynf_tensor_id y = cynf_g_rnn(c->g, projected, &(cynf_recurrence){.kind = k->kind == GRU && k->reset_after ? CYNF_RNN_GRU_AFTER : kinds[k->kind],
        .flags = flags, .e = k->e, .re = k->re, .u = k->u, .bias = k->u_bias, .mask = r->mask,
        .state = initial});
    const int32_t h = k->units, all = (p->sequences ? r->steps : 1) * h;
    r->y = r->last = y;
    if (!states || c->g->status)
        return;
    r->y = r->last = cynf_take(c, y, 1, 0, all);
    if (p->sequences)
        r->y = cynf_g_reshape(c->g, r->y, &(cynf_shape){3, {s->d[0], r->steps, h}});
    for (int32_t i = 0; i < k->states; i++)
        state[i] = cynf_take(c, y, 1, all + i * h, h);
    if (r->keeps)
        cynf_g_keep(c->g, part, cynf_take(c, y, 1, all, k->states * h));
}

/* One cell over all steps: r->y and r->last are its outputs. */
static bool run_cell(cynf_lower *c, const cell *k, run *r, cynf_tensor_id x, const place *p)
{
    const cynf_tensor_id projected = cell_project(c, k, x);
    cynf_shape s = cynf_shape_of(c, projected);
    if (c->g->status)
        return false;
    memmove(s.d + 1, s.d + 2, (size_t)(s.rank - 2) * sizeof *s.d);
    s.rank--;
    s.d[s.rank - 1] = k->units;
    for (int32_t i = 0; i < k->states; i++)
        if (p->given && r->state[p->first + i] >= 0)
            r->state[p->first + i] = cynf_g_reshape(c->g, r->state[p->first + i], &s); /* a sequence has a row */
    (k->fused ? run_fused : run_unrolled)(c, k, r, projected, p, &s);
    return !c->g->status;
}

/*
 * Keras, where it unrolls from the last step to the first, repeats outputs of masked steps and then zeroes those at the places of the mask from the first
 * step on (keras/src/backend/tensorflow/rnn.py); what Keras computes is what counts.
 */
static void zero_unrolled(cynf_lower *c, run *r)
{
    const int32_t n = r->steps;
    cynf_shape s = cynf_shape_of(c, r->y);
    cynf_tensor_id *part = malloc((size_t)n * sizeof *part), mask = r->mask;
    if (!part) {
        cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
        return;
    }
    for (int32_t i = 0; i < n && r->flip; i++)
        part[i] = cynf_take(c, mask, 1, n - 1 - i, 1);
    if (r->flip)
        mask = cynf_concat_all(c, part, n, 1);
    free(part);
    for (int i = 2; i < s.rank; i++)
        s.d[i] = 1;
    r->y = mul(c, r->y, cynf_g_reshape(c->g, mask, &s));
}

/* Cells of a stack run one after the other over the whole sequence, as none needs a later step of the one before. */
static bool run_cells(cynf_lower *c, run *r, int32_t copy, bool turn)
{
    const char *klass = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c->json, "class_name"));
    const cJSON *one = klass && !strcmp(klass, "RNN") ? cynf_cfg(c, "cell") : c->json, *config = cJSON_GetObjectItemCaseSensitive(one, "config");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(config, "cells"), *json = cJSON_IsArray(list) ? list->child : one;
    const int cells = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 1;
    /* The Bidirectional of tf.keras sets zero_output_for_mask itself, of which files of Keras 2 say nothing; its ConvLSTM does not heed it. */
    const bool conv = klass && !strncmp(klass, "ConvLSTM", 8), set = r->paired && !c->corner_resize && !(conv && c->keras < 3);
    const bool back = cynf_cfg_bool(c, "go_backwards", false) != turn, zeros = cynf_cfg_bool(c, set ? "return_sequences" : "zero_output_for_mask", false);
    const int32_t given = r->n_state;
    r->sequences = cynf_cfg_bool(c, "return_sequences", false);
    r->states = cynf_cfg_bool(c, "return_state", false);
    r->keeps = cynf_cfg_bool(c, "stateful", false);
    r->copy = copy;
    if (cynf_cfg_bool(c, "time_major", false))
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "time_major is not supported");
    if (cells < 1 || cells > MAX_CELLS)
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "a stack of %d cells; 1 to %d are supported", cells, MAX_CELLS);
    cynf_tensor_id x = r->x;
    if (c->g->status)
        return false;
    r->first = conv && cynf_cfg_channels_first(c);
    cynf_shape s = cynf_shape_of(c, x);
    if (s.rank < 3) {
        cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of at least 3 dimensions", s.rank);
        return false;
    }
    if (r->first) {
        int32_t perm[CYNF_MAX_DIMS] = {0, 1};
        for (int i = 2; i < s.rank; i++)
            perm[i] = i == s.rank - 1 ? 2 : i + 1;
        x = cynf_g_transpose(c->g, x, perm);
        for (int32_t i = 0; i < given; i++)
            r->state[i] = cynf_channels_last(c, r->state[i]);
    }
    r->steps = s.d[1];
    const bool flip = r->flip, late = zeros && back && r->mask >= 0 && r->sequences && cynf_cfg_bool(c, "unroll", false);
    cell *k = malloc(sizeof *k);
    if (!k)
        cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    r->n_state = 0;
    for (int i = 0; i < cells && !c->g->status; i++, json = json->next) {
        if (i)
            x = r->y;
        s = cynf_shape_of(c, x);
        const cJSON *own = json == c->json ? c->config : cJSON_GetObjectItemCaseSensitive(json, "config");
        if (!cell_open(c, k, json, own, json == c->json ? c->weights : cynf_weights_of(c->file, json, copy), &s))
            break;
        if (given && r->n_state + k->states > given)
            cynf_graph_fail(c->g, CYNF_EFORMAT, "called with %d initial states, expected %d or more", given, r->n_state + k->states);
        else {
            const bool outermost = i == cells - 1;
            k->first = r->first;
            r->flip = outermost ? flip : back; /* the next cell reads the input's order */
            run_cell(c, k, r, x, &(place){r->n_state, given > 0, back, outermost, zeros && !late && outermost, !outermost || r->sequences});
        }
        r->n_state += k->states;
    }
    free(k);
    if (late && !c->g->status)
        zero_unrolled(c, r);
    if (given && r->n_state != given)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "called with %d initial states, expected %d", given, r->n_state);
    return !c->g->status;
}

/* Inputs of the call: the sequence, its mask, initial states. */
static void inputs(cynf_lower *c, run *r)
{
    const int32_t mask = cynf_call_input(c, c->keras == 3 ? 2 : -1, "mask");
    r->x = c->in[0];
    r->passed = mask >= 0 ? cynf_nonzero(c, c->in[mask]) : c->mask[0];
    for (int32_t i = 1; i < c->n_in; i++)
        if (i != mask && r->n_state < MAX_STATES)
            r->state[r->n_state++] = c->in[i];
    /* Keras 3 hands over the mask that comes along with the sequence only when no other tensor is given. */
    r->mask = mask < 0 && r->n_state && c->keras == 3 ? CYNF_NO_TENSOR : r->passed;
}

/* t, whose first lead axes are batch (and steps), in the layer's own layout. */
static cynf_tensor_id outward(cynf_lower *c, const run *r, cynf_tensor_id t, int lead)
{
    cynf_shape s = cynf_shape_of(c, t);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const int given = cynf_shape_of(c, r->x).rank;
    if (s.rank - lead > given - 2) { /* the row of a sequence */
        memmove(s.d + lead, s.d + lead + 1, (size_t)(s.rank - lead - 1) * sizeof *s.d);
        s.rank--;
        t = cynf_g_reshape(c->g, t, &s);
    }
    if (!r->first)
        return t;
    int32_t perm[CYNF_MAX_DIMS];
    for (int i = 0; i < s.rank; i++)
        perm[i] = i < lead ? i : i == lead ? s.rank - 1 : i - 1;
    return cynf_g_transpose(c->g, t, perm);
}

static cynf_tensor_id output(cynf_lower *c, const run *r)
{
    return r->sequences ? outward(c, r, r->y, 2) : outward(c, r, r->last, 1);
}

static cynf_tensor_id recurrent(cynf_lower *c)
{
    run r = {0};
    inputs(c, &r);
    cynf_tensor_id y = CYNF_NO_TENSOR;
    if (run_cells(c, &r, 0, false)) {
        y = output(c, &r);
        for (int32_t i = 0; i < r.n_state && r.states && i + 1 < c->n_out; i++)
            cynf_set_output(c, 1 + i, outward(c, &r, r.state[i], 1));
        if (r.sequences)
            *c->out_mask = r.passed;
    }
    return y;
}

/* ---- Bidirectional ------------------------------------------------------------------------------------------------------------ */

static cynf_tensor_id merge(cynf_lower *c, const char *mode, cynf_tensor_id p, cynf_tensor_id q)
{
    const int last = cynf_shape_of(c, p).rank - 1;
    if (!strcmp(mode, "concat"))
        return cynf_g_concat(c->g, (const cynf_tensor_id[]){p, q}, 2, last);
    if (!strcmp(mode, "mul"))
        return mul(c, p, q);
    if (!strcmp(mode, "sum"))
        return add(c, p, q);
    if (!strcmp(mode, "ave"))
        return cynf_g_unary(c->g, add(c, p, q), CYNF_ACT_AFFINE, 0.5f, 0, 0);
    return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "merge_mode \"%s\" is unknown", mode);
}

static cynf_tensor_id bidirectional(cynf_lower *c)
{
    const cJSON *mode = cJSON_GetObjectItemCaseSensitive(c->config, "merge_mode"), *own = cynf_cfg(c, "backward_layer");
    run r[2] = {{0}}, all = {0};
    cynf_tensor_id y[2] = {CYNF_NO_TENSOR, CYNF_NO_TENSOR};
    inputs(c, &all);
    for (int i = 0; i < 2 && !c->g->status; i++) {
        cynf_lower half = *c;
        half.json = i && cJSON_IsObject(own) ? own : cynf_cfg(c, "layer");
        half.config = cJSON_GetObjectItemCaseSensitive(half.json, "config");
        half.weights = half.json ? cynf_weights_of(c->file, half.json, i) : NULL;
        r[i] = (run){.x = all.x, .mask = all.mask, .n_state = all.n_state / 2, .flip = i, .paired = true};
        memcpy(r[i].state, all.state + i * (all.n_state / 2), (size_t)(all.n_state / 2) * sizeof *all.state);
        if (!cJSON_IsObject(half.config) || all.n_state % 2)
            cynf_graph_fail(c->g, CYNF_EFORMAT, "its config has no layer, or it is called with an odd number of states");
        else if (run_cells(&half, &r[i], i, i && half.json != own))
            y[i] = output(&half, &r[i]);
        c->parameters = half.parameters;
    }
    cynf_tensor_id out = y[0];
    int32_t at = 1;
    if (mode && cJSON_IsNull(mode))
        cynf_set_output(c, at++, y[1]);
    else if (!c->g->status)
        out = merge(c, cJSON_IsString(mode) ? mode->valuestring : "concat", y[0], y[1]);
    for (int i = 0; i < 2; i++) {
        for (int32_t j = 0; j < r[i].n_state && r[i].states && at < c->n_out && !c->g->status; j++)
            cynf_set_output(c, at++, outward(c, &r[i], r[i].state[j], 1));
    }
    if (r[0].sequences) {
        *c->out_mask = all.passed;
        if (mode && cJSON_IsNull(mode) && c->n_out > 1)
            c->out_mask[1] = all.passed;
    }
    return c->g->status ? CYNF_NO_TENSOR : out;
}

const cynf_layer_class cynf_layers_rnn[] = {
    {"SimpleRNN", recurrent, CYNF_ANY_CALL,
        "masks, initial_state, return_sequences, return_state, go_backwards, unroll, stateful, reset_after both ways, any activation", "fc, rnn", "activations over rows take at most 1024 steps"},
    {"GRU", recurrent, CYNF_ANY_CALL},
    {"LSTM", recurrent, CYNF_ANY_CALL},
    {"RNN", recurrent, CYNF_ANY_CALL,
        "cells SimpleRNNCell, GRUCell, LSTMCell, StackedRNNCells; options as LSTM", "fc, rnn", ""},
    {"ConvLSTM1D", recurrent, CYNF_ANY_CALL,
        "strides, padding, dilation_rate, data_format, masks, states, stateful", "conv2d", "unrolled: at most 1024 steps"},
    {"ConvLSTM2D", recurrent, CYNF_ANY_CALL},
    {"ConvLSTM3D", recurrent, CYNF_ANY_CALL},
    {"Bidirectional", bidirectional, CYNF_ANY_CALL,
        "merge_mode, backward_layer, masks, states, stateful, around any recurrent layer", "fc, rnn, conv2d", ""},
    {NULL, NULL, CYNF_ONE_INPUT},
};
