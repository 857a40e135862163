/* SPDX-License-Identifier: MIT */
/** Geometry structs as lists of fields: text form, validity, sizes, operation counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/geometry.h"
#include "kernels/kernel.h"

/* Every field is a 4-byte integer or float; designators are C, so the same names print a literal. */
#define I(op, f) {#f, offsetof(cynf_##op, f), false}
/* A field f of the part p ("dw." or nothing). */
#define IN(op, p, f) {#p #f, offsetof(cynf_##op, p f), false}
#define FN(op, p, f) {#p #f, offsetof(cynf_##op, p f), true}
#define VIEW(op, p, v) IN(op, p, v.ns), IN(op, p, v.rs), IN(op, p, v.ps), IN(op, p, v.bs), IN(op, p, v.b)
#define EPILOGUE(op, p, e) IN(op, p, e.act), IN(op, p, e.residual), FN(op, p, e.a), FN(op, p, e.b), FN(op, p, e.c)
#define DIMS(op, f) I(op, f[0]), I(op, f[1]), I(op, f[2]), I(op, f[3]), I(op, f[4]), I(op, f[5]), I(op, f[6]), I(op, f[7])
#define CONV2D(op, p) \
    IN(op, p, n), IN(op, p, h), IN(op, p, w), IN(op, p, ic), IN(op, p, oh), IN(op, p, ow), IN(op, p, oc), IN(op, p, kh), \
        IN(op, p, kw), IN(op, p, sh), IN(op, p, sw), IN(op, p, dh), IN(op, p, dw), IN(op, p, pt), IN(op, p, pl), IN(op, p, groups), IN(op, p, scaled), \
        VIEW(op, p, x), VIEW(op, p, y), VIEW(op, p, r), EPILOGUE(op, p, e)
#define DWCONV2D(op, p) \
    IN(op, p, n), IN(op, p, h), IN(op, p, w), IN(op, p, c), IN(op, p, mult), IN(op, p, oh), IN(op, p, ow), IN(op, p, kh), \
        IN(op, p, kw), IN(op, p, sh), IN(op, p, sw), IN(op, p, dh), IN(op, p, dw), IN(op, p, pt), IN(op, p, pl), \
        VIEW(op, p, x), VIEW(op, p, y), VIEW(op, p, r), EPILOGUE(op, p, e)

static const cynf_field conv2d_fields[] = {CONV2D(conv2d, ), {0}};
static const cynf_field dwconv2d_fields[] = {DWCONV2D(dwconv2d, ), {0}};
static const cynf_field sepconv2d_fields[] = {
    DWCONV2D(sepconv2d, dw.), CONV2D(sepconv2d, pw.), {0}};
static const cynf_field fc_fields[] = {I(fc, m), I(fc, k), I(fc, n), I(fc, x_rs), I(fc, y_rs), I(fc, r_rs), EPILOGUE(fc, , e), {0}};
static const cynf_field gemm_fields[] = {I(gemm, b0), I(gemm, b1), I(gemm, m), I(gemm, n), I(gemm, k), I(gemm, p_s0), I(gemm, p_s1), I(gemm, p_rs),
    I(gemm, p_cs), I(gemm, q_s0), I(gemm, q_s1), I(gemm, q_rs), I(gemm, q_cs), I(gemm, y_s0), I(gemm, y_s1), I(gemm, y_rs), I(gemm, r_s0),
    I(gemm, r_s1), I(gemm, r_rs), EPILOGUE(gemm, , e), {0}};
static const cynf_field pool_fields[] = {I(pool, kind), I(pool, n), I(pool, d), I(pool, h), I(pool, w), I(pool, c), I(pool, od), I(pool, oh),
    I(pool, ow), I(pool, kd), I(pool, kh), I(pool, kw), I(pool, sd), I(pool, sh), I(pool, sw), I(pool, pf), I(pool, pt), I(pool, pl), I(pool, x_ds),
    I(pool, y_ds), VIEW(pool, , x), VIEW(pool, , y), EPILOGUE(pool, , e), {0}};
