/* SPDX-License-Identifier: MIT */
/**
 * Depthwise convolution, sliding rows: a strip of up to mr output rows walks along the columns. Every input vector is loaded where it is and used
 * for all the outputs that it is a tap of; these wait in ceil(k/s) x rows accumulators, which move one column on with each step. Square kernels of
 * 3, 5 and 7, stride 1 or 2. The idea of register-level reuse is Zhang, Lo and Lu's (AAAI 2020, arXiv:2001.02504).
 *
 * A step o takes the s input columns o*s - pl + q and adds them to outputs o - j, j < ceil(k/s), with tap column q + j*s; then output
 * o - ceil(k/s) + 1 is complete. Rows and columns of padding are skipped, and near the left and right edge the outputs that do not exist.
 */
#ifndef CYNF_DWCONV2D_ROWS_H
#define CYNF_DWCONV2D_ROWS_H

#include "kernels/dwconv2d/direct.h"
#include "kernels/dwconv2d/rows_layout.h"

/** A strip on its way. */
typedef struct cynf_dw_strip {
    const float *x;    /**< column 0 of the strip's first input row, which may lie above the image */
    const float *w, *r;
    float *y;          /**< column 0 of the strip's first output row, as r */
    uint32_t in_image; /**< bit i: row i of the strip's input is in the image */
    vf bias;
} cynf_dw_strip;

/**
 * Tap row ky of input column x for all the outputs that wait. q: the column's phase; in_image: bit i*s stands for row i*s + ky; exist: bit j, at an
 * edge, for output o - j.
 */
static CYNF_INLINE void cynf_dw_rows_taps(const cynf_dwconv2d *g, const int k, const int s, const int rows, const int n, const bool edge, const int q,
    uint32_t in_image, const float *x, const float *w, uint32_t exist, vf acc[CYNF_DW_ROWS_MAX_K][CYNF_DW_ROWS_MAX])
{
    const int waiting = CYNF_CEIL_DIV(k, s);
    vf wk[CYNF_DW_ROWS_MAX_K];
#pragma GCC unroll 7
    for (int j = 0; j < waiting; j++)
        if (q + j * s < k)
            wk[j] = vf_load(w + (q + j * s) * VL);
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
        if (in_image >> (i * s) & 1) {
            const vf d = cynf_dw_load(x + (ptrdiff_t)(i * s) * g->x.rs, false, n);
#pragma GCC unroll 7
            for (int j = 0; j < waiting; j++)
                if (q + j * s < k && (!edge || (exist >> j & 1)))
                    acc[j][i] = vf_fma(d, wk[j], acc[j][i]);
        }
}

/**
 * Column x of phase q for a kernel of 3: the taps are registers, where there are enough, and every input is loaded once. Outputs beyond an edge are
 * computed, and never stored: two thirds of a column are cheaper than asking.
 */
static CYNF_INLINE void cynf_dw_rows_column3(const cynf_dwconv2d *g, const int s, const int rows, const int n, const int q, uint32_t in_image, const float *x,
    const vf tap[9], vf acc[CYNF_DW_ROWS_MAX_K][CYNF_DW_ROWS_MAX])
{
#pragma GCC unroll 9
    for (int iy = 0; iy < (rows - 1) * s + 3; iy++) {
        if (!(in_image >> iy & 1))
            continue;
        const vf d = cynf_dw_load(x + (ptrdiff_t)iy * g->x.rs, false, n);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
            if (iy >= i * s && iy < i * s + 3)
#pragma GCC unroll 3
                for (int kx = q; kx < 3; kx += s)
                    acc[kx / s][i] = vf_fma(d, tap[(iy - i * s) * 3 + kx], acc[kx / s][i]);
    }
}

