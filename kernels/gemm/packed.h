/* SPDX-License-Identifier: MIT */
/**
 * gemm f32, packed: products of two activations of any strides; contract at cynf_gemm.
 * Each panel of q is packed into the thread's workspace and used for a block of rows of p; the tile is kernels/gemm/microkernel.h.
 */
#ifndef CYNF_GEMM_PACKED_H
#define CYNF_GEMM_PACKED_H

#include "kernels/gemm/microkernel.h"
#include "kernels/gemm/packed_layout.h"

/** panel[k][nr] = q[k, c], c < cols; zeros from cols on. */
static CYNF_INLINE void gemm_pack_panel(const float *q, ptrdiff_t rs, ptrdiff_t cs, int k, int cols, const int nv, float *panel)
{
    const int nr = nv * VL;
    for (int v = 0; v < nv; v++) {
        const int left = cols - v * VL, n = left < 0 ? 0 : left < VL ? left : VL;
        const float *from = q + v * VL * cs;
        float *to = panel + v * VL;
        int i = 0;
        if (cs == 1) {
            for (; i < k; i++)
                vf_store(to + i * nr, n == VL ? vf_load(from + i * rs) : vf_loadn(from + i * rs, n));
        } else if (rs == 1) {
            for (; i < k; i += VL) {
                const int h = k - i < VL ? k - i : VL;
                vf t[VL];
                for (int c = 0; c < VL; c++)
                    t[c] = c >= n ? vf_zero() : h == VL ? vf_load(from + c * cs + i) : vf_loadn(from + c * cs + i, h);
                vf_transpose(t);
                for (int c = 0; c < h; c++)
                    vf_store(to + (i + c) * nr, t[c]);
            }
        } else {
            for (; i < k; i++)
                for (int c = 0; c < VL; c++)
                    to[i * nr + c] = c < n ? from[i * rs + c * cs] : 0;
        }
    }
}

static CYNF_INLINE void gemm_packed(const cynf_gemm *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    const int mr = t.mr, nv = t.nv, nr = nv * VL, block = gemm_packed_rows(g, t), blocks = CYNF_CEIL_DIV(g->m, block);
    float *const panel = cynf_private(a, 0, gemm_packed_private_bytes(g, t), thread);
    float *const rows_of_p = panel + gemm_packed_panel_bytes(g, t) / sizeof(float);
    for (size_t u = begin; u < end; u++) {
        const int m0 = (int)(u % (size_t)blocks) * block, rows = g->m - m0 < block ? g->m - m0 : block;
        const ptrdiff_t i1 = (ptrdiff_t)(u / (size_t)blocks) % g->b1, i0 = (ptrdiff_t)(u / (size_t)blocks) / g->b1;
        const float *p = a->x[0] + i0 * g->p_s0 + i1 * g->p_s1 + (ptrdiff_t)m0 * g->p_rs, *q = a->x[1] + i0 * g->q_s0 + i1 * g->q_s1;
        const float *r = g->e.residual ? a->x[2] + i0 * g->r_s0 + i1 * g->r_s1 + (ptrdiff_t)m0 * g->r_rs : NULL;
        float *y = a->y + i0 * g->y_s0 + i1 * g->y_s1 + (ptrdiff_t)m0 * g->y_rs;
        ptrdiff_t p_rs = g->p_rs;
        if (g->p_cs != 1) {
            for (int m = 0; m < rows; m++)
                for (int k = 0; k < g->k; k++)
                    rows_of_p[(ptrdiff_t)m * g->k + k] = p[m * (ptrdiff_t)g->p_rs + k * (ptrdiff_t)g->p_cs];
            p = rows_of_p;
            p_rs = g->k;
        }
        for (int n0 = 0; n0 < g->n; n0 += nr) {
            const int n = g->n - n0 < nr ? g->n - n0 : nr;
            gemm_pack_panel(q + (ptrdiff_t)n0 * g->q_cs, g->q_rs, g->q_cs, g->k, n, nv, panel);
            for (int m = 0; m < rows; m += mr) {
                const int h = rows - m < mr ? rows - m : mr;
                ptrdiff_t off[CYNF_MR_MAX], r_off[CYNF_MR_MAX], y_off[CYNF_MR_MAX], ch[CYNF_NV_MAX];
                vf acc[CYNF_MR_MAX][CYNF_NV_MAX];
#pragma GCC unroll 32
                for (int i = 0; i < mr; i++) {
                    off[i] = (m + i) * p_rs;
                    r_off[i] = (m + i) * (ptrdiff_t)g->r_rs;
                    y_off[i] = (m + i) * (ptrdiff_t)g->y_rs;
                }
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++)
                    ch[v] = n0 + v * VL;
                cynf_tile_zero(mr, nv, acc);
                cynf_tile_fma(mr, nv, CYNF_ROWS(h), g->k, p, off, panel, nr, acc);
                cynf_tile_finish(mr, nv, CYNF_ROWS(h), n, &g->e, r, r_off, ch, y, y_off, ch, acc);
            }
            if (!cynf_act_in_tile(&g->e))
                cynf_activate_rows(&g->e, y + n0, rows, g->y_rs, n);
        }
    }
}

#endif
