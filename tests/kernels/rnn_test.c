/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernels/kernel.h"

#define EPS 0x1p-24

/* The gates' ones are bounded: products of unbounded ones leave the range of float. */
static cynf_epilogue activation(test_rng *r, bool bounded)
{
    static const cynf_epilogue some[] = {{.act = CYNF_ACT_TANH}, {.act = CYNF_ACT_SIGMOID}, {.act = CYNF_ACT_HARD_SIGMOID, .a = 0.2f, .b = 0.5f},
        {.act = CYNF_ACT_RELU}, {.act = CYNF_ACT_LINEAR}};
    return some[test_int(r, 0, bounded ? 2 : 4)];
}

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_rnn *g = &p->u.rnn;
    g->kind = i % CYNF_RNN_KIND_COUNT;
    g->n = i < 8 ? 1 : test_int(r, 1, 4);
    g->t = i < 4 ? 1 : test_int(r, 1, 7);
    g->h = i < 80 ? 1 + i / 2 : test_int(r, 1, 130);
    if (test_one_in(r, 2)) { /* of the layer's input: blocks of steps, and a few features to some times the units */
        g->f = test_one_in(r, 4) ? test_int(r, 1, 3) : test_int(r, 1, test_one_in(r, 3) ? 3 * g->h : 40);
        g->t = i < 4 ? 1 : test_int(r, 1, test_one_in(r, 3) ? 52 : 20);
    }
    g->x_reverse = test_one_in(r, 3);
    g->y_reverse = test_one_in(r, 3);
    g->sequences = test_one_in(r, 2);
    g->states = test_one_in(r, 3);
    g->initial = test_one_in(r, 3);
    g->masked = test_one_in(r, 3);
    g->zero_masked = test_one_in(r, 2);
    g->e = i % 3 ? activation(r, false) : (cynf_epilogue){.act = CYNF_ACT_TANH};
    g->re = i % 3 ? activation(r, true) : (cynf_epilogue){.act = CYNF_ACT_SIGMOID};
    g->x_ts = (g->f ? g->f : g->h * cynf_rnn_gates(g)) + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->x_ns = g->x_ts * g->t + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->y_ts = g->h + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->s_offset = g->sequences ? g->y_ts * g->t : g->h;
    g->y_ns = g->s_offset + 2 * g->h + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->i_ns = 2 * g->h + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->m_ns = g->t + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
}

/* So that neither values nor errors grow without bound from step to step. */
static void fix_weights(const void *geometry, test_rng *r, float *w[4])
{
    const cynf_rnn *g = geometry;
    (void)r;
    for (size_t i = 0; i < (size_t)g->h * (size_t)g->h * (size_t)cynf_rnn_gates(g); i++)
        w[0][i] *= (g->f ? 0.5f : 1.5f) / (float)g->h; /* with f there are many steps */
    for (size_t i = 0; i < (size_t)g->f * (size_t)g->h * (size_t)cynf_rnn_gates(g); i++)
        w[2][i] *= 1.5f / (float)g->f;
}

static void fix_input(const void *geometry, int input, test_rng *r, float *x, size_t n)
{
    const cynf_rnn *g = geometry;
    for (size_t i = 0; input && i < n; i++)
        x[i] = input == 1 && g->initial ? test_float(r, -1, 1) : (float)test_int(r, 0, 1);
}

/** A value and how far a computed one may be from it. */
typedef struct bounded {
    double v, error;
} bounded;

static bounded times(bounded a, bounded b)
{
    const double e = fabs(a.v) * b.error + fabs(b.v) * a.error + a.error * b.error;
    return (bounded){a.v * b.v, e + EPS * (fabs(a.v * b.v) + e) + FLT_TRUE_MIN};
}

static bounded plus(bounded a, bounded b)
{
    const double e = a.error + b.error;
    return (bounded){a.v + b.v, e + 2 * EPS * (fabs(a.v) + fabs(b.v) + e)};
}

/* None of the activations here is steeper than 1, and none loses more than some ulp of its result; three stay within -1 ... 1. */
static bounded activate(bounded x, const cynf_epilogue *e)
{
    const double v = test_activate(x.v, e), most = e->act == CYNF_ACT_RELU || e->act == CYNF_ACT_LINEAR ? INFINITY : 2;
    return (bounded){v, fmin(x.error, most) + 16 * EPS * (fabs(v) + (e->act == CYNF_ACT_HARD_SIGMOID)) + 4 * FLT_TRUE_MIN};
}

/* x + h U of column j. */
static bounded product(const cynf_rnn *g, const float *u, const bounded *h, int column)
{
    bounded s = {0, 0};
    double terms = 0;
    for (int k = 0; k < g->h; k++) {
        const double w = (double)u[(size_t)k * (size_t)(g->h * cynf_rnn_gates(g)) + (size_t)column];
        s.v += h[k].v * w;
        s.error += h[k].error * fabs(w);
        terms += (fabs(h[k].v) + h[k].error) * fabs(w);
    }
    s.error += 2 * EPS * (g->h + 2) * terms + g->h * (double)FLT_TRUE_MIN;
    return s;
}

