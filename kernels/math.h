/* SPDX-License-Identifier: MIT */
/**
 * exp, log, tanh, erf, sin ... over the vocabulary: short polynomials, a few ulp everywhere, right at infinities, NaN and denormals;
 * include after simd.h. Range reductions after Cody and Waite, "Software Manual for the Elementary Functions" (1980), with constants short
 * enough to be exact without FMA; polynomials are minimax fits on the reduced range, their coefficients rounded to float one after the other.
 * Largest errors over all floats, with FMA and without: see tests/kernels/math_test.c. With CYNF_MATH_SLEEF the names are SLEEF's functions instead.
 */
#ifndef CYNF_MATH_H
#define CYNF_MATH_H

#include "kernels/kernel.h"

#ifdef CYNF_MATH_SLEEF
#include "kernels/sleef/math.h"
#else

#define CYNF_LN2_HI 0x1.63p-1f /* 9 bits: n * LN2_HI is exact */
#define CYNF_LN2_LO -0x1.bd0106p-13f

/** 2^n for n in -126..127. */
static CYNF_INLINE vf vf_pow2(vi n)
{
    return vf_cast(vi_shl(vi_add(n, vi_set1(127)), 23));
}

/** (exp(s r) - 1 - s r) / r^2, s = 1 or -1, |r| <= ln 2 / 2. */
static CYNF_INLINE vf vf_exp_tail(vf r, const float s)
{
    vf p = vf_fma(vf_set1(0x1.6b9cdep-10f), r, vf_set1(s * 0x1.12256cp-7f));
    p = vf_fma(p, r, vf_set1(0x1.5556f2p-5f));
    p = vf_fma(p, r, vf_set1(s * 0x1.5554b4p-3f));
    return vf_fma(p, r, vf_set1(0x1.fffffep-2f));
}

/** exp(x) = 2^n (1 + e), |x - n ln 2| <= ln 2 / 2; returns e, |x| < 2^8. */
static CYNF_INLINE vf vf_exp_reduced(vf x, vf *n)
{
    *n = vf_round(vf_mul(x, vf_set1(0x1.715476p+0f)));
    const vf r = vf_fnma(*n, vf_set1(CYNF_LN2_LO), vf_fnma(*n, vf_set1(CYNF_LN2_HI), x));
    return vf_fma(vf_mul(r, r), vf_exp_tail(r, 1), r);
}

/**
 * exp(s x) = 2^n exp(s x - n ln 2), s = 1 or -1, |x| < 2^8; returns n = round(s x / ln 2), which the sum of s x / ln 2 and 1.5 2^23 has in its lowest bits, and
 * *power = 2^(n + shift), which must be a normal number.
 */
static CYNF_INLINE vf vf_exp_whole(vf x, const float s, const float shift, vf *power)
{
    const vf magic = vf_set1(0x1.8p23f + 127 + shift), m = vf_fma(x, vf_set1(s * 0x1.715476p+0f), magic);
    *power = vf_cast(vi_shl(vi_cast(m), 23));
    return vf_sub(m, magic);
}

#ifndef vf_scale /* an instruction of AVX-512 */
/** a 2^n with one rounding, for whole n whose half is an exponent: the result may overflow or be denormal. */
static CYNF_INLINE vf vf_scale(vf a, vf n)
{
    const vi whole = vi_from_vf(n), half = vi_shr(whole, 1);
    return vf_mul(vf_mul(a, vf_pow2(half)), vf_pow2(vi_sub(whole, half)));
}
#endif

/** exp(x) of x up to 89. */
static CYNF_INLINE vf vf_exp_below(vf x)
{
    vf n;
    const vf e = vf_exp_reduced(vf_max(vf_set1(-105), x), &n);
    return vf_scale(vf_add(vf_set1(1), e), n);
}

static CYNF_INLINE vf vf_exp(vf x)
{
    return vf_exp_below(vf_min(vf_set1(89), x));
}

static CYNF_INLINE vf vf_expm1(vf x)
{
    vf n;
    const vf e = vf_exp_reduced(vf_min(vf_set1(89), vf_max(vf_set1(-20), x)), &n);
    const vf one_less = vf_sub(vf_set1(1), vf_pow2(vi_sub(vi_set1(0), vi_from_vf(vf_min(vf_set1(60), n)))));
    return vf_scale(vf_add(e, one_less), n);
}

