/* SPDX-License-Identifier: MIT */
/** The descriptor of conv2d direct; the body is direct.h. */
#include "kernels/conv2d/direct_layout.h"
#include "kernels/conv2d/direct_pack.h"
#include "kernels/gemm/tile_cost.h"

/* A vector of output channels must not straddle a block of a view. */
static bool vectors_fit(const cynf_view *v, int c, cynf_tile t)
{
    return v->b >= c || v->b % t.v == 0;
}

static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    if (g->groups > 1 && (g->x.b < g->ic || g->y.b < g->oc || (g->e.residual && g->r.b < g->oc)))
        return false;
    return vectors_fit(&g->y, g->oc, t) && (!g->e.residual || vectors_fit(&g->r, g->oc, t));
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    return cynf_conv2d_direct_units(g, t, stage);
}

static size_t unit_span(const void *geometry, cynf_tile t, int stage)
{
    const cynf_conv2d *g = geometry;
    const cynf_conv2d_tiling s = cynf_conv2d_tiles(g, t);
    return s.panels_outer && !(g->scaled && stage == 0) ? (size_t)s.chunk : 1;
}

static int stages(const void *g, cynf_tile t)
{
    (void)t;
    return 1 + !!((const cynf_conv2d *)g)->scaled;
}

static size_t shared_bytes(const void *g, cynf_tile t)
{
    return cynf_conv2d_direct_shared_bytes(g, t);
}

static size_t packed_bytes(const void *g, cynf_tile t)
{
    return cynf_conv2d_packed_bytes(g, t);
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_conv2d *g = geometry;
    cynf_conv2d_pack(g, t, g->x.b, w, packed);
}

static size_t private_bytes(const void *g, cynf_tile t)
{
    return cynf_conv2d_direct_private_bytes(g, t);
}

/**
 * How much slower a tile runs whose pixels lie a multiple of a large power of two apart: when its rows fall into fewer cache sets than hold them,
 * every operand comes from the second level, a line each, at 1.7 times what the lines of a stream cost (Sapphire Rapids).
 */
static double set_conflicts(const cynf_conv2d *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const int page = 4096, ways = (int)(m->cache_bytes[0] / page); /* first-level caches are indexed by the offset in a page */
    int stride = g->sw * g->x.ps * (int)sizeof(float), sets = page / 64;
    while (sets > 1 && stride % (page / sets * 2) == 0)
        sets /= 2;
    if (CYNF_CEIL_DIV(t.mr, sets) < ways)
        return 1;
    const double fetch = 1.7 * t.mr * 64 / m->gbps[1], compute = t.mr * t.nv * 2.0 * t.v / m->gflops[isa];
    return fetch > compute ? fetch / compute : 1;
}

/**
 * Seconds that tiles with taps on padding take beyond their multiply-adds: a branch for each row, for which cores of 4 instructions a cycle have no
 * room, so that a step of a few rows takes as long as one of all; wider cores have it.
 */
static double masks(const cynf_conv2d *g, cynf_conv2d_tiling s, double k, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    if (isa != CYNF_ISA_NEON || g->kw == 1 || cynf_conv2d_pads(g))
        return 0;
    const int right = (g->ow - 1) * g->sw + (g->kw - 1) * g->dw - g->pl - (g->w - 1), span = s.tw * g->sw;
    const int edges = (g->pl > 0 ? CYNF_CEIL_DIV(g->pl, span) : 0) + (right > 0 ? CYNF_CEIL_DIV(right, span) : 0);
    const double tiles = (double)(edges < s.tiles_w ? edges : s.tiles_w) * CYNF_CEIL_DIV(g->oh, s.th) * g->n * g->groups * cynf_conv2d_panels(g, t);
    return tiles * k * (0.5 + 0.25 * t.nv) * t.mr * 2.0 * t.v / m->gflops[isa] * 1e-9;
}

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_conv2d *g = geometry;
    const cynf_conv2d_tiling s = cynf_conv2d_tiles(g, t);
    const int per_tile = s.tw * s.th, tail = s.th == 1 ? g->ow % s.tw : 0, icg = g->ic / g->groups, block = g->x.b < icg ? g->x.b : icg;
    const bool whole = per_tile == t.mr; /* else the other rows of every tile stay empty */
    const double images = (double)g->n * g->groups, full = s.th == 1 ? g->ow / s.tw : 1; /* tiles of a row of tiles */
    const cynf_tile low = {t.v, whole && s.th > 1 ? g->oh % s.th * s.tw : 0, t.nv}; /* the last one of an image, if it is lower */
    const int rows = low.mr ? g->oh / s.th : CYNF_CEIL_DIV(g->oh, s.th);
    const double nominal = 2.0 * g->n * g->oh * g->ow * (double)cynf_conv2d_k(g) * g->oc;
    /* Taps on padding are not computed, or else copied. */
    const double k = cynf_conv2d_pads(g) ? (double)cynf_conv2d_k(g) : (double)cynf_conv2d_k(g) * cynf_geometry_flops(CYNF_OP_CONV2D, g) / nominal;
    const double copy = cynf_conv2d_pads(g) ? 8.0 * g->n * g->h * g->w * g->ic * cynf_conv2d_panels(g, t) / m->gbps[1] * 1e-9 : 0;
    const bool flat = g->kw == 1 || (g->dw == 1 && g->x.ps == block);
    const double calls = (double)g->kh * CYNF_CEIL_DIV(icg, block) * (flat ? 1 : g->kw) * (full + (tail > 0)) * cynf_conv2d_panels(g, t); /* of the micro-kernel */
    const double row = cynf_tile_cost(whole ? full : 0, whole ? tail : per_tile, k, g->oc / g->groups, t, isa, m) * set_conflicts(g, t, isa, m) + 3e-9 * calls;
    const double tiles = images * (rows * row + (low.mr ? cynf_tile_cost(1, 0, k, g->oc / g->groups, low, isa, m) + 3e-9 * calls : 0));
    const double weights = (double)cynf_conv2d_packed_bytes(g, t), stream = weights / cynf_level_gbps(m, weights) * 1e-9; /* at least once */
    const double far = weights > (double)m->cache_bytes[1] ? 200e-9 * g->groups * cynf_conv2d_panels(g, t) : 0; /* each panel is found anew by the caches' read-ahead */
    const double scaling = g->scaled ? 2 * weights / m->gbps[1] * 1e-9 + 50e-9 : 0;
    return scaling + far + (tiles > stream ? tiles : stream) + masks(g, s, k, t, isa, m) + copy + 50e-9;
}

/* In a blocked view the taps of a row of the kernel are summed block by block. */
static bool exact(const void *geometry, cynf_tile t)
{
    const cynf_conv2d *g = geometry;
    (void)t;
    return g->kw == 1 || g->x.b >= g->ic / g->groups;
}

const cynf_algo cynf_conv2d_direct = {
    .op = CYNF_OP_CONV2D,
    .name = "direct",
    .header = "kernels/conv2d/direct.h",
    .supports = supports,
    .stages = stages,
    .units = units,
    .unit_span = unit_span,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .shared_bytes = shared_bytes,
    .private_bytes = private_bytes,
    .cost = cost,
    .exact = exact,
};
