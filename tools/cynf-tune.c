/* SPDX-License-Identifier: MIT */
/** cynf-tune: measures a model's layers on this machine and writes the plan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"
#include "tune/progress.h"
#include "tune/search.h"

static const char doc[] = "Measures, on this machine, which kernels run MODEL fastest, and writes the plan that cynf-run and cynf-gen take.\v"
    "A killed tuning is gone on from with --resume. CYNF_CPU_MASK restricts the instruction sets.";

enum { OPT_EFFORT = 256, OPT_TIME, OPT_ERROR, OPT_MEMORY, OPT_ALGO, OPT_MATH, OPT_JOURNAL, OPT_RESUME };

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "model (.h5, .keras, or .json with --weights)", 0},
    {"weights", 'w', "FILE", 0, "weights that go with an architecture-only model", 0},
    {"batch", 'b', "N", 0, "samples per run (default 1)", 0},
    TOOL_INPUT_SHAPE_OPTION,
    TOOL_STREAM_OPTION,
    TOOL_KERNELS_FROM_OPTION,
    TOOL_CUSTOM_OPTION,
    TOOL_EXACT_OPTION,
    {"out", 'o', "FILE", 0, "where the plan goes (default: standard output)", 0},
    {"threads", 't', "N", 0, "threads of a run (default 1)", 0},
    {"effort", OPT_EFFORT, "LEVEL", 0, "estimate (cost model alone), measure (default), patient (everything)", 0},
    {"time-limit", OPT_TIME, "SECONDS", 0, "leave to the cost model what is not measured by then", 0},
    {"max-error", OPT_ERROR, "E", 0, "largest error of a kernel, relative to its layer's largest output (default 1e-5)", 0},
    {"max-memory", OPT_MEMORY, "BYTES", 0, "largest arena of the model; K, M, G may follow", 0},
    {"algo", OPT_ALGO, "NAME", 0, "use this algorithm alone wherever it applies (direct, im2col, winograd43, fft ...)", 0},
    {"math", OPT_MATH, "MAKE", 0, "poly (default) or sleef: the plan is then for cynf-run --math sleef", 0},
    {"journal", OPT_JOURNAL, "FILE", 0, "what was measured so far (default: under $XDG_CACHE_HOME/cynfrence)", 0},
    {"resume", OPT_RESUME, NULL, 0, "go on from the journal of a killed tuning", 0},
    {"verbose", 'v', NULL, 0, "explain the plan on standard error, with the cost model's hits and misses", 0},
    {0},
};

typedef struct arguments {
    const char *model, *out, *shapes[TOOL_MAX_LIST], *customs[TOOL_MAX_LIST];
    cynf_load_options load;
    bool verbose;
    cynf_math math;
    cynf_tune_options tune;
} arguments;

static bool algorithm_exists(const char *name)
{
    for (int op = 0; op < CYNF_OP_COUNT; op++) {
        const cynf_kernel *k[1024];
        const size_t n = cynf_kernels((cynf_op)op, k, 1024);
        for (size_t i = 0; i < n && i < 1024; i++)
            if (!strcmp(cynf_kernel_algo(k[i]), name))
                return true;
    }
    return false;
}

static int64_t parse_bytes(const struct argp_state *state, const char *text)
{
    static const char suffixes[] = "KMG";
    char digits[64];
    const size_t n = strlen(text);
    const char *suffix = n ? strchr(suffixes, text[n - 1]) : NULL;
    const int shift = suffix && *suffix ? 10 * (int)(suffix - suffixes + 1) : 0;
    snprintf(digits, sizeof digits, "%.*s", (int)(n - !!shift), text);
    return (int64_t)tool_integer(state, "--max-memory", digits, 1, (INT64_C(1) << 50) >> shift) << shift;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'm': a->model = arg; break;
    case 'w': a->load.weights = arg; break;
    case 's': tool_collect(state, "--input-shape", a->shapes, arg); break;
    case 'c': tool_collect(state, "--custom", a->customs, arg); break;
    case 'S': a->load.stream = arg ? (int32_t)tool_integer(state, "--stream", arg, 1, TOOL_MAX_STREAM) : 1; break;
    case TOOL_KERNELS_FROM: a->load.kernels_from = arg; break;
    case TOOL_EXACT: a->load.exact = true; break;
    case 'b': a->load.batch = (int32_t)tool_integer(state, "--batch", arg, 1, 1 << 20); break;
    case 'o': a->out = arg; break;
    case 't': a->tune.threads = (int32_t)tool_integer(state, "--threads", arg, 1, 256); break;
    case OPT_EFFORT:
        if (!strcmp(arg, "estimate"))
            a->tune.effort = CYNF_EFFORT_ESTIMATE;
        else if (!strcmp(arg, "measure"))
            a->tune.effort = CYNF_EFFORT_MEASURE;
        else if (!strcmp(arg, "patient"))
            a->tune.effort = CYNF_EFFORT_PATIENT;
        else
            argp_error(state, "--effort: expected estimate, measure or patient, found \"%s\"", arg);
        break;
    case OPT_TIME: a->tune.time_limit = tool_number(state, "--time-limit", arg, 1e-3, 1e9); break;
    case OPT_ERROR: a->tune.max_error = tool_number(state, "--max-error", arg, 0, 1); break;
    case OPT_MEMORY: a->tune.max_memory = parse_bytes(state, arg); break;
    case OPT_ALGO:
        if (!algorithm_exists(arg))
            argp_error(state, "--algo: this build has no algorithm named \"%s\"", arg);
        a->tune.algo = arg;
        break;
    case OPT_MATH: a->math = tool_math(state, arg); break;
    case OPT_JOURNAL: a->tune.journal = arg; break;
    case OPT_RESUME: a->tune.resume = true; break;
    case 'v': a->verbose = true; break;
    case ARGP_KEY_ARG: argp_error(state, "unexpected argument \"%s\"", arg); break;
    case ARGP_KEY_END:
        if (!a->model)
            argp_error(state, "--model is missing");
        if (a->load.exact && a->math == CYNF_MATH_SLEEF)
            argp_error(state, "--exact: SLEEF's functions differ from machine to machine; leave --math sleef out");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void show(void *ctx, double fraction, const char *what) { cynf_progress_show(ctx, fraction, what); }

int main(int argc, char **argv)
{
    static const struct argp argp = {options, parse, NULL, doc, NULL, NULL, NULL};
    arguments a = {.tune = cynf_tune_default_options()};
    tool_init();
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    a.load.input_shapes = a.shapes;
    a.load.customs = a.customs;
    cynf_graph *g = tool_load(a.model, &a.load, a.math);
    tool_output_check(a.out); /* a killed tuning leaves no temporary behind */
    cynf_progress bar;
    cynf_progress_begin(&bar, stderr);
    a.tune.progress = show;
    a.tune.progress_ctx = &bar;
    cJSON *plan;
    cynf_tune_result r;
    char why[1024];
    const double start = cynf_now();
    const cynf_status s = cynf_tune(&plan, &r, g, &a.tune, why, sizeof why);
    cynf_progress_end(&bar);
    if (s)
        tool_fail(TOOL_BAD_INPUT, "%s: %s", a.model, why);
    if (why[0])
        fprintf(stderr, "%s: warning: %s\n", program_invocation_short_name, why);
    if (a.verbose)
        cynf_plan_explain(plan, stderr);
    fprintf(stderr, "%s: %d problems in %.1f s", program_invocation_short_name, r.problems, cynf_now() - start);
    if (r.resumed)
        fprintf(stderr, ", %d of them from the journal", r.resumed);
    if (r.tuned_seconds > 0)
        fprintf(stderr, "; %.3f ms tuned, %.3f ms %s", 1e3 * r.tuned_seconds, 1e3 * r.default_seconds, a.tune.algo ? "in the default layout" : "un-tuned");
    if (r.exact_cost > 0)
        fprintf(stderr, "; exact costs %.2f x", r.exact_cost);
    fputc('\n', stderr);

    char *text = cynf_plan_print(plan);
    if (!text)
        tool_fail(TOOL_BAD_INPUT, "out of memory");
    tool_output out;
    tool_output_open(&out, a.out);
    fputs(text, out.f);
    tool_output_close(&out);
    free(text);
    cJSON_Delete(plan);
    cynf_graph_free(&g);
    return TOOL_OK;
}
