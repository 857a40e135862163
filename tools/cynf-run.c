/* SPDX-License-Identifier: MIT */
/** Runs a Keras model on .npy files through the library. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cynf/cynf.h"
#include "tools/npy.h"
#include "tune/calibrate.h"

#define MAX_PORTS 64

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "the model: .h5 or .keras", 0},
    {"weights", 'w', "FILE", 0, "weights that belong to an architecture file", 0},
    {"plan", 'p', "FILE", 0, "plan of cynf-tune; without it the cost model decides", 0},
    {"input", 'i', "A.npy [B.npy ...]", 0, "one array an input, in the model's order; the first dimension is the samples", 0},
    {"out", 'o', "Y.npy [Z.npy ...]", 0, "one array an output", 0},
    {"input-shape", 's', "NAME=1,64,64,3", 0, "sizes of an input, batch first, where the file leaves some open (default: those of the input's file); once for each input", 0},
    {"stream", 'S', "STEPS", OPTION_ARG_OPTIONAL, "a model of sequences as a stream: so many steps a run (default 1); each sample of the inputs is the next run", 0},
    {"kernels-from", 'k', "theano", 0, "turn the kernels of convolutions by 180 degrees, for a model trained with Theano", 0},
    {"custom", 'c', "NAME=FILE.c", 0, "what layers of class NAME, or a Lambda of that name, compute, in C (cynf/custom.h); once for each", 0},
    {"math", 'f', "MAKE", 0, "exp, tanh, erf ...: poly (the library's polynomials, default) or sleef (SLEEF, 1 ulp)", 0},
    {"exact", 'e', NULL, 0, "exact kernels alone: the same bits on scalar, avx2, avx512 and neon (sse41 has its own), slower", 0},
    {"threads", 't', "N", 0, "threads (1)", 0},
    {"profile", 'P', NULL, 0, "a table of the layers: variant, microseconds, GFLOP/s, share of the bound that this machine sets (measured first, in 1 to 2 s)", 0},
    {"repeat", 'r', "N", 0, "runs that --profile takes the fastest of, layer by layer (20)", 0},
    {0},
};

typedef struct arguments {
    const char *model, *weights, *plan, *kernels_from;
    const char *input[MAX_PORTS], *output[MAX_PORTS];
    const char *shapes[MAX_PORTS + 1], *customs[MAX_PORTS + 1];
    int n_input, n_output, n_shapes, n_customs, threads, repeat, stream;
    bool profile, exact, to_output;
    cynf_math math;
} arguments;

static void add(struct argp_state *state, const char **list, int *n, const char *path)
{
    if (*n == MAX_PORTS)
        argp_error(state, "at most %d files", MAX_PORTS);
    list[(*n)++] = path;
}

static int number(struct argp_state *state, const char *option, const char *text)
{
    char *end;
    const long v = strtol(text, &end, 10);
    if (*end || end == text || v < 1 || v > 1024)
        argp_error(state, "%s: expected a number from 1 to 1024, found \"%s\"", option, text);
    return (int)v;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'm': a->model = text; break;
    case 'w': a->weights = text; break;
    case 'p': a->plan = text; break;
    case 'i':
        a->to_output = false;
        add(state, a->input, &a->n_input, text);
        break;
    case 'o':
        a->to_output = true;
        add(state, a->output, &a->n_output, text);
        break;
    case 's': add(state, a->shapes, &a->n_shapes, text); break;
    case 'S': a->stream = text ? number(state, "--stream", text) : 1; break;
    case 'c': add(state, a->customs, &a->n_customs, text); break;
    case 'k': a->kernels_from = text; break;
    case 'e': a->exact = true; break;
    case 't': a->threads = number(state, "--threads", text); break;
    case 'f':
        a->math = strcmp(text, "sleef") ? CYNF_MATH_POLY : CYNF_MATH_SLEEF;
        if ((strcmp(text, "poly") && strcmp(text, "sleef")) || !cynf_has_math(a->math))
            argp_error(state, "--math: expected poly%s, found \"%s\"", cynf_has_math(CYNF_MATH_SLEEF) ? " or sleef" : " (this build has no SLEEF)", text);
        break;
    case 'P': a->profile = true; break;
    case 'r': a->repeat = number(state, "--repeat", text); break;
    case ARGP_KEY_ARG: /* a file after --input or --out */
        if (!a->n_input && !a->n_output)
            argp_error(state, "\"%s\": files come after --input or --out", text);
        if (a->to_output)
            add(state, a->output, &a->n_output, text);
        else
            add(state, a->input, &a->n_input, text);
        break;
    case ARGP_KEY_END:
        if (!a->model)
            argp_error(state, "--model is missing");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int fail(const char *text)
{
    fprintf(stderr, "cynf-run: %s\n", text);
    return 1;
}

