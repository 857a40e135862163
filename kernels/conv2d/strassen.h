/* SPDX-License-Identifier: MIT */
/**
 * conv2d f32, strassen: a 1x1 convolution as a matrix product by one level of Strassen, "Gaussian Elimination is not Optimal" (Numerische Mathematik 13, 1969): seven
 * products of sums of quarters instead of eight of quarters. As in Huang et al., "Strassen's Algorithm Reloaded" (SC 2016), sums of the weights are packed beforehand,
 * those of x are made tile by tile, and a tile of a product goes from the registers into the quarters of the output that it belongs to. With x and w in quarters,
 * row by row, and y likewise:
 *
 *     0  (x11 + x22)(w11 + w22)  y11 + y22      4  (x11 + x12) w22          -y11 + y12
 *     1  (x21 + x22) w11         y21 - y22      5  (x21 - x11)(w11 + w12)    y22
 *     2  x11 (w12 - w22)         y12 + y22      6  (x12 - x22)(w21 + w22)    y11
 *     3  x22 (w21 - w11)         y11 + y21
 *
 * packed      see strassen_layout.h
 *             scaled: the sums are of x times s
 * units       (chunk of tiles, panel); any split is safe, a thread makes the sums of a chunk when it comes to its first panel there
 * Over-read, over-write: none. The result does not depend on the tile, but is not that of direct: roundings spread over the quarters.
 */
#ifndef CYNF_CONV2D_STRASSEN_H
#define CYNF_CONV2D_STRASSEN_H

#include "kernels/conv2d/direct.h"
#include "kernels/conv2d/strassen_layout.h"

static CYNF_INLINE vf cynf_strassen_load(const float *x, ptrdiff_t at, const float *scale, int c, int n)
{
    const vf v = n < VL ? vf_loadn(x + at, n) : vf_load(x + at);
    return scale ? vf_mul(v, n < VL ? vf_loadn(scale + c, n) : vf_load(scale + c)) : v;
}

/** The sums of the tile whose first pair is q0, rows pairs. x points at the image; scale: what its channels count, or NULL. */
static CYNF_INLINE void cynf_strassen_add(const cynf_conv2d *g, cynf_strassen s, const int mr, int q0, int rows, const float *x, const float *scale, float *sums)
{
    const ptrdiff_t step = (ptrdiff_t)mr * s.stride;
    for (int m = 0; m < rows; m++) {
        const int p1 = q0 + m, p2 = p1 + s.pairs;
        const bool both = p2 < s.pixels;
        const float *a1 = x + (ptrdiff_t)(p1 / g->ow) * g->sh * g->x.rs + (ptrdiff_t)(p1 % g->ow) * g->sw * g->x.ps;
        const float *a2 = both ? x + (ptrdiff_t)(p2 / g->ow) * g->sh * g->x.rs + (ptrdiff_t)(p2 % g->ow) * g->sw * g->x.ps : a1;
        float *to = sums + (ptrdiff_t)m * s.stride;
        for (int c = 0; c < s.k; c += VL, to += VL) {
            const int n = s.k - c;
            const ptrdiff_t left = cynf_channel(&g->x, c), right = cynf_channel(&g->x, c + s.k);
            const vf x11 = cynf_strassen_load(a1, left, scale, c, n), x12 = cynf_strassen_load(a1, right, scale, c + s.k, n);
            const vf x21 = both ? cynf_strassen_load(a2, left, scale, c, n) : vf_zero(), x22 = both ? cynf_strassen_load(a2, right, scale, c + s.k, n) : vf_zero();
            vf_store(to, vf_add(x11, x22));
            vf_store(to + step, vf_add(x21, x22));
            vf_store(to + 2 * step, x11);
            vf_store(to + 3 * step, x22);
            vf_store(to + 4 * step, vf_add(x11, x12));
            vf_store(to + 5 * step, vf_sub(x21, x11));
            vf_store(to + 6 * step, vf_sub(x12, x22));
        }
    }
}

/** to[m][v] = from[m][v] + sign acc[m][v]; with from_rs = 0 every row is added to one. */
static CYNF_INLINE void cynf_strassen_into(const int mr, const int nv, float sign, const float *from, ptrdiff_t from_rs, float *to, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    const vf s = vf_set1(sign);
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            vf_store(to + (m * nv + v) * VL, vf_fma(s, acc[m][v], vf_load(from + m * from_rs + v * VL)));
}

