/* SPDX-License-Identifier: MIT */
/** Builders: one per primitive operation; shape inference and operand checks. */
#include <string.h>

#include "graph/graph_internal.h"
#include "kernels/kernel.h"

static const cynf_shape *shape_of(cynf_graph *g, cynf_tensor_id t)
{
    if (g->status)
        return NULL;
    if (t < 0 || t >= g->n_t) {
        cynf_graph_fail(g, CYNF_EINVAL, "an operand is missing");
        return NULL;
    }
    return &g->t[t].shape;
}

int32_t cynf_conv_length(int32_t in, int32_t k, int32_t s, int32_t d, cynf_padding p, int32_t *before)
{
    const int64_t span = (int64_t)(k - 1) * d + 1;
    int64_t out;
    *before = 0;
    switch (p) {
    case CYNF_PAD_SAME: {
        out = ((int64_t)in + s - 1) / s;
        const int64_t total = (out - 1) * s + span - in;
        *before = total > 0 ? (int32_t)(total / 2) : 0;
        break;
    }
    case CYNF_PAD_CAUSAL:
        *before = (int32_t)(span - 1);
        out = ((int64_t)in + s - 1) / s;
        break;
    default: out = in < span ? -1 : (in - span) / s + 1;
    }
    return out < 1 ? -1 : (int32_t)out;
}

static int32_t or1(int32_t v) { return v ? v : 1; }

static bool check_window(cynf_graph *g, const cynf_window *w)
{
    const int32_t v[] = {w->kd, w->kh, w->kw, w->sd, w->sh, w->sw, w->dh, w->dw, w->groups};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        if (v[i] < 0 || v[i] > 1 << 20) {
            cynf_graph_fail(g, CYNF_EFORMAT, "a kernel size, stride, dilation or group count is out of range (%d)", v[i]);
            return false;
        }
    return true;
}

/* One axis of a window: output length and padding before; false after an error. */
static bool window_axis(cynf_graph *g, const char *axis, int32_t in, int32_t k, int32_t s, int32_t d, cynf_padding p, int32_t *out, int32_t *before)
{
    *out = cynf_conv_length(in, k, s, d, p, before);
    if (*out < 1)
        cynf_graph_fail(g, CYNF_EFORMAT, "the kernel (%s: size %d, dilation %d) is larger than its input of shape size %d; no output is left", axis, k, d, in);
    return *out >= 1;
}

static bool check_bias(cynf_graph *g, cynf_tensor_id bias, int32_t n)
{
    if (bias < 0)
        return true;
    const cynf_shape *b = shape_of(g, bias);
    if (b && cynf_shape_elems(b) != (size_t)n)
        cynf_graph_fail(g, CYNF_EFORMAT, "the bias weight has %zu elements, expected %d", cynf_shape_elems(b), n);
    return !g->status;
}

static void set_inputs(cynf_node *n, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias)
{
    n->in[n->n_in++] = x;
    n->in[n->n_in++] = w;
    if (bias >= 0)
        n->in[n->n_in++] = bias;
}

