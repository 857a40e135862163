/* SPDX-License-Identifier: MIT */
/**
 * Transposed convolutions as stride-1 convolutions: of the s outputs between two inputs, the r-th sees every s-th tap of the kernel only, so each phase
 * r of each axis is a small convolution of its own whose results are every s-th element of the output. Nothing is computed on inserted zeros.
 *
 *   y[o] = sum of x[i] w[k] over i s + k d - p = o, with p the padding that the forward convolution of the output would have
 */
#include <string.h>

#include "keras/layers/conv.h"

/* One phase of one axis: output r + q s, q < count, is the sum over j < taps of x[q - before + j dilation] w[last - j step]. before may be negative. */
typedef struct phase {
    int32_t count, taps, last, step, dilation, before;
} phase;

static int32_t gcd(int32_t a, int32_t b)
{
    while (b) {
        const int32_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static phase find_phase(int32_t k, int32_t s, int32_t d, int32_t p, int32_t r, int32_t out)
{
    phase f = {.count = (out - r + s - 1) / s, .step = s / gcd(s, d), .dilation = d / gcd(s, d)};
    for (int32_t i = 0; i < k && i < f.step; i++)
        if (((int64_t)r + p - (int64_t)i * d) % s == 0) {
            f.taps = (k - 1 - i) / f.step + 1;
            f.last = i + (f.taps - 1) * f.step;
            f.before = (int32_t)(((int64_t)f.last * d - r - p) / s);
        }
    return f;
}

/* The length that Keras gives an axis, and the padding before it; keras/src/backend/common/backend_utils.py. extra < 0: the default. */
static int32_t output_length(int32_t in, int32_t k, int32_t s, int32_t d, bool same, int32_t extra, int32_t *p)
{
    const int64_t span = (int64_t)(k - 1) * d + 1, first = (int64_t)(in - 1) * s;
    const int64_t out = same ? (extra < 0 ? (int64_t)in * s : first + span % 2 + extra) : first + span + (extra >= 0 ? extra : s > span ? s - span : 0);
    const int64_t over = first + span - out;
    *p = same && over > 0 ? (int32_t)(over / 2) : 0;
    return out > 0 && out <= INT32_MAX ? (int32_t)out : -1;
}

/* The taps of a phase in each axis: [kh, kw, kd a, b] from [kd, kh, kw, a, b]. */
static cynf_tensor_id phase_kernel(cynf_lower *c, const cynf_conv *v, cynf_tensor_id w, const phase f[3], int32_t a, int32_t b)
{
    const cynf_tensor_id y = cynf_g_const(c->g, &(cynf_shape){4, {f[1].taps, f[2].taps, f[0].taps * a, b}}, NULL);
    if (y < 0)
        return y;
    const float *from = c->g->t[w].data;
    float *to = c->g->t[y].data;
    const size_t tap = (size_t)a * (size_t)b;
    for (int32_t h = 0; h < f[1].taps; h++)
        for (int32_t i = 0; i < f[2].taps; i++)
            for (int32_t z = 0; z < f[0].taps; z++, to += tap) {
                const int32_t kz = f[0].last - z * f[0].step, kh = f[1].last - h * f[1].step, kw = f[2].last - i * f[2].step;
                memcpy(to, from + (size_t)((kz * v->k[1] + kh) * v->k[2] + kw) * tap, tap * sizeof *to);
            }
    return y;
}

/* x without what lies before the first tap of a phase, and with zeros for positions wholly beyond it. CYNF_NO_TENSOR: the phase sees nothing of x. */
static cynf_tensor_id fit(cynf_lower *c, cynf_tensor_id x, const phase f[3])
{
    cynf_shape s = cynf_shape_of(c, x);
    int32_t begin[CYNF_MAX_DIMS] = {0}, after[CYNF_MAX_DIMS] = {0};
    for (int i = 1; i < 3; i++) {
        begin[i] = f[i].before < 0 ? -f[i].before : 0;
        s.d[i] -= begin[i];
        if (s.d[i] < 1)
            return CYNF_NO_TENSOR;
    }
    x = cynf_g_slice(c->g, x, begin, s.d, NULL);
    memset(begin, 0, sizeof begin);
    for (int i = 1; i < 3; i++) {
        const int32_t end = f[i].count - (f[i].before > 0 ? f[i].before : 0);
        after[i] = end > s.d[i] ? end - s.d[i] : 0;
    }
    return cynf_g_pad(c->g, x, begin, after, 0);
}

/* One phase of each axis: [n, h, w, filters]. x [n, ...] has the depth taps of f[0] as channels; without any it is not needed. */
static cynf_tensor_id phase_conv(cynf_lower *c, const cynf_conv *v, cynf_tensor_id x, int32_t n, cynf_tensor_id w, cynf_tensor_id bias, const phase f[3], int32_t filters,
    const cJSON *act)
{
    const cynf_tensor_id part = f[0].taps && f[1].taps && f[2].taps ? fit(c, x, f) : CYNF_NO_TENSOR;
    if (c->g->status)
        return CYNF_NO_TENSOR;
    cynf_tensor_id y;
    if (part < 0) { /* outputs that no tap reaches are the bias */
        y = cynf_g_const(c->g, &(cynf_shape){4, {n, f[1].count, f[2].count, filters}}, NULL);
        y = bias < 0 ? y : cynf_g_binary(c->g, CYNF_ELT_ADD, y, bias);
    } else {
        const cynf_window win = {.dh = f[1].dilation, .dw = f[2].dilation, .pad_h = CYNF_PAD_GIVEN, .pad_w = CYNF_PAD_GIVEN, .oh = f[1].count, .ow = f[2].count,
            .pt = f[1].before > 0 ? f[1].before : 0, .pl = f[2].before > 0 ? f[2].before : 0};
        y = cynf_g_conv2d(c->g, part, phase_kernel(c, v, w, f, v->im.channels, filters), bias, &win);
    }
    return cynf_activate(c, y, act);
}

static cynf_tensor_id transposed(cynf_lower *c, int n)
{
    cynf_conv v;
    cynf_tensor_id slices[CYNF_MAX_NODE_INPUTS], rows[CYNF_MAX_NODE_INPUTS], parts[CYNF_MAX_NODE_INPUTS];
    int32_t extra[3] = {-1, -1, -1}, out[3], p[3], phases[3];
    const int32_t filters = cynf_cfg_int(c, "filters|nb_filter", 1, CYNF_REQUIRED);
    if (!cynf_conv_begin(c, n, &v) || (cynf_cfg(c, "output_padding") && !cynf_cfg_ints(c, "output_padding", n, extra + 3 - n, 0, 0)))
        return CYNF_NO_TENSOR;
    if (v.pad == CYNF_PAD_CAUSAL || cynf_cfg_int(c, "groups", 1, 1) != 1)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "causal padding and groups are not supported in a transposed convolution");
    const cynf_shape x = cynf_shape_of(c, v.im.x);
    for (int i = 0; i < 3; i++) {
        const int32_t in = i + x.rank - 4 < 1 ? 1 : x.d[i + x.rank - 4];
        out[i] = output_length(in, v.k[i], v.s[i], v.d[i], v.pad == CYNF_PAD_SAME, extra[i], &p[i]);
        phases[i] = v.s[i] < out[i] ? v.s[i] : out[i];
        if (out[i] < 1 || phases[i] > CYNF_MAX_NODE_INPUTS)
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "strides %d with input size %d; at most %d are supported", v.s[i], in, CYNF_MAX_NODE_INPUTS);
    }
    const cynf_tensor_id w = cynf_conv_kernel(c, &v, NULL, v.im.channels, filters, c->keras > 1), bias = cynf_conv_bias(c, &v, filters, out[2]);
    const cJSON *act = cynf_cfg(c, "activation"), *early = v.late_bias < 0 && cynf_activation_pointwise(act) ? act : NULL;
    for (int32_t d = 0; d < phases[0] && !c->g->status; d++) {
        phase f[3] = {find_phase(v.k[0], v.s[0], v.d[0], p[0], d, out[0])};
        const cynf_tensor_id xd = n < 3 ? v.im.x : !f[0].taps ? CYNF_NO_TENSOR : cynf_conv_slices(c, v.im.x, f[0].taps, f[0].dilation, 1, f[0].before, f[0].count, 1);
        for (int32_t h = 0; h < phases[1]; h++) {
            f[1] = find_phase(v.k[1], v.s[1], v.d[1], p[1], h, out[1]);
            for (int32_t i = 0; i < phases[2]; i++) {
                f[2] = find_phase(v.k[2], v.s[2], v.d[2], p[2], i, out[2]);
                parts[i] = phase_conv(c, &v, xd, n < 3 ? x.d[0] : x.d[0] * f[0].count, w, bias, f, filters, early);
            }
            rows[h] = cynf_g_interleave(c->g, parts, phases[2], 2);
        }
        slices[d] = cynf_g_interleave(c->g, rows, phases[1], 1);
        if (n == 3)
            slices[d] = cynf_g_reshape(c->g, slices[d], &(cynf_shape){5, {x.d[0], f[0].count, out[1], out[2], filters}});
    }
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const cynf_tensor_id y = n == 3 ? cynf_g_interleave(c->g, slices, phases[0], 1) : slices[0];
    return early ? cynf_image_out(c, &v.im, y, NULL) : cynf_conv_end(c, &v, y);
}

static cynf_tensor_id transposed1d(cynf_lower *c) { return transposed(c, 1); }
static cynf_tensor_id transposed2d(cynf_lower *c) { return transposed(c, 2); }
static cynf_tensor_id transposed3d(cynf_lower *c) { return transposed(c, 3); }

const cynf_layer_class cynf_layers_conv_transpose[] = {
    {"Conv1DTranspose", transposed1d, CYNF_ONE_INPUT,
        "strides up to 64, dilation_rate, output_padding, padding valid, same, data_format", "conv2d",
        "convolutions of stride 1 whose results interleave; Keras 3 has no groups here, groups over 1 in older files are refused"},
    {"Conv2DTranspose", transposed2d, CYNF_ONE_INPUT},
    {"Conv3DTranspose", transposed3d, CYNF_ONE_INPUT},
    {"Deconvolution2D", transposed2d, CYNF_ONE_INPUT}, /* Keras 1 */
    {NULL, NULL, CYNF_ONE_INPUT},
};
