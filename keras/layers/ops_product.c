/* SPDX-License-Identifier: MIT */
/** Nodes of keras.ops that multiply and add up: matrix products of any ranks, tensor products, equations. */
#include <ctype.h>
#include <stdio.h>

#include "keras/layers/ops.h"

/* x [..., r, s] with leading axes of 1 up to that rank, repeated up to the sizes of lead. */
static cynf_tensor_id spread_over(cynf_lower *c, cynf_tensor_id x, const cynf_shape *lead)
{
    const cynf_shape s = cynf_shape_of(c, x);
    cynf_shape wide = {0};
    int32_t counts[CYNF_MAX_DIMS];
    for (int i = 0; i < lead->rank; i++) {
        const int own = i - lead->rank + s.rank;
        wide.d[wide.rank++] = own < 0 ? 1 : s.d[own];
        counts[i] = i < lead->rank - 2 && wide.d[i] == 1 ? lead->d[i] : 1;
    }
    return cynf_g_repeat(c->g, cynf_g_reshape(c->g, x, &wide), counts);
}

/* numpy.matmul: vectors count as a row on the left, as a column on the right; leading axes broadcast. */
static cynf_tensor_id matmul(cynf_lower *c)
{
    cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const int p_rank = cynf_shape_of(c, p).rank, q_rank = cynf_shape_of(c, q).rank;
    if (c->g->status || p_rank < 1 || q_rank < 1)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "operands of rank %d and %d, expected at least 1", p_rank, q_rank);
    c->g->batch_mixed |= !(c->g->t[q].data && q_rank <= 2) && (p_rank < 3 || q_rank != p_rank);
    if (p_rank == 1)
        p = cynf_expand(c, p, 0);
    if (q_rank == 1)
        q = cynf_expand(c, q, 1);
    const cynf_shape ps = cynf_shape_of(c, p), qs = cynf_shape_of(c, q);
    cynf_tensor_id y;
    if (c->g->status)
        return CYNF_NO_TENSOR;
    if (qs.rank == 2 && c->g->t[q].data) {
        y = cynf_g_fc(c->g, p, q, CYNF_NO_TENSOR);
    } else {
        cynf_shape lead = ps.rank > qs.rank ? ps : qs;
        for (int i = 0; i < lead.rank - 2; i++) {
            const int own = i - lead.rank + (ps.rank > qs.rank ? qs : ps).rank;
            const int32_t other = own < 0 ? 1 : (ps.rank > qs.rank ? qs : ps).d[own];
            lead.d[i] = lead.d[i] == 1 ? other : lead.d[i];
        }
        y = cynf_g_gemm(c->g, spread_over(c, p, &lead), spread_over(c, q, &lead));
    }
    cynf_shape out = cynf_shape_of(c, y);
    if (c->g->status || (p_rank > 1 && q_rank > 1))
        return y;
    if (p_rank == 1) {
        memmove(out.d + out.rank - 2, out.d + out.rank - 1, sizeof *out.d);
        out.rank--;
    }
    out.rank -= q_rank == 1;
    return cynf_g_reshape(c->g, y, &out);
}

/* Sums over n pairs of axes; what is left of p comes first, then what is left of q. */
static cynf_tensor_id contract(cynf_lower *c, cynf_tensor_id p, cynf_tensor_id q, int n, const int32_t *pa, const int32_t *qa)
{
    const cynf_shape s[2] = {cynf_shape_of(c, p), cynf_shape_of(c, q)};
    const int32_t *axis[2] = {pa, qa};
    cynf_tensor_id x[2] = {p, q};
    cynf_shape out = {0};
    if (c->g->status)
        return CYNF_NO_TENSOR;
    for (int k = 0; k < 2; k++) {
        int32_t perm[CYNF_MAX_DIMS] = {0}, sums = 1, rest = 1;
        uint32_t mask = 0;
        int at = k ? n : 0, end = k ? 0 : s[k].rank - n;
        for (int i = 0; i < n; i++) {
            if (axis[k][i] < 0 || axis[k][i] >= s[k].rank || mask >> axis[k][i] & 1)
                return cynf_graph_fail(c->g, CYNF_EFORMAT, "axes are out of range for an operand of rank %d, or named twice", s[k].rank);
            mask |= 1u << axis[k][i];
            perm[end++] = axis[k][i];
            sums *= s[k].d[axis[k][i]];
        }
        for (int i = 0; i < s[k].rank; i++)
            if (!(mask >> i & 1)) {
                if (out.rank == CYNF_MAX_DIMS)
                    return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "more than %d dimensions are not supported", CYNF_MAX_DIMS);
                perm[at++] = i;
                out.d[out.rank++] = s[k].d[i];
                rest *= s[k].d[i];
            }
        c->g->batch_mixed |= mask & 1 || (k && !c->g->t[q].data);
        x[k] = cynf_g_reshape(c->g, cynf_g_transpose(c->g, x[k], perm), &(cynf_shape){2, {k ? sums : rest, k ? rest : sums}});
    }
    const bool constant = !c->g->status && c->g->t[q].data;
    return cynf_g_reshape(c->g, constant ? cynf_g_fc(c->g, x[0], x[1], CYNF_NO_TENSOR) : cynf_g_gemm(c->g, x[0], x[1]), &out);
}

