/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of eltwise; included by arch/<isa>/eltwise.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/eltwise/eltwise_f32.inc"
#undef CYNF_ALGO

#include "kernels/eltwise/map.h"
