/* SPDX-License-Identifier: MIT */
#include "tune/layouts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SWEEPS 10
#define NEVER 1e3 /* seconds of what must not be chosen */

typedef struct mixer {
    const cynf_graph *g;
    const cynf_timed_program *p;
    int n;
    double *seconds;    /* per program and node */
    double *least;      /* per node: of the programs */
    double *cost;       /* per node: of the layouts now */
    int32_t *pointwise; /* per node: the one that some program computes it together with, which then stands for both; -1: none */
    int32_t *first, *user; /* per tensor: where its readers begin in user */
    cynf_tensor_id *operand; /* of one node */
    int16_t *block;
    int8_t *like;
} mixer;

static int16_t block_in(const mixer *m, int i, cynf_tensor_id t) { return (int16_t)m->p[i].program->block[t]; }
static double seconds_in(const mixer *m, int i, int32_t j) { return m->seconds[(ptrdiff_t)i * m->g->n_node + j]; }

/* operand: the tensors whose layouts node j, with the depthwise node that it stands for, sees, the output first. Returns how many. */
static int operands(const mixer *m, int32_t j)
{
    const cynf_node *n = &m->g->node[j];
    cynf_tensor_id *t = m->operand;
    int count = 0;
    t[count++] = n->out;
    for (int k = 0; k < n->n_in; k++) {
        const int32_t from = m->g->t[n->in[k]].producer;
        if (from >= 0)
            t[count++] = m->pointwise[from] == j ? m->g->node[from].in[0] : n->in[k];
    }
    return count;
}

static double cost_of(mixer *m, int32_t j)
{
    const int count = operands(m, j);
    const cynf_tensor_id *t = m->operand;
    double best = NEVER, apart = 0;
    for (int k = 0; k < count; k++) { /* were only this one of its tensors as it is */
        double least = NEVER;
        for (int i = 0; i < m->n; i++)
            if (block_in(m, i, t[k]) == m->block[t[k]] && seconds_in(m, i, j) < least) {
                least = seconds_in(m, i, j);
                if (!k)
                    m->like[j] = (int8_t)i;
            }
        apart = fmax(apart, least);
    }
    for (int i = 0; i < m->n; i++) {
        bool same = true;
        for (int k = 0; k < count; k++)
            same &= block_in(m, i, t[k]) == m->block[t[k]];
        if (same && seconds_in(m, i, j) < best) {
            best = seconds_in(m, i, j);
            m->like[j] = (int8_t)i;
        }
    }
    if (best < NEVER)
        return best;
    const cynf_node_op op = m->g->node[j].op;
    return op == CYNF_N_CONCAT || op == CYNF_N_PAD ? NEVER : apart; /* parts of other layouts than the whole's would be copied, or all be plain */
}

/* Gives the output of node j another layout; returns what the nodes around it then take more. */
static double relabel(mixer *m, int32_t j, int16_t block)
{
    const cynf_tensor_id t = m->g->node[j].out;
    double more = 0;
    m->block[t] = block;
    for (int32_t k = m->first[t] - 1; k < m->first[t + 1]; k++) {
        int32_t who = k < m->first[t] ? j : m->user[k];
        if (m->pointwise[who] >= 0)
            who = m->pointwise[who];
        const double now = cost_of(m, who);
        more += now - m->cost[who];
        m->cost[who] = now;
    }
    return more;
}

/* Gives the stretch from node j on that gains most by the layouts of program i these layouts. Returns the gain; 0: there is none. */
static double move_stretch(mixer *m, int32_t j, int i, int16_t *before)
{
    const cynf_graph *g = m->g;
    double sum = 0, best = 0, hope = 0;
    int32_t end = j, k = j;
    for (int32_t a = j; a < g->n_node; a++)
        hope += m->cost[a] - m->least[a];
    for (; k < g->n_node && sum - hope < best; k++) {
        const cynf_tensor_id t = g->node[k].out;
        before[k] = m->block[t];
        hope -= m->cost[k] - m->least[k];
        if (g->node[k].dead || m->block[t] == block_in(m, i, t))
            continue;
        sum += relabel(m, k, block_in(m, i, t));
        if (sum < best - 1e-12) {
            best = sum;
            end = k + 1;
        }
    }
    while (k-- > end)
        if (!g->node[k].dead && m->block[g->node[k].out] != before[k])
            relabel(m, k, before[k]);
    return -best;
}

