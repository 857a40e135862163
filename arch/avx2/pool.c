/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/pool/bodies.h"

#define CYNF_TILES_POOL
#define CYNF_TABLE cynf_pool__avx2
#include "kernels/instantiate.h"
