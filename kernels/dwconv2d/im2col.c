/* SPDX-License-Identifier: MIT */
#include "kernels/dwconv2d/im2col_layout.h"
#include "kernels/dwconv2d/rows_layout.h"
#include "kernels/dwconv2d/taps.h"
#include "kernels/geometry.h"

static bool supports(const void *g, cynf_tile t) { return cynf_dw_views_fit(g, t.v); }

static size_t units(const void *g, cynf_tile t, int stage)
{
    const cynf_dw_im2col_size a = cynf_dw_im2col_size_of(g, t);
    (void)stage;
    return cynf_dw_units(g, t.v, a.rows, a.cols);
}

static size_t private_bytes(const void *g, cynf_tile t) { return cynf_dw_im2col_private_bytes(g, t); }

/* Every tap, on padding or not, is copied and loaded again for a single multiply-add: twice the time of direct, but where vectors run over multipliers. */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_dwconv2d *g = geometry;
    const double products = (double)g->n * g->oh * g->ow * cynf_dw_blocks(g, t.v) * t.v * g->kh * g->kw;
    return cynf_dw_cost(g, t, isa, m, 1, 0, 0) + products * 2e-9 / m->gflops[isa] * 6;
}

/* As direct, but what is padding is multiplied. */
static bool exact(const void *geometry, cynf_tile t)
{
    const cynf_dwconv2d *g = geometry;
    (void)t;
    return !cynf_dw_rows_exact(g) && cynf_useful_taps(g->h, g->oh, g->kh, g->sh, g->dh, g->pt) == (int64_t)g->oh * g->kh &&
        cynf_useful_taps(g->w, g->ow, g->kw, g->sw, g->dw, g->pl) == (int64_t)g->ow * g->kw;
}

const cynf_algo cynf_dwconv2d_im2col = {
    .op = CYNF_OP_DWCONV2D,
    .name = "im2col",
    .header = "kernels/dwconv2d/im2col.h",
    .supports = supports,
    .units = units,
    .packed_bytes = cynf_dw_packed_bytes,
    .pack = cynf_dw_pack,
    .private_bytes = private_bytes,
    .cost = cost,
    .exact = exact,
};
