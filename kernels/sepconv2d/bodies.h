/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of sepconv2d; included by arch/<isa>/sepconv2d.c after simd.h. */
#include "kernels/sepconv2d/fused.h"

#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/sepconv2d/sepconv2d_f32.inc"
#undef CYNF_ALGO
