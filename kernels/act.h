/* SPDX-License-Identifier: MIT */
/** The element-wise functions of cynf_act over vectors; include after simd.h. */
#ifndef CYNF_ACT_H
#define CYNF_ACT_H

#include "kernels/math.h"

/** x between lo and hi; NaN goes through. */
static CYNF_INLINE vf vf_clip(vf x, float lo, float hi)
{
    return vf_min(vf_set1(hi), vf_max(vf_set1(lo), x));
}

/** Whether the stores of a tile do the activation, in registers; the others take cynf_activate_rows after the store. */
static CYNF_INLINE bool cynf_act_in_tile(const cynf_epilogue *e)
{
    return e->act == CYNF_ACT_LINEAR || e->act == CYNF_ACT_RELU || e->act == CYNF_ACT_CLIP;
}

/** Such an activation; the others leave x as it is. */
static CYNF_INLINE vf cynf_activate_in_tile(vf x, const cynf_epilogue *e)
{
    return e->act == CYNF_ACT_RELU ? vf_max(vf_zero(), x) : e->act == CYNF_ACT_CLIP ? vf_clip(x, e->a, e->b) : x;
}

/** All of cynf_act, formulas at CYNF_ACT_LIST. Operands of max and min are in the order that lets NaN through. */
static CYNF_INLINE vf cynf_activate_any(vf x, const cynf_epilogue *e)
{
    const vf zero = vf_zero(), one = vf_set1(1), a = vf_set1(e->a), b = vf_set1(e->b);
    switch ((cynf_act)e->act) {
    case CYNF_ACT_LINEAR: return x;
    case CYNF_ACT_RELU: return vf_max(zero, x);
    case CYNF_ACT_CLIP: return vf_clip(x, e->a, e->b);
    case CYNF_ACT_LEAKY_RELU: return vf_sel(vf_lt(x, zero), vf_mul(a, x), x);
    case CYNF_ACT_GENERAL_RELU: return vf_sel(vf_lt(x, b), vf_mul(a, vf_sub(x, b)), vf_min(vf_set1(e->c), x));
    case CYNF_ACT_ELU: return vf_sel(vf_gt(x, zero), x, vf_mul(a, vf_expm1(vf_min(zero, x))));
    case CYNF_ACT_SELU:
        return vf_sel(vf_gt(x, zero), vf_mul(vf_set1(1.0507009873554805f), x),
            vf_mul(vf_set1((float)(1.0507009873554805 * 1.6732632423543772)), vf_expm1(vf_min(zero, x))));
    case CYNF_ACT_CELU: return vf_sel(vf_gt(x, zero), x, vf_mul(a, vf_expm1(vf_div(vf_min(zero, x), a))));
    case CYNF_ACT_EXP: return vf_exp(x);
    case CYNF_ACT_SIGMOID: return vf_sigmoid(x);
    case CYNF_ACT_TANH: return vf_tanh(x);
    case CYNF_ACT_SOFTPLUS: return vf_softplus(x);
    case CYNF_ACT_SOFTSIGN: return vf_div(x, vf_add(one, vf_abs(x)));
    case CYNF_ACT_SILU: return vf_gated(x, x);
    case CYNF_ACT_GELU: return vf_gelu(x);
    case CYNF_ACT_GELU_TANH: { /* (1 + tanh u) / 2 = sigmoid(2u) */
        const vf cubic = vf_fma(vf_mul(vf_set1(0.044715f), x), vf_mul(x, x), x);
        return vf_gated(x, vf_mul(vf_set1((float)(2 * 0.79788456080286536)), cubic));
    }
    case CYNF_ACT_HARD_SIGMOID: return vf_clip(vf_fma(a, x, b), 0, 1);
    case CYNF_ACT_HARD_SILU: return vf_mul(x, vf_clip(vf_fma(x, vf_set1(1.0f / 6), vf_set1(0.5f)), 0, 1));
    case CYNF_ACT_MISH: { /* tanh(log(1 + n)) = n (n + 2) / (n (n + 2) + 2), n = exp(x); 1 from 20 on */
        const vf n = vf_exp(vf_min(vf_set1(20), x)), m = vf_mul(n, vf_add(n, vf_set1(2)));
        return vf_mul(x, vf_div(m, vf_add(m, vf_set1(2))));
    }
    case CYNF_ACT_LOG_SIGMOID: return vf_neg(vf_softplus(vf_neg(x)));
    case CYNF_ACT_SOFT_SHRINK: return vf_sub(x, vf_clip(x, -e->a, e->a));
    case CYNF_ACT_HARD_SHRINK: return vf_sel(vf_gt(vf_abs(x), a), x, zero);
    case CYNF_ACT_TANH_SHRINK: return vf_sub(x, vf_tanh(x));
    case CYNF_ACT_SPARSE_PLUS: {
        const vf up = vf_add(x, one);
        return vf_sel(vf_le(x, vf_set1(-1)), zero, vf_sel(vf_lt(x, one), vf_mul(vf_mul(up, up), vf_set1(0.25f)), x));
    }
    case CYNF_ACT_SPARSE_SIGMOID: return vf_clip(vf_mul(vf_set1(0.5f), vf_add(x, one)), 0, 1);
    case CYNF_ACT_SQUAREPLUS: return vf_mul(vf_set1(0.5f), vf_add(x, vf_sqrt(vf_fma(x, x, a))));
    case CYNF_ACT_THRESHOLD: return vf_sel(vf_gt(x, a), x, b);
    case CYNF_ACT_AFFINE: return vf_fma(a, x, b);
    case CYNF_ACT_ABS: return vf_abs(x);
    case CYNF_ACT_NEG: return vf_neg(x);
    case CYNF_ACT_SQUARE: return vf_mul(x, x);
    case CYNF_ACT_SQRT: return vf_sqrt(x);
    case CYNF_ACT_RSQRT: return vf_div(one, vf_sqrt(x));
    case CYNF_ACT_RECIPROCAL: return vf_div(one, x);
    case CYNF_ACT_LOG: return vf_log(x);
    case CYNF_ACT_LOG1P: return vf_log1p(x);
    case CYNF_ACT_EXPM1: return vf_expm1(x);
    case CYNF_ACT_ERF: return vf_erf(x);
    case CYNF_ACT_SIN: return vf_sin(x);
    case CYNF_ACT_COS: return vf_cos(x);
    case CYNF_ACT_SIGN: return vf_sel(vf_gt(x, zero), one, vf_sel(vf_lt(x, zero), vf_set1(-1), x));
    case CYNF_ACT_FLOOR: return vf_floor(x);
    case CYNF_ACT_CEIL: return vf_ceil(x);
    case CYNF_ACT_ROUND: return vf_round(x);
    case CYNF_ACT_COUNT: break;
    }
    return x;
}

