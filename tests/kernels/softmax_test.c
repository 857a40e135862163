/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_softmax *g = &p->u.softmax;
    g->kind = i % 3;
    g->rows = i < 6 ? 1 : test_int(r, 1, 12);
    g->len = i < 3 ? 1 : i < 6 ? 5000 : i < 70 ? i / 3 : test_int(r, 1, 300);
    g->x_rs = g->len + (test_one_in(r, 3) ? test_int(r, 1, 7) : 0);
    g->y_rs = g->len + (test_one_in(r, 3) ? test_int(r, 1, 7) : 0);
    if (i == 7)
        g->rows = 1500; /* several units */
}

static void fix_input(const void *g, int input, test_rng *r, float *x, size_t n)
{
    (void)g, (void)input;
    const float spread = test_one_in(r, 3) ? 30.0f : 3.0f;
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) < 1)
            x[i] *= spread;
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/** The threshold of sparsemax: the largest k of the sorted row with 1 + k z_k > z_1 + ... + z_k decides (Martins and Astudillo, algorithm 1). */
static double threshold(const double *x, int len)
{
    double *z = malloc((size_t)len * sizeof *z), sum = 0, tau = NAN;
    for (int i = 0; i < len; i++)
        z[i] = x[i];
    qsort(z, (size_t)len, sizeof *z, descending);
    for (int k = 1; k <= len; k++) {
        sum += z[k - 1];
        if (1 + k * z[k - 1] > sum)
            tau = (sum - 1) / k;
    }
    free(z);
    return tau;
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_softmax *g = geometry;
    double *row = malloc((size_t)g->len * sizeof *row);
    (void)w;
    e->terms = 80 + g->len / 16.0; /* the sum's, and a few of exp and log */
    for (int r = 0; r < g->rows; r++) {
        const size_t at = (size_t)r * (size_t)g->y_rs;
        double max = -INFINITY, sum = 0;
        bool undefined = false;
        for (int i = 0; i < g->len; i++) {
            row[i] = (double)x[0][(size_t)r * (size_t)g->x_rs + (size_t)i];
            undefined = undefined || isnan(row[i]) || row[i] == INFINITY;
            max = fmax(max, row[i]);
        }
        undefined = undefined || max == -INFINITY;
        for (int i = 0; i < g->len; i++)
            sum += exp(row[i] - max);
        const double tau = g->kind == CYNF_SPARSEMAX && !undefined ? threshold(row, g->len) : 0;
        for (int i = 0; i < g->len; i++) {
            double *acc = &e->acc[at + (size_t)i], *scale = &e->scale[at + (size_t)i];
            const double z = row[i] - max;
            if (g->kind == CYNF_SOFTMAX) {
                *acc = exp(z) / sum;
                *scale = *acc * (1 + (isfinite(z) ? fabs(z) : 0)); /* the rounding of x - max is one of the exponent */
            } else if (g->kind == CYNF_LOG_SOFTMAX) {
                *acc = z - log(sum);
                *scale = 1 + fabs(z) + log(sum);
            } else {
                *acc = fmax(0, row[i] - tau);
                *scale = 2 + fabs(max);
            }
            if (undefined)
                *acc = NAN, *scale = 0;
        }
    }
    free(row);
}

const kernel_test softmax_test = {.op = CYNF_OP_SOFTMAX, .nonfinite = true, .geometry = geometry, .oracle = oracle, .fix_input = fix_input};
