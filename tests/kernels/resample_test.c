/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_resample *g = &p->u.resample;
    g->outer = i == 0 ? 1 : test_int(r, 1, 5);
    g->in = i == 0 ? 1 : test_int(r, 1, 20);
    g->out = i == 0 ? 1 : i < 5 ? 1500 : test_int(r, 1, 40);
    g->inner = i < 70 ? 1 + i / 2 : test_int(r, 1, 200);
    g->taps = test_int(r, 1, g->in < 6 ? g->in : 6);
    g->x_rs = g->inner + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->y_rs = g->inner + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->x_os = g->in * g->x_rs + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->y_os = g->out * g->y_rs + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
    g->e = test_epilogue(r);
}

static void fix_weights(const void *geometry, test_rng *r, float *w[4])
{
    const cynf_resample *g = geometry;
    for (int j = 0; j < g->out; j++)
        w[2][j] = (float)test_int(r, 0, g->in - g->taps);
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_resample *g = geometry;
    e->terms = g->taps + 1;
    for (int o = 0; o < g->outer; o++)
        for (int j = 0; j < g->out; j++)
            for (int i = 0; i < g->inner; i++) {
                const size_t at = (size_t)o * (size_t)g->y_os + (size_t)j * (size_t)g->y_rs + (size_t)i;
                double acc = 0, scale = 0;
                for (int t = 0; t < g->taps; t++) {
                    const double v = (double)x[0][(size_t)o * (size_t)g->x_os + ((size_t)w->w2[j] + (size_t)t) * (size_t)g->x_rs + (size_t)i];
                    const double term = (double)w->w[j * g->taps + t] * v;
                    acc += term;
                    scale += fabs(term);
                }
                e->acc[at] = acc;
                e->scale[at] = scale;
            }
}

const kernel_test resample_test = {
    .op = CYNF_OP_RESAMPLE, .nonfinite = true, .geometry = geometry, .oracle = oracle, .fix_weights = fix_weights};
