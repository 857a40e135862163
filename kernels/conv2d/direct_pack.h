/* SPDX-License-Identifier: MIT */
/** The packing of direct_layout.h, shared by the descriptors of conv2d direct and im2col and of fc. */
#ifndef CYNF_CONV2D_DIRECT_PACK_H
#define CYNF_CONV2D_DIRECT_PACK_H

#include "kernels/conv2d/direct_layout.h"

/** HWIO weights and bias (or NULL) into panels; block: channels of an input block, as large as wanted for plain NHWC. */
static inline void cynf_conv2d_pack(const cynf_conv2d *g, cynf_tile t, int block, const cynf_weights *w, float *out)
{
    const int ocg = g->oc / g->groups, icg = g->ic / g->groups, b = block < icg ? block : icg;
    for (int group = 0; group < g->groups; group++)
        for (int p0 = 0; p0 < ocg; p0 += t.nv * t.v) {
            const int oc0 = group * ocg + p0, n = ocg - p0 < t.nv * t.v ? ocg - p0 : t.nv * t.v, nr = CYNF_ROUND_UP(n, t.v);
            for (int i = 0; i < nr; i++)
                *out++ = i < n && w->bias ? w->bias[oc0 + i] : 0;
            for (int kh = 0; kh < g->kh; kh++)
                for (int c0 = 0; c0 < icg; c0 += b)
                    for (int kw = 0; kw < g->kw; kw++)
                        for (int c = c0; c < c0 + b && c < icg; c++)
                            for (int i = 0; i < nr; i++)
                                *out++ = i < n ? w->w[(((size_t)kh * (size_t)g->kw + (size_t)kw) * (size_t)icg + (size_t)c) * (size_t)g->oc + (size_t)(oc0 + i)] : 0;
        }
}

#endif
