/* SPDX-License-Identifier: MIT */
/** The descriptor of fc gemm; the body is gemm.h. */
#include "kernels/fc/descriptor.h"

extern const cynf_algo cynf_fc_gemm;
CYNF_FC_AS_CONV2D(gemm, direct, NULL, NULL, cynf_always_exact)
