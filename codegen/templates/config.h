/* SPDX-License-Identifier: MIT */
/* Which kernels the Makefile builds for the compiler's target; made by cynf-gen, DO NOT EDIT. */
#define CYNF_VERSION "@VERSION@"
#define CYNF_CARRIED_OPS "cynf-ops.inc"
#define CYNF_HAVE_CPU_FEATURES 0
#define CYNF_HAVE_SLEEF 0
#define CYNF_HAVE_SCALAR 1
#define CYNF_HAVE_SCALAR_FMA 0
#define CYNF_DESCRIBED 0
#if defined(__x86_64__)
#define CYNF_HAVE_SSE41 1
#define CYNF_HAVE_AVX2 1
#define CYNF_HAVE_AVX512 1
#else
#define CYNF_HAVE_SSE41 0
#define CYNF_HAVE_AVX2 0
#define CYNF_HAVE_AVX512 0
#endif
#if defined(__aarch64__)
#define CYNF_HAVE_NEON 1
#else
#define CYNF_HAVE_NEON 0
#endif
