/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of gemm; included by arch/<isa>/gemm.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/gemm/gemm_f32.inc"
#undef CYNF_ALGO

#include "kernels/gemm/packed.h"
