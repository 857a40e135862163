/* SPDX-License-Identifier: MIT */
#include "kernels/winograd/weights.h"

#include <math.h>

/** Finite point i of e - 1. */
static double point(int e, int i)
{
    return i == 0 ? 0 : (i % 2 ? 1 : -1) * (double)cynf_winograd_points_of(e)->point[(i - 1) / 2];
}

void cynf_winograd_g(cynf_winograd f, double g[CYNF_WINOGRAD_LONGEST][CYNF_WINOGRAD_LONGEST])
{
    const int e = f.m + f.r - 1;
    for (int i = 0; i < e - 1; i++) {
        double power = 1;
        for (int j = 0; j < e - 1; j++)
            power /= j == i ? 1 : point(e, i) - point(e, j);
        for (int k = 0; k < f.r; k++, power *= point(e, i))
            g[i][k] = power;
    }
    for (int k = 0; k < f.r; k++)
        g[e - 1][k] = k == f.r - 1;
}

void cynf_winograd_weights(cynf_winograd f, double g[CYNF_WINOGRAD_LONGEST][CYNF_WINOGRAD_LONGEST], const float *w, size_t stride, float *u)
{
    const int e = f.m + f.r - 1;
    for (int i = 0; i < (f.dims == 2 ? e : 1); i++) {
        double row[CYNF_WINOGRAD_LONGEST] = {0};
        for (int x = 0; x < f.r; x++)
            for (int y = 0; y < (f.dims == 2 ? f.r : 1); y++)
                row[x] += (f.dims == 2 ? g[i][y] : 1) * (double)w[(size_t)(y * f.r + x) * stride];
        for (int j = 0; j < e; j++) {
            double sum = 0;
            for (int x = 0; x < f.r; x++)
                sum += row[x] * g[j][x];
            u[i * e + j] = (float)sum;
        }
    }
}

/** Sum of |coefficients| of prod_{j != skip} (t - p_j): of row skip of B^T. */
static double polynomial_norm(int e, int skip)
{
    double c[CYNF_WINOGRAD_LONGEST] = {1}, sum = 0;
    for (int j = 0; j < e - 1; j++)
        for (int k = CYNF_WINOGRAD_LONGEST - 1; j != skip && k >= 0; k--)
            c[k] = (k ? c[k - 1] : 0) - point(e, j) * c[k];
    for (int k = 0; k < CYNF_WINOGRAD_LONGEST; k++)
        sum += fabs(c[k]);
    return sum;
}

double cynf_winograd_error(cynf_winograd f, int ic)
{
    double g[CYNF_WINOGRAD_LONGEST][CYNF_WINOGRAD_LONGEST], norm = 0;
    const int e = f.m + f.r - 1;
    cynf_winograd_g(f, g);
    for (int j = 0; j < f.m; j++) {
        double sum = 0;
        for (int i = 0; i < e; i++) {
            double row = 0;
            for (int k = 0; k < f.r; k++)
                row += fabs(g[i][k]);
            sum += row * polynomial_norm(e, i) * (i < e - 1 ? pow(fabs(point(e, i)), j) : j == f.m - 1);
        }
        norm = fmax(norm, sum);
    }
    /* Roundings: ic of the products and their sum, 1 of the weights, at most 10 of B^T and A^T in each of two dimensions, 12 in a single one, without FMA. */
    return (f.dims == 2 ? norm * norm : norm) * ic * (ic + 24);
}

double cynf_winograd_forward_arithmetic(cynf_winograd f)
{
    const int e = f.m + f.r - 1, pairs = e / 2 - 1, line = 2 * pairs * (pairs + 1);
    return f.dims == 2 ? 2 * e * line : line;
}

double cynf_winograd_inverse_arithmetic(cynf_winograd f)
{
    const int e = f.m + f.r - 1, pairs = e / 2 - 1, line = 2 * pairs + f.m * pairs;
    return f.dims == 2 ? (e + f.m) * line : line;
}

double cynf_winograd_forward_cost(cynf_winograd f)
{
    return 1.2 * (cynf_winograd_forward_arithmetic(f) + 2 * cynf_winograd_coefficients(f));
}

double cynf_winograd_inverse_cost(cynf_winograd f)
{
    return cynf_winograd_inverse_arithmetic(f) + cynf_winograd_coefficients(f) + 5 * (f.dims == 2 ? f.m * f.m : f.m);
}