/* The projection's element of column j. */
static bounded projected(const cynf_rnn *g, const cynf_weights *w, const float *x, int j)
{
    if (!g->f)
        return (bounded){(double)x[j], 0};
    double sum = w->bias2 ? (double)w->bias2[j] : 0, terms = fabs(sum);
    for (int k = 0; k < g->f; k++) {
        const double term = (double)x[k] * (double)w->w2[(size_t)k * (size_t)(g->h * cynf_rnn_gates(g)) + (size_t)j];
        sum += term;
        terms += fabs(term);
    }
    return (bounded){sum, 2 * EPS * (g->f + 1) * terms + g->f * (double)FLT_TRUE_MIN};
}

static void step(const cynf_rnn *g, const cynf_weights *w, const float *x, bounded *h, bounded *c)
{
    const bounded one = {1, 0};
    bounded *next = calloc((size_t)g->h, sizeof *next), *gate = calloc((size_t)(g->h * 4), sizeof *gate), *rh = calloc((size_t)g->h, sizeof *rh);
    const int gates = cynf_rnn_gates(g), n = g->h;
    for (int j = 0; j < n * gates; j++) {
        const bounded in = projected(g, w, x, j), p = product(g, w->w, h, j);
        const bool candidate = gates == 1 || j / n == 2;
        if (!candidate || g->kind == CYNF_RNN_SIMPLE || g->kind == CYNF_RNN_LSTM)
            gate[j] = activate(plus(in, p), candidate ? &g->e : &g->re);
    }
    for (int j = 0; j < n && gates == 3; j++)
        rh[j] = times(gate[n + j], h[j]);
    for (int j = 0; j < n; j++) {
        const bounded x2 = gates == 3 ? projected(g, w, x, 2 * n + j) : (bounded){0, 0};
        bounded minus;
        switch ((cynf_rnn_kind)g->kind) {
        case CYNF_RNN_LSTM:
            c[j] = plus(times(gate[n + j], c[j]), times(gate[j], gate[2 * n + j]));
            next[j] = times(gate[3 * n + j], activate(c[j], &g->e));
            break;
        case CYNF_RNN_GRU:
        case CYNF_RNN_GRU_AFTER:
            if (g->kind == CYNF_RNN_GRU)
                gate[2 * n + j] = activate(plus(x2, product(g, w->w, rh, 2 * n + j)), &g->e);
            else
                gate[2 * n + j] = activate(plus(x2, times(gate[n + j], plus(product(g, w->w, h, 2 * n + j),
                    (bounded){w->bias ? (double)w->bias[j] : 0, 0}))), &g->e);
            minus = (bounded){-gate[j].v, gate[j].error};
            next[j] = plus(times(gate[j], h[j]), times(plus(one, minus), gate[2 * n + j]));
            break;
        default: next[j] = gate[j]; break;
        }
    }
    memcpy(h, next, (size_t)n * sizeof *h);
    free(next);
    free(gate);
    free(rh);
}

static void expect(test_expect *e, size_t at, bounded b)
{
    e->acc[at] = b.v;
    e->scale[at] = b.error / EPS;
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_rnn *g = geometry;
    const size_t n = (size_t)g->h;
    bounded *h = calloc(n, sizeof *h), *c = calloc(n, sizeof *c), *out = calloc(n, sizeof *out);
    e->terms = 1;
    for (size_t i = 0; i < (size_t)g->n; i++) {
        const size_t y = i * (size_t)g->y_ns;
        memset(out, 0, n * sizeof *out);
        for (size_t j = 0; j < n; j++) {
            h[j] = (bounded){g->initial ? (double)x[1][i * (size_t)g->i_ns + j] : 0, 0};
            c[j] = (bounded){g->initial && g->kind == CYNF_RNN_LSTM ? (double)x[1][i * (size_t)g->i_ns + n + j] : 0, 0};
        }
        for (int s = 0; s < g->t; s++) {
            const size_t at = (size_t)(g->x_reverse ? g->t - 1 - s : s), to = (size_t)(g->y_reverse ? g->t - 1 - s : s);
            const bool live = !g->masked || x[1 + !!g->initial][i * (size_t)g->m_ns + at] != 0;
            if (live) {
                step(g, w, x[0] + i * (size_t)g->x_ns + at * (size_t)g->x_ts, h, c);
                memcpy(out, h, n * sizeof *out);
            } else if (g->zero_masked) {
                memset(out, 0, n * sizeof *out);
            }
            for (size_t j = 0; j < n && (g->sequences || s == g->t - 1); j++)
                expect(e, y + (g->sequences ? to * (size_t)g->y_ts : 0) + j, out[j]);
            if (!live && g->zero_masked) /* forgotten for this step alone */
                memcpy(out, h, n * sizeof *out);
        }
        for (size_t j = 0; j < n && g->states; j++) {
            expect(e, y + (size_t)g->s_offset + j, h[j]);
            if (g->kind == CYNF_RNN_LSTM)
                expect(e, y + (size_t)g->s_offset + n + j, c[j]);
        }
    }
    free(h);
    free(c);
    free(out);
}

const kernel_test rnn_test = {.op = CYNF_OP_RNN, .geometry = geometry, .oracle = oracle, .fix_weights = fix_weights, .fix_input = fix_input};
