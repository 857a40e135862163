/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/hash/bodies.h"

#define CYNF_TILES_HASH
#define CYNF_TABLE cynf_hash__avx2
#include "kernels/instantiate.h"
