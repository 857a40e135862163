/* SPDX-License-Identifier: MIT */
/**
 * sepconv2d f32, fused: a band of depthwise output, all channels of a few rows, stays in L2 and is multiplied at once. The bodies are those of
 * dwconv2d (rows where it can, else direct) and of conv2d direct; fused_layout.h says what lies where.
 */
#ifndef CYNF_SEPCONV2D_FUSED_H
#define CYNF_SEPCONV2D_FUSED_H

#include "kernels/conv2d/direct.h"
#include "kernels/dwconv2d/direct.h"
#include "kernels/dwconv2d/rows.h"
#include "kernels/sepconv2d/fused_layout.h"

static CYNF_INLINE void sepconv2d_fused(const cynf_sepconv2d *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_dwconv2d d = cynf_sep_depthwise(g);
    const cynf_tile dt = {VL, CYNF_DW_ROWS_MAX, 1};
    const int bands = cynf_sep_bands(g), blocks = cynf_dw_blocks(&d, VL);
    float *const band = cynf_private(a, 0, cynf_sep_private_bytes(g), thread);
    for (size_t i = begin; i < end; i++) {
        const int image = (int)(i / (size_t)bands), b = (int)(i % (size_t)bands);
        const int y0 = (int)((int64_t)d.oh * b / bands), y1 = (int)((int64_t)d.oh * (b + 1) / bands);
        const float *const x = a->x[0] + (ptrdiff_t)image * d.x.ns;
        for (int k = 0; k < blocks; k++) {
            const cynf_dw_unit u = {image, y0, y1, 0, d.ow, k};
            const float *const w = (const float *)a->packed + (size_t)k * cynf_dw_block_elems(&d, VL);
            if (cynf_dw_rows_fit(&d))
                cynf_dw_rows_area(&d, dt, &u, x, w, band, x);
            else
                cynf_dw_direct_area(&d, dt, &u, x, w, band, x);
        }
        const cynf_conv2d p = cynf_sep_pointwise(g, y1 - y0);
        cynf_args pa = {.x = {band}, .packed = (const float *)a->packed + cynf_sep_pointwise_at(g, VL),
            .y = a->y + (ptrdiff_t)image * p.y.ns + (ptrdiff_t)y0 * p.y.rs};
        if (p.e.residual)
            pa.x[1] = a->x[1] + (ptrdiff_t)image * p.r.ns + (ptrdiff_t)y0 * p.r.rs;
        conv2d_direct(&p, t, stage, &pa, thread, 0, cynf_conv2d_direct_units(&p, t));
    }
}

#endif
