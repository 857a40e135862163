/* SPDX-License-Identifier: MIT */
/**
 * reduce f32, fold: sum, mean, maximum, minimum, product and sum of squares over any set of dimensions; contract at cynf_reduce.
 * Accuracy: chunks of CYNF_FOLD_CHUNK elements a lane are summed first, then the chunks (Higham, "The Accuracy of Floating Point Summation", 1993).
 * NaN gives NaN in all of them.
 */
#ifndef CYNF_REDUCE_FOLD_H
#define CYNF_REDUCE_FOLD_H

#include "kernels/act.h"
#include "kernels/gather.h"
#include "kernels/reduce/fold_layout.h"

static CYNF_INLINE float reduce_identity(const int kind)
{
    return kind == CYNF_REDUCE_MAX ? -__builtin_inff() : kind == CYNF_REDUCE_MIN ? __builtin_inff() : kind == CYNF_REDUCE_PROD ? 1.0f : 0.0f;
}

/** Joins two partial results. */
static CYNF_INLINE vf reduce_join(const int kind, vf a, vf b)
{
    switch (kind) {
    case CYNF_REDUCE_MAX: return vf_sel(vf_isnan(a), a, vf_max(a, b));
    case CYNF_REDUCE_MIN: return vf_sel(vf_isnan(a), a, vf_min(a, b));
    case CYNF_REDUCE_PROD: return vf_mul(a, b);
    default: return vf_add(a, b);
    }
}

/** Takes one more element a lane. */
static CYNF_INLINE vf reduce_take(const int kind, vf a, vf x)
{
    return kind == CYNF_REDUCE_SUMSQ ? vf_fma(x, x, a) : reduce_join(kind, a, x);
}

/** The whole of one output from contiguous runs of its inputs. */
static CYNF_INLINE float reduce_along(const int kind, const cynf_nd *over, const float *x)
{
    const vf none = vf_set1(reduce_identity(kind));
    const ptrdiff_t row = over->s[0][over->rank - 2];
    const size_t chunks = cynf_nd_units(over);
    cynf_nd_walk walk = cynf_nd_seek(over, 0);
    vf total = none;
    for (size_t u = 0; u < chunks; u++, cynf_nd_next(over, &walk)) {
        vf part[4] = {none, none, none, none};
        for (int r = 0; r < walk.rows; r++) {
            const float *p = x + walk.at[0] + r * row;
            int c = 0;
            for (; c + 4 * VL <= walk.cols; c += 4 * VL)
#pragma GCC unroll 4
                for (int k = 0; k < 4; k++)
                    part[k] = reduce_take(kind, part[k], vf_load(p + c + k * VL));
            for (; c < walk.cols; c += VL)
                part[0] = reduce_take(kind, part[0], vf_gather(p + c, 1, walk.cols - c < VL ? walk.cols - c : VL, reduce_identity(kind)));
        }
        total = reduce_join(kind, total, reduce_join(kind, reduce_join(kind, part[0], part[1]), reduce_join(kind, part[2], part[3])));
    }
    float t[2 * VL]; /* halves, then halves of halves */
    vf_store(t, total);
    for (int n = VL / 2; n > 0; n /= 2) {
        vf_store(t + VL, none);
        vf_storen(t + VL, vf_loadn(t + n, n), n);
        vf_store(t, reduce_join(kind, vf_load(t), vf_load(t + VL)));
    }
    return t[0];
}

