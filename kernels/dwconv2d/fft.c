/* SPDX-License-Identifier: MIT */
/** Descriptor of fft: what it supports, packing and cost. */
#include <string.h>

#include "kernels/dwconv2d/fft_layout.h"
#include "kernels/fft/spectrum.h"

static bool whole_vectors(const cynf_view *view, int c, int v) { return view->b >= c || view->b % v == 0; }

static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_dwconv2d *g = geometry;
    return g->mult == 1 && g->kh <= t.mr && g->kw <= t.mr && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1 && whole_vectors(&g->x, g->c, t.v) &&
        whole_vectors(&g->y, g->c, t.v) && (!g->e.residual || whole_vectors(&g->r, g->c, t.v));
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_dwconv2d *g = geometry;
    (void)stage;
    return (size_t)g->n * (size_t)CYNF_CEIL_DIV(g->c, t.v) * (size_t)CYNF_CEIL_DIV(dwconv2d_fft_grid(g, t.mr).tiles, 2);
}

static size_t packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_dwconv2d *g = geometry;
    return (size_t)CYNF_CEIL_DIV(g->c, t.v) * dwconv2d_fft_block(t) * sizeof(float);
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_dwconv2d *g = geometry;
    double spectrum[CYNF_FFT_MAX * CYNF_FFT_MAX / 2 + 2][2];
    memset(packed, 0, packed_bytes(g, t));
    for (int c = 0; c < g->c; c++) {
        float *p = (float *)packed + (size_t)(c / t.v) * dwconv2d_fft_block(t) + c % t.v;
        *p = w->bias ? w->bias[c] : 0;
        cynf_fft_spectrum(t.mr, g->kh, g->kw, w->w + c, (size_t)g->c, spectrum);
        for (int i = 0; i < 2 * cynf_fft_pairs(t.mr); i++)
            *(p += t.v) = (float)spectrum[i / 2][i % 2];
    }
}

static size_t private_bytes(const void *g, cynf_tile t)
{
    (void)g;
    return cynf_fft_tile_bytes(t.mr, t.v);
}

/* The vector instructions of two transforms, the products and the copies in and out, at most as fast as the tile's passes through its cache. */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const double pixels = (double)t.mr * t.mr, vectors = 2 * cynf_fft_vectors(t.mr) + 16 * pixels, bytes = (double)cynf_fft_tile_bytes(t.mr, t.v);
    const double compute = vectors * t.v * 1e-9 / m->gflops[isa] * (t.v >= 16 ? 2 : 1.5);
    const double traffic = 14 * bytes * 1e-9 / m->gbps[bytes <= (double)m->cache_bytes[0] ? 0 : bytes <= (double)m->cache_bytes[1] ? 1 : 2];
    return (double)units(geometry, t, 0) * (compute > traffic ? compute : traffic);
}

/* Two transforms and the products, without the copies and what the cache does. */
static double limit(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const double vectors = 2 * cynf_fft_arithmetic(t.mr) + 4 * (double)t.mr * t.mr;
    return (double)units(geometry, t, 0) * vectors * t.v * 2e-9 / m->gflops[isa];
}

static double error(const void *geometry, cynf_tile t)
{
    const cynf_dwconv2d *g = geometry;
    return cynf_fft_error(t.mr, g->kh, g->kw, 1);
}

extern const cynf_algo cynf_dwconv2d_fft;
const cynf_algo cynf_dwconv2d_fft = {
    .op = CYNF_OP_DWCONV2D,
    .name = "fft",
    .header = "kernels/dwconv2d/fft.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .private_bytes = private_bytes,
    .cost = cost,
    .limit = limit,
    .error = error,
};
