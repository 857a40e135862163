/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/dwconv2d/bodies.h"

#define CYNF_TILES_DWCONV2D
#define CYNF_TABLE cynf_dwconv2d__avx512
#include "kernels/instantiate.h"
