/* SPDX-License-Identifier: MIT */
/**
 * dwconv2d f32, winograd43: depthwise 3x3 convolution of stride 1, one output per channel, by F(4x4, 3x3): 36 products instead of 144 a tile, but there
 * is no sum over channels to spread the transforms over. Accuracy: cynf_winograd_error(). An inf or NaN of the input reaches all outputs of its
 * tile. Over-read and over-write: none.
 */
#ifndef CYNF_DWCONV2D_WINOGRAD_H
#define CYNF_DWCONV2D_WINOGRAD_H

#include "kernels/dwconv2d/winograd_layout.h"
#include "kernels/winograd/transform.h"

static CYNF_INLINE void dwconv2d_winograd43(const cynf_dwconv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const size_t rows = (size_t)cynf_dw_winograd_rows(g), blocks = (size_t)CYNF_CEIL_DIV(g->c, VL);
    (void)t, (void)stage, (void)thread;
    for (size_t unit = begin; unit < end; unit++) {
        const int image = (int)(unit / rows / blocks), block = (int)(unit / rows % blocks), oy = (int)(unit % rows) * 4;
        const int c = block * VL, lanes = g->c - c < VL ? g->c - c : VL, left = g->oh - oy < 4 ? g->oh - oy : 4;
        const float *const packed = (const float *)a->packed + (ptrdiff_t)block * CYNF_DW_WINOGRAD_BLOCK * VL;
        for (int ox = 0; ox < g->ow; ox += 4) {
            float tile[36 * VL], out[16 * VL];
            winograd_forward_tile(CYNF_DW_WINOGRAD, a->x[0] + cynf_pixel(&g->x, image, 0, 0, c), &g->x, g->h, g->w, oy - g->pt, ox - g->pl, lanes, tile, VL);
            for (int i = 0; i < 36; i++)
                vf_store(tile + i * VL, vf_mul(vf_load(tile + i * VL), vf_load(packed + (1 + i) * VL)));
            winograd_inverse_tile(CYNF_DW_WINOGRAD, tile, VL, NULL, out, 4 * VL, VL);
            cynf_patch_store(out, 4 * VL, VL, packed, left, g->ow - ox < 4 ? g->ow - ox : 4, lanes, &g->e,
                g->e.residual ? a->x[1] + cynf_pixel(&g->r, image, oy, ox, c) : NULL, &g->r, a->y + cynf_pixel(&g->y, image, oy, ox, c), &g->y);
        }
    }
}

#endif
