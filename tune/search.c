/* SPDX-License-Identifier: MIT */
/** The search: problems of all variants of the program, their races, the finals in the whole model, the plan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/large.h"
#include "runtime/walk_program.h"
#include "tune/calibrate.h"
#include "tune/journal.h"
#include "tune/layouts.h"
#include "tune/search.h"

#define PROBLEM_SHARE 0.8        /* of the time limit and of the progress bar: problems; the rest: finals */
#define PROBLEM_SECONDS 2        /* at most, a race of kernels, and a tenth of that at least; a patient one: fifteen times as long */
#define ALL_PROBLEMS_SECONDS 75  /* of races of kernels that are not patient, about */
#define FINAL_SECONDS 10.0       /* at most, a race of whole models; half of it: profiles of some */
#define SMALL_SECONDS 2e-4       /* models that one thread may run faster than several */
#define PROFILE_ROUNDS 20
#define RUNNER_UP 1.15           /* slower ones are not tried again in the whole model */

/** One distinct problem; two layers may share it. */
typedef struct entry {
    char *signature;
    const char *layer; /**< the first that has it */
    cynf_problem problem;
    cynf_weights raw;
    double modelled;
} entry;

typedef struct search {
    const cynf_graph *g;
    const cynf_tune_options *o;
    cynf_measurer m;
    void *pool_memory;
    cJSON *plan, *kernels; /**< kernels: of this machine, in plan */
    cynf_journal *journal;
    entry *problem;
    int n_problem, cap_problem;
    double start;
    char *why;
    size_t cap;
    char warning[512];
} search;

/** What makes one program of the graph. */
typedef struct variant {
    int8_t *fuse;               /**< per node: 0, 1, -1 */
    int16_t *block;             /**< per tensor: 0, channels, -1 */
    int16_t *bands;             /**< per node: cynf_decisions.bands */
    const cynf_kernel **kernel; /**< per node: chosen before all else, or NULL */
    bool modelled;              /**< kernels by the cost model alone */
    bool serial;                /**< cynf_decisions.serial */
    cynf_program *program;
} variant;

cynf_tune_options cynf_tune_default_options(void)
{
    return (cynf_tune_options){.effort = CYNF_EFFORT_MEASURE, .threads = 1, .max_error = 1e-5};
}

static void show(const search *s, double fraction, const char *what)
{
    if (s->o->progress)
        s->o->progress(s->o->progress_ctx, fraction, what);
}

static double end_of(const search *s, double share)
{
    return s->o->time_limit > 0 ? s->start + share * s->o->time_limit : INFINITY;
}

/* ---- programs ---- */

static void variant_free(variant *v)
{
    free(v->fuse);
    free(v->block);
    free(v->bands);
    free(v->kernel);
    cynf_program_free(&v->program);
}

static bool variant_init(variant *v, const cynf_graph *g, int8_t fuse, int16_t layout)
{
    const size_t nodes = (size_t)g->n_node + 1, tensors = (size_t)g->n_t + 1;
    *v = (variant){.fuse = malloc(nodes), .block = malloc(tensors * sizeof(int16_t)), .bands = calloc(nodes, sizeof(int16_t)), .kernel = calloc(nodes, sizeof(cynf_kernel *))};
    if (!v->fuse || !v->block || !v->bands || !v->kernel)
        return false;
    memset(v->fuse, fuse, nodes);
    for (size_t i = 0; i < tensors; i++)
        v->block[i] = layout;
    return true;
}

/* v takes over the fusions of another one, its layouts and kernels. */
static void variant_follow(variant *v, const cynf_graph *g, const variant *of)
{
    memcpy(v->fuse, of->fuse, (size_t)g->n_node);
    memcpy(v->block, of->block, (size_t)g->n_t * sizeof *v->block);
    memcpy(v->kernel, of->kernel, (size_t)g->n_node * sizeof *v->kernel);
    v->modelled = of->modelled;
}

typedef struct chooser {
    const search *s;
    const variant *v;
} chooser;

static const cJSON *entry_of(const search *s, const cynf_problem *p)
{
    char signature[CYNF_SIGNATURE_CAP];
    return cJSON_GetObjectItemCaseSensitive(s->kernels, cynf_problem_signature(p, s->o->threads, signature, sizeof signature));
}

static const cynf_kernel *winner_of(const cJSON *e)
{
    return e ? cynf_kernel_find(cJSON_GetObjectItemCaseSensitive(e, "kernel")->valuestring) : NULL;
}

static const cynf_kernel *choose(void *ctx, const cynf_problem *p, int32_t node)
{
    const chooser *c = ctx;
    const cynf_kernel *k = node >= 0 ? c->v->kernel[node] : NULL;
    return k && k->algo->op == p->op && cynf_kernel_supports(k, &p->u) ? k : winner_of(entry_of(c->s, p));
}

