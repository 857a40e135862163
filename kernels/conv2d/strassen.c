/* SPDX-License-Identifier: MIT */
/** The descriptor of conv2d strassen; the body is strassen.h. */
#include "kernels/conv2d/strassen_pack.h"

static bool supports(const void *g, cynf_tile t) { return cynf_strassen_supports(g, t); }
static int stages(const void *g, cynf_tile t) { return 1 + cynf_strassen_cut(g, t).shared; }
static size_t units(const void *g, cynf_tile t, int stage) { return cynf_conv2d_strassen_units(g, t, stage); }

static size_t unit_span(const void *geometry, cynf_tile t, int stage)
{
    const cynf_conv2d *g = geometry;
    const cynf_strassen s = cynf_strassen_cut(g, t);
    return s.shared && stage == 1 ? (size_t)g->n * (size_t)s.tiles : 1;
}

static size_t packed_bytes(const void *g, cynf_tile t) { return cynf_conv2d_strassen_packed_bytes(g, t); }
static void pack(const void *g, cynf_tile t, const cynf_weights *w, void *packed) { cynf_strassen_pack(g, t, w, packed); }
static size_t shared_bytes(const void *g, cynf_tile t) { return CYNF_ROUND_UP(cynf_conv2d_strassen_shared_bytes(g, t), 64); }
static size_t private_bytes(const void *g, cynf_tile t) { return cynf_conv2d_strassen_private_bytes(g, t); }
static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m) { return cynf_strassen_cost(g, t, isa, m); }

static double error(const void *g, cynf_tile t)
{
    (void)t;
    return cynf_strassen_error(g);
}

const cynf_algo cynf_conv2d_strassen = {
    .op = CYNF_OP_CONV2D,
    .name = "strassen",
    .header = "kernels/conv2d/strassen.h",
    .supports = supports,
    .stages = stages,
    .units = units,
    .unit_span = unit_span,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .shared_bytes = shared_bytes,
    .private_bytes = private_bytes,
    .cost = cost,
    .error = error,
};
