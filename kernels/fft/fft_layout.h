/* SPDX-License-Identifier: MIT */
/**
 * Convolution by FFT of square tiles of n x n pixels, n a power of two from 8 to 64: the order of the coefficients, and what a tile computes.
 *
 * Two tiles with real pixels, a and b, are transformed as one complex tile z = a + i b. The kernel is real, so the product of Z with its spectrum W
 * convolves both at once, and coefficient -f sees the conjugate of what f sees: Z(-f)* W(f)  = (Z(-f) W(-f))*. So (f, -f) is one product of the two rows
 * Z(f), Z(-f)* with W(f); nothing has to be untangled. The four f = -f (0 or n/2 in both dimensions) have a real W: rows Re Z, Im Z.
 * A spectrum is stored as it leaves the forward transform, in bit-reversed order; the inverse starts from there.
 */
#ifndef CYNF_FFT_LAYOUT_H
#define CYNF_FFT_LAYOUT_H

#include "kernels/kernel.h"

#define CYNF_FFT_MAX 64

/** Where the frequency -f is stored, f being the one at index i: in bit-reversed order the indices 2^j ... 2^(j+1) - 1 mirror each other. */
static CYNF_INLINE int cynf_fft_mirror(int i)
{
    return i < 2 ? i : (3 << (31 - __builtin_clz((unsigned)i))) - 1 - i;
}

/** Pairs (f, -f) of an n x n spectrum, the four f = -f counted as pairs. */
static CYNF_INLINE int cynf_fft_pairs(int n)
{
    return n * n / 2 + 2;
}

/** Whether index (y, x) stands for its pair, and, if so, in *real whether it is its own mirror. Pairs are counted in the order y, x. */
static CYNF_INLINE bool cynf_fft_first_of_pair(int y, int x, bool *real)
{
    const int my = cynf_fft_mirror(y), mx = cynf_fft_mirror(x);
    *real = my == y && mx == x;
    return my > y || (my == y && mx >= x);
}

/**
 * Outputs of a tile along an axis of in pixels, out outputs, k taps, pad zeros before. Overlap-save gives n - k + 1. But where all outputs need no
 * more than n pixels that are not zero, a single tile gives them all: what wraps around are zeros of the padding.
 */
static CYNF_INLINE int cynf_fft_step(int n, int in, int out, int k, int pad)
{
    return out <= n && pad + in <= n && out + k - 1 - n <= pad ? out : n - k + 1;
}

/** The tiles of an image: tx a row, sy x sx outputs each, the first at (-pt, -pl) of the input. */
typedef struct cynf_fft_grid {
    int32_t tiles, tx, sy, sx, pt, pl;
} cynf_fft_grid;

static CYNF_INLINE cynf_fft_grid cynf_fft_grid_of(int n, int h, int w, int oh, int ow, int kh, int kw, int pt, int pl)
{
    const int sy = cynf_fft_step(n, h, oh, kh, pt), sx = cynf_fft_step(n, w, ow, kw, pl), tx = CYNF_CEIL_DIV(ow, sx);
    return (cynf_fft_grid){CYNF_CEIL_DIV(oh, sy) * tx, tx, sy, sx, pt, pl};
}

/** Elements of a complex tile: rows of n vectors of real, then imaginary parts, one vector pair apart so that columns spread over the cache's sets. */
static CYNF_INLINE ptrdiff_t cynf_fft_row(int n, int v)
{
    return (ptrdiff_t)(n + 1) * 2 * v;
}

static CYNF_INLINE size_t cynf_fft_tile_bytes(int n, int v)
{
    return CYNF_ROUND_UP((size_t)n * (size_t)cynf_fft_row(n, v) * 4, 64);
}

/** Vector instructions of one transform of a tile, loads and stores among them, for cost models: radix-4 butterflies of about 44. */
static inline double cynf_fft_vectors(int n)
{
    return 44.0 / 4 * n * n * __builtin_log2(n);
}

/** Without those 16: 8 complex additions, and 3 products by twiddle factors. */
static inline double cynf_fft_arithmetic(int n)
{
    return 28.0 / 4 * n * n * __builtin_log2(n);
}

/**
 * Error of channels products summed in the transform domain, in units of 2^-24 max|x| max|w|. By Parseval an output's error is at most the relative error of
 * transforms (about 5 roundings a radix-2 step, forward and back: Higham, "Accuracy and Stability of Numerical Algorithms", section 24.1) and
 * products (at most 4 terms of the size of |Z W|) times the norms of a pair of tiles and of the kernel.
 */
static inline double cynf_fft_error(int n, int kh, int kw, int channels)
{
    const double steps = 2 * __builtin_log2(n), norms = __builtin_sqrt(2.0 * n * n * kh * kw);
    return norms * channels * (10 * steps + 4 * (channels + 3));
}

#endif
