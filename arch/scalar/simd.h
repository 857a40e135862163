/* SPDX-License-Identifier: MIT */
/** The vocabulary over plain C: one lane. arch/README.md says what each word means. */
#ifndef CYNF_SIMD_H
#define CYNF_SIMD_H

#include <math.h>
#include <string.h>

#include "kernels/kernel.h"

/* A CPU without FMA instructions calls a slow library function; there the product is rounded, but in the kernels of exact programs, which CYNF_FMA asks for. */
#if defined __FP_FAST_FMAF
#define VNAME "scalar"
#define VFMA 1
#elif defined CYNF_FMA
#define VNAME "scalar_fma"
#define VFMA 1
#else
#define VNAME "scalar"
#define VFMA 0
#endif
#define VL 1
#define VISA CYNF_ISA_SCALAR
#define VREGS 16

typedef float vf;
typedef int32_t vi;
typedef int vm;

static CYNF_INLINE vf vf_load(const float *p) { return *p; }
static CYNF_INLINE void vf_load2(const float *p, vf *a, vf *b) { *a = vf_load(p); *b = vf_load(p + VL); }
static CYNF_INLINE void vf_store(float *p, vf a) { *p = a; }
static CYNF_INLINE vf vf_loadn(const float *p, int n) { return n ? *p : 0.0f; }
static CYNF_INLINE void vf_storen(float *p, vf a, int n) { if (n) *p = a; }
static CYNF_INLINE vf vf_set1(float x) { return x; }
static CYNF_INLINE vf vf_zero(void) { return 0.0f; }
static CYNF_INLINE vf vf_add(vf a, vf b) { return a + b; }
static CYNF_INLINE vf vf_sub(vf a, vf b) { return a - b; }
static CYNF_INLINE vf vf_mul(vf a, vf b) { return a * b; }
static CYNF_INLINE vf vf_div(vf a, vf b) { return a / b; }
#if VFMA
static CYNF_INLINE vf vf_fma(vf a, vf b, vf c) { return __builtin_fmaf(a, b, c); }
static CYNF_INLINE vf vf_fnma(vf a, vf b, vf c) { return __builtin_fmaf(-a, b, c); }
#else
static CYNF_INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static CYNF_INLINE vf vf_fnma(vf a, vf b, vf c) { return c - a * b; }
#endif
static CYNF_INLINE vf vf_max(vf a, vf b) { return a > b ? a : b; }
static CYNF_INLINE vf vf_min(vf a, vf b) { return a < b ? a : b; }
static CYNF_INLINE vf vf_sqrt(vf a) { return sqrtf(a); }
static CYNF_INLINE vf vf_abs(vf a) { return fabsf(a); }
static CYNF_INLINE vf vf_neg(vf a) { return -a; }
static CYNF_INLINE vf vf_floor(vf a) { return floorf(a); }
static CYNF_INLINE vf vf_ceil(vf a) { return ceilf(a); }
static CYNF_INLINE vf vf_round(vf a) { return rintf(a); }

static CYNF_INLINE vm vf_lt(vf a, vf b) { return a < b; }
static CYNF_INLINE vm vf_le(vf a, vf b) { return a <= b; }
static CYNF_INLINE vm vf_gt(vf a, vf b) { return a > b; }
static CYNF_INLINE vm vf_ge(vf a, vf b) { return a >= b; }
static CYNF_INLINE vm vf_eq(vf a, vf b) { return a == b; }
static CYNF_INLINE vm vf_isnan(vf a) { return a != a; }
static CYNF_INLINE vm vm_and(vm a, vm b) { return a && b; }
static CYNF_INLINE vm vm_or(vm a, vm b) { return a || b; }
static CYNF_INLINE vm vm_not(vm a) { return !a; }
static CYNF_INLINE vf vf_sel(vm m, vf a, vf b) { return m ? a : b; }

static CYNF_INLINE vi vi_set1(int32_t x) { return x; }
static CYNF_INLINE vi vi_add(vi a, vi b) { return (vi)((uint32_t)a + (uint32_t)b); }
static CYNF_INLINE vi vi_sub(vi a, vi b) { return (vi)((uint32_t)a - (uint32_t)b); }
static CYNF_INLINE vi vi_and(vi a, vi b) { return a & b; }
static CYNF_INLINE vi vi_or(vi a, vi b) { return a | b; }
static CYNF_INLINE vi vi_xor(vi a, vi b) { return a ^ b; }
#define vi_shl(a, n) ((vi)((uint32_t)(a) << (n)))
#define vi_shr(a, n) ((vi)((a) >> (n)))
/* Out of range and NaN give INT32_MIN, as the x86 instruction does. */
static CYNF_INLINE vi vi_from_vf(vf a) { return a >= -2147483648.0f && a < 2147483648.0f ? (vi)rintf(a) : INT32_MIN; }
static CYNF_INLINE vf vf_from_vi(vi a) { return (float)a; }
static CYNF_INLINE vi vi_cast(vf a) { vi r; memcpy(&r, &a, sizeof r); return r; }
static CYNF_INLINE vf vf_cast(vi a) { vf r; memcpy(&r, &a, sizeof r); return r; }

static CYNF_INLINE float vf_hsum(vf a) { return a; }
static CYNF_INLINE float vf_hmax(vf a) { return a; }
static CYNF_INLINE float vf_hmin(vf a) { return a; }

#define VK 1
typedef float vk;
#define vk_fence()
static CYNF_INLINE vk vk_load(const float *p) { return *p; }
static CYNF_INLINE vf vf_fmak(vf acc, vf b, vk a, int lane) { (void)lane; return vf_fma(a, b, acc); }

static CYNF_INLINE void vf_transpose(vf r[1]) { (void)r; }

#endif
