/* SPDX-License-Identifier: MIT */
/** reduce, fold: the descriptor. */
#include "kernels/cost.h"
#include "kernels/reduce/fold_layout.h"

extern const cynf_algo cynf_reduce_fold;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)stage;
    cynf_nd nd[CYNF_FOLD_SPACES];
    reduce_fold_spaces(g, t, nd);
    return cynf_nd_units(&nd[CYNF_FOLD_KEPT]);
}

static int spaces(const void *g, cynf_tile t, cynf_nd *nd)
{
    reduce_fold_spaces(g, t, nd);
    return CYNF_FOLD_SPACES;
}

static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    cynf_nd nd[CYNF_FOLD_SPACES];
    reduce_fold_spaces(g, t, nd);
    const cynf_nd *const kept = &nd[CYNF_FOLD_KEPT], *const over = &nd[CYNF_FOLD_OVER];
    const bool along = reduce_fold_along(g);
    const int inner = along ? over->dims[over->rank - 1] : kept->dims[kept->rank - 1];
    const bool gathers = !along && kept->s[1][kept->rank - 1] != 1;
    double outputs = 1;
    for (int i = 0; i < kept->rank; i++)
        outputs *= kept->dims[i];
    const double n = outputs * reduce_fold_count(g), ops = gathers ? 2 * n : 2 * n / inner * CYNF_CEIL_DIV(inner, t.v) + outputs * (along ? t.v : 1);
    const double compute = cynf_vector_seconds(m, isa, ops), memory = cynf_stream_seconds(m, 4 * n);
    return 1e-7 + (compute > memory ? compute : memory);
}

static bool exact(const void *g, cynf_tile t)
{
    (void)g;
    return t.nv * t.v == CYNF_FOLD_EXACT;
}

const cynf_algo cynf_reduce_fold = {
    .op = CYNF_OP_REDUCE,
    .name = "fold",
    .header = "kernels/reduce/fold.h",
    .supports = supports,
    .units = units,
    .spaces = spaces,
    .cost = cost,
    .exact = exact,
};
