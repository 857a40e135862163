/* SPDX-License-Identifier: MIT */
/**
 * Runs every golden below a folder (saved models with the outputs that Keras gave) through the library, each in a process of its own,
 * or lowers them into one flat file for machines without HDF5 (run-lowered).
 *
 * A golden is model.h5 with a group /golden, or model.keras beside model.golden.h5. A refusal counts as a failure when every layer of the
 * golden is in the list of supported ones. Several calls of a model with a state are one run over their batches, which goes on from one to the next.
 */
#include <dirent.h>
#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/net.h"
#include "lowered.h"
#include "native.h"
#include "report.h"

#define MAX_LAYERS 512
#define MAX_CUSTOMS 8

typedef struct tensor {
    int rank;
    hsize_t dim[8];
    size_t elems;
    float *data;
} tensor;

typedef struct golden {
    char family[64], layers[1024], note[256];
    double rtol, atol;
    int n_in, n_out, n_calls;
    tensor in[LOWERED_MAX_PORTS], out[LOWERED_MAX_PORTS];
} golden;

static struct {
    const char *match, *lower, *exact, *supported[MAX_LAYERS], *customs[MAX_CUSTOMS + 1];
    int threads, n_supported, n_customs, every, seen;
    bool verbose, native;
    cynf_math math;
    native_options generated;
} opt = {.threads = 1, .every = 1};

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

static void text_attribute(hid_t at, const char *name, char *out, size_t cap)
{
    out[0] = 0;
    if (H5Aexists(at, name) <= 0)
        return;
    const hid_t a = H5Aopen(at, name, H5P_DEFAULT), t = H5Aget_type(a);
    char *s = NULL;
    if (H5Tis_variable_str(t) > 0) {
        if (H5Aread(a, t, &s) >= 0 && s) {
            snprintf(out, cap, "%s", s);
            H5free_memory(s);
        }
    } else if ((s = calloc(H5Tget_size(t) + 1, 1))) {
        if (H5Aread(a, t, s) >= 0)
            snprintf(out, cap, "%s", s);
        free(s);
    }
    H5Tclose(t);
    H5Aclose(a);
}

static double number_attribute(hid_t at, const char *name, double absent)
{
    double v = absent;
    if (H5Aexists(at, name) > 0) {
        const hid_t a = H5Aopen(at, name, H5P_DEFAULT);
        H5Aread(a, H5T_NATIVE_DOUBLE, &v);
        H5Aclose(a);
    }
    return v;
}

static bool read_tensor(hid_t at, const char *what, int i, tensor *t)
{
    char name[32];
    snprintf(name, sizeof name, "%s_%d", what, i);
    const hid_t d = H5Dopen2(at, name, H5P_DEFAULT);
    if (d < 0)
        return false;
    const hid_t s = H5Dget_space(d);
    t->rank = H5Sget_simple_extent_ndims(s);
    if (t->rank > 8)
        return false;
    H5Sget_simple_extent_dims(s, t->dim, NULL);
    t->elems = (size_t)H5Sget_simple_extent_npoints(s);
    t->data = calloc(t->elems + 1, sizeof(float));
    const bool ok = t->data && H5Dread(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, t->data) >= 0;
    H5Sclose(s);
    H5Dclose(d);
    return ok;
}

/* What call number i of a model with a state was given, or gave, goes behind what the calls before were. */
static bool read_further(hid_t at, const char *what, int i, tensor *t)
{
    tensor more = {0};
    if (!read_tensor(at, what, i, &more) || more.rank != t->rank || !t->rank)
        return false;
    t->data = realloc(t->data, (t->elems + more.elems + 1) * sizeof(float));
    memcpy(t->data + t->elems, more.data, more.elems * sizeof(float));
    t->elems += more.elems;
    t->dim[0] += more.dim[0];
    free(more.data);
    return true;
}

static int count_links(hid_t at, const char *what)
{
    char name[32];
    for (int n = 0;; n++) {
        snprintf(name, sizeof name, "%s_%d", what, n);
        if (H5Lexists(at, name, H5P_DEFAULT) <= 0)
            return n;
    }
}

