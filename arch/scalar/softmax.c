/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/softmax/bodies.h"

#define CYNF_TILES_SOFTMAX
#define CYNF_TABLE cynf_softmax__scalar
#include "kernels/instantiate.h"
