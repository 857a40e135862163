/* SPDX-License-Identifier: MIT */
/**
 * The kernels of an instruction set that the compiler's target lacks: described, so that they can be chosen and their weights packed here for code that
 * runs elsewhere, but without a body. Compiled once for each such set, with VL, VNAME, VISA, VFMA, CYNF_TABLE and every CYNF_TILES_<OP> from arch/meson.build.
 */
#include "kernels/kernel.h"

#define CYNF_HAVE_SLEEF 0 /* generated code has its own functions alone */

#define CYNF_TILE(op, algo, mr, nr) extern const cynf_algo cynf_##op##_##algo;
#include "tiles.inc"
#undef CYNF_TILE

#define CYNF_TILE(op, algo, mr, nr) \
    {"cynf_" #op "_f32_" #algo "_" #mr "x" #nr "__" VNAME, &cynf_##op##_##algo, VISA, VFMA, {VL, mr, CYNF_CEIL_DIV(nr, VL)}, NULL},
extern const cynf_kernel CYNF_TABLE[];
const cynf_kernel CYNF_TABLE[] = {
#include "tiles.inc"
    {NULL, NULL, VISA, VFMA, {0, 0, 0}, NULL},
};