/** n <= CYNF_FOLD_VECTORS * VL outputs side by side, their inputs step apart. */
static CYNF_INLINE void reduce_across(const int kind, const cynf_nd *over, const float *x, ptrdiff_t step, int n, float *out)
{
    const vf none = vf_set1(reduce_identity(kind));
    const ptrdiff_t row = over->s[0][over->rank - 2], col = over->s[0][over->rank - 1];
    const size_t chunks = cynf_nd_units(over);
    vf total[CYNF_FOLD_VECTORS] = {none, none, none, none};
    cynf_nd_walk walk = cynf_nd_seek(over, 0);
    for (size_t u = 0; u < chunks; u++, cynf_nd_next(over, &walk)) {
        vf part[CYNF_FOLD_VECTORS] = {none, none, none, none};
        for (int r = 0; r < walk.rows; r++)
            for (int c = 0; c < walk.cols; c++) {
                const float *p = x + walk.at[0] + r * row + c * col;
                if (step == 1 && n == CYNF_FOLD_VECTORS * VL) {
#pragma GCC unroll 4
                    for (int k = 0; k < CYNF_FOLD_VECTORS; k++)
                        part[k] = reduce_take(kind, part[k], vf_load(p + k * VL));
                } else {
#pragma GCC unroll 4
                    for (int k = 0; k < CYNF_FOLD_VECTORS; k++) {
                        const int left = n - k * VL < VL ? n - k * VL : VL;
                        if (left > 0)
                            part[k] = reduce_take(kind, part[k], step == 1 ? vf_loadn(p + k * VL, left) : vf_gather(p + k * VL * step, step, left, 0));
                    }
                }
            }
#pragma GCC unroll 4
        for (int k = 0; k < CYNF_FOLD_VECTORS; k++)
            total[k] = reduce_join(kind, total[k], part[k]);
    }
#pragma GCC unroll 4
    for (int k = 0; k < CYNF_FOLD_VECTORS; k++)
        vf_store(out + k * VL, total[k]);
}

static CYNF_INLINE void reduce_units(const int kind, const reduce_fold_space *s, const cynf_epilogue *e, const cynf_args *a, size_t begin, size_t end)
{
    const int col = s->kept.rank - 1;
    const ptrdiff_t y_step = s->kept.s[0][col], x_step = s->kept.s[1][col];
    const vf count = vf_set1((float)s->count);
    cynf_nd_walk walk = cynf_nd_seek(&s->kept, begin);
    for (size_t u = begin; u < end; u++, cynf_nd_next(&s->kept, &walk))
        for (int c = 0; c < walk.cols; c += CYNF_FOLD_VECTORS * VL) {
            const int n = walk.cols - c < CYNF_FOLD_VECTORS * VL ? walk.cols - c : CYNF_FOLD_VECTORS * VL;
            const float *x = a->x[0] + walk.at[1] + c * x_step;
            float *y = a->y + walk.at[0] + c * y_step;
            float out[CYNF_FOLD_VECTORS * VL] = {0};
            if (s->along)
                for (int i = 0; i < n; i++)
                    out[i] = reduce_along(kind, &s->over, x + i * x_step);
            else
                reduce_across(kind, &s->over, x, x_step, n, out);
            for (int i = 0; i < n; i += VL) {
                vf v = vf_load(out + i);
                if (kind == CYNF_REDUCE_MEAN)
                    v = vf_div(v, count);
                vf_scatter(y + i * y_step, y_step, cynf_activate(v, e), n - i < VL ? n - i : VL);
            }
        }
}

static CYNF_INLINE void reduce_fold(const cynf_reduce *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage, (void)thread;
    if (begin == end)
        return;
    const reduce_fold_space s = reduce_fold_plan(g, t.v);
    switch (g->kind) {
    case CYNF_REDUCE_SUM: reduce_units(CYNF_REDUCE_SUM, &s, &g->e, a, begin, end); break;
    case CYNF_REDUCE_MEAN: reduce_units(CYNF_REDUCE_MEAN, &s, &g->e, a, begin, end); break;
    case CYNF_REDUCE_MAX: reduce_units(CYNF_REDUCE_MAX, &s, &g->e, a, begin, end); break;
    case CYNF_REDUCE_MIN: reduce_units(CYNF_REDUCE_MIN, &s, &g->e, a, begin, end); break;
    case CYNF_REDUCE_PROD: reduce_units(CYNF_REDUCE_PROD, &s, &g->e, a, begin, end); break;
    default: reduce_units(CYNF_REDUCE_SUMSQ, &s, &g->e, a, begin, end); break;
    }
}

#endif