/* Goldens of published models have the datasets at the root, three samples, and how far Keras deviates from itself. */
static bool read_golden(const char *path, golden *g)
{
    const hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (f < 0)
        return false;
    const bool own = H5Lexists(f, "golden", H5P_DEFAULT) > 0;
    const hid_t at = own ? H5Gopen2(f, "golden", H5P_DEFAULT) : f;
    text_attribute(at, "family", g->family, sizeof g->family);
    text_attribute(at, "layers", g->layers, sizeof g->layers);
    text_attribute(at, "note", g->note, sizeof g->note);
    g->n_in = count_links(at, "input");
    g->n_out = count_links(at, "output");
    g->n_calls = (int)number_attribute(at, "n_calls", 1);
    g->rtol = number_attribute(at, "rtol", 1e-4);
    g->atol = number_attribute(at, "atol", 1e-5);
    g->rtol = g->rtol < 1e-4 ? 1e-4 : g->rtol;
    g->atol = g->atol < 1e-5 ? 1e-5 : g->atol;
    double deviation = 0;
    if (!own) {
        snprintf(g->family, sizeof g->family, "models");
        deviation = number_attribute(at, "batch_dev", 0);
        g->atol = deviation == deviation && 4 * deviation > 1e-4 ? 4 * deviation : 1e-4;
    }
    bool ok = g->n_in <= LOWERED_MAX_PORTS && g->n_out <= LOWERED_MAX_PORTS && g->n_out > 0;
    for (int i = 0; i < g->n_in && ok; i++)
        ok = read_tensor(at, "input", i, &g->in[i]);
    for (int i = 0; i < g->n_out && ok; i++)
        ok = read_tensor(at, "output", i, &g->out[i]);
    for (int k = 1; k < g->n_calls && ok; k++) {
        char name[32];
        snprintf(name, sizeof name, "call_%d", k);
        const hid_t call = H5Gopen2(at, name, H5P_DEFAULT);
        for (int i = 0; i < g->n_in && ok; i++)
            ok = read_further(call, "input", i, &g->in[i]);
        for (int i = 0; i < g->n_out && ok; i++)
            ok = read_further(call, "output", i, &g->out[i]);
        H5Gclose(call);
    }
    /* Samples that influence each other: the reference is of the first alone. */
    if (!own && !(deviation <= 1e-3))
        for (int i = 0; i < g->n_in + g->n_out && ok; i++) {
            tensor *t = i < g->n_in ? &g->in[i] : &g->out[i - g->n_in];
            t->elems /= t->dim[0];
            t->dim[0] = 1;
        }
    if (own)
        H5Gclose(at);
    H5Fclose(f);
    return ok;
}

/* ---- running ------------------------------------------------------------------------------------------------------------- */

static bool supported(const golden *g)
{
    char list[sizeof g->layers];
    snprintf(list, sizeof list, "%s", g->layers);
    for (char *save, *l = strtok_r(list, ", ", &save); l; l = strtok_r(NULL, ", ", &save)) {
        bool known = false;
        for (int i = 0; i < opt.n_supported && !known; i++)
            known = !strcmp(l, opt.supported[i]);
        if (!known)
            return false;
    }
    return g->layers[0] && opt.n_supported && !strstr(g->note, "may be refused clearly");
}

/* The generated model must give the executor's bits. */
static bool same_native(const cynf_net *net, size_t n, const void *const *x, void *const *y, char *why, size_t cap)
{
    void *z[LOWERED_MAX_PORTS];
    size_t bytes[LOWERED_MAX_PORTS];
    for (int i = 0; i < cynf_net_outputs(net); i++) {
        const cynf_model_port *p = cynf_net_output(net, i);
        bytes[i] = n * p->bytes / (size_t)cynf_net_batch(net);
        z[i] = calloc(bytes[i] + p->bytes, 1);
    }
    if (!native_run(&opt.generated, net, n, x, z, why, cap))
        return false;
    for (int i = 0; i < cynf_net_outputs(net); i++)
        if (memcmp(y[i], z[i], bytes[i])) {
            snprintf(why, cap, "output %d: the generated model's bits differ from the executor's", i);
            return false;
        }
    return true;
}

