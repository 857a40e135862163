/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "harness.h"
#include "kernels/kernel.h"

#define EPS 0x1p-24
#define THREADS 3
#define MAX_SHOWN 3 /* messages of a kernel */

enum { CANARY = 0x7fa5c3e1, WORKSPACE_FILL = 0x7fc0dead }; /* both NaN as floats */

typedef enum data_kind { UNIFORM, ALL_MAX, CANCELLING, DENORMAL, NONFINITE, DATA_KINDS } data_kind;
static const char *const data_names[DATA_KINDS] = {"uniform", "all-max", "cancelling", "denormal", "nonfinite"};

/* ---- faults ---- */

static sigjmp_buf fault_jump;
static volatile sig_atomic_t fault_signal;

static void on_fault(int signal)
{
    fault_signal = signal;
    siglongjmp(fault_jump, 1);
}

static void catch_faults(void)
{
    const struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

/* ---- data ---- */

static void fill(test_rng *r, float *x, size_t n, data_kind kind, bool weights)
{
    for (size_t i = 0; i < n; i++) {
        const float u = test_float(r, -1, 1);
        switch (kind) {
        case ALL_MAX: x[i] = 0x1.fffffep0f; break;
        case CANCELLING: x[i] = weights ? 1 + 0x1p-10f * u : (i % 2 ? 1000.0f : -1000.0f) + u; break;
        case DENORMAL: x[i] = weights ? u : u * 0x1p-130f; break;
        case NONFINITE: x[i] = weights || !test_one_in(r, 40) ? u : test_one_in(r, 3) ? NAN : u < 0 ? -INFINITY : INFINITY; break;
        default: x[i] = u; break;
        }
    }
}

/** A problem with its data and what is expected of y. */
typedef struct test_case {
    const kernel_test *test;
    cynf_problem p;
    data_kind kind;
    int index, inputs;
    size_t extent[CYNF_MAX_INPUTS], y_extent;
    float *x[CYNF_MAX_INPUTS], *w[4];
    cynf_weights weights;
    test_expect expect;
    test_rng rng;
} test_case;

static void *allocate(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p) {
        perror("kernel-tests");
        exit(1);
    }
    return p;
}

/** False: the geometry is invalid, which is an error of the test. */
static bool make_case(test_case *c, const kernel_test *t, int index, uint64_t seed)
{
    *c = (test_case){.test = t, .index = index, .rng = {seed ^ (uint64_t)t->op << 56 ^ (uint64_t)index << 32}};
    c->p.op = t->op;
    t->geometry(index, &c->rng, &c->p);
    const void *g = &c->p.u;
    const char *why;
    if (!cynf_geometry_valid(t->op, g, &why)) {
        printf("%s: geometry %d is invalid: %s\n", cynf_op_name(t->op), index, why);
        return false;
    }
    c->kind = (data_kind)((index + seed) % (t->nonfinite ? DATA_KINDS : NONFINITE));
    c->inputs = cynf_geometry_inputs(t->op, g);
    for (int i = 0; i < c->inputs; i++) {
        c->extent[i] = cynf_geometry_extent(t->op, g, i);
        c->x[i] = allocate(c->extent[i], sizeof(float));
        fill(&c->rng, c->x[i], c->extent[i], c->kind, false);
        if (t->fix_input)
            t->fix_input(g, i, &c->rng, c->x[i], c->extent[i]);
    }
    size_t count[4];
    cynf_geometry_weights(t->op, g, count);
    for (int i = 0; i < 4; i++)
        if (count[i] && !(i % 2 && test_one_in(&c->rng, 3))) { /* bias is optional */
            c->w[i] = allocate(count[i], sizeof(float));
            fill(&c->rng, c->w[i], count[i], c->kind, true);
        }
    if (t->fix_weights)
        t->fix_weights(g, &c->rng, c->w);
    c->weights = (cynf_weights){c->w[0], c->w[1], c->w[2], c->w[3]};
    c->y_extent = cynf_geometry_extent(t->op, g, -1);
    c->expect.acc = allocate(c->y_extent, sizeof(double));
    c->expect.scale = allocate(c->y_extent, sizeof(double));
    for (size_t i = 0; i < c->y_extent; i++)
        c->expect.scale[i] = -1;
    t->oracle(g, &c->weights, (const float *const *)c->x, &c->expect);
    return true;
}

