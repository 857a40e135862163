/* SPDX-License-Identifier: MIT */
/** Spectra of kernels, in double precision, for packing. */
#ifndef CYNF_FFT_SPECTRUM_H
#define CYNF_FFT_SPECTRUM_H

#include <stddef.h>

#include "kernels/fft/fft_layout.h"

/**
 * out[pair] = 1/n^2 sum_{y < kh, x < kw} w[(y * kw + x) * stride] exp(2 pi i (y fy + x fx) / n) for the pairs (f, -f) of an n x n tile, in their order: what
 * a tile's spectrum is to be multiplied with so that the unscaled backward transform gives the correlation of tile and kernel.
 */
void cynf_fft_spectrum(int n, int kh, int kw, const float *w, size_t stride, double (*out)[2]);

#endif