/* After a reset the same bits as the first time; from the state in the middle, the same bits as from there on. */
static bool begins_anew(cynf_runner *r, const cynf_net *net, size_t n, const void *const *x, void *const *y, char *why, size_t cap)
{
    const size_t floats = cynf_net_state_floats(net), batch = (size_t)cynf_net_batch(net);
    if (!floats)
        return true;
    float *state = malloc(floats * sizeof *state), *end = malloc(floats * sizeof *end);
    void *z[LOWERED_MAX_PORTS];
    const void *rest[LOWERED_MAX_PORTS];
    for (int i = 0; i < cynf_net_outputs(net); i++)
        z[i] = calloc(n / batch, cynf_net_output(net, i)->bytes);
    for (int i = 0; i < cynf_net_inputs(net); i++)
        rest[i] = (const char *)x[i] + cynf_net_input(net, i)->bytes;
    cynf_runner_get_state(r, end);
    cynf_runner_reset_state(r);
    bool ok = !cynf_run(r, x, z);
    cynf_runner_get_state(r, state);
    cynf_runner_reset_state(r);
    cynf_runner_set_state(r, state);
    for (int i = 0; i < cynf_net_outputs(net); i++)
        ok = ok && !memcmp(z[i], y[i], cynf_net_output(net, i)->bytes);
    ok = ok && !cynf_run_batch(r, n - batch, rest, z);
    cynf_runner_get_state(r, state);
    for (int i = 0; i < cynf_net_outputs(net); i++)
        ok = ok && !memcmp(z[i], (const char *)y[i] + cynf_net_output(net, i)->bytes, (n / batch - 1) * cynf_net_output(net, i)->bytes);
    ok = ok && !memcmp(state, end, floats * sizeof *state);
    if (!ok)
        snprintf(why, cap, "after a reset, or from a state that was set, the results differ");
    return ok;
}

/* The executor, and whether a generated model gives the same. */
static bool run_here(const cynf_net *net, size_t n, const void *const *x, void *const *y, char *why, size_t cap)
{
    cynf_runner *r;
    if (cynf_compile(&r, net, &(cynf_compile_options){.threads = opt.threads}, why, cap))
        return false;
    if (cynf_run_batch(r, n, x, y)) {
        snprintf(why, cap, "%zu samples are no whole number of batches of %d", n, cynf_net_batch(net));
        return false;
    }
    return begins_anew(r, net, n, x, y, why, cap) && (!opt.native || same_native(net, n, x, y, why, cap));
}

static report_outcome run_net(const cynf_net *net, const golden *g, const char *name, double *worst, char *why, size_t cap)
{
    const int n_in = cynf_net_inputs(net), n_out = cynf_net_outputs(net);
    if (n_in != g->n_in || n_out != g->n_out) {
        snprintf(why, cap, "%d inputs and %d outputs, expected %d and %d", n_in, n_out, g->n_in, g->n_out);
        return REPORT_FAILED;
    }
    const size_t n = n_in ? (size_t)g->in[0].dim[0] : 1;
    const void *x[LOWERED_MAX_PORTS];
    void *y[LOWERED_MAX_PORTS];
    for (int i = 0; i < n_in; i++) {
        const cynf_model_port *p = cynf_net_input(net, i);
        size_t elems = n;
        for (int k = 1; k < p->rank; k++)
            elems *= (size_t)p->shape[k];
        if (elems != g->in[i].elems) {
            snprintf(why, cap, "input %d has %zu elements, the golden's has %zu", i, elems, g->in[i].elems);
            return REPORT_FAILED;
        }
        x[i] = lowered_from_floats(g->in[i].data, elems, net->graph->in[i].dtype);
    }
    for (int i = 0; i < n_out; i++) {
        const cynf_model_port *p = cynf_net_output(net, i);
        bool same = p->rank == g->out[i].rank && (cynf_net_batch_fixed(net) || n == g->out[i].dim[0]);
        for (int k = 1; k < p->rank && same; k++)
            same = p->shape[k] == (int64_t)g->out[i].dim[k];
        if (!same) {
            int at = snprintf(why, cap, "output %d has shape (%zu", i, n);
            for (int k = 1; k < p->rank; k++)
                at += snprintf(why + at, cap - (size_t)at, ", %d", p->shape[k]);
            snprintf(why + at, cap - (size_t)at, "), the golden's differs");
            return REPORT_FAILED;
        }
        y[i] = calloc(g->out[i].elems + p->bytes, 8);
    }
    if (!(opt.generated.isas ? native_run(&opt.generated, net, n, x, y, why, cap) : run_here(net, n, x, y, why, cap)))
        return REPORT_FAILED;
    for (int i = 0; i < n_out; i++) {
        char text[256];
        const float *got = lowered_to_floats(y[i], g->out[i].elems, net->graph->out[i].dtype);
        if (opt.exact && !report_bits(opt.exact, name, i, got, g->out[i].elems, why, cap))
            return REPORT_FAILED;
        if (!report_compare(got, g->out[i].data, g->out[i].elems, g->rtol, g->atol, worst, text, sizeof text)) {
            snprintf(why, cap, "output %d: %s", i, text);
            return REPORT_FAILED;
        }
    }
    return REPORT_PASSED;
}