static const cynf_field eltwise_fields[] = {I(eltwise, kind), I(eltwise, rank), DIMS(eltwise, dims), DIMS(eltwise, xs[0]), DIMS(eltwise, xs[1]),
    DIMS(eltwise, xs[2]), DIMS(eltwise, ys), EPILOGUE(eltwise, , e), {0}};
static const cynf_field reduce_fields[] = {I(reduce, kind), I(reduce, rank), I(reduce, mask), DIMS(reduce, dims), DIMS(reduce, xs), DIMS(reduce, ys),
    EPILOGUE(reduce, , e), {0}};
static const cynf_field softmax_fields[] = {I(softmax, kind), I(softmax, rows), I(softmax, len), I(softmax, x_rs), I(softmax, y_rs), {0}};
static const cynf_field copy_fields[] = {I(copy, rank), DIMS(copy, dims), DIMS(copy, xs), DIMS(copy, ys), {0}};
static const cynf_field resample_fields[] = {I(resample, outer), I(resample, in), I(resample, out), I(resample, inner), I(resample, taps),
    I(resample, x_os), I(resample, y_os), I(resample, x_rs), I(resample, y_rs), EPILOGUE(resample, , e), {0}};
static const cynf_field lookup_fields[] = {I(lookup, n), I(lookup, rows), I(lookup, len), I(lookup, x_s), I(lookup, y_rs), {0}};
static const cynf_field hash_fields[] = {I(hash, kind), I(hash, n), I(hash, inputs), I(hash, bins), I(hash, key[0]), I(hash, key[1]), I(hash, key[2]), I(hash, key[3]), {0}};
static const cynf_field rnn_fields[] = {I(rnn, kind), I(rnn, n), I(rnn, t), I(rnn, h), I(rnn, f), I(rnn, x_reverse), I(rnn, y_reverse), I(rnn, sequences),
    I(rnn, states), I(rnn, initial), I(rnn, masked), I(rnn, zero_masked), I(rnn, x_ns), I(rnn, x_ts), I(rnn, y_ns), I(rnn, y_ts), I(rnn, s_offset),
    I(rnn, i_ns), I(rnn, m_ns), EPILOGUE(rnn, , e), EPILOGUE(rnn, , re), {0}};

static const struct {
    size_t bytes;
    const cynf_field *fields;
} geometries[CYNF_OP_COUNT + 1] = { /* the last one, of functions from outside the library, has none */
#define CYNF_OPERATION(op, OP) [CYNF_OP_##OP] = {sizeof(cynf_##op), op##_fields},
#include "kernels/ops.inc"
#undef CYNF_OPERATION
};

size_t cynf_geometry_bytes(cynf_op op) { return geometries[op].bytes; }
const cynf_field *cynf_geometry_fields(cynf_op op) { return geometries[op].fields; }

static int32_t get_int(const void *g, const cynf_field *f)
{
    int32_t v;
    memcpy(&v, (const char *)g + f->offset, sizeof v);
    return v;
}

static float get_float(const void *g, const cynf_field *f)
{
    float v;
    memcpy(&v, (const char *)g + f->offset, sizeof v);
    return v;
}

int cynf_geometry_print(cynf_op op, const void *g, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s", cynf_op_name(op));
    for (const cynf_field *f = geometries[op].fields; f->name; f++) {
        if (!get_int(g, f))
            continue;
        char *at = (size_t)n < cap ? out + n : NULL;
        const size_t left = at ? cap - (size_t)n : 0;
        /* Nine digits name a float exactly. */
        n += f->is_float ? snprintf(at, left, " %s=%.9g", f->name, (double)get_float(g, f)) : snprintf(at, left, " %s=%d", f->name, get_int(g, f));
    }
    return n;
}