static void free_case(test_case *c)
{
    for (int i = 0; i < CYNF_MAX_INPUTS; i++)
        free(c->x[i]);
    for (int i = 0; i < 4; i++)
        free(c->w[i]);
    free(c->expect.acc);
    free(c->expect.scale);
}

static const cynf_epilogue *epilogue(const cynf_problem *p)
{
    switch (p->op) {
    case CYNF_OP_CONV2D: return &p->u.conv2d.e;
    case CYNF_OP_DWCONV2D: return &p->u.dwconv2d.e;
    case CYNF_OP_SEPCONV2D: return &p->u.sepconv2d.pw.e;
    case CYNF_OP_FC: return &p->u.fc.e;
    case CYNF_OP_GEMM: return &p->u.gemm.e;
    case CYNF_OP_POOL: return &p->u.pool.e;
    case CYNF_OP_ELTWISE: return &p->u.eltwise.e;
    case CYNF_OP_REDUCE: return &p->u.reduce.e;
    case CYNF_OP_RESAMPLE: return &p->u.resample.e;
    default: {
        static const cynf_epilogue linear = {.act = CYNF_ACT_LINEAR};
        return &linear;
    }
    }
}

/* ---- one run ---- */

typedef struct run {
    guard_buf x[CYNF_MAX_INPUTS], packed, workspace, y;
} run;

static void free_run(run *r)
{
    for (int i = 0; i < CYNF_MAX_INPUTS; i++)
        guard_free(&r->x[i]);
    guard_free(&r->packed);
    guard_free(&r->workspace);
    guard_free(&r->y);
}

static void fill_words(guard_buf *b, uint32_t word)
{
    for (size_t i = 0; i + sizeof word <= b->bytes; i += sizeof word)
        memcpy(b->data + i, &word, sizeof word);
}

static void run_stages(const cynf_kernel *k, const void *g, const cynf_args *a, bool split, test_rng *rng)
{
    for (int s = 0; s < cynf_kernel_stages(k, g); s++) {
        const size_t units = cynf_kernel_units(k, g, s);
        if (!split) {
            cynf_kernel_run(k, g, s, a, 0, 0, units);
            continue;
        }
        /* Pieces of a random size from the last to the first, an empty one among them, by changing thread ids. */
        int thread = 1;
        cynf_kernel_run(k, g, s, a, 0, units, units);
        const size_t piece = units > 3 ? 1 + (size_t)test_int(rng, 0, (int)(units / 3)) : 1;
        for (size_t end = units; end > 0; thread = (thread + 1) % THREADS) {
            const size_t begin = end > piece ? end - piece : 0;
            cynf_kernel_run(k, g, s, a, thread, begin, end);
            end = begin;
        }
    }
}

/** Runs the case; r->y holds the result. alias >= 0: y is the memory of that input. NULL on success, else what is wrong. */
static const char *run_case(run *r, const test_case *c, const cynf_kernel *k, bool at_end, bool split, int alias)
{
    const void *g = &c->p.u;
    test_rng rng = c->rng;
    const int threads = split ? THREADS : 1;
    *r = (run){0};
    for (int i = 0; i < c->inputs; i++) {
        if (!guard_alloc(&r->x[i], c->extent[i] * sizeof(float), at_end))
            return "out of memory";
        memcpy(r->x[i].data, c->x[i], r->x[i].bytes);
        guard_protect(&r->x[i]);
    }
    /* The caller of the library rounds these up to its alignment of 64. */
    const size_t packed = (cynf_kernel_packed_bytes(k, g) + 63) / 64 * 64;
    const size_t workspace = (cynf_kernel_workspace_bytes(k, g, threads) + 63) / 64 * 64;
    if (!guard_alloc(&r->packed, packed, at_end) || !guard_alloc(&r->workspace, workspace, at_end) ||
        !guard_alloc(&r->y, c->y_extent * sizeof(float), at_end))
        return "out of memory";
    fill_words(&r->y, CANARY);
    fill_words(&r->workspace, WORKSPACE_FILL);
    if (alias >= 0)
        memcpy(r->y.data, c->x[alias], r->y.bytes);

    cynf_args a = {.packed = packed ? r->packed.data : NULL, .y = (float *)(void *)r->y.data, .workspace = workspace ? r->workspace.data : NULL};
    for (int i = 0; i < c->inputs; i++)
        a.x[i] = i == alias ? a.y : (const float *)(const void *)r->x[i].data;
    static const char *failure; /* static: kept over the jump */
    failure = NULL;
    if (sigsetjmp(fault_jump, 1))
        return fault_signal == SIGILL ? "an instruction that this CPU lacks" : "reads or writes outside its buffers, or writes its inputs";
    if (packed) {
        unsigned char *first = allocate(packed, 1);
        memset(r->packed.data, 0, packed);
        cynf_kernel_pack(k, g, &c->weights, r->packed.data);
        memcpy(first, r->packed.data, packed);
        memset(r->packed.data, 0xff, packed);
        cynf_kernel_pack(k, g, &c->weights, r->packed.data);
        if (memcmp(first, r->packed.data, cynf_kernel_packed_bytes(k, g)))
            failure = "pack leaves bytes unwritten";
        else if (!guard_intact(&r->packed))
            failure = "pack writes outside its buffer";
        free(first);
        guard_protect(&r->packed);
    }
    run_stages(k, g, &a, split, &rng);
    if (!guard_intact(&r->y))
        return "writes outside y";
    if (!guard_intact(&r->workspace))
        return "writes outside the workspace";
    return failure;
}