/**
 * One tile and one panel: rows pairs from q0 on, of which the last lacks missing pixels, n channels of each half from oc0 on. sums: of the tile, step rows of each;
 * quarter: room for four tiles of outputs; y and r point at the image.
 */
static CYNF_INLINE void cynf_strassen_tile(const cynf_conv2d *g, cynf_strassen s, const int step, const int mr, const int nv, int q0, int rows, int missing, int oc0, int n,
    const float *sums, const float *packed, cynf_ahead ahead, float *quarter, const float *r, float *y)
{
    static const struct {
        int8_t first, second, last; /* quarters that the product goes to: the last one is done with it */
        bool begins_first, begins_second;
        float sign_first, sign_second;
    } to[CYNF_STRASSEN_PRODUCTS] = {{0, 3, -1, true, true, 1, 1}, {2, 3, -1, true, false, 1, -1}, {1, 3, -1, true, false, 1, 1}, {0, -1, 2, false, false, 1, 0},
        {0, -1, 1, false, false, -1, 0}, {-1, -1, 3, false, false, 0, 0}, {-1, -1, 0, false, false, 0, 0}};
    const int nr = nv * VL;
    const float *b = packed + 2 * nr;
    ptrdiff_t off[CYNF_MR_MAX], y_off[CYNF_MR_MAX], r_off[CYNF_MR_MAX], y_ch[CYNF_NV_MAX], r_ch[CYNF_NV_MAX];
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++) {
        off[m] = (ptrdiff_t)m * s.stride;
        y_off[m] = (ptrdiff_t)m * g->y.ps;
        r_off[m] = (ptrdiff_t)m * g->r.ps;
    }
#pragma GCC unroll 1
    for (int i = 0; i < CYNF_STRASSEN_PRODUCTS; i++, sums += (ptrdiff_t)step * s.stride, b += (ptrdiff_t)s.k * nr, ahead.at += s.k * ahead.pace) {
        vf acc[CYNF_MR_MAX][CYNF_NV_MAX];
        cynf_tile_zero(mr, nv, acc);
        cynf_tile_fma_ahead(mr, nv, CYNF_ROWS(rows), 1, false, ahead, s.k, sums, off, b, nr, acc);
        if (to[i].first >= 0) {
            float *const q = quarter + to[i].first * mr * nr;
            cynf_strassen_into(mr, nv, to[i].sign_first, to[i].begins_first ? packed + (to[i].first & 1) * nr : q, to[i].begins_first ? 0 : nr, q, acc);
        }
        if (to[i].second >= 0) {
            float *const q = quarter + to[i].second * mr * nr;
            cynf_strassen_into(mr, nv, to[i].sign_second, to[i].begins_second ? packed + (to[i].second & 1) * nr : q, to[i].begins_second ? 0 : nr, q, acc);
        }
        if (to[i].last < 0)
            continue;
        const int last = to[i].last, half = last >> 1, oc = oc0 + (last & 1) * s.n, p0 = q0 + half * s.pairs, there = rows - (half ? missing : 0);
#pragma GCC unroll 32
        for (int m = 0; m < mr; m++)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                acc[m][v] = vf_add(acc[m][v], vf_load(quarter + ((ptrdiff_t)last * mr + m) * nr + v * VL));
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            y_ch[v] = cynf_channel(&g->y, oc + v * VL);
            r_ch[v] = g->e.residual ? cynf_channel(&g->r, oc + v * VL) : 0;
        }
        float *const out = y + (ptrdiff_t)p0 * g->y.ps;
        cynf_tile_finish(mr, nv, CYNF_ROWS(there), n, &g->e, g->e.residual ? r + (ptrdiff_t)p0 * g->r.ps : NULL, r_off, r_ch, out, y_off, y_ch, acc);
        if (!cynf_act_in_tile(&g->e))
            for (int v = 0; v < nv && v * VL < n; v++)
                cynf_activate_rows(&g->e, out + y_ch[v], there, g->y.ps, n - v * VL < VL ? n - v * VL : VL);
    }
}

