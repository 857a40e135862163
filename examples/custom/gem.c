/* SPDX-License-Identifier: MIT */
/* GeM of make.py: y[n,c] = (mean over h, w of max(x[n,h,w,c], eps)^p[c])^(1 / p[c]); p is the layer's weight, eps is in its config. */
#include <cynf/custom.h>
#include <math.h>

static const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r)
{
    if (l->n_in != 1 || l->in[0].rank != 4)
        return "expected one input of rank 4";
    const int32_t n = l->in[0].dim[0], channels = l->in[0].dim[3];
    if (l->n_weights != 1 || l->weight[0].shape.rank != 1 || l->weight[0].shape.dim[0] != channels)
        return "expected one weight, a power for each channel";
    r->out[0] = (cynf_custom_shape){2, {n, channels}};
    r->param[0] = l->number(l, "eps", 0, 1e-6);
    return NULL;
}

static void run(const cynf_custom_args *a)
{
    const int32_t n = a->in[0].dim[0], pixels = a->in[0].dim[1] * a->in[0].dim[2], channels = a->in[0].dim[3];
    const float eps = (float)a->param[0], *p = a->w[0];
    for (int32_t i = 0; i < n; i++) {
        const float *x = a->x[0] + (size_t)i * (size_t)pixels * (size_t)channels;
        for (int32_t c = 0; c < channels; c++) {
            float sum = 0;
            for (int32_t k = 0; k < pixels; k++)
                sum += powf(fmaxf(x[(size_t)k * (size_t)channels + (size_t)c], eps), p[c]);
            a->y[0][i * channels + c] = powf(sum / (float)pixels, 1 / p[c]);
        }
    }
}

CYNF_CUSTOM(1, shapes, run);
