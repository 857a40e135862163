/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of conv2d; included by arch/<isa>/conv2d.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/conv2d/conv2d_f32.inc"
#undef CYNF_ALGO

#include "kernels/conv2d/fft.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/conv2d/direct.h"
#include "kernels/conv2d/im2col.h"
#include "kernels/conv2d/strassen.h"