/* max_memory 0: any; then no chain is computed in bands but by v's bands, and calls are those of whole nodes. */
static cynf_status build_within(search *s, variant *v, int64_t max_memory)
{
    const cynf_decisions d = {s->g->n_node, s->g->n_t, v->fuse, v->block, v->bands, v->serial};
    chooser c = {s, v};
    const cynf_build_options o = {.threads = s->o->threads, .choose = v->modelled ? NULL : choose, .choose_ctx = &c, .decisions = &d,
        .max_arena_bytes = max_memory, .math = s->g->math};
    cynf_program_free(&v->program);
    return cynf_program_build(&v->program, s->g, &o, s->why, s->cap);
}

static cynf_status build(search *s, variant *v) { return build_within(s, v, s->o->max_memory); }

/* A layout that is not the default may need more memory than allowed, or have no kernel for some operation. */
static bool unfit(const search *s, cynf_status status)
{
    return status == CYNF_EUNSUPPORTED || (status == CYNF_ENOMEM && s->o->max_memory);
}

static bool same_program(const cynf_program *a, const cynf_program *b)
{
    bool same = a->n_step == b->n_step;
    for (int i = 0; i < a->n_step && same; i++) {
        const cynf_step *x = &a->step[i], *y = &b->step[i];
        same = x->kernel == y->kernel && !memcmp(&x->problem.u, &y->problem.u, cynf_geometry_bytes(x->problem.op));
    }
    return same;
}

static bool tunable(const cynf_step *s) { return s->problem.op <= CYNF_OP_FC || s->problem.op == CYNF_OP_RNN; }

/* The node before its own that a fused step computes too. */
static int32_t first_of(const search *s, const cynf_step *step)
{
    return s->g->t[s->g->node[step->node].in[0]].producer;
}

/* ---- problems ---- */

static bool add_problems(search *s, const cynf_program *p)
{
    for (int i = 0; i < p->n_step; i++) {
        const cynf_step *step = &p->step[i];
        char signature[CYNF_SIGNATURE_CAP];
        bool known = !tunable(step);
        if (!known)
            cynf_problem_signature(&step->problem, s->o->threads, signature, sizeof signature);
        for (int k = 0; k < s->n_problem && !known; k++)
            known = !strcmp(s->problem[k].signature, signature);
        if (known)
            continue;
        if (s->n_problem == s->cap_problem) {
            entry *grown = realloc(s->problem, (size_t)(s->cap_problem = 2 * s->cap_problem + 32) * sizeof *grown);
            if (!grown)
                return false;
            s->problem = grown;
        }
        const cynf_kernel *k = cynf_auto(step->problem.op, &step->problem.u, &s->m.machine);
        entry *e = &s->problem[s->n_problem];
        *e = (entry){strdup(signature), step->name, step->problem, step->raw, k ? cynf_kernel_cost(k, &step->problem.u, &s->m.machine) : 0};
        if (!e->signature)
            return false;
        s->n_problem++;
    }
    return true;
}

static int costlier(const void *a, const void *b)
{
    const double x = ((const entry *)a)->modelled, y = ((const entry *)b)->modelled;
    return (x < y) - (x > y);
}

/* from, to: of the progress bar, and of the time limit. */
static cynf_status measure_all(search *s, double from, double to)
{
    /* The costly ones first: should the time run out, the least is lost. */
    qsort(s->problem, (size_t)s->n_problem, sizeof *s->problem, costlier);
    double total = 0, done = 0;
    for (int i = 0; i < s->n_problem; i++)
        total += sqrt(s->problem[i].modelled);
    for (int i = 0; i < s->n_problem; i++) {
        const entry *e = &s->problem[i];
        done += sqrt(e->modelled);
        if (cJSON_GetObjectItemCaseSensitive(s->kernels, e->signature))
            continue;
        show(s, total > 0 ? from + (to - from) * (done - sqrt(e->modelled)) / total : from, e->layer ? e->layer : "");
        const double share = ALL_PROBLEMS_SECONDS * sqrt(e->modelled) / total;
        const double allowed = s->o->effort == CYNF_EFFORT_PATIENT ? 15 * PROBLEM_SECONDS : fmin(PROBLEM_SECONDS, fmax(PROBLEM_SECONDS * 0.1, share));
        s->m.deadline = fmin(end_of(s, to), cynf_now() + allowed);
        cJSON *found = cynf_measure_problem(&s->m, &e->problem, &e->raw);
        if (!found) {
            snprintf(s->why, s->cap, "layer \"%s\": out of memory while its kernels were measured", e->layer ? e->layer : "?");
            return CYNF_ENOMEM;
        }
        cJSON_AddItemToObject(s->kernels, e->signature, found);
        if (s->journal && !cynf_journal_add(s->journal, e->signature, found)) {
            snprintf(s->warning, sizeof s->warning, "the journal cannot be written any more; the disk may be full");
            cynf_journal_close(&s->journal, false);
        }
    }
    return CYNF_OK;
}