/* axes: how many of the last of the first operand and of the first of the second, or which of each. */
static cynf_tensor_id tensordot(cynf_lower *c)
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const int p_rank = cynf_shape_of(c, p).rank, q_rank = cynf_shape_of(c, q).rank;
    const cJSON *v = cynf_cfg(c, "axes");
    int32_t axis[2][CYNF_MAX_DIMS];
    int n[2] = {0, 0};
    if (!v || cJSON_IsNumber(v)) {
        n[0] = n[1] = cynf_cfg_int(c, "axes", 0, 2);
        if (n[0] > p_rank || n[0] > q_rank)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "%d axes of operands of rank %d and %d", n[0], p_rank, q_rank);
        for (int i = 0; i < n[0]; i++) {
            axis[0][i] = p_rank - n[0] + i;
            axis[1][i] = i;
        }
    } else {
        for (int k = 0; k < 2; k++) {
            const cJSON *list = cJSON_GetArrayItem(v, k);
            for (const cJSON *e = cJSON_IsArray(list) ? list->child : list; e && n[k] < CYNF_MAX_DIMS; e = cJSON_IsArray(list) ? e->next : NULL) {
                const double a = cJSON_IsNumber(e) ? e->valuedouble : CYNF_MAX_DIMS;
                axis[k][n[k]++] = (int32_t)fmin(fmax(a < 0 ? a + (k ? q_rank : p_rank) : a, -1), CYNF_MAX_DIMS);
            }
        }
    }
    return n[0] == n[1] ? contract(c, p, q, n[0], axis[0], axis[1]) : cynf_graph_fail(c->g, CYNF_EFORMAT, "axes are not lists of the same length");
}

/* The last axis of the first operand with the last one of the second (inner), or with the last but one (dot). */
static cynf_tensor_id last_axes(cynf_lower *c, bool inner)
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const int32_t p_rank = cynf_shape_of(c, p).rank, q_rank = cynf_shape_of(c, q).rank, pa = p_rank - 1, qa = q_rank > 1 && !inner ? q_rank - 2 : q_rank - 1;
    return p_rank && q_rank ? contract(c, p, q, 1, &pa, &qa) : binary(c, CYNF_ELT_MUL, p, q);
}

static cynf_tensor_id inner(cynf_lower *c) { return last_axes(c, true); }
cynf_tensor_id cynf_op_dot(cynf_lower *c) { return last_axes(c, false); }

static cynf_tensor_id outer(cynf_lower *c)
{
    const cynf_tensor_id p = flat(c, operand(c, 0, "x1")), q = flat(c, second_operand(c, 1));
    return binary(c, CYNF_ELT_MUL, cynf_expand(c, p, 1), q);
}

static cynf_tensor_id vdot(cynf_lower *c)
{
    const int32_t first = 0;
    return contract(c, flat(c, operand(c, 0, "x1")), flat(c, second_operand(c, 1)), 1, &first, &first);
}

/* Of vectors of 3 along the last axis: p[1, 2, 0] q[2, 0, 1] - p[2, 0, 1] q[1, 2, 0] */
static cynf_tensor_id cross(cynf_lower *c)
{
    static const char *const keys[4] = {"axisa", "axisb", "axisc", "axis"};
    static const int32_t next[3] = {1, 2, 0}, after[3] = {2, 0, 1};
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const int32_t pa = cynf_shape_of(c, p).rank - 1, qa = cynf_shape_of(c, q).rank - 1;
    if (c->g->status || pa < 0 || qa < 0 || cynf_shape_of(c, p).d[pa] != 3 || cynf_shape_of(c, q).d[qa] != 3)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only vectors of 3 along the last axis are supported");
    for (int i = 0; i < 4; i++)
        if (cynf_cfg_int(c, keys[i], -CYNF_MAX_DIMS, -1) != -1)
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "%s is not -1; only vectors along the last axis are supported", keys[i]);
    const cynf_tensor_id one = binary(c, CYNF_ELT_MUL, cynf_select_along(c, p, pa, 3, next), cynf_select_along(c, q, qa, 3, after));
    return binary(c, CYNF_ELT_SUB, one, binary(c, CYNF_ELT_MUL, cynf_select_along(c, p, pa, 3, after), cynf_select_along(c, q, qa, 3, next)));
}

/* ---- equations -------------------------------------------------------------------------------------------------------------------- */

#define MAX_TERM 32

