/* SPDX-License-Identifier: MIT */
/**
 * softmax f32, rows: softmax, log-softmax and sparsemax of contiguous rows; contract at cynf_softmax.
 * Sparsemax: Martins and Astudillo, "From Softmax to Sparsemax" (2016); its threshold by Michelot's algorithm (1986), which needs neither a sort nor
 * memory: drop what lies below the threshold of the rest until nothing does.
 */
#ifndef CYNF_SOFTMAX_ROWS_H
#define CYNF_SOFTMAX_ROWS_H

#include "kernels/gather.h"
#include "kernels/math.h"
#include "kernels/softmax/rows_layout.h"

#define CYNF_SOFTMAX_LOW (-__builtin_inff())

/** Vector i of a row; lanes beyond its end are -inf. */
static CYNF_INLINE vf softmax_load(const float *x, int i, int len)
{
    return i + VL <= len ? vf_load(x + i) : vf_gather(x + i, 1, len - i, CYNF_SOFTMAX_LOW);
}

static CYNF_INLINE void softmax_store(float *y, int i, int len, vf a)
{
    if (i + VL <= len)
        vf_store(y + i, a);
    else
        vf_storen(y + i, a, len - i);
}

/** Greatest element; a NaN may be lost, but not in what is done with x - max. */
static CYNF_INLINE float softmax_max(const float *x, int len)
{
    vf m = vf_set1(CYNF_SOFTMAX_LOW);
    for (int i = 0; i < len; i += VL)
        m = vf_max(softmax_load(x, i, len), m);
    return vf_hmax(m);
}

/** The sum of exp(x - max), in sums of 64 vectors; with y not NULL the terms are stored there. */
static CYNF_INLINE float softmax_exp_sum(const float *x, float max, float *y, int len)
{
    const vf m = vf_set1(max);
    vf total = vf_zero();
    for (int i = 0; i < len; i += 64 * VL) {
        vf part = vf_zero();
        for (int j = i; j < len && j < i + 64 * VL; j += VL) {
            const vf e = vf_exp(vf_sub(softmax_load(x, j, len), m));
            part = vf_add(part, e);
            if (y)
                softmax_store(y, j, len, e);
        }
        total = vf_add(total, part);
    }
    return vf_hsum(total);
}

static CYNF_INLINE void softmax_row(const float *x, float *y, int len)
{
    const vf scale = vf_div(vf_set1(1), vf_set1(softmax_exp_sum(x, softmax_max(x, len), y, len)));
    for (int i = 0; i < len; i += VL)
        softmax_store(y, i, len, vf_mul(softmax_load(y, i, len), scale));
}

static CYNF_INLINE void log_softmax_row(const float *x, float *y, int len)
{
    const float max = softmax_max(x, len);
    const vf m = vf_set1(max), log_sum = vf_log(vf_set1(softmax_exp_sum(x, max, NULL, len)));
    for (int i = 0; i < len; i += VL)
        softmax_store(y, i, len, vf_sub(vf_sub(softmax_load(x, i, len), m), log_sum));
}

static CYNF_INLINE void sparsemax_row(const float *x, float *y, int len)
{
    const vf m = vf_set1(softmax_max(x, len)), zero = vf_zero(), one = vf_set1(1);
    vf threshold = vf_set1(-1); /* of x - max; the true one lies in -1..0 */
    for (float before = (float)len + 1, count = (float)len; count < before;) {
        vf sum = zero, number = zero;
        for (int i = 0; i < len; i += VL) {
            const vf z = vf_sub(softmax_load(x, i, len), m);
            const vm out = vf_le(z, threshold); /* NaN is not, and makes the whole row NaN */
            sum = vf_add(sum, vf_sel(out, zero, z));
            number = vf_add(number, vf_sel(out, zero, one));
        }
        before = count;
        count = vf_hsum(number);
        threshold = vf_div(vf_sub(vf_set1(vf_hsum(sum)), one), vf_set1(count));
    }
    for (int i = 0; i < len; i += VL)
        softmax_store(y, i, len, vf_max(zero, vf_sub(vf_sub(softmax_load(x, i, len), m), threshold)));
}

static CYNF_INLINE void softmax_rows(const cynf_softmax *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)t, (void)stage, (void)thread;
    const size_t group = (size_t)softmax_rows_group(g), last = end * group < (size_t)g->rows ? end * group : (size_t)g->rows;
    for (size_t r = begin * group; r < last; r++) {
        const float *x = a->x[0] + r * (size_t)g->x_rs;
        float *y = a->y + r * (size_t)g->y_rs;
        switch (g->kind) {
        case CYNF_SOFTMAX: softmax_row(x, y, g->len); break;
        case CYNF_LOG_SOFTMAX: log_softmax_row(x, y, g->len); break;
        default: sparsemax_row(x, y, g->len); break;
        }
    }
}

#endif
