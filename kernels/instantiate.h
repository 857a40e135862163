/* SPDX-License-Identifier: MIT */
/**
 * Makes the kernels of one operation for one instruction set. arch/<isa>/<op>.c is:
 *
 *     #include "simd.h"
 *     #include "kernels/<op>/bodies.h"      // the body of every algorithm of the operation
 *     #define CYNF_TILES_<OP>               // which section of tiles.inc
 *     #define CYNF_TABLE cynf_<op>__<isa>
 *     #include "kernels/instantiate.h"
 *
 * tiles.inc holds, per operation, lines CYNF_TILE(op, algo, mr, nr), nr in channels (a multiple of VL, or 1 where the algorithm
 * has no use for it); of tiles that cost the same the last one is chosen. It is read twice: for the functions and for the table, which ends with an entry without a name.
 */
#include "kernels/kernel.h"

#define CYNF_TILE(op, algo, mr, nr) \
    static void run_##algo##_##mr##_##nr(const void *g, int stage, const cynf_args *a, int thread, size_t begin, size_t end) \
    { \
        op##_##algo((const cynf_##op *)g, (cynf_tile){VL, mr, CYNF_CEIL_DIV(nr, VL)}, stage, a, thread, begin, end); \
    }
#include "tiles.inc"
#undef CYNF_TILE

#define CYNF_TILE(op, algo, mr, nr) \
    {"cynf_" #op "_f32_" #algo "_" #mr "x" #nr "__" VNAME, &cynf_##op##_##algo, VISA, VFMA, {VL, mr, CYNF_CEIL_DIV(nr, VL)}, run_##algo##_##mr##_##nr},
extern const cynf_kernel CYNF_TABLE[];
const cynf_kernel CYNF_TABLE[] = {
#include "tiles.inc"
    {NULL, NULL, VISA, VFMA, {0, 0, 0}, NULL},
};
#undef CYNF_TILE
