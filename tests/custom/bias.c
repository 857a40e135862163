/* SPDX-License-Identifier: MIT */
/* Bias of make_models.py. */
#include <cynf/custom.h>

static const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r)
{
    if (l->n_in != 1 || l->in[0].rank < 1 || l->n_weights != 1 || cynf_custom_elems(&l->weight[0].shape) != (size_t)l->in[0].dim[l->in[0].rank - 1])
        return "expected one input, and a weight for each of its last sizes";
    r->out[0] = l->in[0];
    return NULL;
}

static void run(const cynf_custom_args *a)
{
    const size_t n = cynf_custom_elems(&a->in[0]), len = cynf_custom_elems(&a->weight[0]);
    for (size_t i = 0; i < n; i++)
        a->y[0][i] = a->x[0][i] + a->w[0][i % len];
}

CYNF_CUSTOM(1, shapes, run);