/* ---- the verdict ---- */

/** What the activation's own rounding may be measured by: the largest term on its way. Negative: it is exact. */
static double activation_magnitude(double x, const cynf_epilogue *e)
{
    const double y = fabs(test_activate(x, e));
    switch ((cynf_act)e->act) {
    case CYNF_ACT_LINEAR: case CYNF_ACT_RELU: case CYNF_ACT_CLIP: case CYNF_ACT_ABS: case CYNF_ACT_NEG: return -1;
    case CYNF_ACT_TANH_SHRINK: case CYNF_ACT_SQUAREPLUS: case CYNF_ACT_GELU: case CYNF_ACT_GELU_TANH: case CYNF_ACT_HARD_SILU: return y + fabs(x);
    case CYNF_ACT_SOFT_SHRINK: case CYNF_ACT_SPARSE_PLUS: case CYNF_ACT_SPARSE_SIGMOID: return 1 + fabs(x);
    case CYNF_ACT_GENERAL_RELU: return fabs(e->a) * (fabs(x) + fabs(e->b));
    case CYNF_ACT_AFFINE: case CYNF_ACT_HARD_SIGMOID: return fabs(e->a * x) + fabs(e->b);
    default: return y;
    }
}

#define ACTIVATION_ULPS 4

/** What cynf_algo says about algorithms whose roundings spread over a tile; 0 for the others. */
static double tile_error_of(const test_case *c, const cynf_kernel *k)
{
    double x = 0, w = 0;
    size_t count[4];
    if (!k->algo->error)
        return 0;
    for (size_t i = 0; i < c->extent[0]; i++)
        x = fmax(x, fabs((double)c->x[0][i]));
    if (c->p.op == CYNF_OP_CONV2D && c->p.u.conv2d.scaled) {
        const int last = c->inputs - 1;
        double s = 0;
        for (size_t i = 0; i < c->extent[last]; i++)
            s = fmax(s, fabs((double)c->x[last][i]));
        x *= s;
    }
    cynf_geometry_weights(c->p.op, &c->p.u, count);
    for (size_t i = 0; i < count[0]; i++)
        w = fmax(w, fabs((double)c->w[0][i]));
    const double roundings = k->algo->error(&c->p.u, k->tile);
    return roundings * (EPS * x * w + FLT_TRUE_MIN);
}

/** Widens [lo, hi] by the activation of x; NaN is reported, not kept. */
static void widen(double x, const cynf_epilogue *e, double *lo, double *hi, bool *nan)
{
    const double y = test_activate(x, e);
    *nan |= isnan(y);
    *lo = fmin(*lo, y);
    *hi = fmax(*hi, y);
}

