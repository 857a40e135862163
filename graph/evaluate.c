/* SPDX-License-Identifier: MIT */
/** Constant folding: a graph of one node, built and run on the spot. */
#include <stdlib.h>

#include "graph/graph_internal.h"
#include "graph/program.h"

/* The node alone, its constants as they are: operands that a kernel reads become inputs, weights stay constants. */
static cynf_graph *single(const cynf_graph *g, const cynf_node *n, const void **x)
{
    cynf_graph *one = cynf_graph_new();
    if (!one)
        return NULL;
    one->exact = g->exact;
    cynf_node copy = *n;
    for (int i = 0; i < n->n_in; i++) {
        const cynf_tensor *t = &g->t[n->in[i]];
        if (i == 0 || n->op == CYNF_N_ELTWISE || n->op == CYNF_N_CONCAT || n->op == CYNF_N_GEMM) {
            x[one->n_in] = t->data;
            copy.in[i] = cynf_g_input(one, &t->shape, CYNF_F32, NULL);
        } else {
            copy.in[i] = cynf_g_const(one, &t->shape, t->data);
        }
    }
    cynf_g_output(one, cynf_g_node(one, &copy, &g->t[n->out].shape), CYNF_F32, NULL);
    return one;
}

static const float *operand(const cynf_program *p, const float *arena, const void *const *x, const float *y, const cynf_ref *r)
{
    switch (r->space) {
    case CYNF_IN_INPUT: return (const float *)x[r->index] + r->offset;
    case CYNF_IN_CONST: return (const float *)p->consts + r->offset;
    case CYNF_IN_OUTPUT: return y + r->offset;
    default: return arena + r->offset;
    }
}

static void run(const cynf_program *p, float *arena, const void *const *x, float *y)
{
    for (int i = 0; i < p->n_step; i++) {
        const cynf_step *s = &p->step[i];
        cynf_args a = {.packed = s->packed_offset >= 0 ? (const char *)p->consts + s->packed_offset : NULL,
            .workspace = s->workspace_offset >= 0 ? (char *)arena + s->workspace_offset : NULL,
            .y = s->out.space == CYNF_IN_OUTPUT ? y + s->out.offset : arena + s->out.offset};
        for (int k = 0; k < s->n_in; k++)
            a.x[k] = operand(p, arena, x, y, &s->in[k]);
        for (int k = 0; k < cynf_kernel_stages(s->kernel, &s->problem.u); k++)
            cynf_kernel_run(s->kernel, &s->problem.u, k, &a, 0, 0, cynf_kernel_units(s->kernel, &s->problem.u, k));
    }
}

float *cynf_graph_evaluate(const cynf_graph *g, int32_t j)
{
    const void *x[CYNF_MAX_NODE_INPUTS];
    cynf_graph *one = single(g, &g->node[j], x);
    cynf_program *p = NULL;
    float *y = NULL, *arena = NULL;
    if (one && !one->status && !cynf_program_build(&p, one, &(cynf_build_options){.threads = 1}, NULL, 0)) {
        y = calloc(cynf_shape_elems(&g->t[g->node[j].out].shape), sizeof *y);
        arena = aligned_alloc(64, (size_t)(p->arena_bytes + 64) / 64 * 64);
        if (y && arena) {
            run(p, arena, x, y);
        } else {
            free(y);
            y = NULL;
        }
    }
    free(arena);
    cynf_program_free(&p);
    cynf_graph_free(&one);
    return y;
}
