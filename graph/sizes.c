/* SPDX-License-Identifier: MIT */
/** Families of graphs: words for sizes, constants from the pool. */
#include "graph/sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph_internal.h"
#include "kernels/kernel.h"

static const char magic[8] = "CYNFSIZE";

static int32_t groups(const cynf_sizes *s) { return s->w[CYNF_SIZES_GROUPS]; }
static const int32_t *group(const cynf_sizes *s, int32_t k) { return s->w + CYNF_SIZES_HEADER + 3 * s->w[CYNF_SIZES_DIMS] + 2 * k; }
static const int32_t *variant(const cynf_sizes *s, int32_t i) { return group(s, groups(s)) + i * (4 + groups(s)); }
static const int32_t *pool(const cynf_sizes *s, int32_t id) { return variant(s, s->w[CYNF_SIZES_VARIANTS]) + (ptrdiff_t)id * (3 + CYNF_MAX_DIMS); }

void cynf_sizes_free(cynf_sizes **s)
{
    if (*s && !(*s)->borrowed)
        free((void *)(uintptr_t)(*s)->w);
    free(*s);
    *s = NULL;
}

int32_t cynf_sizes_dims(const cynf_sizes *s) { return s ? s->w[CYNF_SIZES_DIMS] : 0; }
const int32_t *cynf_sizes_dim(const cynf_sizes *s, int32_t i) { return s->w + CYNF_SIZES_HEADER + 3 * i; }
int32_t cynf_sizes_max(const cynf_sizes *s, int32_t i) { return group(s, cynf_sizes_dim(s, i)[2])[0]; }

int32_t cynf_sizes_count(const cynf_sizes *s, int32_t i, int32_t *smallest)
{
    const int32_t *k = group(s, cynf_sizes_dim(s, i)[2]);
    int32_t n = 0;
    for (int32_t v = k[0]; v >= 1; v--)
        if (cynf_sizes_value(s, k[1], v)) {
            *smallest = v;
            n++;
        }
    return n;
}

uint32_t cynf_sizes_open_axes(const cynf_sizes *s, int32_t input)
{
    uint32_t axes = 0;
    for (int32_t i = 0; i < cynf_sizes_dims(s); i++)
        axes |= cynf_sizes_dim(s, i)[0] == input ? 1u << cynf_sizes_dim(s, i)[1] : 0;
    return axes;
}

int32_t cynf_sizes_value(const cynf_sizes *s, int32_t table, int32_t v)
{
    const int32_t *t = s->w + table, n = t[0], period = t[1], rise = t[2], beyond = v - n - 1;
    return beyond < 0 ? t[2 + v] : t[3 + n - period + beyond % period] + rise * (beyond / period + 1);
}

void cynf_sizes_words(const cynf_sizes *s, int32_t i, const int32_t *v, int32_t *word)
{
    const int32_t *r = variant(s, i), n = groups(s);
    memcpy(word, s->w + r[1], (size_t)r[0] * sizeof *word);
    for (const int32_t *p = s->w + r[3], *end = p + r[2] * (2 + n); p < end; p += 2 + n) {
        const int64_t base = s->w[r[1] + p[0]];
        int64_t value = base;
        for (int32_t k = 0; k < n; k++)
            if (p[2 + k]) {
                const int64_t t = cynf_sizes_value(s, p[2 + k], v[k]);
                value = value == base ? t : p[1] == CYNF_SIZES_SUM || !base ? value + t - base : value * t / base;
            }
        word[p[0]] = (int32_t)value;
    }
}

/* The variant of these sizes, whose groups' sizes go to v; -1: there is none. */
static int32_t find(const cynf_sizes *s, const int32_t *size, int32_t *v)
{
    int32_t class[CYNF_MAX_OPEN];
    for (int32_t k = 0; k < groups(s); k++)
        v[k] = 0;
    for (int32_t i = 0; i < cynf_sizes_dims(s); i++) {
        const int32_t k = cynf_sizes_dim(s, i)[2];
        if (size[i] < 1 || size[i] > group(s, k)[0] || (v[k] && v[k] != size[i]))
            return -1;
        v[k] = size[i];
    }
    for (int32_t k = 0; k < groups(s); k++)
        class[k] = cynf_sizes_value(s, group(s, k)[1], v[k]);
    for (int32_t i = 0; i < s->w[CYNF_SIZES_VARIANTS]; i++)
        if (!memcmp(variant(s, i) + 4, class, (size_t)groups(s) * sizeof *class))
            return i;
    return -1;
}

bool cynf_sizes_allowed(const cynf_sizes *s, const int32_t *size)
{
    int32_t v[CYNF_MAX_OPEN];
    return find(s, size, v) >= 0;
}

/* The leading corner of d in from, row by row. */
static float *copy_corner(float *to, const float *from, const int32_t *d, const int32_t *whole, int rank)
{
    if (rank < 2) {
        const size_t n = rank ? (size_t)*d : 1;
        memcpy(to, from, n * sizeof *to);
        return to + n;
    }
    size_t row = 1;
    for (int i = 1; i < rank; i++)
        row *= (size_t)whole[i];
    for (int32_t i = 0; i < *d; i++)
        to = copy_corner(to, from + (size_t)i * row, d + 1, whole + 1, rank - 1);
    return to;
}

