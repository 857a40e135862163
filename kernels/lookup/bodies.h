/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of lookup; included by arch/<isa>/lookup.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/lookup/lookup_f32.inc"
#undef CYNF_ALGO

#include "kernels/lookup/rows.h"
