/* SPDX-License-Identifier: MIT */
/** The descriptor of fc gemv; the body is gemv.h. */
#include "kernels/conv2d/direct_pack.h"
#include "kernels/fc/fc_layout.h"
#include "kernels/gemm/tile_cost.h"

static bool supports(const void *g, cynf_tile t)
{
    (void)g;
    (void)t;
    return true;
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)stage;
    return cynf_fc_gemv_units(g, t);
}

static size_t packed_bytes(const void *g, cynf_tile t)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_packed_bytes(&c, t);
}

static void pack(const void *g, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    cynf_conv2d_pack(&c, t, c.ic, w, packed);
}

/*
 * Every row streams all weights, each panel of which the caches' read-ahead finds anew; a panel of few sums waits for the multiply-add's latency instead. What a panel
 * begins and ends with hides behind neither.
 */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_fc *g = geometry;
    const double bytes = (double)packed_bytes(g, t), fma_ns = 2.0 * t.v / m->gflops[isa];
    double ns = bytes / cynf_level_gbps(m, bytes), compute = 0;
    for (int n0 = 0; n0 < g->n; n0 += t.nv * t.v) {
        const int left = CYNF_CEIL_DIV(g->n - n0, t.v), nv = left < t.nv ? left : t.nv, sums = t.mr * nv;
        compute += (double)g->k / t.mr * (sums > 8 ? sums : 8) * fma_ns + g->k % t.mr * 8 * fma_ns + 2 * sums * fma_ns;
    }
    const double panel = bytes > (double)m->cache_bytes[1] ? 103 : 3;
    ns = (compute > ns ? compute : ns) + panel * CYNF_CEIL_DIV(g->n, t.nv * t.v);
    return (g->m * ns + 5) * 1e-9;
}

/* One sum is what gemm has. */
static bool exact(const void *g, cynf_tile t)
{
    (void)g;
    return t.mr == 1;
}

const cynf_algo cynf_fc_gemv = {
    .op = CYNF_OP_FC,
    .name = "gemv",
    .header = "kernels/fc/gemv.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .cost = cost,
    .exact = exact,
};