/** Whether got is within the bound of element i; the bounds are returned for the message. */
static bool within(const test_case *c, double tile_error, size_t i, float got, double *lo, double *hi)
{
    const cynf_epilogue *e = epilogue(&c->p);
    const double acc = c->expect.acc[i], n = c->expect.terms;
    const double at = test_activate(acc, e);
    bool nan = isnan(at);
    *lo = *hi = at;
    if (isfinite(acc) && (n > 0 || tile_error > 0)) {
        /* The image of acc +- gamma(n) scale, to which comes the absolute error of results that underflow. */
        const double delta = tile_error + n * EPS / (1 - n * EPS) * c->expect.scale[i] + n * FLT_TRUE_MIN;
        for (int k = -4; k <= 4; k++)
            widen(acc + delta * k / 4, e, lo, hi, &nan);
        /* Where activations jump, bend or turn (the last four: minima of silu, mish and both gelus). */
        const double a = e->a, b = e->b, critical[] = {0, a, -a, b, e->c, 1, -1, 3, -3, -1.5, -1.27846454, -1.19243, -0.75179152, -0.75246142};
        for (size_t k = 0; k < sizeof critical / sizeof *critical; k++)
            if (fabs(acc - critical[k]) <= delta) {
                widen(critical[k], e, lo, hi, &nan);
                widen(nextafter(critical[k], INFINITY), e, lo, hi, &nan);
                widen(nextafter(critical[k], -INFINITY), e, lo, hi, &nan);
            }
        if (e->act == CYNF_ACT_SIN || e->act == CYNF_ACT_COS) { /* not monotonic at any scale */
            *lo -= delta;
            *hi += delta;
        }
    }
    if (isnan(got))
        return nan;
    const double magnitude = isfinite(acc) ? activation_magnitude(acc, e) : fabs(at);
    if (magnitude >= 0 && isfinite(magnitude)) {
        const double slack = ACTIVATION_ULPS * (2 * EPS * magnitude + FLT_TRUE_MIN * (isfinite(acc) ? 1 + fabs(acc) : 1));
        *lo -= slack;
        *hi += slack;
    }
    /* What exceeds float may be infinite. */
    *lo = *lo > FLT_MAX ? FLT_MAX : *lo < -FLT_MAX ? -INFINITY : *lo;
    *hi = *hi < -FLT_MAX ? -FLT_MAX : *hi > FLT_MAX ? INFINITY : *hi;
    return (double)got >= *lo && (double)got <= *hi;
}

typedef struct kernel_state {
    int covered, failures;
} kernel_state;

/** What the first exact kernel of a case gave, for those that come after it. */
typedef struct exact_bits {
    const cynf_kernel *first;
    float *y;
    uint64_t hash; /**< over all cases */
} exact_bits;

