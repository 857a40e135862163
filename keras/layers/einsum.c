/* SPDX-License-Identifier: MIT */
/** Sums over products of two operands by an equation: transposes and reshapes around one matrix product. */
#include <string.h>

#include "keras/layers/layer.h"

/* Axes of one operand: a label each. Labels that an ellipsis stands for are capital letters from 'A' on, unless taken. */
typedef struct labels {
    int n;
    char at[CYNF_MAX_DIMS + 1];
} labels;

static bool has(const labels *l, char c) { return memchr(l->at, c, (size_t)l->n) != NULL; }

/* The part of an equation between p and end, for an operand of that rank (-1: as many as named; dots then stands for its ellipsis). */
static bool parse(const char *p, const char *end, int rank, int *dots, labels *l)
{
    int named = 0;
    *l = (labels){0};
    for (const char *q = p; q < end; q++)
        named += *q != '.' && *q != ' ';
    for (; p < end; p++) {
        if (*p == ' ')
            continue;
        if (*p == '.') {
            if (end - p < 3 || p[1] != '.' || p[2] != '.')
                return false;
            p += 2;
            *dots = rank >= 0 ? rank - named : *dots;
            for (int i = 0; i < *dots && l->n < CYNF_MAX_DIMS; i++)
                l->at[l->n++] = (char)('0' + i);
            continue;
        }
        if (l->n == CYNF_MAX_DIMS || has(l, *p))
            return false;
        l->at[l->n++] = *p;
    }
    return rank < 0 || l->n == rank;
}

/* x with its axes grouped: those of both operands that stay, then two more groups, each as one axis. */
static cynf_tensor_id grouped(cynf_lower *c, cynf_tensor_id x, const labels *l, const labels group[3])
{
    const cynf_shape s = cynf_shape_of(c, x);
    int32_t perm[CYNF_MAX_DIMS] = {0}, at = 0;
    cynf_shape y = {3, {1, 1, 1}};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < group[k].n; i++) {
            const int axis = (int)((const char *)memchr(l->at, group[k].at[i], (size_t)l->n) - l->at);
            perm[at++] = axis;
            y.d[k] *= s.d[axis];
        }
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, x, perm), &y);
}

/* Sums over the axes that neither the other operand nor the output has. */
static cynf_tensor_id drop(cynf_lower *c, cynf_tensor_id x, labels *l, const labels *other, const labels *out)
{
    uint32_t mask = 0;
    labels kept = {0};
    for (int i = 0; i < l->n; i++)
        if (has(other, l->at[i]) || has(out, l->at[i]))
            kept.at[kept.n++] = l->at[i];
        else
            mask |= 1u << i;
    *l = kept;
    return mask ? cynf_g_reduce(c->g, x, CYNF_REDUCE_SUM, mask, false) : x;
}

cynf_tensor_id cynf_einsum(cynf_lower *c, const char *equation, cynf_tensor_id a, cynf_tensor_id b)
{
    const char *comma = strchr(equation, ','), *arrow = strstr(equation, "->");
    labels la, lb, out, ga[3] = {{0}}, gb[3] = {{0}}, y = {0};
    int dots = 0;
    if (c->g->status)
        return CYNF_NO_TENSOR;
    if (!comma || !arrow || comma > arrow || strchr(comma + 1, ',') || !parse(equation, comma, cynf_shape_of(c, a).rank, &dots, &la) ||
        !parse(comma + 1, arrow, cynf_shape_of(c, b).rank, &dots, &lb) || !parse(arrow + 2, arrow + strlen(arrow), -1, &dots, &out))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the equation \"%s\" does not fit its operands, or is not of two operands with distinct axes", equation);
    a = drop(c, a, &la, &lb, &out);
    b = drop(c, b, &lb, &la, &out);
    const cynf_shape sa = cynf_shape_of(c, a), sb = cynf_shape_of(c, b);
    cynf_shape full = {0};
    for (int i = 0; i < out.n; i++)
        if (!has(&la, out.at[i]) && !has(&lb, out.at[i]))
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "the equation \"%s\" has an output axis that no operand has", equation);
    for (int i = 0; i < la.n; i++) {
        const bool both = has(&lb, la.at[i]), stays = has(&out, la.at[i]);
        labels *g = both && stays ? &ga[0] : stays ? &ga[1] : &ga[2];
        g->at[g->n++] = la.at[i];
    }
    gb[0] = ga[0];
    gb[1] = ga[2];
    for (int i = 0; i < lb.n; i++)
        if (!has(&la, lb.at[i]))
            gb[2].at[gb[2].n++] = lb.at[i];
    for (int k = 0; k < 3; k++) {
        const labels *g = k < 2 ? &ga[k] : &gb[2];
        for (int i = 0; i < g->n; i++) {
            const bool left = k < 2;
            if (full.rank == CYNF_MAX_DIMS)
                return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the equation \"%s\" has too many axes", equation);
            y.at[y.n++] = g->at[i];
            full.d[full.rank++] = (left ? &sa : &sb)->d[(const char *)memchr(left ? la.at : lb.at, g->at[i], (size_t)(left ? la.n : lb.n)) - (left ? la.at : lb.at)];
        }
    }
    const cynf_tensor_id p = grouped(c, a, &la, ga), q = grouped(c, b, &lb, gb);
    if (c->g->status)
        return CYNF_NO_TENSOR;
    cynf_tensor_id z;
    if (!ga[0].n && c->g->t[b].data) { /* rows times a constant matrix */
        const cynf_shape ps = cynf_shape_of(c, p), qs = cynf_shape_of(c, q);
        z = cynf_g_fc(c->g, cynf_g_reshape(c->g, p, &(cynf_shape){2, {ps.d[1], ps.d[2]}}), cynf_g_reshape(c->g, q, &(cynf_shape){2, {qs.d[1], qs.d[2]}}), CYNF_NO_TENSOR);
    } else
        z = cynf_g_gemm(c->g, p, q);
    int32_t perm[CYNF_MAX_DIMS] = {0};
    for (int i = 0; i < out.n; i++)
        perm[i] = (int32_t)((const char *)memchr(y.at, out.at[i], (size_t)y.n) - y.at);
    return cynf_g_transpose(c->g, cynf_g_reshape(c->g, z, &full), perm);
}
