/* SPDX-License-Identifier: MIT */
/** resample f32, taps: weighted sums of a few neighbours along one axis, vectors along the contiguous one; contract at cynf_resample. */
#ifndef CYNF_RESAMPLE_TAPS_H
#define CYNF_RESAMPLE_TAPS_H

#include "kernels/act.h"
#include "kernels/resample/taps_layout.h"

static CYNF_INLINE void resample_taps(const cynf_resample *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)t, (void)stage, (void)thread;
    const int32_t *first = a->packed, group = resample_taps_group(g), groups = CYNF_CEIL_DIV(g->out, group);
    const float *weights = (const float *)a->packed + resample_taps_weights(g);
    for (size_t u = begin; u < end; u++) {
        const int o = (int)(u / (size_t)groups), j0 = (int)(u % (size_t)groups) * group, j1 = j0 + group < g->out ? j0 + group : g->out;
        for (int j = j0; j < j1; j++) {
            const float *x = a->x[0] + (ptrdiff_t)o * g->x_os + (ptrdiff_t)first[j] * g->x_rs, *w = weights + (ptrdiff_t)j * g->taps;
            float *y = a->y + (ptrdiff_t)o * g->y_os + (ptrdiff_t)j * g->y_rs;
            int i = 0;
            for (; i + VL <= g->inner; i += VL) {
                vf acc = vf_mul(vf_set1(w[0]), vf_load(x + i));
                for (int k = 1; k < g->taps; k++)
                    acc = vf_fma(vf_set1(w[k]), vf_load(x + (ptrdiff_t)k * g->x_rs + i), acc);
                vf_store(y + i, cynf_activate(acc, &g->e));
            }
            if (i < g->inner) {
                const int n = g->inner - i;
                vf acc = vf_mul(vf_set1(w[0]), vf_loadn(x + i, n));
                for (int k = 1; k < g->taps; k++)
                    acc = vf_fma(vf_set1(w[k]), vf_loadn(x + (ptrdiff_t)k * g->x_rs + i, n), acc);
                vf_storen(y + i, cynf_activate(acc, &g->e), n);
            }
        }
    }
}

#endif
