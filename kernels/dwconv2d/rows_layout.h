/* SPDX-License-Identifier: MIT */
/** Depthwise convolution, sliding rows: what it can do, and the band of a unit; the weights are those of taps_layout.h. */
#ifndef CYNF_DWCONV2D_ROWS_LAYOUT_H
#define CYNF_DWCONV2D_ROWS_LAYOUT_H

#include "kernels/dwconv2d/taps_layout.h"

#define CYNF_DW_ROWS_MAX 4   /* rows of the tallest tile */
#define CYNF_DW_ROWS_MAX_K 7
#define CYNF_DW_ROWS_BAND 8  /* output rows of a unit */

static CYNF_INLINE bool cynf_dw_rows_fit(const cynf_dwconv2d *g)
{
    return (g->kh == 3 || g->kh == 5 || g->kh == 7) && g->kw == g->kh && (g->sh == 1 || g->sh == 2) && g->sw == g->sh && g->dh == 1 && g->dw == 1 &&
        g->mult == 1;
}

/** Whether rows is what exact programs compute g by: no instruction set's last vector of channels is left to direct, which has another order. */
static CYNF_INLINE bool cynf_dw_rows_exact(const cynf_dwconv2d *g)
{
    return cynf_dw_rows_fit(g) && g->c % 16 == 0;
}

#endif
