/* SPDX-License-Identifier: MIT */
/** Winograd's minimal filtering, as the descriptors see it: transformed weights, accuracy, and what the transforms cost. */
#ifndef CYNF_WINOGRAD_WEIGHTS_H
#define CYNF_WINOGRAD_WEIGHTS_H

#include <stddef.h>

#include "kernels/winograd/points.h"

/** Vector operations of the forward and the inverse transform of a tile, loads and stores among them, and what an epilogue takes per output. */
double cynf_winograd_forward_cost(cynf_winograd f);
double cynf_winograd_inverse_cost(cynf_winograd f);

/** The arithmetic ones alone. */
double cynf_winograd_forward_arithmetic(cynf_winograd f);
double cynf_winograd_inverse_arithmetic(cynf_winograd f);

#define CYNF_WINOGRAD_LONGEST 10 /**< coefficients of the longest transform */

/** The matrix G, m + r - 1 rows of r. */
void cynf_winograd_g(cynf_winograd f, double g[CYNF_WINOGRAD_LONGEST][CYNF_WINOGRAD_LONGEST]);

/** u = G w G^T, or G w, of the taps of one kernel, tap i at w[i * stride]; in double, rounded once at the end. */
void cynf_winograd_weights(cynf_winograd f, double g[CYNF_WINOGRAD_LONGEST][CYNF_WINOGRAD_LONGEST], const float *w, size_t stride, float *u);

/**
 * |y - exact| <= 2^-24 cynf_winograd_error() max|x| max|w| before the epilogue, for sums over ic channels: the roundings on the way of an element times
 * the norm of the transforms, max_j sum_i |A|_ji |G|_i |B|_i of one dimension (|.|_i: sum of the absolute values of a row), to the power of the dimensions; after
 * Barabasz, Anderson, Soodhalter & Gregg, "Error Analysis and Improving the Accuracy of Winograd Convolution" (TOMS 2020), section 4.
 */
double cynf_winograd_error(cynf_winograd f, int ic);

#endif
