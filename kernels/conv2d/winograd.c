/* SPDX-License-Identifier: MIT */
/** Descriptors of winograd43 and winograd23: what they support, packing and cost. */
#include "kernels/conv2d/tiled_descriptor.h"
#include "kernels/conv2d/winograd_layout.h"

static bool supports(const cynf_conv2d *g, cynf_tile t, int m)
{
    if (g->kh != 3 || g->kw != 3 || g->sh != 1 || g->sw != 1 || g->dh != 1 || g->dw != 1 || g->groups != 1)
        return false;
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    return conv2d_tiling_supports(g, t, &l);
}

/** Rows of G: what the transform takes of the three taps of a row or column; in double, rounded once at the end. */
static const double g43[6][3] = {{1.0 / 4, 0, 0}, {-1.0 / 6, -1.0 / 6, -1.0 / 6}, {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6}, {1.0 / 24, -1.0 / 12, 1.0 / 6}, {0, 0, 1}};
static const double g23[6][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

static void pack(const cynf_conv2d *g, cynf_tile t, int m, const cynf_weights *w, void *packed)
{
    const double(*const rows)[3] = m == 4 ? g43 : g23;
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    float *const u = conv2d_tiling_pack_bias(g, &l, w, packed);
    const int e = m + 2;
    for (int c = 0; c < g->ic; c++)
        for (int o = 0; o < g->oc; o++) {
            double half[6][3];
            for (int i = 0; i < e; i++)
                for (int x = 0; x < 3; x++) {
                    half[i][x] = 0;
                    for (int y = 0; y < 3; y++)
                        half[i][x] += rows[i][y] * (double)w->w[((size_t)(y * 3 + x) * (size_t)g->ic + (size_t)c) * (size_t)g->oc + (size_t)o];
                }
            for (int s = 0; s < l.slabs; s++) {
                double sum = 0;
                for (int x = 0; x < 3; x++)
                    sum += half[s / e][x] * rows[s % e][x];
                u[conv2d_tiling_u(g, &l, s, c, o)] = (float)sum;
            }
        }
}

static double cost(const cynf_conv2d *g, cynf_tile t, int m, cynf_isa isa, const cynf_machine *machine)
{
    const cynf_tiling l = conv2d_winograd_tiling(g, t, m);
    /* Vector operations of a tile's transforms, loads and stores among them. */
    return conv2d_tiling_cost(g, &l, t, m == 4 ? 260 : 80, m == 4 ? 220 : 70, isa, machine);
}

#define WINOGRAD(m) \
    static cynf_tiling tiling_winograd##m##3(const void *g, cynf_tile t) { return conv2d_winograd_tiling(g, t, m); } \
    static bool supports_winograd##m##3(const void *g, cynf_tile t) { return supports(g, t, m); } \
    static void pack_winograd##m##3(const void *g, cynf_tile t, const cynf_weights *w, void *packed) { pack(g, t, m, w, packed); } \
    static double cost_winograd##m##3(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *machine) { return cost(g, t, m, isa, machine); } \
    static double error_winograd##m##3(const void *g, cynf_tile t) { (void)t; return conv2d_winograd_error(g, m); } \
    CYNF_TILED_ALGO(winograd##m##3, "kernels/conv2d/winograd.h", 1)

WINOGRAD(4)
WINOGRAD(2)