static cynf_tensor_id conv(cynf_graph *g, cynf_node_op op, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, const cynf_window *win)
{
    const cynf_shape *xs = shape_of(g, x), *ws = shape_of(g, w);
    if (!xs || !ws || !check_window(g, win))
        return CYNF_NO_TENSOR;
    char a[64], b[64];
    if (xs->rank != 4 || ws->rank != 4)
        return cynf_graph_fail(g, CYNF_EFORMAT, "input of shape %s and kernel of shape %s, expected rank 4 for both", cynf_shape_text(xs, a, sizeof a),
            cynf_shape_text(ws, b, sizeof b));
    const int32_t groups = or1(win->groups), c = xs->d[3];
    cynf_node n = {.op = op, .kh = ws->d[0], .kw = ws->d[1], .sh = or1(win->sh), .sw = or1(win->sw), .dh = or1(win->dh), .dw = or1(win->dw)};
    cynf_shape out = {4, {xs->d[0]}};
    if (op == CYNF_N_CONV2D) {
        if (c % groups || ws->d[3] % groups)
            return cynf_graph_fail(g, CYNF_EFORMAT, "groups = %d does not divide %d input channels and %d filters", groups, c, ws->d[3]);
        if (ws->d[2] != c / groups)
            return cynf_graph_fail(g, CYNF_EFORMAT, "the kernel weight of shape %s does not match %d input channels in %d groups, expected %d in its third dimension",
                cynf_shape_text(ws, b, sizeof b), c, groups, c / groups);
        n.groups = groups;
        out.d[3] = ws->d[3];
    } else {
        if (ws->d[2] != c)
            return cynf_graph_fail(g, CYNF_EFORMAT, "the depthwise kernel weight of shape %s does not match %d input channels", cynf_shape_text(ws, b, sizeof b), c);
        n.mult = ws->d[3];
        out.d[3] = c * ws->d[3];
    }
    out.d[1] = win->oh;
    out.d[2] = win->ow;
    n.pt = win->pt;
    n.pl = win->pl;
    if ((win->pad_h != CYNF_PAD_GIVEN && !window_axis(g, "rows", xs->d[1], n.kh, n.sh, n.dh, win->pad_h, &out.d[1], &n.pt)) ||
        (win->pad_w != CYNF_PAD_GIVEN && !window_axis(g, "columns", xs->d[2], n.kw, n.sw, n.dw, win->pad_w, &out.d[2], &n.pl)) || !check_bias(g, bias, out.d[3]))
        return CYNF_NO_TENSOR;
    set_inputs(&n, x, w, bias);
    return cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_conv2d(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, const cynf_window *win)
{
    return conv(g, CYNF_N_CONV2D, x, w, bias, win);
}

cynf_tensor_id cynf_g_dwconv2d(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, const cynf_window *win)
{
    return conv(g, CYNF_N_DWCONV2D, x, w, bias, win);
}

cynf_tensor_id cynf_g_fc(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias)
{
    const cynf_shape *xs = shape_of(g, x), *ws = shape_of(g, w);
    if (!xs || !ws)
        return CYNF_NO_TENSOR;
    char a[64], b[64];
    if (xs->rank < 1 || ws->rank != 2 || xs->d[xs->rank - 1] != ws->d[0])
        return cynf_graph_fail(g, CYNF_EFORMAT, "input of shape %s does not match the kernel weight of shape %s", cynf_shape_text(xs, a, sizeof a),
            cynf_shape_text(ws, b, sizeof b));
    cynf_shape out = *xs;
    out.d[out.rank - 1] = ws->d[1];
    if (!check_bias(g, bias, ws->d[1]))
        return CYNF_NO_TENSOR;
    cynf_node n = {.op = CYNF_N_FC};
    set_inputs(&n, x, w, bias);
    return cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_gemm(cynf_graph *g, cynf_tensor_id p, cynf_tensor_id q)
{
    const cynf_shape *ps = shape_of(g, p), *qs = shape_of(g, q);
    if (!ps || !qs)
        return CYNF_NO_TENSOR;
    const int r = ps->rank;
    char a[64], b[64];
    if (r < 2 || qs->rank != r || ps->d[r - 1] != qs->d[r - 2] || memcmp(ps->d, qs->d, (size_t)(r - 2) * sizeof *ps->d))
        return cynf_graph_fail(g, CYNF_EFORMAT, "shapes %s and %s cannot be multiplied: mismatch", cynf_shape_text(ps, a, sizeof a), cynf_shape_text(qs, b, sizeof b));
    cynf_shape out = *ps;
    out.d[r - 1] = qs->d[r - 1];
    return cynf_g_node(g, &(cynf_node){.op = CYNF_N_GEMM, .n_in = 2, .in = {p, q}}, &out);
}

cynf_tensor_id cynf_g_pool(cynf_graph *g, cynf_tensor_id x, cynf_pool_kind kind, const cynf_window *win)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs || !check_window(g, win))
        return CYNF_NO_TENSOR;
    char a[64];
    if (xs->rank != 4 && xs->rank != 5)
        return cynf_graph_fail(g, CYNF_EFORMAT, "input of shape %s, expected rank 4 or 5", cynf_shape_text(xs, a, sizeof a));
    const int v = xs->rank == 5;
    cynf_node n = {.op = CYNF_N_POOL, .n_in = 1, .in = {x}, .kind = (int32_t)kind, .kd = v ? or1(win->kd) : 1, .kh = or1(win->kh), .kw = or1(win->kw),
        .sd = v ? or1(win->sd) : 1, .sh = or1(win->sh), .sw = or1(win->sw)};
    cynf_shape out = *xs;
    if (v && !window_axis(g, "slices", xs->d[1], n.kd, n.sd, 1, win->pad_h, &out.d[1], &n.pf))
        return CYNF_NO_TENSOR;
    if (!window_axis(g, "rows", xs->d[1 + v], n.kh, n.sh, 1, win->pad_h, &out.d[1 + v], &n.pt) ||
        !window_axis(g, "columns", xs->d[2 + v], n.kw, n.sw, 1, win->pad_w, &out.d[2 + v], &n.pl))
        return CYNF_NO_TENSOR;
    return cynf_g_node(g, &n, &out);
}

