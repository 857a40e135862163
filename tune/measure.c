/* SPDX-License-Identifier: MIT */
/** One problem: which kernels are raced, with which operands, and what the plan says of each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/large.h"
#include "runtime/walk_program.h"
#include "tune/calibrate.h"
#include "tune/measure.h"
#include "tune/reference.h"

#define MAX_CANDIDATES 256
#define MAX_RACED 12
#define MIN_RACED 6 /* candidates that the cost model finds equal, of two instruction sets or of several algorithms, are in */
#define MODEL_MARGIN 1.6
#define ALGO_MARGIN 5.0 /* beyond it not even the cheapest of an algorithm is raced */
#define COPY_BYTES (256 << 20) /* of weights, over all candidates, unless --max-memory says less */

/** A kernel that is raced. */
typedef struct racer {
    const cynf_kernel *kernel;
    void *packed;          /**< copies, stride bytes apart */
    size_t stride;
    int copies, turn;
    double between, first_used; /* bytes of weights that the model's other layers read between two runs; what all had read when the first copy was used */
    cynf_call call;
    cynf_walk walk;
    double error;
} racer;

/** Everything that one race needs. */
typedef struct arena {
    cynf_measurer *m;
    float *x[CYNF_MAX_INPUTS], *y;
    void *workspace;
    racer r[MAX_CANDIDATES];
    int n;
    double read; /* bytes of weights, by all of them */
} arena;

static size_t round64(size_t n) { return (n + 63) / 64 * 64; }

static float *random_floats(size_t n, uint32_t seed)
{
    float *p = cynf_alloc_large(round64((n + !n) * sizeof(float)));
    for (size_t i = 0; p && i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
    return p;
}

/* A copy may be used again when as many bytes were read since as the model reads between two runs of a layer; those of other contestants count. */
static void run(void *ctx, int i)
{
    arena *a = ctx;
    racer *r = &a->r[i];
    r->turn = r->turn + 1 < r->copies && a->read - r->first_used < r->between ? r->turn + 1 : 0;
    if (r->turn == 0)
        r->first_used = a->read;
    a->read += (double)r->stride;
    r->walk.consts = (const char *)r->packed + (size_t)r->turn * r->stride;
    cynf_walk_run(&r->walk, a->m->pool, a->workspace, (const void *const *)a->x, (void *const *)&a->y, NULL);
}

/* Where too few copies are there for that, as of the largest layers, the weights of the other contestants are read, as far as the last cache reaches. */
static void cool(void *ctx, int i)
{
    arena *a = ctx;
    const racer *r = &a->r[i];
    if (r->turn + 1 < r->copies)
        return;
    double missing = fmin(r->between, 1.25 * (double)a->m->machine.cache_bytes[2]) - (a->read - r->first_used);
    for (int k = 1; k < a->n && missing > 0; k++) {
        const racer *other = &a->r[(i + k) % a->n];
        const double bytes = fmin(missing, (double)other->stride * other->copies);
        volatile float sink = a->m->timer.probe->read(other->packed, (size_t)bytes / 512 * 128);
        (void)sink;
        missing -= bytes;
        a->read += bytes;
    }
}

static void set_call(racer *r, const cynf_problem *p, const cynf_edge *edges)
{
    const void *g = &p->u;
    r->call = (cynf_call){.run = r->kernel->run, .geometry = g, .out = {CYNF_IN_OUTPUT, 0, 0}, .n_in = cynf_geometry_inputs(p->op, g),
        .packed_offset = 0, .workspace_offset = 0};
    cynf_call_units(&r->call, r->kernel, g);
    for (int i = 0; i < r->call.n_in; i++)
        r->call.in[i] = (cynf_ref){CYNF_IN_INPUT, i, 0};
    r->walk = (cynf_walk){.call = &r->call, .n_call = 1, .in = edges, .out = edges, .n_in = r->call.n_in, .n_out = 1};
}

/* Packs copies until one contestant's rotation alone evicts as much as all layers of the model do between two runs of it. */
static bool pack(arena *a, racer *r, const cynf_problem *p, const cynf_weights *raw, double raw_bytes, double budget)
{
    const size_t packed = cynf_kernel_packed_bytes(r->kernel, &p->u);
    r->stride = round64(packed + 64); /* an odd number of lines more often than not: copies do not share cache sets */
    const double model = raw_bytes > 0 ? (double)a->m->model_bytes * (double)packed / raw_bytes : 0;
    r->between = fmin(model, 2.0 * (double)a->m->machine.cache_bytes[2]);
    r->copies = packed ? (int)fmax(1, floor(fmin(r->between, budget) / (double)r->stride)) : 1;
    r->packed = aligned_alloc(64, r->stride * (size_t)r->copies);
    if (!r->packed)
        return false;
    if (packed)
        cynf_kernel_pack(r->kernel, &p->u, raw, r->packed);
    for (int i = 1; i < r->copies; i++)
        memcpy((char *)r->packed + (size_t)i * r->stride, r->packed, packed);
    return true;
}

static void measure_errors(arena *a, const cynf_problem *p, const cynf_weights *raw, const cynf_edge *edges)
{
    cynf_problem plain = *p;
    if (!cynf_reference_problem(&plain))
        return;
    for (int i = 0; i < a->n; i++) {
        set_call(&a->r[i], &plain, edges);
        run(a, i);
        a->r[i].error = cynf_reference_error(&plain, raw, a->x[0], a->y);
    }
}

static cJSON *candidate(cJSON *entry, const cynf_kernel *k)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(entry, "candidates"), k->name);
}

