/* SPDX-License-Identifier: MIT */
/** The bodies of bodies.c, one name an instruction set; include after simd.h. */
#ifndef CYNF_SLEEF_BODIES_H
#define CYNF_SLEEF_BODIES_H

#include "kernels/kernel.h"

#define CYNF_SLEEF_PASTE(op, isa) cynf_##op##_sleef_##isa
#define CYNF_SLEEF_NAME(op, isa) CYNF_SLEEF_PASTE(op, isa)
#define CYNF_SLEEF_BODY(op) \
    void CYNF_SLEEF_NAME(op, VISA)(const cynf_##op *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)

CYNF_SLEEF_BODY(eltwise);
CYNF_SLEEF_BODY(softmax);
#define eltwise_sleef CYNF_SLEEF_NAME(eltwise, VISA)
#define softmax_sleef CYNF_SLEEF_NAME(softmax, VISA)

#endif