static bool broadcast(cynf_graph *g, cynf_shape *out, const cynf_shape *s)
{
    cynf_shape r = {out->rank > s->rank ? out->rank : s->rank, {0}};
    for (int i = 1; i <= r.rank; i++) {
        const int32_t a = i <= out->rank ? out->d[out->rank - i] : 1, b = i <= s->rank ? s->d[s->rank - i] : 1;
        if (a != b && a != 1 && b != 1) {
            char ta[64], tb[64];
            cynf_graph_fail(g, CYNF_EFORMAT, "shapes %s and %s cannot be broadcast together: mismatch", cynf_shape_text(out, ta, sizeof ta),
                cynf_shape_text(s, tb, sizeof tb));
            return false;
        }
        r.d[r.rank - i] = a == 1 ? b : a;
    }
    *out = r;
    return true;
}

static cynf_tensor_id eltwise(cynf_graph *g, cynf_elt_kind kind, const cynf_tensor_id *x, int n_x, const cynf_epilogue *e)
{
    cynf_node n = {.op = CYNF_N_ELTWISE, .n_in = n_x, .kind = (int32_t)kind};
    cynf_shape out = {0};
    for (int i = 0; i < n_x; i++) {
        const cynf_shape *s = shape_of(g, x[i]);
        if (!s || !broadcast(g, &out, s))
            return CYNF_NO_TENSOR;
        n.in[i] = x[i];
    }
    if (e)
        n.e = *e;
    return cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_unary(cynf_graph *g, cynf_tensor_id x, cynf_act act, float a, float b, float c)
{
    return eltwise(g, CYNF_ELT_UNARY, &x, 1, &(cynf_epilogue){(int32_t)act, 0, a, b, c});
}

cynf_tensor_id cynf_g_binary(cynf_graph *g, cynf_elt_kind kind, cynf_tensor_id p, cynf_tensor_id q)
{
    return eltwise(g, kind, (cynf_tensor_id[]){p, q}, 2, NULL);
}

cynf_tensor_id cynf_g_muladd(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id scale, cynf_tensor_id shift)
{
    return eltwise(g, CYNF_ELT_MULADD, (cynf_tensor_id[]){x, scale, shift}, 3, NULL);
}

cynf_tensor_id cynf_g_select(cynf_graph *g, cynf_tensor_id p, cynf_tensor_id q, cynf_tensor_id r)
{
    return eltwise(g, CYNF_ELT_SELECT, (cynf_tensor_id[]){p, q, r}, 3, NULL);
}

cynf_tensor_id cynf_g_reduce(cynf_graph *g, cynf_tensor_id x, cynf_reduce_kind kind, uint32_t axes_mask, bool keepdims)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    cynf_shape out = {0};
    for (int i = 0; i < xs->rank; i++) {
        const bool reduced = axes_mask >> i & 1;
        if (!reduced || keepdims)
            out.d[out.rank++] = reduced ? 1 : xs->d[i];
    }
    return cynf_g_node(g, &(cynf_node){.op = CYNF_N_REDUCE, .n_in = 1, .in = {x}, .kind = (int32_t)kind, .mask = (int32_t)axes_mask, .keepdims = keepdims}, &out);
}

