/* SPDX-License-Identifier: MIT */
/** Spectra of kernels by their definition, one dimension after the other. */
#include "kernels/fft/spectrum.h"

#include <math.h>

#define PI 3.14159265358979323846

/** The frequency at index i. */
static int bit_reversed(int n, int i)
{
    int f = 0;
    for (; n > 1; n /= 2, i /= 2)
        f = 2 * f + i % 2;
    return f;
}

void cynf_fft_spectrum(int n, int kh, int kw, const float *w, size_t stride, double (*out)[2])
{
    double root[CYNF_FFT_MAX][2], rows[CYNF_FFT_MAX][CYNF_FFT_MAX][2];
    for (int k = 0; k < n; k++) {
        root[k][0] = cos(2 * PI * k / n);
        root[k][1] = sin(2 * PI * k / n);
    }
    for (int y = 0; y < kh; y++)
        for (int i = 0; i < n; i++) {
            const int f = bit_reversed(n, i);
            double re = 0, im = 0;
            for (int x = 0; x < kw; x++) {
                const double tap = (double)w[(size_t)(y * kw + x) * stride];
                re += tap * root[x * f % n][0];
                im += tap * root[x * f % n][1];
            }
            rows[y][i][0] = re;
            rows[y][i][1] = im;
        }
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) {
            const int f = bit_reversed(n, j);
            double re = 0, im = 0;
            bool real;
            if (!cynf_fft_first_of_pair(j, i, &real))
                continue;
            for (int y = 0; y < kh; y++) {
                const double *r = root[y * f % n], *row = rows[y][i];
                re += row[0] * r[0] - row[1] * r[1];
                im += row[0] * r[1] + row[1] * r[0];
            }
            (*out)[0] = re / (n * n);
            (*out)[1] = real ? 0 : im / (n * n);
            out++;
        }
}
