/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of pool; included by arch/<isa>/pool.c after simd.h. */
#include "kernels/pool/direct.h"

#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/pool/pool_f32.inc"
#undef CYNF_ALGO
