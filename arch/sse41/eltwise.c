/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/eltwise/bodies.h"

#define CYNF_TILES_ELTWISE
#define CYNF_TABLE cynf_eltwise__sse41
#include "kernels/instantiate.h"
