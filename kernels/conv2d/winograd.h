/* SPDX-License-Identifier: MIT */
/**
 * conv2d f32, winograd<m><r>: F(m x m, r x r), and winograd<m><r>x1: F(m, r) along an axis for kernels of 1 x r and r x 1 taps.
 *
 *     tile = A^T [ sum_ic (G w G^T) . (B^T x B) ] A      . element by element, x the input under the tile, m + r - 1 pixels wide
 *
 * by the transforms of kernels/winograd/transform.h: a convolution of stride 1, dilated or not, takes ((m + r - 1) / mr)^2 of direct convolution's products, 1/4 by
 * winograd43, in one dimension (m + r - 1) / mr. One of stride 2 by 5 x 5 or 7 x 7 taps is as one of stride 1 by 3 x 3 or 4 x 4 taps of four times
 * as many channels. Accuracy: cynf_winograd_error(). An inf or NaN of the input reaches all outputs of its tile. Over-read and
 * over-write: none. Packing, blocking, stages and units: tiled_layout.h.
 */
#ifndef CYNF_CONV2D_WINOGRAD_H
#define CYNF_CONV2D_WINOGRAD_H

#include "kernels/conv2d/tiled.h"
#include "kernels/conv2d/winograd_layout.h"
#include "kernels/winograd/transform.h"

/** Channels up to which a panel's outputs are asked for: with more, the products take most of the time, and what was asked for is gone after them. */
#define WINOGRAD_ASK_CHANNELS 128

/** What lies under tile i in a part of the channels: of the image of h x w pixels at x, which its phase is, those from (iy, ix) on. */
typedef struct winograd_under {
    const float *x;
    cynf_view view;
    int h, w, iy, ix;
} winograd_under;

static CYNF_INLINE winograd_under winograd_under_of(const cynf_conv2d *g, const cynf_tiling *l, int part, const float *x, int i)
{
    const int q = i % l->rows;
    if (g->sh * g->sw > 1) { /* not dilated */
        const int columns = l->parts / g->sh, y = part / columns, x0 = part % columns;
        const cynf_view every = {.rs = g->x.rs * g->sh, .ps = g->x.ps * g->sw, .bs = g->x.bs, .b = columns < g->sw ? g->ic : g->x.b};
        return (winograd_under){x + cynf_pixel(&g->x, i / l->rows, y, x0, 0), every, CYNF_CEIL_DIV(g->h - y, g->sh), CYNF_CEIL_DIV(g->w - x0, g->sw),
            q / l->tx * l->sy + (conv2d_tiling_first_tap(g->kh, g->pt, g->sh, y) - g->pt - y) / g->sh,
            q % l->tx * l->sx + (conv2d_tiling_first_tap(g->kw, g->pl, g->sw, x0) - g->pl - x0) / g->sw};
    }
    const conv2d_phase p = conv2d_tiled_phase(g, i / l->rows);
    /* Tap (0, 0) of the phase's first output lies in row y + iy*dh, column x0 + ix*dw: on padding if iy or ix is negative. */
    const int y = (p.y + g->dh - g->pt % g->dh) % g->dh, x0 = (p.x + g->dw - g->pl % g->dw) % g->dw;
    const int iy = (p.y - g->pt - y) / g->dh, ix = (p.x - g->pl - x0) / g->dw;
    return (winograd_under){x + cynf_pixel(&g->x, p.n, y, x0, 0), conv2d_tiled_view(g, &g->x), CYNF_CEIL_DIV(g->h - y, g->dh), CYNF_CEIL_DIV(g->w - x0, g->dw),
        q / l->tx * l->sy + iy, q % l->tx * l->sx + ix};
}

/*
 * The two that ask the second-level cache for pixels ahead of their use are functions of their own, as inlined they cost the loops around them registers. GCC takes
 * prefetches for nothing, and would take the calls away.
 */
#define WINOGRAD_ASK(pixel, write) \
    do { \
        __asm__ volatile(""); \
        __builtin_prefetch(pixel, write, 2); \
    } while (0)

/** Asks for the columns that tile i adds to those of the tile before it. */
static __attribute__((noinline, unused)) void winograd_ask_input(const cynf_conv2d *g, const cynf_tiling *l, const cynf_winograd f, const float *x, int i)
{
    const winograd_under u = winograd_under_of(g, l, 0, x, i);
    const int e = f.m + f.r - 1, rows = f.dims == 2 ? e : 1;
    if (u.iy < 0 || u.ix < 0 || u.iy + rows > u.h || u.ix + e > u.w)
        return;
    for (int y = u.iy; y < u.iy + rows; y++)
        for (int column = u.ix + e - f.m; column < u.ix + e; column++)
            for (int c = 0; c < g->ic; c += VL)
                WINOGRAD_ASK(u.x + y * (ptrdiff_t)u.view.rs + column * (ptrdiff_t)u.view.ps + cynf_channel(&g->x, c), 0);
}