static void leave_out(cJSON *entry, const cynf_kernel *k, const char *format, double value, double limit)
{
    char text[160];
    snprintf(text, sizeof text, format, value, limit);
    cynf_plan_put(candidate(entry, k), "left_out", cJSON_CreateString(text));
}

/* How many are raced: where the last cache holds the whole model, fewer if it does not hold the weights of all, which would come from memory else. */
static int most_raced(const cynf_measurer *m, size_t packed)
{
    const double cache = 0.75 * (double)m->machine.cache_bytes[2];
    return (double)m->model_bytes > cache ? MAX_RACED : (int)fmin(MAX_RACED, fmax(MIN_RACED, cache / fmax(1, (double)packed)));
}

/* Which of the n candidates, cheapest first, are raced: those that stay are moved to the arena; the entry says why the others are not. */
static void select_racers(arena *a, const cynf_kernel *const *k, int n, const cynf_problem *p, cJSON *entry)
{
    const cynf_measurer *m = a->m;
    bool algo_applies = false;
    for (int i = 0; i < n; i++)
        algo_applies |= m->algo && !strcmp(k[i]->algo->name, m->algo);
    double cheapest = 0;
    for (int i = 0; i < n; i++) {
        const double cost = cynf_kernel_cost(k[i], &p->u, &m->machine);
        const double workspace = (double)cynf_kernel_workspace_bytes(k[i], &p->u, m->threads);
        bool first_of_algo = true;
        if (algo_applies && strcmp(k[i]->algo->name, m->algo)) {
            leave_out(entry, k[i], "not of the algorithm asked for", 0, 0);
            continue;
        }
        if (m->max_memory && workspace > (double)m->max_memory) {
            leave_out(entry, k[i], "needs %.0f bytes of workspace, allowed are %.0f", workspace, (double)m->max_memory);
            continue;
        }
        if (cheapest == 0)
            cheapest = cost;
        for (int j = 0; j < a->n; j++)
            first_of_algo &= a->r[j].kernel->algo != k[i]->algo;
        const double limit = first_of_algo ? ALGO_MARGIN : MODEL_MARGIN;
        if (m->effort != CYNF_EFFORT_PATIENT && cost > limit * cheapest)
            leave_out(entry, k[i], "modelled at %.2f x the cheapest, over %.1f", cost / cheapest, limit);
        else if (m->effort != CYNF_EFFORT_PATIENT && a->n >= most_raced(m, cynf_kernel_packed_bytes(k[i], &p->u)) && !first_of_algo)
            leave_out(entry, k[i], "%.0f cheaper ones are raced", a->n, 0);
        else
            a->r[a->n++].kernel = k[i];
    }
}

/* Two significant digits say all that there is to say of an error. */
static cJSON *error_number(double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.1e", fmin(v, 1e30));
    return cJSON_CreateNumber(strtod(text, NULL));
}

/* Those whose error is over the limit leave, but for the most exact one when all of them are. */
static void drop_inexact(arena *a, cJSON *entry)
{
    int kept = 0, most_exact = 0;
    for (int i = 0; i < a->n; i++)
        if (a->r[i].error < a->r[most_exact].error)
            most_exact = i;
    const bool none = a->r[most_exact].error > a->m->max_error;
    for (int i = 0; i < a->n; i++) {
        cynf_plan_put(candidate(entry, a->r[i].kernel), "error", error_number(a->r[i].error));
        if (a->r[i].error <= a->m->max_error || (none && i == most_exact)) {
            a->r[kept++] = a->r[i];
        } else {
            leave_out(entry, a->r[i].kernel, "error %.1e is over %.1e", a->r[i].error, a->m->max_error);
            free(a->r[i].packed);
        }
    }
    a->n = kept;
}

