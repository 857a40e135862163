/* SPDX-License-Identifier: MIT */
/** The descriptor of pool direct; the body is direct.h. */
#include "kernels/gemm/tile_cost.h"
#include "kernels/pool/direct_layout.h"

/* A vector of channels must not straddle a block of a view. */
static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_pool *g = geometry;
    return (g->x.b >= g->c || g->x.b % t.v == 0) && (g->y.b >= g->c || g->y.b % t.v == 0);
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_pool *g = geometry;
    (void)stage;
    return (size_t)g->n * (size_t)g->od * (size_t)cynf_pool_bands(g) * (size_t)cynf_pool_chunks(g, t);
}

/* One load a tap, from L1 when windows overlap; and every element once from where it lies. */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_pool *g = geometry;
    const double lanes = CYNF_ROUND_UP(g->c, t.v), taps = cynf_geometry_flops(CYNF_OP_POOL, g) * lanes / g->c;
    const double outputs = (double)g->n * g->od * g->oh * g->ow, bytes = 4.0 * ((double)g->n * g->d * g->h * g->w * g->c + outputs * g->c);
    const double vector_ns = 2.0 * t.v / m->gflops[isa], one = g->c < t.nv * t.v ? 2 : 1; /* a vector alone waits for itself */
    const double compute = taps / t.v * vector_ns * one + outputs * CYNF_CEIL_DIV(g->c, t.nv * t.v) * 5, memory = bytes / cynf_level_gbps(m, bytes);
    return 1e-9 * ((compute > memory ? compute : memory) + 20);
}

const cynf_algo cynf_pool_direct = {
    .op = CYNF_OP_POOL,
    .name = "direct",
    .header = "kernels/pool/direct.h",
    .supports = supports,
    .units = units,
    .cost = cost,
    .exact = cynf_always_exact,
};
