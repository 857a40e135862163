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
    const reduce_fold_space s = reduce_fold_plan(g, t);
    return cynf_nd_units(&s.kept);
}

static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const reduce_fold_space s = reduce_fold_plan(g, t);
    const bool along = reduce_fold_along(g);
    const int inner = along ? s.over.dims[s.over.rank - 1] : s.kept.dims[s.kept.rank - 1];
    const bool gathers = !along && s.kept.s[1][s.kept.rank - 1] != 1;
    double outputs = 1;
    for (int i = 0; i < s.kept.rank; i++)
        outputs *= s.kept.dims[i];
    const double n = outputs * s.count, ops = gathers ? 2 * n : 2 * n / inner * CYNF_CEIL_DIV(inner, t.v) + outputs * (along ? t.v : 1);
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
    .cost = cost,
    .exact = exact,
};
