/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/sepconv2d/bodies.h"

#define CYNF_TILES_SEPCONV2D
#define CYNF_TABLE cynf_sepconv2d__scalar
#include "kernels/instantiate.h"
