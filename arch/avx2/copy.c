/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/copy/bodies.h"

#define CYNF_TILES_COPY
#define CYNF_TABLE cynf_copy__avx2
#include "kernels/instantiate.h"
