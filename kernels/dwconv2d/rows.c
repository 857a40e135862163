/* SPDX-License-Identifier: MIT */
#include "kernels/dwconv2d/rows_layout.h"
#include "kernels/dwconv2d/taps.h"

static bool supports(const void *g, cynf_tile t) { return cynf_dw_rows_fit(g) && cynf_dw_views_fit(g, t.v); }

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_dwconv2d *g = geometry;
    (void)stage;
    return cynf_dw_units(g, t.v, CYNF_DW_ROWS_BAND, g->ow);
}

/* A step loads (rows - 1)*s + k inputs for rows*k*k/s multiply-adds; what one row saves of that, each further one saves again. */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_dwconv2d *g = geometry;
    const double rows = g->oh < t.mr ? g->oh : t.mr;
    return cynf_dw_cost(g, t, isa, m, 0.9 * rows / (rows + 0.6));
}

const cynf_algo cynf_dwconv2d_rows = {
    .op = CYNF_OP_DWCONV2D,
    .name = "rows",
    .header = "kernels/dwconv2d/rows.h",
    .supports = supports,
    .units = units,
    .packed_bytes = cynf_dw_packed_bytes,
    .pack = cynf_dw_pack,
    .cost = cost,
};