static bool lower(const cynf_net *net, const golden *g, const char *name)
{
    static lowered_case c;
    c.rtol = g->rtol;
    c.atol = g->atol;
    c.n_in = g->n_in;
    c.n_out = g->n_out;
    snprintf(c.name, sizeof c.name, "%s", name);
    snprintf(c.family, sizeof c.family, "%s", g->family);
    for (int i = 0; i < g->n_in; i++) {
        c.in[i] = g->in[i].data;
        c.in_elems[i] = g->in[i].elems;
    }
    for (int i = 0; i < g->n_out; i++) {
        c.out[i] = g->out[i].data;
        c.out_elems[i] = g->out[i].elems;
    }
    return !cynf_graph_to_flat(net->graph, &c.flat, &c.flat_bytes) && lowered_append(opt.lower, &c);
}

typedef struct answer {
    report_outcome outcome;
    double worst;
    char family[64], why[768];
} answer;

/* model.h5 -> model<suffix> */
static const char *sibling(const char *path, const char *suffix, char *out, size_t cap)
{
    snprintf(out, cap, "%.*s%s", (int)(strrchr(path, '.') - path), path, suffix);
    return out;
}

static void run_case(const char *path, const char *name, answer *a)
{
    char golden_path[4096], arch[4096];
    static golden g;
    a->outcome = REPORT_FAILED;
    if (!read_golden(access(sibling(path, ".golden.h5", golden_path, sizeof golden_path), R_OK) ? path : golden_path, &g)) {
        snprintf(a->why, sizeof a->why, "the golden cannot be read");
        return;
    }
    snprintf(a->family, sizeof a->family, "%s", g.family);
    cynf_net *net;
    const bool split = !access(sibling(path, ".arch.json", arch, sizeof arch), R_OK);
    int32_t shapes[LOWERED_MAX_PORTS][8] = {{0}};
    for (int i = 0; i < g.n_in; i++)
        for (int k = 0; k < g.in[i].rank; k++)
            shapes[i][k] = (int32_t)g.in[i].dim[k];
    cynf_net_options o = {.weights = split ? path : NULL, .shapes = (const int32_t (*)[8])shapes, .n_shapes = g.n_in, .math = opt.math, .customs = opt.customs,
        .exact = opt.exact != NULL};
    cynf_status s = cynf_net_load(&net, split ? arch : path, &o, a->why, sizeof a->why);
    const int32_t batch = shapes[0][0] / g.n_calls;
    if (!s && cynf_net_batch_fixed(net) && cynf_net_batch(net) != batch) { /* samples that mix need Keras' own batch */
        cynf_net_free(&net);
        o.batch = batch;
        s = cynf_net_load(&net, split ? arch : path, &o, a->why, sizeof a->why);
    }
    if (s)
        a->outcome = (s == CYNF_EUNSUPPORTED || s == CYNF_EFORMAT) && !supported(&g) ? REPORT_REFUSED : REPORT_FAILED;
    else if (!opt.lower)
        a->outcome = run_net(net, &g, name, &a->worst, a->why, sizeof a->why);
    else
        a->outcome = lower(net, &g, name) ? REPORT_PASSED : REPORT_FAILED;
}

static bool matches(const char *name)
{
    char list[1024];
    snprintf(list, sizeof list, "%s", opt.match);
    for (char *save, *m = strtok_r(list, ",", &save); m; m = strtok_r(NULL, ",", &save))
        if (strstr(name, m))
            return true;
    return false;
}