/* Seconds of the winner (place 0) or of the fastest other candidate (place 1, with its kernel); modelled where nothing was measured. */
static double seconds_of(const cJSON *e, int place, const cynf_kernel **kernel)
{
    double best = INFINITY;
    const cJSON *c;
    *kernel = NULL;
    if (!e) /* of a variant that did not fit into the memory allowed */
        return best;
    const char *winner = cJSON_GetObjectItemCaseSensitive(e, "kernel")->valuestring;
    cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(e, "candidates"))
    {
        const cJSON *us = cJSON_GetObjectItemCaseSensitive(c, "median_us");
        if (!us && !place)
            us = cJSON_GetObjectItemCaseSensitive(c, "modelled_us");
        if (!us || !strcmp(c->string, winner) != !place || us->valuedouble >= best || cJSON_GetObjectItemCaseSensitive(c, "left_out"))
            continue;
        best = us->valuedouble;
        *kernel = cynf_kernel_find(c->string);
    }
    return best * 1e-6;
}

/* ---- whole models ---- */


/** Programs of one graph that run in turns. They share the threads: idle ones of another program would take the cores away. */
typedef struct stable {
    cynf_walk **walk;
    void **memory; /**< per walk, then of the pool */
    void **x, **y;
    int n;
    cynf_thread_pool *pool;
    uint64_t denormals;
} stable;

static void run_program(void *ctx, int i)
{
    const stable *b = ctx;
    cynf_walk_run(b->walk[i], b->pool, b->memory[i], (const void *const *)b->x, b->y, NULL);
}

static void stable_free(stable *b)
{
    const cynf_walk *w = b->walk ? b->walk[0] : NULL;
    if (b->pool)
        cynf_pool_destroy(&b->pool);
    for (int i = 0; w && b->x && i < w->n_in; i++)
        free(b->x[i]);
    for (int i = 0; w && b->y && i < w->n_out; i++)
        free(b->y[i]);
    cynf_denormals_restore(b->denormals);
    for (int i = 0; i <= b->n && b->memory; i++)
        free(b->memory[i]);
    for (int i = 0; i < b->n && b->walk; i++)
        cynf_walk_free(&b->walk[i]);
    free(b->walk);
    free(b->memory);
    free(b->x);
    free(b->y);
}

static bool stable_init(stable *b, const cynf_entrant *e, int n, int32_t threads)
{
    const cynf_graph *g = e[0].program->graph;
    *b = (stable){calloc((size_t)n, sizeof(cynf_walk *)), calloc((size_t)n + 1, sizeof(void *)), calloc((size_t)g->n_in + 1, sizeof(void *)),
        calloc((size_t)g->n_out + 1, sizeof(void *)), n, NULL, cynf_denormals_flush()};
    bool good = b->walk && b->memory && b->x && b->y;
    for (int i = 0; i < n && good; i++) {
        good = cynf_walk_of_program(&b->walk[i], e[i].program) == CYNF_OK;
        const size_t bytes = good ? CYNF_ROUND_UP(cynf_walk_bytes(b->walk[i], 1), 64) : 0;
        good = good && (b->memory[i] = cynf_alloc_large(bytes));
        if (good)
            memset(b->memory[i], 0, bytes);
    }
    for (int i = 0; i < g->n_in && good; i++) {
        const cynf_edge *edge = &b->walk[0]->in[i];
        good = (b->x[i] = calloc(1, edge->elems * cynf_dtype_bytes(edge->dtype) + 64)) != NULL;
        uint32_t seed = 1;
        for (size_t k = 0; k < edge->elems && good && edge->dtype == CYNF_F32; k++) {
            seed = seed * 1664525u + 1013904223u;
            ((float *)b->x[i])[k] = (float)(seed >> 8) * 0x1p-24f;
        }
    }
    for (int i = 0; i < g->n_out && good; i++)
        good = (b->y[i] = malloc(b->walk[0]->out[i].elems * cynf_dtype_bytes(b->walk[0]->out[i].dtype) + 64)) != NULL;
    if (good && threads > 1)
        good = (b->memory[n] = aligned_alloc(64, CYNF_ROUND_UP(cynf_pool_bytes(threads), 64))) &&
            cynf_pool_create_in(&b->pool, threads, b->memory[n]) == CYNF_OK;
    return good;
}

int cynf_race_programs(cynf_timer *t, cynf_entrant *e, int n, int32_t threads, double deadline)
{
    stable b;
    cynf_contestant *c = calloc((size_t)n, sizeof *c);
    int winner = -1;
    if (stable_init(&b, e, n, threads) && c) {
        winner = cynf_race(t, n, run_program, NULL, &b, CYNF_RACE_SAMPLES, deadline, c);
        for (int i = 0; i < n; i++)
            e[i].result = c[i];
    }
    stable_free(&b);
    free(c);
    return winner;
}