cynf_tensor_id cynf_g_softmax(cynf_graph *g, cynf_tensor_id x, cynf_softmax_kind kind, uint32_t axes_mask)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    const int r = xs->rank;
    if (r < 1 || !axes_mask || axes_mask >> r)
        return cynf_graph_fail(g, CYNF_EFORMAT, "softmax over axes that a tensor of rank %d does not have", r);
    const cynf_shape in = *xs;
    const cynf_node n = {.op = CYNF_N_SOFTMAX, .n_in = 1, .in = {x}, .kind = (int32_t)kind};
    if (axes_mask == 1u << (r - 1))
        return cynf_g_node(g, &n, &in);
    /* The axes go last and become one; then all back. */
    int32_t perm[CYNF_MAX_DIMS], back[CYNF_MAX_DIMS];
    cynf_shape moved = {r, {0}}, flat = {0};
    int at = 0, len = 1;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < r; i++)
            if ((axes_mask >> i & 1) == (unsigned)pass) {
                perm[at] = i;
                back[i] = at;
                moved.d[at++] = in.d[i];
                if (pass)
                    len *= in.d[i];
                else
                    flat.d[flat.rank++] = in.d[i];
            }
    flat.d[flat.rank++] = len;
    cynf_node m = n;
    m.in[0] = cynf_g_reshape(g, cynf_g_transpose(g, x, perm), &flat);
    return cynf_g_transpose(g, cynf_g_reshape(g, g->status ? CYNF_NO_TENSOR : cynf_g_node(g, &m, &flat), &moved), back);
}

cynf_tensor_id cynf_g_transpose(cynf_graph *g, cynf_tensor_id x, const int32_t *perm)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    cynf_node n = {.op = CYNF_N_TRANSPOSE, .n_in = 1, .in = {x}};
    cynf_shape out = {xs->rank, {0}};
    unsigned seen = 0;
    bool identity = true;
    for (int i = 0; i < xs->rank; i++) {
        if (perm[i] < 0 || perm[i] >= xs->rank || seen >> perm[i] & 1)
            return cynf_graph_fail(g, CYNF_EFORMAT, "the permutation names axis %d wrongly for a tensor of rank %d", perm[i], xs->rank);
        seen |= 1u << perm[i];
        n.perm[i] = perm[i];
        out.d[i] = xs->d[perm[i]];
        identity &= perm[i] == i;
    }
    return identity ? x : cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_reshape(cynf_graph *g, cynf_tensor_id x, const cynf_shape *s)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    cynf_shape out = *s;
    int open = -1;
    int64_t known = 1;
    for (int i = 0; i < s->rank; i++) {
        if (s->d[i] == -1 && open < 0)
            open = i;
        else
            known *= s->d[i];
        if (known < 1 || known > CYNF_MAX_TENSOR_ELEMS)
            break;
    }
    const int64_t elems = (int64_t)cynf_shape_elems(xs);
    if (open >= 0 && known > 0 && elems % known == 0)
        out.d[open] = (int32_t)(elems / known);
    char a[64], b[64];
    if (known < 1 || (open < 0 ? known != elems : elems % known))
        return cynf_graph_fail(g, CYNF_EFORMAT, "shape %s cannot become %s: mismatch in the number of elements", cynf_shape_text(xs, a, sizeof a),
            cynf_shape_text(s, b, sizeof b));
    return cynf_shape_equal(xs, &out) ? x : cynf_g_node(g, &(cynf_node){.op = CYNF_N_RESHAPE, .n_in = 1, .in = {x}}, &out);
}

