/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/resample/bodies.h"

#define CYNF_TILES_RESAMPLE
#define CYNF_TABLE cynf_resample__scalar
#include "kernels/instantiate.h"
