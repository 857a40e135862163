/* SPDX-License-Identifier: MIT */
/**
 * Complex FFT of n x n tiles, a vector of channels in each element; include after simd.h.
 *
 * In place, radix 4 with a last step of radix 2 where n is no power of 4: decimation in frequency forward, which leaves bit-reversed order, and its
 * adjoint, decimation in time, backward, which starts from it; so nothing is ever permuted (Van Loan, "Computational Frameworks for the Fast
 * Fourier Transform", SIAM 1992, sections 1.9 and 2.4). Neither scales. Element (y, x) lies at z + y * cynf_fft_row(n, VL) + x * 2 * VL: the vector of
 * real parts, then that of imaginary parts.
 */
#ifndef CYNF_FFT_H
#define CYNF_FFT_H

#include "kernels/fft/fft_layout.h"
#include "kernels/patch.h"

typedef struct fft_vc {
    vf re, im;
} fft_vc;

static CYNF_INLINE fft_vc fft_load(const float *p) { return (fft_vc){vf_load(p), vf_load(p + VL)}; }
static CYNF_INLINE fft_vc fft_add(fft_vc a, fft_vc b) { return (fft_vc){vf_add(a.re, b.re), vf_add(a.im, b.im)}; }
static CYNF_INLINE fft_vc fft_sub(fft_vc a, fft_vc b) { return (fft_vc){vf_sub(a.re, b.re), vf_sub(a.im, b.im)}; }
/** a + i b. */
static CYNF_INLINE fft_vc fft_add_i(fft_vc a, fft_vc b) { return (fft_vc){vf_sub(a.re, b.im), vf_add(a.im, b.re)}; }
/** a - i b. */
static CYNF_INLINE fft_vc fft_sub_i(fft_vc a, fft_vc b) { return (fft_vc){vf_add(a.re, b.im), vf_sub(a.im, b.re)}; }
static CYNF_INLINE void fft_store(float *p, fft_vc a)
{
    vf_store(p, a.re);
    vf_store(p + VL, a.im);
}

/** a exp(-2 pi i k / 64), or, backward, a exp(2 pi i k / 64). */
static CYNF_INLINE fft_vc fft_turn(fft_vc a, int k, const bool forward)
{
    static const float cosine[CYNF_FFT_MAX] = {
        1.0f, 0.995184727f, 0.98078528f, 0.956940336f, 0.923879533f, 0.881921264f, 0.831469612f, 0.773010453f,
        0.707106781f, 0.634393284f, 0.555570233f, 0.471396737f, 0.382683432f, 0.290284677f, 0.195090322f, 0.0980171403f,
        0.0f, -0.0980171403f, -0.195090322f, -0.290284677f, -0.382683432f, -0.471396737f, -0.555570233f, -0.634393284f,
        -0.707106781f, -0.773010453f, -0.831469612f, -0.881921264f, -0.923879533f, -0.956940336f, -0.98078528f, -0.995184727f,
        -1.0f, -0.995184727f, -0.98078528f, -0.956940336f, -0.923879533f, -0.881921264f, -0.831469612f, -0.773010453f,
        -0.707106781f, -0.634393284f, -0.555570233f, -0.471396737f, -0.382683432f, -0.290284677f, -0.195090322f, -0.0980171403f,
        0.0f, 0.0980171403f, 0.195090322f, 0.290284677f, 0.382683432f, 0.471396737f, 0.555570233f, 0.634393284f,
        0.707106781f, 0.773010453f, 0.831469612f, 0.881921264f, 0.923879533f, 0.956940336f, 0.98078528f, 0.995184727f,
    };
    const vf c = vf_set1(cosine[k]), s = vf_set1(cosine[(k + 48) % 64]);
    if (forward)
        return (fft_vc){vf_fma(a.re, c, vf_mul(a.im, s)), vf_fnma(a.re, s, vf_mul(a.im, c))};
    return (fft_vc){vf_fnma(a.im, s, vf_mul(a.re, c)), vf_fma(a.re, s, vf_mul(a.im, c))};
}

