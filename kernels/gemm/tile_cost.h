/* SPDX-License-Identifier: MIT */
/** What a matrix product costs in register tiles; the cost models of conv2d, fc and whatever else ends in a micro-kernel share it. */
#ifndef CYNF_TILE_COST_H
#define CYNF_TILE_COST_H

#include "kernels/kernel.h"

/** Bytes per ns from the smallest cache that holds bytes beside something else (half of it). */
static inline double cynf_level_gbps(const cynf_machine *m, double bytes)
{
    int level = 0;
    while (level < 3 && bytes > (double)m->cache_bytes[level] / 2)
        level++;
    return m->gbps[level];
}

/**
 * Seconds for tiles full tiles of mr rows and one of tail rows (0: none), each over k products and n columns: the multiply-adds of padded columns
 * and of tiles too small to hide the latency included, or the time to stream the panel once a tile, whichever is longer; plus start and store.
 */
static inline double cynf_tile_cost(double tiles, int tail, double k, int n, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const double fma_ns = 2.0 * t.v / m->gflops[isa], latency = 8; /* ns of a vector multiply-add; how many must be in flight */
    const double registers = isa == CYNF_ISA_AVX512 || isa == CYNF_ISA_NEON ? 32 : 16, spill = t.mr * t.nv + t.nv + 1 > registers ? 2 : 1;
    double ns = 0;
    for (int n0 = 0; n0 < n; n0 += t.nv * t.v) {
        const int left = CYNF_CEIL_DIV(n - n0, t.v), nv = left < t.nv ? left : t.nv;
        const double stream = 4.0 * nv * t.v / cynf_level_gbps(m, 4.0 * k * nv * t.v);
        for (int part = 0; part < 2; part++) {
            const double count = part ? tail > 0 : tiles, accs = (part ? tail : t.mr) * nv;
            double step = (accs > latency ? accs : latency) * fma_ns * spill;
            /* Rows that are masked cost a branch each, and a tile's operands come through the load ports. */
            step += ((part ? 0.5 : 0.0) * t.mr + 0.06 * (t.mr + nv)) * fma_ns;
            ns += count * ((step > stream ? step : stream) * k + 6 * accs * fma_ns + 10);
        }
    }
    return ns * 1e-9;
}

#endif
