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

static CYNF_INLINE void copy_strided_in(const cynf_copy *g, const cynf_nd *nd, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)g, (void)t, (void)stage, (void)thread;
    const ptrdiff_t xr = nd->s[1][nd->rank - 2], xc = nd->s[1][nd->rank - 1], yr = nd->s[0][nd->rank - 2], yc = nd->s[0][nd->rank - 1];
    if (begin == end)
        return;
    cynf_nd_walk walk = cynf_nd_seek(nd, begin);
    for (size_t u = begin; u < end; u++, cynf_nd_next(nd, &walk)) {
        const float *x = a->x[0] + walk.at[1];
        float *y = a->y + walk.at[0];
        if (yc == 1 && xc == 1) {
            for (int r = 0; r < walk.rows; r++)
                copy_row(x + r * xr, y + r * yr, walk.cols);
        } else if (yc == 1 && xc == 0) {
            for (int r = 0; r < walk.rows; r++)
                copy_fill(x[r * xr], y + r * yr, walk.cols);
        } else if (yc == 1 && xr == 1) {
            copy_transposed(x, xc, y, yr, walk.rows, walk.cols);
        } else {
            for (int r = 0; r < walk.rows; r++)
                for (int i = 0; i < walk.cols; i++)
                    y[r * yr + i * yc] = x[r * xr + i * xc];
        }
    }
}

static CYNF_INLINE void copy_strided(const cynf_copy *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_nd nd = copy_strided_space(g);
    copy_strided_in(g, &nd, t, stage, a, thread, begin, end);
}

#endif
