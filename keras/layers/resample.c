/* SPDX-License-Identifier: MIT */
/**
 * UpSampling. Nearest repeats; the smooth ways are a table of weights for each axis, as TensorFlow computes them:
 * resize_bilinear and resize_bicubic with half-pixel centres (Keys' a = -1/2), scale_and_translate without antialiasing for the others.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "keras/layers/layer.h"

#define MAX_TAPS 10

/* Weight of a sample at distance x (in input pixels) from the output's centre. */
typedef double kernel_fn(double x);

static double bilinear(double x)
{
    return x < 1 ? 1 - x : 0;
}

static double lanczos(double x, double radius)
{
    const double pi = 3.14159265358979323846;
    if (x >= radius)
        return 0;
    return x <= 1e-3 ? 1 : radius * sin(pi * x) * sin(pi * x / radius) / (pi * pi * x * x);
}

static double lanczos3(double x) { return lanczos(x, 3); }
static double lanczos5(double x) { return lanczos(x, 5); }

static double gaussian(double x)
{
    return x < 1.5 ? exp(-x * x / (2 * 0.5 * 0.5)) : 0;
}

/* resize_bicubic looks its weights up in steps of 1/1024. */
static double bicubic(double x)
{
    const double f = floor(x), q = f + nearbyint((x - f) * 1024) / 1024;
    return q < 1 ? ((1.5 * q) - 2.5) * q * q + 1 : q < 2 ? ((-0.5 * q + 2.5) * q - 4) * q + 2 : 0;
}

static double mitchell(double x)
{
    return x < 1 ? ((7 * x - 12) * x * x + 16.0 / 3) / 6 : x < 2 ? (((-7.0 / 3 * x + 12) * x - 20) * x + 32.0 / 3) / 6 : 0;
}

static const struct method {
    const char *name;
    kernel_fn *kernel;
    double radius;
} methods[] = {
    {"bilinear", bilinear, 1}, {"bicubic", bicubic, 2}, {"lanczos3", lanczos3, 3}, {"lanczos5", lanczos5, 5}, {"gaussian", gaussian, 1.5}, {"mitchellcubic", mitchell, 2},
};

/*
 * One axis from in to in * factor points. The taps of a point are the samples within the kernel's radius that lie in the image; their weights are
 * scaled to a sum of one. corner: sample j / factor instead of pixel centres, as TensorFlow 1 (the Keras before tf.keras) does.
 */
static cynf_tensor_id stretch(cynf_lower *c, cynf_tensor_id x, int axis, int32_t factor, const struct method *m, bool corner)
{
    const int32_t in = cynf_shape_of(c, x).d[axis];
    const int32_t most = (int32_t)(2 * m->radius), taps = most < in ? most : in;
    if (c->g->status || factor == 1)
        return x;
    if ((int64_t)in * factor > 1 << 24)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "size %d is too large for an input dimension of %d", factor, in);
    const int32_t out = in * factor;
    float *w = calloc((size_t)out * (size_t)(taps + 1), sizeof *w), *first = w + (size_t)out * (size_t)taps;
    if (!w)
        return cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    for (int32_t j = 0; j < out; j++) {
        double centre = corner ? (double)j / factor : (j + 0.5) / factor - 0.5;
        if (m->radius == 1) /* bilinear holds the edge pixel */
            centre = fmin(fmax(centre, 0), in - 1);
        int32_t b = (int32_t)fmax(0, ceil(centre - m->radius)), e = (int32_t)fmin(in, floor(centre + m->radius) + 1);
        double v[MAX_TAPS + 1], sum = 0;
        for (int32_t t = b; t < e; t++)
            sum += v[t - b] = m->kernel(fabs(t - centre));
        while (e - b > taps) /* a sample exactly at the radius weighs nothing */
            if (v[0] == 0) {
                b++;
                memmove(v, v + 1, (size_t)(e - b) * sizeof *v);
            } else
                e--;
        const int32_t f = b + taps <= in ? b : in - taps;
        first[j] = (float)f;
        for (int32_t t = b; t < e; t++)
            w[(int64_t)j * taps + t - f] = (float)(v[t - b] / sum);
    }
    const cynf_tensor_id y = cynf_g_resample(c->g, x, axis, out, taps, w, first);
    free(w);
    return y;
}

static cynf_tensor_id upsampling(cynf_lower *c, int n)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    const bool first = n > 1 && cynf_cfg_channels_first(c);
    const char *name = n == 2 ? cynf_cfg_text(c, "interpolation") : NULL;
    const struct method *m = NULL;
    int32_t size[3], counts[CYNF_MAX_DIMS];
    if (rank != n + 2)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of %d dimensions", rank, n + 2);
    if (!cynf_cfg_ints(c, "size|length", n, size, 1, 2))
        return CYNF_NO_TENSOR;
    for (int i = 0; i < CYNF_MAX_DIMS; i++)
        counts[i] = 1;
    memcpy(counts + (first ? 2 : 1), size, (size_t)n * sizeof *size);
    /* Area with a whole factor takes one pixel for each. */
    if (!name || !strcmp(name, "nearest") || !strcmp(name, "area"))
        return cynf_g_repeat(c->g, c->in[0], counts);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (!strcmp(methods[i].name, name))
            m = &methods[i];
    if (!m)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "interpolation \"%s\" is unknown", name);
    cynf_tensor_id x = c->in[0];
    for (int i = 1; i < rank; i++)
        x = stretch(c, x, i, counts[i], m, c->corner_resize);
    return x;
}

static cynf_tensor_id up1d(cynf_lower *c) { return upsampling(c, 1); }
static cynf_tensor_id up2d(cynf_lower *c) { return upsampling(c, 2); }
static cynf_tensor_id up3d(cynf_lower *c) { return upsampling(c, 3); }

const cynf_layer_class cynf_layers_resample[] = {
    {"UpSampling1D", up1d, CYNF_ONE_INPUT},
    {"UpSampling2D", up2d, CYNF_ONE_INPUT},
    {"UpSampling3D", up3d, CYNF_ONE_INPUT},
    {NULL, NULL, CYNF_ONE_INPUT},
};
