/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "harness.h"

/* Activations that jump, or are steep where their argument is small: a rounding before them is no longer one behind them. */
static bool magnifies(int32_t act)
{
    switch ((cynf_act)act) {
    case CYNF_ACT_EXP: case CYNF_ACT_HARD_SHRINK: case CYNF_ACT_THRESHOLD: case CYNF_ACT_SQUARE: case CYNF_ACT_SQRT: case CYNF_ACT_RSQRT: case CYNF_ACT_RECIPROCAL:
    case CYNF_ACT_LOG: case CYNF_ACT_LOG1P: case CYNF_ACT_EXPM1: case CYNF_ACT_SIGN: case CYNF_ACT_FLOOR: case CYNF_ACT_CEIL: case CYNF_ACT_ROUND: return true;
    default: return false;
    }
}

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_dwconv2d *d = &p->u.sepconv2d.dw;
    cynf_conv2d *q = &p->u.sepconv2d.pw;
    const bool common = !test_one_in(r, 3), large = i % 10 == 0; /* large: more than one band */
    d->n = test_one_in(r, 3) ? 2 : 1;
    d->c = large ? test_int(r, 100, 300) : test_int(r, 1, test_one_in(r, 2) ? 8 : 50);
    d->mult = common || large || test_one_in(r, 2) ? 1 : test_int(r, 2, 9);
    d->kh = common ? 3 + 2 * test_int(r, 0, 2) : test_int(r, 1, 6);
    d->kw = common ? d->kh : test_int(r, 1, 6);
    d->sh = common ? test_int(r, 1, 2) : test_int(r, 1, 3);
    d->sw = common ? d->sh : test_int(r, 1, 3);
    d->dh = common || test_one_in(r, 2) ? 1 : test_int(r, 1, 3);
    d->dw = common || test_one_in(r, 2) ? 1 : test_int(r, 1, 3);
    d->pt = test_one_in(r, 3) ? 0 : test_int(r, 0, (d->kh - 1) * d->dh);
    d->pl = test_one_in(r, 3) ? 0 : test_int(r, 0, (d->kw - 1) * d->dw);
    d->oh = large ? test_int(r, 10, 14) : test_int(r, 1, 12);
    d->ow = large ? test_int(r, 16, 20) : test_int(r, 1, 20);
    d->h = (d->oh - 1) * d->sh - d->pt + 1 + test_int(r, 0, (d->kh - 1) * d->dh);
    d->w = (d->ow - 1) * d->sw - d->pl + 1 + test_int(r, 0, (d->kw - 1) * d->dw);
    d->h = d->h < 1 ? 1 : d->h;
    d->w = d->w < 1 ? 1 : d->w;
    d->x = test_view(r, d->n, d->h, d->w, d->c);
    do
        d->e = test_epilogue(r);
    while (magnifies(d->e.act));
    *q = (cynf_conv2d){.n = d->n, .h = d->oh, .w = d->ow, .ic = d->c * d->mult, .oh = d->oh, .ow = d->ow, .oc = test_int(r, 1, test_one_in(r, 2) ? 9 : 70),
        .kh = 1, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1, .groups = 1, .e = test_epilogue(r)};
    q->y = test_view(r, q->n, q->oh, q->ow, q->oc);
    if (test_one_in(r, 3)) {
        q->e.residual = 1;
        q->r = test_view(r, q->n, q->oh, q->ow, q->oc);
    }
}

/** One depthwise output, before the activation. */
static double depthwise(const cynf_dwconv2d *g, const cynf_weights *w, const float *x, int n, int oh, int ow, int o, double *scale)
{
    const int oc = g->c * g->mult;
    double acc = w->bias ? (double)w->bias[o] : 0;
    *scale = fabs(acc);
    for (int kh = 0; kh < g->kh; kh++)
        for (int kw = 0; kw < g->kw; kw++) {
            const int ih = oh * g->sh - g->pt + kh * g->dh, iw = ow * g->sw - g->pl + kw * g->dw;
            if (ih < 0 || ih >= g->h || iw < 0 || iw >= g->w)
                continue;
            const double term = (double)x[test_at(&g->x, n, ih, iw, o / g->mult)] * (double)w->w[(kh * g->kw + kw) * oc + o];
            acc += term;
            *scale += fabs(term);
        }
    return acc;
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_sepconv2d *g = geometry;
    const int ic = g->pw.ic, oc = g->pw.oc, taps = g->dw.kh * g->dw.kw;
    double *const mid = malloc((size_t)ic * sizeof *mid), *const mid_scale = malloc((size_t)ic * sizeof *mid_scale);
    if (!mid || !mid_scale)
        abort();
    /* The roundings of both parts: the depthwise activations do not magnify an error. */
    e->terms = taps + ic + 6;
    /* Products that underflow in the depthwise part are summed ic times; elsewhere this is nothing. */
    const double underflow = (double)taps * ic * (double)FLT_TRUE_MIN * 0x1p24;
    for (int n = 0; n < g->dw.n; n++)
        for (int oh = 0; oh < g->dw.oh; oh++)
            for (int ow = 0; ow < g->dw.ow; ow++) {
                for (int c = 0; c < ic; c++) {
                    mid[c] = test_activate(depthwise(&g->dw, w, x[0], n, oh, ow, c, &mid_scale[c]), &g->dw.e);
                    mid_scale[c] = fmax(mid_scale[c], fabs(mid[c]));
                }
                for (int o = 0; o < oc; o++) {
                    double acc = w->bias2 ? (double)w->bias2[o] : 0, scale = fabs(acc) + underflow;
                    for (int c = 0; c < ic; c++) {
                        acc += mid[c] * (double)w->w2[c * oc + o];
                        scale += mid_scale[c] * fabs((double)w->w2[c * oc + o]);
                    }
                    if (g->pw.e.residual) {
                        const double res = (double)x[1][test_at(&g->pw.r, n, oh, ow, o)];
                        acc += res;
                        scale += fabs(res);
                    }
                    const size_t at = test_at(&g->pw.y, n, oh, ow, o);
                    e->acc[at] = acc;
                    e->scale[at] = scale;
                }
            }
    free(mid);
    free(mid_scale);
}

const kernel_test sepconv2d_test = {.op = CYNF_OP_SEPCONV2D, .geometry = geometry, .oracle = oracle};
