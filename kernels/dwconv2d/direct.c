/* SPDX-License-Identifier: MIT */
#include "kernels/dwconv2d/direct_layout.h"
#include "kernels/dwconv2d/taps.h"

static bool supports(const void *g, cynf_tile t) { return cynf_dw_views_fit(g, t.v); }

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)stage;
    return cynf_dw_units(g, t.v, cynf_dw_direct_rows(g), CYNF_DW_DIRECT_COLS);
}

/* Every multiply-add loads its input; a weight is loaded once for mr of them, and a row that mr does not divide has slower pixels. */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_dwconv2d *g = geometry;
    const double rest = g->ow % t.mr, share = 0.75 * t.mr / (t.mr + 1) * g->ow / (g->ow + rest);
    return cynf_dw_cost(g, t, isa, m, share);
}

const cynf_algo cynf_dwconv2d_direct = {
    .op = CYNF_OP_DWCONV2D,
    .name = "direct",
    .header = "kernels/dwconv2d/direct.h",
    .supports = supports,
    .units = units,
    .packed_bytes = cynf_dw_packed_bytes,
    .pack = cynf_dw_pack,
    .cost = cost,
};