bool cynf_geometry_parse(const char *text, cynf_problem *out)
{
    const size_t name = strcspn(text, " ");
    int op = 0;
    while (op < CYNF_OP_COUNT && (strlen(cynf_op_name((cynf_op)op)) != name || strncmp(text, cynf_op_name((cynf_op)op), name)))
        op++;
    if (op == CYNF_OP_COUNT)
        return false;
    memset(out, 0, sizeof *out);
    out->op = (cynf_op)op;
    for (text += name; *text == ' ';) {
        text++;
        const size_t len = strcspn(text, "= ");
        const cynf_field *f = geometries[op].fields;
        while (f->name && (strlen(f->name) != len || strncmp(f->name, text, len)))
            f++;
        if (!f->name || text[len] != '=')
            return false;
        char *end;
        char *const at = (char *)&out->u + f->offset;
        if (f->is_float) {
            const float v = strtof(text + len + 1, &end);
            memcpy(at, &v, sizeof v);
        } else {
            const long v = strtol(text + len + 1, &end, 10);
            const int32_t w = (int32_t)v;
            if (w != v)
                return false;
            memcpy(at, &w, sizeof w);
        }
        if (end == text + len + 1)
            return false;
        text = end;
    }
    return *text == 0;
}

/* ---- validity ---- */

#define MAX_ELEMS INT32_MAX

static const char *check_view(const cynf_view *v, int c)
{
    if (v->b < 1 || v->ps < 1 || v->rs < 1 || v->ns < 0 || v->bs < 0)
        return "a view's strides must be positive";
    if (v->b < c && (v->b & (v->b - 1) || v->bs < 1))
        return "a blocked view wants a power of two as its block, and a block stride";
    return NULL;
}

static const char *check_window(int in, int out, int k, int s, int d, int before)
{
    if (in < 1 || out < 1 || k < 1 || s < 1 || d < 1 || before < 0)
        return "sizes, kernel, stride and dilation must be positive, padding not negative";
    if ((int64_t)(out - 1) * s - before >= in)
        return "the last output position lies wholly beyond the image";
    return NULL;
}

/* Kernels copy rows of a padded image and index them with int. */
static const char *check_padded(int channels, int64_t oh, int kh, int sh, int dh, int64_t ow, int kw, int sw, int dw)
{
    const int64_t h = (oh - 1) * sh + (int64_t)(kh - 1) * dh + 1, w = (ow - 1) * sw + (int64_t)(kw - 1) * dw + 1;
    return h > MAX_ELEMS / w || h * w > MAX_ELEMS / channels ? "the padded image is too large: over 2^31 elements" : NULL;
}

static const char *check_epilogue(const cynf_epilogue *e)
{
    return (uint32_t)e->act < CYNF_ACT_COUNT ? NULL : "unknown activation";
}

static const char *check_conv2d(const cynf_conv2d *g)
{
    const char *why;
    if (g->n < 1 || g->ic < 1 || g->oc < 1 || g->groups < 1 || g->ic % g->groups || g->oc % g->groups)
        return "groups must divide input and output channels";
    if (g->scaled && (g->n != 1 || g->kh != 1 || g->kw != 1 || g->groups != 1))
        return "only a 1x1 convolution of one image without groups is scaled";
    if ((why = check_window(g->h, g->oh, g->kh, g->sh, g->dh, g->pt)) || (why = check_window(g->w, g->ow, g->kw, g->sw, g->dw, g->pl)) ||
        (why = check_padded(g->ic, g->oh, g->kh, g->sh, g->dh, g->ow, g->kw, g->sw, g->dw)) || (why = check_view(&g->x, g->ic)) ||
        (why = check_view(&g->y, g->oc)) || (why = check_epilogue(&g->e)))
        return why;
    return g->e.residual ? check_view(&g->r, g->oc) : NULL;
}

