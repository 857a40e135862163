/* SPDX-License-Identifier: MIT */
/** Which instruction sets this CPU has (cpu_features), the mask, and the machine that is assumed before anything was measured. */
#include <string.h>
#include <unistd.h>

#include "cynf-config.h"
#include "cynf/kernels.h"

#if CYNF_HAVE_CPU_FEATURES && (defined(__x86_64__) || defined(__i386__))
#include <cpu_features/cpuinfo_x86.h>
#endif

static unsigned isa_mask = ~0u, target;

static const struct {
    const char *name;
    int lanes;
} isa_info[CYNF_ISA_COUNT] = {
    [CYNF_ISA_SCALAR] = {"scalar", 1}, [CYNF_ISA_SSE41] = {"sse41", 4}, [CYNF_ISA_AVX2] = {"avx2", 8},
    [CYNF_ISA_AVX512] = {"avx512", 16}, [CYNF_ISA_NEON] = {"neon", 4},
};

const char *cynf_isa_name(cynf_isa isa) { return (unsigned)isa < CYNF_ISA_COUNT ? isa_info[isa].name : "?"; }
int cynf_isa_lanes(cynf_isa isa) { return isa_info[isa].lanes; }

/* An unknown feature counts as absent. */
static unsigned detect(void)
{
    unsigned found = 1u << CYNF_ISA_SCALAR;
#if CYNF_HAVE_CPU_FEATURES && defined(__x86_64__)
    const X86Features f = GetX86Info().features;
    if (CYNF_HAVE_SSE41 && f.sse4_1)
        found |= 1u << CYNF_ISA_SSE41;
    if (CYNF_HAVE_AVX2 && f.avx2 && f.fma3)
        found |= 1u << CYNF_ISA_AVX2;
    if (CYNF_HAVE_AVX512 && f.avx512f && f.avx512bw && f.avx512dq && f.avx512vl && f.avx2 && f.fma3)
        found |= 1u << CYNF_ISA_AVX512;
#elif defined(__x86_64__)
    if (CYNF_HAVE_SSE41 && __builtin_cpu_supports("sse4.1"))
        found |= 1u << CYNF_ISA_SSE41;
    if (CYNF_HAVE_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found |= 1u << CYNF_ISA_AVX2;
    if (CYNF_HAVE_AVX512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found |= 1u << CYNF_ISA_AVX512;
#elif defined(__aarch64__)
    if (CYNF_HAVE_NEON) /* part of the base architecture */
        found |= 1u << CYNF_ISA_NEON;
#endif
    return found;
}

unsigned cynf_cpu_isas(void)
{
    static unsigned detected;
    if (target)
        return target;
    if (!detected)
        detected = detect();
    return detected & (isa_mask | 1u << CYNF_ISA_SCALAR);
}

void cynf_cpu_set_mask(unsigned mask) { isa_mask = mask; }
void cynf_cpu_set_target(unsigned isas) { target = isas; }

bool cynf_cpu_parse_mask(const char *text, unsigned *mask)
{
    unsigned m = 1u << CYNF_ISA_SCALAR;
    while (*text) {
        const size_t n = strcspn(text, ",");
        int isa = 0;
        if (n == 3 && !strncmp(text, "all", 3)) {
            m = ~0u;
        } else {
            while (isa < CYNF_ISA_COUNT && (strlen(isa_info[isa].name) != n || strncmp(text, isa_info[isa].name, n)))
                isa++;
            if (isa == CYNF_ISA_COUNT)
                return false;
            m |= isa == CYNF_ISA_NEON ? 1u << isa : (2u << isa) - 1;
        }
        text += n;
        text += *text == ',';
    }
    *mask = m;
    return true;
}

cynf_isa cynf_cpu_best(void)
{
    const unsigned isas = cynf_cpu_isas();
    int isa = CYNF_ISA_COUNT - 1;
    while (!(isas >> isa & 1))
        isa--;
    return (cynf_isa)isa;
}

static int64_t cache_bytes(int name, int64_t otherwise)
{
    const long n = target ? 0 : sysconf(name);
    return n > 0 ? n : otherwise;
}

const cynf_machine *cynf_machine_default(void)
{
    static cynf_machine m;
    static unsigned of;
    if (!m.cores || of != target) {
        /* A 3 GHz core: FLOP/cycle 4, 16, 32, 64 and 16, bytes/cycle of a server core. Only ratios matter to the choice. */
        static const double gflops[CYNF_ISA_COUNT] = {6, 24, 96, 192, 48}, gbps[4] = {250, 120, 50, 15};
        memcpy(m.gflops, gflops, sizeof gflops);
        memcpy(m.gbps, gbps, sizeof gbps);
        m.cache_bytes[0] = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10);
        m.cache_bytes[1] = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10);
        const int64_t last = cache_bytes(_SC_LEVEL3_CACHE_SIZE, 2 << 20), share = 64 << 20; /* servers have more, for dozens of cores and their tenants */
        m.cache_bytes[2] = last < share ? last : share;
        m.cores = (int32_t)cache_bytes(_SC_NPROCESSORS_ONLN, 1);
        of = target;
    }
    return &m;
}
