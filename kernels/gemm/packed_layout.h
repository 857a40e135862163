/* SPDX-License-Identifier: MIT */
/**
 * gemm, packed: units and workspace. A unit is a block of rows of one matrix pair; its thread's private workspace holds
 *
 *     q panel [k][nr]     columns n0 .. n0 + nr of q, zeros beyond n
 *     p block [rows][k]   the unit's rows of p, where they are not contiguous as they are
 */
#ifndef CYNF_GEMM_PACKED_LAYOUT_H
#define CYNF_GEMM_PACKED_LAYOUT_H

#include "kernels/kernel.h"

/** Rows of a unit: whole tiles, about 64, so that packing a panel of q for them costs little. */
static CYNF_INLINE int32_t gemm_packed_rows(const cynf_gemm *g, cynf_tile t)
{
    const int32_t rows = CYNF_CEIL_DIV(64, t.mr) * t.mr;
    return rows < g->m ? rows : g->m;
}

static CYNF_INLINE size_t gemm_packed_units(const cynf_gemm *g, cynf_tile t)
{
    return (size_t)g->b0 * (size_t)g->b1 * (size_t)CYNF_CEIL_DIV(g->m, gemm_packed_rows(g, t));
}

static CYNF_INLINE size_t gemm_packed_panel_bytes(const cynf_gemm *g, cynf_tile t)
{
    return CYNF_ROUND_UP((size_t)g->k * (size_t)(t.nv * t.v) * sizeof(float), 64);
}

static CYNF_INLINE size_t gemm_packed_private_bytes(const cynf_gemm *g, cynf_tile t)
{
    const size_t block = g->p_cs == 1 ? 0 : (size_t)gemm_packed_rows(g, t) * (size_t)g->k * sizeof(float);
    return gemm_packed_panel_bytes(g, t) + CYNF_ROUND_UP(block, 64);
}

#endif
