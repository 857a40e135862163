/* SPDX-License-Identifier: MIT */
/**
 * conv2d f32, direct: an implicit matrix product. A register tile of mr output pixels x nv vectors of output channels runs over all taps and
 * channels, reading the input in place; after Zhang, Franchetti and Low, "High Performance Zero-Memory Overhead Direct Convolutions" (ICML 2018).
 * Taps on padding are not computed: a tile at the border hands the micro-kernel the mask of the pixels for which the tap is inside. The
 * exception is first layers (cynf_conv2d_pads), whose few input channels are copied with their padding first.
 *
 * x, y, r     any views whose block is a multiple of the vector, or that have one block; with groups > 1 one block
 * packed      see direct_layout.h
 * stages      one; with scaled, before it, the panels times s
 * units       (panel of output channels, block of tiles), chunk by chunk of the blocks; any split is safe
 * next        conv2d_direct_asking alone asks for it, tile by tile, a line a product at most; it is never read
 * Over-read, over-write: none. Every output is summed in the order [kh][block][kw][channel], whatever the tile.
 */
#ifndef CYNF_CONV2D_DIRECT_H
#define CYNF_CONV2D_DIRECT_H

#include "kernels/conv2d/direct_layout.h"
#include "kernels/gemm/microkernel.h"

/** The outputs o0 <= o < o0 + n for which tap t is inside the image, as o - o0: [*lo, *hi), perhaps empty. */
static CYNF_INLINE void cynf_conv2d_inside(int o0, int n, int in, int s, int before_tap, int *lo, int *hi)
{
    /* o*s - before_tap in [0, in) */
    const int first = before_tap > 0 ? CYNF_CEIL_DIV(before_tap, s) : 0;
    const int end = in + before_tap > 0 ? CYNF_CEIL_DIV(in + before_tap, s) : 0;
    *lo = first > o0 ? first - o0 : 0;
    *hi = end - o0 < n ? end - o0 : n;
    if (*hi <= *lo)
        *lo = *hi = 0;
}

/** The columns of a tile (a mask of tw bits) for which tap kw is inside the image. */
static CYNF_INLINE uint32_t cynf_conv2d_columns(const cynf_conv2d *g, int ow0, int n, int kw)
{
    int lo, hi;
    cynf_conv2d_inside(ow0, n, g->w, g->sw, g->pl - kw * g->dw, &lo, &hi);
    return CYNF_ROWS(hi) & ~CYNF_ROWS(lo);
}

/** Where the pixels and vectors of a tile lie, from its first pixel and the tensor's first channel. */
typedef struct cynf_conv2d_offsets {
    ptrdiff_t y[CYNF_MR_MAX], r[CYNF_MR_MAX], y_ch[CYNF_NV_MAX], r_ch[CYNF_NV_MAX];
} cynf_conv2d_offsets;

static CYNF_INLINE void cynf_conv2d_place(const cynf_conv2d *g, cynf_conv2d_tiling s, const int mr, const int nv, int oc0, cynf_conv2d_offsets *o)
{
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++) {
        o->y[m] = (ptrdiff_t)(m / s.tw) * g->y.rs + (ptrdiff_t)(m % s.tw) * g->y.ps;
        o->r[m] = (ptrdiff_t)(m / s.tw) * g->r.rs + (ptrdiff_t)(m % s.tw) * g->r.ps;
    }
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        o->y_ch[v] = cynf_channel(&g->y, oc0 + v * VL);
        o->r_ch[v] = g->e.residual ? cynf_channel(&g->r, oc0 + v * VL) : 0;
    }
}

/** The columns of a tile's mask times this is the mask of the tile: bit i*tw for each of its rows. */
static CYNF_INLINE uint32_t cynf_conv2d_row_bits(cynf_conv2d_tiling s)
{
    uint32_t bits = 0;
    for (int i = 0; i < s.th; i++)
        bits |= UINT32_C(1) << (i * s.tw);
    return bits;
}

