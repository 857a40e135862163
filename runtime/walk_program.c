/* SPDX-License-Identifier: MIT */
/** The table of calls of a program: what the executor runs and the generator prints. */
#include <stdlib.h>

#include "runtime/walk_program.h"

static size_t make_edges(const cynf_port *port, int32_t n, size_t elems(const cynf_program *, int), const cynf_program *p, cynf_edge *edge, size_t at)
{
    for (int32_t i = 0; i < n; i++) {
        edge[i] = (cynf_edge){.dtype = port[i].dtype, .elems = elems(p, i)};
        if (edge[i].dtype != CYNF_F32) {
            edge[i].staged = at;
            at += CYNF_ROUND_UP(edge[i].elems * sizeof(float), 64);
        }
    }
    return at;
}

void cynf_call_units(cynf_call *c, const cynf_kernel *k, const void *g)
{
    c->stages = cynf_kernel_stages(k, g);
    c->serial = cynf_kernel_cost(k, g, NULL) < CYNF_SERIAL_SECONDS;
    for (int s = 0; s < c->stages && s < CYNF_LISTED_STAGES; s++)
        c->units[s] = cynf_kernel_units(k, g, s), c->span[s] = cynf_kernel_unit_span(k, g, s);
}

cynf_status cynf_walk_of_program(cynf_walk **out, const cynf_program *p)
{
    const cynf_graph *g = p->graph;
    struct {
        cynf_walk walk;
        cynf_call call[];
    } *block = calloc(1, sizeof *block + (size_t)p->n_step * sizeof(cynf_call) + (size_t)(g->n_in + g->n_out) * sizeof(cynf_edge));
    if (!block)
        return CYNF_ENOMEM;
    cynf_edge *edge = (cynf_edge *)(block->call + p->n_step);
    size_t arena = CYNF_ROUND_UP((size_t)p->arena_bytes, 64);
    arena = make_edges(g->in, g->n_in, cynf_program_input_elems, p, edge, arena);
    arena = make_edges(g->out, g->n_out, cynf_program_output_elems, p, edge + g->n_in, arena);
    for (int32_t i = 0; i < p->n_step; i++) {
        const cynf_step *s = &p->step[i];
        cynf_call *c = &block->call[i];
        *c = (cynf_call){.run = s->kernel->run, .geometry = s->custom ? (const void *)s->custom : &s->problem.u, .out = s->out, .n_in = s->n_in,
            .packed_offset = s->packed_offset, .workspace_offset = s->workspace_offset, .next_offset = s->next_offset, .next_bytes = s->next_bytes, .with_next = s->with_next};
        cynf_call_units(c, s->kernel, &s->problem.u);
        c->serial |= p->serial;
        for (int32_t j = 0; j < s->n_in; j++)
            c->in[j] = s->in[j];
    }
    block->walk = (cynf_walk){.call = block->call, .n_call = p->n_step, .in = edge, .out = edge + g->n_in, .n_in = g->n_in, .n_out = g->n_out,
        .batch = g->batch, .threads = p->threads, .batch_fixed = g->batch_mixed, .consts = p->consts, .base = p->base ? p->base->consts : NULL,
        .base_bytes = p->base ? (size_t)p->base->consts_bytes : 0, .arena_bytes = arena,
        .state_offset = (size_t)p->state_offset, .state_bytes = (size_t)p->state_bytes};
    *out = &block->walk;
    return CYNF_OK;
}

void cynf_walk_free(cynf_walk **w)
{
    free(*w);
    *w = NULL;
}