static const char *check_dwconv2d(const cynf_dwconv2d *g)
{
    const char *why;
    if (g->n < 1 || g->c < 1 || g->mult < 1)
        return "channels and multiplier must be positive";
    if ((why = check_window(g->h, g->oh, g->kh, g->sh, g->dh, g->pt)) || (why = check_window(g->w, g->ow, g->kw, g->sw, g->dw, g->pl)) ||
        (why = check_padded(g->c, g->oh, g->kh, g->sh, g->dh, g->ow, g->kw, g->sw, g->dw)) || (why = check_view(&g->x, g->c)) ||
        (why = check_view(&g->y, g->c * g->mult)) || (why = check_epilogue(&g->e)))
        return why;
    return g->e.residual ? check_view(&g->r, g->c * g->mult) : NULL;
}

static const char *check_dims(int rank, const int32_t *dims)
{
    if (rank < 0 || rank > CYNF_MAX_DIMS)
        return "rank out of range";
    int64_t n = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 1)
            return "dimensions must be positive";
        if ((n *= dims[i]) > MAX_ELEMS)
            return "too many elements";
    }
    return NULL;
}

void cynf_geometry_simplify(cynf_op op, void *geometry)
{
    cynf_conv2d *g = geometry;
    if (op != CYNF_OP_CONV2D)
        return;
    const bool r = g->e.residual != 0;
    if (g->kh != 1 || g->kw != 1 || g->sh != 1 || g->sw != 1 || g->pt != 0 || g->pl != 0 || g->oh != g->h || g->ow != g->w || g->x.rs != g->w * g->x.ps ||
        g->y.rs != g->w * g->y.ps || (r && g->r.rs != g->w * g->r.ps))
        return;
    int64_t pixels = (int64_t)g->h * g->w;
    const bool whole = g->x.ns == g->h * g->x.rs && g->y.ns == g->h * g->y.rs && (!r || g->r.ns == g->h * g->r.rs);
    if (whole)
        pixels *= g->n;
    if (pixels * (g->x.ps > g->y.ps ? g->x.ps : g->y.ps) > INT32_MAX)
        return;
    if (whole)
        g->n = 1;
    g->h = g->oh = 1;
    g->w = g->ow = (int32_t)pixels;
    g->x.rs = g->w * g->x.ps;
    g->y.rs = g->w * g->y.ps;
    if (r)
        g->r.rs = g->w * g->r.ps;
}