/** The mask of the first rows x columns pixels of a tile. */
static CYNF_INLINE uint32_t cynf_conv2d_tile_mask(cynf_conv2d_tiling s, int rows, int columns)
{
    return CYNF_ROWS(columns) * (cynf_conv2d_row_bits(s) & CYNF_ROWS(rows * s.tw));
}

/** Epilogue and store of the tile whose first pixel is (oh0, ow0): rows x columns pixels, n channels. y and r point at the image. */
static CYNF_INLINE void cynf_conv2d_finish(const cynf_conv2d *g, cynf_conv2d_tiling s, const int mr, const int nv, int oh0, int ow0, int rows, int columns,
    int n, const cynf_conv2d_offsets *o, const float *r, float *y, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    y += (ptrdiff_t)oh0 * g->y.rs + (ptrdiff_t)ow0 * g->y.ps;
    if (g->e.residual)
        r += (ptrdiff_t)oh0 * g->r.rs + (ptrdiff_t)ow0 * g->r.ps;
    cynf_tile_finish(mr, nv, cynf_conv2d_tile_mask(s, rows, columns), n, &g->e, r, o->r, o->r_ch, y, o->y, o->y_ch, acc);
    if (!cynf_act_in_tile(&g->e))
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < nv && v * VL < n; v++)
                cynf_activate_rows(&g->e, y + (ptrdiff_t)i * g->y.rs + o->y_ch[v], columns, g->y.ps, n - v * VL < VL ? n - v * VL : VL);
}

/** k products of the pixels in mask, `done` of the tile before them. */
static CYNF_INLINE void cynf_conv2d_direct_taps(cynf_conv2d_tiling s, const int mr, const int nv, const bool asks, uint32_t mask, int k, const float *x, const ptrdiff_t *off,
    const float *w, cynf_ahead ahead, ptrdiff_t done, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    ahead.at += done * ahead.pace;
    ahead.next = asks ? ahead.next + done * ahead.next_pace : NULL;
    if (VL > 4 && asks)
        cynf_tile_fma_ahead(mr, nv, mask, s.ahead, true, ahead, k, x, off, w, nv * VL, acc);
    else if (VL > 4 && s.ahead)
        cynf_tile_fma_ahead(mr, nv, mask, 1, false, ahead, k, x, off, w, nv * VL, acc);
    else
        cynf_tile_fma(mr, nv, mask, k, x, off, w, nv * VL, acc);
}

/**
 * The same where mask is not literal: the masks of most taps at a border have code of their own. These lack the first or the last column, and of a tile of two rows perhaps
 * one of the rows. In the rest alone each pixel is asked for its bit.
 */
static CYNF_INLINE void cynf_conv2d_direct_border_taps(cynf_conv2d_tiling s, const int mr, const int nv, const bool asks, uint32_t mask, int k, const float *x,
    const ptrdiff_t *off, const float *w, cynf_ahead ahead, ptrdiff_t done, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    const int half = mr / 2;
    const uint32_t all = CYNF_ROWS(mr), low = CYNF_ROWS(half), high = all & ~low;
    const uint32_t first = ~UINT32_C(1), last = all >> 1, firsts = first & ~(UINT32_C(1) << half), lasts = last & ~(UINT32_C(1) << (half - 1));
#define TAPS(mask_) cynf_conv2d_direct_taps(s, mr, nv, asks, mask_, k, x, off, w, ahead, done, acc)
#define CASE(mask_) \
    else if (mask == (mask_)) \
        TAPS(mask_);
    if (CYNF_LITERAL || VL == 1 || mr < 4)
        TAPS(mask);
    CASE(all & first)
    CASE(last)
    else if (mr % 2)
        TAPS(mask);
    CASE(all & firsts)
    CASE(lasts)
    CASE(low)
    CASE(low & firsts)
    CASE(low & lasts)
    CASE(high)
    CASE(high & firsts)
    CASE(high & lasts)
    else
        TAPS(mask);
#undef CASE
#undef TAPS
}

