/* SPDX-License-Identifier: MIT */
/**
 * math-tests: the polynomials behind the activations, on every instruction set, over all exponents of float and both signs, against libm in
 * double precision and, where it is found, against SLEEF (1 ulp).
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cynf-config.h"
#include "harness.h"

#if CYNF_HAVE_SLEEF
#include <sleef.h>
#define SLEEF(f) call_##f
/* SLEEF's functions return const float, which is another type of function to clang. */
#define WRAP(f) static float call_##f(float x) { return f(x); }
WRAP(Sleef_expf_u10)
WRAP(Sleef_expm1f_u10)
WRAP(Sleef_logf_u10)
WRAP(Sleef_log1pf_u10)
WRAP(Sleef_tanhf_u10)
WRAP(Sleef_erff_u10)
WRAP(Sleef_sinf_u10)
WRAP(Sleef_cosf_u10)
#else
#define SLEEF(f) NULL
#endif

/** Bits of consecutive arguments differ by this: prime to 2^32, about 2000 points an exponent. */
#define STEP 4133
#define POINTS 4096

static const struct {
    cynf_act act;
    double ulps; /* greatest error, as measured over all floats with and without FMA, rounded up; where gated(), error / max(1, |x|) */
    float (*sleef)(float);
} functions[] = {
    {CYNF_ACT_EXP, 1.05, SLEEF(Sleef_expf_u10)}, {CYNF_ACT_EXPM1, 1.7, SLEEF(Sleef_expm1f_u10)}, {CYNF_ACT_LOG, 0.85, SLEEF(Sleef_logf_u10)},
    {CYNF_ACT_LOG1P, 1.5, SLEEF(Sleef_log1pf_u10)}, {CYNF_ACT_TANH, 2.6, SLEEF(Sleef_tanhf_u10)}, {CYNF_ACT_ERF, 1.3, SLEEF(Sleef_erff_u10)},
    {CYNF_ACT_SIN, 2.8, SLEEF(Sleef_sinf_u10)}, {CYNF_ACT_COS, 2.8, SLEEF(Sleef_cosf_u10)}, {CYNF_ACT_SIGMOID, 2.4, NULL},
    {CYNF_ACT_SOFTPLUS, 1.9, NULL}, {CYNF_ACT_LOG_SIGMOID, 1.9, NULL}, {CYNF_ACT_ELU, 2.0, NULL}, {CYNF_ACT_SOFTSIGN, 1.6, NULL},
    {CYNF_ACT_SILU, 1.1e-7, NULL}, {CYNF_ACT_GELU, 1e-7, NULL}, {CYNF_ACT_GELU_TANH, 1.2e-7, NULL},
    {CYNF_ACT_RSQRT, 1.6, NULL}, {CYNF_ACT_SQRT, 0.5, NULL}, {CYNF_ACT_RECIPROCAL, 0.5, NULL},
};

/** Functions that are x times what vanishes towards -inf: a tail of them is all error, and far below what it is added to. */
static bool gated(cynf_act a) { return a == CYNF_ACT_SILU || a == CYNF_ACT_GELU || a == CYNF_ACT_GELU_TANH; }

/** Of the float nearest to y. */
static double ulp_of(double y)
{
    int e;
    frexp(fabs(y) > FLT_MIN ? fabs(y) : FLT_MIN, &e);
    return ldexp(1, e - 24);
}

/** Errors in ulp; infinity where one is NaN or infinite and the other is not. */
static double error_of(float got, double want)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (isinf((float)want) || isinf(got)) /* overflow may start a few ulp early */
        return (float)want == got || fabs(want) > FLT_MAX * (1 - 1e-6) ? 0 : INFINITY;
    return fabs((double)got - want) / ulp_of(want);
}

static bool test_function(const cynf_kernel *k, size_t f)
{
    static float x[POINTS], y[POINTS];
    const cynf_eltwise g = {.rank = 1, .dims = {POINTS}, .xs = {{1}}, .ys = {1}, .e = {.act = (int32_t)functions[f].act, .a = 0.7f}};
    double worst = 0, apart = 0;
    float at = 0;
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32;) {
        for (int i = 0; i < POINTS; i++, bits += STEP) {
            const uint32_t b = (uint32_t)bits;
            memcpy(&x[i], &b, sizeof b);
        }
        cynf_kernel_run(k, &g, 0, &(cynf_args){.x = {x}, .y = y}, 0, 0, cynf_kernel_units(k, &g, 0));
        for (int i = 0; i < POINTS; i++) {
            const double want = test_activate((double)x[i], &g.e), ulps = error_of(y[i], want);
            const double error = gated(functions[f].act) && isfinite(ulps) ? fabs((double)y[i] - want) / fmax(1, fabs((double)x[i])) : ulps;
            if (error > worst) {
                worst = error;
                at = x[i];
            }
            if (functions[f].sleef)
                apart = fmax(apart, error_of(y[i], (double)functions[f].sleef(x[i])));
        }
    }
    const bool ok = worst <= functions[f].ulps && apart <= functions[f].ulps + 1.5; /* SLEEF's ulp, and its rounding to float */
    if (!ok)
        printf("FAIL %s, activation %d: %.3g at %.9g (limit %.3g), %.3g ulp from SLEEF\n", cynf_kernel_name(k), (int)functions[f].act, worst,
            (double)at, functions[f].ulps, apart);
    return ok;
}

int main(void)
{
    const cynf_kernel *k[64];
    const size_t n = cynf_kernels(CYNF_OP_ELTWISE, k, 64);
    int passed = 0, failed = n > 64;
    for (size_t i = 0; i < n && i < 64; i++) {
        if (!(cynf_cpu_isas() >> cynf_kernel_isa(k[i]) & 1))
            continue;
        for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
            if (!cynf_kernel_supports(k[i], &(cynf_eltwise){.e = {.act = (int32_t)functions[f].act}}))
                continue;
            else if (test_function(k[i], f))
                passed++;
            else
                failed++;
    }
    printf("%d passed, %d failed%s\n", passed, failed, CYNF_HAVE_SLEEF ? "" : " (no SLEEF to compare with)");
    return failed != 0;
}
