/* SPDX-License-Identifier: MIT */
/** How exact a kernel is on a layer's own weights: a sample of its outputs against sums in double precision. */
#ifndef CYNF_REFERENCE_H
#define CYNF_REFERENCE_H

#include "cynf/kernels.h"

/**
 * The problem without activations and residual: what is left is the algorithm's own rounding, and activations of Keras hardly stretch it.
 * False: the operation has no reference.
 */
bool cynf_reference_problem(cynf_problem *p);
/** Largest |y - exact| over the sample, divided by the sample's largest |exact|. p comes from cynf_reference_problem(). NaN in y gives infinity. */
double cynf_reference_error(const cynf_problem *p, const cynf_weights *w, const float *x, const float *y);

#endif
