/* SPDX-License-Identifier: MIT */
/** The vocabulary over AVX2 and FMA3; arch/README.md says what each word means. */
#ifndef CYNF_SIMD_H
#define CYNF_SIMD_H

#include <immintrin.h>

#include "kernels/kernel.h"

#define VL 8
#define VNAME "avx2"
#define VISA CYNF_ISA_AVX2
#define VREGS 16
#define VFMA 1

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;

static CYNF_INLINE __m256i vm_first(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static CYNF_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
static CYNF_INLINE void vf_load2(const float *p, vf *a, vf *b) { *a = vf_load(p); *b = vf_load(p + VL); }
static CYNF_INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
static CYNF_INLINE vf vf_loadn(const float *p, int n) { return _mm256_maskload_ps(p, vm_first(n)); }
static CYNF_INLINE void vf_storen(float *p, vf a, int n) { _mm256_maskstore_ps(p, vm_first(n), a); }
static CYNF_INLINE vf vf_set1(float x) { return _mm256_set1_ps(x); }
static CYNF_INLINE vf vf_zero(void) { return _mm256_setzero_ps(); }
static CYNF_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static CYNF_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static CYNF_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static CYNF_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static CYNF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static CYNF_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static CYNF_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static CYNF_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static CYNF_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static CYNF_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static CYNF_INLINE vf vf_neg(vf a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
static CYNF_INLINE vf vf_floor(vf a) { return _mm256_floor_ps(a); }
static CYNF_INLINE vf vf_ceil(vf a) { return _mm256_ceil_ps(a); }
static CYNF_INLINE vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

static CYNF_INLINE vm vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static CYNF_INLINE vm vf_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static CYNF_INLINE vm vf_gt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static CYNF_INLINE vm vf_ge(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
static CYNF_INLINE vm vf_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static CYNF_INLINE vm vf_isnan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
static CYNF_INLINE vm vm_and(vm a, vm b) { return _mm256_and_ps(a, b); }
static CYNF_INLINE vm vm_or(vm a, vm b) { return _mm256_or_ps(a, b); }
static CYNF_INLINE vm vm_not(vm a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
static CYNF_INLINE vf vf_sel(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }

static CYNF_INLINE vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
static CYNF_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
static CYNF_INLINE vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
static CYNF_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
static CYNF_INLINE vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
static CYNF_INLINE vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
#define vi_shl(a, n) _mm256_slli_epi32(a, n)
#define vi_shr(a, n) _mm256_srai_epi32(a, n)
static CYNF_INLINE vi vi_from_vf(vf a) { return _mm256_cvtps_epi32(a); }
static CYNF_INLINE vf vf_from_vi(vi a) { return _mm256_cvtepi32_ps(a); }
static CYNF_INLINE vi vi_cast(vf a) { return _mm256_castps_si256(a); }
static CYNF_INLINE vf vf_cast(vi a) { return _mm256_castsi256_ps(a); }

static CYNF_INLINE float vf_hsum(vf a)
{
    const __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 t = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
}
static CYNF_INLINE float vf_hmax(vf a)
{
    const __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 t = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(t, _mm_movehdup_ps(t)));
}
static CYNF_INLINE float vf_hmin(vf a)
{
    const __m128 s = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 t = _mm_min_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_min_ss(t, _mm_movehdup_ps(t)));
}

/* The scalar operand of a matrix product: one broadcast a time. */
#define VK 1
typedef __m256 vk;
#define vk_fence()
static CYNF_INLINE vk vk_load(const float *p) { return _mm256_broadcast_ss(p); }
static CYNF_INLINE vf vf_fmak(vf acc, vf b, vk a, int lane) { (void)lane; return _mm256_fmadd_ps(a, b, acc); }

static CYNF_INLINE void vf_transpose(vf r[8])
{
    vf t[8], u[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x20);
        r[4 + i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x31);
    }
}

#endif
