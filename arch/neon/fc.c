/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/fc/bodies.h"

#define CYNF_TILES_FC
#define CYNF_TABLE cynf_fc__neon
#include "kernels/instantiate.h"