/** One step. edge: it meets columns of padding or outputs that do not exist. */
static CYNF_INLINE void cynf_dw_rows_step(const cynf_dwconv2d *g, const cynf_dw_lanes *l, const int k, const int s, const int rows, const int n,
    const bool edge, const cynf_dw_strip *strip, const vf tap[9], int o, vf acc[CYNF_DW_ROWS_MAX_K][CYNF_DW_ROWS_MAX])
{
    const int waiting = CYNF_CEIL_DIV(k, s);
    uint32_t exist = 0;
    for (int j = 0; edge && j < waiting; j++)
        exist |= (uint32_t)(o >= j && o - j < g->ow) << j;
#pragma GCC unroll 7
    for (int j = waiting - 1; j > 0; j--)
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
            acc[j][i] = acc[j - 1][i];
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
        acc[0][i] = strip->bias;
#pragma GCC unroll 2
    for (int q = 0; q < s; q++) {
        const int ix = o * s - g->pl + q;
        if (edge && (ix < 0 || ix >= g->w))
            continue;
        const float *x = strip->x + (ptrdiff_t)ix * g->x.ps;
        if (k == 3) {
            cynf_dw_rows_column3(g, s, rows, n, q, strip->in_image, x, tap, acc);
            continue;
        }
        /* Not unrolled: the code of all kernels and strips would be ten times as long, and no faster. */
#pragma GCC unroll 1
        for (int ky = 0; ky < k; ky++, x += g->x.rs)
            cynf_dw_rows_taps(g, k, s, rows, n, edge, q, strip->in_image >> ky, x, strip->w + ky * k * VL, exist, acc);
    }
    if (!edge || o >= waiting - 1) {
        const ptrdiff_t ox = o - waiting + 1;
        cynf_dw_finish(g, l, rows, n, acc[waiting - 1], strip->y + ox * l->y.ps, l->y.rs, strip->r + ox * g->r.ps, g->r.rs);
    }
}

static CYNF_INLINE void cynf_dw_rows_strip(const cynf_dwconv2d *g, const cynf_dw_lanes *l, const int k, const int s, const int rows, const int n,
    const cynf_dw_strip *strip)
{
    const int waiting = CYNF_CEIL_DIV(k, s), end = g->ow + waiting - 1;
    /* Steps without an edge: every column is in the image, every output exists. */
    const int lead = CYNF_CEIL_DIV(g->pl, s), inner0 = lead > waiting - 1 ? lead : waiting - 1;
    const int fit = (g->w + g->pl) / s, inner1 = fit < g->ow ? fit : g->ow;
    vf tap[9];
    if (k == 3)
#pragma GCC unroll 9
        for (int i = 0; i < 9; i++)
            tap[i] = vf_load(strip->w + i * VL);
    vf acc[CYNF_DW_ROWS_MAX_K][CYNF_DW_ROWS_MAX];
#pragma GCC unroll 7
    for (int j = 0; j < waiting; j++)
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
            acc[j][i] = strip->bias;
    for (int o = 0; o < end; o++) {
        if (o == inner0)
            for (; o < inner1; o++)
                cynf_dw_rows_step(g, l, k, s, rows, n, false, strip, tap, o, acc);
        if (o < end)
            cynf_dw_rows_step(g, l, k, s, rows, n, true, strip, tap, o, acc);
    }
}

/** The heights of the strips that rows fall into when each has at most most: bit i for i rows. */
static CYNF_INLINE uint32_t cynf_dw_rows_heights(int rows, int most)
{
    const int strips = CYNF_CEIL_DIV(rows, most);
    return UINT32_C(1) << rows / strips | UINT32_C(1) << CYNF_CEIL_DIV(rows, strips);
}

/** Rows u->y0 .. u->y1 in strips as equal as can be. band: that of cynf_dw_unit_at; 0: units are any rows. */
static CYNF_INLINE void cynf_dw_rows_lanes(const cynf_dwconv2d *g, const cynf_dw_lanes *l, cynf_tile t, const int band, const int k, const int s, const int n,
    const cynf_dw_unit *u, const float *x, const float *w, float *y, const float *r)
{
    /* Accumulators and one row of taps stay in registers. */
    const int waiting = CYNF_CEIL_DIV(k, s), fit = (VREGS - 1) / waiting - 1, most = fit < 1 ? 1 : fit < t.mr ? fit : t.mr;
    const int bands = band ? cynf_dw_row_bands(g, band) : 1;
    const uint32_t heights = CYNF_LITERAL && band ? cynf_dw_rows_heights(g->oh / bands, most) | cynf_dw_rows_heights(CYNF_CEIL_DIV(g->oh, bands), most) : UINT32_MAX;
    cynf_dw_strip strip = {.w = w + VL, .bias = vf_load(w)};
    for (int oy = u->y0; oy < u->y1;) {
        const int left = u->y1 - oy, rows = CYNF_CEIL_DIV(left, CYNF_CEIL_DIV(left, most)), iy = oy * s - g->pt;
        strip.x = x + (ptrdiff_t)iy * g->x.rs;
        strip.y = y + (ptrdiff_t)(oy - u->y0) * l->y.rs;
        strip.r = r + (ptrdiff_t)(oy - u->y0) * g->r.rs;
        const int needed = (rows - 1) * s + k, above = iy < 0 ? -iy : 0, end = g->h - iy < needed ? g->h - iy : needed;
        strip.in_image = end > above ? CYNF_ROWS(end) & ~CYNF_ROWS(above) : 0;
        if (most >= 4 && rows == 4 && (heights >> 4 & 1))
            cynf_dw_rows_strip(g, l, k, s, 4, n, &strip);
        else if (most >= 3 && rows == 3 && (heights >> 3 & 1))
            cynf_dw_rows_strip(g, l, k, s, 3, n, &strip);
        else if (most >= 2 && rows == 2 && (heights >> 2 & 1))
            cynf_dw_rows_strip(g, l, k, s, 2, n, &strip);
        else if (heights >> 1 & 1)
            cynf_dw_rows_strip(g, l, k, s, 1, n, &strip);
        oy += rows;
    }
}

