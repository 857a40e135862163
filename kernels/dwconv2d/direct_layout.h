/* SPDX-License-Identifier: MIT */
/** Depthwise convolution, direct: the area of a unit; the weights are those of taps_layout.h. */
#ifndef CYNF_DWCONV2D_DIRECT_LAYOUT_H
#define CYNF_DWCONV2D_DIRECT_LAYOUT_H

#include "kernels/dwconv2d/taps_layout.h"

#define CYNF_DW_DIRECT_COLS 256 /* columns of a unit: one-dimensional layers want to be split too */

/** Rows of a unit: small images are worth a call only as a whole. */
static CYNF_INLINE int cynf_dw_direct_rows(const cynf_dwconv2d *g)
{
    return g->ow < CYNF_DW_DIRECT_COLS ? CYNF_DW_DIRECT_COLS / g->ow : 1;
}

#endif
