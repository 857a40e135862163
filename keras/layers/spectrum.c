/* SPDX-License-Identifier: MIT */
/** STFTSpectrogram: a convolution with the stored windows of sines and cosines, then what mode makes of real and imaginary part. */
#include <string.h>

#include "keras/layers/layer.h"

/* x [samples of one channel in a row] with one of the two kernels: [rows, frames, bins] */
static cynf_tensor_id part(cynf_lower *c, const char *name, cynf_tensor_id x, int32_t bins)
{
    const int32_t length = cynf_cfg_int(c, "frame_length", 1, CYNF_REQUIRED), step = cynf_cfg_int(c, "frame_step", 1, length / 2 ? length / 2 : 1);
    const cynf_window win = {.sw = step, .pad_w = cynf_cfg_padding(c, false)};
    const cynf_tensor_id w = cynf_g_reshape(c->g, cynf_layer_weight(c, name, &(cynf_shape){3, {length, 1, bins}}), &(cynf_shape){4, {1, length, 1, bins}});
    const cynf_shape s = cynf_shape_of(c, x);
    const cynf_tensor_id y = cynf_g_conv2d(c->g, cynf_g_reshape(c->g, x, &(cynf_shape){4, {s.d[0], 1, s.d[1], 1}}), w, CYNF_NO_TENSOR, &win);
    const cynf_shape o = cynf_shape_of(c, y);
    return cynf_g_reshape(c->g, y, &(cynf_shape){3, {o.d[0], o.d[2], bins}});
}

static cynf_tensor_id unary(cynf_lower *c, cynf_tensor_id x, cynf_act act) { return cynf_g_unary(c->g, x, act, 0, 0, 0); }

/* max(x, 1e-7) */
static cynf_tensor_id floored(cynf_lower *c, cynf_tensor_id x) { return cynf_g_binary(c->g, CYNF_ELT_MAX, x, cynf_g_scalar(c->g, 1e-7f)); }

static cynf_tensor_id stft(cynf_lower *c)
{
    const char *mode = cynf_cfg_text(c, "mode");
    const bool first = cynf_cfg_channels_first(c);
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    const int32_t length = cynf_cfg_int(c, "frame_length", 1, CYNF_REQUIRED), bins = cynf_cfg_int(c, "fft_length", 1, length) / 2 + 1;
    if (s.rank != 3)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 3 dimensions", s.rank);
    mode = mode ? mode : "log";
    if (!strcmp(mode, "angle"))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "mode angle is not supported; take real and imaginary part (mode stft)");
    const int32_t channels = first ? s.d[1] : s.d[2], time = first ? s.d[2] : s.d[1];
    const cynf_tensor_id x = cynf_g_reshape(c->g, first ? c->in[0] : cynf_channels_first(c, c->in[0]), &(cynf_shape){2, {s.d[0] * channels, time}});
    const cynf_tensor_id re = strcmp(mode, "imag") ? part(c, "real_kernel", x, bins) : CYNF_NO_TENSOR;
    const cynf_tensor_id im = strcmp(mode, "real") ? part(c, "imag_kernel", x, bins) : CYNF_NO_TENSOR;
    cynf_tensor_id y = re < 0 ? im : re;
    if (!strcmp(mode, "stft"))
        y = cynf_g_concat(c->g, (const cynf_tensor_id[]){re, im}, 2, 2);
    else if (re >= 0 && im >= 0) {
        const cynf_tensor_id power = cynf_g_binary(c->g, CYNF_ELT_ADD, unary(c, re, CYNF_ACT_SQUARE), unary(c, im, CYNF_ACT_SQUARE));
        if (!strcmp(mode, "psd")) { /* both halves of the spectrum */
            const int32_t edge[CYNF_MAX_DIMS] = {0, 0, 1};
            y = bins < 3 ? power : cynf_g_binary(c->g, CYNF_ELT_ADD, power, cynf_g_pad(c->g, cynf_take(c, power, 2, 1, bins - 2), edge, edge, 0));
        } else {
            y = unary(c, floored(c, power), CYNF_ACT_SQRT);
            if (!strcmp(mode, "log"))
                y = unary(c, floored(c, y), CYNF_ACT_LOG);
            else if (strcmp(mode, "magnitude"))
                return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "mode \"%s\" is unknown", mode);
        }
    }
    /* [n channels, frames, k] to Keras' order */
    const cynf_shape o = cynf_shape_of(c, y);
    const int32_t n = s.d[0], frames = o.d[1], k = o.d[2];
    y = cynf_g_reshape(c->g, y, &(cynf_shape){4, {n, channels, frames, k}});
    if (cynf_cfg_bool(c, "expand_dims", false))
        return first ? y : cynf_g_transpose(c->g, y, (const int32_t[]){0, 2, 3, 1});
    if (first)
        return cynf_g_reshape(c->g, cynf_g_transpose(c->g, y, (const int32_t[]){0, 1, 3, 2}), &(cynf_shape){3, {n, channels * k, frames}});
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, y, (const int32_t[]){0, 2, 1, 3}), &(cynf_shape){3, {n, frames, channels * k}});
}

const cynf_layer_class cynf_layers_spectrum[] = {
    {"STFTSpectrogram", stft, CYNF_ONE_INPUT,
        "mode log, magnitude, psd, real, imag, stft; padding, window, scaling, periodic, expand_dims, data_format", "conv2d", "mode angle is refused"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
