/* SPDX-License-Identifier: MIT */
/**
 * Row bands: a chain of nodes, each of which only the next one reads, is computed a few rows at a time. What lies between two of them then is as many rows as one band
 * and the next have in common and each needs, which stay in a cache: expansion -> depthwise -> projection, convolution -> pooling, upsampling -> convolution.
 * No row is computed twice: those that the next band reads again are carried to the front of the window.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/program_internal.h"

#define MAX_CHAIN 8
#define TILE_ROWS 6 /* so that bands, and those before pooling, are whole tiles of Winograd's forms */

typedef struct chain {
    int32_t n, node[MAX_CHAIN], rows; /**< in order; of the last one's output, in a band */
} chain;

/* The node that reads what j, and the depthwise node that is fused with it, read. */
static const cynf_node *reader(const cynf_builder *b, int32_t j)
{
    const cynf_node *dw = cynf_fused_into(b, j);
    return dw ? dw : &b->g->node[j];
}

/* Whether an element-wise node changes one tensor by constants that are the same in every row. */
static bool by_row(const cynf_graph *g, const cynf_node *n)
{
    const cynf_shape *y = &g->t[n->out].shape;
    if (n->op != CYNF_N_ELTWISE || !cynf_shape_equal(&g->t[n->in[0]].shape, y))
        return false;
    for (int i = 1; i < n->n_in; i++) {
        const cynf_tensor *t = &g->t[n->in[i]];
        if (!t->data || t->shape.rank > 2)
            return false;
    }
    return true;
}

static bool can_join(const cynf_builder *b, int32_t j)
{
    const cynf_node *n = &b->g->node[j];
    const cynf_shape *x = &b->g->t[n->in[0]].shape, *y = &b->g->t[n->out].shape;
    if (n->dead || x->rank != 4 || y->rank != 4 || x->d[0] != 1 || b->g->t[n->in[0]].data)
        return false;
    return n->op == CYNF_N_DWCONV2D || n->op == CYNF_N_POOL || (n->op == CYNF_N_CONV2D && !n->kind) || (n->op == CYNF_N_REPEAT && n->perm[0] == 1 && n->perm[3] == 1) || by_row(b->g, n);
}

void cynf_band_input(const cynf_node *n, int32_t h, int32_t y0, int32_t y1, int32_t *lo, int32_t *hi)
{
    if (n->op == CYNF_N_REPEAT) {
        *lo = y0 / n->perm[1];
        *hi = CYNF_CEIL_DIV(y1, n->perm[1]);
        return;
    }
    if (n->op == CYNF_N_ELTWISE) {
        *lo = y0;
        *hi = y1;
        return;
    }
    const int32_t dh = n->dh > 0 ? n->dh : 1, first = y0 * n->sh - n->pt, end = (y1 - 1) * n->sh - n->pt + (n->kh - 1) * dh + 1;
    *lo = first > 0 ? first : 0;
    *hi = end < h ? end : h;
}

/* Bands in order, and the nodes of each: into steps, or else only into the windows of the tensors between. False: a chain that cannot be computed like this. */
static bool walk(cynf_builder *b, const chain *c, bool steps)
{
    const cynf_graph *g = b->g;
    int32_t done[MAX_CHAIN] = {0}, base[MAX_CHAIN] = {0}, end[MAX_CHAIN], low[MAX_CHAIN];
    const int last = c->n - 1;
    const int32_t height = g->t[g->node[c->node[last]].out].shape.d[1];
    while (done[last] < height && !b->status) {
        const cynf_node *tail = &g->node[c->node[last]];
        const int32_t whole = tail->op == CYNF_N_REPEAT ? CYNF_ROUND_UP(c->rows, tail->perm[1]) : c->rows;
        end[last] = done[last] + whole < height ? done[last] + whole : height;
        for (int k = last; k > 0; k--) {
            const cynf_node *n = reader(b, c->node[k]), *from = &g->node[c->node[k - 1]];
            const int32_t h = g->t[from->out].shape.d[1];
            cynf_band_input(n, h, done[k], end[k], &low[k - 1], &end[k - 1]);
            if (end[k - 1] <= low[k - 1] || low[k - 1] > done[k - 1])
                return false;
            if (from->op == CYNF_N_REPEAT)
                end[k - 1] = CYNF_ROUND_UP(end[k - 1], from->perm[1]);
            if (end[k - 1] < done[k - 1])
                end[k - 1] = done[k - 1];
        }
        for (int k = 0; k <= last; k++) {
            const cynf_tensor_id t = g->node[c->node[k]].out;
            if (k < last) {
                const int32_t carried = done[k] - low[k];
                if (low[k] > base[k] && carried > 0) {
                    if (carried > low[k] - base[k])
                        return false; /* it would be copied onto itself */
                    if (steps)
                        cynf_build_carry(b, c->node[k], low[k] - base[k], carried);
                }
                base[k] = low[k];
                if (b->window[t] < end[k] - base[k])
                    b->window[t] = end[k] - base[k];
            }
            if (steps && end[k] > done[k])
                cynf_build_rows(b, c->node[k], (cynf_band){done[k], end[k], k ? base[k - 1] : 0, k < last ? base[k] : 0});
            done[k] = end[k];
        }
    }
    return true;
}

