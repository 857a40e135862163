/* SPDX-License-Identifier: MIT */
/** The parts of a convolution in a transform domain that do not depend on the transform; tiled_layout.h says what is stored where. */
#ifndef CYNF_CONV2D_TILED_H
#define CYNF_CONV2D_TILED_H

#include "kernels/conv2d/tiled_layout.h"
#include "kernels/gemm/microkernel.h"
#include "kernels/patch.h"

/** What is given to a unit. A stage that only transforms has no panels, one that only multiplies has no tiles. */
typedef struct conv2d_tiled_unit {
    float *v, *m, *scratch; /**< V of the block, M, what the transform needs */
    int first, rows;      /**< the block's first tile and number of tiles */
    int t0, t1, p0, p1;   /**< tiles to transform (within the block) and panels to multiply and transform back */
} conv2d_tiled_unit;

static CYNF_INLINE conv2d_tiled_unit conv2d_tiled_unit_of(const cynf_tiling *l, int group, int stage, const cynf_args *a, int thread, int u)
{
    float *const m = cynf_private(a, conv2d_tiling_shared(l), conv2d_tiling_private(l), thread), *const scratch = m + l->m_bytes / 4;
    float *const v = l->shared ? a->workspace : scratch + l->scratch_bytes / 4;
    const bool transform = l->shared && stage == 0;
    const int block = !l->shared ? u : transform ? u * group / l->tb : u % l->blocks;
    const int rows = conv2d_tiling_rows(l, block);
    conv2d_tiled_unit r = {l->shared ? v + block * l->v_block : v, m, scratch, block * l->tb, rows, 0, rows, 0, l->panels};
    if (transform) {
        r.t0 = u * group - r.first;
        r.t1 = r.t0 + group;
        r.p1 = 0;
    } else if (l->shared) {
        r.t1 = 0;
        r.p0 = u / l->blocks;
        r.p1 = r.p0 + 1;
    }
    return r;
}

/** Elements of U that its only reader asks for ahead of their use: 4 KiB, a page; less comes too late, and of more part is gone again when its turn comes. */
#define CYNF_TILED_AHEAD 1024

