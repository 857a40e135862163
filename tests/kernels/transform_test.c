/* SPDX-License-Identifier: MIT */
/**
 * transform-tests: what must hold of convolutions in a transform domain (Winograd, FFT) whatever they compute with: an impulse gives the
 * kernel back, the answer is linear, it moves with the input; within the error that the algorithm documents. And on random data that error,
 * which is the worst case, is not taken up: it stays below 1e-5 of the largest output.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"

#define PAD 4 /* pixels of zeros that the input keeps at the bottom and on the right, room to be shifted into */

typedef struct layer {
    const cynf_kernel *k;
    cynf_problem p;
    int h, w, ic, oh, ow, oc, kh, kw;
    bool depthwise;
    float *weights;
    void *packed, *workspace;
    double w_max;
} layer;

static int failures;

static void *allocate(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!p) {
        perror("transform-tests");
        exit(1);
    }
    memset(p, 0, bytes);
    return p;
}

/** Multiples of 1/64 in [-1, 1]: sums of a few of them are exact. */
static float sixtyfourths(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)((int)(*seed >> 16) % 129 - 64) / 64;
}

/** Stride 1, padding that keeps every product of the input with the kernel, so that all outputs are seen. False: not supported. */
static bool open_layer(layer *l, const cynf_kernel *k, int h, int w, int ic, int oc, int kh, int kw)
{
    const int oh = h + kh - 1, ow = w + kw - 1, pt = kh - 1, pl = kw - 1;
    *l = (layer){.k = k, .h = h, .w = w, .ic = ic, .oh = oh, .ow = ow, .oc = oc, .kh = kh, .kw = kw, .depthwise = cynf_kernel_op(k) == CYNF_OP_DWCONV2D};
    l->oc = l->depthwise ? ic : oc;
    l->p.op = cynf_kernel_op(k);
    const cynf_view x = {h * w * ic, w * ic, ic, 0, ic}, y = {oh * ow * l->oc, ow * l->oc, l->oc, 0, l->oc};
    if (l->depthwise)
        l->p.u.dwconv2d = (cynf_dwconv2d){.n = 1, .h = h, .w = w, .c = ic, .mult = 1, .oh = oh, .ow = ow, .kh = kh, .kw = kw, .sh = 1, .sw = 1, .dh = 1, .dw = 1,
            .pt = pt, .pl = pl, .x = x, .y = y};
    else
        l->p.u.conv2d = (cynf_conv2d){.n = 1, .h = h, .w = w, .ic = ic, .oh = oh, .ow = ow, .oc = oc, .kh = kh, .kw = kw, .sh = 1, .sw = 1, .dh = 1, .dw = 1,
            .pt = pt, .pl = pl, .groups = 1, .x = x, .y = y};
    if (!cynf_kernel_supports(k, &l->p.u))
        return false;
    const int taps = kh * kw * ic * (l->depthwise ? 1 : oc);
    uint32_t seed = 7;
    l->weights = allocate((size_t)taps * sizeof(float));
    for (int i = 0; i < taps; i++) {
        l->weights[i] = sixtyfourths(&seed);
        l->w_max = fmax(l->w_max, fabs((double)l->weights[i]));
    }
    l->packed = allocate(cynf_kernel_packed_bytes(k, &l->p.u));
    l->workspace = allocate(cynf_kernel_workspace_bytes(k, &l->p.u, 1));
    cynf_kernel_pack(k, &l->p.u, &(cynf_weights){.w = l->weights}, l->packed);
    return true;
}

static void close_layer(layer *l)
{
    free(l->weights);
    free(l->packed);
    free(l->workspace);
}

static float *run(const layer *l, const float *x)
{
    float *y = allocate((size_t)(l->oh * l->ow * l->oc) * sizeof *y);
    const cynf_args a = {.x = {x}, .packed = l->packed, .y = y, .workspace = l->workspace};
    for (int s = 0; s < cynf_kernel_stages(l->k, &l->p.u); s++)
        cynf_kernel_run(l->k, &l->p.u, s, &a, 0, 0, cynf_kernel_units(l->k, &l->p.u, s));
    return y;
}

/** The documented error for inputs up to x_max. */
static double bound(const layer *l, double x_max)
{
    return 0x1p-24 * l->k->algo->error(&l->p.u, l->k->tile) * x_max * l->w_max;
}

static float tap(const layer *l, int y, int x, int c, int o)
{
    if (y < 0 || x < 0 || y >= l->kh || x >= l->kw || (l->depthwise && c != o))
        return 0;
    return l->weights[l->depthwise ? (y * l->kw + x) * l->ic + c : ((y * l->kw + x) * l->ic + c) * l->oc + o];
}

static void check(const layer *l, const char *what, double error, double limit)
{
    if (error <= limit)
        return;
    printf("FAIL %s, %s: error %.3g, bound %.3g (%dx%dx%d, kernel %dx%d, %d outputs)\n", cynf_kernel_name(l->k), what, error, limit, l->h, l->w, l->ic, l->kh, l->kw, l->oc);
    failures++;
}

static float *random_input(const layer *l, uint32_t seed)
{
    float *x = allocate((size_t)(l->h * l->w * l->ic) * sizeof *x);
    for (int i = 0; i < l->h - PAD; i++)
        for (int j = 0; j < (l->w - PAD) * l->ic; j++)
            x[i * l->w * l->ic + j] = sixtyfourths(&seed);
    return x;
}

