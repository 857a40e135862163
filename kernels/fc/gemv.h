/* SPDX-License-Identifier: MIT */
/**
 * fc f32, gemv: one row at a time; every weight is used once, so what counts is that panels [k][nr] stream. Tile: nr columns in nv vectors, and mr
 * partial sums of each (a multiple of VK, or 1), element k going to sum k % mr, which hide the latency of the multiply-add; they are added pairwise at the
 * end. One sum gives the bits of gemm: the tile of exact programs.
 *
 * units       panels of nr columns; any split is safe
 * packed      as conv2d direct: per panel bias, then [k][nr]
 * Over-read, over-write: none.
 */
#ifndef CYNF_FC_GEMV_H
#define CYNF_FC_GEMV_H

#include "kernels/fc/fc_layout.h"
#include "kernels/gemm/microkernel.h"
#include "kernels/gemm/row_product.h"

/** Row x times one panel of nv vectors, n columns of them real. */
static CYNF_INLINE void cynf_fc_gemv_panel(const cynf_fc *g, const int mr, const int nv, int n, const float *x, const float *packed, const float *r, float *y)
{
    vf acc[CYNF_MR_MAX][CYNF_NV_MAX], sum[CYNF_VECTORS_MAX];
    static const ptrdiff_t row[1] = {0}, columns[CYNF_NV_MAX] = {0, VL, 2 * VL, 3 * VL};
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        sum[v] = vf_load(packed + v * VL);
    cynf_row_product(mr, nv, false, g->k, x, packed + nv * VL, sum);
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        acc[0][v] = sum[v];
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
                CYNF_NARROW_PANEL(narrow, cynf_fc_gemv_panel(g, t.mr, nv, n, x, packed, r, y));
        }
    }
}

#endif