static CYNF_INLINE void cynf_dw_rows_kernel(const cynf_dwconv2d *g, const cynf_dw_lanes *l, cynf_tile t, const int band, const int n,
    const cynf_dw_unit *u, const float *x, const float *w, float *y, const float *r)
{
    if (CYNF_LITERAL)
        cynf_dw_rows_lanes(g, l, t, band, g->kh, g->sh, n, u, x, w, y, r);
    else if (g->kh == 3 && g->sh == 1)
        cynf_dw_rows_lanes(g, l, t, band, 3, 1, n, u, x, w, y, r);
    else if (g->kh == 3)
        cynf_dw_rows_lanes(g, l, t, band, 3, 2, n, u, x, w, y, r);
    else if (g->kh == 5 && g->sh == 1)
        cynf_dw_rows_lanes(g, l, t, band, 5, 1, n, u, x, w, y, r);
    else if (g->kh == 5)
        cynf_dw_rows_lanes(g, l, t, band, 5, 2, n, u, x, w, y, r);
    else if (g->sh == 1)
        cynf_dw_rows_lanes(g, l, t, band, 7, 1, n, u, x, w, y, r);
    else
        cynf_dw_rows_lanes(g, l, t, band, 7, 2, n, u, x, w, y, r);
}

/** As cynf_dw_direct_area, which takes the last vector's channels if it is not full and vectors are short; for the geometries that cynf_dw_rows_fit and all columns; band as above. */
static CYNF_INLINE void cynf_dw_rows_area(const cynf_dwconv2d *g, const cynf_view *view, cynf_tile t, const int band, const cynf_dw_unit *u, const float *x,
    const float *w, float *y, const float *r)
{
    cynf_dw_lanes l = cynf_dw_lanes_of(g, view, cynf_dw_block_at(g, VL, u->block));
    l.plain = true;
    x += cynf_channel(&g->x, l.block.ic);
    if (g->e.residual)
        r += (ptrdiff_t)u->y0 * g->r.rs;
    const int rest = g->c % VL;
    if (rest && l.block.n < VL && VL > 4)
        cynf_dw_rows_kernel(g, &l, t, band, CYNF_LITERAL ? rest : l.block.n, u, x, w, y, r);
    else if (rest && l.block.n < VL)
        cynf_dw_direct_lanes(g, &l, t, false, CYNF_LITERAL ? rest : l.block.n, u, x, w, y, r);
    else
        cynf_dw_rows_kernel(g, &l, t, band, VL, u, x, w, y, r);
    if (!cynf_act_in_tile(&g->e))
        cynf_dw_activate(g, &l, u->y1 - u->y0, g->ow, y);
}

static CYNF_INLINE void dwconv2d_rows(const cynf_dwconv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)stage;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const cynf_dw_unit u = cynf_dw_unit_at(g, VL, CYNF_DW_ROWS_BAND, g->ow, i);
        cynf_dw_rows_area(g, &g->y, t, CYNF_DW_ROWS_BAND, &u, a->x[0] + (ptrdiff_t)u.image * g->x.ns, (const float *)a->packed + (size_t)u.block * cynf_dw_block_elems(g, VL),
            a->y + (ptrdiff_t)u.image * g->y.ns + (ptrdiff_t)u.y0 * g->y.rs, g->e.residual ? a->x[1] + (ptrdiff_t)u.image * g->r.ns : a->x[0]);
    }
}

#endif
