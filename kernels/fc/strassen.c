/* SPDX-License-Identifier: MIT */
/** The descriptor of fc strassen; the body is strassen.h. */
#include "kernels/conv2d/strassen_pack.h"
#include "kernels/fc/fc_layout.h"

extern const cynf_algo cynf_conv2d_strassen;

static bool supports(const void *g, cynf_tile t)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_strassen_supports(&c, t);
}

static int stages(const void *g, cynf_tile t)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_strassen.stages(&c, t);
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_strassen.units(&c, t, stage);
}

static size_t unit_span(const void *g, cynf_tile t, int stage)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_strassen.unit_span(&c, t, stage);
}

static size_t packed_bytes(const void *g, cynf_tile t)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_strassen.packed_bytes(&c, t);
}

static void pack(const void *g, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    cynf_strassen_pack(&c, t, w, packed);
}

static size_t shared_bytes(const void *g, cynf_tile t)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_strassen.shared_bytes(&c, t);
}

static size_t private_bytes(const void *g, cynf_tile t)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_conv2d_strassen.private_bytes(&c, t);
}

static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    return cynf_strassen_cost(&c, t, isa, m);
}

static double error(const void *g, cynf_tile t)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    (void)t;
    return cynf_strassen_error(&c);
}

const cynf_algo cynf_fc_strassen = {
    .op = CYNF_OP_FC,
    .name = "strassen",
    .header = "kernels/fc/strassen.h",
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
