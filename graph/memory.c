/* SPDX-License-Identifier: MIT */
/**
 * Static memory plan: offsets of buffers and workspaces whose lifetimes overlap never overlap.
 *
 * Greedy by size (Pisarchyk and Lee, arXiv:2001.03288, section 4.2), then the same placement in other orders with fixed seeds; the
 * smallest arena wins. Deterministic.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/program_internal.h"

#define ALIGN_ELEMS 16
#define MAX_VISITS 4e8 /* of blocks by blocks, in all placements */

typedef struct block {
    int64_t elems, offset;
    int32_t first, last, id; /* id: buffer, or n_buffer + step for a workspace */
} block;

static int by_size(const void *pa, const void *pb)
{
    const block *a = pa, *b = pb;
    if (a->elems != b->elems)
        return a->elems < b->elems ? 1 : -1;
    return a->id - b->id;
}

/*
 * Elements behind a multiple of a page of what a step reads, where what it writes does not begin: loads would wait for stores whose addresses are the same in their low
 * 12 bits (Zen 4: silu over 256 KiB takes 1.6 x as long at 64 bytes, and as long as elsewhere from 448 on).
 */
#define PAGE_ELEMS 1024
#define ALIAS_ELEMS 112

/* How far block a must go up from offset at so that it does not alias o. */
static int64_t aliased(const block *a, int64_t at, const block *o)
{
    const int64_t behind = o->last == a->first ? at - o->offset : a->last == o->first ? o->offset - at : 0;
    const int64_t d = (behind % PAGE_ELEMS + PAGE_ELEMS) % PAGE_ELEMS;
    return d == 0 || d >= ALIAS_ELEMS ? 0 : o->last == a->first ? ALIAS_ELEMS - d : d;
}

/* The lowest offset from at on where the block meets none of the placed ones that live at the same time. */
static int64_t first_fit(const block *a, int64_t at, block *const *sorted, int placed)
{
    for (int k = 0; k < placed; k++) {
        const block *o = sorted[k];
        if (o->last < a->first || a->last < o->first || o->offset + o->elems <= at)
            continue;
        if (o->offset >= at + a->elems)
            break;
        at = o->offset + o->elems;
    }
    return at;
}

