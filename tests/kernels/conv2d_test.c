/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

/* Square kernels, dense NHWC: n, h, w, ic, oc, k, stride, dilation, padding before, padding after, groups. */
static const int edges[][11] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1},
    {1, 1, 1, 3, 5, 3, 1, 1, 1, 1, 1},    /* all taps but one on padding */
    {1, 7, 7, 33, 40, 3, 1, 1, 1, 1, 1},  /* tiles of several rows, partial vectors */
    {1, 28, 28, 8, 64, 3, 1, 1, 1, 1, 1}, /* whole tiles */
    {1, 33, 31, 3, 32, 3, 2, 1, 0, 1, 1}, /* first layer, padding after only */
    {1, 17, 17, 1, 16, 7, 2, 1, 3, 3, 1},
    {2, 9, 9, 20, 33, 1, 1, 1, 0, 0, 1},  /* a matrix product over all images */
    {2, 9, 9, 20, 33, 1, 2, 1, 0, 0, 1},
    {1, 9, 9, 320, 256, 1, 1, 1, 0, 0, 1}, /* more weights than stay in a cache */
    {2, 7, 7, 330, 260, 1, 2, 1, 0, 0, 1},
    {1, 12, 50, 6, 9, 2, 1, 1, 0, 1, 1},  /* even kernel */
    {1, 15, 15, 4, 8, 3, 1, 4, 4, 4, 1},  /* dilated */
    {2, 11, 7, 20, 20, 3, 1, 2, 1, 3, 1}, /* dilated, padding no multiple of it */
    {1, 8, 30, 16, 40, 3, 1, 7, 0, 9, 1}, /* fewer rows of output than dilated ones */
    {1, 6, 6, 8, 8, 3, 1, 1, 1, 1, 8},    /* as many groups as channels */
    {1, 6, 6, 12, 30, 3, 1, 1, 1, 1, 3},
    {1, 5, 5, 2, 3, 5, 1, 1, 4, 4, 1},    /* outputs wholly on padding at the corners of the kernel */
    {1, 56, 3, 16, 17, 3, 1, 1, 1, 1, 1}, /* narrow */
    {1, 40, 40, 5, 4, 15, 1, 1, 7, 7, 1},
    {1, 20, 20, 32, 32, 5, 1, 1, 2, 2, 1},
    {2, 12, 13, 17, 20, 4, 1, 1, 1, 2, 1},
    {1, 20, 21, 17, 20, 5, 2, 1, 2, 1, 1}, /* stride 2: an odd number of columns */
    {2, 18, 18, 9, 16, 6, 2, 1, 2, 2, 1},  /* two pixels of a row are more than a vector */
    {1, 23, 22, 3, 33, 7, 2, 1, 3, 2, 1},  /* odd padding */
    {1, 14, 16, 40, 8, 8, 2, 1, 4, 3, 1},
    {1, 30, 30, 7, 18, 8, 3, 1, 1, 5, 1},
    {1, 31, 32, 4, 17, 11, 4, 1, 3, 4, 1},
    {1, 40, 40, 1, 20, 15, 1, 1, 7, 7, 1},    /* one channel, padded by a copy */
    {1, 61, 61, 72, 64, 1, 1, 1, 0, 0, 1},    /* an image of several chunks */
    {1, 23, 24, 272, 280, 1, 1, 1, 0, 0, 1},  /* sums of Strassen's in several chunks */
    {1, 13, 13, 64, 88, 3, 1, 1, 1, 1, 1},    /* transformed weights that no second-level cache holds */
};

/* One image, kernels along one axis, dense NHWC, padding as of SAME: h, w, ic, oc, kh, kw, sh, sw. */
static const int lines[][8] = {{17, 17, 24, 20, 1, 7, 1, 1}, {17, 17, 24, 20, 7, 1, 1, 1}, {9, 40, 8, 33, 1, 3, 1, 1}, {40, 9, 8, 33, 3, 1, 1, 1}, {12, 12, 16, 16, 1, 5, 1, 1},
    {12, 12, 5, 16, 5, 1, 1, 1}, {1, 41, 8, 33, 1, 5, 1, 2}, {40, 3, 5, 20, 6, 1, 2, 1}, {2, 50, 6, 9, 1, 9, 1, 2}};

