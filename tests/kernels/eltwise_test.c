/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_eltwise *g = &p->u.eltwise;
    /* The first cases go through all activations and all kinds on a plain row. */
    if (i < CYNF_ACT_COUNT) {
        *g = (cynf_eltwise){.rank = 1, .dims = {67}, .xs = {{1}}, .ys = {1}};
        g->e = test_epilogue(r);
        g->e.act = i;
        return;
    }
    i -= CYNF_ACT_COUNT;
    if (i < CYNF_ELT_COUNT) {
        *g = (cynf_eltwise){.kind = i, .rank = 2, .dims = {5, 35}, .xs = {{35, 1}, {35, 1}, {0, 1}}, .ys = {35, 1}};
        return;
    }
    g->kind = test_int(r, 0, CYNF_ELT_COUNT - 1);
    g->e = test_epilogue(r);
    if (test_one_in(r, 10)) { /* several units of one row */
        g->rank = 1;
        g->dims[0] = test_int(r, 4000, 9000);
        for (int k = 0; k < CYNF_MAX_INPUTS; k++)
            g->xs[k][0] = test_int(r, 0, 1);
        g->ys[0] = 1;
        return;
    }
    g->rank = test_int(r, 0, 5);
    const int largest = g->rank <= 2 ? 70 : g->rank <= 3 ? 20 : 7;
    for (int d = 0; d < g->rank; d++)
        g->dims[d] = test_int(r, 1, largest);
    test_strides(r, g->rank, g->dims, false, g->ys);
    for (int k = 0; k < CYNF_MAX_INPUTS; k++)
        if (test_one_in(r, 2))
            for (int d = 0; d < g->rank; d++)
                g->xs[k][d] = g->ys[d];
        else
            test_strides(r, g->rank, g->dims, true, g->xs[k]);
}

/** Arguments of all sizes for functions of one variable: the default ones lie within -1..1. */
static void fix_input(const void *geometry, int input, test_rng *r, float *x, size_t n)
{
    const cynf_eltwise *g = geometry;
    (void)input;
    const bool crossing = g->kind == CYNF_ELT_SELECT || g->kind >= CYNF_ELT_GREATER; /* equal operands, zeros */
    if (g->kind == CYNF_ELT_POW || crossing || test_one_in(r, 3))
        for (size_t i = 0; i < n; i++)
            x[i] = test_one_in(r, crossing ? 2 : 8) ? rintf(4 * x[i]) : x[i] * 10;
}

/* Selections are exact. */
static bool exact(int kind)
{
    return kind == CYNF_ELT_UNARY || kind == CYNF_ELT_MAX || kind == CYNF_ELT_MIN || (kind >= CYNF_ELT_SELECT && kind <= CYNF_ELT_EQUAL);
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_eltwise *g = geometry;
    const int inputs = cynf_geometry_inputs(CYNF_OP_ELTWISE, g);
    int32_t idx[CYNF_MAX_DIMS] = {0};
    (void)w;
    e->terms = 2;
    do {
        const size_t at = test_offset(g->rank, idx, g->ys);
        double v[3] = {0};
        for (int k = 0; k < inputs; k++)
            v[k] = (double)x[k][test_offset(g->rank, idx, g->xs[k])];
        const double p = v[0], q = v[1], r = v[2];
        double y = 0;
        switch ((cynf_elt_kind)g->kind) {
        case CYNF_ELT_UNARY: y = p; break;
        case CYNF_ELT_ADD: y = p + q; break;
        case CYNF_ELT_SUB: y = p - q; break;
        case CYNF_ELT_MUL: y = p * q; break;
        case CYNF_ELT_DIV: y = p / q; break;
        case CYNF_ELT_MAX: y = isnan(p) || isnan(q) ? NAN : fmax(p, q); break;
        case CYNF_ELT_MIN: y = isnan(p) || isnan(q) ? NAN : fmin(p, q); break;
        case CYNF_ELT_POW: y = pow(p, q); break;
        case CYNF_ELT_PRELU: y = p > 0 ? p : p * q; break;
        case CYNF_ELT_MULADD: y = p * q + r; break;
        case CYNF_ELT_SELECT: y = p != 0 ? q : r; break;
        case CYNF_ELT_GREATER: y = p > q; break;
        case CYNF_ELT_GREATER_EQUAL: y = p >= q; break;
        case CYNF_ELT_EQUAL: y = p == q; break;
        case CYNF_ELT_MOD: y = fmod(p, q) != 0 && (fmod(p, q) < 0) != (q < 0) ? fmod(p, q) + q : fmod(p, q); break;
        case CYNF_ELT_ATAN2: y = atan2(p, q); break;
        case CYNF_ELT_COUNT: break;
        }
        e->acc[at] = y;
        e->scale[at] = exact(g->kind) ? 0 : g->kind == CYNF_ELT_MULADD ? fabs(p * q) + fabs(r) : fabs(y);
    } while (test_next(g->rank, g->dims, idx));
    if (exact(g->kind))
        e->terms = 0;
}

static int in_place(const void *geometry)
{
    const cynf_eltwise *g = geometry;
    for (int k = 0; k < cynf_geometry_inputs(CYNF_OP_ELTWISE, g); k++) {
        bool same = true;
        for (int d = 0; d < g->rank; d++)
            same = same && g->xs[k][d] == g->ys[d];
        if (same)
            return k;
    }
    return -1;
}

const kernel_test eltwise_test = {
    .op = CYNF_OP_ELTWISE, .nonfinite = true, .geometry = geometry, .oracle = oracle, .fix_input = fix_input, .in_place = in_place};