/** A tile and a panel. Where the size of the image is literal, every tile is straight-line code of its own, the last one with the rows that are left. */
static CYNF_INLINE void cynf_strassen_rows(const cynf_conv2d *g, cynf_strassen s, const int mr, const int nv, int tile, int oc0, int n, const float *sums,
    const float *packed, cynf_ahead ahead, float *quarter, const float *r, float *y)
{
    const int last = s.pairs - (s.tiles - 1) * mr, odd = s.pixels % 2;
    const bool at_end = tile == s.tiles - 1;
    if (!CYNF_LITERAL)
        cynf_strassen_tile(g, s, mr, mr, nv, tile * mr, at_end ? last : mr, at_end ? odd : 0, oc0, n, sums, packed, ahead, quarter, r, y);
    else if ((last < mr || odd) && at_end)
        cynf_strassen_tile(g, s, mr, last, nv, tile * mr, last, odd, oc0, n, sums, packed, ahead, quarter, r, y);
    else
        cynf_strassen_tile(g, s, mr, mr, nv, tile * mr, mr, 0, oc0, n, sums, packed, ahead, quarter, r, y);
}

/** A panel and a tile, the part-th of parts that share the panel and ask for the next one. */
static CYNF_INLINE void cynf_strassen_panel(const cynf_conv2d *g, cynf_strassen s, cynf_tile t, int tile, int panel, int part, int parts, const float *sums, const float *weights,
    float *quarter, const float *r, float *y)
{
    const int nr = t.nv * t.v, oc0 = panel * nr, narrow = s.n % nr, n = narrow && panel == s.panels - 1 ? narrow : nr;
    const float *packed = weights + (size_t)oc0 * cynf_conv2d_strassen_column(s);
    const ptrdiff_t size = (ptrdiff_t)cynf_conv2d_strassen_column(s) * nr;
    const float *const next = panel == s.panels - 1 ? weights : packed + size;
    const cynf_ahead ahead = {.at = next + part * (size / parts), .pace = nr / parts};
    if (CYNF_CEIL_DIV(n, t.v) == t.nv)
        cynf_strassen_rows(g, s, t.mr, t.nv, tile, oc0, n, sums, packed, ahead, quarter, r, y);
    else
        CYNF_NARROW_PANEL(narrow, cynf_strassen_rows(g, s, t.mr, nv, tile, oc0, n, sums, packed, ahead, quarter, r, y));
}

static CYNF_INLINE void conv2d_strassen(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    const cynf_strassen s = cynf_strassen_cut(g, t);
    const size_t of_tile = cynf_conv2d_strassen_sums(s, t);
    float *const quarter = cynf_private(a, 0, cynf_conv2d_strassen_private_bytes(g, t), thread), *const sums = quarter + 4 * t.mr * t.nv * t.v;
    const float *scale = g->scaled ? a->x[1 + !!g->e.residual] : NULL;
    int made = -1; /* the chunk whose sums are there */
    for (size_t unit = begin; unit < end; unit++) {
        const int chunk = (int)(unit / (size_t)s.panels), panel = (int)(unit % (size_t)s.panels), first = chunk * s.chunk;
        const int items = g->n * s.tiles - first < s.chunk ? g->n * s.tiles - first : s.chunk;
        for (int i = 0; i < items && made != chunk; i++) {
            const int tile = (first + i) % s.tiles, image = (first + i) / s.tiles, left = s.pairs - tile * t.mr;
            cynf_strassen_add(g, s, t.mr, tile * t.mr, left < t.mr ? left : t.mr, a->x[0] + (ptrdiff_t)image * g->x.ns, scale, sums + (size_t)i * of_tile);
        }
        made = chunk;
        for (int i = 0; i < items; i++) {
            const int tile = (first + i) % s.tiles, image = (first + i) / s.tiles;
            const float *r = g->e.residual ? a->x[1] + (ptrdiff_t)image * g->r.ns : NULL;
            cynf_strassen_panel(g, s, t, tile, panel, i, items, sums + (size_t)i * of_tile, a->packed, quarter, r, a->y + (ptrdiff_t)image * g->y.ns);
        }
    }
}

#endif