/** What a tile of the direct convolution is: whole, all of whose horizontal taps are inside, and all vertical ones, if it has several rows; else what of its place is literal. */
typedef enum cynf_conv2d_tile_kind { CYNF_TILE_ANY, CYNF_TILE_WHOLE, CYNF_TILE_COLUMNS, CYNF_TILE_PLACE } cynf_conv2d_tile_kind;

/**
 * The taps of one row of the kernel: a is where its first one meets the tile's first pixel, b its weights, in_rows the tile's rows that it meets, as a mask of their first
 * columns. Returns the next row's weights.
 */
static CYNF_INLINE const float *cynf_conv2d_direct_row(const cynf_conv2d *g, cynf_conv2d_tiling s, const int mr, const int nv, const bool asks, const cynf_conv2d_tile_kind kind,
    int ow0, int columns, uint32_t in_rows, const ptrdiff_t *off, const float *a, const float *packed, const float *b, cynf_ahead ahead, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    const int icg = g->ic / g->groups, block = g->x.b < icg ? g->x.b : icg;
    for (int c0 = 0; c0 < icg; c0 += block) {
        const int width = icg - c0 < block ? icg - c0 : block;
        const bool flat = g->kw == 1 || (g->dw == 1 && g->x.ps == width); /* neighbouring taps are neighbours in memory */
        const bool literal = kind == CYNF_TILE_PLACE || (kind == CYNF_TILE_COLUMNS && in_rows == cynf_conv2d_row_bits(s));
        if (literal && !(flat && width < VL)) {
#pragma GCC unroll 16
            for (int kw = 0; kw < g->kw; kw++, b += (ptrdiff_t)width * nv * VL)
                cynf_conv2d_direct_taps(s, mr, nv, asks, cynf_conv2d_columns(g, ow0, columns, kw) * (kind == CYNF_TILE_PLACE ? in_rows : cynf_conv2d_row_bits(s)), width,
                    a + cynf_channel(&g->x, c0) + (ptrdiff_t)kw * g->dw * g->x.ps, off, b, ahead, (b - packed) / (nv * VL), acc);
            continue;
        }
        for (int kw = 0, kw1; kw < g->kw; kw = kw1) {
            uint32_t mask = CYNF_ROWS(s.tw * s.th);
            kw1 = flat ? g->kw : kw + 1;
            if (kind != CYNF_TILE_WHOLE) {
                const uint32_t in_columns = cynf_conv2d_columns(g, ow0, columns, kw);
                for (kw1 = kw + 1; flat && kw1 < g->kw && cynf_conv2d_columns(g, ow0, columns, kw1) == in_columns;)
                    kw1++;
                mask = in_columns * in_rows;
            }
            const int k = (kw1 - kw) * width;
            cynf_conv2d_direct_border_taps(s, mr, nv, asks, mask, k, a + cynf_channel(&g->x, c0) + (ptrdiff_t)kw * g->dw * g->x.ps, off, b, ahead, (b - packed) / (nv * VL), acc);
            b += (ptrdiff_t)k * nv * VL;
        }
    }
    return b;
}

/** The rows of a tile that row kh of the kernel meets, as a mask of their first columns. */
static CYNF_INLINE uint32_t cynf_conv2d_rows_inside(const cynf_conv2d *g, cynf_conv2d_tiling s, int oh0, int rows, int kh)
{
    int lo, hi;
    cynf_conv2d_inside(oh0, rows, g->h, g->sh, g->pt - kh * g->dh, &lo, &hi);
    return cynf_conv2d_row_bits(s) & CYNF_ROWS(hi * s.tw) & ~CYNF_ROWS(lo * s.tw);
}

