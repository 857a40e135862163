/* SPDX-License-Identifier: MIT */
#include "simd.h"

#include "kernels/rnn/bodies.h"

#define CYNF_TILES_RNN
#define CYNF_TABLE cynf_rnn__sse41
#include "kernels/instantiate.h"
