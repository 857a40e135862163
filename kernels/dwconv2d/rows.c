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

static size_t unit_span(const void *g, cynf_tile t, int stage)
{
    (void)t;
    (void)stage;
    return cynf_dw_unit_span(g, CYNF_DW_ROWS_BAND, ((const cynf_dwconv2d *)g)->ow);
}

/*
 * A step loads (rows - 1)*s + k inputs for rows*k*k/s multiply-adds; what one row saves of that, each further one saves again. With 16 registers the taps of
 * a column do not stay in them. What is left of the channels is direct's, where vectors are short.
 */
double cynf_dw_rows_cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_dwconv2d *g = geometry;
    const bool many = t.v >= 16 || isa == CYNF_ISA_NEON;
    const int waiting = CYNF_CEIL_DIV(g->kh, g->sh), fit = (many ? 31 : 15) / waiting - 1, most = fit < 1 ? 1 : fit < t.mr ? fit : t.mr, rows = g->oh < most ? g->oh : most;
    const double share = (many ? 0.9 : 0.6) * rows / (rows + 0.6), steps = (double)CYNF_CEIL_DIV(g->oh, rows) * (g->ow + waiting - 1);
    const double full = t.v > 4 ? 1 : (double)(g->c / t.v) / cynf_dw_blocks(g, t.v);
    return full * cynf_dw_cost(g, t, isa, m, share, steps, 10) + (1 - full) * cynf_dw_direct_cost(g, t, isa, m);
}

static bool exact(const void *g, cynf_tile t)
{
    (void)t;
    return cynf_dw_rows_exact(g);
}

const cynf_algo cynf_dwconv2d_rows = {
    .op = CYNF_OP_DWCONV2D,
    .name = "rows",
    .header = "kernels/dwconv2d/rows.h",
    .supports = supports,
    .units = units,
    .unit_span = unit_span,
    .packed_bytes = cynf_dw_packed_bytes,
    .pack = cynf_dw_pack,
    .cost = cynf_dw_rows_cost,
    .exact = exact,
};
