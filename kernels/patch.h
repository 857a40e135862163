/* SPDX-License-Identifier: MIT */
/** Patches of an activation, one vector of channels: what the algorithms in a transform domain read and write. Include after simd.h. */
#ifndef CYNF_PATCH_H
#define CYNF_PATCH_H

#include "kernels/act.h"

/**
 * out(y, x) = image(iy + y, ix + x) for y < eh, x < ew: the first n lanes of each vector, 0 outside the image of h x w pixels. image: pixel (0, 0), the first of
 * the channels; out(y, x) lies at out + y*rs + x*ps.
 */
static CYNF_INLINE void cynf_patch_load(const float *image, const cynf_view *v, int h, int w, int iy, int ix, const int eh, const int ew, int n, float *out, ptrdiff_t rs, ptrdiff_t ps)
{
    const int x0 = ix < 0 ? -ix : 0, x1 = w - ix < ew ? w - ix : ew;
    for (int y = 0; y < eh; y++, out += rs) {
        const bool inside = iy + y >= 0 && iy + y < h && x0 < x1;
        const float *p = inside ? image + (iy + y) * (ptrdiff_t)v->rs + (ix + x0) * (ptrdiff_t)v->ps : image;
        int x = 0;
        if (inside) {
            for (; x < x0; x++)
                vf_store(out + x * ps, vf_zero());
            for (; x < x1; x++, p += v->ps)
                vf_store(out + x * ps, n == VL ? vf_load(p) : vf_loadn(p, n));
        }
        for (; x < ew; x++)
            vf_store(out + x * ps, vf_zero());
    }
}

/**
 * y(i, j) = epilogue(bias + patch(i, j)) for i < h, j < w and the first n lanes. y and r: pixel (0, 0) of the patch, the first of the channels; r is read
 * if there is a residual; patch(i, j) lies at patch + i*rs + j*ps.
 */
static CYNF_INLINE void cynf_patch_store(const float *patch, ptrdiff_t rs, ptrdiff_t ps, const float *bias, int h, int w, int n, const cynf_epilogue *e,
    const float *r, const cynf_view *rv, float *y, const cynf_view *yv)
{
    const vf b = vf_load(bias);
    for (int i = 0; i < h; i++)
#pragma GCC unroll 1
        for (int j = 0; j < w; j++) {
            vf acc = vf_add(vf_load(patch + i * rs + j * ps), b);
            if (e->residual) {
                const float *p = r + i * (ptrdiff_t)rv->rs + j * (ptrdiff_t)rv->ps;
                acc = vf_add(acc, n == VL ? vf_load(p) : vf_loadn(p, n));
            }
            acc = cynf_activate(acc, e);
            float *p = y + i * (ptrdiff_t)yv->rs + j * (ptrdiff_t)yv->ps;
            if (n == VL)
                vf_store(p, acc);
            else
                vf_storen(p, acc, n);
        }
}

/** Offset of pixel (y, x) of image n, channel c, in a view. */
static CYNF_INLINE ptrdiff_t cynf_pixel(const cynf_view *v, int n, int y, int x, int c)
{
    return n * (ptrdiff_t)v->ns + y * (ptrdiff_t)v->rs + x * (ptrdiff_t)v->ps + cynf_channel(v, c);
}

#endif