/* What each program's nodes take, which of them are computed together, and who reads what. */
static void read_programs(mixer *m)
{
    const cynf_graph *g = m->g;
    for (int32_t j = 0; j < g->n_node; j++)
        m->pointwise[j] = -1;
    for (int i = 0; i < m->n; i++)
        for (int s = 0; s < m->p[i].program->n_step; s++) {
            const cynf_step *step = &m->p[i].program->step[s];
            if (step->node < 0)
                continue;
            m->seconds[(ptrdiff_t)i * g->n_node + step->node] += m->p[i].seconds[s];
            if (cynf_step_fused(step))
                m->pointwise[g->t[g->node[step->node].in[0]].producer] = step->node;
        }
    for (int32_t j = 0; j < g->n_node; j++)
        for (int i = 0; i < m->n; i++) {
            double *own = &m->seconds[(ptrdiff_t)i * g->n_node];
            if (m->pointwise[j] >= 0) {
                own[m->pointwise[j]] += own[j];
                own[j] = 0;
            }
        }
    for (int32_t j = 0; j < g->n_node; j++)
        for (int k = 0; k < g->node[j].n_in && !g->node[j].dead; k++)
            m->first[g->node[j].in[k] + 2]++;
    for (int32_t t = 0; t < g->n_t; t++)
        m->first[t + 2] += m->first[t + 1];
    for (int32_t j = 0; j < g->n_node; j++)
        for (int k = 0; k < g->node[j].n_in && !g->node[j].dead; k++)
            m->user[m->first[g->node[j].in[k] + 1]++] = j;
}

/* Returns what is gained against the fastest program. */
static double mix(mixer *m, int16_t *before)
{
    const cynf_graph *g = m->g;
    int fastest = 0;
    double gain = 0, gained = 1, sum[2] = {0};
    for (int i = 0; i < m->n; i++) {
        sum[1] = 0;
        for (int32_t j = 0; j < g->n_node; j++) {
            sum[1] += seconds_in(m, i, j);
            m->least[j] = i ? fmin(m->least[j], seconds_in(m, i, j)) : seconds_in(m, i, j);
        }
        if (!i || sum[1] < sum[0]) {
            fastest = i;
            sum[0] = sum[1];
        }
    }
    for (int32_t t = 0; t < g->n_t; t++)
        m->block[t] = block_in(m, fastest, t);
    for (int32_t j = 0; j < g->n_node; j++)
        m->cost[j] = g->node[j].dead || m->pointwise[j] >= 0 ? 0 : cost_of(m, j);
    for (int sweep = 0; sweep < MAX_SWEEPS && gained > 0; sweep++) {
        gained = 0;
        for (int32_t j = 0; j < g->n_node; j++)
            for (int i = 0; i < m->n; i++)
                gained += move_stretch(m, j, i, before);
        gain += gained;
    }
    for (int32_t j = 0; j < g->n_node; j++)
        if (m->pointwise[j] >= 0) {
            m->like[j] = m->like[m->pointwise[j]];
            m->block[g->node[j].out] = block_in(m, m->like[j], g->node[j].out);
        }
    return gain;
}

double cynf_mix_layouts(const cynf_graph *g, const cynf_timed_program *p, int n, int16_t *block, int8_t *like)
{
    const size_t nodes = (size_t)g->n_node + 1, tensors = (size_t)g->n_t + 3;
    size_t edges = 1, most = 0;
    for (int32_t j = 0; j < g->n_node; j++) {
        edges += (size_t)g->node[j].n_in;
        most = (size_t)g->node[j].n_in > most ? (size_t)g->node[j].n_in : most;
    }
    mixer m = {g, p, n, calloc(nodes * (size_t)n, sizeof(double)), calloc(nodes, sizeof(double)), calloc(nodes, sizeof(double)), calloc(nodes, sizeof(int32_t)),
        calloc(tensors, sizeof(int32_t)), calloc(edges, sizeof(int32_t)), calloc(most + 1, sizeof(cynf_tensor_id)), block, like};
    int16_t *before = calloc(nodes, sizeof *before);
    double gain = -1;
    if (m.seconds && m.least && m.cost && m.pointwise && m.first && m.user && m.operand && before) {
        memset(like, 0, (size_t)g->n_node);
        read_programs(&m);
        gain = mix(&m, before);
    }
    free(m.seconds);
    free(m.least);
    free(m.cost);
    free(m.pointwise);
    free(m.first);
    free(m.user);
    free(m.operand);
    free(before);
    return gain;
}
