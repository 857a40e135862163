/* SPDX-License-Identifier: MIT */
/** What the descriptors of the tap-by-tap algorithms share. */
#ifndef CYNF_DWCONV2D_TAPS_H
#define CYNF_DWCONV2D_TAPS_H

#include "kernels/dwconv2d/taps_layout.h"

/** packed_bytes and pack of the layout in taps_layout.h. */
size_t cynf_dw_packed_bytes(const void *g, cynf_tile t);
void cynf_dw_pack(const void *g, cynf_tile t, const cynf_weights *w, void *packed);

/**
 * Modelled seconds: multiply-adds at a share of the peak and, for every tile or step of pixels and block, the scalar operations around it; or the bytes of
 * x and y at the level that holds them, if that is longer.
 */
double cynf_dw_cost(const cynf_dwconv2d *g, cynf_tile t, cynf_isa isa, const cynf_machine *m, double share, double steps, double scalar);

/** The costs of direct and rows, which others are made of. */
double cynf_dw_direct_cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m);
double cynf_dw_rows_cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m);

#endif