bool cynf_geometry_valid(cynf_op op, const void *geometry, const char **why)
{
    const char *w = NULL;
    switch (op) {
    case CYNF_OP_CONV2D: w = check_conv2d(geometry); break;
    case CYNF_OP_DWCONV2D: w = check_dwconv2d(geometry); break;
    case CYNF_OP_SEPCONV2D: {
        const cynf_sepconv2d *g = geometry;
        cynf_dwconv2d dw = g->dw; /* its output's and the pointwise input's views are not used */
        cynf_conv2d pw = g->pw;
        dw.y = (cynf_view){1, 1, 1, 0, INT32_MAX};
        pw.x = dw.y;
        if (!(w = check_dwconv2d(&dw)) && !(w = check_conv2d(&pw)) &&
            (pw.kh != 1 || pw.kw != 1 || pw.sh != 1 || pw.sw != 1 || pw.groups != 1 || pw.h != dw.oh || pw.w != dw.ow || pw.ic != dw.c * dw.mult ||
                pw.n != dw.n || pw.scaled || dw.e.residual))
            w = "the pointwise part must be 1x1 on the depthwise part's output";
        break;
    }
    case CYNF_OP_FC: {
        const cynf_fc *g = geometry;
        w = g->m < 1 || g->k < 1 || g->n < 1 ? "sizes must be positive" : check_epilogue(&g->e);
        break;
    }
    case CYNF_OP_GEMM: {
        const cynf_gemm *g = geometry;
        w = g->b0 < 1 || g->b1 < 1 || g->m < 1 || g->k < 1 || g->n < 1 ? "sizes must be positive" : check_epilogue(&g->e);
        break;
    }
    case CYNF_OP_POOL: {
        const cynf_pool *g = geometry;
        if (g->n < 1 || g->c < 1 || (uint32_t)g->kind > CYNF_POOL_AVG)
            w = "unknown kind, or no channels";
        else if (!(w = check_window(g->d, g->od, g->kd, g->sd, 1, g->pf)) && !(w = check_window(g->h, g->oh, g->kh, g->sh, 1, g->pt)) &&
            !(w = check_window(g->w, g->ow, g->kw, g->sw, 1, g->pl)) && !(w = check_view(&g->x, g->c)) && !(w = check_view(&g->y, g->c)))
            w = check_epilogue(&g->e);
        break;
    }
    case CYNF_OP_ELTWISE: {
        const cynf_eltwise *g = geometry;
        if ((uint32_t)g->kind >= CYNF_ELT_COUNT || g->e.residual)
            w = "unknown kind, or a residual";
        else if (!(w = check_dims(g->rank, g->dims)))
            w = check_epilogue(&g->e);
        break;
    }
    case CYNF_OP_REDUCE: {
        const cynf_reduce *g = geometry;
        if ((uint32_t)g->kind >= CYNF_REDUCE_COUNT)
            w = "unknown kind";
        else if (!(w = check_dims(g->rank, g->dims)))
            w = check_epilogue(&g->e);
        break;
    }
    case CYNF_OP_SOFTMAX: {
        const cynf_softmax *g = geometry;
        w = g->rows < 1 || g->len < 1 || (uint32_t)g->kind > CYNF_SPARSEMAX ? "unknown kind, or no elements" : NULL;
        break;
    }
    case CYNF_OP_COPY: {
        const cynf_copy *g = geometry;
        w = check_dims(g->rank, g->dims);
        break;
    }
    case CYNF_OP_RESAMPLE: {
        const cynf_resample *g = geometry;
        w = g->outer < 1 || g->in < 1 || g->out < 1 || g->inner < 1 || g->taps < 1 || g->taps > g->in ? "sizes out of range" : check_epilogue(&g->e);
        break;
    }
    case CYNF_OP_LOOKUP: {
        const cynf_lookup *g = geometry;
        w = g->n < 1 || g->rows < 1 || g->len < 1 ? "sizes out of range" : NULL;
        break;
    }
    case CYNF_OP_HASH: {
        const cynf_hash *g = geometry;
        const bool sizes = g->n >= 1 && g->inputs >= 1 && g->bins >= 1 && g->n <= INT32_MAX / g->inputs;
        w = !sizes || (uint32_t)g->kind > CYNF_HASH_CROSS || (g->kind != CYNF_HASH_CROSS && g->inputs != 1) ? "unknown kind, or sizes out of range" : NULL;
        break;
    }
    case CYNF_OP_RNN: {
        const cynf_rnn *g = geometry;
        if ((uint32_t)g->kind >= CYNF_RNN_KIND_COUNT || g->n < 1 || g->t < 1 || g->h < 1 || g->f < 0 || g->e.residual || g->re.residual)
            w = "unknown kind, sizes out of range, or a residual";
        else if (!(w = check_epilogue(&g->e)))
            w = check_epilogue(&g->re);
        break;
    }
    case CYNF_OP_COUNT: w = "unknown operation"; break;
    }
    if (why)
        *why = w;
    return !w;
}

/* ---- sizes ---- */