cynf_tensor_id cynf_g_slice(cynf_graph *g, cynf_tensor_id x, const int32_t *begin, const int32_t *size, const int32_t *step)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    cynf_node n = {.op = CYNF_N_SLICE, .n_in = 1, .in = {x}};
    cynf_shape out = {xs->rank, {0}};
    bool whole = true;
    for (int i = 0; i < xs->rank; i++) {
        const int64_t st = step ? step[i] : 1, last = begin[i] + (int64_t)(size[i] - 1) * st;
        if (st < 1 || size[i] < 1 || begin[i] < 0 || begin[i] >= xs->d[i] || last < 0 || last >= xs->d[i])
            return cynf_graph_fail(g, CYNF_EFORMAT, "nothing is left of axis %d (size %d) after cropping: begin %d, size %d", i, xs->d[i], begin[i], size[i]);
        n.begin[i] = begin[i];
        n.step[i] = (int32_t)st;
        out.d[i] = size[i];
        whole &= size[i] == xs->d[i] && st == 1;
    }
    return whole ? x : cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_concat(cynf_graph *g, const cynf_tensor_id *x, int32_t n_x, int32_t axis)
{
    if (n_x < 1 || n_x > CYNF_MAX_NODE_INPUTS)
        return cynf_graph_fail(g, CYNF_EUNSUPPORTED, "%d tensors to concatenate; 1 to %d are supported", n_x, CYNF_MAX_NODE_INPUTS);
    const cynf_shape *first = shape_of(g, x[0]);
    if (!first)
        return CYNF_NO_TENSOR;
    cynf_shape out = *first;
    if (axis < 0 || axis >= out.rank)
        return cynf_graph_fail(g, CYNF_EFORMAT, "concatenation along axis %d of tensors of rank %d", axis, out.rank);
    cynf_node n = {.op = CYNF_N_CONCAT, .n_in = n_x, .axis = axis};
    n.in[0] = x[0];
    for (int i = 1; i < n_x; i++) {
        const cynf_shape *s = shape_of(g, x[i]);
        if (!s)
            return CYNF_NO_TENSOR;
        cynf_shape want = out;
        if (s->rank == out.rank)
            want.d[axis] = s->d[axis];
        char a[64], b[64];
        if (!cynf_shape_equal(s, &want))
            return cynf_graph_fail(g, CYNF_EFORMAT, "shapes %s and %s cannot be concatenated along axis %d: mismatch", cynf_shape_text(first, a, sizeof a),
                cynf_shape_text(s, b, sizeof b), axis);
        if ((int64_t)out.d[axis] + s->d[axis] > CYNF_MAX_TENSOR_ELEMS)
            return cynf_graph_fail(g, CYNF_EFORMAT, "the concatenated shape is too large");
        out.d[axis] += s->d[axis];
        n.in[i] = x[i];
    }
    return n_x == 1 ? x[0] : cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_interleave(cynf_graph *g, const cynf_tensor_id *x, int32_t n_x, int32_t axis)
{
    if (n_x < 1 || n_x > CYNF_MAX_NODE_INPUTS)
        return cynf_graph_fail(g, CYNF_EUNSUPPORTED, "%d tensors to interleave; 1 to %d are supported", n_x, CYNF_MAX_NODE_INPUTS);
    const cynf_shape *first = shape_of(g, x[0]);
    if (!first || n_x == 1)
        return first ? x[0] : CYNF_NO_TENSOR;
    if (axis < 0 || axis >= first->rank - 1)
        return cynf_graph_fail(g, CYNF_EINVAL, "interleaving along axis %d of tensors of rank %d", axis, first->rank);
    cynf_node n = {.op = CYNF_N_CONCAT, .n_in = n_x, .axis = axis};
    cynf_shape out = *first;
    int64_t total = 0;
    n.step[axis] = n_x;
    for (int i = 0; i < n_x; i++) {
        const cynf_shape *s = shape_of(g, x[i]);
        total += s ? s->d[axis] : 0;
        n.in[i] = x[i];
    }
    if (g->status || total > CYNF_MAX_TENSOR_ELEMS)
        return cynf_graph_fail(g, CYNF_EFORMAT, "the interleaved shape is too large");
    for (int i = 0; i < n_x; i++) {
        cynf_shape want = out;
        want.d[axis] = (int32_t)((total - i + n_x - 1) / n_x);
        if (!cynf_shape_equal(shape_of(g, x[i]), &want))
            return cynf_graph_fail(g, CYNF_EINVAL, "tensors of mismatched shapes cannot be interleaved");
    }
    out.d[axis] = (int32_t)total;
    return cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_pad(cynf_graph *g, cynf_tensor_id x, const int32_t *before, const int32_t *after, float value)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    cynf_node n = {.op = CYNF_N_PAD, .n_in = 1, .in = {x}, .value = value};
    cynf_shape out = {xs->rank, {0}};
    bool none = true;
    for (int i = 0; i < xs->rank; i++) {
        const int64_t d = (int64_t)xs->d[i] + before[i] + after[i];
        if (before[i] < 0 || after[i] < 0 || d > CYNF_MAX_TENSOR_ELEMS)
            return cynf_graph_fail(g, CYNF_EFORMAT, "padding of %d before and %d after axis %d is out of range", before[i], after[i], i);
        n.begin[i] = before[i];
        n.step[i] = after[i];
        out.d[i] = (int32_t)d;
        none &= !before[i] && !after[i];
    }
    return none ? x : cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_repeat(cynf_graph *g, cynf_tensor_id x, const int32_t *counts)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    cynf_node n = {.op = CYNF_N_REPEAT, .n_in = 1, .in = {x}};
    cynf_shape out = {xs->rank, {0}};
    bool none = true;
    for (int i = 0; i < xs->rank; i++) {
        const int64_t d = (int64_t)xs->d[i] * counts[i];
        if (counts[i] < 1 || d > CYNF_MAX_TENSOR_ELEMS)
            return cynf_graph_fail(g, CYNF_EFORMAT, "axis %d cannot be repeated %d times", i, counts[i]);
        n.perm[i] = counts[i];
        out.d[i] = (int32_t)d;
        none &= counts[i] == 1;
    }
    return none ? x : cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_resample(cynf_graph *g, cynf_tensor_id x, int32_t axis, int32_t out_len, int32_t taps, const float *weights, const float *first)
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    if (axis < 0 || axis >= xs->rank || out_len < 1 || taps < 1 || taps > xs->d[axis])
        return cynf_graph_fail(g, CYNF_EFORMAT, "resampling axis %d to %d points with %d taps does not fit its input", axis, out_len, taps);
    for (int j = 0; j < out_len; j++)
        if (!(first[j] >= 0 && first[j] + (float)taps <= (float)xs->d[axis]))
            return cynf_graph_fail(g, CYNF_EINVAL, "resampling reads outside its input");
    cynf_shape out = *xs;
    out.d[axis] = out_len;
    const cynf_tensor_id w = cynf_g_const(g, &(cynf_shape){2, {out_len, taps}}, weights), f = cynf_g_const1(g, out_len, first);
    return g->status ? CYNF_NO_TENSOR : cynf_g_node(g, &(cynf_node){.op = CYNF_N_RESAMPLE, .n_in = 3, .in = {x, w, f}, .axis = axis}, &out);
}

cynf_tensor_id cynf_g_lookup(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id table)
{
    const cynf_shape *xs = shape_of(g, x), *ts = shape_of(g, table);
    if (!xs || !ts)
        return CYNF_NO_TENSOR;
    cynf_shape out = *xs;
    if (ts->rank != 2 || out.rank == CYNF_MAX_DIMS)
        return cynf_graph_fail(g, CYNF_EFORMAT, "a table of rank %d for numbers of rank %d; expected 2, and at most %d", ts->rank, xs->rank, CYNF_MAX_DIMS - 1);
    if (cynf_shape_elems(xs) > (size_t)CYNF_MAX_TENSOR_ELEMS / (size_t)ts->d[1])
        return cynf_graph_fail(g, CYNF_EFORMAT, "the rows looked up are too many");
    out.d[out.rank++] = ts->d[1];
    return cynf_g_node(g, &(cynf_node){.op = CYNF_N_LOOKUP, .n_in = 2, .in = {x, table}}, &out);
}

cynf_tensor_id cynf_g_hash(cynf_graph *g, cynf_tensor_id x, cynf_hash_kind kind, int32_t bins, const uint64_t key[2])
{
    const cynf_shape *xs = shape_of(g, x);
    if (!xs)
        return CYNF_NO_TENSOR;
    if (xs->rank < 1 || bins < 1 || (kind != CYNF_HASH_CROSS && xs->d[xs->rank - 1] != 1))
        return cynf_graph_fail(g, CYNF_EINVAL, "a hash of rank %d into %d bins", xs->rank, bins);
    cynf_shape out = *xs;
    out.rank--;
    out.d[out.rank] = 0;
    cynf_node n = {.op = CYNF_N_HASH, .n_in = 1, .in = {x}, .kind = (int32_t)kind, .mult = bins};
    for (int i = 0; i < 4; i++)
        n.perm[i] = (int32_t)(uint32_t)(key[i / 2] >> 32 * (i % 2));
    return cynf_g_node(g, &n, &out);
}

cynf_tensor_id cynf_g_rnn(cynf_graph *g, cynf_tensor_id x, const cynf_recurrence *r)
{
    const cynf_shape *xs = shape_of(g, x), *us = shape_of(g, r->u);
    if (!xs || !us)
        return CYNF_NO_TENSOR;
    const int32_t gates = cynf_rnn_gates(&(cynf_rnn){.kind = r->kind}), h = us->rank == 2 ? us->d[0] : 0, states = r->kind == CYNF_RNN_LSTM ? 2 : 1;
    char a[64], b[64];
    if (us->rank != 2 || us->d[1] != (int64_t)gates * h)
        return cynf_graph_fail(g, CYNF_EFORMAT, "the recurrent weight has shape %s, expected %d columns for each row", cynf_shape_text(us, a, sizeof a), gates);
    if (xs->rank != 3 || xs->d[2] != us->d[1])
        return cynf_graph_fail(g, CYNF_EFORMAT, "projected input of shape %s and recurrent weight of shape %s: mismatch", cynf_shape_text(xs, a, sizeof a),
            cynf_shape_text(us, b, sizeof b));
    cynf_node n = {.op = CYNF_N_RNN, .n_in = 2, .in = {x, r->u}, .kind = (int32_t)r->kind, .rnn = r->flags & ~(uint32_t)(CYNF_RNN_INITIAL | CYNF_RNN_MASKED),
        .e = r->e, .re = r->re};
    if (r->kind == CYNF_RNN_GRU_AFTER) {
        if (!check_bias(g, r->bias, h))
            return CYNF_NO_TENSOR;
        n.in[n.n_in++] = r->bias >= 0 ? r->bias : cynf_g_const1(g, h, NULL);
    }
    const struct {
        cynf_tensor_id t;
        int32_t columns;
        uint32_t flag;
    } extra[2] = {{r->state, h * states, CYNF_RNN_INITIAL}, {r->mask, xs->d[1], CYNF_RNN_MASKED}};
    for (int i = 0; i < 2; i++) {
        if (extra[i].t < 0)
            continue;
        const cynf_shape *s = shape_of(g, extra[i].t), want = {2, {xs->d[0], extra[i].columns}};
        if (!s || !cynf_shape_equal(s, &want))
            return cynf_graph_fail(g, CYNF_EFORMAT, "its %s has shape %s, expected %s", i ? "mask" : "initial state", s ? cynf_shape_text(s, a, sizeof a) : "?",
                cynf_shape_text(&want, b, sizeof b));
        n.in[n.n_in++] = extra[i].t;
        n.rnn |= extra[i].flag;
    }
    const int32_t steps = r->flags & CYNF_RNN_SEQUENCES ? xs->d[1] : 1;
    const int64_t all = (int64_t)(steps + states) * h;
    if (all > CYNF_MAX_TENSOR_ELEMS)
        return cynf_graph_fail(g, CYNF_EFORMAT, "its output is too large");
    cynf_shape out = {2, {xs->d[0], h}};
    if (r->flags & CYNF_RNN_STATES)
        out.d[1] = (int32_t)all;
    else if (r->flags & CYNF_RNN_SEQUENCES)
        out = (cynf_shape){3, {xs->d[0], xs->d[1], h}};
    return g->status ? CYNF_NO_TENSOR : cynf_g_node(g, &n, &out);
}

/* The tensors as one: the operand itself, or all elements one after the other. */
static cynf_tensor_id joined(cynf_graph *g, const cynf_tensor_id *x, int32_t n)
{
    cynf_tensor_id flat[CYNF_MAX_NODE_INPUTS];
    for (int32_t i = 0; i < n && n > 1; i++)
        flat[i] = cynf_g_reshape(g, x[i], &(cynf_shape){1, {-1}});
    return n > 1 ? cynf_g_concat(g, flat, n, 0) : x[0];
}

void cynf_g_custom(cynf_graph *g, int32_t call, const cynf_tensor_id *x, int32_t n_x, cynf_tensor_id weights, size_t workspace_bytes, const cynf_shape *out, int32_t n_out,
    cynf_tensor_id *y)
{
    int64_t total = 0;
    for (int32_t i = 0; i < n_out; i++)
        total += (int64_t)cynf_shape_elems(&out[i]);
    if (total > CYNF_MAX_TENSOR_ELEMS || workspace_bytes > CYNF_MAX_TENSOR_ELEMS) {
        cynf_graph_fail(g, CYNF_EFORMAT, "its outputs or its workspace are too large");
        return;
    }
    cynf_node n = {.op = CYNF_N_CUSTOM, .kind = call, .mult = (int32_t)CYNF_CEIL_DIV(workspace_bytes, 64)};
    n.in[n.n_in++] = joined(g, x, n_x);
    if (weights >= 0)
        n.in[n.n_in++] = weights;
    const cynf_tensor_id all = g->status ? CYNF_NO_TENSOR : cynf_g_node(g, &n, n_out > 1 ? &(cynf_shape){1, {(int32_t)total}} : &out[0]);
    int32_t begin = 0;
    for (int32_t i = 0; i < n_out; i++) {
        const int32_t elems = (int32_t)cynf_shape_elems(&out[i]);
        y[i] = n_out > 1 ? cynf_g_reshape(g, cynf_g_slice(g, all, &begin, &elems, NULL), &out[i]) : all;
        begin += elems;
    }
}