/* The chain that ends with node j. */
static bool chain_of(const cynf_builder *b, int32_t j, chain *c)
{
    const cynf_graph *g = b->g;
    if (b->bands[j] <= 0 || !can_join(b, j) || b->fused_away[j])
        return false;
    *c = (chain){.rows = b->bands[j]};
    int32_t member[MAX_CHAIN], n = 0;
    for (int32_t k = j; n < MAX_CHAIN;) {
        member[n++] = k;
        const cynf_tensor_id x = reader(b, k)->in[0];
        k = g->t[x].producer;
        if (k < 0 || b->bands[k] >= 0 || b->uses[x] != 1 || !can_join(b, k))
            break;
    }
    for (c->n = 0; c->n < n; c->n++)
        c->node[c->n] = member[n - 1 - c->n];
    return n > 1;
}

void cynf_build_bands(cynf_builder *b)
{
    const cynf_graph *g = b->g;
    const cynf_decisions *dec = b->o->decisions;
    if (b->o->base || g->sizes)
        return; /* heights are not known */
    if (b->o->band_rows > 0)
        cynf_band_chains(b, b->o->band_rows, b->bands);
    else if (dec && dec->bands)
        memcpy(b->bands, dec->bands, (size_t)(dec->n_node < g->n_node ? dec->n_node : g->n_node) * sizeof *b->bands);
    for (int32_t j = 0; j < g->n_node; j++) {
        chain c;
        if (!chain_of(b, j, &c))
            continue;
        if (!walk(b, &c, false)) {
            for (int k = 0; k < c.n; k++)
                b->window[g->node[c.node[k]].out] = 0;
            continue;
        }
        for (int k = 0; k < c.n; k++)
            b->band_end[c.node[k]] = j;
    }
}

void cynf_build_chain(cynf_builder *b, int32_t j)
{
    chain c;
    if (chain_of(b, j, &c))
        walk(b, &c, true);
}

static int64_t tensor_bytes(const cynf_graph *g, cynf_tensor_id t) { return (int64_t)(cynf_shape_elems(&g->t[t].shape) * sizeof(float)); }

static int64_t weight_bytes(const cynf_graph *g, const cynf_node *n)
{
    return n->op == CYNF_N_CONV2D || n->op == CYNF_N_DWCONV2D ? tensor_bytes(g, n->in[1]) : 0;
}

void cynf_band_chains(const cynf_builder *b, int32_t rows, int16_t *bands)
{
    const cynf_graph *g = b->g;
    const int64_t cache = b->machine->cache_bytes[1];
    memset(bands, 0, (size_t)g->n_node * sizeof *bands);
    for (int32_t i = 0; i < g->n_node; i++) {
        if (bands[i] || !can_join(b, i))
            continue;
        int32_t member[MAX_CHAIN] = {i}, found = 1, n = 1;
        int64_t weights = weight_bytes(g, &g->node[i]), least = INT64_MAX;
        while (found < MAX_CHAIN) {
            const cynf_tensor_id t = g->node[member[found - 1]].out;
            const int32_t k = b->uses[t] == 1 ? b->user[t] : -1;
            if (k < 0 || bands[k] || !can_join(b, k) || g->node[k].in[0] != t)
                break;
            weights += weight_bytes(g, &g->node[k]);
            if (!rows && (tensor_bytes(g, t) <= (found == 1 && by_row(g, &g->node[i]) ? cache / 8 : cache / 2) || weights > cache / 2))
                break;
            member[found++] = k;
            /* Not between what may be fused, unless that is too large to join. */
            const int32_t next = b->uses[g->node[k].out] == 1 ? b->user[g->node[k].out] : -1;
            const bool paired = next >= 0 && b->pair[next] == k && (rows || weights + weight_bytes(g, &g->node[next]) <= cache / 2);
            if (!paired && tensor_bytes(g, g->node[k].out) <= least) { /* the smaller what is left behind the better */
                least = tensor_bytes(g, g->node[k].out);
                n = found;
            }
        }
        int64_t row_bytes = 0; /* of what lies between, for each row of the last output */
        const int32_t last = member[n - 1], height = g->t[g->node[last].out].shape.d[1];
        for (int k = 0; k < n - 1; k++)
            row_bytes += tensor_bytes(g, g->node[member[k]].out) / height;
        int64_t most = rows;
        if (!rows && row_bytes) {
            const int64_t fit = (by_row(g, &g->node[i]) ? 2 * b->machine->cache_bytes[0] : cache / 3) / row_bytes; /* what is read at once may be near */
            most = fit >= 2 * TILE_ROWS ? fit / (2 * TILE_ROWS) * (2 * TILE_ROWS) : TILE_ROWS;
        }
        if (n < 2 || most < 1 || (!rows && most * 2 > height))
            continue;
        for (int k = 0; k < n - 1; k++)
            bands[member[k]] = -1;
        bands[last] = (int16_t)(most < INT16_MAX ? most : INT16_MAX);
    }
}
