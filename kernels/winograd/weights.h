/* SPDX-License-Identifier: MIT */
/** Winograd's minimal filtering F(m x m, 3x3), as the descriptors see it: transformed weights, accuracy, and what the transforms cost. */
#ifndef CYNF_WINOGRAD_WEIGHTS_H
#define CYNF_WINOGRAD_WEIGHTS_H

#include <stddef.h>

/** Vector operations of a tile's forward and inverse transform, loads and stores among them. */
#define CYNF_WINOGRAD_FORWARD(m) ((m) == 6 ? 600 : (m) == 4 ? 260 : 80)
#define CYNF_WINOGRAD_INVERSE(m) ((m) == 6 ? 480 : (m) == 4 ? 220 : 70)
/** Elements of the largest tile in the transform domain. */
#define CYNF_WINOGRAD_MAX 64

/** u[(m+2) * (m+2)] = G w G^T of one 3x3 kernel, tap i at w[i * stride]; in double, rounded once at the end. */
void cynf_winograd_weights(int m, const float *w, size_t stride, float *u);

/**
 * |y - exact| <= 2^-24 cynf_winograd_error() max|x| max|w| before the epilogue, for sums over ic channels: the roundings on the way of an element times
 * the norm of the transforms, max_j sum_i |A|_ji |G|_i |B|_i of one dimension (|.|_i: sum of the absolute values of a row), squared; after Barabasz,
 * Anderson, Soodhalter & Gregg, "Error Analysis and Improving the Accuracy of Winograd Convolution" (TOMS 2020), section 4.
 */
double cynf_winograd_error(int m, int ic);

#endif