/* Checks one input against its port, casts it, and counts the samples. False: why says what is wrong. */
static bool fit(cynf_npy *a, const cynf_model_port *p, const char *path, int64_t *samples, char *why, size_t cap)
{
    bool same = a->rank == p->rank && (*samples < 0 || a->dim[0] == *samples);
    for (int i = 1; same && i < p->rank; i++)
        same = a->dim[i] == p->shape[i];
    if (!same) {
        int n = snprintf(why, cap, "%s: its shape is (", path);
        for (int i = 0; i < a->rank && n < (int)cap; i++)
            n += snprintf(why + n, cap - (size_t)n, i ? ", %lld" : "%lld", (long long)a->dim[i]);
        n += n < (int)cap ? snprintf(why + n, cap - (size_t)n, "), expected (samples") : 0;
        for (int i = 1; i < p->rank && n < (int)cap; i++)
            n += snprintf(why + n, cap - (size_t)n, ", %d", p->shape[i]);
        if (n < (int)cap)
            snprintf(why + n, cap - (size_t)n, ") for input \"%s\"", p->name);
        return false;
    }
    *samples = a->dim[0];
    if (!cynf_npy_cast(a, p->dtype)) {
        snprintf(why, cap, "%.400s: its type %.15s cannot become %s", path, a->dtype, p->dtype);
        return false;
    }
    return true;
}

static int profile(cynf_runner *r, const cynf_net *net, const void *const *x, void *const *y, int repeat)
{
    const int n = cynf_runner_steps(r);
    cynf_machine machine;
    cynf_calibrate(&machine);
    double *best = malloc((size_t)n * sizeof *best), *now = malloc((size_t)n * sizeof *now);
    if (!best || !now)
        return fail("out of memory");
    double whole = 1e30;
    for (int k = 0; k < repeat; k++) {
        memset(now, 0, (size_t)n * sizeof *now);
        cynf_run_profile(r, x, y, now);
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += now[i];
            if (!k || now[i] < best[i])
                best[i] = now[i];
        }
        whole = sum < whole ? sum : whole;
    }
    printf("%-32s %-48s %10s %9s %7s\n", "layer", "variant", "us", "GFLOP/s", "bound");
    for (int i = 0; i < n; i++) {
        cynf_step_info s;
        cynf_runner_step(r, i, &machine, &s);
        printf("%-32.32s %-48s %10.2f %9.2f %6.0f%%\n", s.layer ? s.layer : "-", s.kernel, best[i] * 1e6, s.flops / best[i] * 1e-9, 100 * s.bound_seconds / best[i]);
    }
    printf("%-32s %-48s %10.2f\n", "all", "", whole * 1e6);
    printf("batch %d, arena %lld bytes\n", cynf_net_batch(net), (long long)cynf_runner_arena_bytes(r));
    free(best);
    free(now);
    return 0;
}

