/* SPDX-License-Identifier: MIT */
#include "kernels/dwconv2d/direct_layout.h"
#include "kernels/dwconv2d/rows_layout.h"
#include "kernels/dwconv2d/taps.h"

static bool supports(const void *g, cynf_tile t) { return cynf_dw_views_fit(g, t.v); }

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)stage;
    return cynf_dw_units(g, t.v, cynf_dw_direct_rows(g), CYNF_DW_DIRECT_COLS);
}

static size_t unit_span(const void *g, cynf_tile t, int stage)
{
    (void)t;
    (void)stage;
    return cynf_dw_unit_span(g, cynf_dw_direct_rows(g), CYNF_DW_DIRECT_COLS);
}

/* Every multiply-add loads its input, from an address of its own; the tiles of a row are of mr, 2 and 1 pixels, and each asks which taps it has. */
double cynf_dw_direct_cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_dwconv2d *g = geometry;
    const int rest = g->ow % t.mr, tiles = g->ow / t.mr + CYNF_CEIL_DIV(rest, 2);
    return cynf_dw_cost(g, t, isa, m, 0.48, (double)g->oh * tiles, 90);
}

static bool exact(const void *g, cynf_tile t)
{
    (void)t;
    return !cynf_dw_rows_exact(g);
}

const cynf_algo cynf_dwconv2d_direct = {
    .op = CYNF_OP_DWCONV2D,
    .name = "direct",
    .header = "kernels/dwconv2d/direct.h",
    .supports = supports,
    .units = units,
    .unit_span = unit_span,
    .packed_bytes = cynf_dw_packed_bytes,
    .pack = cynf_dw_pack,
    .cost = cynf_dw_direct_cost,
    .exact = exact,
};
