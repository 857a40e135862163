/* SPDX-License-Identifier: MIT */
/**
 * The register tile of a matrix product, shared by every algorithm that ends in one; include after simd.h.
 *
 *     acc[m][v] += sum_{k' < k}  a[off[m] + k'] * b[k' * b_rs + v*VL ...]        m < mr rows, v < nv vectors
 *
 * A row is anything whose k elements are contiguous (a pixel's channels, a row of a matrix); b is a packed panel. After Goto and van
 * de Geijn, "Anatomy of High-Performance Matrix Multiplication" (TOMS 2008); the rows are not packed (BLIS calls this the "unpacked A" form,
 * XNNPACK an indirect GEMM): at these sizes they come from L1 or L2 as they are. mr and nv are literals wherever speed matters, and
 * mr * nv + nv + 1 <= VREGS keeps the tile in registers.
 */
#ifndef CYNF_MICROKERNEL_H
#define CYNF_MICROKERNEL_H

#include "kernels/act.h"

#define CYNF_MR_MAX 28
#define CYNF_NV_MAX 4

/** The statement for a last panel of fewer columns than the others, whose vectors it finds as the literal nv. */
#if CYNF_LITERAL
#define CYNF_NARROW_PANEL(columns, ...) \
    do { \
        const int nv = CYNF_CEIL_DIV(columns, t.v); \
        if (nv) \
            __VA_ARGS__; \
    } while (0)
#else
#define CYNF_NARROW_VECTORS(vectors, ...) \
    case vectors: { \
        const int nv = vectors; \
        if (t.nv > nv) \
            __VA_ARGS__; \
        break; \
    }
#define CYNF_NARROW_PANEL(columns, ...) \
    switch (CYNF_CEIL_DIV(columns, t.v)) { \
        CYNF_NARROW_VECTORS(1, __VA_ARGS__) \
        CYNF_NARROW_VECTORS(2, __VA_ARGS__) \
        CYNF_NARROW_VECTORS(3, __VA_ARGS__) \
    }
#endif

/** The mask of the first n rows. */
#define CYNF_ROWS(n) ((uint32_t)((UINT64_C(1) << (n)) - 1))

/** acc[m][v] = bias[v*VL ...] for all rows. */
static CYNF_INLINE void cynf_tile_init(const int mr, const int nv, const float *bias, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            acc[m][v] = vf_load(bias + v * VL);
}

/** acc[m][v] = 0. */
static CYNF_INLINE void cynf_tile_zero(const int mr, const int nv, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
#pragma GCC unroll 32
    for (int m = 0; m < mr; m++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            acc[m][v] = vf_zero();
}

/**
 * What a product asks the second-level cache for beside each row of b: lines cache lines, the first pace elements behind those of the row before it. Where b comes from
 * further away, the processor's own read-ahead does not keep up: it starts anew on every page, which is every few rows.
 */
typedef struct cynf_ahead {
    const float *at; /**< for the first row */
    ptrdiff_t pace;
    const char *next; /**< with asks: a line beside each row, the first next_pace bytes behind that of the row before it */
    ptrdiff_t next_pace;
} cynf_ahead;

static CYNF_INLINE void cynf_tile_fma_masked(const int mr, const int nv, uint32_t rows, const int lines, const bool asks, cynf_ahead ahead, int k, const float *a,
    const ptrdiff_t *off, const float *b, ptrdiff_t b_rs, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    int c = 0;
#if VK > 1
    for (; c + VK <= k; c += VK, b += VK * b_rs) {
        vk ak[CYNF_MR_MAX];
#pragma GCC unroll 32
        for (int m = 0; m < mr; m++) /* a row that does not count reads something that is there */
            ak[m] = vk_load(rows >> m & 1 ? a + off[m] + c : b);
#pragma GCC unroll 4
        for (int lane = 0; lane < VK; lane++) {
            vk_fence();
            vf bv[CYNF_NV_MAX];
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                bv[v] = vf_load(b + lane * b_rs + v * VL);
#pragma GCC unroll 32
            for (int m = 0; m < mr; m++)
                if (rows >> m & 1)
#pragma GCC unroll 4
                    for (int v = 0; v < nv; v++)
                        acc[m][v] = vf_fmak(acc[m][v], bv[v], ak[m], lane);
        }
    }
#endif
    for (; c < k; c++, b += b_rs) {
#pragma GCC unroll 2
        for (int i = 0; i < lines; i++)
            __builtin_prefetch(ahead.at + c * ahead.pace + i * 16, 0, 2);
        if (asks)
            __builtin_prefetch(ahead.next + c * ahead.next_pace, 0, 2);
        vf bv[CYNF_NV_MAX];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            bv[v] = vf_load(b + v * VL);
        const float *at = a + c;
        __asm__("" : "+r"(at)); /* else GCC sees that pixels overlap, and carries elements from one round to the next in registers it lacks */
#pragma GCC unroll 32
        for (int m = 0; m < mr; m++)
            if (rows >> m & 1) {
                const vf x = vf_set1(at[off[m]]);
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++)
                    acc[m][v] = vf_fma(x, bv[v], acc[m][v]);
            }
    }
}

