/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/gemm/bodies.h"

#define CYNF_TILES_GEMM
#define CYNF_TABLE cynf_gemm__scalar
#include "kernels/instantiate.h"