int cynf_geometry_inputs(cynf_op op, const void *geometry)
{
    switch (op) {
    case CYNF_OP_CONV2D: return 1 + !!((const cynf_conv2d *)geometry)->e.residual + !!((const cynf_conv2d *)geometry)->scaled;
    case CYNF_OP_DWCONV2D: return 1 + !!((const cynf_dwconv2d *)geometry)->e.residual;
    case CYNF_OP_SEPCONV2D: return 1 + !!((const cynf_sepconv2d *)geometry)->pw.e.residual;
    case CYNF_OP_FC: return 1 + !!((const cynf_fc *)geometry)->e.residual;
    case CYNF_OP_GEMM: return 2 + !!((const cynf_gemm *)geometry)->e.residual;
    case CYNF_OP_ELTWISE: {
        const int kind = ((const cynf_eltwise *)geometry)->kind;
        return kind == CYNF_ELT_UNARY ? 1 : kind == CYNF_ELT_MULADD || kind == CYNF_ELT_SELECT ? 3 : 2;
    }
    case CYNF_OP_RNN: return 1 + !!((const cynf_rnn *)geometry)->initial + !!((const cynf_rnn *)geometry)->masked;
    default: return 1;
    }
}

static size_t view_extent(const cynf_view *v, int n, int h, int w, int c)
{
    const int b = v->b < c ? v->b : c;
    const size_t blocks = (size_t)CYNF_CEIL_DIV(c, b);
    const size_t in_block = (size_t)(blocks > 1 ? b : c);
    return (size_t)(n - 1) * (size_t)v->ns + (blocks - 1) * (size_t)v->bs + (size_t)(h - 1) * (size_t)v->rs + (size_t)(w - 1) * (size_t)v->ps + in_block;
}

static size_t dims_extent(int rank, const int32_t *dims, const int32_t *strides)
{
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n += (size_t)(dims[i] - 1) * (size_t)strides[i];
    return n;
}

