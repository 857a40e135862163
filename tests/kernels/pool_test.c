/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "harness.h"

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_pool *g = &p->u.pool;
    const bool volume = i % 5 == 4, line = i % 5 == 3, global = i % 7 == 0;
    g->kind = test_int(r, 0, 1);
    g->n = test_one_in(r, 3) ? 2 : 1;
    g->c = test_int(r, 1, test_one_in(r, 2) ? 9 : 150);
    g->kd = volume ? test_int(r, 1, 3) : 1;
    g->kh = line ? 1 : test_int(r, 1, 5);
    g->kw = test_int(r, 1, 5);
    g->sd = volume ? test_int(r, 1, 3) : 1;
    g->sh = line ? 1 : test_int(r, 1, 3);
    g->sw = test_int(r, 1, 3);
    /* Every window has a tap in the image, as with Keras' padding. */
    g->pf = test_int(r, 0, g->kd - 1);
    g->pt = test_int(r, 0, g->kh - 1);
    g->pl = test_int(r, 0, g->kw - 1);
    g->od = volume ? test_int(r, 1, 4) : 1;
    g->oh = line ? 1 : test_int(r, 1, 12);
    g->ow = test_int(r, 1, 20);
    g->d = (g->od - 1) * g->sd - g->pf + 1 + test_int(r, 0, g->kd - 1);
    g->h = (g->oh - 1) * g->sh - g->pt + 1 + test_int(r, 0, g->kh - 1);
    g->w = (g->ow - 1) * g->sw - g->pl + 1 + test_int(r, 0, g->kw - 1);
    if (global) {
        g->kd = g->d = volume ? test_int(r, 1, 4) : 1;
        g->kh = g->h = line ? 1 : test_int(r, 1, 14);
        g->kw = g->w = test_int(r, 1, 14);
        g->sd = g->sh = g->sw = g->od = g->oh = g->ow = 1;
        g->pf = g->pt = g->pl = 0;
    }
    g->d = g->d < 1 ? 1 : g->d;
    g->h = g->h < 1 ? 1 : g->h;
    g->w = g->w < 1 ? 1 : g->w;
    g->x = test_view(r, g->n, g->h, g->w, g->c);
    g->y = test_view(r, g->n, g->oh, g->ow, g->c);
    /* Slices of a volume: images one after the other. */
    g->x_ds = g->x.ns;
    g->y_ds = g->y.ns;
    g->x.ns *= g->d;
    g->y.ns *= g->od;
    g->e = test_epilogue(r);
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_pool *g = geometry;
    const bool max = g->kind == CYNF_POOL_MAX;
    (void)w;
    e->terms = max ? 0 : g->kd * g->kh * g->kw + 2;
    for (int n = 0; n < g->n; n++)
        for (int od = 0; od < g->od; od++)
            for (int oh = 0; oh < g->oh; oh++)
                for (int ow = 0; ow < g->ow; ow++)
                    for (int c = 0; c < g->c; c++) {
                        double acc = max ? (double)-INFINITY : 0, scale = 0;
                        int taps = 0;
                        for (int kd = 0; kd < g->kd; kd++)
                            for (int kh = 0; kh < g->kh; kh++)
                                for (int kw = 0; kw < g->kw; kw++) {
                                    const int id = od * g->sd - g->pf + kd, ih = oh * g->sh - g->pt + kh, iw = ow * g->sw - g->pl + kw;
                                    if (id < 0 || id >= g->d || ih < 0 || ih >= g->h || iw < 0 || iw >= g->w)
                                        continue;
                                    const double d = (double)x[0][(size_t)id * (size_t)g->x_ds + test_at(&g->x, n, ih, iw, c)];
                                    taps++;
                                    if (!max)
                                        acc += d;
                                    else if (isnan(d) || d > acc)
                                        acc = d;
                                    scale += fabs(d);
                                }
                        const size_t at = (size_t)od * (size_t)g->y_ds + test_at(&g->y, n, oh, ow, c);
                        e->acc[at] = max ? acc : acc / taps;
                        e->scale[at] = max ? fabs(acc) : scale / taps;
                    }
}

const kernel_test pool_test = {.op = CYNF_OP_POOL, .nonfinite = true, .geometry = geometry, .oracle = oracle};
