/* SPDX-License-Identifier: MIT */
/** cynf-plan: what plans say, and how they relate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"
#include "tune/search.h"

static const char doc[] = "Works on plans of cynf-tune.\v"
    "explain FILE...    why each kernel was chosen\n"
    "check FILE         whether the plan fits this machine and this build; exit status 1 when not\n"
    "diff A B           choices that differ; exit status 1 when there are any\n"
    "merge FILE...      one plan of several: machines, kernels and models of all; later files win\n"
    "bind FILE          the line format that generated models of the portable mode read\n"
    "race FILE...       runs --model with each plan (- for none) in turns and compares the times\n";

static const struct argp_option options[] = {
    {"out", 'o', "FILE", 0, "where the result goes (default: standard output)", 0},
    {"model", 'm', "FILE", 0, "race: the model", 0},
    {"weights", 'w', "FILE", 0, "race: weights that go with an architecture-only model", 0},
    {"batch", 'b', "N", 0, "race: samples per run (default 1)", 0},
    TOOL_INPUT_SHAPE_OPTION,
    TOOL_STREAM_OPTION,
    TOOL_KERNELS_FROM_OPTION,
    TOOL_CUSTOM_OPTION,
    TOOL_EXACT_OPTION,
    {"threads", 't', "N", 0, "race: threads of a run (default 1)", 0},
    {0},
};

typedef struct arguments {
    const char *command, *out, *model, *shapes[TOOL_MAX_LIST], *customs[TOOL_MAX_LIST];
    int32_t threads;
    cynf_load_options load;
    char **file;
    int n;
} arguments;

static const struct {
    const char *name;
    int least, most;
} commands[] = {{"explain", 1, 1 << 20}, {"check", 1, 1}, {"diff", 2, 2}, {"merge", 1, 1 << 20}, {"bind", 1, 1}, {"race", 2, 32}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'o': a->out = arg; break;
    case 'm': a->model = arg; break;
    case 'w': a->load.weights = arg; break;
    case 's': tool_collect(state, "--input-shape", a->shapes, arg); break;
    case 'c': tool_collect(state, "--custom", a->customs, arg); break;
    case 'S': a->load.stream = arg ? (int32_t)tool_integer(state, "--stream", arg, 1, TOOL_MAX_STREAM) : 1; break;
    case TOOL_KERNELS_FROM: a->load.kernels_from = arg; break;
    case TOOL_EXACT: a->load.exact = true; break;
    case 'b': a->load.batch = (int32_t)tool_integer(state, "--batch", arg, 1, 1 << 20); break;
    case 't': a->threads = (int32_t)tool_integer(state, "--threads", arg, 1, 256); break;
    case ARGP_KEY_ARG:
        if (!a->command)
            a->command = arg;
        else
            a->file[a->n++] = arg;
        break;
    case ARGP_KEY_END: {
        const size_t n = sizeof commands / sizeof commands[0];
        size_t i = 0;
        if (!a->command)
            argp_error(state, "a command is missing: explain, check, diff, merge, bind or race");
        while (i < n && strcmp(commands[i].name, a->command))
            i++;
        if (i == n)
            argp_error(state, "unknown command \"%s\": expected explain, check, diff, merge, bind or race", a->command);
        else if (a->n < commands[i].least || a->n > commands[i].most)
            argp_error(state, "%s: found %d files, expected %s%d", a->command, a->n, commands[i].most > commands[i].least ? "at least " : "", commands[i].least);
        if (!strcmp(a->command, "race") && !a->model)
            argp_error(state, "race: --model is missing");
        break;
    }
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static cJSON *load(const char *path)
{
    char why[2048];
    cJSON *plan;
    if (cynf_plan_load(&plan, path, why, sizeof why))
        tool_fail(TOOL_BAD_INPUT, "%s", why);
    return plan;
}

static void put(const char *text, FILE *out)
{
    if (!text)
        tool_fail(TOOL_BAD_INPUT, "out of memory");
    fputs(text, out);
}

static int race(const arguments *a, FILE *out)
{
    cynf_graph *g = tool_load(a->model, &a->load, CYNF_MATH_POLY);
    cynf_entrant e[32] = {{0}};
    for (int i = 0; i < a->n; i++) {
        cynf_build_options o = {.threads = a->threads};
        cynf_binding *b = NULL;
        cynf_program *p;
        char why[2048];
        if (strcmp(a->file[i], "-")) {
            if (cynf_plan_open(&b, a->file[i], why, sizeof why))
                tool_fail(TOOL_BAD_INPUT, "%s", why);
            if (why[0])
                fprintf(stderr, "%s: warning: %s\n", program_invocation_short_name, why);
            if (!cynf_binding_apply(b, g, &o))
                fprintf(stderr, "%s: warning: %s: models: does not know %s with these threads and this batch\n", program_invocation_short_name, a->file[i],
                    a->model);
        }
        if (cynf_program_build(&p, g, &o, why, sizeof why))
            tool_fail(TOOL_BAD_INPUT, "%s: %s", a->model, why);
        if (b)
            cynf_binding_free(&b);
        e[i] = (cynf_entrant){.name = strcmp(a->file[i], "-") ? a->file[i] : "(no plan)", .program = p};
    }
    cynf_timer timer;
    cynf_timer_init(&timer);
    const int winner = cynf_race_programs(&timer, e, a->n, a->threads, INFINITY);
    if (winner < 0)
        tool_fail(TOOL_BAD_INPUT, "out of memory");
    fprintf(out, "%12s %12s %8s %8s %7s  plan\n", "median us", "min us", "spread", "vs 1st", "rounds");
    for (int i = 0; i < a->n; i++) {
        const cynf_contestant *c = &e[i].result;
        fprintf(out, "%12.3f %12.3f %7.1f%% %8.3f %7d  %s%s\n", 1e6 * c->median, 1e6 * c->min, 100 * c->spread, c->low / e[0].result.low, c->n, e[i].name,
            i == winner ? "  <- fastest, or as fast" : "");
        cynf_program *p = (cynf_program *)(uintptr_t)e[i].program;
        cynf_program_free(&p);
    }
    cynf_graph_free(&g);
    return TOOL_OK;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options, parse, "COMMAND FILE...", doc, NULL, NULL, NULL};
    arguments a = {.threads = 1, .file = calloc((size_t)argc + 1, sizeof(char *))};
    tool_init();
    if (!a.file)
        tool_fail(TOOL_BAD_INPUT, "out of memory");
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    a.load.input_shapes = a.shapes;
    a.load.customs = a.customs;

    int status = TOOL_OK;
    tool_output out;
    if (!strcmp(a.command, "race")) {
        tool_output_open(&out, a.out);
        status = race(&a, out.f);
        tool_output_close(&out);
        free(a.file);
        return status;
    }
    cJSON *plan = load(a.file[0]);
    const bool merge = !strcmp(a.command, "merge");
    cJSON *second = !strcmp(a.command, "diff") ? load(a.file[1]) : NULL;
    char why[512];
    for (int i = 1; i < a.n && merge; i++) {
        cJSON *more = load(a.file[i]);
        if (!cynf_plan_merge(plan, more, why, sizeof why))
            tool_fail(TOOL_BAD_INPUT, "%s: %s", a.file[i], why);
        cJSON_Delete(more);
    }
    tool_output_open(&out, a.out);
    char *text = NULL;
    if (merge)
        put(text = cynf_plan_print(plan), out.f);
    else if (!strcmp(a.command, "bind"))
        put(text = cynf_plan_bind(plan), out.f);
    else if (!strcmp(a.command, "diff"))
        status = cynf_plan_diff(plan, second, out.f) ? TOOL_BAD_INPUT : TOOL_OK;
    else if (!strcmp(a.command, "check"))
        status = cynf_plan_check(plan, out.f) ? TOOL_BAD_INPUT : TOOL_OK;
    else
        cynf_plan_explain(plan, out.f);
    for (int i = 1; i < a.n && !merge && !second; i++) { /* explain takes several */
        cJSON *more = load(a.file[i]);
        cynf_plan_explain(more, out.f);
        cJSON_Delete(more);
    }
    tool_output_close(&out);
    free(text);
    cJSON_Delete(plan);
    cJSON_Delete(second);
    free(a.file);
    return status;
}
