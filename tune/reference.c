/* SPDX-License-Identifier: MIT */
/** Outputs one at a time, straight from the formulas of cynf/kernels.h. */
#include <math.h>

#include "tune/reference.h"

#define SAMPLE 256

static float at(const float *x, const cynf_view *v, int n, int h, int w, int c)
{
    return x[(int64_t)n * v->ns + (int64_t)h * v->rs + (int64_t)w * v->ps + (int64_t)(c / v->b) * v->bs + c % v->b];
}

static double dwconv2d_point(const cynf_dwconv2d *g, const cynf_weights *w, const float *x, int n, int oh, int ow, int oc)
{
    double sum = w->bias ? w->bias[oc] : 0;
    for (int kh = 0; kh < g->kh; kh++)
        for (int kw = 0; kw < g->kw; kw++) {
            const int ih = oh * g->sh - g->pt + kh * g->dh, iw = ow * g->sw - g->pl + kw * g->dw;
            if (ih >= 0 && ih < g->h && iw >= 0 && iw < g->w)
                sum += (double)at(x, &g->x, n, ih, iw, oc / g->mult) * w->w[((int64_t)kh * g->kw + kw) * g->c * g->mult + oc];
        }
    return sum;
}

static double conv2d_point(const cynf_conv2d *g, const cynf_weights *w, const float *x, int n, int oh, int ow, int oc)
{
    double sum = w->bias ? w->bias[oc] : 0;
    const int icg = g->ic / g->groups, first = oc / (g->oc / g->groups) * icg;
    for (int kh = 0; kh < g->kh; kh++)
        for (int kw = 0; kw < g->kw; kw++) {
            const int ih = oh * g->sh - g->pt + kh * g->dh, iw = ow * g->sw - g->pl + kw * g->dw;
            if (ih < 0 || ih >= g->h || iw < 0 || iw >= g->w)
                continue;
            for (int ic = 0; ic < icg; ic++)
                sum += (double)at(x, &g->x, n, ih, iw, first + ic) * w->w[(((int64_t)kh * g->kw + kw) * icg + ic) * g->oc + oc];
        }
    return sum;
}

static double sepconv2d_point(const cynf_sepconv2d *g, const cynf_weights *w, const float *x, int n, int oh, int ow, int oc)
{
    double sum = w->bias2 ? w->bias2[oc] : 0;
    for (int ic = 0; ic < g->pw.ic; ic++)
        sum += dwconv2d_point(&g->dw, w, x, n, oh, ow, ic) * w->w2[(int64_t)ic * g->pw.oc + oc];
    return sum;
}

static double fc_point(const cynf_fc *g, const cynf_weights *w, const float *x, int m, int n)
{
    double sum = w->bias ? w->bias[n] : 0;
    for (int k = 0; k < g->k; k++)
        sum += (double)x[(int64_t)m * g->x_rs + k] * w->w[(int64_t)k * g->n + n];
    return sum;
}

bool cynf_reference_problem(cynf_problem *p)
{
    static const cynf_epilogue none;
    switch (p->op) {
    case CYNF_OP_CONV2D: p->u.conv2d.e = none; p->u.conv2d.scaled = 0; return true;
    case CYNF_OP_DWCONV2D: p->u.dwconv2d.e = none; return true;
    case CYNF_OP_SEPCONV2D: p->u.sepconv2d.dw.e = p->u.sepconv2d.pw.e = none; return true;
    case CYNF_OP_FC: p->u.fc.e = none; return true;
    default: return false;
    }
}

double cynf_reference_error(const cynf_problem *p, const cynf_weights *w, const float *x, const float *y)
{
    uint32_t state = 1;
    double worst = 0, largest = 0;
    for (int i = 0; i < SAMPLE; i++) {
        int d[4]; /* n, oh, ow, oc; for fc m, -, -, n */
        const cynf_dwconv2d *dw = &p->u.dwconv2d;
        const cynf_conv2d *g = p->op == CYNF_OP_SEPCONV2D ? &p->u.sepconv2d.pw : &p->u.conv2d;
        const int fc[4] = {p->u.fc.m, 1, 1, p->u.fc.n}, conv[4] = {g->n, g->oh, g->ow, g->oc}, depth[4] = {dw->n, dw->oh, dw->ow, dw->c * dw->mult};
        const int *size = p->op == CYNF_OP_FC ? fc : p->op == CYNF_OP_DWCONV2D ? depth : conv;
        for (int k = 0; k < 4; k++) {
            state = state * 1664525u + 1013904223u;
            d[k] = i == 0 ? 0 : i == 1 ? size[k] - 1 : (int)((uint64_t)state * (uint64_t)size[k] >> 32); /* both corners, then anywhere */
        }
        double exact, got;
        switch (p->op) {
        case CYNF_OP_FC:
            exact = fc_point(&p->u.fc, w, x, d[0], d[3]);
            got = y[(int64_t)d[0] * p->u.fc.y_rs + d[3]];
            break;
        case CYNF_OP_DWCONV2D:
            exact = dwconv2d_point(dw, w, x, d[0], d[1], d[2], d[3]);
            got = at(y, &dw->y, d[0], d[1], d[2], d[3]);
            break;
        case CYNF_OP_SEPCONV2D:
            exact = sepconv2d_point(&p->u.sepconv2d, w, x, d[0], d[1], d[2], d[3]);
            got = at(y, &g->y, d[0], d[1], d[2], d[3]);
            break;
        default:
            exact = conv2d_point(g, w, x, d[0], d[1], d[2], d[3]);
            got = at(y, &g->y, d[0], d[1], d[2], d[3]);
        }
        const double off = fabs(got - exact);
        worst = off <= worst ? worst : isnan(off) ? INFINITY : off;
        largest = fmax(largest, fabs(exact));
    }
    return worst > 0 ? worst / largest : 0;
}