size_t cynf_geometry_extent(cynf_op op, const void *geometry, int i)
{
    switch (op) {
    case CYNF_OP_CONV2D: {
        const cynf_conv2d *g = geometry;
        if (g->scaled && i == 1 + !!g->e.residual)
            return (size_t)g->ic;
        return i == 0 ? view_extent(&g->x, g->n, g->h, g->w, g->ic) : view_extent(i < 0 ? &g->y : &g->r, g->n, g->oh, g->ow, g->oc);
    }
    case CYNF_OP_DWCONV2D: {
        const cynf_dwconv2d *g = geometry;
        return i == 0 ? view_extent(&g->x, g->n, g->h, g->w, g->c) : view_extent(i < 0 ? &g->y : &g->r, g->n, g->oh, g->ow, g->c * g->mult);
    }
    case CYNF_OP_SEPCONV2D: {
        const cynf_sepconv2d *g = geometry;
        return i == 0 ? cynf_geometry_extent(CYNF_OP_DWCONV2D, &g->dw, 0) : cynf_geometry_extent(CYNF_OP_CONV2D, &g->pw, i);
    }
    case CYNF_OP_FC: {
        const cynf_fc *g = geometry;
        return (size_t)(g->m - 1) * (size_t)(i == 0 ? g->x_rs : i < 0 ? g->y_rs : g->r_rs) + (size_t)(i == 0 ? g->k : g->n);
    }
    case CYNF_OP_GEMM: {
        const cynf_gemm *g = geometry;
        const int32_t dims[4] = {g->b0, g->b1, i == 1 ? g->k : g->m, i == 0 ? g->k : g->n};
        const int32_t p[4] = {g->p_s0, g->p_s1, g->p_rs, g->p_cs}, q[4] = {g->q_s0, g->q_s1, g->q_rs, g->q_cs};
        const int32_t y[4] = {g->y_s0, g->y_s1, g->y_rs, 1}, r[4] = {g->r_s0, g->r_s1, g->r_rs, 1};
        return dims_extent(4, dims, i == 0 ? p : i == 1 ? q : i < 0 ? y : r);
    }
    case CYNF_OP_POOL: {
        const cynf_pool *g = geometry;
        return i == 0 ? (size_t)(g->d - 1) * (size_t)g->x_ds + view_extent(&g->x, g->n, g->h, g->w, g->c)
                      : (size_t)(g->od - 1) * (size_t)g->y_ds + view_extent(&g->y, g->n, g->oh, g->ow, g->c);
    }
    case CYNF_OP_ELTWISE: {
        const cynf_eltwise *g = geometry;
        return dims_extent(g->rank, g->dims, i < 0 ? g->ys : g->xs[i]);
    }
    case CYNF_OP_REDUCE: {
        const cynf_reduce *g = geometry;
        return dims_extent(g->rank, g->dims, i < 0 ? g->ys : g->xs);
    }
    case CYNF_OP_SOFTMAX: {
        const cynf_softmax *g = geometry;
        return (size_t)(g->rows - 1) * (size_t)(i < 0 ? g->y_rs : g->x_rs) + (size_t)g->len;
    }
    case CYNF_OP_COPY: {
        const cynf_copy *g = geometry;
        return dims_extent(g->rank, g->dims, i < 0 ? g->ys : g->xs);
    }
    case CYNF_OP_RESAMPLE: {
        const cynf_resample *g = geometry;
        return i < 0 ? (size_t)(g->outer - 1) * (size_t)g->y_os + (size_t)(g->out - 1) * (size_t)g->y_rs + (size_t)g->inner
                     : (size_t)(g->outer - 1) * (size_t)g->x_os + (size_t)(g->in - 1) * (size_t)g->x_rs + (size_t)g->inner;
    }
    case CYNF_OP_LOOKUP: {
        const cynf_lookup *g = geometry;
        return i < 0 ? (size_t)(g->n - 1) * (size_t)g->y_rs + (size_t)g->len : (size_t)(g->n - 1) * (size_t)g->x_s + 1;
    }
    case CYNF_OP_HASH: {
        const cynf_hash *g = geometry;
        return (size_t)g->n * (size_t)(i < 0 ? 1 : g->inputs);
    }
    case CYNF_OP_RNN: {
        const cynf_rnn *g = geometry;
        const size_t last = (size_t)g->n - 1, states = (size_t)g->h * (g->kind == CYNF_RNN_LSTM ? 2 : 1);
        if (i == 0)
            return last * (size_t)g->x_ns + (size_t)(g->t - 1) * (size_t)g->x_ts + (size_t)(g->f ? g->f : g->h * cynf_rnn_gates(g));
        if (i > 0)
            return i == 1 && g->initial ? last * (size_t)g->i_ns + states : last * (size_t)g->m_ns + (size_t)g->t;
        const size_t outputs = g->sequences ? (size_t)(g->t - 1) * (size_t)g->y_ts + (size_t)g->h : (size_t)g->h, end = (size_t)g->s_offset + states;
        return last * (size_t)g->y_ns + (g->states && end > outputs ? end : outputs);
    }
    case CYNF_OP_COUNT: break;
    }
    return 0;
}

void cynf_geometry_weights(cynf_op op, const void *geometry, size_t count[4])
{
    memset(count, 0, 4 * sizeof *count);
    switch (op) {
    case CYNF_OP_CONV2D: {
        const cynf_conv2d *g = geometry;
        count[0] = (size_t)g->kh * (size_t)g->kw * (size_t)(g->ic / g->groups) * (size_t)g->oc;
        count[1] = (size_t)g->oc;
        break;
    }
    case CYNF_OP_DWCONV2D: {
        const cynf_dwconv2d *g = geometry;
        count[1] = (size_t)g->c * (size_t)g->mult;
        count[0] = (size_t)g->kh * (size_t)g->kw * count[1];
        break;
    }
    case CYNF_OP_SEPCONV2D: {
        const cynf_sepconv2d *g = geometry;
        size_t pw[4];
        cynf_geometry_weights(CYNF_OP_CONV2D, &g->pw, pw);
        cynf_geometry_weights(CYNF_OP_DWCONV2D, &g->dw, count);
        count[2] = pw[0];
        count[3] = pw[1];
        break;
    }
    case CYNF_OP_FC: {
        const cynf_fc *g = geometry;
        count[0] = (size_t)g->k * (size_t)g->n;
        count[1] = (size_t)g->n;
        break;
    }
    case CYNF_OP_RESAMPLE: {
        const cynf_resample *g = geometry;
        count[0] = (size_t)g->out * (size_t)g->taps;
        count[2] = (size_t)g->out;
        break;
    }
    case CYNF_OP_LOOKUP: {
        const cynf_lookup *g = geometry;
        count[0] = (size_t)g->rows * (size_t)g->len;
        break;
    }
    case CYNF_OP_RNN: {
        const cynf_rnn *g = geometry;
        count[0] = (size_t)g->h * (size_t)g->h * (size_t)cynf_rnn_gates(g);
        count[1] = g->kind == CYNF_RNN_GRU_AFTER ? (size_t)g->h : 0;
        count[3] = g->f ? (size_t)g->h * (size_t)cynf_rnn_gates(g) : 0;
        count[2] = (size_t)g->f * count[3];
        break;
    }
    default: break;
    }
}