/** Butterfly j of a radix-4 step over len elements that lie s apart, k = j * 64 / len. */
static CYNF_INLINE void fft_radix4(float *z, ptrdiff_t s, const int len, int k, const bool forward)
{
    const ptrdiff_t q = s * (len / 4);
    const fft_vc a = fft_load(z);
    fft_vc b = fft_load(z + q), c = fft_load(z + 2 * q), d = fft_load(z + 3 * q);
    if (forward) {
        const fft_vc s0 = fft_add(a, c), s1 = fft_sub(a, c), t0 = fft_add(b, d), t1 = fft_sub(b, d);
        b = fft_sub(s0, t0);
        c = fft_sub_i(s1, t1);
        d = fft_add_i(s1, t1);
        fft_store(z, fft_add(s0, t0));
        fft_store(z + q, k ? fft_turn(b, 2 * k, true) : b);
        fft_store(z + 2 * q, k ? fft_turn(c, k, true) : c);
        fft_store(z + 3 * q, k ? fft_turn(d, 3 * k, true) : d);
    } else {
        if (k) {
            b = fft_turn(b, 2 * k, false);
            c = fft_turn(c, k, false);
            d = fft_turn(d, 3 * k, false);
        }
        const fft_vc s0 = fft_add(a, b), s1 = fft_sub(a, b), t0 = fft_add(c, d), t1 = fft_sub(c, d);
        fft_store(z, fft_add(s0, t0));
        fft_store(z + q, fft_add_i(s1, t1));
        fft_store(z + 2 * q, fft_sub(s0, t0));
        fft_store(z + 3 * q, fft_sub_i(s1, t1));
    }
}

/** All butterflies of one step of an n-point transform; len divides n. */
static CYNF_INLINE void fft_step4(float *z, ptrdiff_t s, const int n, const int len, const bool forward)
{
    for (int i = 0; i < n; i += len)
        fft_radix4(z + i * s, s, len, 0, forward);
#pragma GCC unroll 1
    for (int j = 1; j < len / 4; j++)
        for (int i = 0; i < n; i += len)
            fft_radix4(z + (i + j) * s, s, len, j * (64 / len), forward);
}

static CYNF_INLINE void fft_step2(float *z, ptrdiff_t s, const int n)
{
    for (int i = 0; i < n; i += 2) {
        const fft_vc a = fft_load(z + i * s), b = fft_load(z + (i + 1) * s);
        fft_store(z + i * s, fft_add(a, b));
        fft_store(z + (i + 1) * s, fft_sub(a, b));
    }
}

/** One line of n elements that lie s apart. */
static CYNF_INLINE void fft_line(float *z, ptrdiff_t s, const int n, const bool forward)
{
    const bool odd = n == 8 || n == 32;
    if (odd && !forward)
        fft_step2(z, s, n);
    if (forward) {
        fft_step4(z, s, n, n, true);
        if (n >= 16)
            fft_step4(z, s, n, n / 4, true);
        if (n >= 64)
            fft_step4(z, s, n, n / 16, true);
    } else {
        if (n >= 64)
            fft_step4(z, s, n, n / 16, false);
        if (n >= 16)
            fft_step4(z, s, n, n / 4, false);
        fft_step4(z, s, n, n, false);
    }
    if (odd && forward)
        fft_step2(z, s, n);
}

/** Forward in both dimensions; only the rows y0 ... y1 - 1 are not zero. */
static CYNF_INLINE void cynf_fft2_forward(const int n, int y0, int y1, float *z)
{
    const ptrdiff_t rs = cynf_fft_row(n, VL);
    for (int i = y0; i < y1 + n; i++)
        if (i < y1)
            fft_line(z + i * rs, 2 * VL, n, true);
        else
            fft_line(z + (i - y1) * 2 * VL, rs, n, true);
}

/** Backward in both dimensions; of the result only the first rows rows. */
static CYNF_INLINE void cynf_fft2_backward(const int n, int rows, float *z)
{
    const ptrdiff_t rs = cynf_fft_row(n, VL);
    for (int i = 0; i < n + rows; i++)
        if (i < n)
            fft_line(z + i * 2 * VL, rs, n, false);
        else
            fft_line(z + (i - n) * rs, 2 * VL, n, false);
}

/**
 * z = F of the input tiles q and q + 1 of a grid over one image: the first lanes lanes of the vectors at image, pixel (0, 0) of h x w. An odd number of tiles is
 * filled up by one of zeros.
 */
static CYNF_INLINE void cynf_fft_forward_pair(const int n, const cynf_fft_grid *t, int q, const float *image, const cynf_view *v, int h, int w, int lanes, float *z)
{
    int y0 = n, y1 = 0; /* the rows that are not all zero */
    for (int part = 0; part < 2; part++) {
        const int rows = q + part < t->tiles ? h : 0, iy = (q + part) / t->tx * t->sy - t->pt, ix = (q + part) % t->tx * t->sx - t->pl;
        const int lo = iy < 0 ? -iy : 0, hi = rows - iy < n ? rows - iy : n;
        cynf_patch_load(image, v, rows, w, iy, ix, n, n, lanes, z + part * VL, cynf_fft_row(n, VL), 2 * VL);
        if (lo < hi) {
            y0 = lo < y0 ? lo : y0;
            y1 = hi > y1 ? hi : y1;
        }
    }
    cynf_fft2_forward(n, y0 < y1 ? y0 : y1, y1, z);
}

#endif
