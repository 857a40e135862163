/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of dwconv2d; included by arch/<isa>/dwconv2d.c after simd.h. */
#include "kernels/dwconv2d/direct.h"
#include "kernels/dwconv2d/im2col.h"
#include "kernels/dwconv2d/rows.h"

#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/dwconv2d/dwconv2d_f32.inc"
#undef CYNF_ALGO

#include "kernels/dwconv2d/fft.h"
#include "kernels/dwconv2d/winograd.h"