static void impulse(const layer *l, int iy, int ix, int c)
{
    float *x = allocate((size_t)(l->h * l->w * l->ic) * sizeof *x);
    x[(iy * l->w + ix) * l->ic + c] = 1;
    float *y = run(l, x);
    double error = 0;
    for (int oy = 0; oy < l->oh; oy++)
        for (int ox = 0; ox < l->ow; ox++)
            for (int o = 0; o < l->oc; o++)
                error = fmax(error, fabs((double)y[(oy * l->ow + ox) * l->oc + o] - (double)tap(l, iy + l->kh - 1 - oy, ix + l->kw - 1 - ox, c, o)));
    check(l, "impulse", error, bound(l, 1));
    free(x);
    free(y);
}

static void linearity(const layer *l)
{
    float *p = random_input(l, 1), *q = random_input(l, 2), *both = random_input(l, 3);
    for (int i = 0; i < l->h * l->w * l->ic; i++)
        both[i] = 2 * p[i] - 0.5f * q[i];
    float *yp = run(l, p), *yq = run(l, q), *y = run(l, both);
    double error = 0;
    for (int i = 0; i < l->oh * l->ow * l->oc; i++)
        error = fmax(error, fabs((double)y[i] - 2 * (double)yp[i] + 0.5 * (double)yq[i]));
    check(l, "linearity", error, bound(l, 2.5 + 2 + 0.5));
    free(p), free(q), free(both), free(yp), free(yq), free(y);
}

static void shift(const layer *l, int dy, int dx)
{
    float *x = random_input(l, 4), *moved = random_input(l, 4);
    const int row = l->w * l->ic, y_row = l->ow * l->oc;
    memset(moved, 0, (size_t)(l->h * row) * sizeof *moved);
    for (int i = 0; i < l->h - PAD; i++)
        memcpy(moved + (i + dy) * row + dx * l->ic, x + i * row, (size_t)((l->w - PAD) * l->ic) * sizeof *x);
    float *y = run(l, x), *y_moved = run(l, moved);
    double error = 0;
    for (int i = 0; i < l->oh - dy; i++)
        for (int j = 0; j < (l->ow - dx) * l->oc; j++)
            error = fmax(error, fabs((double)y[i * y_row + j] - (double)y_moved[(i + dy) * y_row + dx * l->oc + j]));
    check(l, "shift", error, bound(l, 2));
    free(x), free(moved), free(y), free(y_moved);
}

static void accuracy(const layer *l)
{
    float *x = random_input(l, 5), *y = run(l, x);
    double error = 0, largest = 0;
    for (int oy = 0; oy < l->oh; oy++)
        for (int ox = 0; ox < l->ow; ox++)
            for (int o = 0; o < l->oc; o++) {
                double sum = 0;
                for (int iy = oy - l->kh + 1; iy <= oy; iy++)
                    for (int ix = ox - l->kw + 1; ix <= ox; ix++)
                        for (int c = 0; c < l->ic && iy >= 0 && ix >= 0 && iy < l->h && ix < l->w; c++)
                            sum += (double)x[(iy * l->w + ix) * l->ic + c] * (double)tap(l, iy + l->kh - 1 - oy, ix + l->kw - 1 - ox, c, o);
                error = fmax(error, fabs(sum - (double)y[(oy * l->ow + ox) * l->oc + o]));
                largest = fmax(largest, fabs(sum));
            }
    check(l, "accuracy", error, 1e-5 * largest);
    free(x), free(y);
}

int main(void)
{
    static const int shapes[][6] = {{23, 18, 5, 7, 3, 3}, {17, 30, 18, 19, 3, 3}, {23, 18, 5, 7, 7, 7}, {20, 21, 18, 19, 5, 4}, {9, 8, 3, 2, 15, 11},
        {21, 20, 18, 19, 5, 5}, {9, 30, 5, 7, 1, 3}, {30, 9, 18, 19, 3, 1}, {12, 23, 18, 5, 1, 5}, {23, 12, 5, 18, 5, 1}, {9, 26, 18, 3, 1, 7}, {21, 12, 6, 17, 7, 1}};
    int layers = 0;
    for (int op = CYNF_OP_CONV2D; op <= CYNF_OP_DWCONV2D; op++) {
        const size_t n = cynf_kernels((cynf_op)op, NULL, 0);
        const cynf_kernel **k = allocate(n * sizeof *k);
        cynf_kernels((cynf_op)op, k, n);
        for (size_t i = 0; i < n; i++)
            for (size_t s = 0; k[i]->algo->error && s < sizeof shapes / sizeof *shapes; s++) {
                const int *e = shapes[s];
                layer l;
                if (!open_layer(&l, k[i], e[0], e[1], e[2], e[3], e[4], e[5]))
                    continue;
                layers++;
                impulse(&l, 0, 0, 0);
                impulse(&l, l.h - 1, l.w - 1, l.ic - 1);
                impulse(&l, l.h / 2, l.w / 3, l.ic / 2);
                linearity(&l);
                shift(&l, 1, 0);
                shift(&l, 0, 1);
                shift(&l, PAD, PAD - 1);
                accuracy(&l);
                close_layer(&l);
            }
        free(k);
    }
    printf("%d layers, %d failures\n", layers, failures);
    return failures != 0 || layers == 0;
}