/* A case that crashes or hangs fails alone. */
static void guarded_case(const char *path, const char *name)
{
    int fd[2];
    answer a = {.outcome = REPORT_FAILED};
    if ((opt.match && !matches(name)) || opt.seen++ % opt.every)
        return;
    fflush(stdout);
    if (pipe(fd))
        exit(2);
    const pid_t pid = fork();
    if (!pid) {
        alarm(opt.native || opt.exact ? 900 : 120);
        run_case(path, name, &a);
        _exit(write(fd[1], &a, sizeof a) != (ssize_t)sizeof a);
    }
    close(fd[1]);
    const bool answered = read(fd[0], &a, sizeof a) == (ssize_t)sizeof a;
    close(fd[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!answered || status) {
        a.outcome = REPORT_FAILED;
        snprintf(a.why, sizeof a.why, "the process died (status %d)", status);
    }
    report_case(a.family[0] ? a.family : "?", name, a.outcome, a.worst, a.why, opt.verbose);
}

static bool ends(const char *s, const char *with) { return strlen(s) > strlen(with) && !strcmp(s + strlen(s) - strlen(with), with); }

/* A model with a reference beside it, or inside. */
static bool is_golden(const char *path)
{
    char beside[4096];
    if (ends(path, ".golden.h5") || !(ends(path, ".h5") || ends(path, ".keras")))
        return false;
    if (!access(sibling(path, ".golden.h5", beside, sizeof beside), R_OK))
        return true;
    if (!ends(path, ".h5"))
        return false;
    const hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    const bool inside = f >= 0 && H5Lexists(f, "golden", H5P_DEFAULT) > 0;
    H5Fclose(f);
    return inside;
}

static void walk(const char *root, const char *folder)
{
    struct dirent **list;
    const int n = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        char path[4096];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (name[0] != '.' && strcmp(name, "bad") && !stat(path, &st)) {
            if (S_ISDIR(st.st_mode))
                walk(root, path);
            else if (is_golden(path))
                guarded_case(path, path + strlen(root) + 1);
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

static void read_supported(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[128];
    if (!f) {
        fprintf(stderr, "run-goldens: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    while (fgets(line, sizeof line, f) && opt.n_supported < MAX_LAYERS) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] && line[0] != '#')
            opt.supported[opt.n_supported++] = strdup(line);
    }
    fclose(f);
}

int main(int argc, char **argv)
{
    bool usage = false;
    for (int c; (c = getopt(argc, argv, "c:e:f:i:m:l:n:r:s:t:vx:")) != -1;)
        switch (c) {
        case 'c':
            usage |= opt.n_customs == MAX_CUSTOMS;
            opt.customs[usage ? 0 : opt.n_customs++] = optarg;
            break;
        case 'e':
            opt.every = atoi(optarg);
            usage |= opt.every < 1;
            break;
        case 'f': opt.math = strcmp(optarg, "sleef") ? CYNF_MATH_POLY : CYNF_MATH_SLEEF; break;
        case 'i': usage |= !cynf_cpu_parse_mask(optarg, &opt.generated.isas); break;
        case 'm': opt.match = optarg; break;
        case 'n':
            opt.native = true;
            opt.generated.mode = strcmp(optarg, "portable") ? CYNF_GEN_FIXED : CYNF_GEN_PORTABLE;
            break;
        case 'l': opt.lower = optarg; break;
        case 'r': opt.generated.runner = optarg; break;
        case 's': read_supported(optarg); break;
        case 't': opt.threads = atoi(optarg); break;
        case 'v': opt.verbose = true; break;
        case 'x': opt.exact = optarg; break;
        default: usage = true;
        }
    char beside[4096], cache[64];
    const ssize_t path = readlink("/proc/self/exe", beside, sizeof beside - sizeof "run-native");
    if (!opt.generated.runner && path > 0) {
        beside[path] = 0;
        strcpy(strrchr(beside, '/') + 1, "run-native");
        opt.generated.runner = beside;
    }
    if (usage || optind >= argc || (opt.generated.isas && !opt.native)) {
        fprintf(stderr, "usage: run-goldens [-m PART,...] [-s SUPPORTED] [-t THREADS] [-l LOWERED] [-n fixed|portable] [-f poly|sleef] [-i ISA -r RUNNER] [-e N] [-x BITS] [-c NAME=FILE.c] "
                        "[-v] FOLDER...\n"
                        "  -m  only cases whose path holds one of the parts\n  -s  file of supported layer classes: refusing a golden made of them is a failure\n"
                        "  -n  through the generated model, too, which must give the same bits\n  -i  with -n: of another machine and without the executor; make is told of its compiler by CROSS, and RUNNER runs its programs, "
                        "run-native the first of them\n  -e  every N-th case only\n"
                        "  -x  exact; the bits of the outputs must be those that the file BITS has from runs before, and new ones are added to it\n"
                        "  -c  a custom layer in C, of all cases\n"
                        "  -f  make of exp, tanh, erf ...\n  -l  write the cases to one file for run-lowered instead of running them\n  -v  print refusals\n"
                        "CYNF_CPU_MASK chooses the instruction sets, CYNF_KERNEL the variants.\n");
        return 2;
    }
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    opt.generated.threads = opt.threads;
    opt.generated.cache = cache;
    snprintf(cache, sizeof cache, "/tmp/cynf-native-objects-%d", (int)getpid());
    if (opt.lower)
        remove(opt.lower);
    for (; optind < argc; optind++)
        walk(argv[optind], argv[optind]);
    const bool failed = report_finish() != 0;
    if (opt.native && opt.generated.mode == CYNF_GEN_PORTABLE)
        native_forget(cache);
    return failed;
}
