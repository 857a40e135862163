/* SPDX-License-Identifier: MIT */
/**
 * UpSampling, Resizing, CenterCrop. Nearest repeats; the smooth ways are a table of weights for each axis, as TensorFlow computes them:
 * resize_bilinear and resize_bicubic with half-pixel centres (Keys' a = -1/2), scale_and_translate without antialiasing for the others.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "keras/layers/layer.h"

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

static double keys(double q)
{
    return q < 1 ? ((1.5 * q) - 2.5) * q * q + 1 : q < 2 ? ((-0.5 * q + 2.5) * q - 4) * q + 2 : 0;
}

/* resize_bicubic, which serves where nothing is widened, looks its weights up in steps of 1/1024. */
static double bicubic(double x)
{
    const double f = floor(x);
    return keys(f + nearbyint((x - f) * 1024) / 1024);
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

/* How one axis is resampled. */
typedef struct resizing {
    const struct method *m; /* NULL: area */
    bool corner;            /* sample j / factor instead of pixel centres, as TensorFlow 1 (the Keras before tf.keras) does */
    bool antialias;         /* shrinking widens the kernel */
} resizing;

/* The samples [*b, *b + n) that point j of out is made of, and their weights v, scaled to a sum of one; room for in of them. Returns n. */
static int32_t weigh(const resizing *r, int32_t in, int32_t out, int32_t j, int32_t *b, double *v)
{
    const double ratio = (double)in / out;
    int32_t n = 0;
    double sum = 0;
    if (!r->m) { /* the mean over what the point covers */
        const double from = j * ratio, to = (j + 1) * ratio;
        *b = (int32_t)floor(from);
        for (int32_t t = *b; t < in && t < to; t++)
            sum += v[n++] = fmin(t + 1, to) - fmax(t, from);
    } else {
        const double widen = r->antialias ? fmax(ratio, 1) : 1, radius = r->m->radius * widen;
        kernel_fn *kernel = r->antialias && r->m->kernel == bicubic ? keys : r->m->kernel;
        double centre = r->corner ? j * ratio : (j + 0.5) * ratio - 0.5;
        if (r->m->radius == 1 && !r->antialias) /* bilinear holds the edge pixel */
            centre = fmin(fmax(centre, 0), in - 1);
        const int32_t e = (int32_t)fmin(in, floor(centre + radius) + 1);
        *b = (int32_t)fmax(0, ceil(centre - radius));
        for (int32_t t = *b; t < e; t++)
            sum += v[n++] = kernel(fabs(t - centre) / widen);
    }
    while (n > 1 && v[n - 1] == 0)
        n--;
    while (n > 1 && v[0] == 0) { /* a sample exactly at the radius weighs nothing */
        memmove(v, v + 1, (size_t)--n * sizeof *v);
        ++*b;
    }
    for (int32_t t = 0; t < n; t++)
        v[t] /= sum;
    return n;
}

/* One axis to out points. */
static cynf_tensor_id stretch(cynf_lower *c, cynf_tensor_id x, int axis, int32_t out, const resizing *r)
{
    const int32_t in = cynf_shape_of(c, x).d[axis];
    int32_t taps = 1, b;
    if (c->g->status || out == in)
        return x;
    if (out > 1 << 24 || in > 1 << 24)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "size %d is too large for an input dimension of %d", out, in);
    double *v = malloc(((size_t)in + 1) * sizeof *v);
    for (int32_t j = 0; v && j < out; j++) {
        const int32_t n = weigh(r, in, out, j, &b, v);
        taps = n > taps ? n : taps;
    }
    float *w = (int64_t)out * (taps + 1) > 1 << 28 ? NULL : calloc((size_t)out * (size_t)(taps + 1), sizeof *w), *first = w ? w + (size_t)out * (size_t)taps : NULL;
    cynf_tensor_id y = v && w ? 0 : cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    for (int32_t j = 0; y >= 0 && j < out; j++) {
        const int32_t n = weigh(r, in, out, j, &b, v), f = b + taps <= in ? b : in - taps;
        first[j] = (float)f;
        for (int32_t t = 0; t < n; t++)
            w[(int64_t)j * taps + b + t - f] = (float)v[t];
    }
    if (y >= 0)
        y = cynf_g_resample(c->g, x, axis, out, taps, w, first);
    free(v);
    free(w);
    return y;
}

