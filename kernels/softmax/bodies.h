/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of softmax; included by arch/<isa>/softmax.c after simd.h. */
#include "cynf-config.h"

#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/softmax/softmax_f32.inc"
#undef CYNF_ALGO

#include "kernels/softmax/rows.h"
#if CYNF_HAVE_SLEEF
#include "kernels/sleef/bodies.h"
#endif
