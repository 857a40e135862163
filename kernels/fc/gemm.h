/* SPDX-License-Identifier: MIT */
/** fc f32, gemm: several rows, in register tiles of mr rows x nv vectors of columns; the body is that of conv2d direct. */
#ifndef CYNF_FC_GEMM_H
#define CYNF_FC_GEMM_H

#include "kernels/conv2d/direct.h"
#include "kernels/fc/fc_layout.h"

static CYNF_INLINE void fc_gemm(const cynf_fc *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    conv2d_direct(&c, t, stage, a, thread, begin, end);
}

#endif
