/* SPDX-License-Identifier: MIT */
#include "kernels/winograd/weights.h"

/* Rows of G: what the transform takes of the three taps of a row or column. */
static const double g43[6][3] = {{1.0 / 4, 0, 0}, {-1.0 / 6, -1.0 / 6, -1.0 / 6}, {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6}, {1.0 / 24, -1.0 / 12, 1.0 / 6}, {0, 0, 1}};
static const double g63[8][3] = {{1, 0, 0}, {-2.0 / 9, -2.0 / 9, -2.0 / 9}, {-2.0 / 9, 2.0 / 9, -2.0 / 9}, {1.0 / 90, 1.0 / 45, 2.0 / 45},
    {1.0 / 90, -1.0 / 45, 2.0 / 45}, {32.0 / 45, 16.0 / 45, 8.0 / 45}, {32.0 / 45, -16.0 / 45, 8.0 / 45}, {0, 0, 1}};
static const double g23[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

void cynf_winograd_weights(int m, const float *w, size_t stride, float *u)
{
    const double(*const rows)[3] = m == 6 ? g63 : m == 4 ? g43 : g23;
    const int e = m + 2;
    for (int i = 0; i < e; i++) {
        double half[3] = {0};
        for (size_t x = 0; x < 3; x++)
            for (size_t y = 0; y < 3; y++)
                half[x] += rows[i][y] * (double)w[(y * 3 + x) * stride];
        for (int j = 0; j < e; j++)
            u[i * e + j] = (float)(half[0] * rows[j][0] + half[1] * rows[j][1] + half[2] * rows[j][2]);
    }
}

double cynf_winograd_error(int m, int ic)
{
    const double norm = m == 6 ? 68 : m == 4 ? 48 : 8;
    return norm * norm * ic * (ic + 24);
}
