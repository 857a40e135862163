/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_lookup *g = &p->u.lookup;
    g->n = i < 4 ? 1 : test_int(r, 1, 40);
    g->rows = i == 0 ? 1 : test_int(r, 1, 30);
    g->len = i < 70 ? 1 + i : test_int(r, 1, 3000);
    g->x_s = test_one_in(r, 3) ? test_int(r, 1, 5) : 1;
    g->y_rs = g->len + (test_one_in(r, 3) ? test_int(r, 1, 9) : 0);
}

/* Rows, and now and then what is none. */
static void fix_input(const void *geometry, int input, test_rng *r, float *x, size_t n)
{
    const cynf_lookup *g = geometry;
    const float none[] = {-1, (float)g->rows, 0x1p40f, NAN, -INFINITY};
    (void)input;
    for (size_t i = 0; i < n; i++)
        x[i] = test_one_in(r, 8) ? none[test_int(r, 0, 4)] : (float)test_int(r, 0, g->rows - 1);
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_lookup *g = geometry;
    e->terms = 0;
    for (size_t i = 0; i < (size_t)g->n; i++)
        for (size_t j = 0; j < (size_t)g->len; j++) {
            const float row = x[0][i * (size_t)g->x_s];
            const size_t at = i * (size_t)g->y_rs + j;
            e->acc[at] = row >= 0 && row < (float)g->rows ? (double)w->w[(size_t)row * (size_t)g->len + j] : 0;
            e->scale[at] = fabs(e->acc[at]);
        }
}

const kernel_test lookup_test = {.op = CYNF_OP_LOOKUP, .geometry = geometry, .oracle = oracle, .fix_input = fix_input};