static const struct method *find_method(cynf_lower *c, const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (!strcmp(methods[i].name, name))
            return &methods[i];
    cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "interpolation \"%s\" is unknown", name);
    return NULL;
}

/* Keras 3 gives images of whole numbers back as such: rounded, within their type, which a node's tensor names and a model's input declares. */
static cynf_tensor_id pixels(cynf_lower *c, cynf_tensor_id y)
{
    static const char *const declared[] = {[CYNF_I8] = "int8", [CYNF_U8] = "uint8", [CYNF_I16] = "int16", [CYNF_U16] = "uint16", [CYNF_I32] = "int32", [CYNF_U32] = "uint32",
        [CYNF_I64] = "int64", [CYNF_U64] = "uint64", [CYNF_BOOL] = NULL};
    const cJSON *tensor = c->call && c->call->n_in ? c->call->in[0].json : NULL;
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tensor, "config"), "dtype"));
    float low, high;
    for (int32_t k = 0; k < c->g->n_in && !type; k++)
        if (c->g->in[k].t == c->in[0])
            type = declared[c->g->in[k].dtype];
    if (c->keras < 3 || c->g->status || !cynf_whole_type(type, &low, &high))
        return y;
    return cynf_g_unary(c->g, cynf_g_unary(c->g, y, CYNF_ACT_ROUND, 0, 0, 0), CYNF_ACT_CLIP, low, high, 0);
}

static cynf_tensor_id upsampling(cynf_lower *c, int n)
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    const bool first = n > 1 && cynf_cfg_channels_first(c);
    const char *name = n == 2 ? cynf_cfg_text(c, "interpolation") : NULL;
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
    const resizing r = {.m = find_method(c, name), .corner = c->corner_resize};
    cynf_tensor_id x = c->in[0];
    for (int i = 1; i < rank && r.m; i++) {
        const int64_t out = (int64_t)cynf_shape_of(c, x).d[i] * counts[i];
        x = stretch(c, x, i, out <= 1 << 24 ? (int32_t)out : INT32_MAX, &r);
    }
    return r.m ? pixels(c, x) : CYNF_NO_TENSOR;
}

/* ---- Resizing, CenterCrop ----------------------------------------------------------------------------------------------------- */

static cynf_tensor_id nearest(cynf_lower *c, cynf_tensor_id x, int axis, int32_t out)
{
    const int32_t in = cynf_shape_of(c, x).d[axis];
    float *w = out <= 1 << 24 ? malloc(2 * (size_t)out * sizeof *w) : NULL;
    if (!w)
        return cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    for (int32_t j = 0; j < out; j++) {
        const double at = floor((j + 0.5) * in / out);
        w[j] = 1;
        w[out + j] = (float)(at < in ? at : in - 1);
    }
    const cynf_tensor_id y = out == in ? x : cynf_g_resample(c->g, x, axis, out, 1, w, w + out);
    free(w);
    return y;
}

/* The middle of two axes from first on. */
static cynf_tensor_id middle(cynf_lower *c, cynf_tensor_id x, int first, int32_t height, int32_t width)
{
    const cynf_shape s = cynf_shape_of(c, x);
    x = cynf_take(c, x, first, (s.d[first] - height) / 2, height);
    return cynf_take(c, x, first + 1, (s.d[first + 1] - width) / 2, width);
}

/* What of an axis fits the target's proportions, as Keras rounds it: other * target / other's target. */
static int32_t proportional(int32_t other, int32_t target, int32_t other_target) { return (int32_t)((float)((double)other * target) / (float)other_target); }

static int32_t within(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

static cynf_tensor_id crop_to_proportions(cynf_lower *c, cynf_tensor_id x, int first, const int32_t size[2])
{
    const cynf_shape s = cynf_shape_of(c, x);
    const int32_t h = s.d[first], w = s.d[first + 1];
    return middle(c, x, first, within(proportional(w, size[0], size[1]), 1, h), within(proportional(h, size[1], size[0]), 1, w));
}

/* Rank and sizes of an image; the first spatial axis. */
static int image(cynf_lower *c, int32_t size[2])
{
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    if (rank != 4)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "input of rank %d, expected a shape of 4 dimensions", rank);
    if (cynf_cfg(c, "size"))
        cynf_cfg_ints(c, "size", 2, size, 1, CYNF_REQUIRED);
    else {
        size[0] = cynf_cfg_int(c, "height", 1, CYNF_REQUIRED);
        size[1] = cynf_cfg_int(c, "width", 1, CYNF_REQUIRED);
    }
    return cynf_cfg_channels_first(c) ? 2 : 1;
}

