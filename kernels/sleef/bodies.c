/* SPDX-License-Identifier: MIT */
/**
 * The bodies of eltwise and softmax once more, over SLEEF's functions: compiled for every instruction set where SLEEF is found, in a file of its own because the
 * names are those of the polynomials.
 */
#define CYNF_MATH_SLEEF
#include "simd.h"

#include "kernels/eltwise/map.h"
#include "kernels/sleef/bodies.h"
#include "kernels/softmax/rows.h"

CYNF_SLEEF_BODY(eltwise)
{
    eltwise_map(g, t, stage, a, thread, begin, end);
}

CYNF_SLEEF_BODY(softmax)
{
    (void)t; /* the one tile, as a literal */
    softmax_rows(g, (cynf_tile){VL, 1, 1}, stage, a, thread, begin, end);
}
