/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/conv2d/bodies.h"

#define CYNF_TILES_CONV2D
#define CYNF_TABLE cynf_conv2d__scalar
#include "kernels/instantiate.h"