/* Each block, in order, at the lowest offset where it meets none of the earlier ones that live at the same time and, after a few tries, aliases none. */
static int64_t place_all(block *blk, int n, block **sorted)
{
    int64_t top = 0;
    int placed = 0;
    for (int i = 0; i < n; i++) {
        int64_t at = first_fit(&blk[i], 0, sorted, placed), up = 1;
        for (int tries = 0; tries < 4 && up; tries++) {
            up = 0;
            for (int k = 0; k < placed && !up; k++)
                up = aliased(&blk[i], at, sorted[k]);
            if (up)
                at = first_fit(&blk[i], at + up, sorted, placed);
        }
        blk[i].offset = at;
        int k = placed++;
        for (; k > 0 && sorted[k - 1]->offset > at; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = &blk[i];
        if (at + blk[i].elems > top)
            top = at + blk[i].elems;
    }
    return top;
}

/* The most that lives at one step; change has room for steps + 1 zeros. */
static int64_t lower_bound(const block *blk, int n, int steps, int64_t *change)
{
    int64_t most = 0, live = 0;
    for (int i = 0; i < n; i++) {
        change[blk[i].first] += blk[i].elems;
        change[blk[i].last + 1] -= blk[i].elems;
    }
    for (int s = 0; s < steps; s++) {
        live += change[s];
        if (live > most)
            most = live;
    }
    return most;
}

static void touch(cynf_builder *b, const cynf_ref *r, int step)
{
    cynf_buffer *u = &b->buffer[r->index];
    if (r->space != CYNF_IN_ARENA || u->same)
        return;
    if (step < u->first)
        u->first = step;
    if (step > u->last)
        u->last = step;
}

static void resolve(const cynf_builder *b, cynf_ref *r)
{
    if (r->space != CYNF_IN_ARENA)
        return;
    const cynf_buffer *u = b->buffer[r->index].same ? b->buffer[r->index].same : &b->buffer[r->index];
    *r = (cynf_ref){u->space, u->index, u->offset + r->offset};
    if (u->space == CYNF_IN_ARENA)
        r->index = 0;
}

void cynf_build_lifetimes(cynf_builder *b)
{
    const cynf_program *p = b->p;
    for (int i = 0; i < b->n_buffer; i++) {
        b->buffer[i].first = INT32_MAX;
        b->buffer[i].last = -1;
    }
    for (int s = 0; s < p->n_step; s++) {
        for (int i = 0; i < p->step[s].n_in; i++)
            touch(b, &p->step[s].in[i], s);
        touch(b, &p->step[s].out, s);
    }
    for (int s = 0; s < p->n_step; s++)
        for (int i = 0; i < b->n_buffer && p->step[s].with_next; i++) {
            b->buffer[i].last += b->buffer[i].last == s;
            b->buffer[i].first -= b->buffer[i].first == s + 1;
        }
}

/* Behind all that is planned, in the graph's order and without gaps: the same vector for every machine and plan. */
static void place_states(cynf_builder *b, int64_t at)
{
    const cynf_graph *g = b->g;
    cynf_program *p = b->p;
    const int64_t room = b->o->room_bytes / (int64_t)sizeof(float);
    if (room && at > room)
        cynf_build_fail(b, CYNF_ENOMEM, "it needs %lld bytes for what lives in a run, %lld are there", (long long)at * (long long)sizeof(float), (long long)b->o->room_bytes);
    at = room ? room : at;
    p->state_offset = at * (int64_t)sizeof(float);
    p->state_bytes = (int64_t)(cynf_graph_state_elems(g) * sizeof(float));
    for (int i = 0; i < g->n_state; i++) {
        cynf_buffer *u = &b->buffer[b->loc[g->state[i].t].buffer];
        u->offset = at;
        at += u->elems;
    }
    p->arena_bytes = CYNF_ROUND_UP(p->state_offset + p->state_bytes, 64);
    p->arena_lower_bound_bytes += p->arena_bytes - p->state_offset;
}

/* Keeps the blocks, which are in the order of their making. */
static bool keep_places(cynf_builder *b, const block *blk, int n)
{
    cynf_program *p = b->p;
    if (!(p->place = calloc((size_t)n + 1, sizeof *p->place)))
        return false;
    p->n_place = n;
    for (int i = 0; i < n; i++)
        p->place[i] = (cynf_place){.id = blk[i].id, .first = blk[i].first, .last = blk[i].last, .elems = blk[i].elems};
    return true;
}

/* The places of the base program, where every block has one there, lives as long and is no larger. Their end goes to top. */
static bool places_of_base(const cynf_program *p, block *blk, int n, int64_t *top)
{
    bool same = p->base && p->base->n_place == n;
    for (int i = 0; same && i < n; i++) {
        const cynf_place *o = &p->base->place[i];
        same = o->id == blk[i].id && o->first == blk[i].first && o->last == blk[i].last && o->elems >= blk[i].elems;
        blk[i].offset = o->offset;
        *top = o->offset + blk[i].elems > *top ? o->offset + blk[i].elems : *top;
    }
    return same;
}

/* The best of some orders; where blk begins in the order of size. */
static int64_t search_places(block *blk, block *best, block **sorted, int n, int64_t bound)
{
    int64_t top = place_all(blk, n, sorted);
    memcpy(best, blk, (size_t)n * sizeof *blk);
    /* Random swaps of the best order so far; worth it only while the bound is not met, and the fewer the more blocks there are. */
    uint32_t seed = 1;
    const double rounds = n ? MAX_VISITS / ((double)n * n) : 0;
    for (int round = 0; round < 300 && round < rounds && top > bound && n > 2; round++) {
        memcpy(blk, best, (size_t)n * sizeof *blk);
        for (int k = 0; k < 1 + round % 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            const int i = (int)((seed >> 8) % (uint32_t)n);
            seed = seed * 1664525u + 1013904223u;
            const int j = (int)((seed >> 8) % (uint32_t)n);
            const block t = blk[i];
            blk[i] = blk[j];
            blk[j] = t;
        }
        const int64_t now = place_all(blk, n, sorted);
        if (now <= top) {
            top = now;
            memcpy(best, blk, (size_t)n * sizeof *blk);
        }
    }
    return top;
}

void cynf_build_memory(cynf_builder *b)
{
    cynf_program *p = b->p;
    cynf_build_lifetimes(b);

    const size_t cap = (size_t)b->n_buffer + (size_t)p->n_step + 1;
    block *blk = calloc(cap, sizeof *blk), *best = calloc(cap, sizeof *best), **sorted = calloc(cap, sizeof *sorted);
    int64_t *change = calloc((size_t)p->n_step + 1, sizeof *change);
    if (!blk || !best || !sorted || !change) {
        cynf_build_fail(b, CYNF_ENOMEM, "out of memory");
        goto done;
    }
    int n = 0;
    for (int i = 0; i < b->n_buffer; i++) {
        const cynf_buffer *u = &b->buffer[i];
        if (u->space == CYNF_IN_ARENA && !u->state && u->last >= u->first)
            blk[n++] = (block){CYNF_ROUND_UP(u->elems, ALIGN_ELEMS), 0, u->first, u->last, i};
    }
    for (int s = 0; s < p->n_step; s++)
        if (p->step[s].workspace_bytes)
            blk[n++] = (block){CYNF_ROUND_UP(p->step[s].workspace_bytes, 64) / (int64_t)sizeof(float), 0, s - (s && p->step[s - 1].with_next), s + p->step[s].with_next,
                b->n_buffer + s};
    if (!keep_places(b, blk, n)) {
        cynf_build_fail(b, CYNF_ENOMEM, "out of memory");
        goto done;
    }
    const int64_t bound = lower_bound(blk, n, p->n_step, change);
    int64_t top = 0;
    if (places_of_base(p, blk, n, &top)) {
        memcpy(best, blk, (size_t)n * sizeof *blk);
    } else {
        qsort(blk, (size_t)n, sizeof *blk, by_size);
        top = search_places(blk, best, sorted, n, bound);
    }
    for (int i = 0; i < n; i++) {
        if (best[i].id < b->n_buffer)
            b->buffer[best[i].id].offset = best[i].offset;
        else
            p->step[best[i].id - b->n_buffer].workspace_offset = best[i].offset * (int64_t)sizeof(float);
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            if (p->place[k].id == best[i].id)
                p->place[k].offset = best[i].offset;
    p->arena_lower_bound_bytes = bound * (int64_t)sizeof(float);
    place_states(b, top);
    if (b->o->max_arena_bytes && p->arena_bytes > b->o->max_arena_bytes)
        cynf_build_fail(b, CYNF_ENOMEM, "the model needs an arena of %lld bytes, over the limit of %lld", (long long)p->arena_bytes, (long long)b->o->max_arena_bytes);
    for (int s = 0; s < p->n_step; s++) {
        for (int i = 0; i < p->step[s].n_in; i++)
            resolve(b, &p->step[s].in[i]);
        resolve(b, &p->step[s].out);
    }
done:
    free(blk);
    free(best);
    free(sorted);
    free(change);
}
