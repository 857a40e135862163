/* SPDX-License-Identifier: MIT */
/** Descriptors of the forms of Winograd's minimal filtering: what they support, packing and cost. */
#include "kernels/conv2d/tiled_descriptor.h"
#include "kernels/conv2d/winograd_layout.h"
#include "kernels/winograd/weights.h"

#define WINOGRAD_STRIDE_MAX 4 /* the more phases, the fewer taps each has */

static bool supports(const cynf_conv2d *g, cynf_tile t, cynf_winograd f)
{
    const cynf_conv2d o = conv2d_winograd_along(g, f);
    const bool taps = CYNF_CEIL_DIV(o.kh, o.sh) == (f.dims == 2 ? f.r : 1) && CYNF_CEIL_DIV(o.kw, o.sw) == f.r;
    const bool stride = o.sw == 1 || (o.sw <= WINOGRAD_STRIDE_MAX && o.dh == 1 && o.dw == 1);
    if (!taps || !stride || o.sh != (f.dims == 2 ? o.sw : 1) || o.dh > o.h || o.dw > o.w || o.groups != 1)
        return false;
    const cynf_tiling l = conv2d_winograd_tiling(&o, t, f);
    return conv2d_tiling_supports(&o, t, &l);
}

static cynf_tiling tiling(const cynf_conv2d *g, cynf_tile t, cynf_winograd f)
{
    const cynf_conv2d o = conv2d_winograd_along(g, f);
    return conv2d_winograd_tiling(&o, t, f);
}

/** The taps of a phase of the stride, 0 where the kernel g has none. */
static void phase_taps(const cynf_conv2d *g, int phase, const float *w, float *taps)
{
    const int y0 = conv2d_tiling_first_tap(g->kh, g->pt, g->sh, phase / g->sw), x0 = conv2d_tiling_first_tap(g->kw, g->pl, g->sw, phase % g->sw);
    for (int i = 0; i < CYNF_CEIL_DIV(g->kh, g->sh); i++)
        for (int j = 0; j < CYNF_CEIL_DIV(g->kw, g->sw); j++) {
            const int y = y0 + i * g->sh, x = x0 + j * g->sw;
            const bool tap = y >= 0 && y < g->kh && x >= 0 && x < g->kw;
            *taps++ = tap ? w[(size_t)(y * g->kw + x) * (size_t)g->ic * (size_t)g->oc] : 0;
        }
}

static void pack(const cynf_conv2d *g, cynf_tile t, cynf_winograd f, const cynf_weights *w, void *packed)
{
    const cynf_conv2d turned = conv2d_winograd_turned(g, f), along = conv2d_winograd_along(g, f);
    const cynf_tiling l = conv2d_winograd_tiling(&along, t, f);
    float *const u = conv2d_tiling_pack_bias(&along, &l, w, packed);
    double matrix[CYNF_WINOGRAD_LONGEST][CYNF_WINOGRAD_LONGEST];
    cynf_winograd_g(f, matrix);
    for (int c = 0; c < along.ic; c++)
        for (int o = 0; o < g->oc; o++) {
            float taps[CYNF_WINOGRAD_MAX], coefficient[CYNF_WINOGRAD_MAX];
            phase_taps(&turned, c / g->ic, w->w + (size_t)(c % g->ic) * (size_t)g->oc + (size_t)o, taps);
            cynf_winograd_weights(f, matrix, taps, 1, coefficient);
            for (int s = 0; s < l.slabs; s++)
                u[conv2d_tiling_u(&l, s, c, o)] = coefficient[s];
        }
}

static double cost(const cynf_conv2d *g, cynf_tile t, cynf_winograd f, cynf_isa isa, const cynf_machine *machine)
{
    const cynf_conv2d o = conv2d_winograd_along(g, f);
    const cynf_tiling l = conv2d_winograd_tiling(&o, t, f);
    return conv2d_tiling_cost(&o, &l, t, cynf_winograd_forward_cost(f), cynf_winograd_inverse_cost(f), isa, machine);
}

static double limit(const cynf_conv2d *g, cynf_tile t, cynf_winograd f, cynf_isa isa, const cynf_machine *machine)
{
    const cynf_conv2d o = conv2d_winograd_along(g, f);
    const cynf_tiling l = conv2d_winograd_tiling(&o, t, f);
    return conv2d_tiling_limit(&o, &l, cynf_winograd_forward_arithmetic(f), cynf_winograd_inverse_arithmetic(f), isa, machine);
}

#define WINOGRAD(algo, dims, m, r, measured) \
    static cynf_tiling tiling_##algo(const void *g, cynf_tile t) { return tiling(g, t, (cynf_winograd){dims, m, r}); } \
    static bool supports_##algo(const void *g, cynf_tile t) { return supports(g, t, (cynf_winograd){dims, m, r}); } \
    static void pack_##algo(const void *g, cynf_tile t, const cynf_weights *w, void *packed) { pack(g, t, (cynf_winograd){dims, m, r}, w, packed); } \
    static double cost_##algo(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *machine) { return cost(g, t, (cynf_winograd){dims, m, r}, isa, machine); } \
    static double limit_##algo(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *machine) { return limit(g, t, (cynf_winograd){dims, m, r}, isa, machine); } \
    static double error_##algo(const void *g, cynf_tile t) { return cynf_winograd_error((cynf_winograd){dims, m, r}, tiling_##algo(g, t).ic); } \
    CYNF_TILED_ALGO(algo, "kernels/conv2d/winograd.h", 1, measured)

CONV2D_WINOGRAD_FORMS(WINOGRAD)
