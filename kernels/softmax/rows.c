/* SPDX-License-Identifier: MIT */
/** softmax, rows: the descriptor; and its twin over SLEEF's functions, kernels/sleef/bodies.c. */
#include "cynf-config.h"
#include "kernels/cost.h"
#include "kernels/softmax/rows_layout.h"

extern const cynf_algo cynf_softmax_rows;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_softmax *g = geometry;
    (void)t, (void)stage;
    return (size_t)CYNF_CEIL_DIV(g->rows, softmax_rows_group(g));
}

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_softmax *g = geometry;
    const double vectors = (double)g->rows * CYNF_CEIL_DIV(g->len, t.v);
    const double compute = cynf_vector_seconds(m, isa, vectors * (cynf_act_ops(CYNF_ACT_EXP) + 8)) + g->rows * 2e-8;
    const double memory = cynf_stream_seconds(m, 8.0 * g->rows * g->len);
    return 1e-7 + (compute > memory ? compute : memory);
}

static bool exact(const void *g, cynf_tile t)
{
    (void)g;
    return t.nv * t.v == CYNF_SOFTMAX_EXACT;
}

const cynf_algo cynf_softmax_rows = {
    .op = CYNF_OP_SOFTMAX,
    .name = "rows",
    .header = "kernels/softmax/rows.h",
    .supports = supports,
    .units = units,
    .cost = cost,
    .exact = exact,
};

#if CYNF_HAVE_SLEEF
#include "kernels/sleef/descriptor.h"

static bool sleef_supports(const void *g, cynf_tile t)
{
    (void)t;
    return ((const cynf_softmax *)g)->kind != CYNF_SPARSEMAX;
}

CYNF_SLEEF_DESCRIPTOR(softmax, SOFTMAX)
#endif