/**
 * The micro-kernel: adds k products to the rows of the tile whose bit is set in rows; the others are neither read nor changed. Each
 * element is summed in the order of k, whatever rows is. off[] is best computed from literals, where there are any, by the caller.
 */
static CYNF_INLINE void cynf_tile_fma(const int mr, const int nv, uint32_t rows, int k, const float *a, const ptrdiff_t *off, const float *b,
    ptrdiff_t b_rs, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    if (rows == CYNF_ROWS(mr))
        cynf_tile_fma_masked(mr, nv, CYNF_ROWS(mr), 0, false, (cynf_ahead){0}, k, a, off, b, b_rs, acc);
    else
        cynf_tile_fma_masked(mr, nv, rows, 0, false, (cynf_ahead){0}, k, a, off, b, b_rs, acc);
}

/** cynf_tile_fma that asks for what comes next, and with asks for ahead.next; vectors of four elements take so long that nothing has to be asked for. */
static CYNF_INLINE void cynf_tile_fma_ahead(const int mr, const int nv, uint32_t rows, const int lines, const bool asks, cynf_ahead ahead, int k, const float *a,
    const ptrdiff_t *off, const float *b, ptrdiff_t b_rs, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    const int asked = VL > 4 ? lines : 0;
    if (rows == CYNF_ROWS(mr))
        cynf_tile_fma_masked(mr, nv, CYNF_ROWS(mr), asked, VL > 4 && asks, ahead, k, a, off, b, b_rs, acc);
    else
        cynf_tile_fma_masked(mr, nv, rows, asked, VL > 4 && asks, ahead, k, a, off, b, b_rs, acc);
}

/**
 * Epilogue and store: adds the residual, if there is one, applies the activation if cynf_act_in_tile, and stores the first n <= nv*VL columns of
 * the rows in rows. Vector v of row m is stored at y + y_off[m] + y_ch[v] and its residual lies at r + r_off[m] + r_ch[v].
 */
static CYNF_INLINE void cynf_tile_finish(const int mr, const int nv, uint32_t rows, int n, const cynf_epilogue *e, const float *r,
    const ptrdiff_t *r_off, const ptrdiff_t *r_ch, float *y, const ptrdiff_t *y_off, const ptrdiff_t *y_ch, vf acc[CYNF_MR_MAX][CYNF_NV_MAX])
{
    if (e->residual)
#pragma GCC unroll 32
        for (int m = 0; m < mr; m++)
            if (rows >> m & 1)
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++) {
                    const int left = n - v * VL;
                    const float *p = r + r_off[m] + r_ch[v];
                    acc[m][v] = vf_add(acc[m][v], left >= VL ? vf_load(p) : vf_loadn(p, left > 0 ? left : 0));
                }
    if (e->act == CYNF_ACT_RELU || e->act == CYNF_ACT_CLIP) {
        const vf lo = vf_set1(e->act == CYNF_ACT_CLIP ? e->a : 0.0f), hi = vf_set1(e->act == CYNF_ACT_CLIP ? e->b : __builtin_inff());
#pragma GCC unroll 32
        for (int m = 0; m < mr; m++)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                acc[m][v] = vf_max(lo, acc[m][v]); /* NaN goes through */
                if (e->act == CYNF_ACT_CLIP)
                    acc[m][v] = vf_min(hi, acc[m][v]);
            }
    }
    if (n >= nv * VL) {
#pragma GCC unroll 32
        for (int m = 0; m < mr; m++)
            if (rows >> m & 1)
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++)
                    vf_store(y + y_off[m] + y_ch[v], acc[m][v]);
    } else {
#pragma GCC unroll 32
        for (int m = 0; m < mr; m++)
            if (rows >> m & 1)
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++) {
                    const int left = n - v * VL;
                    if (left >= VL)
                        vf_store(y + y_off[m] + y_ch[v], acc[m][v]);
                    else if (left > 0)
                        vf_storen(y + y_off[m] + y_ch[v], acc[m][v], left);
                }
    }
}

#endif