/** n rows of V, kp apart, times a panel of U, to rows of M that lie ms apart; asks for 0, 1 or 2 lines of U a row. */
static CYNF_INLINE void conv2d_tiled_rows(const int n, const int nv, int lines, cynf_ahead ahead, int k, const float *v, ptrdiff_t kp, const float *u, float *m, ptrdiff_t ms)
{
    vf acc[CYNF_MR_MAX][CYNF_NV_MAX];
    ptrdiff_t off[CYNF_MR_MAX];
#pragma GCC unroll 32
    for (int i = 0; i < n; i++)
        off[i] = i * kp;
    cynf_tile_zero(n, nv, acc);
    if (VL > 4 && lines == 2)
        cynf_tile_fma_ahead(n, nv, CYNF_ROWS(n), 2, false, ahead, k, v, off, u, nv * VL, acc);
    else if (VL > 4 && lines == 1)
        cynf_tile_fma_ahead(n, nv, CYNF_ROWS(n), 1, false, ahead, k, v, off, u, nv * VL, acc);
    else
        cynf_tile_fma(n, nv, CYNF_ROWS(n), k, v, off, u, nv * VL, acc);
#pragma GCC unroll 32
    for (int i = 0; i < n; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            vf_store(m + i * ms + j * VL, acc[i][j]);
}

/**
 * M = V U of one panel: for every coefficient, the block's rows in register tiles of at most mr <= 14 rows, as equal as can be. Where U is far, the tiles of a coefficient
 * ask for the next one's part of U, so that it comes at an even pace and not at the first tile's.
 */
static CYNF_INLINE void conv2d_tiled_multiply(const cynf_conv2d *g, const cynf_tiling *l, const int mr, const int nv, const conv2d_tiled_unit *w, const float *u)
{
    const int pieces = CYNF_CEIL_DIV(w->rows, mr), least = w->rows / pieces, more = w->rows % pieces;
    const ptrdiff_t ms = (ptrdiff_t)l->slabs * l->nr, slab = (ptrdiff_t)g->ic * l->nr;
    for (int s = 0; s < l->slabs; s++, u += slab) {
        const float *v = w->v + s * l->vs;
        float *m = w->m + (ptrdiff_t)s * l->nr;
        for (int piece = 0; piece < pieces; piece++) {
            const int rows = least + (piece < more), lines = !l->far ? 0 : pieces == 1 && l->nr > 16 ? 2 : 1;
            const cynf_ahead ahead = pieces == 1 ? (cynf_ahead){.at = u + CYNF_TILED_AHEAD, .pace = l->nr} : (cynf_ahead){.at = u + slab + piece * (slab / pieces), .pace = l->nr / pieces};
            switch (rows) {
#define ROWS(n) \
    case n: \
        if (n <= mr) \
            conv2d_tiled_rows(n, nv, lines, ahead, g->ic, v, l->kp, u, m, ms); \
        break;
                ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#undef ROWS
            }
            v += (ptrdiff_t)rows * l->kp;
            m += rows * ms;
        }
    }
}

/** One of a tiling's images: image n of the batch, its rows y, y + dh ... and columns x, x + dw ... of the output. */
typedef struct conv2d_phase {
    int n, y, x;
} conv2d_phase;

static CYNF_INLINE conv2d_phase conv2d_tiled_phase(const cynf_conv2d *g, int image)
{
    return (conv2d_phase){image / (g->dh * g->dw), image / g->dw % g->dh, image % g->dw};
}

/** A phase of a view. */
static CYNF_INLINE cynf_view conv2d_tiled_view(const cynf_conv2d *g, const cynf_view *v)
{
    return (cynf_view){.ns = v->ns, .rs = v->rs * g->dh, .ps = v->ps * g->dw, .bs = v->bs, .b = v->b};
}

/** Where tile i, output channels c ... c + VL, goes: h x w pixels of n channels of the image, at y, with their residual at r. */
typedef struct conv2d_tiled_patch {
    int h, w, n;
    cynf_view yv, rv;
    float *y;
    const float *r;
} conv2d_tiled_patch;

static CYNF_INLINE conv2d_tiled_patch conv2d_tiled_patch_of(const cynf_conv2d *g, const cynf_tiling *l, int i, int c, const cynf_args *a)
{
    const int q = i % l->rows, oy = q / l->tx * l->sy, ox = q % l->tx * l->sx;
    const conv2d_phase p = conv2d_tiled_phase(g, i / l->rows);
    const int h = CYNF_CEIL_DIV(g->oh - p.y, g->dh) - oy, w = CYNF_CEIL_DIV(g->ow - p.x, g->dw) - ox, y = p.y + oy * g->dh, x = p.x + ox * g->dw;
    return (conv2d_tiled_patch){q >= l->tiles ? 0 : h < l->sy ? h : l->sy, w < l->sx ? w : l->sx, g->oc - c < VL ? g->oc - c : VL, conv2d_tiled_view(g, &g->y),
        conv2d_tiled_view(g, &g->r), a->y + cynf_pixel(&g->y, p.n, y, x, c), g->e.residual ? a->x[1] + cynf_pixel(&g->r, p.n, y, x, c) : NULL};
}

/** The last step of a tile: bias, residual, activation and store of the pixels that the image has; see cynf_patch_store. */
static CYNF_INLINE void conv2d_tiled_store(const cynf_conv2d *g, const conv2d_tiled_patch *p, const float *bias, const float *patch, ptrdiff_t rs, ptrdiff_t ps)
{
    if (p->h > 0)
        cynf_patch_store(patch, rs, ps, bias, p->h, p->w, p->n, &g->e, p->r, &p->rv, p->y, &p->yv);
}

#endif
