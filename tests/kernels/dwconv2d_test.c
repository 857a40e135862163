/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

/* Dense NHWC: n, h, w, c, mult, kh, kw, stride, dilation, padding before, padding after. */
static const int edges[][11] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
    {1, 1, 1, 7, 1, 3, 3, 1, 1, 1, 1},     /* all taps but one on padding */
    {1, 7, 7, 64, 1, 3, 3, 1, 1, 1, 1},    /* strips of 4 and 3 rows */
    {1, 14, 14, 40, 1, 3, 3, 1, 1, 1, 1},  /* a last vector that is not full */
    {1, 13, 15, 33, 1, 3, 3, 2, 1, 0, 1},  /* padding after only */
    {2, 17, 9, 24, 1, 5, 5, 1, 1, 2, 2},
    {1, 18, 11, 16, 1, 5, 5, 2, 1, 1, 2},
    {1, 16, 16, 20, 1, 7, 7, 1, 1, 3, 3},
    {1, 21, 8, 19, 1, 7, 7, 2, 1, 3, 3},
    {1, 3, 2, 32, 1, 7, 7, 1, 1, 3, 3},    /* no output has all of its taps */
    {1, 2, 70, 5, 1, 3, 3, 1, 1, 2, 2},    /* outputs wholly on padding at the corners of the kernel */
    {1, 9, 300, 3, 1, 3, 3, 1, 1, 0, 0},
    {1, 1, 600, 16, 1, 1, 9, 1, 1, 4, 4},  /* one-dimensional, several units of columns */
    {1, 1, 50, 18, 1, 1, 3, 2, 1, 1, 1},
    {2, 12, 12, 1, 32, 3, 3, 1, 1, 1, 1},  /* one channel, vectors over the multipliers */
    {1, 9, 9, 3, 21, 3, 3, 2, 1, 1, 1},
    {1, 9, 9, 17, 2, 3, 3, 1, 1, 1, 1},    /* vectors over the channels */
    {1, 8, 8, 5, 5, 4, 2, 1, 2, 1, 2},     /* even kernel, dilated */
    {1, 28, 28, 8, 1, 31, 31, 1, 1, 15, 15},
};

static int outputs(int in, int k, int s, int d, int padding) { return (in + padding - (k - 1) * d - 1) / s + 1; }

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_dwconv2d *g = &p->u.dwconv2d;
    if (i < (int)(sizeof edges / sizeof *edges)) {
        const int *e = edges[i];
        *g = (cynf_dwconv2d){.n = e[0], .h = e[1], .w = e[2], .c = e[3], .mult = e[4], .kh = e[5], .kw = e[6], .sh = e[1] > 1 ? e[7] : 1, .sw = e[7],
            .dh = e[8], .dw = e[8], .pt = e[5] > 1 ? e[9] : 0, .pl = e[9]};
        g->oh = outputs(g->h, g->kh, g->sh, g->dh, g->kh > 1 ? e[9] + e[10] : 0);
        g->ow = outputs(g->w, g->kw, g->sw, g->dw, e[9] + e[10]);
        g->x = (cynf_view){g->h * g->w * g->c, g->w * g->c, g->c, 0, g->c};
        const int oc = g->c * g->mult;
        g->y = (cynf_view){g->oh * g->ow * oc, g->ow * oc, oc, 0, oc};
        g->e.act = i % 2 ? CYNF_ACT_RELU : CYNF_ACT_LINEAR;
        return;
    }
    const bool common = !test_one_in(r, 3); /* the shapes of most layers, which every algorithm takes */
    g->n = test_one_in(r, 3) ? 2 : 1;
    g->c = test_int(r, 1, test_one_in(r, 2) ? 8 : 70);
    g->mult = common || test_one_in(r, 2) ? 1 : test_int(r, 2, 20);
    g->kh = common ? 3 + 2 * test_int(r, 0, 2) : test_int(r, 1, 8);
    g->kw = common ? g->kh : test_int(r, 1, 8);
    g->sh = common ? test_int(r, 1, 2) : test_int(r, 1, 3);
    g->sw = common ? g->sh : test_int(r, 1, 3);
    g->dh = common || test_one_in(r, 2) ? 1 : test_int(r, 1, 3);
    g->dw = common || test_one_in(r, 2) ? 1 : test_int(r, 1, 3);
    g->pt = test_one_in(r, 3) ? 0 : test_int(r, 0, (g->kh - 1) * g->dh);
    g->pl = test_one_in(r, 3) ? 0 : test_int(r, 0, (g->kw - 1) * g->dw);
    g->oh = test_int(r, 1, 20);
    g->ow = test_int(r, 1, test_one_in(r, 3) ? 4 : 30);
    /* The last output has at least one column and row of the image, at most all. */
    g->h = (g->oh - 1) * g->sh - g->pt + 1 + test_int(r, 0, (g->kh - 1) * g->dh);
    g->w = (g->ow - 1) * g->sw - g->pl + 1 + test_int(r, 0, (g->kw - 1) * g->dw);
    g->h = g->h < 1 ? 1 : g->h;
    g->w = g->w < 1 ? 1 : g->w;
    g->x = test_view(r, g->n, g->h, g->w, g->c);
    g->y = test_view(r, g->n, g->oh, g->ow, g->c * g->mult);
    g->e = test_epilogue(r);
    if (test_one_in(r, 3)) {
        g->e.residual = 1;
        g->r = test_view(r, g->n, g->oh, g->ow, g->c * g->mult);
    }
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_dwconv2d *g = geometry;
    const int oc = g->c * g->mult;
    e->terms = g->kh * g->kw + 2;
    for (int n = 0; n < g->n; n++)
        for (int oh = 0; oh < g->oh; oh++)
            for (int ow = 0; ow < g->ow; ow++)
                for (int o = 0; o < oc; o++) {
                    double acc = w->bias ? (double)w->bias[o] : 0, scale = fabs(acc);
                    for (int kh = 0; kh < g->kh; kh++)
                        for (int kw = 0; kw < g->kw; kw++) {
                            const int ih = oh * g->sh - g->pt + kh * g->dh, iw = ow * g->sw - g->pl + kw * g->dw;
                            if (ih < 0 || ih >= g->h || iw < 0 || iw >= g->w)
                                continue;
                            const double term = (double)x[0][test_at(&g->x, n, ih, iw, o / g->mult)] * (double)w->w[(kh * g->kw + kw) * oc + o];
                            acc += term;
                            scale += fabs(term);
                        }
                    if (g->e.residual) {
                        const double res = (double)x[1][test_at(&g->r, n, oh, ow, o)];
                        acc += res;
                        scale += fabs(res);
                    }
                    const size_t at = test_at(&g->y, n, oh, ow, o);
                    e->acc[at] = acc;
                    e->scale[at] = scale;
                }
}

const kernel_test dwconv2d_test = {.op = CYNF_OP_DWCONV2D, .geometry = geometry, .oracle = oracle};
