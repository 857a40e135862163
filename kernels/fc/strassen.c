/* SPDX-License-Identifier: MIT */
/** The descriptor of fc strassen; the body is strassen.h. */
#include "kernels/fc/descriptor.h"

static double limit(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m);
static double error(const void *g, cynf_tile t);

extern const cynf_algo cynf_fc_strassen;
CYNF_FC_AS_CONV2D(strassen, strassen, limit, error, NULL)

static double limit(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m) { return cynf_conv2d_strassen.limit(CYNF_FC_PIXELS(g), t, isa, m); }
static double error(const void *g, cynf_tile t) { return cynf_conv2d_strassen.error(CYNF_FC_PIXELS(g), t); }