/* Sets fuse of v, whose tensors are all of one layout, pair by pair by what was measured. */
static cynf_status mix_fusions(search *s, variant *v, int16_t layout)
{
    variant apart, fused;
    const cynf_kernel *k;
    double *alone = calloc((size_t)s->g->n_node + 1, sizeof *alone);
    bool made = variant_init(&apart, s->g, 0, layout);
    made = variant_init(&fused, s->g, 1, layout) && made; /* both, as both are freed */
    cynf_status status = made && alone ? CYNF_OK : CYNF_ENOMEM;
    if (!status && !(status = build_within(s, &apart, 0)) && !(status = build_within(s, &fused, 0))) {
        for (int i = 0; i < apart.program->n_step; i++)
            if (tunable(&apart.program->step[i]))
                alone[apart.program->step[i].node] += seconds_of(entry_of(s, &apart.program->step[i].problem), 0, &k);
        for (int i = 0; i < fused.program->n_step; i++) {
            const cynf_step *step = &fused.program->step[i];
            if (cynf_step_fused(step)) {
                const int32_t first = first_of(s, step);
                v->fuse[first] = seconds_of(entry_of(s, &step->problem), 0, &k) < alone[first] + alone[step->node];
            }
        }
    }
    variant_free(&apart);
    variant_free(&fused);
    free(alone);
    return status;
}

/* The least seconds of each step of n programs, which run in turns, until share of the time limit is over at most; seconds[i] has room for those of program i. */
static bool profile(search *s, const cynf_entrant *e, int n, double share, double *const *seconds)
{
    stable b;
    int most = 0;
    for (int i = 0; i < n; i++)
        most = e[i].program->n_step > most ? e[i].program->n_step : most;
    double *now = calloc((size_t)most + 1, sizeof *now);
    const bool good = stable_init(&b, e, n, s->o->threads) && now;
    const double deadline = fmin(end_of(s, share), cynf_now() + FINAL_SECONDS / 2);
    for (int round = 0; round < PROFILE_ROUNDS && good && (!round || cynf_now() < deadline); round++)
        for (int i = 0; i < n; i++) {
            memset(now, 0, (size_t)most * sizeof *now);
            cynf_walk_run(b.walk[i], b.pool, b.memory[i], (const void *const *)b.x, b.y, now);
            for (int k = 0; k < e[i].program->n_step; k++)
                seconds[i][k] = round ? fmin(seconds[i][k], now[k]) : now[k];
        }
    stable_free(&b);
    free(now);
    return good;
}

/*
 * Layouts tensor by tensor: mixed is made of n variants, each of one layout. What is new between two layouts is measured as all else is. False: nothing is to be gained,
 * or *status says why not.
 */
static bool mix_layouts(search *s, const variant *v, int n, variant *mixed, cynf_status *status)
{
    enum { MAX = 8 };
    cynf_entrant e[MAX] = {{0}};
    cynf_timed_program timed[MAX];
    double *seconds[MAX] = {NULL};
    int8_t *like = calloc((size_t)s->g->n_node + 1, 1);
    bool good = like != NULL;
    for (int i = 0; i < n && good; i++) {
        e[i].program = v[i].program;
        good = (seconds[i] = calloc((size_t)v[i].program->n_step + 1, sizeof *seconds[i])) != NULL;
        timed[i] = (cynf_timed_program){v[i].program, seconds[i]};
    }
    const double gain = good && profile(s, e, n, 0.85, seconds) ? cynf_mix_layouts(s->g, timed, n, mixed->block, like) : -1;
    if (gain > 0) {
        for (int32_t j = 0; j < s->g->n_node; j++)
            mixed->fuse[j] = v[like[j]].fuse[j];
        if (!(*status = build_within(s, mixed, 0)))
            *status = !add_problems(s, mixed->program) ? CYNF_ENOMEM : measure_all(s, PROBLEM_SHARE, 0.9);
        if (!*status)
            *status = build(s, mixed);
        if (unfit(s, *status))
            *status = CYNF_OK;
    } else if (gain < 0) {
        *status = CYNF_ENOMEM;
    }
    for (int i = 0; i < n; i++)
        free(seconds[i]);
    free(like);
    return gain > 0 && !*status && mixed->program;
}