static int outputs(int in, int k, int s, int d, int padding) { return (in + padding - (k - 1) * d - 1) / s + 1; }

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_conv2d *g = &p->u.conv2d;
    if (i < (int)(sizeof edges / sizeof *edges)) {
        const int *e = edges[i];
        *g = (cynf_conv2d){.n = e[0], .h = e[1], .w = e[2], .ic = e[3], .oc = e[4], .kh = e[5], .kw = e[5], .sh = e[6], .sw = e[6], .dh = e[7], .dw = e[7],
            .pt = e[8], .pl = e[8], .groups = e[10]};
        g->oh = outputs(g->h, g->kh, g->sh, g->dh, e[8] + e[9]);
        g->ow = outputs(g->w, g->kw, g->sw, g->dw, e[8] + e[9]);
        g->x = (cynf_view){g->h * g->w * g->ic, g->w * g->ic, g->ic, 0, g->ic};
        g->y = (cynf_view){g->oh * g->ow * g->oc, g->ow * g->oc, g->oc, 0, g->oc};
        g->e.act = i % 2 ? CYNF_ACT_RELU : CYNF_ACT_LINEAR;
        return;
    }
    i -= (int)(sizeof edges / sizeof *edges);
    if (i < (int)(sizeof lines / sizeof *lines)) {
        const int *e = lines[i];
        const int oh = (e[0] + e[6] - 1) / e[6], ow = (e[1] + e[7] - 1) / e[7];
        *g = (cynf_conv2d){.n = 1, .h = e[0], .w = e[1], .ic = e[2], .oh = oh, .ow = ow, .oc = e[3], .kh = e[4], .kw = e[5], .sh = e[6], .sw = e[7], .dh = 1, .dw = 1,
            .pt = e[4] / 2, .pl = e[5] / 2, .groups = 1, .x = {e[0] * e[1] * e[2], e[1] * e[2], e[2], 0, e[2]}, .y = {oh * ow * e[3], ow * e[3], e[3], 0, e[3]}};
        return;
    }
    const bool square = !test_one_in(r, 3), dense = test_one_in(r, 2); /* dense: the shape of most layers, which every algorithm takes */
    g->n = test_one_in(r, 3) ? 2 : 1;
    g->groups = !dense && test_one_in(r, 3) ? test_int(r, 2, 4) : 1;
    g->ic = g->groups * test_int(r, 1, test_one_in(r, 2) ? 5 : 24);
    g->oc = g->groups * test_int(r, 1, test_one_in(r, 4) ? 100 : 40);
    g->kh = dense ? 3 + 2 * (int)test_one_in(r, 3) : test_one_in(r, 3) ? 1 : test_int(r, 1, 6);
    g->kw = square ? g->kh : test_int(r, 1, 7);
    if (dense && test_one_in(r, 2)) { /* a kernel along one axis */
        const bool row = test_one_in(r, 2);
        const int taps = 3 + 2 * test_int(r, 0, 2);
        g->kh = row ? 1 : taps;
        g->kw = row ? taps : 1;
    }
    g->sh = dense ? 1 : test_int(r, 1, 3);
    g->sw = square ? g->sh : test_int(r, 1, 3);
    g->dh = test_one_in(r, 2) ? 1 : test_int(r, 1, 3);
    g->dw = square ? g->dh : test_int(r, 1, 3);
    g->pt = test_one_in(r, 3) ? 0 : test_int(r, 0, (g->kh - 1) * g->dh);
    g->pl = test_one_in(r, 3) ? 0 : test_int(r, 0, (g->kw - 1) * g->dw);
    g->oh = test_int(r, 1, 14);
    g->ow = test_int(r, 1, test_one_in(r, 3) ? 4 : 40);
    /* The last output has at least one column and row of the image, at most all. */
    g->h = (g->oh - 1) * g->sh - g->pt + 1 + test_int(r, 0, (g->kh - 1) * g->dh);
    g->w = (g->ow - 1) * g->sw - g->pl + 1 + test_int(r, 0, (g->kw - 1) * g->dw);
    g->h = g->h < 1 ? 1 : g->h;
    g->w = g->w < 1 ? 1 : g->w;
    if (g->groups == 1 && test_one_in(r, 6)) {
        g->scaled = g->n = g->kh = g->kw = 1;
        g->pt = g->pl = 0;
        g->h = (g->oh - 1) * g->sh + 1;
        g->w = (g->ow - 1) * g->sw + 1;
    }
    const bool product = g->groups == 1 && test_one_in(r, 4); /* of matrices with even sides, the rows of an image without gaps */
    if (product) {
        g->kh = g->kw = 1;
        g->pt = g->pl = 0;
        g->h = (g->oh - 1) * g->sh + test_int(r, 1, 2);
        g->w = (g->ow - 1) * g->sw + test_int(r, 1, 2);
        g->ic = 2 * test_int(r, 1, 80);
        g->oc = 2 * test_int(r, 1, 80);
    }
    g->x = test_view(r, g->n, g->h, g->w, g->ic);
    g->y = test_view(r, g->n, g->oh, g->ow, g->oc);
    g->e = test_epilogue(r);
    if (test_one_in(r, 3)) {
        g->e.residual = 1;
        g->r = test_view(r, g->n, g->oh, g->ow, g->oc);
    }
    if (product) {
        g->y.rs = g->ow * g->y.ps;
        g->r.rs = g->ow * g->r.ps;
    }
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_conv2d *g = geometry;
    const int icg = g->ic / g->groups, ocg = g->oc / g->groups;
    e->terms = g->kh * g->kw * icg + 2 + g->scaled;
    for (int n = 0; n < g->n; n++)
        for (int oh = 0; oh < g->oh; oh++)
            for (int ow = 0; ow < g->ow; ow++)
                for (int oc = 0; oc < g->oc; oc++) {
                    double acc = w->bias ? (double)w->bias[oc] : 0, scale = fabs(acc);
                    for (int kh = 0; kh < g->kh; kh++)
                        for (int kw = 0; kw < g->kw; kw++) {
                            const int ih = oh * g->sh - g->pt + kh * g->dh, iw = ow * g->sw - g->pl + kw * g->dw;
                            if (ih < 0 || ih >= g->h || iw < 0 || iw >= g->w)
                                continue;
                            const float *tap = w->w + ((size_t)kh * (size_t)g->kw + (size_t)kw) * (size_t)icg * (size_t)g->oc;
                            for (int c = 0; c < icg; c++) {
                                const double times = g->scaled ? (double)x[1 + g->e.residual][c] : 1;
                                const double term = (double)x[0][test_at(&g->x, n, ih, iw, oc / ocg * icg + c)] * (double)tap[(size_t)c * (size_t)g->oc + (size_t)oc] * times;
                                acc += term;
                                scale += fabs(term);
                            }
                        }
                    if (g->e.residual) {
                        const double res = (double)x[1][test_at(&g->r, n, oh, ow, oc)];
                        acc += res;
                        scale += fabs(res);
                    }
                    const size_t at = test_at(&g->y, n, oh, ow, oc);
                    e->acc[at] = acc;
                    e->scale[at] = scale;
                }
}

const kernel_test conv2d_test = {.op = CYNF_OP_CONV2D, .geometry = geometry, .oracle = oracle};
