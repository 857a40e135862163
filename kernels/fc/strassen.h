/* SPDX-License-Identifier: MIT */
/** fc f32, strassen: many rows, by one level of Strassen; the body is that of conv2d strassen. */
#ifndef CYNF_FC_STRASSEN_H
#define CYNF_FC_STRASSEN_H

#include "kernels/conv2d/strassen.h"
#include "kernels/fc/fc_layout.h"

static CYNF_INLINE void fc_strassen(const cynf_fc *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_conv2d c = cynf_fc_conv2d(g);
    conv2d_strassen(&c, t, stage, a, thread, begin, end);
}

#endif