static bool constant(const void *ctx, int32_t id, cynf_tensor *t)
{
    const cynf_sizes *s = ctx;
    if (id < 0 || id >= s->w[CYNF_SIZES_POOL])
        return false;
    const int32_t *p = pool(s, id);
    const cynf_shape *d = &t->shape;
    size_t elems = 1;
    for (int i = 0; i < d->rank; i++) {
        if (d->rank != p[0] || d->d[i] > p[1 + i])
            return false;
        elems *= (size_t)p[1 + i];
    }
    const size_t start = CYNF_ROUND_UP((size_t)s->w[CYNF_SIZES_WORDS] * sizeof(int32_t), 64) +
        ((size_t)p[1 + CYNF_MAX_DIMS] + ((size_t)p[2 + CYNF_MAX_DIMS] << 31)) * sizeof(float);
    if (start > s->bytes || elems > (s->bytes - start) / sizeof(float))
        return false;
    float *from = (float *)((char *)(uintptr_t)s->w + start);
    t->borrowed = elems == cynf_shape_elems(d);
    t->data = t->borrowed ? from : malloc(cynf_shape_elems(d) * sizeof(float));
    if (!t->borrowed && t->data)
        copy_corner(t->data, from, d->d, p + 1, d->rank);
    return t->data != NULL;
}

cynf_status cynf_sizes_graph(cynf_graph **out, const cynf_sizes *s, const int32_t *size, char *text, size_t cap)
{
    int32_t v[CYNF_MAX_OPEN];
    const int32_t i = find(s, size, v);
    if (i < 0) {
        snprintf(text, cap, "the model cannot have these sizes");
        return CYNF_EINVAL;
    }
    const size_t n = (size_t)variant(s, i)[0];
    int32_t *word = malloc(n * sizeof *word);
    if (!word)
        return CYNF_ENOMEM;
    cynf_sizes_words(s, i, v, word);
    const cynf_status status = cynf_graph_from_words(out, word, n, constant, s, text, cap);
    free(word);
    return status;
}

cynf_status cynf_sizes_load(cynf_graph **g, cynf_sizes **s, int32_t *size, const void *data, size_t bytes, char *text, size_t cap)
{
    const int32_t *w = data;
    if (bytes < CYNF_SIZES_HEADER * sizeof *w || memcmp(data, magic, sizeof magic))
        return cynf_graph_from_flat(g, data, bytes, text, cap);
    if (w[CYNF_SIZES_VERSION] != 1 || (size_t)w[CYNF_SIZES_WORDS] > bytes / sizeof *w) {
        snprintf(text, cap, "the graphs of open sizes are of another version, or cut short");
        return CYNF_EFORMAT;
    }
    if (!(*s = malloc(sizeof **s)))
        return CYNF_ENOMEM;
    **s = (cynf_sizes){w, bytes, true};
    for (int32_t i = 0; i < cynf_sizes_dims(*s); i++)
        size[i] = cynf_sizes_max(*s, i);
    return cynf_sizes_graph(g, *s, size, text, cap);
}

/* room: bytes before the states; 0: as many as it takes. */
static cynf_status build(cynf_program **out, cynf_graph **g, const cynf_sizes *s, const int32_t *size, const cynf_program *base, const cynf_build_options *o,
    int64_t room, char *text, size_t cap)
{
    cynf_status status = cynf_sizes_graph(g, s, size, text, cap);
    if (status)
        return status;
    (*g)->exact = base->graph->exact;
    cynf_build_options mine = *o;
    mine.base = base;
    mine.room_bytes = room;
    if ((*g)->n_node != base->graph->n_node || (*g)->n_t != base->graph->n_t)
        mine.decisions = NULL; /* they are of the other graph's nodes and tensors */
    if ((status = cynf_program_build(out, *g, &mine, text, cap)))
        cynf_graph_free(g);
    return status;
}

cynf_status cynf_sizes_program(cynf_program **out, cynf_graph **g, const cynf_sizes *s, const int32_t *size, const cynf_program *base, const cynf_build_options *o,
    char *text, size_t cap)
{
    return build(out, g, s, size, base, o, base->state_offset, text, cap);
}

cynf_status cynf_sizes_base(cynf_program **out, const cynf_sizes *s, const cynf_graph *g, const cynf_build_options *o, char *text, size_t cap)
{
    cynf_status status = cynf_program_build(out, g, o, text, cap);
    int64_t room = status ? 0 : (*out)->state_offset;
    for (int32_t i = 0; !status && s && i < s->w[CYNF_SIZES_VARIANTS]; i++) {
        int32_t v[CYNF_MAX_OPEN], size[CYNF_MAX_OPEN];
        cynf_graph *other = NULL;
        cynf_program *p = NULL;
        for (int32_t k = 0; k < groups(s); k++)
            for (v[k] = group(s, k)[0]; cynf_sizes_value(s, group(s, k)[1], v[k]) != variant(s, i)[4 + k];)
                v[k]--;
        for (int32_t d = 0; d < cynf_sizes_dims(s); d++)
            size[d] = v[cynf_sizes_dim(s, d)[2]];
        status = build(&p, &other, s, size, *out, o, 0, text, cap);
        room = p && p->state_offset > room ? p->state_offset : room;
        cynf_program_free(&p);
        cynf_graph_free(&other);
    }
    if (status) {
        cynf_program_free(out);
    } else if (room > (*out)->state_offset) {
        cynf_build_options more = *o;
        more.room_bytes = room;
        cynf_program_free(out);
        status = cynf_program_build(out, g, &more, text, cap);
    }
    return status;
}
