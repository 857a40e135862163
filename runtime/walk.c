/* SPDX-License-Identifier: MIT */
/** Element types at the model's edges, calls, stages, samples. */
#include <string.h>
#include <time.h>

#include "runtime/walk.h"

/* ---- element types ------------------------------------------------------------------------------------------------------- */

CYNF_RT size_t cynf_dtype_bytes(cynf_dtype t)
{
    switch (t) {
    case CYNF_F64: case CYNF_I64: case CYNF_U64: return 8;
    case CYNF_F16: case CYNF_BF16: case CYNF_I16: case CYNF_U16: return 2;
    case CYNF_I8: case CYNF_U8: case CYNF_BOOL: return 1;
    default: return 4;
    }
}

static float bits_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float half_float(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fffu;
    if (magnitude >= 0x7c00) /* infinity, NaN */
        return bits_float(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude < 0x0400) /* subnormal: an integer times 2^-24 */
        return bits_float(sign | float_bits((float)magnitude * 0x1p-24f));
    return bits_float(sign | ((magnitude << 13) + (112u << 23)));
}

/* Round to nearest, ties to even, as hardware does. */
static uint16_t float_half(float f)
{
    const uint32_t u = float_bits(f), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (magnitude >= 0x477ff000) /* rounds to 2^16 or more */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) /* subnormal result: adding 1/2 aligns and rounds the bits */
        return (uint16_t)(sign | (float_bits(bits_float(magnitude) + 0.5f) - 0x3f000000));
    const uint32_t shifted = magnitude - (112u << 23);
    return (uint16_t)(sign | (shifted + 0xfff + (shifted >> 13 & 1)) >> 13);
}

