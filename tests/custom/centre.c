/* SPDX-License-Identifier: MIT */
/* Centre of make_models.py. */
#include <cynf/custom.h>

static const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r)
{
    r->out[0] = l->in[0];
    r->mixes_samples = 1;
    return l->n_in == 1 && l->in[0].rank == 2 ? NULL : "expected one input of rank 2";
}

static void run(const cynf_custom_args *a)
{
    const int32_t n = a->in[0].dim[0], len = a->in[0].dim[1];
    for (int32_t k = 0; k < len; k++) {
        float sum = 0;
        for (int32_t i = 0; i < n; i++)
            sum += a->x[0][i * len + k];
        for (int32_t i = 0; i < n; i++)
            a->y[0][i * len + k] = a->x[0][i * len + k] - sum / (float)n;
    }
}

CYNF_CUSTOM(1, shapes, run);
