/* SPDX-License-Identifier: MIT */
/** The vocabulary over AArch64 Advanced SIMD; arch/README.md says what each word means. */
#ifndef CYNF_SIMD_H
#define CYNF_SIMD_H

#include <arm_neon.h>

#include "kernels/kernel.h"

#define VL 4
#define VNAME "neon"
#define VISA CYNF_ISA_NEON
#define VREGS 32
#define VFMA 1

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm;

static CYNF_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
/* GCC 12 seldom makes one LDP of two loads whose places it knows, as it moves them apart first. */
static CYNF_INLINE void vf_load2(const float *p, vf *a, vf *b)
{
#ifdef __clang__
    *a = vld1q_f32(p);
    *b = vld1q_f32(p + 4);
#else
    __asm__("ldp %q0, %q1, %2" : "=w"(*a), "=w"(*b) : "Ump"(*(const vf *)p), "m"(*(const vf *)(p + 4)));
#endif
}
static CYNF_INLINE void vf_store(float *p, vf a) { vst1q_f32(p, a); }
static CYNF_INLINE vf vf_loadn(const float *p, int n)
{
    switch (n) {
    case 0: return vdupq_n_f32(0);
    case 1: return vld1q_lane_f32(p, vdupq_n_f32(0), 0);
    case 2: return vcombine_f32(vld1_f32(p), vdup_n_f32(0));
    case 3: return vcombine_f32(vld1_f32(p), vld1_lane_f32(p + 2, vdup_n_f32(0), 0));
    default: return vld1q_f32(p);
    }
}
static CYNF_INLINE void vf_storen(float *p, vf a, int n)
{
    switch (n) {
    case 0: break;
    case 1: vst1q_lane_f32(p, a, 0); break;
    case 2: vst1_f32(p, vget_low_f32(a)); break;
    case 3: vst1_f32(p, vget_low_f32(a)); vst1q_lane_f32(p + 2, a, 2); break;
    default: vst1q_f32(p, a);
    }
}
static CYNF_INLINE vf vf_set1(float x) { return vdupq_n_f32(x); }
static CYNF_INLINE vf vf_zero(void) { return vdupq_n_f32(0); }
static CYNF_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
static CYNF_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
static CYNF_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
static CYNF_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
static CYNF_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static CYNF_INLINE vf vf_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
/* A select, not FMAX: like x86, b is the answer when the comparison is unordered. */
static CYNF_INLINE vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static CYNF_INLINE vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static CYNF_INLINE vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
static CYNF_INLINE vf vf_abs(vf a) { return vabsq_f32(a); }
static CYNF_INLINE vf vf_neg(vf a) { return vnegq_f32(a); }
static CYNF_INLINE vf vf_floor(vf a) { return vrndmq_f32(a); }
static CYNF_INLINE vf vf_ceil(vf a) { return vrndpq_f32(a); }
static CYNF_INLINE vf vf_round(vf a) { return vrndnq_f32(a); }

static CYNF_INLINE vm vf_lt(vf a, vf b) { return vcltq_f32(a, b); }
static CYNF_INLINE vm vf_le(vf a, vf b) { return vcleq_f32(a, b); }
static CYNF_INLINE vm vf_gt(vf a, vf b) { return vcgtq_f32(a, b); }
static CYNF_INLINE vm vf_ge(vf a, vf b) { return vcgeq_f32(a, b); }
static CYNF_INLINE vm vf_eq(vf a, vf b) { return vceqq_f32(a, b); }
static CYNF_INLINE vm vf_isnan(vf a) { return vmvnq_u32(vceqq_f32(a, a)); }
static CYNF_INLINE vm vm_and(vm a, vm b) { return vandq_u32(a, b); }
static CYNF_INLINE vm vm_or(vm a, vm b) { return vorrq_u32(a, b); }
static CYNF_INLINE vm vm_not(vm a) { return vmvnq_u32(a); }
static CYNF_INLINE vf vf_sel(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }

static CYNF_INLINE vi vi_set1(int32_t x) { return vdupq_n_s32(x); }
static CYNF_INLINE vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
static CYNF_INLINE vi vi_sub(vi a, vi b) { return vsubq_s32(a, b); }
static CYNF_INLINE vi vi_and(vi a, vi b) { return vandq_s32(a, b); }
static CYNF_INLINE vi vi_or(vi a, vi b) { return vorrq_s32(a, b); }
static CYNF_INLINE vi vi_xor(vi a, vi b) { return veorq_s32(a, b); }
#define vi_shl(a, n) vshlq_n_s32(a, n)
#define vi_shr(a, n) vshrq_n_s32(a, n)
static CYNF_INLINE vi vi_from_vf(vf a) { return vcvtnq_s32_f32(a); }
static CYNF_INLINE vf vf_from_vi(vi a) { return vcvtq_f32_s32(a); }
static CYNF_INLINE vi vi_cast(vf a) { return vreinterpretq_s32_f32(a); }
static CYNF_INLINE vf vf_cast(vi a) { return vreinterpretq_f32_s32(a); }

static CYNF_INLINE float vf_hsum(vf a)
{
    const float32x2_t t = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(t, 0) + vget_lane_f32(t, 1);
}
static CYNF_INLINE float vf_hmax(vf a) { return vmaxvq_f32(a); }
static CYNF_INLINE float vf_hmin(vf a) { return vminvq_f32(a); }

/* The scalar operand of a matrix product: four at a time, then FMLA by lane; vf_fmak wants a lane that folds to a constant. */
#define VK 4
typedef float32x4_t vk;
/* GCC 12 would load what all lanes multiply before the first product, run out of registers and move accumulators about. */
#define vk_fence() __asm__ volatile("" ::: "memory")
static CYNF_INLINE vk vk_load(const float *p) { return vld1q_f32(p); }
/* In place: of the intrinsic GCC 12 makes copies of accumulators, an instruction in ten. */
static CYNF_INLINE vf vf_fmak(vf acc, vf b, vk a, int lane)
{
    switch (lane) {
    case 0: __asm__("fmla %0.4s, %1.4s, %2.s[0]" : "+w"(acc) : "w"(b), "w"(a)); break;
    case 1: __asm__("fmla %0.4s, %1.4s, %2.s[1]" : "+w"(acc) : "w"(b), "w"(a)); break;
    case 2: __asm__("fmla %0.4s, %1.4s, %2.s[2]" : "+w"(acc) : "w"(b), "w"(a)); break;
    default: __asm__("fmla %0.4s, %1.4s, %2.s[3]" : "+w"(acc) : "w"(b), "w"(a)); break;
    }
    return acc;
}

static CYNF_INLINE void vf_transpose(vf r[4])
{
    const float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

#endif