/**
 * One tile, its first pixel (oh0, ow0), rows x columns of its pixels in the image. x points at the image and the group's channels, y and r at the image. ahead: the tile's
 * shares of the next panel, which it asks for where s.ahead is set, and of what is read after this layer, where asks is; behind the last panel lie the next layer's weights or
 * nothing, which does no harm. Of CYNF_TILE_COLUMNS g, ow0 and columns are literals, and so is the mask of each tap that meets all rows; of CYNF_TILE_PLACE oh0 and rows too,
 * and all masks.
 */
static CYNF_INLINE void cynf_conv2d_direct_tile(const cynf_conv2d *g, cynf_conv2d_tiling s, const int mr, const int nv, const bool asks, const cynf_conv2d_tile_kind kind,
    int oh0, int ow0, int rows, int columns, int n, const ptrdiff_t *off, const cynf_conv2d_offsets *o, const float *x, const float *packed, cynf_ahead ahead, const float *r,
    float *y)
{
    const int ih0 = oh0 * g->sh - g->pt, iw0 = ow0 * g->sw - g->pl;
    const ptrdiff_t row = (ptrdiff_t)g->kw * (g->ic / g->groups) * nv * VL; /* of weights */
    const float *const a = x + (ptrdiff_t)ih0 * g->x.rs + (ptrdiff_t)iw0 * g->x.ps;
    vf acc[CYNF_MR_MAX][CYNF_NV_MAX];
    cynf_tile_init(mr, nv, packed, acc);
    if (kind == CYNF_TILE_PLACE) {
#pragma GCC unroll 8
        for (int kh = 0; kh < g->kh; kh++) {
            const uint32_t in_rows = cynf_conv2d_rows_inside(g, s, oh0, rows, kh);
            if (in_rows)
                cynf_conv2d_direct_row(g, s, mr, nv, asks, kind, ow0, columns, in_rows, off, a + (ptrdiff_t)kh * g->dh * g->x.rs, packed, packed + nv * VL + kh * row, ahead, acc);
        }
    } else {
        int kh0 = 0, kh1 = g->kh;
        if (ih0 < 0 || ih0 + (rows - 1) * g->sh + (g->kh - 1) * g->dh >= g->h) { /* the taps that meet the image for some row of the tile */
            const int below = -(ih0 + (rows - 1) * g->sh), above = CYNF_CEIL_DIV(g->h - ih0, g->dh);
            kh0 = below > 0 ? CYNF_CEIL_DIV(below, g->dh) : 0;
            kh1 = above < kh1 ? above : kh1;
        }
        const float *b = packed + nv * VL + kh0 * row;
        for (int kh = kh0; kh < kh1; kh++) {
            const uint32_t in_rows = kind == CYNF_TILE_WHOLE ? cynf_conv2d_row_bits(s) : cynf_conv2d_rows_inside(g, s, oh0, rows, kh);
            b = cynf_conv2d_direct_row(g, s, mr, nv, asks, kind, ow0, columns, in_rows, off, a + (ptrdiff_t)kh * g->dh * g->x.rs, packed, b, ahead, acc);
        }
    }
    cynf_conv2d_finish(g, s, mr, nv, oh0, ow0, rows, columns, n, o, r, y, acc);
}

/** What the tiles of a panel ask for of what is read after this layer: from the first on, bytes a tile and a product. */
typedef struct cynf_conv2d_next {
    const char *at;
    ptrdiff_t per_tile, pace;
} cynf_conv2d_next;

/**
 * The tiles [tile, end) of one image of oh rows and one panel of nv vectors, n channels of them real, the first oc0. rest: of tiles of one row without padding, the pixels
 * of the row's last one, 0 if it is like the others; -1 for other tiles.
 */
