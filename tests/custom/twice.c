/* SPDX-License-Identifier: MIT */
/* Twice of make_models.py. */
#include <cynf/custom.h>

static const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r)
{
    r->out[0] = l->in[0];
    r->keeps_mask = 1;
    return l->n_in == 1 ? NULL : "expected one input";
}

static void run(const cynf_custom_args *a)
{
    const size_t n = cynf_custom_elems(&a->in[0]);
    for (size_t i = 0; i < n; i++)
        a->y[0][i] = 2 * a->x[0][i];
}

CYNF_CUSTOM(1, shapes, run);
