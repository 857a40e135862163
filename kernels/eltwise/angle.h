/* SPDX-License-Identifier: MIT */
/** The angle of a point and the remainder of a division, over the vocabulary. */
#ifndef CYNF_ELTWISE_ANGLE_H
#define CYNF_ELTWISE_ANGLE_H

#include "kernels/kernel.h"

/**
 * C's atan2f. The smaller of |y| and |x| over the larger is t in 0..1; above tan(pi/8), atan(t) = pi/4 + atan((t - 1) / (t + 1)); the rest is an odd
 * polynomial of degree 9 (Moshier, "Methods and Programs for Mathematical Functions", 1989), below 3 ulp in all.
 */
static CYNF_INLINE vf vf_atan2(vf y, vf x)
{
    const vf ay = vf_abs(y), ax = vf_abs(x), one = vf_set1(1);
    const vm steep = vf_gt(ay, ax);
    const vf low = vf_sel(steep, ax, ay), high = vf_sel(steep, ay, ax);
    /* 0 / 0 is the angle 0 here, and infinity / infinity that of 1 / 1. */
    vf t = vf_sel(vf_eq(low, high), vf_sel(vf_eq(low, vf_zero()), low, one), vf_div(low, high));
    const vm far = vf_gt(t, vf_set1(0x1.a8279ap-2f));
    t = vf_sel(far, vf_div(vf_sub(t, one), vf_add(t, one)), t);
    const vf z = vf_mul(t, t);
    vf p = vf_fma(vf_set1(8.05374449538e-2f), z, vf_set1(-1.38776856032e-1f));
    p = vf_fma(p, z, vf_set1(1.99777106478e-1f));
    p = vf_fma(p, z, vf_set1(-3.33329491539e-1f));
    vf a = vf_fma(vf_mul(p, z), t, t);
    a = vf_sel(far, vf_add(a, vf_set1(0x1.921fb6p-1f)), a);
    a = vf_sel(steep, vf_sub(vf_set1(0x1.921fb6p+0f), a), a);
    const vf negative = vf_cast(vi_shr(vi_cast(x), 31)); /* all bits of lanes with the sign, -0 among them */
    const vf mirrored = vf_sub(vf_set1(0x1.921fb6p+1f), a);
    a = vf_cast(vi_or(vi_and(vi_cast(negative), vi_cast(mirrored)), vi_and(vi_xor(vi_cast(negative), vi_set1(-1)), vi_cast(a))));
    a = vf_sel(vf_isnan(x), x, vf_cast(vi_or(vi_cast(a), vi_and(vi_cast(y), vi_set1(INT32_MIN)))));
    return vf_sel(vf_isnan(y), y, a);
}

/** In double precision, lane by lane: a quotient rounded in single precision may have the wrong floor. */
static __attribute__((noinline, unused)) vf vf_mod(vf p, vf q)
{
    float ps[VL], qs[VL];
    vf_store(ps, p);
    vf_store(qs, q);
    for (int i = 0; i < VL; i++) {
        const double quotient = (double)ps[i] / (double)qs[i];
        double whole = quotient < 0x1p62 && quotient > -0x1p62 ? (double)(int64_t)quotient : quotient;
        whole -= whole > quotient;
        ps[i] = whole == 0 ? ps[i] : (float)((double)ps[i] - whole * (double)qs[i]); /* 0 times infinity would be no number */
    }
    return vf_load(ps);
}

#endif
