/* SPDX-License-Identifier: MIT */
/** eltwise, map: the descriptor; and its twin over SLEEF's functions, kernels/sleef/bodies.c. */
#include "cynf-config.h"
#include "kernels/cost.h"
#include "kernels/eltwise/map_layout.h"

extern const cynf_algo cynf_eltwise_map;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)t, (void)stage;
    const cynf_nd nd = eltwise_map_space(g);
    return cynf_nd_units(&nd);
}

static int spaces(const void *g, cynf_tile t, cynf_nd *nd)
{
    (void)t;
    *nd = eltwise_map_space(g);
    return 1;
}

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_eltwise *g = geometry;
    const cynf_nd nd = eltwise_map_space(g);
    const int cols = nd.dims[nd.rank - 1];
    double n = 1;
    for (int i = 0; i < nd.rank; i++)
        n *= nd.dims[i];
    const double vectors = n / cols * CYNF_CEIL_DIV(cols, t.v), slow = g->kind == CYNF_ELT_POW ? 60.0 * t.v : g->kind == CYNF_ELT_MOD ? 20.0 * t.v : g->kind == CYNF_ELT_ATAN2 ? 40 : 0;
    const double compute = cynf_vector_seconds(m, isa, vectors * (2 + eltwise_map_inputs(g->kind) + cynf_act_ops(g->e.act) + slow));
    const double memory = cynf_stream_seconds(m, 4 * n * (1 + eltwise_map_inputs(g->kind)));
    return 1e-7 + (compute > memory ? compute : memory);
}

const cynf_algo cynf_eltwise_map = {
    .op = CYNF_OP_ELTWISE,
    .name = "map",
    .header = "kernels/eltwise/map.h",
    .supports = supports,
    .units = units,
    .spaces = spaces,
    .cost = cost,
    .exact = cynf_always_exact,
};

#if CYNF_HAVE_SLEEF
#include "kernels/sleef/descriptor.h"

static bool sleef_supports(const void *g, cynf_tile t)
{
    (void)t;
    return cynf_act_transcendental(((const cynf_eltwise *)g)->e.act);
}

CYNF_SLEEF_DESCRIPTOR(eltwise, ELTWISE)
#endif
