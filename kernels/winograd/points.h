/* SPDX-License-Identifier: MIT */
/**
 * The forms of Winograd's minimal filtering, and the points that they evaluate polynomials at: with e = m + r - 1 coefficients 0, e/2 - 1 pairs p, -p, and infinity.
 *
 * The pairs were searched, as by Barabasz, Anderson, Soodhalter & Gregg, "Error Analysis and Improving the Accuracy of Winograd Convolution" (TOMS 2020), for a
 * small norm (see cynf_winograd_error()) and a small error on random data, among multiples of 1/8, so that all coefficients and powers are exact. The
 * best are near to reciprocals of each other: the norm of F(4, 3) is 22 by 1/2 and 2, 48 by the customary 1 and 2, and the error half as large.
 */
#ifndef CYNF_WINOGRAD_POINTS_H
#define CYNF_WINOGRAD_POINTS_H

#include "kernels/kernel.h"

/** F(m x m, r x r) for dims = 2; F(m, r) along one axis of the image, the other one left as it is, for dims = 1. m + r - 1 is even. */
typedef struct cynf_winograd {
    int dims, m, r;
} cynf_winograd;

#define CYNF_WINOGRAD_MAX 64     /**< coefficients of the largest tile */
#define CYNF_WINOGRAD_OUTPUTS 36 /**< outputs of the largest tile */

/** Coefficients of a tile. */
static CYNF_INLINE int cynf_winograd_coefficients(const cynf_winograd f)
{
    const int e = f.m + f.r - 1;
    return f.dims == 2 ? e * e : e;
}

typedef struct cynf_winograd_points {
    float point[4];  /**< p_j */
    float but[4][3]; /**< [j]: coefficients of prod_{i != j} (t - p_i^2), from t^0 on, without the last, which is 1 */
    float all[4];    /**< those of prod_i (t - p_i^2) */
} cynf_winograd_points;

/** Those of e = 4, 6, 8 or 10 coefficients. */
static CYNF_INLINE const cynf_winograd_points *cynf_winograd_points_of(const int e)
{
    static const cynf_winograd_points points[] = {
        {{1}, {{0}}, {-1}},
        {{0.5f, 2}, {{-4}, {-0.25f}}, {1, -4.25f}},
        {{1, 2, 0.5f}, {{1, -4.25f}, {0.25f, -1.25f}, {4, -5}}, {-1, 5.25f, -5.25f}},
        {{0.375f, 0.75f, 1.25f, 2.5f},
            {{-5.4931640625f, 14.16015625f, -8.375f}, {-1.373291015625f, 10.8642578125f, -7.953125f},
                {-0.494384765625f, 4.4736328125f, -6.953125f}, {-0.12359619140625f, 1.177734375f, -2.265625f}},
            {0.7724761962890625f, -7.48443603515625f, 15.337890625f, -8.515625f}},
    };
    return &points[e / 2 - 2];
}

#endif