static bool same_bits(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

static void complain(kernel_state *st, const test_case *c, const cynf_kernel *k, const char *what)
{
    char text[1024];
    if (st->failures++ >= MAX_SHOWN)
        return;
    cynf_geometry_print(c->p.op, &c->p.u, text, sizeof text);
    printf("FAIL %s, case %d (%s): %s\n     %s\n", cynf_kernel_name(k), c->index, data_names[c->kind], what, text);
}

static void judge(kernel_state *st, const test_case *c, const cynf_kernel *k, const float *y)
{
    const double tile_error = tile_error_of(c, k);
    for (size_t i = 0; i < c->y_extent; i++) {
        char what[200];
        double lo, hi;
        uint32_t bits;
        memcpy(&bits, &y[i], sizeof bits);
        if (c->expect.scale[i] < 0) {
            if (bits == CANARY)
                continue;
            snprintf(what, sizeof what, "writes y[%zu], which is no output", i);
        } else if (bits == CANARY) {
            snprintf(what, sizeof what, "leaves y[%zu] unwritten", i);
        } else {
            if (within(c, tile_error, i, y[i], &lo, &hi))
                continue;
            snprintf(what, sizeof what, "y[%zu] = %.9g, not in [%.9g, %.9g]", i, (double)y[i], lo, hi);
        }
        complain(st, c, k, what);
        return;
    }
}

static void judge_exact(kernel_state *st, exact_bits *bits, const test_case *c, const cynf_kernel *k, const float *y)
{
    if (!bits->first) {
        bits->first = k;
        memcpy(bits->y, y, c->y_extent * sizeof *y);
        for (size_t i = 0; i < c->y_extent; i++) { /* FNV-1a */
            uint32_t word;
            memcpy(&word, &y[i], sizeof word);
            bits->hash = (bits->hash ^ (isnan(y[i]) ? CANARY : word)) * 0x100000001b3u;
        }
        return;
    }
    for (size_t i = 0; i < c->y_extent; i++)
        if (c->expect.scale[i] >= 0 && !same_bits(y[i], bits->y[i])) {
            char what[300];
            snprintf(what, sizeof what, "y[%zu] = %a, but both are exact and %s gives %a", i, (double)y[i], cynf_kernel_name(bits->first), (double)bits->y[i]);
            complain(st, c, k, what);
            return;
        }
}

static void test_kernel(kernel_state *st, exact_bits *bits, const test_case *c, const cynf_kernel *k)
{
    run whole, other;
    const char *what = run_case(&whole, c, k, true, false, -1);
    st->covered++;
    if (what) {
        complain(st, c, k, what);
        free_run(&whole);
        return;
    }
    const float *y = (const float *)(const void *)whole.y.data;
    judge(st, c, k, y);
    if (cynf_kernel_exact(k, &c->p.u))
        judge_exact(st, bits, c, k, y);
    what = run_case(&other, c, k, false, true, -1);
    if (!what && memcmp(whole.y.data, other.y.data, whole.y.bytes))
        what = "split units, thread ids or alignment change the result";
    if (what)
        complain(st, c, k, what);
    free_run(&other);
    const int alias = c->test->in_place ? c->test->in_place(&c->p.u) : -1;
    if (alias >= 0) {
        what = run_case(&other, c, k, true, false, alias);
        const float *in_place = (const float *)(const void *)other.y.data;
        for (size_t i = 0; !what && i < c->y_extent; i++)
            if (c->expect.scale[i] >= 0 && memcmp(&y[i], &in_place[i], sizeof *y))
                what = "in place the result is another";
        if (what)
            complain(st, c, k, what);
        free_run(&other);
    }
    free_run(&whole);
}

void kernel_test_run(const kernel_test *t, const test_options *o, test_totals *totals)
{
    const size_t n = cynf_kernels(t->op, NULL, 0);
    const cynf_kernel **kernels = allocate(n, sizeof *kernels);
    kernel_state *state = allocate(n, sizeof *state);
    int passed = 0, failed = 0, skipped = 0, runs = 0;
    exact_bits bits = {.hash = 0xcbf29ce484222325u};
    catch_faults();
    cynf_kernels(t->op, kernels, n);
    for (int i = 0; i < o->cases; i++) {
        test_case c;
        if (o->only_case >= 0 && i != o->only_case)
            continue;
        if (!make_case(&c, t, i, o->seed)) {
            failed++;
            continue;
        }
        bits.first = NULL;
        bits.y = allocate(c.y_extent, sizeof(float));
        for (size_t k = 0; k < n; k++) {
            if ((o->kernel && !strstr(cynf_kernel_name(kernels[k]), o->kernel)) || !cynf_kernel_supports(kernels[k], &c.p.u))
                continue;
            if (c.kind == NONFINITE && kernels[k]->algo->error) /* they spread */
                continue;
            test_kernel(&state[k], &bits, &c, kernels[k]);
            runs++;
        }
        free(bits.y);
        free_case(&c);
    }
    for (size_t k = 0; k < n; k++) {
        if (o->kernel && !strstr(cynf_kernel_name(kernels[k]), o->kernel))
            continue;
        if (!(cynf_cpu_isas() >> cynf_kernel_isa(kernels[k]) & 1)) {
            skipped++;
        } else if (!state[k].covered && o->only_case < 0) {
            printf("FAIL %s: not covered by any geometry\n", cynf_kernel_name(kernels[k]));
            failed++;
        } else if (state[k].failures) {
            printf("FAIL %s: %d failures\n", cynf_kernel_name(kernels[k]), state[k].failures);
            failed++;
        } else {
            passed++;
        }
    }
    printf("%s: %d kernels passed, %d failed, %d skipped (no such CPU, or masked), %d runs, exact bits %016llx\n", cynf_op_name(t->op), passed, failed, skipped, runs,
        (unsigned long long)bits.hash);
    totals->passed += passed;
    totals->failed += failed;
    totals->skipped += skipped;
    free(kernels);
    free(state);
}
