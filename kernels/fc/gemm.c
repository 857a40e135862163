/* SPDX-License-Identifier: MIT */
/** The descriptor of fc gemm; the body is gemm.h. */
#include "kernels/conv2d/direct_pack.h"
#include "kernels/fc/fc_layout.h"

extern const cynf_algo cynf_conv2d_direct;

static bool supports(const void *g, cynf_tile t)
{
    (void)g;
    (void)t;
    return true;
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_direct.units(&c, t, stage);
}

static size_t unit_span(const void *g, cynf_tile t, int stage)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_direct.unit_span(&c, t, stage);
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

static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_direct.cost(&c, t, isa, m);
}

const cynf_algo cynf_fc_gemm = {
    .op = CYNF_OP_FC,
    .name = "gemm",
    .header = "kernels/fc/gemm.h",
    .supports = supports,
    .units = units,
    .unit_span = unit_span,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .cost = cost,
    .exact = cynf_always_exact,
};
