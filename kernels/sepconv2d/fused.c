/* SPDX-License-Identifier: MIT */
/** The descriptor of sepconv2d fused; the body is fused.h. */
#include "kernels/dwconv2d/taps.h"
#include "kernels/sepconv2d/fused_layout.h"

extern const cynf_algo cynf_conv2d_direct;

static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_sepconv2d *g = geometry;
    const cynf_dwconv2d d = cynf_sep_depthwise(g);
    const cynf_conv2d p = cynf_sep_pointwise(g, 1);
    return cynf_dw_views_fit(&d, t.v) && cynf_conv2d_direct.supports(&p, t);
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_sepconv2d *g = geometry;
    (void)t;
    (void)stage;
    return (size_t)g->dw.n * (size_t)cynf_sep_bands(g).bands;
}

static size_t packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_sepconv2d *g = geometry;
    const cynf_conv2d p = cynf_sep_pointwise(g, 1);
    return cynf_sep_pointwise_at(g, t.v) * sizeof(float) + cynf_conv2d_direct.packed_bytes(&p, t);
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_sepconv2d *g = geometry;
    const cynf_conv2d p = cynf_sep_pointwise(g, 1);
    float *const pointwise = (float *)packed + cynf_sep_pointwise_at(g, t.v);
    for (size_t i = cynf_dw_packed_bytes(&g->dw, t) / sizeof(float); (float *)packed + i < pointwise; i++)
        ((float *)packed)[i] = 0;
    cynf_dw_pack(&g->dw, t, w, packed);
    cynf_conv2d_direct.pack(&p, t, &(cynf_weights){.w = w->w2, .bias = w->bias2}, pointwise);
}

static size_t private_bytes(const void *g, cynf_tile t)
{
    (void)t;
    return cynf_sep_private_bytes(g);
}

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_sepconv2d *g = geometry;
    const cynf_sep_cut cut = cynf_sep_bands(g);
    const int bands = CYNF_CEIL_DIV(cut.bands, cut.merge);
    const cynf_conv2d p = cynf_sep_pointwise(g, CYNF_CEIL_DIV(g->dw.oh, bands));
    const cynf_tile dt = {t.v, CYNF_DW_ROWS_MAX, 1};
    const double depthwise = (cynf_dw_rows_fit(&g->dw) ? cynf_dw_rows_cost : cynf_dw_direct_cost)(&g->dw, dt, isa, m);
    return depthwise + (double)g->dw.n * bands * cynf_conv2d_direct.cost(&p, t, isa, m);
}

/* A last vector that is not full would be direct's. */
static bool exact(const void *geometry, cynf_tile t)
{
    const cynf_sepconv2d *g = geometry;
    (void)t;
    return !cynf_dw_rows_fit(&g->dw) || cynf_dw_rows_exact(&g->dw);
}

const cynf_algo cynf_sepconv2d_fused = {
    .op = CYNF_OP_SEPCONV2D,
    .name = "fused",
    .header = "kernels/sepconv2d/fused.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .private_bytes = private_bytes,
    .cost = cost,
    .exact = exact,
};
