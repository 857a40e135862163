/* SPDX-License-Identifier: MIT */
/** What regular and transposed convolutions of sequences, images and volumes share. */
#ifndef CYNF_KERAS_CONV_H
#define CYNF_KERAS_CONV_H

#include "keras/layers/layer.h"

/** Axes are depth, rows, columns; a sequence has only columns, an image no depth: what an axis lacks is 1. */
typedef struct cynf_conv {
    cynf_image im;
    int32_t k[3], s[3], d[3];
    cynf_padding pad;
    cynf_tensor_id late_bias; /**< added after the image is back in its own layout; see cynf_conv_bias() */
} cynf_conv;

/** Config and input of a layer with n spatial dimensions. */
bool cynf_conv_begin(cynf_lower *c, int n, cynf_conv *v);
/** A kernel as a constant [kd, kh, kw, a, b]; names NULL: the kernel of a regular convolution. swapped: the file has [.., b, a]. */
cynf_tensor_id cynf_conv_kernel(cynf_lower *c, const cynf_conv *v, const char *names, int32_t a, int32_t b, bool swapped);
/** The same as the 2-D convolution takes it, [kh, kw, kd a, b]: depth taps become input channels. */
cynf_tensor_id cynf_conv_kernel2d(cynf_lower *c, const cynf_conv *v, const char *names, int32_t a, int32_t b);
/** The convolution of x [n, h, w, c], or of volumes [n, d, h, w, c], by such a kernel. */
cynf_tensor_id cynf_conv_apply(cynf_lower *c, const cynf_conv *v, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, int32_t groups);
/** The bias for the convolution itself, of a layer whose output has so many columns. */
cynf_tensor_id cynf_conv_bias(cynf_lower *c, cynf_conv *v, int32_t filters, int32_t columns);
/** The layer's output from that of the convolution [n, (d,) h, w, filters]. */
cynf_tensor_id cynf_conv_end(cynf_lower *c, const cynf_conv *v, cynf_tensor_id y);
/**
 * Volumes as images: slices of x [n, d, h, w, c] that a window of kd taps sees at each of count positions, side by side as channels, group by group:
 * [n * count, h, w, groups * kd * c / groups]. Position o begins at slice o * stride - before; slices outside x are zeros.
 */
cynf_tensor_id cynf_conv_slices(cynf_lower *c, cynf_tensor_id x, int32_t kd, int32_t dilation, int32_t stride, int32_t before, int32_t count, int32_t groups);

#endif