static uint16_t float_bfloat(float f)
{
    const uint32_t u = float_bits(f);
    return (uint16_t)(f != f ? (u >> 16 | 0x40) : (u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* Bit t: an input or output has type t. A generated model says which ones it has: all conversions together are larger than many a model's layers. */
#ifndef CYNF_EDGE_TYPES
#define CYNF_EDGE_TYPES ~0u
#endif

/* Elements may be unaligned: the caller's buffer can lie anywhere. */
#define READ(dtype, type, expression) \
    if (CYNF_EDGE_TYPES >> (dtype) & 1) for (size_t i = 0; i < n; i++) { \
        type e; \
        memcpy(&e, (const char *)from + i * sizeof e, sizeof e); \
        to[i] = (float)(expression); \
    } \
    break

static void to_float(cynf_dtype t, const void *from, float *to, size_t n)
{
    switch (t) {
    case CYNF_F32: memcpy(to, from, n * sizeof *to); break;
    case CYNF_F64: READ(CYNF_F64, double, e);
    case CYNF_F16: READ(CYNF_F16, uint16_t, half_float(e));
    case CYNF_BF16: READ(CYNF_BF16, uint16_t, bits_float((uint32_t)e << 16));
    case CYNF_I8: READ(CYNF_I8, int8_t, e);
    case CYNF_U8: READ(CYNF_U8, uint8_t, e);
    case CYNF_I16: READ(CYNF_I16, int16_t, e);
    case CYNF_U16: READ(CYNF_U16, uint16_t, e);
    case CYNF_I32: READ(CYNF_I32, int32_t, e);
    case CYNF_U32: READ(CYNF_U32, uint32_t, e);
    case CYNF_I64: READ(CYNF_I64, int64_t, e);
    case CYNF_U64: READ(CYNF_U64, uint64_t, e);
    case CYNF_BOOL: READ(CYNF_BOOL, uint8_t, e != 0);
    }
}

#define WRITE(dtype, type, expression) \
    if (CYNF_EDGE_TYPES >> (dtype) & 1) for (size_t i = 0; i < n; i++) { \
        const float f = from[i]; \
        const type e = expression; \
        memcpy((char *)to + i * sizeof e, &e, sizeof e); \
    } \
    break
/* A value out of range becomes the nearest one, NaN becomes 0: a plain cast would be undefined. over is the first float beyond max. */
#define INTEGER(dtype, type, min, over, max) WRITE(dtype, type, f >= over ? max : f >= (float)min ? (type)f : f < (float)min ? min : 0)

static void from_float(cynf_dtype t, const float *from, void *to, size_t n)
{
    switch (t) {
    case CYNF_F32: memcpy(to, from, n * sizeof *from); break;
    case CYNF_F64: WRITE(CYNF_F64, double, f);
    case CYNF_F16: WRITE(CYNF_F16, uint16_t, float_half(f));
    case CYNF_BF16: WRITE(CYNF_BF16, uint16_t, float_bfloat(f));
    case CYNF_I8: INTEGER(CYNF_I8, int8_t, INT8_MIN, 0x1p7f, INT8_MAX);
    case CYNF_U8: INTEGER(CYNF_U8, uint8_t, 0, 0x1p8f, UINT8_MAX);
    case CYNF_I16: INTEGER(CYNF_I16, int16_t, INT16_MIN, 0x1p15f, INT16_MAX);
    case CYNF_U16: INTEGER(CYNF_U16, uint16_t, 0, 0x1p16f, UINT16_MAX);
    case CYNF_I32: INTEGER(CYNF_I32, int32_t, INT32_MIN, 0x1p31f, INT32_MAX);
    case CYNF_U32: INTEGER(CYNF_U32, uint32_t, 0, 0x1p32f, UINT32_MAX);
    case CYNF_I64: INTEGER(CYNF_I64, int64_t, INT64_MIN, 0x1p63f, INT64_MAX);
    case CYNF_U64: INTEGER(CYNF_U64, uint64_t, 0, 0x1p64f, UINT64_MAX);
    case CYNF_BOOL: WRITE(CYNF_BOOL, uint8_t, f != 0);
    }
}

#undef READ
#undef WRITE
#undef INTEGER

/* ---- one run ------------------------------------------------------------------------------------------------------------- */

typedef struct stage_run {
    const cynf_call *call;
    const cynf_args *args;
    int stage;
} stage_run;

static void run_units(void *ctx, int thread, size_t begin, size_t end)
{
    const stage_run *s = ctx;
    s->call->run(s->call->geometry, s->stage, s->args, thread, begin, end);
}

/* Of two calls at once: the units of the first, then those of the second. */
static void run_both(void *ctx, int thread, size_t begin, size_t end)
{
    stage_run *const s = ctx;
    const size_t first = s->call->units[0];
    if (begin < first)
        run_units(s, thread, begin, end < first ? end : first);
    if (end > first)
        run_units(s + 1, thread, begin > first ? begin - first : 0, end - first);
}

static const char *constant(const cynf_walk *w, int64_t offset)
{
    return (size_t)offset < w->base_bytes ? (const char *)w->base + offset : (const char *)w->consts + ((size_t)offset - w->base_bytes);
}

static float *resolve(const cynf_walk *w, char *arena, const void *const *x, void *const *y, const cynf_ref *r)
{
    switch (r->space) {
    case CYNF_IN_INPUT: {
        const cynf_edge *e = &w->in[r->index];
        /* Inputs are only read; the cast lets one function serve both ends. */
        return (e->dtype == CYNF_F32 ? (float *)(uintptr_t)x[r->index] : (float *)(arena + e->staged)) + r->offset;
    }
    case CYNF_IN_OUTPUT: {
        const cynf_edge *e = &w->out[r->index];
        return (e->dtype == CYNF_F32 ? (float *)y[r->index] : (float *)(arena + e->staged)) + r->offset;
    }
    case CYNF_IN_CONST: return (float *)(uintptr_t)constant(w, r->offset * (int64_t)sizeof(float));
    default: return (float *)arena + r->offset;
    }
}

static cynf_args operands(const cynf_walk *w, char *arena, const void *const *x, void *const *y, const cynf_call *c)
{
    cynf_args a = {.packed = c->packed_offset < 0 ? NULL : constant(w, c->packed_offset), .y = resolve(w, arena, x, y, &c->out),
        .workspace = c->workspace_offset < 0 ? NULL : arena + c->workspace_offset, .next = c->next_bytes ? constant(w, c->next_offset) : NULL,
        .next_bytes = (size_t)c->next_bytes};
    for (int j = 0; j < c->n_in; j++)
        a.x[j] = resolve(w, arena, x, y, &c->in[j]);
    return a;
}

static bool any_shared(const cynf_walk *w)
{
    int i = 0;
    while (i < w->n_call && w->call[i].serial)
        i++;
    return i < w->n_call;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

CYNF_RT void cynf_walk_run(const cynf_walk *w, cynf_thread_pool *pool, void *memory, const void *const *x, void *const *y, double *seconds)
{
    char *arena = memory;
    for (int i = 0; i < w->n_in; i++)
        if (w->in[i].dtype != CYNF_F32)
            to_float(w->in[i].dtype, x[i], (float *)(arena + w->in[i].staged), w->in[i].elems);
    if (pool && any_shared(w))
        cynf_pool_begin(pool);
    for (int i = 0; i < w->n_call; i++) {
        const cynf_call *c = &w->call[i];
        const double start = seconds ? now() : 0;
        const cynf_args a = operands(w, arena, x, y, c);
        const bool both = pool && c->with_next && !c->serial && !c[1].serial;
        if (both) {
            const cynf_args next = operands(w, arena, x, y, c + 1);
            cynf_pool_run(pool, run_both, (stage_run[]){{c, &a, 0}, {c + 1, &next, 0}}, c->units[0] + c[1].units[0], 1);
        }
        for (int s = 0; s < c->stages && !both; s++) {
            const int k = s < CYNF_LISTED_STAGES ? s : CYNF_LISTED_STAGES - 1;
            if (pool && !c->serial && c->units[k] > 1)
                cynf_pool_run(pool, run_units, &(stage_run){c, &a, s}, c->units[k], c->span[k]);
            else
                c->run(c->geometry, s, &a, 0, 0, c->units[k]);
        }
        if (seconds)
            seconds[i] += now() - start;
        i += both;
    }
    for (int i = 0; i < w->n_out; i++)
        if (w->out[i].dtype != CYNF_F32)
            from_float(w->out[i].dtype, (const float *)(arena + w->out[i].staged), y[i], w->out[i].elems);
}

/* ---- many samples -------------------------------------------------------------------------------------------------------- */

/*
 * Memory of cynf_walk_batch: one arena a lane, then a pointer to each input and output for each lane, then (batch > 1) one batch of the
 * model's own inputs and outputs, in which samples that do not fill a batch are computed.
 */
static size_t pointer_bytes(const cynf_walk *w) { return CYNF_ROUND_UP((size_t)(w->n_in + w->n_out) * sizeof(void *), 64); }
static size_t edge_bytes(const cynf_edge *e) { return CYNF_ROUND_UP(e->elems * cynf_dtype_bytes(e->dtype), 64); }

CYNF_RT size_t cynf_walk_bytes(const cynf_walk *w, int lanes)
{
    size_t bytes = (size_t)lanes * (w->arena_bytes + pointer_bytes(w));
    if (w->batch > 1 && !w->batch_fixed) {
        for (int i = 0; i < w->n_in; i++)
            bytes += edge_bytes(&w->in[i]);
        for (int i = 0; i < w->n_out; i++)
            bytes += edge_bytes(&w->out[i]);
    }
    return bytes;
}

typedef struct batch_run {
    const cynf_walk *w;
    cynf_thread_pool *pool; /* NULL where each thread has a run of its own */
    char *memory;
    int lanes;
    const void *const *x;
    void *const *y;
} batch_run;

static void run_batches(void *ctx, int thread, size_t begin, size_t end)
{
    const batch_run *b = ctx;
    const cynf_walk *w = b->w;
    void **p = (void **)(b->memory + (size_t)b->lanes * w->arena_bytes + (size_t)thread * pointer_bytes(w));
    for (size_t k = begin; k < end; k++) {
        for (int i = 0; i < w->n_in; i++)
            p[i] = (char *)(uintptr_t)b->x[i] + k * w->in[i].elems * cynf_dtype_bytes(w->in[i].dtype);
        for (int i = 0; i < w->n_out; i++)
            p[w->n_in + i] = (char *)b->y[i] + k * w->out[i].elems * cynf_dtype_bytes(w->out[i].dtype);
        cynf_walk_run(w, b->pool, b->memory + (size_t)thread * w->arena_bytes, (const void *const *)p, p + w->n_in, NULL);
    }
}

/* The last samples, fewer than a batch: copied into a batch whose other samples are 0. */
static void run_rest(const batch_run *b, size_t done, size_t rest)
{
    const cynf_walk *w = b->w;
    void **p = (void **)(b->memory + (size_t)b->lanes * w->arena_bytes);
    char *at = b->memory + (size_t)b->lanes * (w->arena_bytes + pointer_bytes(w));
    for (int i = 0; i < w->n_in; i++) {
        const size_t bytes = w->in[i].elems * cynf_dtype_bytes(w->in[i].dtype), sample = bytes / (size_t)w->batch;
        memset(at, 0, bytes);
        memcpy(at, (const char *)b->x[i] + done * sample, rest * sample);
        p[i] = at;
        at += edge_bytes(&w->in[i]);
    }
    for (int i = 0; i < w->n_out; i++) {
        p[w->n_in + i] = at;
        at += edge_bytes(&w->out[i]);
    }
    cynf_walk_run(w, b->pool, b->memory, (const void *const *)p, p + w->n_in, NULL);
    for (int i = 0; i < w->n_out; i++) {
        const size_t sample = w->out[i].elems * cynf_dtype_bytes(w->out[i].dtype) / (size_t)w->batch;
        memcpy((char *)b->y[i] + done * sample, p[w->n_in + i], rest * sample);
    }
}

CYNF_RT cynf_status cynf_walk_batch(const cynf_walk *w, cynf_thread_pool *pool, int lanes, void *memory, size_t n, const void *const *x, void *const *y)
{
    const size_t runs = n / (size_t)w->batch, rest = n % (size_t)w->batch;
    if (rest && w->batch_fixed)
        return CYNF_EINVAL;
    batch_run b = {w, NULL, memory, lanes, x, y};
    if (pool && lanes > 1 && runs >= (size_t)lanes && !w->state_bytes) {
        cynf_pool_run(pool, run_batches, &b, runs, 1);
        b.pool = pool;
    } else {
        b.pool = pool;
        run_batches(&b, 0, 0, runs);
    }
    if (rest)
        run_rest(&b, runs * (size_t)w->batch, rest);
    return CYNF_OK;
}