/** 2^e (1 + f) = u + c, sqrt(1/2) <= 1 + f < sqrt(2), for normal u > 0 and c, which is far below an ulp of u; returns log(u + c) + extra ln 2. */
static CYNF_INLINE vf vf_log_sum(vf u, vf c, vf extra)
{
    const vi e = vi_shr(vi_sub(vi_cast(u), vi_set1(0x3f3504f3)), 23);
    const vf m = vf_cast(vi_sub(vi_cast(u), vi_shl(e, 23)));
    /* From 2^60 on c is 0, and 2^-e may be no normal number. */
    const vf low_bits = vf_sel(vf_lt(u, vf_set1(0x1p60f)), vf_mul(c, vf_pow2(vi_sub(vi_set1(0), e))), vf_zero());
    const vf f = vf_add(vf_sub(m, vf_set1(1)), low_bits), n = vf_add(vf_from_vi(e), extra), z = vf_mul(f, f);
    vf p = vf_fma(vf_set1(-0x1.38c9dep-4f), f, vf_set1(0x1.055ec6p-3f));
    p = vf_fma(p, f, vf_set1(-0x1.0d8242p-3f));
    p = vf_fma(p, f, vf_set1(0x1.22d92ep-3f));
    p = vf_fma(p, f, vf_set1(-0x1.54728ap-3f));
    p = vf_fma(p, f, vf_set1(0x1.99a01cp-3f));
    p = vf_fma(p, f, vf_set1(-0x1.000226p-2f));
    p = vf_fma(p, f, vf_set1(0x1.555554p-2f));
    vf low = vf_fma(n, vf_set1(CYNF_LN2_LO), vf_mul(vf_mul(f, z), p));
    low = vf_fnma(vf_set1(0.5f), z, low);
    return vf_fma(n, vf_set1(CYNF_LN2_HI), vf_add(f, low));
}

static CYNF_INLINE vf vf_log(vf x)
{
    const vf inf = vf_set1(__builtin_inff());
    const vm tiny = vf_lt(x, vf_set1(0x1p-126f));
    const vf u = vf_sel(tiny, vf_mul(x, vf_set1(0x1p24f)), x);
    vf y = vf_log_sum(u, vf_zero(), vf_sel(tiny, vf_set1(-24), vf_zero()));
    y = vf_sel(vf_lt(x, inf), y, x); /* inf, NaN */
    y = vf_sel(vf_lt(x, vf_zero()), vf_set1(__builtin_nanf("")), y);
    return vf_sel(vf_eq(x, vf_zero()), vf_neg(inf), y);
}

/** log(1 + x) for finite x > -1: what 1 + x rounds away is taken along. */
static CYNF_INLINE vf vf_log1p_finite(vf x)
{
    const vf one = vf_set1(1), u = vf_add(one, x);
    return vf_log_sum(u, vf_sub(x, vf_sub(u, one)), vf_zero());
}

static CYNF_INLINE vf vf_log1p(vf x)
{
    const vf inf = vf_set1(__builtin_inff());
    vf y = vf_sel(vf_lt(vf_abs(x), vf_set1(0x1p-25f)), x, vf_log1p_finite(x));
    y = vf_sel(vf_lt(x, inf), y, x); /* inf, NaN */
    y = vf_sel(vf_lt(x, vf_set1(-1)), vf_set1(__builtin_nanf("")), y);
    return vf_sel(vf_eq(x, vf_set1(-1)), vf_neg(inf), y);
}

/** The magnitude of a with the sign of s; a >= 0 or NaN. */
static CYNF_INLINE vf vf_with_sign(vf a, vf s)
{
    return vf_cast(vi_or(vi_cast(a), vi_and(vi_cast(s), vi_set1(INT32_MIN))));
}

/** 1 / (1 + exp(-x)), both terms times 2^-32, so that none overflows before the result does not count. */
static CYNF_INLINE vf vf_sigmoid(vf x)
{
    vf power;
    const vf unit = vf_set1(0x1p-32f), t = vf_min(vf_set1(60), vf_max(vf_set1(-105), x)), n = vf_exp_whole(t, -1, -32, &power);
    const vf r = vf_fma(n, vf_set1(CYNF_LN2_LO), vf_fma(n, vf_set1(CYNF_LN2_HI), t));
    return vf_div(unit, vf_fma(vf_fma(vf_fma(vf_exp_tail(r, -1), r, vf_set1(-1)), r, vf_set1(1)), power, unit));
}

/**
 * a exp(-x) = 2^n p, for what networks spend most of their activations on: one coefficient shorter than elsewhere, 1.5 ulp; where there is FMA one multiplication less,
 * and another 3 ulp at |x| = 85. Returns p; *power and shift as in vf_exp_whole().
 */
