/* SPDX-License-Identifier: MIT */
/** The vocabulary over SSE4.1, which has no FMA: vf_fma rounds twice. arch/README.md says what each word means. */
#ifndef CYNF_SIMD_H
#define CYNF_SIMD_H

#include <smmintrin.h>

#include "kernels/kernel.h"

#define VL 4
#define VNAME "sse41"
#define VISA CYNF_ISA_SSE41
#define VREGS 16
#define VFMA 0

typedef __m128 vf;
typedef __m128i vi;
typedef __m128 vm;

static CYNF_INLINE vf vf_load(const float *p) { return _mm_loadu_ps(p); }
static CYNF_INLINE void vf_load2(const float *p, vf *a, vf *b) { *a = vf_load(p); *b = vf_load(p + VL); }
static CYNF_INLINE void vf_store(float *p, vf a) { _mm_storeu_ps(p, a); }
static CYNF_INLINE vf vf_loadn(const float *p, int n)
{
    switch (n) {
    case 0: return _mm_setzero_ps();
    case 1: return _mm_load_ss(p);
    case 2: return _mm_castpd_ps(_mm_load_sd((const double *)(const void *)p));
    case 3: return _mm_movelh_ps(_mm_castpd_ps(_mm_load_sd((const double *)(const void *)p)), _mm_load_ss(p + 2));
    default: return _mm_loadu_ps(p);
    }
}
static CYNF_INLINE void vf_storen(float *p, vf a, int n)
{
    switch (n) {
    case 0: break;
    case 1: _mm_store_ss(p, a); break;
    case 2: _mm_storel_pi((__m64 *)(void *)p, a); break;
    case 3: _mm_storel_pi((__m64 *)(void *)p, a); _mm_store_ss(p + 2, _mm_movehl_ps(a, a)); break;
    default: _mm_storeu_ps(p, a);
    }
}
static CYNF_INLINE vf vf_set1(float x) { return _mm_set1_ps(x); }
static CYNF_INLINE vf vf_zero(void) { return _mm_setzero_ps(); }
static CYNF_INLINE vf vf_add(vf a, vf b) { return _mm_add_ps(a, b); }
static CYNF_INLINE vf vf_sub(vf a, vf b) { return _mm_sub_ps(a, b); }
static CYNF_INLINE vf vf_mul(vf a, vf b) { return _mm_mul_ps(a, b); }
static CYNF_INLINE vf vf_div(vf a, vf b) { return _mm_div_ps(a, b); }
static CYNF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
static CYNF_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm_sub_ps(c, _mm_mul_ps(a, b)); }
static CYNF_INLINE vf vf_max(vf a, vf b) { return _mm_max_ps(a, b); }
static CYNF_INLINE vf vf_min(vf a, vf b) { return _mm_min_ps(a, b); }
static CYNF_INLINE vf vf_sqrt(vf a) { return _mm_sqrt_ps(a); }
static CYNF_INLINE vf vf_abs(vf a) { return _mm_andnot_ps(_mm_set1_ps(-0.0f), a); }
static CYNF_INLINE vf vf_neg(vf a) { return _mm_xor_ps(a, _mm_set1_ps(-0.0f)); }
static CYNF_INLINE vf vf_floor(vf a) { return _mm_floor_ps(a); }
static CYNF_INLINE vf vf_ceil(vf a) { return _mm_ceil_ps(a); }
static CYNF_INLINE vf vf_round(vf a) { return _mm_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

static CYNF_INLINE vm vf_lt(vf a, vf b) { return _mm_cmplt_ps(a, b); }
static CYNF_INLINE vm vf_le(vf a, vf b) { return _mm_cmple_ps(a, b); }
static CYNF_INLINE vm vf_gt(vf a, vf b) { return _mm_cmpgt_ps(a, b); }
static CYNF_INLINE vm vf_ge(vf a, vf b) { return _mm_cmpge_ps(a, b); }
static CYNF_INLINE vm vf_eq(vf a, vf b) { return _mm_cmpeq_ps(a, b); }
static CYNF_INLINE vm vf_isnan(vf a) { return _mm_cmpunord_ps(a, a); }
static CYNF_INLINE vm vm_and(vm a, vm b) { return _mm_and_ps(a, b); }
static CYNF_INLINE vm vm_or(vm a, vm b) { return _mm_or_ps(a, b); }
static CYNF_INLINE vm vm_not(vm a) { return _mm_xor_ps(a, _mm_castsi128_ps(_mm_set1_epi32(-1))); }
static CYNF_INLINE vf vf_sel(vm m, vf a, vf b) { return _mm_blendv_ps(b, a, m); }

static CYNF_INLINE vi vi_set1(int32_t x) { return _mm_set1_epi32(x); }
static CYNF_INLINE vi vi_add(vi a, vi b) { return _mm_add_epi32(a, b); }
static CYNF_INLINE vi vi_sub(vi a, vi b) { return _mm_sub_epi32(a, b); }
static CYNF_INLINE vi vi_and(vi a, vi b) { return _mm_and_si128(a, b); }
static CYNF_INLINE vi vi_or(vi a, vi b) { return _mm_or_si128(a, b); }
static CYNF_INLINE vi vi_xor(vi a, vi b) { return _mm_xor_si128(a, b); }
#define vi_shl(a, n) _mm_slli_epi32(a, n)
#define vi_shr(a, n) _mm_srai_epi32(a, n)
static CYNF_INLINE vi vi_from_vf(vf a) { return _mm_cvtps_epi32(a); }
static CYNF_INLINE vf vf_from_vi(vi a) { return _mm_cvtepi32_ps(a); }
static CYNF_INLINE vi vi_cast(vf a) { return _mm_castps_si128(a); }
static CYNF_INLINE vf vf_cast(vi a) { return _mm_castsi128_ps(a); }

static CYNF_INLINE float vf_hsum(vf a)
{
    const vf t = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_shuffle_ps(t, t, 1)));
}
static CYNF_INLINE float vf_hmax(vf a)
{
    const vf t = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(t, _mm_shuffle_ps(t, t, 1)));
}
static CYNF_INLINE float vf_hmin(vf a)
{
    const vf t = _mm_min_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_min_ss(t, _mm_shuffle_ps(t, t, 1)));
}

/* The scalar operand of a matrix product: one broadcast a time. */
#define VK 1
typedef __m128 vk;
#define vk_fence()
static CYNF_INLINE vk vk_load(const float *p) { return _mm_set1_ps(*p); }
static CYNF_INLINE vf vf_fmak(vf acc, vf b, vk a, int lane) { (void)lane; return vf_fma(a, b, acc); }

static CYNF_INLINE void vf_transpose(vf r[4]) { _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]); }

#endif
