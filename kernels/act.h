/* SPDX-License-Identifier: MIT */
/** The element-wise functions of cynf_act over vectors; include after simd.h. */
#ifndef CYNF_ACT_H
#define CYNF_ACT_H

#include "kernels/kernel.h"

/** act(x) with the epilogue's parameters; the residual has been added by the caller. With a literal e->act one branch is left. */
static CYNF_INLINE vf cynf_activate(vf x, const cynf_epilogue *e)
{
    switch (e->act) {
    case CYNF_ACT_RELU: return vf_max(vf_zero(), x);
    case CYNF_ACT_CLIP: return vf_min(vf_set1(e->b), vf_max(vf_set1(e->a), x));
    case CYNF_ACT_LEAKY_RELU: return vf_sel(vf_lt(x, vf_zero()), vf_mul(x, vf_set1(e->a)), x);
    default: return x;
    }
}

#endif
