/* SPDX-License-Identifier: MIT */
/**
 * reduce f32, fold: sum, mean, maximum, minimum, product and sum of squares over any set of dimensions; contract at cynf_reduce.
 * Tile: vectors along the reduced elements. Where these are contiguous, element i goes to partial result i % (4 nr), so that tiles of the same nr give the
 * same bits on every instruction set; with nr = CYNF_FOLD_EXACT the kernel is exact.
 * Accuracy: chunks of CYNF_FOLD_CHUNK elements a lane are summed first, then the chunks (Higham, "The Accuracy of Floating Point Summation", 1993).
 * NaN gives NaN in all of them.
 */
#ifndef CYNF_REDUCE_FOLD_H
#define CYNF_REDUCE_FOLD_H

#include "kernels/act.h"
#include "kernels/gather.h"
#include "kernels/reduce/fold_layout.h"

/* The kinds there are code for; generated code defines those of its layers, as in kernels/eltwise/map.h. */
#ifndef CYNF_REDUCE_USED
#define CYNF_REDUCE_USED CYNF_REDUCE_LIST
#endif

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

/** a[i] joins b[i] for i < n. */
static CYNF_INLINE void reduce_join_all(const int kind, const int n, vf *a, const vf *b)
{
#pragma GCC unroll 4
    for (int i = 0; i < n; i++)
        a[i] = reduce_join(kind, a[i], b[i]);
}

/** One output's partial results, a vector of them, from contiguous runs of its inputs, nv vectors beside each other. */
static CYNF_INLINE vf reduce_along(const int kind, const int nv, const cynf_nd *over, const float *x)
{
    const vf none = vf_set1(reduce_identity(kind));
    const ptrdiff_t row = over->s[0][over->rank - 2];
    const size_t chunks = cynf_nd_units(over);
    const int nr = nv * VL;
    cynf_nd_walk walk = cynf_nd_seek(over, 0);
    vf total[CYNF_FOLD_EXACT];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        total[v] = none;
    for (size_t u = 0; u < chunks; u++, cynf_nd_next(over, &walk)) {
        vf part[4][CYNF_FOLD_EXACT];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                part[k][v] = none;
        for (int r = 0; r < walk.rows; r++) {
            const float *p = x + walk.at[0] + r * row;
            int c = 0;
            for (; c + 4 * nr <= walk.cols; c += 4 * nr)
#pragma GCC unroll 4
                for (int k = 0; k < 4; k++)
#pragma GCC unroll 4
                    for (int v = 0; v < nv; v++)
                        part[k][v] = reduce_take(kind, part[k][v], vf_load(p + c + k * nr + v * VL));
            for (; c < walk.cols; c += nr)
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++) {
                    const int left = walk.cols - c - v * VL;
                    part[0][v] = reduce_take(kind, part[0][v], vf_gather(p + c + v * VL, 1, left < 0 ? 0 : left < VL ? left : VL, reduce_identity(kind)));
                }
        }
        reduce_join_all(kind, nv, part[0], part[1]);
        reduce_join_all(kind, nv, part[2], part[3]);
        reduce_join_all(kind, nv, part[0], part[2]);
        reduce_join_all(kind, nv, total, part[0]);
    }
#pragma GCC unroll 4
    for (int n = nv / 2; n > 0; n /= 2)
        reduce_join_all(kind, n, total, total + n);
    return total[0];
}

/** n <= VL outputs, their inputs step apart: the halves of each one's partial results are joined, then the halves of those, for all outputs at once. */
static CYNF_INLINE vf reduce_rows(const int kind, const int nv, const cynf_nd *over, const float *x, ptrdiff_t step, int n)
{
    vf t[VL];
    for (int i = 0; i < VL; i++)
        t[i] = i < n ? reduce_along(kind, nv, over, x + i * step) : vf_zero();
    vf_transpose(t);
#pragma GCC unroll 4
    for (int k = VL / 2; k > 0; k /= 2)
#pragma GCC unroll 8
        for (int i = 0; i < k; i++)
            t[i] = reduce_join(kind, t[i], t[i + k]);
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

static CYNF_INLINE void reduce_units(const int kind, const int nv, const cynf_reduce *g, const cynf_nd *nd, const cynf_args *a, size_t begin, size_t end)
{
    const cynf_nd *const kept = &nd[CYNF_FOLD_KEPT], *const over = &nd[CYNF_FOLD_OVER];
    const bool along = reduce_fold_along(g);
    ptrdiff_t y_step, x_step;
    reduce_fold_steps(g, &y_step, &x_step);
    const vf count = vf_set1((float)reduce_fold_count(g));
    cynf_nd_walk walk = cynf_nd_seek(kept, begin);
    for (size_t u = begin; u < end; u++, cynf_nd_next(kept, &walk))
        for (int c = 0; c < walk.cols; c += CYNF_FOLD_VECTORS * VL) {
            const int n = walk.cols - c < CYNF_FOLD_VECTORS * VL ? walk.cols - c : CYNF_FOLD_VECTORS * VL;
            const float *x = a->x[0] + walk.at[1] + c * x_step;
            float *y = a->y + walk.at[0] + c * y_step;
            float out[CYNF_FOLD_VECTORS * VL] = {0};
            if (along)
                for (int i = 0; i < n; i += VL)
                    vf_store(out + i, reduce_rows(kind, nv, over, x + i * x_step, x_step, n - i < VL ? n - i : VL));
            else
                reduce_across(kind, over, x, x_step, n, out);
            for (int i = 0; i < n; i += VL) {
                vf v = vf_load(out + i);
                if (kind == CYNF_REDUCE_MEAN)
                    v = vf_div(v, count);
                vf_scatter(y + i * y_step, y_step, cynf_activate(v, &g->e), n - i < VL ? n - i : VL);
            }
        }
}

static CYNF_INLINE void reduce_fold_in(const cynf_reduce *g, const cynf_nd *nd, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage, (void)thread;
    if (begin == end)
        return;
    switch (g->kind) {
#define X(name) case CYNF_REDUCE_##name: reduce_units(CYNF_REDUCE_##name, t.nv, g, nd, a, begin, end); break;
        CYNF_REDUCE_USED(X)
#undef X
    }
}

static CYNF_INLINE void reduce_fold(const cynf_reduce *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    cynf_nd nd[CYNF_FOLD_SPACES];
    reduce_fold_spaces(g, t, nd);
    reduce_fold_in(g, nd, t, stage, a, thread, begin, end);
}

#endif
