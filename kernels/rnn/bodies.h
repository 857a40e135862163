/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of rnn; included by arch/<isa>/rnn.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/rnn/rnn_f32.inc"
#undef CYNF_ALGO

#include "kernels/rnn/beside.h"
#include "kernels/rnn/fused.h"
#include "kernels/rnn/steps.h"
