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
    const bool ties = ((const cynf_softmax *)g)->kind == CYNF_SPARSEMAX && test_one_in(r, 3);
    (void)input;
    const float spread = test_one_in(r, 3) ? 30.0f : 3.0f;
    for (size_t i = 0; i < n; i++) {
        if (fabsf(x[i]) < 1)
            x[i] *= spread;
        if (ties) /* rows that often end their support with equality; see support */
            x[i] = rintf(x[i] * 4) / 4;
    }
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

typedef struct support {
    double lo, hi; /* the thresholds of all supports that rounding may leave */
    double scale;  /* sum of the absolute values of the threshold's terms */
    int most;      /* elements of the largest support */
} support;

/**
 * Sparsemax's support is the elements z_j of the sorted row with 1 > (z_1 - z_j) + ... + (z_j - z_j), a sum that only grows with j. Computed in float it
 * has an error of gamma(j + 4) (1 + sum |z_1 - z_i| + j |z_1 - z_j|); an element that lies no farther from the edge may be in or out. Rows of small
 * quarters leave no choice, for their sums are exact, and a quotient that differs from a quarter differs by more than its rounding.
 */
static support find_support(const double *x, int len)
{
    support s = {INFINITY, -INFINITY, 0, 0};
    double *z = malloc((size_t)len * sizeof *z), below = 0, cumulative = 0, sum = 0, absolute = 0, total = 0;
    bool quarters = true, sure = true;
    for (int i = 0; i < len; i++) {
        z[i] = x[i];
        quarters = quarters && fabs(x[i]) < 1024 && x[i] * 4 == rint(x[i] * 4);
    }
    qsort(z, (size_t)len, sizeof *z, descending);
    for (int j = 1; j <= len; j++) {
        const double u = (j + 4) * 0x1p-24, d = z[0] - z[j - 1];
        const double margin = 1 - j * d + below + d;
        const double error = quarters ? 0 : u / (1 - u) * (1 + below + d + j * d);
        sure = sure && margin > error;
        if (!sure && j > 1) { /* the support may end before z_j */
            s.lo = fmin(s.lo, (sum - 1) / (j - 1));
            s.hi = fmax(s.hi, (sum - 1) / (j - 1));
        }
        if (!(margin > -error)) /* or z_j is -inf */
            break;
        below += d;
        cumulative += z[j - 1];
        absolute += fabs(z[j - 1]);
        sum += cumulative;
        total += absolute;
        s.scale = fmax(s.scale, (total + 1) / j);
        s.most = j;
    }
    if (s.most == len) {
        s.lo = fmin(s.lo, (sum - 1) / len);
        s.hi = fmax(s.hi, (sum - 1) / len);
    }
    free(z);
    return s;
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_softmax *g = geometry;
    double *row = malloc((size_t)g->len * sizeof *row);
    (void)w;
    e->terms = g->kind == CYNF_SPARSEMAX ? 4 + 2.0 * g->len : 80 + g->len / 16.0; /* the sums', and a few of exp and log */
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
        const support s = g->kind == CYNF_SPARSEMAX && !undefined ? find_support(row, g->len) : (support){0, 0, 0, 0};
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
                const double bound = (4 + 2.0 * s.most) * (s.scale + (isfinite(row[i]) ? fabs(row[i]) : 0)) + (s.hi - s.lo) / 2 * 0x1p24;
                *acc = fmax(0, row[i] - (s.lo + s.hi) / 2);
                *scale = bound / e->terms;
            }
            if (undefined)
                *acc = NAN, *scale = 0;
        }
    }
    free(row);
}

const kernel_test softmax_test = {.op = CYNF_OP_SOFTMAX, .nonfinite = true, .geometry = geometry, .oracle = oracle, .fix_input = fix_input};
