/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "harness.h"

/** Output strides of the dimensions that are kept; 0 for the others. */
static void kept_strides(test_rng *r, cynf_reduce *g)
{
    int32_t dims[CYNF_MAX_DIMS];
    for (int d = 0; d < g->rank; d++)
        dims[d] = g->mask >> d & 1 ? 1 : g->dims[d];
    test_strides(r, g->rank, dims, false, g->ys);
    for (int d = 0; d < g->rank; d++)
        if (g->mask >> d & 1)
            g->ys[d] = 0;
}

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    static const cynf_reduce edges[] = {
        {.kind = CYNF_REDUCE_SUM, .rank = 1, .mask = 1, .dims = {1}, .xs = {1}},
        {.kind = CYNF_REDUCE_MEAN, .rank = 1, .mask = 1, .dims = {5000}, .xs = {1}},
        {.kind = CYNF_REDUCE_SUM, .rank = 1, .mask = 1, .dims = {3000}, .xs = {3}},
        {.kind = CYNF_REDUCE_MEAN, .rank = 3, .mask = 3, .dims = {20, 30, 67}, .xs = {2010, 67, 1}, .ys = {0, 0, 1}}, /* global average pooling */
        {.kind = CYNF_REDUCE_MAX, .rank = 3, .mask = 5, .dims = {7, 9, 40}, .xs = {360, 40, 1}, .ys = {0, 2, 0}},
        {.kind = CYNF_REDUCE_SUMSQ, .rank = 2, .mask = 2, .dims = {300, 3}, .xs = {3, 1}, .ys = {1, 0}},
        {.kind = CYNF_REDUCE_MIN, .rank = 2, .mask = 0, .dims = {5, 21}, .xs = {21, 1}, .ys = {1, 5}}, /* nothing to reduce */
    };
    const int n = sizeof edges / sizeof *edges;
    cynf_reduce *g = &p->u.reduce;
    if (i < n) {
        *g = edges[i];
        return;
    }
    g->kind = test_int(r, 0, CYNF_REDUCE_COUNT - 1);
    g->rank = test_int(r, 1, 5);
    g->mask = test_int(r, 0, (1 << g->rank) - 1);
    const int largest = g->rank == 1 ? 3000 : g->rank == 2 ? 150 : g->rank == 3 ? 30 : 8;
    for (int d = 0; d < g->rank; d++)
        g->dims[d] = test_int(r, 1, largest);
    test_strides(r, g->rank, g->dims, false, g->xs);
    kept_strides(r, g);
    g->e = test_epilogue(r);
}

/** Factors near 1, so that long products stay in range. */
static void fix_input(const void *geometry, int input, test_rng *r, float *x, size_t n)
{
    const cynf_reduce *g = geometry;
    (void)input;
    if (g->kind == CYNF_REDUCE_PROD)
        for (size_t i = 0; i < n; i++)
            if (isfinite(x[i]))
                x[i] = test_one_in(r, 2) ? 1 + 0.001f * test_float(r, -1, 1) : -1 + 0.001f * test_float(r, -1, 1);
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_reduce *g = geometry;
    int32_t idx[CYNF_MAX_DIMS] = {0};
    double count = 1;
    (void)w;
    for (int d = 0; d < g->rank; d++)
        if (g->mask >> d & 1)
            count *= g->dims[d];
    do {
        const size_t at = test_offset(g->rank, idx, g->ys);
        const double v = (double)x[0][test_offset(g->rank, idx, g->xs)];
        const bool first = e->scale[at] < 0;
        double *acc = &e->acc[at];
        switch ((cynf_reduce_kind)g->kind) {
        case CYNF_REDUCE_SUM: *acc = first ? v : *acc + v; break;
        case CYNF_REDUCE_MEAN: *acc = first ? v / count : *acc + v / count; break;
        case CYNF_REDUCE_MAX: *acc = first || isnan(v) || v > *acc ? v : *acc; break;
        case CYNF_REDUCE_MIN: *acc = first || isnan(v) || v < *acc ? v : *acc; break;
        case CYNF_REDUCE_PROD: *acc = first ? v : *acc * v; break;
        case CYNF_REDUCE_SUMSQ: *acc = first ? v * v : *acc + v * v; break;
        case CYNF_REDUCE_COUNT: break;
        }
        const double term = g->kind == CYNF_REDUCE_MEAN ? fabs(v) / count : g->kind == CYNF_REDUCE_SUMSQ ? v * v : fabs(v);
        e->scale[at] = g->kind == CYNF_REDUCE_PROD ? fabs(*acc) : g->kind == CYNF_REDUCE_MAX || g->kind == CYNF_REDUCE_MIN ? 0
            : (first ? 0 : e->scale[at]) + term;
    } while (test_next(g->rank, g->dims, idx));
    /* Sums of sums of 128: far fewer roundings than elements. */
    e->terms = g->kind == CYNF_REDUCE_MAX || g->kind == CYNF_REDUCE_MIN ? 0 : g->kind == CYNF_REDUCE_PROD ? count + 1
        : fmin(count, 128 + count / 128 + 8) + 2;
}

const kernel_test reduce_test = {.op = CYNF_OP_REDUCE, .nonfinite = true, .geometry = geometry, .oracle = oracle, .fix_input = fix_input};
