/* SPDX-License-Identifier: MIT */
/**
 * copy f32, strided: any copy between two strided index spaces; contract at cynf_copy.
 * Contiguous rows move by vectors, transpositions by VL x VL register blocks, the rest element by element.
 */
#ifndef CYNF_COPY_STRIDED_H
#define CYNF_COPY_STRIDED_H

#include "kernels/copy/strided_layout.h"

static CYNF_INLINE void copy_row(const float *x, float *y, int n)
{
    int i = 0;
    for (; i + VL <= n; i += VL)
        vf_store(y + i, vf_load(x + i));
    if (i < n)
        vf_storen(y + i, vf_loadn(x + i, n - i), n - i);
}

static CYNF_INLINE void copy_fill(float value, float *y, int n)
{
    const vf v = vf_set1(value);
    int i = 0;
    for (; i + VL <= n; i += VL)
        vf_store(y + i, v);
    if (i < n)
        vf_storen(y + i, v, n - i);
}

/** y[r*ys + c] = x[r + c*xs]. */
static CYNF_INLINE void copy_transposed(const float *x, ptrdiff_t xs, float *y, ptrdiff_t ys, int rows, int cols)
{
    for (int r = 0; r < rows; r += VL) {
        const int h = rows - r < VL ? rows - r : VL;
        for (int c = 0; c < cols; c += VL) {
            const int w = cols - c < VL ? cols - c : VL;
            const float *from = x + r + c * xs;
            float *to = y + r * ys + c;
            vf t[VL];
            if (h == VL && w == VL) {
#pragma GCC unroll 16
                for (int i = 0; i < VL; i++)
                    t[i] = vf_load(from + i * xs);
                vf_transpose(t);
#pragma GCC unroll 16
                for (int i = 0; i < VL; i++)
                    vf_store(to + i * ys, t[i]);
            } else {
                for (int i = 0; i < VL; i++)
                    t[i] = i < w ? vf_loadn(from + i * xs, h) : vf_zero();
                vf_transpose(t);
                for (int i = 0; i < h; i++)
                    vf_storen(to + i * ys, t[i], w);
            }
        }
    }
}

static CYNF_INLINE void copy_strided(const cynf_copy *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)t, (void)stage, (void)thread;
    const cynf_copy c = copy_strided_collapse(g);
    const copy_strided_blocks b = copy_strided_block(&c);
    const int outer = c.rank - 2;
    const ptrdiff_t xr = c.xs[outer], xc = c.xs[outer + 1], yr = c.ys[outer], yc = c.ys[outer + 1];
    int32_t idx[CYNF_MAX_DIMS];
    size_t rest = begin / (size_t)(b.down * b.across);
    for (int i = outer - 1; i >= 0; i--) {
        idx[i] = (int32_t)(rest % (size_t)c.dims[i]);
        rest /= (size_t)c.dims[i];
    }
    int block = (int)(begin % (size_t)(b.down * b.across));
    for (size_t u = begin; u < end; u++) {
        const int r0 = block / b.across * b.rows, c0 = block % b.across * b.cols;
        const int rows = c.dims[outer] - r0 < b.rows ? c.dims[outer] - r0 : b.rows;
        const int cols = c.dims[outer + 1] - c0 < b.cols ? c.dims[outer + 1] - c0 : b.cols;
        const float *x = a->x[0] + r0 * xr + c0 * xc;
        float *y = a->y + r0 * yr + c0 * yc;
        for (int i = 0; i < outer; i++) {
            x += (ptrdiff_t)idx[i] * c.xs[i];
            y += (ptrdiff_t)idx[i] * c.ys[i];
        }
        if (yc == 1 && xc == 1) {
            for (int r = 0; r < rows; r++)
                copy_row(x + r * xr, y + r * yr, cols);
        } else if (yc == 1 && xc == 0) {
            for (int r = 0; r < rows; r++)
                copy_fill(x[r * xr], y + r * yr, cols);
        } else if (yc == 1 && xr == 1) {
            copy_transposed(x, xc, y, yr, rows, cols);
        } else {
            for (int r = 0; r < rows; r++)
                for (int i = 0; i < cols; i++)
                    y[r * yr + i * yc] = x[r * xr + i * xc];
        }
        if (++block == b.down * b.across) {
            block = 0;
            for (int i = outer - 1; i >= 0 && ++idx[i] == c.dims[i]; i--)
                idx[i] = 0;
        }
    }
}

#endif
