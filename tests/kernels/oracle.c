/* SPDX-License-Identifier: MIT */
/** What the oracles and geometries of all operations share: random numbers, strides, views, activations in double precision. */
#include <float.h>
#include <math.h>

#include "harness.h"

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next(test_rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int test_int(test_rng *r, int lo, int hi) { return lo + (int)(next(r) % (uint64_t)(hi - lo + 1)); }
float test_float(test_rng *r, float lo, float hi) { return lo + (hi - lo) * (float)(next(r) >> 40) * 0x1p-24f; }
bool test_one_in(test_rng *r, int n) { return next(r) % (uint64_t)n == 0; }

void test_strides(test_rng *r, int rank, const int32_t *dims, bool repeat, int32_t *strides)
{
    int order[CYNF_MAX_DIMS];
    for (int i = 0; i < rank; i++)
        order[i] = rank - 1 - i;
    if (!test_one_in(r, 3))
        for (int i = rank - 1; i > 0; i--) {
            const int j = test_int(r, 0, i), t = order[i];
            order[i] = order[j];
            order[j] = t;
        }
    int32_t stride = test_one_in(r, 5) ? test_int(r, 2, 3) : 1;
    for (int i = 0; i < rank; i++) {
        const int d = order[i];
        strides[d] = repeat && test_one_in(r, 5) ? 0 : stride;
        if (strides[d])
            stride = stride * dims[d] + (test_one_in(r, 4) ? test_int(r, 1, 5) : 0);
    }
}

cynf_view test_view(test_rng *r, int n, int h, int w, int c)
{
    cynf_view v = {.b = c, .ps = c};
    const int kind = test_int(r, 0, 3);
    if (kind == 0 && n * h * w * c > 0) { /* blocked */
        v.b = v.ps = 4 << test_int(r, 0, 2);
        v.rs = w * v.ps + (test_one_in(r, 3) ? v.b : 0);
        v.bs = h * v.rs;
        v.ns = (c + v.b - 1) / v.b * v.bs;
        return v;
    }
    if (kind == 1) {
        v.ps += test_int(r, 1, 20);
        v.b = test_one_in(r, 2) ? v.ps : INT32_MAX;
    }
    v.rs = w * v.ps + (kind == 1 ? test_int(r, 0, 9) : 0);
    v.ns = h * v.rs + (kind == 1 ? test_int(r, 0, 9) : 0);
    return v;
}

cynf_epilogue test_epilogue(test_rng *r)
{
    /* Mostly the common ones. */
    static const cynf_act common[] = {CYNF_ACT_LINEAR, CYNF_ACT_RELU, CYNF_ACT_CLIP, CYNF_ACT_LEAKY_RELU, CYNF_ACT_SIGMOID, CYNF_ACT_SILU};
    const int act = test_one_in(r, 3) ? test_int(r, 0, CYNF_ACT_COUNT - 1) : (int)common[test_int(r, 0, 5)];
    return (cynf_epilogue){.act = act, .a = test_float(r, 0.1f, 0.5f), .b = test_float(r, 0.5f, 1), .c = test_float(r, 1, 6)};
}

size_t test_at(const cynf_view *v, int n, int h, int w, int c)
{
    return (size_t)n * (size_t)v->ns + (size_t)h * (size_t)v->rs + (size_t)w * (size_t)v->ps + (size_t)(c / v->b) * (size_t)v->bs + (size_t)(c % v->b);
}

bool test_next(int rank, const int32_t *dims, int32_t *idx)
{
    for (int d = rank - 1; d >= 0; d--) {
        if (++idx[d] < dims[d])
            return true;
        idx[d] = 0;
    }
    return false;
}

size_t test_offset(int rank, const int32_t *idx, const int32_t *strides)
{
    size_t at = 0;
    for (int d = 0; d < rank; d++)
        at += (size_t)idx[d] * (size_t)strides[d];
    return at;
}

static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
/* fmin and fmax would drop a NaN. */
static double clip(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

double test_activate(double x, const cynf_epilogue *e)
{
    const double a = e->a, b = e->b, c = e->c;
    switch ((cynf_act)e->act) {
    case CYNF_ACT_LINEAR: return x;
    case CYNF_ACT_RELU: return x < 0 ? 0 : x;
    case CYNF_ACT_CLIP: return clip(x, a, b);
    case CYNF_ACT_LEAKY_RELU: return x >= 0 ? x : a * x;
    case CYNF_ACT_GENERAL_RELU: return x >= b ? (x > c ? c : x) : a * (x - b);
    case CYNF_ACT_ELU: return x > 0 ? x : a * expm1(x);
    case CYNF_ACT_SELU: return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
    case CYNF_ACT_CELU: return x > 0 ? x : a * expm1(x / a);
    case CYNF_ACT_EXP: return exp(x);
    case CYNF_ACT_SIGMOID: return sigmoid(x);
    case CYNF_ACT_TANH: return tanh(x);
    case CYNF_ACT_SOFTPLUS: return softplus(x);
    case CYNF_ACT_SOFTSIGN: return isinf(x) ? NAN : x / (1 + fabs(x));
    case CYNF_ACT_SILU: return x * sigmoid(x);
    case CYNF_ACT_GELU: return x * erfc(-x * 0.70710678118654752440) / 2;
    case CYNF_ACT_GELU_TANH: return x * sigmoid(2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x));
    case CYNF_ACT_HARD_SIGMOID: return clip(a * x + b, 0, 1);
    case CYNF_ACT_HARD_SILU: return x * clip(x / 6 + 0.5, 0, 1);
    case CYNF_ACT_MISH: return x * tanh(softplus(x));
    case CYNF_ACT_LOG_SIGMOID: return -softplus(-x);
    case CYNF_ACT_SOFT_SHRINK: return x > a ? x - a : x < -a ? x + a : isnan(x) ? x : 0;
    case CYNF_ACT_HARD_SHRINK: return fabs(x) > a ? x : 0;
    case CYNF_ACT_TANH_SHRINK: return x - tanh(x);
    case CYNF_ACT_SPARSE_PLUS: return x <= -1 ? 0 : x < 1 ? (x + 1) * (x + 1) / 4 : x;
    case CYNF_ACT_SPARSE_SIGMOID: return clip((x + 1) / 2, 0, 1);
    case CYNF_ACT_SQUAREPLUS: return x * x > FLT_MAX ? x + INFINITY : (x + sqrt(x * x + a)) / 2; /* Keras' square is a float, too */
    case CYNF_ACT_THRESHOLD: return x > a ? x : b;
    case CYNF_ACT_AFFINE: return a * x + b;
    case CYNF_ACT_ABS: return fabs(x);
    case CYNF_ACT_NEG: return -x;
    case CYNF_ACT_SQUARE: return x * x;
    case CYNF_ACT_SQRT: return sqrt(x);
    case CYNF_ACT_RSQRT: return 1 / sqrt(x);
    case CYNF_ACT_RECIPROCAL: return 1 / x;
    case CYNF_ACT_LOG: return log(x);
    case CYNF_ACT_LOG1P: return log1p(x);
    case CYNF_ACT_EXPM1: return expm1(x);
    case CYNF_ACT_ERF: return erf(x);
    case CYNF_ACT_SIN: return sin(x);
    case CYNF_ACT_COS: return cos(x);
    case CYNF_ACT_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
    case CYNF_ACT_FLOOR: return floor(x);
    case CYNF_ACT_CEIL: return ceil(x);
    case CYNF_ACT_ROUND: return rint(x);
    case CYNF_ACT_COUNT: break;
    }
    return NAN;
}
