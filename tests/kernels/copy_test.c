/* SPDX-License-Identifier: MIT */
#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    static const cynf_copy edges[] = {
        {.rank = 0},
        {1, {1}, {1}, {1}},
        {1, {16411}, {1}, {1}},                                  /* several units of one row */
        {1, {37}, {0}, {1}},                                     /* fill */
        {2, {150, 67}, {1, 150}, {67, 1}},                       /* transposition, partial blocks */
        {3, {3, 64, 128}, {64 * 128, 1, 64}, {64 * 128, 128, 1}},
        {4, {5, 7, 3, 8}, {168, 24, 8, 1}, {56, 8, 280, 1}},     /* NHWC to blocked */
        {3, {9, 8, 7}, {57, 7, 1}, {120, 15, 2}},                /* every other element of y */
        {2, {33, 31}, {0, 1}, {31, 1}},                          /* a row repeated */
        {2, {33, 31}, {1, 0}, {31, 1}},                          /* an element repeated */
    };
    const int n = sizeof edges / sizeof *edges;
    cynf_copy *g = &p->u.copy;
    if (i < n) {
        *g = edges[i];
        return;
    }
    g->rank = test_int(r, 1, 6);
    const int largest = g->rank <= 2 ? 70 : g->rank <= 3 ? 20 : 7;
    for (int d = 0; d < g->rank; d++)
        g->dims[d] = test_int(r, 1, largest);
    test_strides(r, g->rank, g->dims, true, g->xs);
    test_strides(r, g->rank, g->dims, false, g->ys);
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_copy *g = geometry;
    int32_t idx[CYNF_MAX_DIMS] = {0};
    (void)w;
    do {
        const size_t at = test_offset(g->rank, idx, g->ys);
        e->acc[at] = (double)x[0][test_offset(g->rank, idx, g->xs)];
        e->scale[at] = 0;
    } while (test_next(g->rank, g->dims, idx));
}

const kernel_test copy_test = {.op = CYNF_OP_COPY, .nonfinite = true, .geometry = geometry, .oracle = oracle};