static CYNF_INLINE void cynf_conv2d_direct_panel(const cynf_conv2d *g, cynf_conv2d_tiling s, const int rest, const int mr, const int nv, const bool asks, int oh, int oc0,
    int n, const float *x, const float *packed, cynf_conv2d_next next, const float *r, float *y, int tile, int end)
{
    ptrdiff_t off[CYNF_MR_MAX];
    cynf_conv2d_offsets o;
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++)
        off[m] = (ptrdiff_t)(m / s.tw) * g->sh * g->x.rs + (ptrdiff_t)(m % s.tw) * g->sw * g->x.ps;
    cynf_conv2d_place(g, s, mr, nv, oc0, &o);

    const ptrdiff_t panel_size = (ptrdiff_t)(cynf_conv2d_k(g) + 1) * nv * VL;
    const int chunk = s.chunk * s.per_block;
    cynf_conv2d_tiling end_of_row = s;
    end_of_row.tw = rest;
    int oh0 = tile / s.tiles_w * s.th, ow0 = tile % s.tiles_w * s.tw;
    for (; tile < end; tile++) {
        const int rows = oh - oh0 < s.th ? oh - oh0 : s.th, columns = g->ow - ow0 < s.tw ? g->ow - ow0 : s.tw;
        const int ih0 = oh0 * g->sh - g->pt, iw0 = ow0 * g->sw - g->pl;
        const bool inside_h = ih0 >= 0 && ih0 + (rows - 1) * g->sh + (g->kh - 1) * g->dh < g->h;
        const bool inside_w = iw0 >= 0 && iw0 + (columns - 1) * g->sw + (g->kw - 1) * g->dw < g->w;
        const bool whole = rows == s.th && columns == s.tw && inside_w && (s.th == 1 || inside_h);
        const cynf_ahead ahead = {packed + panel_size + tile % chunk * (panel_size / chunk), nv * VL / chunk, asks ? next.at + tile * next.per_tile : NULL, next.pace};
        /*
         * With a literal geometry the whole tile is straight-line code of its own, and so are what is left of a row without padding, and the first and the last tile of a
         * row with it, and of an image whose tiles are several rows; at run time one text serves all.
         */
        const int last = (s.tiles_w - 1) * s.tw, bottom = (CYNF_CEIL_DIV(g->oh, s.th) - 1) * s.th;
        const bool places = CYNF_LITERAL && s.th > 1 && g->kh * g->kw <= 25 && oh == g->oh;
        if (CYNF_LITERAL && (whole || !rest))
            cynf_conv2d_direct_tile(g, s, mr, nv, asks, CYNF_TILE_WHOLE, oh0, ow0, s.th, s.tw, n, off, &o, x, packed, ahead, r, y);
        else if (CYNF_LITERAL && rest > 0)
            cynf_conv2d_direct_tile(g, end_of_row, rest, nv, asks, CYNF_TILE_WHOLE, oh0, ow0, 1, rest, n, off, &o, x, packed, ahead, r, y);
        else if (places && !oh0)
            cynf_conv2d_direct_tile(g, s, mr, nv, asks, CYNF_TILE_PLACE, 0, 0, bottom ? s.th : g->oh, g->ow, n, off, &o, x, packed, ahead, r, y);
        else if (places && oh0 == bottom)
            cynf_conv2d_direct_tile(g, s, mr, nv, asks, CYNF_TILE_PLACE, bottom, 0, g->oh - bottom, g->ow, n, off, &o, x, packed, ahead, r, y);
        else if (CYNF_LITERAL && !ow0)
            cynf_conv2d_direct_tile(g, s, mr, nv, asks, CYNF_TILE_COLUMNS, oh0, 0, rows, last ? s.tw : g->ow, n, off, &o, x, packed, ahead, r, y);
        else if (CYNF_LITERAL && ow0 == last)
            cynf_conv2d_direct_tile(g, s, mr, nv, asks, CYNF_TILE_COLUMNS, oh0, last, rows, g->ow - last, n, off, &o, x, packed, ahead, r, y);
        else
            cynf_conv2d_direct_tile(g, s, mr, nv, asks, whole ? CYNF_TILE_WHOLE : CYNF_TILE_ANY, oh0, ow0, rows, columns, n, off, &o, x, packed, ahead, r, y);
        if ((ow0 += s.tw) >= g->ow) {
            ow0 = 0;
            oh0 += s.th;
        }
    }
}

