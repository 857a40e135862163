/* SPDX-License-Identifier: MIT */
/**
 * STFTSpectrogram: a convolution with the stored windows of sines and cosines, then what mode makes of real and imaginary part.
 * MelSpectrogram: a convolution with windows made here, then triangles over the bins.
 */
#include <math.h>
#include <string.h>

#include "keras/layers/layer.h"

/* x [samples of one channel in a row] with one of the two kernels: [rows, frames, bins] */
static cynf_tensor_id part(cynf_lower *c, const char *name, cynf_tensor_id x, int32_t bins)
{
    const int32_t length = cynf_cfg_int(c, "frame_length", 1, 256), step = cynf_cfg_int(c, "frame_step", 1, length / 2 ? length / 2 : 1);
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
    const int32_t length = cynf_cfg_int(c, "frame_length", 1, 256), bins = cynf_cfg_int(c, "fft_length", 1, length) / 2 + 1;
    if (s.rank != 3)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 3 dimensions", s.rank);
    mode = mode ? mode : "log";
    const int32_t channels = first ? s.d[1] : s.d[2], time = first ? s.d[2] : s.d[1];
    const cynf_tensor_id x = cynf_g_reshape(c->g, first ? c->in[0] : cynf_channels_first(c, c->in[0]), &(cynf_shape){2, {s.d[0] * channels, time}});
    const cynf_tensor_id re = strcmp(mode, "imag") ? part(c, "real_kernel", x, bins) : CYNF_NO_TENSOR;
    const cynf_tensor_id im = strcmp(mode, "real") ? part(c, "imag_kernel", x, bins) : CYNF_NO_TENSOR;
    cynf_tensor_id y = re < 0 ? im : re;
    if (!strcmp(mode, "stft"))
        y = cynf_g_concat(c->g, (const cynf_tensor_id[]){re, im}, 2, 2);
    else if (!strcmp(mode, "angle"))
        y = cynf_g_binary(c->g, CYNF_ELT_ATAN2, im, re);
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

/* Windowed cosines (or sines) [length, 1, bins] of a transform of n points, the window in its middle. */
static cynf_tensor_id waves(cynf_lower *c, int32_t length, int32_t n, bool sine, const char *window)
{
    const int32_t bins = n / 2 + 1, before = (n - length) / 2;
    const int32_t period = length % 2 ? length - 1 : length; /* TensorFlow's windows of odd length are symmetric */
    const double turn = 6.283185307179586, a = window && !strcmp(window, "hamming") ? 0.54 : window ? 0.5 : 1;
    const cynf_tensor_id w = cynf_g_const(c->g, &(cynf_shape){4, {1, length, 1, bins}}, NULL);
    for (int32_t i = 0; w >= 0 && i < length; i++)
        for (int32_t k = 0; k < bins; k++) {
            const double angle = turn * (double)((int64_t)k * (i + before) % n) / n, size = period ? a - (1 - a) * cos(turn * i / period) : 1;
            c->g->t[w].data[(size_t)i * (size_t)bins + (size_t)k] = (float)(size * (sine ? -sin(angle) : cos(angle)));
        }
    return w;
}

static double mel(double hertz) { return 1127 * log(1 + hertz / 700); }

/* [bins, bands]: triangles that are linear in mel, from the middle of one neighbour to that of the other; the first bin counts nowhere. */
static cynf_tensor_id triangles(cynf_lower *c, int32_t bins, int32_t bands)
{
    const double rate = cynf_cfg_number(c, "sampling_rate", 16000), low = mel(cynf_cfg_number(c, "min_freq", 20)), high = mel(cynf_cfg_number(c, "max_freq", floor(rate / 2)));
    const double step = (high - low) / (bands + 1);
    const cynf_tensor_id w = cynf_g_const(c->g, &(cynf_shape){2, {bins, bands}}, NULL);
    for (int32_t i = 1; w >= 0 && i < bins; i++)
        for (int32_t k = 0; k < bands; k++) {
            const double at = (mel(rate / 2 * i / (bins - 1)) - low) / step - k, height = fmin(at, 2 - at);
            c->g->t[w].data[(size_t)i * (size_t)bands + (size_t)k] = (float)fmax(height, 0);
        }
    return w;
}

static cynf_tensor_id mel_spectrogram(cynf_lower *c)
{
    const int32_t n = cynf_cfg_int(c, "fft_length", 2, 2048), length = cynf_cfg_int(c, "sequence_length", 1, n), step = cynf_cfg_int(c, "sequence_stride", 1, 512);
    const int32_t bands = cynf_cfg_int(c, "num_mel_bins", 1, 128), bins = n / 2 + 1;
    static char text[] = "hann";
    static const cJSON hann = {.type = cJSON_String, .valuestring = text};
    const cJSON *window = cynf_cfg_or(c, "window", &hann);
    const char *name = cJSON_GetStringValue(window);
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    if (s.rank != 2 || length > n || n > 1 << 13 || bands > 1 << 12 || n / 2 >= s.d[1])
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "input of rank %d, fft_length %d; expected a batch of samples, more than half of fft_length, which may be %d at most",
            s.rank, n, 1 << 13);
    if (window && (!name || (strcmp(name, "hann") && strcmp(name, "hamming"))))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only the windows hann and hamming are supported");
    const int32_t taps = window ? length : n; /* without a window Keras takes whole frames */
    /* What the window leaves out of a frame is not read: the frames begin later and are fewer samples long. */
    cynf_tensor_id x = cynf_pad_mirrored(c, c->in[0], 1, n / 2, n / 2, false);
    const int32_t frames = (s.d[1] + n / 2 * 2 - n) / step + 1;
    x = cynf_g_reshape(c->g, cynf_take(c, x, 1, (n - taps) / 2, (frames - 1) * step + taps), &(cynf_shape){4, {s.d[0], 1, (frames - 1) * step + taps, 1}});
    const cynf_window win = {.sw = step};
    const cynf_tensor_id re = cynf_g_conv2d(c->g, x, waves(c, taps, n, false, name), CYNF_NO_TENSOR, &win);
    const cynf_tensor_id im = cynf_g_conv2d(c->g, x, waves(c, taps, n, true, name), CYNF_NO_TENSOR, &win);
    const double exponent = cynf_cfg_number(c, "mag_exp", 2);
    cynf_tensor_id y = cynf_g_binary(c->g, CYNF_ELT_ADD, unary(c, re, CYNF_ACT_SQUARE), unary(c, im, CYNF_ACT_SQUARE));
    if (exponent == 1)
        y = unary(c, y, CYNF_ACT_SQRT);
    else if (exponent != 2)
        y = cynf_g_binary(c->g, CYNF_ELT_POW, y, cynf_g_scalar(c->g, (float)(exponent / 2)));
    y = cynf_g_fc(c->g, cynf_g_reshape(c->g, y, &(cynf_shape){3, {s.d[0], frames, bins}}), triangles(c, bins, bands), CYNF_NO_TENSOR);
    if (cynf_cfg_bool(c, "power_to_db", true)) {
        const double least = cynf_cfg_number(c, "min_power", 1e-10), ref = fabs(cynf_cfg_number(c, "ref_power", 1));
        y = unary(c, cynf_g_binary(c->g, CYNF_ELT_MAX, y, cynf_g_scalar(c->g, (float)least)), CYNF_ACT_LOG);
        y = cynf_g_unary(c->g, y, CYNF_ACT_AFFINE, (float)(10 / log(10)), (float)(-10 * log10(fmax(ref, least))), 0);
        /* The loudest of the whole batch says how quiet anything may be. */
        const cynf_tensor_id most = cynf_g_reduce(c->g, y, CYNF_REDUCE_MAX, 7, true);
        y = cynf_g_binary(c->g, CYNF_ELT_MAX, y, cynf_g_unary(c->g, most, CYNF_ACT_AFFINE, 1, (float)-cynf_cfg_number(c, "top_db", 80), 0));
        c->g->batch_mixed = true;
    }
    return cynf_g_transpose(c->g, y, (const int32_t[]){0, 2, 1});
}

const cynf_layer_class cynf_layers_spectrum[] = {
    {"STFTSpectrogram", stft, CYNF_ONE_INPUT,
        "mode log, magnitude, psd, real, imag, angle, stft; padding, window, scaling, periodic, expand_dims, data_format", "conv2d, eltwise"},
    {"MelSpectrogram", mel_spectrogram, CYNF_ONE_INPUT,
        "window hann, hamming or none, mag_exp, power_to_db, top_db, frequencies", "conv2d, fc, reduce, resample, eltwise", "fft_length up to 8192; top_db goes by the loudest of the batch"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
