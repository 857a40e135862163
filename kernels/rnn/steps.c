/* SPDX-License-Identifier: MIT */
/** rnn, steps: the descriptor. */
#include "kernels/rnn/descriptor.h"

extern const cynf_algo cynf_rnn_steps;

static bool supports(const void *geometry, cynf_tile t)
{
    const cynf_rnn *g = geometry;
    (void)t;
    return !g->f && g->kind != CYNF_RNN_GRU;
}

static int stages(const void *g, cynf_tile t)
{
    (void)t;
    return 1 + ((const cynf_rnn *)g)->t;
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_rnn *g = geometry;
    return (size_t)g->n * (size_t)(stage == 0 ? 1 : rnn_padded(g, t) / (t.nv * t.v));
}

static size_t shared_bytes(const void *g, cynf_tile t) { return rnn_steps_shared_bytes(g, t); }

/* On one thread: a call a step more, and no weights that the last step left in the nearest cache. */
static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    return 1.1 * rnn_cost(g, t, isa, m) + 10e-9 * ((const cynf_rnn *)g)->t;
}

const cynf_algo cynf_rnn_steps = {
    .op = CYNF_OP_RNN,
    .name = "steps",
    .header = "kernels/rnn/steps.h",
    .supports = supports,
    .stages = stages,
    .units = units,
    .packed_bytes = rnn_packed_bytes,
    .pack = rnn_pack,
    .shared_bytes = shared_bytes,
    .cost = cost,
    .exact = rnn_exact,
};
