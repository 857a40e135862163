/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of reduce; included by arch/<isa>/reduce.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/reduce/reduce_f32.inc"
#undef CYNF_ALGO

#include "kernels/reduce/fold.h"
