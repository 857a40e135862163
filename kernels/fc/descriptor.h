/* SPDX-License-Identifier: MIT */
/** Descriptors of the algorithms of fc that are algorithms of conv2d, on the row of pixels that cynf_fc_conv2d() makes of the rows. */
#ifndef CYNF_FC_DESCRIPTOR_H
#define CYNF_FC_DESCRIPTOR_H

#include "kernels/fc/fc_layout.h"

#define CYNF_FC_PIXELS(g) ((const cynf_conv2d[]){cynf_fc_conv2d(g)})

/** cynf_fc_<algo_>, which is cynf_conv2d_<of>; limit_, error_ and exact_: as in cynf_algo. */
#define CYNF_FC_AS_CONV2D(algo_, of, limit_, error_, exact_) \
    extern const cynf_algo cynf_conv2d_##of; \
    static bool supports(const void *g, cynf_tile t) { return cynf_conv2d_##of.supports(CYNF_FC_PIXELS(g), t); } \
    static int stages(const void *g, cynf_tile t) { return cynf_conv2d_##of.stages ? cynf_conv2d_##of.stages(CYNF_FC_PIXELS(g), t) : 1; } \
    static size_t units(const void *g, cynf_tile t, int stage) { return cynf_conv2d_##of.units(CYNF_FC_PIXELS(g), t, stage); } \
    static size_t unit_span(const void *g, cynf_tile t, int stage) \
    { \
        return cynf_conv2d_##of.unit_span ? cynf_conv2d_##of.unit_span(CYNF_FC_PIXELS(g), t, stage) : 1; \
    } \
    static size_t packed_bytes(const void *g, cynf_tile t) { return cynf_conv2d_##of.packed_bytes(CYNF_FC_PIXELS(g), t); } \
    static void pack(const void *g, cynf_tile t, const cynf_weights *w, void *packed) { cynf_conv2d_##of.pack(CYNF_FC_PIXELS(g), t, w, packed); } \
    static size_t shared_bytes(const void *g, cynf_tile t) { return cynf_conv2d_##of.shared_bytes ? cynf_conv2d_##of.shared_bytes(CYNF_FC_PIXELS(g), t) : 0; } \
    static size_t private_bytes(const void *g, cynf_tile t) { return cynf_conv2d_##of.private_bytes(CYNF_FC_PIXELS(g), t); } \
    static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m) { return cynf_conv2d_##of.cost(CYNF_FC_PIXELS(g), t, isa, m); } \
    const cynf_algo cynf_fc_##algo_ = {CYNF_OP_FC, #algo_, "kernels/fc/" #algo_ ".h", supports, stages, units, unit_span, packed_bytes, pack, shared_bytes, private_bytes, \
        NULL, cost, limit_, error_, exact_, false, false};

#endif
