/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of fc; included by arch/<isa>/fc.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/fc/fc_f32.inc"
#undef CYNF_ALGO

#include "kernels/fc/gemm.h"
#include "kernels/fc/gemv.h"
#include "kernels/fc/strassen.h"
