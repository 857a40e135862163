/* SPDX-License-Identifier: MIT */
/** From the operands of a step to the arguments of the user's function. */
#include "graph/custom.h"

/* Inputs lie one after the other, and so do weights and outputs. */
static void run(const void *geometry, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    const cynf_custom_call *c = geometry;
    const float *x[CYNF_CUSTOM_MAX_INPUTS], *w[CYNF_CUSTOM_MAX_WEIGHTS], *in = a->x[0], *weights = a->x[1];
    float *y[CYNF_CUSTOM_MAX_OUTPUTS], *out = a->y;
    if (c->run) {
        c->run(geometry, stage, a, thread, begin, end);
        return;
    }
    const cynf_custom_shape *s = c->shape;
    for (int32_t i = 0; i < c->n_in; i++, in += cynf_custom_elems(s++))
        x[i] = in;
    for (int32_t i = 0; i < c->n_weights; i++, weights += cynf_custom_elems(s++))
        w[i] = weights;
    for (int32_t i = 0; i < c->n_out; i++, out += cynf_custom_elems(s++))
        y[i] = out;
    c->source->functions->run(&(cynf_custom_args){.n_in = c->n_in, .n_weights = c->n_weights, .n_out = c->n_out, .in = c->shape, .weight = c->shape + c->n_in,
        .out = c->shape + c->n_in + c->n_weights, .x = x, .w = w, .y = y, .param = c->param, .workspace = a->workspace});
}

/* One call by one thread, whatever it costs. */
static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)g, (void)t, (void)stage;
    return 1;
}

static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    (void)g, (void)t, (void)isa, (void)m;
    return 0;
}

static const cynf_algo algo = {.op = CYNF_OP_COUNT, .name = "custom", .units = units, .cost = cost};

const cynf_kernel cynf_custom_kernel = {"cynf_custom", &algo, CYNF_ISA_SCALAR, false, {1, 1, 1}, run};
