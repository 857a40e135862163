/* SPDX-License-Identifier: MIT */
/** Calibration: best of short runs, so that what other processes do hardly shows. */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cynf-config.h"
#include "kernels/kernel.h"
#include "tune/calibrate.h"
#include "tune/timer.h"

extern const cynf_probe cynf_probe__scalar, cynf_probe__sse41, cynf_probe__avx2, cynf_probe__avx512, cynf_probe__neon;

const cynf_probe *cynf_probe_of(cynf_isa isa)
{
    static const cynf_probe *const probes[CYNF_ISA_COUNT] = {
        [CYNF_ISA_SCALAR] = &cynf_probe__scalar,
#if CYNF_HAVE_SSE41
        [CYNF_ISA_SSE41] = &cynf_probe__sse41,
#endif
#if CYNF_HAVE_AVX2
        [CYNF_ISA_AVX2] = &cynf_probe__avx2,
#endif
#if CYNF_HAVE_AVX512
        [CYNF_ISA_AVX512] = &cynf_probe__avx512,
#endif
#if CYNF_HAVE_NEON
        [CYNF_ISA_NEON] = &cynf_probe__neon,
#endif
    };
    return probes[isa];
}

#define PASSES 4 /* over everything, so that a slow moment does not spoil one figure alone */
#define SIZES 5  /* halves of the largest amount of data that is read from the last level of the caches or from memory */

static double gflops(const cynf_probe *p)
{
    const int64_t rounds = 20000;
    double best = INFINITY;
    for (int i = 0; i < 10; i++) {
        const double start = cynf_now();
        volatile float sink = p->fma(rounds);
        (void)sink;
        best = fmin(best, cynf_now() - start);
    }
    return (double)rounds * p->flops / best * 1e-9;
}

/* Bytes per ns of repeated reads of the first bytes of p. */
static double gbps(const cynf_probe *p, const float *data, size_t bytes)
{
    const size_t n = bytes / sizeof(float) / 128 * 128;
    const int repeats = (int)fmax(1, 2e6 / (double)bytes);
    double best = INFINITY;
    for (int i = 0; i < 5; i++) {
        const double start = cynf_now();
        for (int k = 0; k < repeats; k++) {
            volatile float sink = p->read(data, n);
            (void)sink;
        }
        best = fmin(best, (cynf_now() - start) / repeats);
    }
    return (double)(n * sizeof(float)) / best * 1e-9;
}

/* Level 1 (data), 2 or 3 as Linux tells it, or 0. */
static int64_t cache_bytes(int level)
{
    for (int index = 0; index < 8; index++) {
        char path[96], type[32] = "";
        int found = 0;
        long kib = 0;
        static const char *const names[] = {"level", "type", "size"};
        for (int i = 0; i < 3; i++) {
            snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, names[i]);
            FILE *f = fopen(path, "re");
            if (!f)
                return 0;
            const int got = i == 0 ? fscanf(f, "%d", &found) : i == 1 ? fscanf(f, "%31s", type) : fscanf(f, "%ldK", &kib);
            fclose(f);
            if (got != 1)
                return 0;
        }
        if (found == level && strcmp(type, "Instruction"))
            return kib << 10;
    }
    return 0;
}

void cynf_calibrate(cynf_machine *out)
{
    *out = *cynf_machine_default();
    for (int i = 0; i < 3; i++) {
        const int64_t bytes = cache_bytes(i + 1);
        if (bytes > 0)
            out->cache_bytes[i] = bytes;
    }
    cpu_set_t allowed;
    if (!sched_getaffinity(0, sizeof allowed, &allowed))
        out->cores = CPU_COUNT(&allowed);
    memset(out->gflops, 0, sizeof out->gflops);
    for (int pass = 0; pass < PASSES; pass++)
        for (int isa = 0; isa < CYNF_ISA_COUNT; isa++)
            if (cynf_cpu_isas() >> isa & 1)
                out->gflops[isa] = fmax(out->gflops[isa], gflops(cynf_probe_of((cynf_isa)isa)));

    const size_t most = (size_t)fmin(2.0 * (double)out->cache_bytes[2], 128 << 20);
    float *data = aligned_alloc(64, CYNF_ROUND_UP(most, 64));
    if (!data)
        return;
    memset(data, 0, most);
    const cynf_probe *const probe = cynf_probe_of(cynf_cpu_best());
    double near[2] = {0}, sizes[SIZES] = {0};
    for (int pass = 0; pass < PASSES; pass++) {
        for (int level = 0; level < 2; level++)
            if (out->cache_bytes[level] / 2 >= 4096 && (size_t)out->cache_bytes[level] / 2 <= most)
                out->gbps[level] = near[level] = fmax(near[level], gbps(probe, data, (size_t)out->cache_bytes[level] / 2)); /* half a cache is surely in it */
        for (int i = 0; i == 0 || (i < SIZES && most >> i >= 4 * (size_t)out->cache_bytes[1]); i++)
            sizes[i] = fmax(sizes[i], gbps(probe, data, most >> i));
    }
    free(data);
    int smallest = 0;
    while (smallest + 1 < SIZES && sizes[smallest + 1] > 0)
        smallest++;
    out->gbps[2] = sizes[smallest];
    out->gbps[3] = sizes[0];
    /* The last level is as large as what is read at its speed: others have the rest of a shared one. */
    int holds = 0;
    while (sizes[holds] < 0.75 * sizes[smallest])
        holds++;
    if (holds && out->cache_bytes[2] > (int64_t)(most >> holds))
        out->cache_bytes[2] = (int64_t)(most >> holds);
}

double cynf_roofline(const cynf_problem *p, const cynf_machine *m, int32_t threads, const char **limit)
{
    double peak = 0, elems = 0;
    for (int i = 0; i < CYNF_ISA_COUNT; i++)
        if (cynf_cpu_isas() >> i & 1)
            peak = fmax(peak, m->gflops[i]);
    size_t weights[4];
    cynf_geometry_weights(p->op, &p->u, weights);
    for (int i = 0; i < 4; i++)
        elems += (double)weights[i];
    for (int i = -1; i < cynf_geometry_inputs(p->op, &p->u); i++)
        elems += (double)cynf_geometry_extent(p->op, &p->u, i);
    const double bytes = elems * sizeof(float);
    int level = 0;
    while (level < 3 && bytes > (double)m->cache_bytes[level])
        level++;
    /* Each core has its own first two levels; the others are shared. */
    const double bandwidth = m->gbps[level] * (level < 2 ? threads : 1);
    static const char *const levels[] = {"L1", "L2", "L3", "DRAM"};
    const double compute = cynf_geometry_flops(p->op, &p->u) / (peak * threads), memory = bytes / bandwidth;
    if (limit)
        *limit = compute > memory ? "FMA" : levels[level];
    return fmax(compute, memory) * 1e-9;
}

double cynf_kernel_limit(const cynf_kernel *k, const cynf_problem *p, const cynf_machine *m, int32_t threads)
{
    return k->algo->limit ? k->algo->limit(&p->u, k->tile, k->isa, m) / threads : cynf_roofline(p, m, threads, NULL);
}