/** Copies n elements, or zeros when from is NULL; writes whole vectors, so up to VL-1 elements behind the end, which are written later or not used. */
static CYNF_INLINE float *cynf_conv2d_put(float *to, const float *from, int n)
{
    int i = 0;
    if (!from)
        for (; i < n; i += VL)
            vf_store(to + i, vf_zero());
    for (; i + VL <= n; i += VL)
        vf_store(to + i, vf_load(from + i));
    if (i < n)
        vf_store(to + i, vf_loadn(from + i, n - i));
    return to + n;
}

/** Copies the input rows that output rows [oh0, oh0 + oh) of p (cynf_conv2d_padded) read, zeros where there is padding. */
static CYNF_INLINE void cynf_conv2d_copy_rows(const cynf_conv2d *g, const cynf_conv2d *p, int oh0, int oh, const float *x, float *to)
{
    const int right = p->w - g->pl - g->w, inside = right < 0 ? g->w + right : g->w; /* columns of the image that are read */
    const int rows = (oh - 1) * p->sh + (p->kh - 1) * p->dh + 1;
    for (int i = 0, ih = oh0 * g->sh - g->pt; i < rows; i++, ih++) {
        const float *from = x + (ptrdiff_t)ih * g->x.rs;
        if (ih < 0 || ih >= g->h) {
            to = cynf_conv2d_put(to, NULL, p->x.rs);
            continue;
        }
        to = cynf_conv2d_put(to, NULL, g->pl * g->ic);
        if (g->x.ps == g->ic)
            to = cynf_conv2d_put(to, from, inside * g->ic);
        else
            for (int iw = 0; iw < inside; iw++)
                to = cynf_conv2d_put(to, from + (ptrdiff_t)iw * g->x.ps, g->ic);
        to = cynf_conv2d_put(to, NULL, (right > 0 ? right : 0) * g->ic);
    }
}

/** Panels [begin, end) of the weights times s, to the workspace. */
static CYNF_INLINE void cynf_conv2d_scale_panels(const cynf_conv2d *g, cynf_tile t, const cynf_args *a, size_t begin, size_t end)
{
    const float *const s = a->x[1 + !!g->e.residual];
    const int nr = t.nv * t.v;
    for (size_t panel = begin; panel < end; panel++) {
        const ptrdiff_t at = (ptrdiff_t)panel * nr * (g->ic + 1);
        const float *from = (const float *)a->packed + at;
        float *to = (float *)a->workspace + at;
        const int left = CYNF_ROUND_UP(g->oc, t.v) - (int)panel * nr, n = left < nr ? left : nr;
        for (int c = -1; c < g->ic; c++, from += n, to += n) {
            const vf k = vf_set1(c < 0 ? 1.0f : s[c]); /* first the biases */
            for (int v = 0; v < n; v += VL)
                vf_store(to + v, vf_mul(vf_load(from + v), k));
        }
    }
}