int main(int argc, char **argv)
{
    arguments a = {.threads = 1, .repeat = 20};
    char why[1024];
    argp_err_exit_status = 2;
    argp_program_version = cynf_version();
    if (argp_parse(&(struct argp){options, parse, NULL, "Runs a Keras model through the prebuilt kernels.", NULL, NULL, NULL}, argc, argv, ARGP_IN_ORDER, NULL, &a))
        return 2;
    cynf_net *net = NULL;
    cynf_runner *r = NULL;
    cynf_npy x[MAX_PORTS] = {{.rank = 0}}, y[MAX_PORTS] = {{.rank = 0}};
    const void *px[MAX_PORTS];
    void *py[MAX_PORTS];
    int32_t shapes[MAX_PORTS][8] = {{0}};
    int64_t samples = -1;
    if (!a.n_input && !a.profile)
        return fail("--input is missing (only --profile runs without it, on zeros)");
    for (int i = 0; i < a.n_input; i++) {
        if (!cynf_npy_read(&x[i], a.input[i], why, sizeof why))
            return fail(why);
        for (int k = 0; k < x[i].rank; k++)
            shapes[i][k] = x[i].dim[k] < INT32_MAX ? (int32_t)x[i].dim[k] : 0;
    }
    /* Sizes that the file leaves open are the input's. */
    cynf_net_options o = {.weights = a.weights, .shapes = (const int32_t (*)[8])shapes, .n_shapes = a.n_input, .math = a.math, .input_shapes = a.shapes, .stream = a.stream, .kernels_from = a.kernels_from,
        .customs = a.customs, .exact = a.exact};
    for (int i = 0; i < a.n_input && a.stream; i++)
        shapes[i][1] = 0; /* a run's steps, not the sequence's */
    if (cynf_net_load(&net, a.model, &o, why, sizeof why))
        return fail(why);
    if (cynf_net_batch_fixed(net) && a.n_input && !a.n_shapes && !a.stream && shapes[0][0] > 0 && shapes[0][0] != cynf_net_batch(net)) {
        /* Samples influence each other: one run over all of them, unless the file fixes their number. */
        cynf_net_free(&net);
        o.batch = shapes[0][0];
        if (cynf_net_load(&net, a.model, &o, why, sizeof why))
            return fail(why);
    }
    if (cynf_compile(&r, net, &(cynf_compile_options){.threads = a.threads, .plan = a.plan}, why, sizeof why))
        return fail(why);
    if (*why)
        fprintf(stderr, "cynf-run: %s\n", why);
    const int n_in = cynf_net_inputs(net), n_out = cynf_net_outputs(net);
    if ((a.n_input && a.n_input != n_in) || (a.n_output && a.n_output != n_out) || n_in > MAX_PORTS || n_out > MAX_PORTS) {
        snprintf(why, sizeof why, "%s has %d inputs and %d outputs; %d and %d files were given", a.model, n_in, n_out, a.n_input, a.n_output);
        return fail(why);
    }
    for (int i = 0; i < n_in; i++) {
        const cynf_model_port *p = cynf_net_input(net, i);
        if (a.n_input ? !fit(&x[i], p, a.input[i], &samples, why, sizeof why) : !(x[i].data = calloc(p->bytes, 1)))
            return fail(a.n_input ? why : "out of memory");
        px[i] = x[i].data;
    }
    if (samples < 0)
        samples = cynf_net_batch(net);
    for (int i = 0; i < n_out; i++) {
        const cynf_model_port *p = cynf_net_output(net, i);
        y[i].rank = p->rank;
        y[i].bytes = p->bytes / (size_t)cynf_net_batch(net) * (size_t)samples;
        snprintf(y[i].dtype, sizeof y[i].dtype, "%s", p->dtype);
        for (int k = 0; k < p->rank; k++)
            y[i].dim[k] = k ? p->shape[k] : p->shape[0] * samples / cynf_net_batch(net);
        const size_t room = y[i].bytes > p->bytes ? y[i].bytes : p->bytes;
        if (!(py[i] = y[i].data = calloc(room ? room : 1, 1)))
            return fail("out of memory");
    }
    int status = 0;
    if (a.profile && samples >= cynf_net_batch(net))
        status = profile(r, net, px, py, a.repeat);
    if (a.n_input && cynf_run_batch(r, (size_t)samples, px, py)) {
        snprintf(why, sizeof why, "%s takes %d samples at a time; the input has %lld", a.model, cynf_net_batch(net), (long long)samples);
        return fail(why);
    }
    for (int i = 0; i < a.n_output; i++)
        if (!cynf_npy_write(&y[i], a.output[i], why, sizeof why))
            return fail(why);
    for (int i = 0; i < n_in; i++)
        free(x[i].data);
    for (int i = 0; i < n_out; i++)
        free(y[i].data);
    cynf_runner_free(&r);
    cynf_net_free(&net);
    return status;
}
