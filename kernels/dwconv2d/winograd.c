/* SPDX-License-Identifier: MIT */
#include "kernels/dwconv2d/taps.h"
#include "kernels/dwconv2d/winograd_layout.h"
#include "kernels/winograd/weights.h"

static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_dwconv2d *g = geometry;
    return g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1 && g->mult == 1 && cynf_dw_views_fit(g, t.v);
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_dwconv2d *g = geometry;
    (void)stage;
    return (size_t)g->n * (size_t)CYNF_CEIL_DIV(g->c, t.v) * (size_t)cynf_dw_winograd_rows(g);
}

static size_t packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_dwconv2d *g = geometry;
    return (size_t)CYNF_CEIL_DIV(g->c, t.v) * CYNF_DW_WINOGRAD_BLOCK * (size_t)t.v * sizeof(float);
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_dwconv2d *g = geometry;
    float *p = packed;
    double matrix[CYNF_WINOGRAD_LONGEST][CYNF_WINOGRAD_LONGEST];
    cynf_winograd_g(CYNF_DW_WINOGRAD, matrix);
    for (int c = 0; c < CYNF_ROUND_UP(g->c, t.v); c++) {
        float block[CYNF_DW_WINOGRAD_BLOCK] = {0};
        if (c < g->c) {
            block[0] = w->bias ? w->bias[c] : 0;
            cynf_winograd_weights(CYNF_DW_WINOGRAD, matrix, w->w + c, (size_t)g->c, block + 1);
        }
        for (int i = 0; i < CYNF_DW_WINOGRAD_BLOCK; i++)
            p[(c / t.v * CYNF_DW_WINOGRAD_BLOCK + i) * t.v + c % t.v] = block[i];
    }
}

/* It saves 108 of 144 products a tile, and its transforms are more than four times that many operations: rows is two to three times as fast. */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_dwconv2d *g = geometry;
    const double tiles = (double)units(geometry, t, 0) * CYNF_CEIL_DIV(g->ow, 4), vectors = cynf_winograd_forward_cost(CYNF_DW_WINOGRAD) + 3 * 36 + cynf_winograd_inverse_cost(CYNF_DW_WINOGRAD) + 4 * 16;
    return tiles * vectors * t.v * 2e-9 / m->gflops[isa];
}

static double limit(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_dwconv2d *g = geometry;
    const double tiles = (double)units(geometry, t, 0) * CYNF_CEIL_DIV(g->ow, 4);
    const double vectors = cynf_winograd_forward_arithmetic(CYNF_DW_WINOGRAD) + 36 + cynf_winograd_inverse_arithmetic(CYNF_DW_WINOGRAD);
    return tiles * vectors * t.v * 2e-9 / m->gflops[isa];
}

static double error(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return cynf_winograd_error(CYNF_DW_WINOGRAD, 1);
}

extern const cynf_algo cynf_dwconv2d_winograd43;
const cynf_algo cynf_dwconv2d_winograd43 = {
    .op = CYNF_OP_DWCONV2D,
    .name = "winograd43",
    .header = "kernels/dwconv2d/winograd.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .cost = cost,
    .limit = limit,
    .error = error,
};