/** asks: for a->next. */
static CYNF_INLINE void cynf_conv2d_direct_body(const cynf_conv2d *whole, cynf_tile t, const bool asks, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    if (whole->scaled && stage == 0) {
        cynf_conv2d_scale_panels(whole, t, a, begin, end);
        return;
    }
    const cynf_conv2d_tiling s = cynf_conv2d_tiles(whole, t);
    const bool pads = cynf_conv2d_pads(whole);
    const cynf_conv2d padded = pads ? cynf_conv2d_padded(whole, s) : *whole, *const g = pads ? &padded : whole;
    const bool inside = pads || (whole->pl <= 0 && (whole->ow - 1) * whole->sw + (whole->kw - 1) * whole->dw - whole->pl < whole->w);
    const int rest = s.th == 1 && inside ? whole->ow % s.tw : -1;
    /* One line a product at most: more would be more than memory gives. */
    const ptrdiff_t share = asks ? (ptrdiff_t)(a->next_bytes / ((size_t)whole->n * (size_t)whole->groups * (size_t)cynf_conv2d_panels(whole, t) * (size_t)s.tiles)) : 0;
    const ptrdiff_t pace = asks ? CYNF_CEIL_DIV(share, (ptrdiff_t)cynf_conv2d_k(whole)) : 0;
    const int nr = t.nv * t.v, ocg = whole->oc / whole->groups, icg = whole->ic / whole->groups, panels = cynf_conv2d_panels(whole, t), narrow = ocg % nr;
    for (size_t unit = begin, merged; unit < end; unit += merged) {
        const size_t per_group = (size_t)panels * (size_t)s.blocks;
        const cynf_chunk c = cynf_chunk_of(unit % per_group, panels, s.chunk, s.blocks);
        const int inner = s.panels_outer ? c.items : panels, fast = c.at % inner, slow = c.at / inner;
        const int panel = s.panels_outer ? slow : fast, block = c.first + (s.panels_outer ? fast : slow), left = c.first + c.items - block;
        const int group = (int)(unit / per_group % (size_t)whole->groups), image = (int)(unit / per_group / (size_t)whole->groups);
        /* The blocks of a panel that follow each other in the range are one run of tiles. */
        merged = !s.panels_outer || pads ? 1 : end - unit < (size_t)left ? end - unit : (size_t)left;
        const int last = block + (int)merged;
        int oh = whole->oh, tile = block * s.per_block, tile_end = last == s.blocks ? s.tiles : last * s.per_block;
        const int oc0 = group * ocg + panel * nr, n = narrow && panel == panels - 1 ? narrow : nr;
        const float *packed =
            (const float *)(whole->scaled ? a->workspace : a->packed) + (size_t)group * cynf_conv2d_packed_group(whole, t) + (size_t)panel * (cynf_conv2d_k(whole) + 1) * (size_t)nr;
        const float *x = a->x[0] + (ptrdiff_t)image * whole->x.ns + group * icg;
        const float *r = whole->e.residual ? a->x[1] + (ptrdiff_t)image * whole->r.ns : NULL;
        float *y = a->y + (ptrdiff_t)image * whole->y.ns;
        const cynf_conv2d_next next = {asks ? (const char *)a->next + (((ptrdiff_t)image * whole->groups + group) * panels + panel) * s.tiles * share : NULL, share,
            pace < 64 ? pace : 64};
        if (pads) {
            const int oh0 = tile / s.tiles_w * s.th;
            float *rows = cynf_private(a, 0, cynf_conv2d_direct_private_bytes(whole, t), thread);
            oh = oh - oh0 < padded.oh ? oh - oh0 : padded.oh;
            cynf_conv2d_copy_rows(whole, g, oh0, oh, x, rows);
            x = rows;
            y += (ptrdiff_t)oh0 * whole->y.rs;
            if (r)
                r += (ptrdiff_t)oh0 * whole->r.rs;
            tile_end -= tile;
            tile = 0;
        }
        if (CYNF_CEIL_DIV(n, t.v) == t.nv)
            cynf_conv2d_direct_panel(g, s, rest, t.mr, t.nv, asks, oh, oc0, n, x, packed, next, r, y, tile, tile_end);
        else
            CYNF_NARROW_PANEL(narrow, cynf_conv2d_direct_panel(g, s, rest, t.mr, nv, asks, oh, oc0, n, x, packed, next, r, y, tile, tile_end));
    }
}

static CYNF_INLINE void conv2d_direct(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    cynf_conv2d_direct_body(g, t, false, stage, a, thread, begin, end);
}

/** The same, asking the second-level cache for a->next beside its products: what later layers read, which had to wait for it else. */
static CYNF_INLINE void conv2d_direct_asking(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    cynf_conv2d_direct_body(g, t, true, stage, a, thread, begin, end);
}

#endif
