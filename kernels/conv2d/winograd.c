/* SPDX-License-Identifier: MIT */
/** Descriptors of winograd63, winograd43 and winograd23: what they support, packing and cost. */
#include "kernels/conv2d/tiled_descriptor.h"
#include "kernels/conv2d/winograd_layout.h"
#include "kernels/winograd/weights.h"

static bool supports(const cynf_conv2d *g, cynf_tile t, int m)
{
    if (g->kh != 3 || g->kw != 3 || g->sh != 1 || g->sw != 1 || g->dh > g->h || g->dw > g->w || g->groups != 1)
        return false;
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    return conv2d_tiling_supports(g, t, &l);
}

static void pack(const cynf_conv2d *g, cynf_tile t, int m, const cynf_weights *w, void *packed)
{
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    float *const u = conv2d_tiling_pack_bias(g, &l, w, packed);
    for (int c = 0; c < g->ic; c++)
        for (int o = 0; o < g->oc; o++) {
            float coefficient[CYNF_WINOGRAD_MAX];
            cynf_winograd_weights(m, w->w + (size_t)c * (size_t)g->oc + (size_t)o, (size_t)g->ic * (size_t)g->oc, coefficient);
            for (int s = 0; s < l.slabs; s++)
                u[conv2d_tiling_u(g, &l, s, c, o)] = coefficient[s];
        }
}

static double cost(const cynf_conv2d *g, cynf_tile t, int m, cynf_isa isa, const cynf_machine *machine)
{
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    return conv2d_tiling_cost(g, &l, t, CYNF_WINOGRAD_FORWARD(m), CYNF_WINOGRAD_INVERSE(m), isa, machine);
}

#define WINOGRAD(m) \
    static cynf_tiling tiling_winograd##m##3(const void *g, cynf_tile t) { return conv2d_winograd_tiling(g, t, m); } \
    static bool supports_winograd##m##3(const void *g, cynf_tile t) { return supports(g, t, m); } \
    static void pack_winograd##m##3(const void *g, cynf_tile t, const cynf_weights *w, void *packed) { pack(g, t, m, w, packed); } \
    static double cost_winograd##m##3(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *machine) { return cost(g, t, m, isa, machine); } \
    static double error_winograd##m##3(const void *g, cynf_tile t) { (void)t; return cynf_winograd_error(m, ((const cynf_conv2d *)g)->ic); } \
    CYNF_TILED_ALGO(winograd##m##3, "kernels/conv2d/winograd.h", 1, m == 6)

WINOGRAD(6)
WINOGRAD(4)
WINOGRAD(2)
