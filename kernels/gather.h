/* SPDX-License-Identifier: MIT */
/**
 * Vectors from and to memory in other ways than the vocabulary's; include after simd.h. n <= VL; the loops say so again, as compilers otherwise warn of
 * calls that a literal geometry makes unreachable.
 */
#ifndef CYNF_GATHER_H
#define CYNF_GATHER_H

#include "kernels/kernel.h"

/** The first n <= VL lanes from p, stride elements apart; the others are fill. */
static CYNF_INLINE vf vf_gather(const float *p, ptrdiff_t stride, int n, float fill)
{
    if (stride == 1 && n == VL)
        return vf_load(p);
    float t[VL];
    vf_store(t, vf_set1(fill));
    for (int i = 0; i < n && i < VL; i++)
        t[i] = p[i * stride];
    return vf_load(t);
}

/** The first n lanes to p, stride elements apart. */
static CYNF_INLINE void vf_scatter(float *p, ptrdiff_t stride, vf a, int n)
{
    if (stride == 1) {
        vf_storen(p, a, n);
        return;
    }
    float t[VL];
    vf_store(t, a);
    for (int i = 0; i < n && i < VL; i++)
        p[i * stride] = t[i];
}

#endif
