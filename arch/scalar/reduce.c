/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/reduce/bodies.h"

#define CYNF_TILES_REDUCE
#define CYNF_TABLE cynf_reduce__scalar
#include "kernels/instantiate.h"