double cynf_geometry_flops(cynf_op op, const void *geometry)
{
    double elems = 1;
    switch (op) {
    case CYNF_OP_CONV2D: {
        const cynf_conv2d *g = geometry;
        return 2.0 * g->n * (double)cynf_useful_taps(g->h, g->oh, g->kh, g->sh, g->dh, g->pt) *
            (double)cynf_useful_taps(g->w, g->ow, g->kw, g->sw, g->dw, g->pl) * (g->ic / g->groups) * g->oc;
    }
    case CYNF_OP_DWCONV2D: {
        const cynf_dwconv2d *g = geometry;
        return 2.0 * g->n * (double)cynf_useful_taps(g->h, g->oh, g->kh, g->sh, g->dh, g->pt) *
            (double)cynf_useful_taps(g->w, g->ow, g->kw, g->sw, g->dw, g->pl) * g->c * g->mult;
    }
    case CYNF_OP_SEPCONV2D: {
        const cynf_sepconv2d *g = geometry;
        return cynf_geometry_flops(CYNF_OP_DWCONV2D, &g->dw) + cynf_geometry_flops(CYNF_OP_CONV2D, &g->pw);
    }
    case CYNF_OP_FC: {
        const cynf_fc *g = geometry;
        return 2.0 * g->m * g->k * g->n;
    }
    case CYNF_OP_GEMM: {
        const cynf_gemm *g = geometry;
        return 2.0 * g->b0 * g->b1 * g->m * g->k * g->n;
    }
    case CYNF_OP_POOL: {
        const cynf_pool *g = geometry;
        return 1.0 * g->n * (double)cynf_useful_taps(g->d, g->od, g->kd, g->sd, 1, g->pf) * (double)cynf_useful_taps(g->h, g->oh, g->kh, g->sh, 1, g->pt) *
            (double)cynf_useful_taps(g->w, g->ow, g->kw, g->sw, 1, g->pl) * g->c;
    }
    case CYNF_OP_ELTWISE: {
        const cynf_eltwise *g = geometry;
        for (int i = 0; i < g->rank; i++)
            elems *= g->dims[i];
        return elems;
    }
    case CYNF_OP_REDUCE: {
        const cynf_reduce *g = geometry;
        for (int i = 0; i < g->rank; i++)
            elems *= g->dims[i];
        return elems;
    }
    case CYNF_OP_SOFTMAX: {
        const cynf_softmax *g = geometry;
        return 4.0 * g->rows * g->len;
    }
    case CYNF_OP_RESAMPLE: {
        const cynf_resample *g = geometry;
        return 2.0 * g->outer * g->out * g->inner * g->taps;
    }
    case CYNF_OP_RNN: {
        const cynf_rnn *g = geometry;
        return 2.0 * g->n * g->t * g->h * (g->h + g->f) * cynf_rnn_gates(g);
    }
    default: return 0;
    }
}
