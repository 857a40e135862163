/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of resample; included by arch/<isa>/resample.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/resample/resample_f32.inc"
#undef CYNF_ALGO

#include "kernels/resample/taps.h"
