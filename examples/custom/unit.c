/* SPDX-License-Identifier: MIT */
/* The Lambda "unit" of make.py: y = x / sqrt(sum of x^2) for each sample. */
#include <cynf/custom.h>
#include <math.h>

static const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r)
{
    if (l->n_in != 1 || l->in[0].rank != 2)
        return "expected one input of rank 2";
    r->out[0] = l->in[0];
    return NULL;
}

static void run(const cynf_custom_args *a)
{
    const int32_t n = a->in[0].dim[0], len = a->in[0].dim[1];
    for (int32_t i = 0; i < n; i++) {
        const float *x = a->x[0] + i * len;
        float sum = 0;
        for (int32_t k = 0; k < len; k++)
            sum += x[k] * x[k];
        for (int32_t k = 0; k < len; k++)
            a->y[0][i * len + k] = x[k] / sqrtf(sum);
    }
}

CYNF_CUSTOM(1, shapes, run);
