/* SPDX-License-Identifier: MIT */
/** The descriptor of conv2d im2col; the body is im2col.h. */
#include "kernels/conv2d/direct_pack.h"
#include "kernels/conv2d/im2col_layout.h"
#include "kernels/gemm/tile_cost.h"
#include "kernels/geometry.h"

/* A vector of output channels must not straddle a block of a view. */
static bool vectors_fit(const cynf_view *v, const cynf_conv2d *g, cynf_tile t)
{
    return v->b >= g->oc || (v->b % t.v == 0 && (g->groups == 1 || g->oc / g->groups % t.v == 0));
}

static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    return !g->scaled && vectors_fit(&g->y, g, t) && (!g->e.residual || vectors_fit(&g->r, g, t));
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)stage;
    return cynf_conv2d_im2col_units(g, t);
}

static size_t packed_bytes(const void *g, cynf_tile t)
{
    return cynf_conv2d_packed_bytes(g, t);
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_conv2d *g = geometry;
    cynf_conv2d_pack(g, t, g->ic, w, packed);
}

static size_t private_bytes(const void *g, cynf_tile t)
{
    return cynf_conv2d_im2col_private_bytes(g, t);
}

/* All taps are computed, and gathered before: a vector a step, or a call for every piece that is contiguous. */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_conv2d *g = geometry;
    const cynf_conv2d_tiling s = cynf_conv2d_im2col_tiles(g, t);
    const int icg = g->ic / g->groups, ow = cynf_conv2d_im2col_columns(g), full = ow / s.tw, tail = s.th == 1 ? ow % s.tw : 0, block = g->x.b < icg ? g->x.b : icg;
    const double k = (double)cynf_conv2d_k(g), rows = (double)g->n * g->groups * CYNF_CEIL_DIV(cynf_conv2d_im2col_rows(g), s.th);
    const bool flat = g->dw == 1 && g->x.ps == icg;
    const double pieces = flat ? g->kh : (double)g->kh * g->kw * CYNF_CEIL_DIV(icg, block);
    const double gather = ((pieces * 2 + k / t.v) * 1e-9 + 4 * k / m->gbps[1] * 1e-9) * g->n * g->groups * g->oh * g->ow;
    const bool whole = s.tw * s.th == t.mr;
    const double weights = (double)cynf_conv2d_packed_bytes(g, t);
    const double far = weights > (double)m->cache_bytes[1] ? weights / cynf_level_gbps(m, weights) * 1e-9 : 0; /* nothing asks for them ahead of their use */
    return far + rows * cynf_tile_cost(whole ? full : 0, whole ? tail : s.tw * s.th, k, g->oc / g->groups, t, isa, m) + gather + 100e-9;
}

/* What is padding here is multiplied. */
static bool exact(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    (void)t;
    return cynf_useful_taps(g->h, g->oh, g->kh, g->sh, g->dh, g->pt) == (int64_t)g->oh * g->kh &&
        cynf_useful_taps(g->w, g->ow, g->kw, g->sw, g->dw, g->pl) == (int64_t)g->ow * g->kw;
}

const cynf_algo cynf_conv2d_im2col = {
    .op = CYNF_OP_CONV2D,
    .name = "im2col",
    .header = "kernels/conv2d/im2col.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .private_bytes = private_bytes,
    .cost = cost,
    .exact = exact,
};
