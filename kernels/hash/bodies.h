/* SPDX-License-Identifier: MIT */
/* The body of every algorithm of hash; included by arch/<isa>/hash.c after simd.h. */
#define CYNF_ALGO(op, algo) extern const cynf_algo cynf_##op##_##algo;
#include "kernels/hash/hash_f32.inc"
#undef CYNF_ALGO

#include "kernels/hash/bins.h"