/* Where the runner-up of a step is faster than the winner inside the model, retried takes it. Returns how many steps change. */
static int try_runners_up(search *s, const variant *v, variant *retried)
{
    const cynf_program *p = v->program;
    variant other;
    const cynf_kernel *k;
    int changes = 0;
    double *seconds = calloc(2 * (size_t)p->n_step + 1, sizeof *seconds);
    if (!variant_init(&other, s->g, 0, -1) || !seconds)
        goto out;
    variant_follow(&other, s->g, v);
    variant_follow(retried, s->g, v);
    for (int i = 0; i < p->n_step; i++) {
        const cJSON *e = tunable(&p->step[i]) ? entry_of(s, &p->step[i].problem) : NULL;
        if (e && seconds_of(e, 1, &k) < RUNNER_UP * seconds_of(e, 0, &(const cynf_kernel *){NULL}) && k)
            other.kernel[p->step[i].node] = k;
    }
    if (build(s, &other) || !profile(s, (const cynf_entrant[]){{.program = p}, {.program = other.program}}, 2, 0.9, (double *const[]){seconds, seconds + p->n_step}))
        goto out;
    for (int i = 0; i < p->n_step; i++)
        if (other.program->step[i].kernel != p->step[i].kernel && seconds[p->n_step + i] < 0.97 * seconds[i]) {
            retried->kernel[p->step[i].node] = other.program->step[i].kernel;
            changes++;
        }
out:
    variant_free(&other);
    free(seconds);
    return changes;
}

static double modelled_seconds(const search *s, const cynf_program *p)
{
    double sum = 0;
    for (int i = 0; i < p->n_step; i++)
        sum += cynf_kernel_cost(p->step[i].kernel, &p->step[i].problem.u, &s->m.machine);
    return sum;
}

/* What it costs that the graph is exact: the program p of it against the un-tuned one of all kernels. */
static cynf_status price_exactness(search *s, const cynf_program *p, cynf_tune_result *result)
{
    const cynf_graph *const own = s->g;
    cynf_graph free_of_it = *own;
    variant v;
    free_of_it.exact = false;
    cynf_status status = variant_init(&v, own, -1, -1) ? CYNF_OK : CYNF_ENOMEM;
    v.modelled = true;
    s->g = &free_of_it;
    if (!status && !(status = build(s, &v))) {
        result->exact_cost = modelled_seconds(s, p) / modelled_seconds(s, v.program);
        cynf_entrant e[2] = {{.program = p}, {.program = v.program}};
        if (s->o->effort != CYNF_EFFORT_ESTIMATE && cynf_now() < end_of(s, 1)) {
            show(s, 0.95, "what exactness costs");
            status = cynf_race_programs(&s->m.timer, e, 2, s->o->threads, fmin(end_of(s, 1), cynf_now() + FINAL_SECONDS)) < 0 ? CYNF_ENOMEM : CYNF_OK;
            if (!status && e[1].result.median > 0)
                result->exact_cost = e[0].result.median / e[1].result.median;
        }
    }
    s->g = own;
    variant_free(&v);
    return unfit(s, status) ? CYNF_OK : status;
}

/* ---- the plan's record of the model ---- */

static cJSON *node_record(cJSON *nodes, const cynf_graph *g, int32_t node)
{
    cJSON *r;
    cJSON_ArrayForEach(r, nodes)
        if (cJSON_GetObjectItemCaseSensitive(r, "node")->valueint == node)
            return r;
    r = cJSON_CreateObject();
    cJSON_AddNumberToObject(r, "node", node);
    cJSON_AddStringToObject(r, "layer", g->node[node].name ? g->node[node].name : "");
    cJSON_AddItemToArray(nodes, r);
    return r;
}

static void record_model(search *s, cJSON *models, const variant *v, const cynf_tune_result *result)
{
    const cynf_graph *g = s->g;
    char key[96];
    cJSON *model = cJSON_CreateObject(), *nodes = cJSON_AddArrayToObject(model, "nodes");
    cJSON_AddStringToObject(model, "name", g->name ? g->name : "");
    cJSON_AddItemToObject(model, "default_us", cynf_plan_number(1e6 * result->default_seconds, 3));
    if (result->exact_cost > 0)
        cJSON_AddItemToObject(model, "exact_cost", cynf_plan_number(result->exact_cost, 3));
    cJSON_AddItemToObject(model, "spread", cynf_plan_number(result->spread, 3));
    cJSON_AddItemToObject(model, "tuned_us", cynf_plan_number(1e6 * result->tuned_seconds, 3));
    if (v->serial)
        cJSON_AddTrueToObject(model, "serial");
    for (int i = 0; i < g->n_node; i++) {
        if (g->node[i].dead)
            continue;
        if (v->block[g->node[i].out] >= 0 && g->t[g->node[i].out].shape.rank == 4) {
            cJSON *r = node_record(nodes, g, i);
            cJSON_AddNumberToObject(r, "tensor", g->node[i].out);
            cJSON_AddNumberToObject(r, "block", v->block[g->node[i].out]);
        }
        const int32_t before = g->node[i].op == CYNF_N_RNN ? g->t[g->node[i].in[0]].producer : -1;
        if (g->node[i].op == CYNF_N_DWCONV2D)
            cJSON_AddNumberToObject(node_record(nodes, g, i), "fuse", 0);
        else if (before >= 0 && g->node[before].op == CYNF_N_FC)
            cynf_plan_put(node_record(nodes, g, before), "fuse", cJSON_CreateNumber(0));
    }
    for (int i = 0; i < v->program->n_step; i++) {
        const cynf_step *step = &v->program->step[i];
        if (step->part)
            cynf_plan_put(node_record(nodes, g, step->node), "bands", cJSON_CreateNumber(fmax(0, v->program->bands[step->node])));
        if (!tunable(step))
            continue;
        if (cynf_step_fused(step))
            cynf_plan_put(node_record(nodes, g, first_of(s, step)), "fuse", cJSON_CreateNumber(1));
        if (step->part ? v->kernel[step->node] != NULL : step->kernel != winner_of(entry_of(s, &step->problem)))
            cynf_plan_put(node_record(nodes, g, step->node), "kernel", cJSON_CreateString(step->kernel->name));
    }
    cynf_plan_put(models, cynf_plan_model_key(g, s->o->threads, key, sizeof key), model);
}