/* x with each label of its term once: of axes of the same label the diagonal. */
static cynf_tensor_id distinct(cynf_lower *c, cynf_tensor_id x, char *term)
{
    for (size_t i = 0; term[i]; i++)
        for (size_t j = i + 1; term[j];) {
            if (!isalpha((unsigned char)term[i]) || term[j] != term[i]) {
                j++;
                continue;
            }
            const cynf_shape s = cynf_shape_of(c, x);
            if (c->g->status || j >= (size_t)s.rank || strchr(term, '.') || s.d[i] != s.d[j])
                return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the term \"%s\" with a label twice does not fit its operand", term);
            cynf_shape eye = {s.rank - (int)i, {1, 1, 1, 1, 1, 1, 1, 1}};
            eye.d[0] = eye.d[j - i] = s.d[i];
            const cynf_tensor_id same = cynf_g_const(c->g, &eye, NULL);
            for (int32_t k = 0; same >= 0 && k < s.d[i]; k++)
                c->g->t[same].data[(size_t)k * (size_t)(s.d[i] + 1)] = 1;
            x = cynf_g_reduce(c->g, cynf_g_select(c->g, same, x, cynf_g_scalar(c->g, 0)), CYNF_REDUCE_SUM, 1u << j, false);
            c->g->batch_mixed |= !i;
            memmove(term + j, term + j + 1, strlen(term + j));
        }
    return x;
}

/* The labels that stay when an equation does not say: those that occur once, in alphabetical order, behind what an ellipsis stands for. */
static void implied(char terms[][MAX_TERM], int n, char out[MAX_TERM])
{
    int count[128] = {0}, at = 0;
    bool dots = false;
    for (int i = 0; i < n; i++) {
        dots |= strchr(terms[i], '.') != NULL;
        for (const char *p = terms[i]; *p; p++)
            count[(unsigned char)*p & 127]++;
    }
    if (dots)
        at = snprintf(out, MAX_TERM, "...");
    for (int l = 'A'; l <= 'z' && at < MAX_TERM - 1; l++)
        if (isalpha(l) && count[l] == 1)
            out[at++] = (char)l;
    out[at] = 0;
}

/* The operands of a call from the first on, two by two. */
static cynf_tensor_id einsum(cynf_lower *c)
{
    char terms[CYNF_MAX_NODE_INPUTS][MAX_TERM] = {{0}}, out[MAX_TERM] = "", eq[4 * MAX_TERM];
    const cJSON *text = option(c, 0, "subscripts");
    const char *p = cJSON_GetStringValue(text);
    int n = 0, at = 0;
    bool fits = p != NULL;
    for (; fits && *p && *p != '-'; p++) {
        if (*p == ',') {
            n++;
            at = 0;
        } else if (*p != ' ') {
            fits = at < MAX_TERM - 1;
            terms[n][fits ? at++ : at] = *p;
        }
        fits = fits && n < 8;
    }
    n++;
    if (fits && *p == '-') {
        at = 0;
        for (p += 1 + (p[1] == '>'); *p && at < MAX_TERM - 1; p++)
            if (*p != ' ')
                out[at++] = *p;
        out[at] = 0;
    } else if (fits) {
        implied(terms, n, out);
    }
    const int first = cynf_cfg(c, "subscripts") ? 0 : 1;
    cynf_tensor_id y = CYNF_NO_TENSOR;
    for (int i = 0; fits && i < n && !c->g->status; i++) {
        const cynf_tensor_id x = distinct(c, operand(c, first + i, "operand"), terms[i]);
        c->g->batch_mixed |= !c->g->status && !c->g->t[x].data && terms[i][0] != out[0]; /* samples of one operand are not those of the output */
        if (i) { /* what the operands so far, this one and a later one or the output have in common stays */
            char kept[MAX_TERM] = "";
            int k = 0;
            const bool last = i == n - 1;
            for (int of = 0; of < 2 && !last; of++)
                for (const char *l = terms[of ? i : i - 1]; *l && k < MAX_TERM - 1; l++) {
                    bool needed = strchr(out, *l) != NULL;
                    for (int j = i + 1; j < n; j++)
                        needed |= strchr(terms[j], *l) != NULL;
                    if (*l == '.' && !last)
                        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an ellipsis in an equation of more than two operands is not supported");
                    if (needed && !strchr(kept, *l))
                        kept[k++] = *l;
                }
            snprintf(eq, sizeof eq, "%s,%s->%s", terms[i - 1], terms[i], last ? out : kept);
            y = cynf_einsum(c, eq, y, x);
            snprintf(terms[i], MAX_TERM, "%s", kept);
        } else if (n == 1) {
            snprintf(eq, sizeof eq, "%s,->%s", terms[0], out);
            y = cynf_einsum(c, eq, x, cynf_g_scalar(c->g, 1));
        } else
            y = x;
    }
    return fits ? y : cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the equation \"%s\" is too long, or none", p ? cJSON_GetStringValue(text) : "?");
}

const cynf_layer_class cynf_layers_ops_product[] = {
    OP_AS("Matmul", matmul, "any ranks, leading axes broadcast", "gemm, fc")
    OP_AS("Tensordot", tensordot, "axes", "gemm, fc")
    OP_AS("Inner", inner, "all", "gemm, fc")
    OP("Vdot", vdot)
    OP_AS("Outer", outer, "all", "eltwise")
    OP_AS("Cross", cross, "all", "resample, eltwise", "vectors of 3 along the last axis")
    OP_AS("Einsum", einsum, "up to 8 operands, implied outputs, diagonals; ellipses of up to two operands", "gemm, fc, reduce")
    {NULL, NULL, CYNF_ONE_INPUT},
};
