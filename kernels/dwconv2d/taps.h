/* SPDX-License-Identifier: MIT */
/** What the descriptors of the tap-by-tap algorithms share. */
#ifndef CYNF_DWCONV2D_TAPS_H
#define CYNF_DWCONV2D_TAPS_H

#include "kernels/dwconv2d/taps_layout.h"

/** packed_bytes and pack of the layout in taps_layout.h. */
size_t cynf_dw_packed_bytes(const void *g, cynf_tile t);
void cynf_dw_pack(const void *g, cynf_tile t, const cynf_weights *w, void *packed);

/** Modelled seconds: the larger of multiply-adds at a share of the peak and of the bytes of x and y at the level that holds them. */
double cynf_dw_cost(const cynf_dwconv2d *g, cynf_tile t, cynf_isa isa, const cynf_machine *m, double share);

#endif