static CYNF_INLINE vf vf_exp_minus(vf x, const float a, const float shift, vf *power)
{
    const vf n = vf_exp_whole(x, -1, shift, power);
#if VFMA
    const vf r = vf_fma(n, vf_set1(0x1.62e43p-1f), x);
#else
    const vf r = vf_fma(n, vf_set1(CYNF_LN2_LO), vf_fma(n, vf_set1(CYNF_LN2_HI), x));
#endif
    vf p = vf_fma(vf_set1(a * -0x1.0fa822p-7f), r, vf_set1(a * 0x1.573a6cp-5f));
    p = vf_fma(p, r, vf_set1(a * -0x1.555a6cp-3f));
    p = vf_fma(p, r, vf_set1(a * 0x1.fffdc6p-2f));
    p = vf_fma(p, r, vf_set1(a * -0x1.fffff6p-1f));
    return vf_fma(p, r, vf_set1(a));
}

/** a sigmoid(x) by one division: 0 where exp(-x) overflows, at which sigmoid() still has a denormal to give. */
static CYNF_INLINE vf vf_gated(vf a, vf x)
{
    vf power;
    const vf p = vf_exp_minus(vf_min(vf_set1(85), vf_max(vf_set1(-90), x)), 4, -2, &power);
    return vf_div(a, vf_fma(p, power, vf_set1(1)));
}

/** x Phi(x) = max(x, 0) - |x| Phi(-|x|), Phi(-t) = exp(-R(t)) / 2, R a polynomial for |x| Phi(-|x|) to within 2.5e-8; -1e-29 below -10.5. */
static CYNF_INLINE vf vf_gelu(vf x)
{
    const vf half = vf_set1(0.5f), t = vf_abs(x), c = vf_min(vf_set1(10.5f), t);
    vf p = vf_fma(vf_set1(0x1.5e92dap-21f), c, vf_set1(-0x1.6d28dcp-17f)), power;
    p = vf_fma(p, c, vf_set1(0x1.8d7c10p-15f));
    p = vf_fma(p, c, vf_set1(0x1.3d45f6p-12f));
    p = vf_fma(p, c, vf_set1(-0x1.53bcb0p-8f));
    p = vf_fma(p, c, vf_set1(0x1.2bd7f2p-5f));
    p = vf_fma(p, c, vf_set1(0x1.45dbcap-2f));
    p = vf_fma(p, c, vf_set1(0x1.9885c4p-1f));
    p = vf_exp_minus(vf_mul(p, c), 1, -1, &power);
    return vf_fnma(vf_mul(c, power), p, vf_fma(half, t, vf_mul(half, x)));
}

/** tanh(x) = m / (m + 2), m = exp(2x) - 1. */
static CYNF_INLINE vf vf_tanh(vf x)
{
    const vf t = vf_min(vf_set1(9.25f), vf_max(vf_set1(-9.25f), x));
    vf power;
    const vf u = vf_add(t, t), n = vf_exp_whole(u, 1, 0, &power);
    const vf r = vf_fnma(n, vf_set1(CYNF_LN2_LO), vf_fnma(n, vf_set1(CYNF_LN2_HI), u));
    const vf m = vf_fma(vf_fma(vf_mul(r, r), vf_exp_tail(r, 1), r), power, vf_sub(power, vf_set1(1)));
    return vf_div(m, vf_add(m, vf_set1(2)));
}

/** |x| < 15/16: x + x P(x^2); above: 1 - exp(-t - t P(t)), which is 1 from 4 on. */
static CYNF_INLINE vf vf_erf(vf x)
{
    const vf t = vf_min(vf_set1(4), vf_abs(x)), z = vf_mul(t, t);
    vf p = vf_fma(vf_set1(-0x1.36b27ap-11f), z, vf_set1(0x1.466cd6p-8f));
    p = vf_fma(p, z, vf_set1(-0x1.b669eep-6f));
    p = vf_fma(p, z, vf_set1(0x1.ce185ap-4f));
    p = vf_fma(p, z, vf_set1(-0x1.8126dcp-2f));
    p = vf_fma(p, z, vf_set1(0x1.06eba6p-3f));
    vf q = vf_fma(vf_set1(-0x1.be81fap-13f), t, vf_set1(0x1.a43cd0p-9f));
    q = vf_fma(q, t, vf_set1(-0x1.7691e2p-6f));
    q = vf_fma(q, t, vf_set1(0x1.aef97ep-4f));
    q = vf_fma(q, t, vf_set1(0x1.45812ap-1f));
    q = vf_fma(q, t, vf_set1(0x1.072d7ep-3f));
    const vf small = vf_fma(p, t, t), large = vf_sub(vf_set1(1), vf_exp_below(vf_neg(vf_fma(q, t, t))));
    return vf_with_sign(vf_sel(vf_lt(t, vf_set1(0.9375f)), small, large), x);
}

