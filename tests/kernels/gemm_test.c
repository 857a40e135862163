/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_gemm *g = &p->u.gemm;
    g->b0 = i < 8 ? 1 : test_int(r, 1, 3);
    g->b1 = i < 8 ? 1 : test_int(r, 1, 3);
    /* Sizes around the tiles, then longer ones. */
    const int largest = test_one_in(r, 6) ? 150 : 35;
    g->m = i == 0 ? 1 : test_int(r, 1, largest);
    g->n = i == 0 ? 1 : test_int(r, 1, largest);
    g->k = i == 0 ? 1 : test_int(r, 1, largest);
    const int32_t pd[] = {g->b0, g->b1, g->m, g->k}, qd[] = {g->b0, g->b1, g->k, g->n}, yd[] = {g->b0, g->b1, g->m};
    int32_t p_s[4], q_s[4], y_s[4], r_s[4];
    test_strides(r, 4, pd, test_one_in(r, 4), p_s);
    test_strides(r, 4, qd, test_one_in(r, 4), q_s);
    test_strides(r, 3, yd, false, y_s);
    test_strides(r, 3, yd, true, r_s);
    g->p_s0 = p_s[0], g->p_s1 = p_s[1], g->p_rs = p_s[2], g->p_cs = p_s[3];
    g->q_s0 = q_s[0], g->q_s1 = q_s[1], g->q_rs = q_s[2], g->q_cs = q_s[3];
    /* Columns of y and r are contiguous: the other strides count rows. */
    g->y_s0 = y_s[0] * g->n, g->y_s1 = y_s[1] * g->n, g->y_rs = y_s[2] * g->n;
    g->r_s0 = r_s[0] * g->n, g->r_s1 = r_s[1] * g->n, g->r_rs = r_s[2] * g->n;
    g->e = test_epilogue(r);
    g->e.residual = test_one_in(r, 3);
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_gemm *g = geometry;
    const int32_t dims[] = {g->b0, g->b1, g->m, g->n}, ys[] = {g->y_s0, g->y_s1, g->y_rs, 1}, rs[] = {g->r_s0, g->r_s1, g->r_rs, 1};
    const int32_t ps[] = {g->p_s0, g->p_s1, g->p_rs, 0}, qs[] = {g->q_s0, g->q_s1, 0, g->q_cs};
    int32_t idx[4] = {0};
    (void)w;
    e->terms = g->k + 2;
    do {
        const size_t at = test_offset(4, idx, ys), pa = test_offset(4, idx, ps), qa = test_offset(4, idx, qs);
        double acc = g->e.residual ? (double)x[2][test_offset(4, idx, rs)] : 0, scale = fabs(acc);
        for (int k = 0; k < g->k; k++) {
            const double term = (double)x[0][pa + (size_t)k * (size_t)g->p_cs] * (double)x[1][qa + (size_t)k * (size_t)g->q_rs];
            acc += term;
            scale += fabs(term);
        }
        e->acc[at] = acc;
        e->scale[at] = scale;
    } while (test_next(4, dims, idx));
}

const kernel_test gemm_test = {.op = CYNF_OP_GEMM, .nonfinite = true, .geometry = geometry, .oracle = oracle};
