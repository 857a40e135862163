/* SPDX-License-Identifier: MIT */
/**
 * fc f32, gemv: one row at a time; every weight is used once, so what counts is that panels [k][nr] stream. Tile: nr columns in nv vectors, and mr
 * partial sums of each (a multiple of VK), element k going to sum k % mr, which hide the latency of the multiply-add; they are added pairwise at the end.
 *
 * units       panels of nr columns; any split is safe
 * packed      as conv2d direct: per panel bias, then [k][nr]
 * Over-read, over-write: none.
 */
#ifndef CYNF_FC_GEMV_H
#define CYNF_FC_GEMV_H

#include "kernels/fc/fc_layout.h"
#include "kernels/gemm/microkernel.h"

/** Row x times one panel of nv vectors, n columns of them real. */
static CYNF_INLINE void cynf_fc_gemv_panel(const cynf_fc *g, const int mr, const int nv, int n, const float *x, const float *packed, const float *r, float *y)
{
    vf acc[CYNF_MR_MAX][CYNF_NV_MAX];
    static const ptrdiff_t row[1] = {0}, columns[CYNF_NV_MAX] = {0, VL, 2 * VL, 3 * VL};
    const float *b = packed + nv * VL;
    int c = 0;
    cynf_tile_zero(mr, nv, acc);
    cynf_tile_init(1, nv, packed, acc);
    for (; c + mr <= g->k; c += mr, b += mr * nv * VL)
#pragma GCC unroll 8
        for (int i = 0; i < mr; i += VK) {
            const vk a = vk_load(x + c + i);
#pragma GCC unroll 4
            for (int lane = 0; lane < VK; lane++)
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++)
                    acc[i + lane][v] = vf_fmak(acc[i + lane][v], vf_load(b + ((i + lane) * nv + v) * VL), a, lane);
        }
    for (; c < g->k; c++, b += nv * VL)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            acc[0][v] = vf_fma(vf_set1(x[c]), vf_load(b + v * VL), acc[0][v]);
#pragma GCC unroll 4
    for (int half = 4; half > 0; half /= 2)
#pragma GCC unroll 4
        for (int i = 0; i < half; i++)
            if (i + half < mr)
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++)
                    acc[i][v] = vf_add(acc[i][v], acc[i + half][v]);
    cynf_tile_finish(1, nv, 1, n, &g->e, r, row, columns, y, row, columns, acc);
    if (!cynf_act_in_tile(&g->e))
        cynf_activate_rows(&g->e, y, 1, 0, n);
}

static CYNF_INLINE void fc_gemv(const cynf_fc *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    (void)thread;
    const int nr = t.nv * t.v, narrow = g->n % nr;
    for (size_t unit = begin; unit < end; unit++) {
        const ptrdiff_t n0 = (ptrdiff_t)unit * nr;
        const int n = g->n - n0 < nr ? narrow : nr;
        const float *packed = (const float *)a->packed + n0 * (g->k + 1);
        for (int m = 0; m < g->m; m++) {
            const float *x = a->x[0] + (ptrdiff_t)m * g->x_rs, *r = g->e.residual ? a->x[1] + (ptrdiff_t)m * g->r_rs + n0 : NULL;
            float *y = a->y + (ptrdiff_t)m * g->y_rs + n0;
            if (CYNF_CEIL_DIV(n, t.v) == t.nv)
                cynf_fc_gemv_panel(g, t.mr, t.nv, n, x, packed, r, y);
            else
                switch (CYNF_CEIL_DIV(narrow, t.v)) {
                    CYNF_NARROW_PANEL(1, cynf_fc_gemv_panel(g, t.mr, 1, n, x, packed, r, y))
                    CYNF_NARROW_PANEL(2, cynf_fc_gemv_panel(g, t.mr, 2, n, x, packed, r, y))
                    CYNF_NARROW_PANEL(3, cynf_fc_gemv_panel(g, t.mr, 3, n, x, packed, r, y))
                }
        }
    }
}

#endif