/* ---- all of it ---- */

/* The variants order[0 ... n) once more, the first of them the incumbent; their results go to e. Returns the number of the winner, or winner where there was no race. */
static int race_again(search *s, const variant *v, cynf_entrant *e, const int *order, int n, int winner)
{
    cynf_entrant last[3] = {{0}};
    for (int i = 0; i < n; i++)
        last[i].program = v[order[i]].program;
    const int w = cynf_race_programs(&s->m.timer, last, n, s->o->threads, fmin(end_of(s, 1), cynf_now() + FINAL_SECONDS));
    for (int i = 0; i < n && w >= 0; i++)
        e[order[i]].result = last[i].result;
    return w >= 0 ? order[w] : winner;
}

/* The last node of the chain that node j belongs to, or -1. */
static int32_t chain_end(const cynf_graph *g, const int16_t *bands, int32_t j)
{
    while (bands[j] < 0) {
        int32_t k = j + 1;
        while (k < g->n_node && (g->node[k].dead || g->node[k].in[0] != g->node[j].out))
            k++;
        if (k == g->n_node)
            return -1;
        j = k;
    }
    return bands[j] ? j : -1;
}

/* The chains of v whose steps take less time in bands of rows; banded computes them so. False: there are none. */
static bool make_banded(search *s, const variant *v, variant *banded)
{
    const cynf_graph *g = s->g;
    if (cynf_program_bands(g, &s->m.machine, 0, banded->bands))
        return false;
    variant_follow(banded, g, v);
    if (build(s, banded) || banded->program->n_step == v->program->n_step)
        return false;
    const cynf_program *const p[2] = {v->program, banded->program};
    double *const room = calloc((size_t)(p[0]->n_step + p[1]->n_step + 2 * g->n_node) + 1, sizeof *room);
    double *const seconds[2] = {room, room + p[0]->n_step}, *const chain[2] = {room + p[0]->n_step + p[1]->n_step, room + p[0]->n_step + p[1]->n_step + g->n_node};
    bool any = false;
    if (room && profile(s, (const cynf_entrant[]){{.program = p[0]}, {.program = p[1]}}, 2, 0.97, seconds)) {
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < p[i]->n_step; k++) {
                const int32_t node = p[i]->step[k].node, end = node >= 0 ? chain_end(g, banded->bands, node) : -1;
                if (end >= 0)
                    chain[i][end] += seconds[i][k];
            }
        for (int32_t j = 0; j < g->n_node; j++)
            if (banded->bands[j]) {
                const int32_t end = chain_end(g, banded->bands, j);
                if (end >= 0 && chain[1][end] < 0.97 * chain[0][end])
                    any = true;
                else
                    banded->bands[j] = 0;
            }
    }
    free(room);
    return any && !build(s, banded);
}

/* v on the caller's thread alone, which is faster where layers are too small to be shared. */
static cynf_status make_serial(search *s, const variant *v, variant *serial)
{
    variant_follow(serial, s->g, v);
    memcpy(serial->bands, v->bands, (size_t)s->g->n_node * sizeof *v->bands);
    serial->serial = true;
    return build(s, serial);
}

