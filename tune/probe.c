/* SPDX-License-Identifier: MIT */
/** The probes over one instruction set's vocabulary; compiled once per set, CYNF_PROBE being the table's name. */
#include "simd.h"

#include "tune/probe.h"

#define LAUNDER(p) __asm__ volatile("" : "+r"(p) : : "memory") /* the compiler forgets what p points to */

static float fma_rounds(int64_t rounds)
{
    float operand[7 * VL] __attribute__((aligned(64)));
    for (int i = 0; i < 7 * VL; i++)
        operand[i] = 1e-6f;
    const float *p = operand;
    vf acc[12];
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
        acc[i] = vf_zero();
    LAUNDER(p); /* equal operands must not merge accumulators */
    vf a[4]; /* in registers where there are enough, or else loads would be the limit */
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        a[i] = vf_load(p + (3 + i) * VL);
    for (int64_t r = 0; r < rounds; r++) {
        LAUNDER(p);
        vf b[3];
#pragma GCC unroll 3
        for (int j = 0; j < 3; j++)
            b[j] = vf_load(p + j * VL);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const vf ai = VREGS >= 32 ? a[i] : vf_load(p + (3 + i) * VL);
#pragma GCC unroll 3
            for (int j = 0; j < 3; j++)
                acc[3 * i + j] = vf_fma(ai, b[j], acc[3 * i + j]);
        }
    }
    vf sum = vf_zero();
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
        sum = vf_add(sum, acc[i]);
    return vf_hsum(sum);
}

static float read_all(const float *p, size_t n)
{
    vf acc[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        acc[i] = vf_zero();
    for (size_t at = 0; at < n; at += 8 * VL)
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            acc[i] = vf_max(acc[i], vf_load(p + at + (size_t)i * VL));
    vf most = acc[0];
#pragma GCC unroll 8
    for (int i = 1; i < 8; i++)
        most = vf_max(most, acc[i]);
    return vf_hmax(most);
}

extern const cynf_probe CYNF_PROBE;
const cynf_probe CYNF_PROBE = {2 * 12 * VL, fma_rounds, read_all};