/** Asks for the outputs of panel p, which come while its products are computed. */
static __attribute__((noinline, unused)) void winograd_ask_outputs(const cynf_conv2d *g, const cynf_tiling *l, const conv2d_tiled_unit *w, int p, const cynf_args *a)
{
    for (int i = 0; i < w->rows; i++)
        for (int c = 0; c < l->nr && p * l->nr + c < g->oc; c += VL) {
            const conv2d_tiled_patch patch = conv2d_tiled_patch_of(g, l, w->first + i, p * l->nr + c, a);
            for (int y = 0; y < patch.h; y++)
                for (int x = 0; x < patch.w; x++)
                    WINOGRAD_ASK(patch.y + y * (ptrdiff_t)patch.yv.rs + x * (ptrdiff_t)patch.yv.ps, 1);
        }
}

/** The row of tile i in every slab of V: B^T x B of all channels. */
static CYNF_INLINE void winograd_forward(const cynf_conv2d *g, const cynf_tiling *l, const cynf_winograd f, const float *x, int i, float *v)
{
    const int channels = g->ic / l->parts;
    for (int part = 0; part < l->parts; part++, v += channels) { /* lanes beyond the last channel are overwritten by the next part */
        const winograd_under u = winograd_under_of(g, l, part, x, i);
        for (int c = 0; c < channels; c += VL)
            winograd_forward_tile(f, u.x + cynf_channel(&u.view, c), &u.view, u.h, u.w, u.iy, u.ix, channels - c < VL ? channels - c : VL, v + c, l->vs);
    }
}

static CYNF_INLINE void conv2d_winograd(const cynf_conv2d *geometry, cynf_tile t, const cynf_winograd f, int stage, const cynf_args *a, int thread, size_t begin,
    size_t end)
{
    const cynf_conv2d along = conv2d_winograd_along(geometry, f), *const g = &along;
    const cynf_tiling l = conv2d_winograd_tiling(g, t, f);
    const float *const bias = a->packed, *const u = bias + l.panels * l.nr;
    const bool far_x = VL > 4 && g->sh * g->sw == 1 && (int64_t)g->h * g->w * g->ic * 4 > CYNF_TILED_L2_BYTES;
    const bool far_y = VL > 4 && (int64_t)g->oh * g->ow * g->oc * 4 > CYNF_TILED_L2_BYTES && g->ic <= WINOGRAD_ASK_CHANNELS;
    for (size_t unit = begin; unit < end; unit++) {
        const conv2d_tiled_unit w = conv2d_tiled_unit_of(&l, 1, stage, a, thread, (int)unit);
        for (int i = w.t0; i < w.t1; i++) {
            if (far_x && i + 1 < w.t1)
                winograd_ask_input(g, &l, f, a->x[0], w.first + i + 1);
            winograd_forward(g, &l, f, a->x[0], w.first + i, w.v + i * l.kp);
        }
        for (int p = w.p0; p < w.p1; p++) {
            if (far_y)
                winograd_ask_outputs(g, &l, &w, p, a);
            conv2d_tiled_multiply(g, &l, conv2d_winograd_large(t) ? t.mr / 2 : t.mr, t.nv, &w, u + (ptrdiff_t)p * l.slabs * g->ic * l.nr);
            for (int i = 0; i < w.rows; i++)
                for (int c = 0; c < l.nr && p * l.nr + c < g->oc; c += VL) {
                    const conv2d_tiled_patch patch = conv2d_tiled_patch_of(g, &l, w.first + i, p * l.nr + c, a);
                    const float *const m = w.m + (ptrdiff_t)i * l.slabs * l.nr + c, *const b = bias + p * l.nr + c;
                    if (patch.h == (f.dims == 2 ? f.m : 1) && patch.w == f.m && patch.n == VL) {
                        const winograd_finish finish = {b, patch.r, &g->e, patch.rv.rs, patch.rv.ps};
                        winograd_inverse_tile(f, m, l.nr, &finish, patch.y, patch.yv.rs, patch.yv.ps);
                    } else {
                        float out[CYNF_WINOGRAD_OUTPUTS * VL];
                        winograd_inverse_tile(f, m, l.nr, NULL, out, f.m * VL, VL);
                        conv2d_tiled_store(g, &patch, b, out, f.m * VL, VL);
                    }
                }
        }
    }
}

#define CONV2D_WINOGRAD(algo, dims, m, r, measured) \
    static CYNF_INLINE void conv2d_##algo(const cynf_conv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end) \
    { \
        conv2d_winograd(g, t, (cynf_winograd){dims, m, r}, stage, a, thread, begin, end); \
    }
CONV2D_WINOGRAD_FORMS(CONV2D_WINOGRAD)
#undef CONV2D_WINOGRAD

#endif
