/* SPDX-License-Identifier: MIT */
/** The vocabulary over AVX-512 F+BW+DQ+VL; arch/README.md says what each word means. */
#ifndef CYNF_SIMD_H
#define CYNF_SIMD_H

#include <immintrin.h>

#include "kernels/kernel.h"

#define VL 16
#define VNAME "avx512"
#define VISA CYNF_ISA_AVX512
#define VREGS 32
#define VFMA 1

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

static CYNF_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static CYNF_INLINE void vf_load2(const float *p, vf *a, vf *b) { *a = vf_load(p); *b = vf_load(p + VL); }
static CYNF_INLINE void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
static CYNF_INLINE vf vf_loadn(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
static CYNF_INLINE void vf_storen(float *p, vf a, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a); }
static CYNF_INLINE vf vf_set1(float x) { return _mm512_set1_ps(x); }
static CYNF_INLINE vf vf_zero(void) { return _mm512_setzero_ps(); }
static CYNF_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static CYNF_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static CYNF_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static CYNF_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static CYNF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static CYNF_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static CYNF_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static CYNF_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static CYNF_INLINE vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static CYNF_INLINE vf vf_abs(vf a) { return _mm512_abs_ps(a); }
static CYNF_INLINE vf vf_neg(vf a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
static CYNF_INLINE vf vf_floor(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static CYNF_INLINE vf vf_ceil(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
static CYNF_INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

static CYNF_INLINE vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static CYNF_INLINE vm vf_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static CYNF_INLINE vm vf_gt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static CYNF_INLINE vm vf_ge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
static CYNF_INLINE vm vf_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static CYNF_INLINE vm vf_isnan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
static CYNF_INLINE vm vm_and(vm a, vm b) { return (vm)(a & b); }
static CYNF_INLINE vm vm_or(vm a, vm b) { return (vm)(a | b); }
static CYNF_INLINE vm vm_not(vm a) { return (vm)~a; }
static CYNF_INLINE vf vf_sel(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }

static CYNF_INLINE vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
static CYNF_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static CYNF_INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static CYNF_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static CYNF_INLINE vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
static CYNF_INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
#define vi_shl(a, n) _mm512_slli_epi32(a, n)
#define vi_shr(a, n) _mm512_srai_epi32(a, n)
#define vf_scale(a, n) _mm512_scalef_ps(a, n) /* the others compute it: kernels/math.h */
static CYNF_INLINE vi vi_from_vf(vf a) { return _mm512_cvtps_epi32(a); }
static CYNF_INLINE vf vf_from_vi(vi a) { return _mm512_cvtepi32_ps(a); }
static CYNF_INLINE vi vi_cast(vf a) { return _mm512_castps_si512(a); }
static CYNF_INLINE vf vf_cast(vi a) { return _mm512_castsi512_ps(a); }

static CYNF_INLINE float vf_hsum(vf a) { return _mm512_reduce_add_ps(a); }
static CYNF_INLINE float vf_hmax(vf a) { return _mm512_reduce_max_ps(a); }
static CYNF_INLINE float vf_hmin(vf a) { return _mm512_reduce_min_ps(a); }

/* The scalar operand of a matrix product: one broadcast a time. */
#define VK 1
typedef __m512 vk;
#define vk_fence()
static CYNF_INLINE vk vk_load(const float *p) { return _mm512_set1_ps(*p); }
static CYNF_INLINE vf vf_fmak(vf acc, vf b, vk a, int lane) { (void)lane; return _mm512_fmadd_ps(a, b, acc); }

/* 16x16: two 4x4 interleaves within 128-bit lanes, then two rounds of lane shuffles. */
static CYNF_INLINE void vf_transpose(vf r[16])
{
    vf t[16], u[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        u[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        u[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        u[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        u[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const vf a = _mm512_shuffle_f32x4(u[i], u[4 + i], 0x88), b = _mm512_shuffle_f32x4(u[8 + i], u[12 + i], 0x88);
        const vf c = _mm512_shuffle_f32x4(u[i], u[4 + i], 0xdd), d = _mm512_shuffle_f32x4(u[8 + i], u[12 + i], 0xdd);
        r[i] = _mm512_shuffle_f32x4(a, b, 0x88);
        r[4 + i] = _mm512_shuffle_f32x4(c, d, 0x88);
        r[8 + i] = _mm512_shuffle_f32x4(a, b, 0xdd);
        r[12 + i] = _mm512_shuffle_f32x4(c, d, 0xdd);
    }
}

#endif
