/* SPDX-License-Identifier: MIT */
/** hash, bins: the descriptor. */
#include "kernels/cost.h"
#include "kernels/hash/bins_layout.h"

extern const cynf_algo cynf_hash_bins;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_hash *g = geometry;
    (void)t, (void)stage;
    return (size_t)CYNF_CEIL_DIV(g->n, CYNF_HASH_GROUP);
}

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_hash *g = geometry;
    (void)t, (void)isa;
    return 1e-8 + 3e-8 * g->n * g->inputs + cynf_stream_seconds(m, 4.0 * g->n * (g->inputs + 1));
}

const cynf_algo cynf_hash_bins = {
    .op = CYNF_OP_HASH,
    .name = "bins",
    .header = "kernels/hash/bins.h",
    .supports = supports,
    .units = units,
    .cost = cost,
    .exact = cynf_always_exact,
};
