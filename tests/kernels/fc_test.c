/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    static const int edges[][3] = {{1, 1, 1}, {1, 16, 8}, {1, 3, 64}, {1, 300, 1}, {1, 257, 129}, {2, 64, 32}, {14, 40, 64}, {15, 9, 65}, {64, 128, 10}, {100, 7, 31}};
    cynf_fc *g = &p->u.fc;
    if (i < (int)(sizeof edges / sizeof *edges)) {
        g->m = edges[i][0];
        g->k = edges[i][1];
        g->n = edges[i][2];
    } else {
        g->m = test_one_in(r, 2) ? 1 : test_int(r, 1, 40);
        g->k = test_int(r, 1, test_one_in(r, 4) ? 600 : 40);
        g->n = test_int(r, 1, test_one_in(r, 4) ? 300 : 70);
    }
    g->x_rs = g->k + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->y_rs = g->n + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->e = test_epilogue(r);
    if (test_one_in(r, 3)) {
        g->e.residual = 1;
        g->r_rs = g->n + (test_one_in(r, 2) ? test_int(r, 1, 9) : 0);
    }
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_fc *g = geometry;
    e->terms = g->k + 5; /* bias, residual, and the partial sums added up */
    for (int m = 0; m < g->m; m++)
        for (int n = 0; n < g->n; n++) {
            double acc = w->bias ? (double)w->bias[n] : 0, scale = fabs(acc);
            for (int k = 0; k < g->k; k++) {
                const double term = (double)x[0][m * g->x_rs + k] * (double)w->w[(size_t)k * (size_t)g->n + (size_t)n];
                acc += term;
                scale += fabs(term);
            }
            if (g->e.residual) {
                const double res = (double)x[1][m * g->r_rs + n];
                acc += res;
                scale += fabs(res);
            }
            e->acc[m * g->y_rs + n] = acc;
            e->scale[m * g->y_rs + n] = scale;
        }
}

const kernel_test fc_test = {.op = CYNF_OP_FC, .nonfinite = true, .geometry = geometry, .oracle = oracle};
