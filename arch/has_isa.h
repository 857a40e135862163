/* SPDX-License-Identifier: MIT */
/**
 * Whether this CPU and its operating system run code of an instruction set, without any library: what a generated model asks before its
 * first instruction. The bits are those of the table in README.md; a test holds it against cpu.c.
 */
#ifndef CYNF_HAS_ISA_H
#define CYNF_HAS_ISA_H

#include "cynf/kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

static inline bool cynf_has_isa(cynf_isa isa)
{
    if (isa == CYNF_ISA_SCALAR)
        return true;
#if defined(__x86_64__)
    unsigned eax, ebx, ecx, edx, features, saved = 0, unused;
    if (!__get_cpuid(1, &eax, &ebx, &features, &edx))
        return false;
    if (features & bit_OSXSAVE) /* which registers the system keeps: 2 + 4 for 256 bits, and e0 for 512 */
        __asm__("xgetbv" : "=a"(saved), "=d"(unused) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        ebx = 0;
    const unsigned wide = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    const bool avx2 = (saved & 0x06) == 0x06 && features & bit_FMA && ebx & bit_AVX2;
    switch (isa) {
    case CYNF_ISA_SSE41: return features & bit_SSE4_1;
    case CYNF_ISA_AVX2: return avx2;
    case CYNF_ISA_AVX512: return avx2 && (saved & 0xe6) == 0xe6 && (ebx & wide) == wide;
    default: return false;
    }
#elif defined(__aarch64__) && defined(__linux__)
    return isa == CYNF_ISA_NEON && getauxval(AT_HWCAP) & 1u << 1; /* HWCAP_ASIMD */
#elif defined(__aarch64__)
    return isa == CYNF_ISA_NEON; /* part of the base architecture */
#else
    return false;
#endif
}

#endif
