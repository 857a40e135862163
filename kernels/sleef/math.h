/* SPDX-License-Identifier: MIT */
/**
 * The names of kernels/math.h from SLEEF (Shibata and Petrogalli, "SLEEF: A Portable Vectorized Library of C Standard Mathematical Functions", IEEE TPDS 2020):
 * its functions of at most 1 ulp, of the instruction set that simd.h stands for. kernels/math.h includes it where CYNF_MATH_SLEEF is defined.
 */
#ifndef CYNF_SLEEF_MATH_H
#define CYNF_SLEEF_MATH_H

#include <sleef.h>

#if VL == 16
#define CYNF_SLEEF(f) Sleef_##f##f16_u10avx512f
#elif VL == 8
#define CYNF_SLEEF(f) Sleef_##f##f8_u10avx2
#elif VL == 4 && defined(__aarch64__)
#define CYNF_SLEEF(f) Sleef_##f##f4_u10advsimd
#elif VL == 4
#define CYNF_SLEEF(f) Sleef_##f##f4_u10sse4
#else
#define CYNF_SLEEF(f) Sleef_##f##f1_u10purec
#endif

static CYNF_INLINE vf vf_exp(vf x) { return CYNF_SLEEF(exp)(x); }
static CYNF_INLINE vf vf_exp_below(vf x) { return vf_exp(x); }
static CYNF_INLINE vf vf_expm1(vf x) { return CYNF_SLEEF(expm1)(x); }
static CYNF_INLINE vf vf_log(vf x) { return CYNF_SLEEF(log)(x); }
static CYNF_INLINE vf vf_log1p_finite(vf x) { return CYNF_SLEEF(log1p)(x); }
/** SLEEF's gives infinity above 10^38, and so far up 1 does not count. */
static CYNF_INLINE vf vf_log1p(vf x) { return vf_sel(vf_lt(x, vf_set1(0x1p60f)), CYNF_SLEEF(log1p)(x), CYNF_SLEEF(log)(x)); }
static CYNF_INLINE vf vf_tanh(vf x) { return CYNF_SLEEF(tanh)(x); }
/** erf(x) = 2 x / sqrt(pi) near 0, where SLEEF's without FMA underflows on the way: 1.8 ulp. */
static CYNF_INLINE vf vf_erf(vf x)
{
    const vf linear = vf_fma(vf_set1(-0x1.f7ac92p-25f), x, vf_mul(vf_set1(0x1.20dd76p+0f), x));
    return vf_sel(vf_lt(vf_abs(x), vf_set1(0x1p-60f)), linear, CYNF_SLEEF(erf)(x));
}
/** exp(-|x|) never overflows, and neither sign loses small results. */
static CYNF_INLINE vf vf_sigmoid(vf x)
{
    const vf one = vf_set1(1), e = vf_exp(vf_neg(vf_abs(x)));
    return vf_div(vf_sel(vf_lt(x, vf_zero()), e, one), vf_add(one, e));
}

static CYNF_INLINE vf vf_gated(vf a, vf x) { return vf_div(a, vf_add(vf_set1(1), vf_exp(vf_min(vf_set1(105), vf_neg(x))))); }
static CYNF_INLINE vf vf_gelu(vf x) { return vf_mul(vf_mul(vf_set1(0.5f), x), vf_add(vf_set1(1), vf_erf(vf_mul(x, vf_set1(0.70710678118654752f))))); }
static CYNF_INLINE vf vf_sin(vf x) { return CYNF_SLEEF(sin)(x); }
static CYNF_INLINE vf vf_cos(vf x) { return CYNF_SLEEF(cos)(x); }

#endif