/**
 * The functions that have a loop of their own in cynf_activate_rows. Generated code defines CYNF_ACT_USED, those of its layers: then there are no others, as a compiler
 * that learns late which function a layer has would keep them all.
 */
#ifdef CYNF_ACT_USED
#define CYNF_ACT_LOOPS(X) CYNF_ACT_USED(X)
#else
#define CYNF_ACT_LOOPS(X) \
    X(LEAKY_RELU) X(ELU) X(SELU) X(SIGMOID) X(TANH) X(SOFTPLUS) X(SILU) X(GELU) X(GELU_TANH) X(HARD_SIGMOID) X(HARD_SILU) X(MISH)
#endif

static __attribute__((noinline, unused)) vf cynf_activate_call(vf x, const cynf_epilogue *e)
{
#ifdef CYNF_ACT_USED
    cynf_epilogue own = *e;
    switch (e->act) {
#define X(name) case CYNF_ACT_##name: own.act = CYNF_ACT_##name; return cynf_activate_any(x, &own);
        CYNF_ACT_USED(X)
#undef X
    default: return x;
    }
#else
    return cynf_activate_any(x, e);
#endif
}

/**
 * act(x) with the epilogue's parameters; the residual has been added by the caller. A literal e->act leaves the one function, inlined; where
 * it is known at run time only, the few short ones are inlined and all others are one call, so that a tile may use this in every store.
 */
static CYNF_INLINE vf cynf_activate(vf x, const cynf_epilogue *e)
{
    if (__builtin_constant_p(e->act) || e->act <= CYNF_ACT_LEAKY_RELU)
        switch (e->act) {
        case CYNF_ACT_LINEAR: return x;
        case CYNF_ACT_RELU: return vf_max(vf_zero(), x);
        case CYNF_ACT_CLIP: return vf_clip(x, e->a, e->b);
        case CYNF_ACT_LEAKY_RELU: return vf_sel(vf_lt(x, vf_zero()), vf_mul(vf_set1(e->a), x), x);
        default: return __builtin_constant_p(e->act) ? cynf_activate_any(x, e) : x;
        }
    return cynf_activate_call(x, e);
}

/* One loop for each function, so that its constants stay in registers and neighbouring vectors overlap. */
#define X(name) \
    static __attribute__((noinline, unused)) void cynf_activate_rows_##name(const cynf_epilogue *e, float *y, int rows, ptrdiff_t rs, int n) \
    { \
        cynf_epilogue own = *e; \
        own.act = CYNF_ACT_##name; \
        for (int i = 0; i < rows; i++, y += rs) { \
            int c = 0; \
            for (; c + VL <= n; c += VL) \
                vf_store(y + c, cynf_activate_any(vf_load(y + c), &own)); \
            if (c < n) \
                vf_storen(y + c, cynf_activate_any(vf_loadn(y + c, n - c), &own), n - c); \
        } \
    }
CYNF_ACT_LOOPS(X)
#undef X

static __attribute__((noinline, unused)) void cynf_activate_rows_any(const cynf_epilogue *e, float *y, int rows, ptrdiff_t rs, int n)
{
    for (int i = 0; i < rows; i++, y += rs)
        for (int c = 0; c < n; c += VL)
            if (n - c >= VL)
                vf_store(y + c, cynf_activate_call(vf_load(y + c), e));
            else
                vf_storen(y + c, cynf_activate_call(vf_loadn(y + c, n - c), e), n - c);
}

/** act on rows x n elements just stored, row i at i*rs: for the functions that are too long to stand at every store of a tile. */
static CYNF_INLINE void cynf_activate_rows(const cynf_epilogue *e, float *y, int rows, ptrdiff_t rs, int n)
{
    if (rs == n) {
        n *= rows;
        rows = 1;
    }
    switch (e->act) {
#define X(name) case CYNF_ACT_##name: cynf_activate_rows_##name(e, y, rows, rs, n); return;
        CYNF_ACT_LOOPS(X)
#undef X
    default: cynf_activate_rows_any(e, y, rows, rs, n);
    }
}

#endif