/* The un-tuned program is the incumbent, except where --algo forbids it. */
static cynf_status finals(search *s, cJSON *models, const int16_t *layouts, int n_layouts, cynf_tune_result *result)
{
    enum { DEFAULT, FIRST, MAX = 9 };
    variant v[MAX];
    cynf_entrant e[MAX] = {{0}};
    int n = 0, winner = FIRST;
    const bool measured = s->o->effort != CYNF_EFFORT_ESTIMATE;
    cynf_status status = variant_init(&v[n++], s->g, -1, -1) ? CYNF_OK : CYNF_ENOMEM;
    v[DEFAULT].modelled = true;
    if (!status)
        status = build(s, &v[DEFAULT]);
    for (int i = 0; i < n_layouts && !status; i++) {
        variant *next = &v[n++];
        status = variant_init(next, s->g, s->o->algo ? 0 : -1, layouts[i]) ? CYNF_OK : CYNF_ENOMEM;
        if (!status && (s->o->algo || !(status = mix_fusions(s, next, layouts[i]))))
            status = build(s, next);
        bool drop = unfit(s, status);
        for (int k = FIRST; k < n - 1 && !status; k++)
            drop |= same_program(v[k].program, next->program);
        if (drop) {
            variant_free(&v[--n]);
            status = CYNF_OK;
        }
    }
    if (n == FIRST) {
        winner = DEFAULT;
    } else if (!status && measured) {
        for (int i = 0; i < n; i++)
            e[i].program = v[i].program;
        const int from = s->o->algo ? FIRST : DEFAULT;
        show(s, PROBLEM_SHARE, "whole model");
        winner = cynf_race_programs(&s->m.timer, e + from, n - from, s->o->threads, fmin(end_of(s, 0.9), cynf_now() + FINAL_SECONDS));
        status = winner < 0 ? CYNF_ENOMEM : CYNF_OK;
        winner += from;
        if (!status && !s->o->algo) {
            /* The best of the tuned ones gets its second chances, be it ahead of the un-tuned one or not. */
            int best = FIRST;
            for (int i = FIRST; i < n; i++)
                if (e[i].result.low < e[best].result.low)
                    best = i;
            if (n - FIRST > 1) {
                show(s, PROBLEM_SHARE, "layouts tensor by tensor");
                if (!variant_init(&v[n++], s->g, -1, -1)) {
                    status = CYNF_ENOMEM;
                } else if (mix_layouts(s, &v[FIRST], n - 1 - FIRST, &v[n - 1], &status)) {
                    winner = race_again(s, v, e, (const int[]){DEFAULT, best, n - 1}, 3, winner);
                    if (winner == n - 1 || (winner == DEFAULT && e[n - 1].result.low < e[best].result.low))
                        best = n - 1;
                }
            }
            show(s, 0.9, "second best kernels in the whole model");
            if (!status && !variant_init(&v[n++], s->g, -1, -1))
                status = CYNF_ENOMEM;
            else if (!status && try_runners_up(s, &v[best], &v[n - 1]) > 0 && !build(s, &v[n - 1]))
                winner = race_again(s, v, e, (const int[]){DEFAULT, best, n - 1}, 3, winner);
            if (!status && !variant_init(&v[n++], s->g, -1, -1)) {
                status = CYNF_ENOMEM;
            } else if (!status && make_banded(s, &v[winner], &v[n - 1])) {
                show(s, 0.95, "chains of layers in bands of rows");
                /* Of the two the banded one need not be faster by more than the noise: its chains are, by themselves. */
                winner = race_again(s, v, e, (const int[]){n - 1, winner, DEFAULT}, winner == DEFAULT ? 2 : 3, winner);
            }
            if (!status && s->o->threads > 1 && e[winner].result.median < SMALL_SECONDS) {
                show(s, 0.97, "one thread");
                if (!variant_init(&v[n++], s->g, -1, -1))
                    status = CYNF_ENOMEM;
                else if (!(status = make_serial(s, &v[winner], &v[n - 1])))
                    winner = race_again(s, v, e, (const int[]){winner, n - 1, DEFAULT}, winner == DEFAULT ? 2 : 3, winner);
            }
        }
        result->default_seconds = e[from].result.median;
        result->tuned_seconds = status ? 0 : e[winner].result.median;
        result->spread = status ? 0 : e[winner].result.spread;
    }
    if (!status && s->g->exact)
        status = price_exactness(s, v[winner].program, result);
    if (!status)
        record_model(s, models, &v[winner], result);
    else if (status == CYNF_ENOMEM && s->cap && !s->why[0])
        snprintf(s->why, s->cap, "out of memory while whole models were timed");
    for (int i = 0; i < n; i++)
        variant_free(&v[i]);
    return status;
}

