/* SPDX-License-Identifier: MIT */
/** gemm, packed: the descriptor. */
#include "kernels/cost.h"
#include "kernels/gemm/packed_layout.h"
#include "kernels/gemm/tile_cost.h"

extern const cynf_algo cynf_gemm_packed;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)stage;
    return gemm_packed_units(g, t);
}

static size_t private_bytes(const void *g, cynf_tile t)
{
    return gemm_packed_private_bytes(g, t);
}

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_gemm *g = geometry;
    const double batch = (double)g->b0 * g->b1, blocks = CYNF_CEIL_DIV(g->m, gemm_packed_rows(g, t));
    const double panels = batch * blocks * g->k * CYNF_CEIL_DIV(g->n, t.v), copies = g->p_cs == 1 ? 0 : batch * g->m * g->k;
    return 1e-7 + batch * cynf_tile_cost(g->m / t.mr, g->m % t.mr, g->k, g->n, t, isa, m) +
        cynf_vector_seconds(m, isa, panels * (g->q_cs == 1 || g->q_rs == 1 ? 2 : 2 * t.v) + 2 * copies);
}

const cynf_algo cynf_gemm_packed = {
    .op = CYNF_OP_GEMM,
    .name = "packed",
    .header = "kernels/gemm/packed.h",
    .supports = supports,
    .units = units,
    .private_bytes = private_bytes,
    .cost = cost,
    .exact = cynf_always_exact,
};