static cynf_tensor_id resize(cynf_lower *c)
{
    int32_t size[2];
    const int first = image(c, size);
    const char *name = cynf_cfg_text(c, "interpolation");
    cynf_tensor_id x = c->in[0];
    if (c->g->status)
        return CYNF_NO_TENSOR;
    if (cynf_cfg_bool(c, "crop_to_aspect_ratio", false))
        x = crop_to_proportions(c, x, first, size);
    else if (cynf_cfg_bool(c, "pad_to_aspect_ratio", false)) {
        const cynf_shape s = cynf_shape_of(c, x);
        int32_t around[CYNF_MAX_DIMS] = {0};
        for (int i = 0; i < 2; i++) {
            const int32_t want = proportional(s.d[first + 1 - i], size[i], size[1 - i]);
            around[first + i] = want > s.d[first + i] ? (want - s.d[first + i]) / 2 : 0;
        }
        x = cynf_g_pad(c->g, x, around, around, (float)cynf_cfg_number(c, "fill_value", 0));
    }
    const bool area = name && !strcmp(name, "area"), near = name && !strcmp(name, "nearest");
    const resizing r = {.m = area || near ? NULL : find_method(c, name ? name : "bilinear"), .antialias = cynf_cfg_bool(c, "antialias", false)};
    for (int i = 0; i < 2 && !c->g->status; i++)
        x = near ? nearest(c, x, first + i, size[i]) : stretch(c, x, first + i, size[i], &r);
    return near ? x : pixels(c, x);
}

/* Bilinear, of the part that has the target's proportions. */
static cynf_tensor_id fit(cynf_lower *c, int first, const int32_t size[2])
{
    const resizing r = {.m = &methods[0]};
    const cynf_tensor_id x = crop_to_proportions(c, c->in[0], first, size);
    return stretch(c, stretch(c, x, first, size[0], &r), first + 1, size[1], &r);
}

static cynf_tensor_id center_crop(cynf_lower *c)
{
    int32_t size[2];
    const int first = image(c, size);
    const cynf_shape s = cynf_shape_of(c, c->in[0]);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    if (s.d[first] >= size[0] && s.d[first + 1] >= size[1])
        return middle(c, c->in[0], first, size[0], size[1]);
    return fit(c, first, size);
}

/* Only acts in training, but until Keras 3.7 its output has the asked size. */
static cynf_tensor_id random_crop(cynf_lower *c)
{
    int32_t size[2];
    const int first = image(c, size);
    const bool identity = c->keras > 3 || (c->keras == 3 && c->keras_minor >= 7);
    return identity || c->g->status ? c->in[0] : fit(c, first, size);
}

static cynf_tensor_id up1d(cynf_lower *c) { return upsampling(c, 1); }
static cynf_tensor_id up2d(cynf_lower *c) { return upsampling(c, 2); }
static cynf_tensor_id up3d(cynf_lower *c) { return upsampling(c, 3); }

const cynf_layer_class cynf_layers_resample[] = {
    {"UpSampling1D", up1d, CYNF_ONE_INPUT,
        "size", "copy"},
    {"UpSampling2D", up2d, CYNF_ONE_INPUT,
        "size, data_format, interpolation nearest, bilinear, bicubic, lanczos3, lanczos5, area, gaussian, mitchellcubic", "copy, resample", "bilinear samples corners in files of Keras before 2.4, as Keras did on TensorFlow 1"},
    {"UpSampling3D", up3d, CYNF_ONE_INPUT,
        "size, data_format", "copy"},
    {"Resizing", resize, CYNF_ONE_INPUT,
        "all interpolations, antialias, crop_to_aspect_ratio, pad_to_aspect_ratio, data_format", "resample"},
    {"Resize", resize, CYNF_ONE_INPUT,
        "node of keras.ops, as Resizing", "resample"}, /* of keras.ops */
    {"CenterCrop", center_crop, CYNF_ONE_INPUT,
        "height, width, data_format; smaller images are resized", "copy, resample"},
    {"RandomCrop", random_crop, CYNF_ONE_INPUT,
        "height, width, data_format", "copy, resample", "at inference: crops the centre, as Keras does"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
