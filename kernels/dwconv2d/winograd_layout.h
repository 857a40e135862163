/* SPDX-License-Identifier: MIT */
/**
 * dwconv2d by Winograd's F(4x4, 3x3); kernels/winograd/transform.h says what is transformed.
 *
 *   packed:  a block for every v channels: [bias: v][coefficient 0: v] ... [coefficient 35: v]     lanes beyond the channels are 0
 *   units:   (image, block, row of tiles)
 */
#ifndef CYNF_DWCONV2D_WINOGRAD_LAYOUT_H
#define CYNF_DWCONV2D_WINOGRAD_LAYOUT_H

#include "kernels/dwconv2d/taps_layout.h"
#include "kernels/winograd/points.h"

#define CYNF_DW_WINOGRAD ((cynf_winograd){2, 4, 3})
#define CYNF_DW_WINOGRAD_BLOCK 37 /* vectors of a packed block */

static CYNF_INLINE int cynf_dw_winograd_rows(const cynf_dwconv2d *g) { return CYNF_CEIL_DIV(g->oh, 4); }

#endif
