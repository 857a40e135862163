/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/lookup/bodies.h"

#define CYNF_TILES_LOOKUP
#define CYNF_TABLE cynf_lookup__neon
#include "kernels/instantiate.h"
