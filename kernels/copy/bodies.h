/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of copy; included by arch/<isa>/copy.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/copy/copy_f32.inc"
#undef CYNF_ALGO
#include "kernels/copy/strided.h"