static cynf_status collect(search *s, const int16_t *layouts, int n_layouts)
{
    variant v;
    cynf_status status = variant_init(&v, s->g, -1, -1) ? CYNF_OK : CYNF_ENOMEM;
    v.modelled = true;
    if (!status && !(status = build(s, &v)))
        for (int k = 0; k < v.program->n_step; k++) {
            size_t count[4];
            cynf_geometry_weights(v.program->step[k].problem.op, &v.program->step[k].problem.u, count);
            s->m.model_bytes += (int64_t)((count[0] + count[1] + count[2] + count[3]) * sizeof(float));
        }
    variant_free(&v);
    for (int i = 0; i < n_layouts && !status; i++)
        for (int8_t fuse = 0; fuse <= (s->o->algo ? 0 : 1) && !status; fuse++) {
            status = variant_init(&v, s->g, fuse, layouts[i]) ? CYNF_OK : CYNF_ENOMEM;
            v.modelled = true;
            if (!status && !(status = build_within(s, &v, 0)) && !add_problems(s, v.program))
                status = CYNF_ENOMEM;
            if (unfit(s, status)) /* the un-tuned program fits, and so may others */
                status = CYNF_OK;
            variant_free(&v);
        }
    return status;
}

static cynf_status open_journal(search *s, cynf_tune_result *result)
{
    char cpu[CYNF_SIGNATURE_CAP], key[4096], model[96];
    const cynf_tune_options *o = s->o;
    if (o->no_journal || o->effort == CYNF_EFFORT_ESTIMATE)
        return CYNF_OK;
    snprintf(key, sizeof key, "cynf-journal 1 %s isas=%x library=%s model=%s effort=%d max_error=%g max_memory=%lld algo=%s%s",
        cynf_cpu_fingerprint(cpu, sizeof cpu), cynf_cpu_isas(), cynf_build_id(), cynf_plan_model_key(s->g, o->threads, model, sizeof model), (int)o->effort,
        o->max_error, (long long)o->max_memory, o->algo ? o->algo : "", s->g->exact ? " exact" : "");
    const cynf_status status = cynf_journal_open(&s->journal, o->journal, key, o->resume, s->kernels, &result->resumed, s->why, s->cap);
    if (!status || o->journal || o->resume)
        return status;
    /* Without one a tuning only cannot be resumed. */
    snprintf(s->warning, sizeof s->warning, "no journal is kept: %.400s", s->why);
    return CYNF_OK;
}

cynf_status cynf_tune(cJSON **plan, cynf_tune_result *result, const cynf_graph *g, const cynf_tune_options *o, char *why, size_t cap)
{
    search s = {.g = g, .o = o, .start = cynf_now(), .why = why, .cap = cap};
    *result = (cynf_tune_result){0};
    why[0] = 0;
    show(&s, 0, "calibrating");
    cynf_calibrate(&s.m.machine);
    cynf_timer_init(&s.m.timer);
    s.m.threads = o->threads;
    s.m.effort = o->effort;
    s.m.exact = g->exact;
    s.m.max_error = o->max_error;
    s.m.max_memory = o->max_memory;
    s.m.algo = o->algo;
    cynf_status status = CYNF_ENOMEM;
    if (o->threads > 1 && (!(s.pool_memory = aligned_alloc(64, CYNF_ROUND_UP(cynf_pool_bytes(o->threads), 64))) ||
                              (status = cynf_pool_create_in(&s.m.pool, o->threads, s.pool_memory)) != CYNF_OK)) {
        free(s.pool_memory);
        snprintf(why, cap, "cannot start %d threads", o->threads);
        return status;
    }
    s.plan = cynf_plan_new();
    cJSON *here = s.plan ? cynf_plan_here(s.plan, &s.m.machine) : NULL;
    s.kernels = cJSON_GetObjectItemCaseSensitive(here, "kernels");
    if (here && g->exact)
        cynf_plan_put(here, "exact", cJSON_CreateTrue());
    /* Blocked where the program builder would do it, plain, blocked wherever it can be, and, when there is time, blocks of half a vector. */
    const int16_t lanes = (int16_t)cynf_isa_lanes(cynf_cpu_best()), layouts[4] = {-1, 0, lanes, lanes / 2};
    const int n_layouts = o->effort == CYNF_EFFORT_ESTIMATE || o->algo ? 1 : lanes < 4 ? 2 : o->effort == CYNF_EFFORT_PATIENT && lanes >= 8 ? 4 : 3;
    status = s.kernels ? open_journal(&s, result) : CYNF_ENOMEM;
    if (!status && !(status = collect(&s, layouts, n_layouts)) && !(status = measure_all(&s, 0, PROBLEM_SHARE)))
        status = finals(&s, cJSON_GetObjectItemCaseSensitive(here, "models"), layouts, n_layouts, result);
    result->problems = s.n_problem;
    if (status && !why[0])
        snprintf(why, cap, "out of memory");
    cynf_journal_close(&s.journal, !status);
    for (int i = 0; i < s.n_problem; i++)
        free(s.problem[i].signature);
    free(s.problem);
    if (s.m.pool)
        cynf_pool_destroy(&s.m.pool);
    free(s.pool_memory);
    if (status) {
        cJSON_Delete(s.plan);
    } else {
        *plan = s.plan;
        snprintf(why, cap, "%s", s.warning);
    }
    return status;
}