/**
 * Payne and Hanek, "Radian Reduction for Trigonometric Functions" (1983): x = quadrant pi/2 + r for 2^13 < |x|. With x = m 2^e, m of 24 bits,
 * the bits of 2/pi of weight 4 and more after the multiplication by 2^e do not count: 96 bits from there on leave 2^-62 of a quadrant.
 */
static __attribute__((noinline, unused)) float cynf_reduce_large(float x, int *quadrant)
{
    static const uint32_t two_over_pi[] = {
        0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    const int e = (int)(bits >> 23 & 255) - 150;
    if (e == 105)
        return __builtin_nanf("");
    const uint64_t m = (bits & 0x7fffff) | 0x800000;
    const int first = e - 2 + 32, shift = first & 31;
    const uint32_t *w = &two_over_pi[first >> 5];
    uint64_t window[2]; /* 64 bits, and 32 more */
    window[0] = ((uint64_t)w[0] << 32 | w[1]) << shift | ((uint64_t)w[2] << shift >> 32);
    window[1] = ((uint64_t)w[2] << 32 | w[3]) << shift >> 32;
    const uint64_t product = m * window[0] + (m * window[1] >> 32);
    const uint64_t nearest = (product + (UINT64_C(1) << 61)) >> 62;
    const float r = (float)(int64_t)(product - (nearest << 62)) * (0x1.921fb6p+0f * 0x1p-62f);
    const bool negative = bits >> 31;
    *quadrant = (int)(negative ? 4 - nearest : nearest) & 3;
    return negative ? -r : r;
}

/** sin(x + quarter pi/2). */
static CYNF_INLINE vf vf_sin_shifted(vf x, int quarter)
{
    const vm large = vf_gt(vf_abs(x), vf_set1(8192));
    const vf t = vf_sel(large, vf_zero(), x), n = vf_round(vf_mul(t, vf_set1(0x1.45f306p-1f)));
    vf r = vf_fnma(n, vf_set1(0x1.92p+0f), t);
    r = vf_fnma(n, vf_set1(0x1.fb4p-12f), r);
    r = vf_fnma(n, vf_set1(0x1.444p-24f), r);
    r = vf_fnma(n, vf_set1(0x1.68c234p-39f), r);
    vi q = vi_from_vf(n);
    if (vf_hmax(vf_sel(large, vf_set1(1), vf_zero())) > 0) {
        float xs[VL], rs[VL], qs[VL];
        vf_store(xs, x);
        vf_store(rs, r);
        vf_store(qs, n);
        for (int i = 0; i < VL; i++)
            if (xs[i] > 8192 || xs[i] < -8192) {
                int quadrant = 0;
                rs[i] = cynf_reduce_large(xs[i], &quadrant);
                qs[i] = (float)quadrant;
            }
        r = vf_load(rs);
        q = vi_from_vf(vf_load(qs));
    }
    q = vi_add(q, vi_set1(quarter));
    const vf z = vf_mul(r, r);
    vf s = vf_fma(vf_set1(-0x1.9951f6p-13f), z, vf_set1(0x1.110774p-7f));
    s = vf_fma(s, z, vf_set1(-0x1.555546p-3f));
    s = vf_fma(vf_mul(s, z), r, r);
    vf c = vf_fma(vf_set1(0x1.99e80cp-16f), z, vf_set1(-0x1.6c0c28p-10f));
    c = vf_fma(c, z, vf_set1(0x1.55554ap-5f));
    c = vf_fma(vf_mul(c, z), z, vf_fnma(vf_set1(0.5f), z, vf_set1(1)));
    const vf y = vf_sel(vf_eq(vf_from_vi(vi_and(q, vi_set1(1))), vf_zero()), s, c);
    return vf_cast(vi_xor(vi_cast(y), vi_shl(vi_and(q, vi_set1(2)), 30)));
}

static CYNF_INLINE vf vf_sin(vf x) { return vf_sin_shifted(x, 0); }
static CYNF_INLINE vf vf_cos(vf x) { return vf_sin_shifted(x, 1); }

#endif

/** log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
static CYNF_INLINE vf vf_softplus(vf x)
{
    const vf e = vf_exp_below(vf_neg(vf_abs(x)));
    /* Below 2^-25 the logarithm is its argument, and denormals stay what they are. */
    const vf l = vf_sel(vf_lt(e, vf_set1(0x1p-25f)), e, vf_log1p_finite(e));
    return vf_add(vf_max(vf_zero(), x), l);
}

#endif
