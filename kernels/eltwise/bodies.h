/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of eltwise; included by arch/<isa>/eltwise.c after simd.h. */
#include "cynf-config.h"

#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/eltwise/eltwise_f32.inc"
#undef CYNF_ALGO

#include "kernels/eltwise/map.h"
#if CYNF_HAVE_SLEEF
#include "kernels/sleef/bodies.h"
#endif
