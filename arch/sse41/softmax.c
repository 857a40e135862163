/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/softmax/bodies.h"

#define CYNF_TILES_SOFTMAX
#define CYNF_TABLE cynf_softmax__sse41
#include "kernels/instantiate.h"
