/* SPDX-License-Identifier: MIT */
/**
 * p to the power q, as C and Keras define it. log2 and 2^x in double precision, lane by lane: powers are rare in a network, and a float-float
 * logarithm over vectors would be longer. log2(m) by the series of atanh((m - 1) / (m + 1)), 2^f by that of exp; below 1 ulp.
 */
#ifndef CYNF_ELTWISE_POW_H
#define CYNF_ELTWISE_POW_H

#include <string.h>

#include "kernels/kernel.h"

/** a^q for finite a > 0 and finite q. */
static inline float cynf_pow_positive(float a, float q)
{
    double m = (double)a;
    int64_t bits, n;
    memcpy(&bits, &m, sizeof bits);
    const int64_t e = (bits - 0x3fe6a09e667f3bcd) >> 52; /* m in [sqrt(1/2), sqrt(2)) */
    bits -= (int64_t)((uint64_t)e << 52);
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1) / (m + 1), z = s * s;
    double p = 1.0 / 19;
    for (int k = 17; k > 0; k -= 2)
        p = p * z + 1.0 / k;
    const double power = (double)q * ((double)e + 2 * 1.4426950408889634 * s * p); /* log2 of the result */
    if (!(power < 129))
        return __builtin_inff();
    if (power < -151)
        return 0;
    n = (int64_t)(power + (power < 0 ? -0.5 : 0.5));
    const double f = (power - (double)n) * 0.6931471805599453;
    p = 1;
    for (int k = 11; k > 0; k--)
        p = p * f / k + 1;
    bits = (n + 1023) << 52;
    memcpy(&m, &bits, sizeof m);
    return (float)(p * m);
}

static inline float cynf_pow(float a, float q)
{
    const float inf = __builtin_inff(), magnitude = a < 0 ? -a : a;
    if (q == 0 || a == 1)
        return 1;
    if (a != a || q != q)
        return a + q;
    /* From 2^24 on every float is an even integer. */
    const float size = q < 0 ? -q : q;
    const bool integer = size >= 0x1p24f || (float)(int32_t)q == q, odd = size < 0x1p24f && integer && ((int32_t)q & 1);
    uint32_t sign;
    memcpy(&sign, &a, sizeof sign);
    sign >>= 31;
    float y;
    if (size == inf)
        y = magnitude == 1 ? 1 : (magnitude > 1) == (q > 0) ? inf : 0;
    else if (magnitude == 0)
        y = q > 0 ? 0 : inf;
    else if (magnitude == inf)
        y = q > 0 ? inf : 0;
    else if (sign && !integer)
        return __builtin_nanf("");
    else
        y = cynf_pow_positive(magnitude, q);
    return sign && odd ? -y : y;
}

static __attribute__((noinline, unused)) vf vf_pow(vf a, vf q)
{
    float as[VL], qs[VL];
    vf_store(as, a);
    vf_store(qs, q);
    for (int i = 0; i < VL; i++)
        as[i] = cynf_pow(as[i], qs[i]);
    return vf_load(as);
}

#endif