static bool race(arena *a, const cynf_problem *p, const cynf_weights *raw, cJSON *entry)
{
    cynf_measurer *m = a->m;
    const cynf_edge edges[CYNF_MAX_INPUTS] = {{.dtype = CYNF_F32}, {.dtype = CYNF_F32}, {.dtype = CYNF_F32}};
    const double budget = (m->max_memory ? fmin((double)m->max_memory, COPY_BYTES) : COPY_BYTES) / a->n;
    size_t weights[4], workspace = 64;
    cynf_geometry_weights(p->op, &p->u, weights);
    const double raw_bytes = (double)(weights[0] + weights[1] + weights[2] + weights[3]) * sizeof(float);
    bool good = (a->y = random_floats(cynf_geometry_extent(p->op, &p->u, -1), 9)) != NULL;
    for (int i = 0; i < cynf_geometry_inputs(p->op, &p->u); i++)
        good = good && (a->x[i] = random_floats(cynf_geometry_extent(p->op, &p->u, i), (uint32_t)i + 1));
    for (int i = 0; i < a->n && good; i++) {
        const size_t bytes = cynf_kernel_workspace_bytes(a->r[i].kernel, &p->u, m->threads);
        workspace = bytes > workspace ? bytes : workspace;
        good = pack(a, &a->r[i], p, raw, raw_bytes, budget);
    }
    a->workspace = good ? cynf_alloc_large(round64(workspace)) : NULL;
    cynf_contestant *c = a->workspace ? calloc((size_t)a->n, sizeof *c) : NULL;
    if (!c)
        return false;
    memset(a->workspace, 0, round64(workspace));
    measure_errors(a, p, raw, edges);
    drop_inexact(a, entry);
    for (int i = 0; i < a->n; i++)
        set_call(&a->r[i], p, edges);
    const int winner = cynf_race(&m->timer, a->n, run, cool, a, CYNF_RACE_SAMPLES, m->deadline, c);
    for (int i = 0; i < a->n; i++) {
        cJSON *item = candidate(entry, a->r[i].kernel);
        cynf_plan_put(item, "median_us", cynf_plan_number(fmax(c[i].median * 1e6, 1e-3), 3));
        cynf_plan_put(item, "min_us", cynf_plan_number(fmax(c[i].min * 1e6, 1e-3), 3));
        cynf_plan_put(item, "spread", cynf_plan_number(c[i].spread, 3));
        cynf_plan_put(item, "share", cynf_plan_number(cynf_kernel_limit(a->r[i].kernel, p, &m->machine, m->threads) / c[i].median, 3));
    }
    cynf_plan_put(entry, "kernel", cJSON_CreateString(a->r[winner].kernel->name));
    free(c);
    return true;
}

/* What the cost model says of the winner, against the kernel that it would take if it were free to. */
static void price_exactness(const cynf_measurer *m, const cynf_problem *p, cJSON *entry)
{
    const cynf_kernel *winner = cynf_kernel_find(cJSON_GetObjectItemCaseSensitive(entry, "kernel")->valuestring), *any = cynf_auto(p->op, &p->u, &m->machine);
    cynf_plan_put(entry, "exact_cost", cynf_plan_number(cynf_kernel_cost(winner, &p->u, &m->machine) / cynf_kernel_cost(any, &p->u, &m->machine), 3));
    cynf_plan_put(entry, "unrestricted", cJSON_CreateString(any->name));
}

cJSON *cynf_measure_problem(cynf_measurer *m, const cynf_problem *p, const cynf_weights *raw)
{
    const cynf_kernel *k[MAX_CANDIDATES];
    const size_t all = (m->exact ? cynf_exact_candidates : cynf_candidates)(p->op, &p->u, &m->machine, k, MAX_CANDIDATES);
    const int n = (int)(all < MAX_CANDIDATES ? all : MAX_CANDIDATES);
    cJSON *entry = cJSON_CreateObject(), *candidates = cJSON_AddObjectToObject(entry, "candidates");
    arena *a = calloc(1, sizeof *a);
    bool good = n > 0 && candidates && a;
    if (good) {
        a->m = m;
        const char *limit;
        cynf_plan_put(entry, "bound_us", cynf_plan_number(1e6 * cynf_roofline(p, &m->machine, m->threads, &limit), 3));
        cynf_plan_put(entry, "bound_by", cJSON_CreateString(limit));
        for (int i = 0; i < n; i++)
            cJSON_AddItemToObject(cJSON_AddObjectToObject(candidates, k[i]->name), "modelled_us",
                cynf_plan_number(1e6 * cynf_kernel_cost(k[i], &p->u, &m->machine), 3));
        select_racers(a, k, n, p, entry);
        /* --max-memory may forbid all of them; whether the program then still fits is seen when it is built. */
        cynf_plan_put(entry, "kernel", cJSON_CreateString(a->n ? a->r[0].kernel->name : k[0]->name));
        if (a->n && m->effort != CYNF_EFFORT_ESTIMATE && cynf_now() < m->deadline)
            good = race(a, p, raw, entry);
        if (m->exact)
            price_exactness(m, p, entry);
    }
    if (a) {
        for (int i = 0; i < a->n; i++)
            free(a->r[i].packed);
        for (int i = 0; i < CYNF_MAX_INPUTS; i++)
            free(a->x[i]);
        free(a->y);
        free(a->workspace);
        free(a);
    }
    if (!good)
        cJSON_Delete(entry);
    return good ? entry : NULL;
}
