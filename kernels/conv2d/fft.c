/* SPDX-License-Identifier: MIT */
/** Descriptor of fft: what it supports, packing and cost. */
#include "kernels/conv2d/fft_layout.h"
#include "kernels/conv2d/tiled_descriptor.h"
#include "kernels/fft/spectrum.h"

static cynf_tiling tiling_fft(const void *g, cynf_tile t) { return conv2d_fft_tiling(g, t); }

static bool supports_fft(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    /* A tile more than 8 kernels wide saves nothing over one half as wide. */
    if (g->kh > t.mr || g->kw > t.mr || t.mr > 8 * (g->kh > g->kw ? g->kh : g->kw) || g->sh != 1 || g->sw != 1 || g->dh != 1 || g->dw != 1 || g->groups != 1)
        return false;
    const cynf_tiling l = conv2d_fft_tiling(g, t);
    return conv2d_tiling_supports(g, t, &l);
}

static void pack_fft(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_conv2d *g = geometry;
    const cynf_tiling l = conv2d_fft_tiling(g, t);
    float *const u = conv2d_tiling_pack_bias(g, &l, w, packed);
    double spectrum[CYNF_FFT_MAX * CYNF_FFT_MAX / 2 + 2][2];
    for (int c = 0; c < g->ic; c++)
        for (int o = 0; o < g->oc; o++) {
            int pair = 0, s = 0;
            cynf_fft_spectrum(t.mr, g->kh, g->kw, w->w + (size_t)c * (size_t)g->oc + (size_t)o, (size_t)g->ic * (size_t)g->oc, spectrum);
            for (int y = 0; y < t.mr; y++)
                for (int x = 0; x < t.mr; x++) {
                    bool real;
                    if (!cynf_fft_first_of_pair(y, x, &real))
                        continue;
                    const double *const f = spectrum[pair++];
                    u[conv2d_tiling_u(&l, s++, c, o)] = (float)f[0];
                    if (!real) {
                        u[conv2d_tiling_u(&l, s++, c, o)] = (float)(f[1] - f[0]);
                        u[conv2d_tiling_u(&l, s++, c, o)] = (float)(f[0] + f[1]);
                    }
                }
        }
}

static double cost_fft(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_tiling l = conv2d_fft_tiling(geometry, t);
    const double transform = cynf_fft_vectors(t.mr) / 2, pixels = (double)t.mr * t.mr;
    return conv2d_tiling_cost(geometry, &l, t, transform + 4 * pixels, transform + 4 * pixels, isa, m);
}

static double limit_fft(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_tiling l = conv2d_fft_tiling(geometry, t);
    const double transform = cynf_fft_arithmetic(t.mr) / 2;
    return conv2d_tiling_limit(geometry, &l, transform, transform, isa, m);
}

static double error_fft(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    return cynf_fft_error(t.mr, g->kh, g->kw, g->ic);
}

CYNF_TILED_ALGO(fft, "kernels/conv2d/fft.h", 2, false)
