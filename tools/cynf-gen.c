/* SPDX-License-Identifier: MIT */
/** cynf-gen: writes a model as C, specialised for one kind of CPU or portable. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/generate.h"
#include "graph/sizes.h"
#include "tool.h"
#include "tune/plan.h"
#include "tune/progress.h"
#include "tune/timer.h"

static const char doc[] = "Writes MODEL as a folder of C that needs nothing but libc, libm and pthreads: `make` builds it, `pip install` too.\v"
    "--mode fixed (the default) bakes the plan in and specialises every layer for this kind of CPU. --mode portable writes the graph and the library as "
    "sources: it runs on any CPU and chooses its kernels when an instance is created. Both build for another machine (make CROSS=aarch64-linux-gnu-); fixed "
    "code for one is asked for with --isa, and with --cpu where the plan was tuned there. With --max-shape a portable model takes, when it runs, any size up to these that its "
    "layers can have; the model is lowered for each of them, which takes up to a minute for large images. CYNF_CPU_MASK restricts the instruction sets, as --isa does.";

enum { OPT_CPU = 256, OPT_ISA, OPT_MODE, OPT_KERNEL, OPT_BANDS };

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "model (.h5, .keras, or .json with --weights)", 0},
    {"weights", 'w', "FILE", 0, "weights that go with an architecture-only model", 0},
    {"plan", 'p', "FILE", 0, "plan of cynf-tune (JSON or bound); without it the cost model decides", 0},
    {"batch", 'b', "N", 0, "samples per run (default 1)", 0},
    TOOL_INPUT_SHAPE_OPTION,
    TOOL_MAX_SHAPE_OPTION,
    TOOL_STREAM_OPTION,
    TOOL_KERNELS_FROM_OPTION,
    TOOL_CUSTOM_OPTION,
    TOOL_EXACT_OPTION,
    {"threads", 't', "N", 0, "the most threads that a run may use (default 1, as cynf-tune's); portable models take any number", 0},
    {"name", 'n', "ID", 0, "prefix of every symbol, and the Python module (default: the last part of --out)", 0},
    {"mode", OPT_MODE, "MODE", 0, "fixed (default) or portable", 0},
    {"isa", OPT_ISA, "NAME", 0, "the strongest instruction set that the code may use: scalar, sse41, avx2, avx512, neon", 0},
    {"cpu", OPT_CPU, "NAME", 0, "the CPU whose part of the plan is meant (default: this one; cynf-plan check lists them)", 0},
    {"kernel", OPT_KERNEL, "LIST", 0, "parts of kernel names, separated by commas: a kernel that matches is taken wherever it applies", 0},
    {"bands", OPT_BANDS, "ROWS", 0, "compute chains of layers so many rows of the image at a time: less memory a run; fixed models", 0},
    {"out", 'o', "FOLDER", 0, "folder to write; an earlier output of cynf-gen is replaced", 0},
    {0},
};

typedef struct arguments {
    const char *model, *plan, *isa, *cpu, *kernel, *shapes[TOOL_MAX_LIST], *max_shapes[TOOL_MAX_LIST], *customs[TOOL_MAX_LIST];
    int32_t threads, bands;
    bool foreign; /* isa is another machine's */
    cynf_load_options load;
    cynf_gen_options gen;
} arguments;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'm': a->model = arg; break;
    case 'w': a->load.weights = arg; break;
    case 's': tool_collect(state, "--input-shape", a->shapes, arg); break;
    case TOOL_MAX_SHAPE: tool_collect(state, "--max-shape", a->max_shapes, arg); break;
    case 'c': tool_collect(state, "--custom", a->customs, arg); break;
    case 'S': a->load.stream = arg ? (int32_t)tool_integer(state, "--stream", arg, 1, TOOL_MAX_STREAM) : 1; break;
    case TOOL_KERNELS_FROM: a->load.kernels_from = arg; break;
    case TOOL_EXACT: a->load.exact = true; break;
    case 'p': a->plan = arg; break;
    case 'b': a->load.batch = (int32_t)tool_integer(state, "--batch", arg, 1, 1 << 20); break;
    case 't': a->threads = (int32_t)tool_integer(state, "--threads", arg, 1, 256); break;
    case 'n': a->gen.name = arg; break;
    case 'o': a->gen.out = arg; break;
    case OPT_ISA: a->isa = arg; break;
    case OPT_CPU: a->cpu = arg; break;
    case OPT_KERNEL: a->kernel = arg; break;
    case OPT_BANDS: a->bands = (int32_t)tool_integer(state, "--bands", arg, 1, INT16_MAX); break;
    case OPT_MODE:
        if (!strcmp(arg, "portable"))
            a->gen.mode = CYNF_GEN_PORTABLE;
        else if (strcmp(arg, "fixed"))
            argp_error(state, "--mode: expected fixed or portable, found \"%s\"", arg);
        break;
    case ARGP_KEY_ARG: argp_error(state, "unexpected argument \"%s\"", arg); break;
    case ARGP_KEY_END:
        if (!a->model || !a->gen.out)
            argp_error(state, "%s is missing", a->model ? "--out" : "--model");
        if (*a->max_shapes && a->gen.mode == CYNF_GEN_FIXED)
            argp_error(state, "--max-shape: fixed mode (the default) specialises every layer for one size; give --mode portable, or --input-shape");
        if (a->bands && a->gen.mode == CYNF_GEN_PORTABLE)
            argp_error(state, "--bands: a portable model decides that by its plan when it runs; give --mode fixed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* Narrows what CYNF_CPU_MASK left. What this machine lacks makes it the target, once the model is loaded, which runs kernels. */
static unsigned allow_isa(const char *name, bool *foreign)
{
    unsigned mask;
    if (strchr(name, ',') || !cynf_cpu_parse_mask(name, &mask))
        tool_fail(TOOL_BAD_USAGE, "--isa: expected scalar, sse41, avx2, avx512 or neon, found \"%s\"", name);
    const unsigned here = cynf_cpu_isas();
    for (int isa = 0; isa < CYNF_ISA_COUNT; isa++)
        *foreign |= !strcmp(cynf_isa_name((cynf_isa)isa), name) && !(here >> isa & 1);
    if (!*foreign)
        cynf_cpu_set_mask(mask & here);
    return mask;
}

/* The command as a shell takes it. */
static char *command_line(int argc, char **argv)
{
    char *line = NULL;
    size_t n;
    FILE *f = open_memstream(&line, &n);
    if (!f)
        tool_fail(TOOL_BAD_INPUT, "out of memory");
    fputs("cynf-gen", f);
    for (int i = 1; i < argc; i++) {
        bool plain = *argv[i];
        for (const char *c = argv[i]; *c; c++)
            plain &= isalnum((unsigned char)*c) || strchr("-_./=+,:@%", *c);
        fputs(plain ? " " : " '", f);
        for (const char *c = argv[i]; *c; c++)
            if (*c == '\'')
                fputs("'\\''", f);
            else
                fputc(*c, f);
        if (!plain)
            fputc('\'', f);
    }
    fclose(f);
    return line;
}

/* Seconds without a bar. */
#define PATIENCE 2
/* Shares of the bar: loading, then building the program (packing the weights), then writing. */
#define LOADED 0.3
#define BUILT 0.6

typedef struct work {
    cynf_progress bar;
    int32_t nodes;
    cynf_choose_fn *choose; /* the plan's, or NULL */
    void *choose_ctx;
} work;

static void show(work *w, double fraction, const char *what)
{
    if (cynf_now() - w->bar.start >= PATIENCE)
        cynf_progress_show(&w->bar, fraction, what);
}

/* Called for each step in order, which is how the builder's progress is known. */
static const cynf_kernel *choose(void *ctx, const cynf_problem *p, int32_t node)
{
    work *w = ctx;
    if (node >= 0)
        show(w, LOADED + (BUILT - LOADED) * node / w->nodes, "packing the weights");
    return w->choose ? w->choose(w->choose_ctx, p, node) : NULL;
}

static void show_writing(void *ctx, double fraction, const char *what) { show(ctx, BUILT + (1 - BUILT) * fraction, what); }

int main(int argc, char **argv)
{
    static const struct argp argp = {options, parse, NULL, doc, NULL, NULL, NULL};
    arguments a = {.threads = 1};
    char why[2048] = "";
    tool_init();
    char *command = command_line(argc, argv);
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    a.gen.command = command;
    a.load.input_shapes = a.shapes;
    a.load.max_shapes = a.max_shapes;
    a.load.customs = a.customs;
    const unsigned isas = a.isa ? allow_isa(a.isa, &a.foreign) : 0;

    work w = {.nodes = 1};
    cynf_progress_begin(&w.bar, stderr);
    cynf_graph *g = tool_load(a.model, &a.load, CYNF_MATH_POLY);
    w.nodes = g->n_node;
    show(&w, LOADED, "loaded");
    cynf_program *p, *here = NULL;
    char failure[2048];
    cynf_status s = CYNF_OK;
    if (a.foreign && a.gen.mode == CYNF_GEN_FIXED) {
        s = cynf_program_build(&here, g, &(cynf_build_options){.threads = 1}, failure, sizeof failure);
        a.gen.reference = here;
        cynf_cpu_set_target(isas);
    }
    cynf_cpu_set_fingerprint(a.cpu);
    cynf_build_options build = {.threads = a.threads, .force = a.kernel, .band_rows = a.bands};
    cynf_binding *plan = NULL;
    if (a.plan) {
        if (cynf_plan_open(&plan, a.plan, why, sizeof why) == CYNF_EIO)
            tool_fail(TOOL_BAD_INPUT, "%s", why);
        if (plan)
            cynf_binding_apply(plan, g, &build);
    }
    w.choose = build.choose;
    w.choose_ctx = build.choose_ctx;
    build.choose = choose;
    build.choose_ctx = &w;
    a.gen.progress = show_writing;
    a.gen.progress_ctx = &w;
    if (!s)
        s = cynf_program_build(&p, g, &build, failure, sizeof failure);
    if (s) {
        cynf_progress_end(&w.bar);
        tool_fail(TOOL_BAD_INPUT, "%s: %s", a.model, failure);
    }
    if (plan)
        cynf_binding_report(plan, a.plan, why, sizeof why);
    s = cynf_generate(p, &a.gen, failure, sizeof failure);
    cynf_progress_end(&w.bar);
    if (*why)
        fprintf(stderr, "cynf-gen: warning: %s\n", why);
    if (s)
        tool_fail(TOOL_BAD_INPUT, "%s", failure);
    fprintf(stderr, "cynf-gen: %s: %d kernel calls, %.1f KiB of weights, %.1f KiB of memory a run\n", a.gen.out, p->n_step, (double)p->consts_bytes / 1024,
        (double)p->arena_bytes / 1024);
    for (int32_t i = 0; i < g->n_out; i++)
        if (g->out[i].skip)
            fprintf(stderr, "cynf-gen: the first %d steps of output %d after a reset come before the sequence's first\n", g->out[i].skip, i);
    for (int32_t i = 0; i < cynf_sizes_dims(g->sizes); i++) {
        int32_t smallest;
        const int32_t n = cynf_sizes_count(g->sizes, i, &smallest), *d = cynf_sizes_dim(g->sizes, i);
        fprintf(stderr, "cynf-gen: dimension %d of input \"%s\" can have %d size%s from %d to %d\n", d[1], g->in[d[0]].name, n, n > 1 ? "s" : "", smallest,
            cynf_sizes_max(g->sizes, i));
    }
    cynf_program_free(&p);
    cynf_program_free(&here);
    cynf_binding_free(&plan);
    cynf_graph_free(&g);
    free(command);
    return TOOL_OK;
}
