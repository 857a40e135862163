/* SPDX-License-Identifier: MIT */
/** Files of custom layers: read, compiled into a shared object in a temporary folder, loaded; then asked for the shapes of each call. */
#include "keras/custom.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keras/layers/layer.h"

#define MAX_FILE (1 << 20)
#define MAX_SOURCES 64
#define MAX_ARGUMENTS 64
#define MAX_TENSOR (1 << 29) /* elements, as everywhere in a graph */

typedef struct source {
    cynf_custom_source s;
    char *path;
    void *handle;
    bool used;
} source;

struct cynf_customs {
    cynf_custom_set set; /* the first member: the graph's pointer is this one's */
    source source[MAX_SOURCES];
    int32_t n_source, cap_call;
};

/** cynf/custom.h, as codegen/embed.py packs files. */
extern const struct {
    const char *path, *start, *end;
} cynf_custom_header[];

extern const cynf_layer_class cynf_layers_custom[];

/* ---- the compiler ------------------------------------------------------------------------------------------------------------ */

typedef struct report {
    char *text;
    size_t cap;
    const source *source;
} report;

/* One line: custom "Scale" (scale.c): what is wrong. */
static cynf_status wrong(const report *r, cynf_status s, const char *format, ...) __attribute__((format(printf, 3, 4)));
static cynf_status wrong(const report *r, cynf_status s, const char *format, ...)
{
    const int n = snprintf(r->text, r->cap, "custom \"%s\" (%s): ", r->source->s.name, r->source->path);
    va_list v;
    va_start(v, format);
    if (n >= 0 && (size_t)n < r->cap)
        vsnprintf(r->text + n, r->cap - (size_t)n, format, v);
    va_end(v);
    return s;
}

/* The whole file, 0-terminated; NULL with errno, or with errno 0 when it is too large or no text. */
static char *read_text(const char *path)
{
    struct stat st;
    char *s = NULL;
    size_t n = 0;
    errno = 0;
    FILE *f = !stat(path, &st) && S_ISREG(st.st_mode) ? fopen(path, "r") : NULL; /* a named pipe would hang */
    if (!f)
        return NULL;
    if (st.st_size <= MAX_FILE && (s = calloc((size_t)st.st_size + 1, 1)))
        n = fread(s, 1, (size_t)st.st_size, f);
    if (s && (n != (size_t)st.st_size || memchr(s, 0, n))) {
        free(s);
        s = NULL;
    }
    fclose(f);
    return s;
}

static bool write_file(const char *folder, const char *name, const char *head, const char *text, size_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    const bool ok = f && fputs(head, f) >= 0 && fwrite(text, 1, n, f) == n;
    return f && !fclose(f) && ok;
}

/* What of a compiler's messages says most: the first line with an error, else the first one. */
static void first_error(const char *folder, char *line, size_t cap)
{
    char path[4096], at[1024];
    snprintf(path, sizeof path, "%s/log", folder);
    FILE *f = fopen(path, "r");
    bool error = false;
    *line = 0;
    while (f && !error && fgets(at, sizeof at, f)) {
        at[strcspn(at, "\n")] = 0;
        error = strstr(at, "error") || strstr(at, "undefined");
        if (error || !*line)
            snprintf(line, cap, "%s", at);
    }
    if (f)
        fclose(f);
}

/* CC may hold options. Messages are the compiler's own, in a file of the folder. */
static cynf_status compile(const report *r, const char *folder)
{
    static const char *const options[] = {"-std=c11", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
        "-Werror=implicit-function-declaration", "-Wmissing-prototypes", "-Werror=missing-prototypes", "-DCYNF_CUSTOM_LINKAGE="};
    const char *cc = getenv("CC");
    char command[1024], include[4096], in[4096], out[4096], log[4096], line[1024], *argument[MAX_ARGUMENTS], *save = NULL;
    int n = 0, status = 0;
    pid_t pid;
    posix_spawn_file_actions_t files;
    extern char **environ;
    snprintf(command, sizeof command, "%s", cc && cc[strspn(cc, " ")] ? cc : "cc");
    for (char *word = strtok_r(command, " ", &save); word && n < MAX_ARGUMENTS / 2; word = strtok_r(NULL, " ", &save))
        argument[n++] = word;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        argument[n++] = (char *)(uintptr_t)options[i];
    snprintf(include, sizeof include, "-I%s", folder);
    snprintf(in, sizeof in, "%s/custom.c", folder);
    snprintf(out, sizeof out, "%s/custom.so", folder);
    snprintf(log, sizeof log, "%s/log", folder);
    char *const rest[] = {include, "-o", out, in, "-lm", NULL};
    memcpy(argument + n, rest, sizeof rest);
    if (posix_spawn_file_actions_init(&files))
        return wrong(r, CYNF_ENOMEM, "out of memory");
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    const int failed = posix_spawnp(&pid, argument[0], &files, NULL, argument, environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed)
        return wrong(r, CYNF_EIO, "the C compiler %s cannot be run: %s; install one, or name it in CC", argument[0], strerror(failed));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!status)
        return CYNF_OK;
    first_error(folder, line, sizeof line);
    return wrong(r, CYNF_EUNSUPPORTED, "the C compiler %s refuses it: %s", argument[0], *line ? line : "without a word");
}

static cynf_status load(const report *r, source *s, const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/custom.so", folder);
    if (!(s->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL))) {
        const char *why = dlerror(), *colon = why ? strstr(why, ": ") : NULL; /* behind the temporary file's name */
        return wrong(r, CYNF_EUNSUPPORTED, "it cannot be loaded: %s", colon ? colon + 2 : why ? why : "?");
    }
    const cynf_custom_functions *f = dlsym(s->handle, "cynf_custom_entry");
    if (!f)
        return wrong(r, CYNF_EUNSUPPORTED, "it does not say CYNF_CUSTOM(%d, shapes, run), which names its functions", CYNF_CUSTOM_API_VERSION);
    if (f->version != CYNF_CUSTOM_API_VERSION)
        return wrong(r, CYNF_EUNSUPPORTED, "it is written for version %d of cynf/custom.h, this is version %d", f->version, CYNF_CUSTOM_API_VERSION);
    if (!f->shapes || !f->run)
        return wrong(r, CYNF_EUNSUPPORTED, "CYNF_CUSTOM names no function for %s", f->shapes ? "run" : "shapes");
    s->s.functions = f;
    return CYNF_OK;
}

/* Nothing of the folder is needed once the object is loaded. */
static cynf_status build(const report *r, source *s)
{
    static const char *const names[] = {"cynf/custom.h", "cynf", "custom.c", "custom.so", "log"};
    const char *base = getenv("TMPDIR");
    char folder[1024], path[4096], head[2048];
    size_t n = 0;
    snprintf(folder, sizeof folder, "%s/cynf-custom-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder))
        return wrong(r, CYNF_EIO, "%s: no temporary folder can be made there: %s", base && *base ? base : "/tmp", strerror(errno));
    /* So that the compiler's messages name the user's file. */
    n = (size_t)snprintf(head, sizeof head, "#line 1 \"");
    for (const char *c = s->path; *c && n + 8 < sizeof head; c++)
        n += (size_t)snprintf(head + n, sizeof head - n, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    snprintf(head + n, sizeof head - n, "\"\n");
    snprintf(path, sizeof path, "%s/cynf", folder);
    cynf_status status;
    if (mkdir(path, 0700) || !write_file(folder, "cynf/custom.h", "", cynf_custom_header->start, (size_t)(cynf_custom_header->end - cynf_custom_header->start)) ||
        !write_file(folder, "custom.c", head, s->s.text, strlen(s->s.text)))
        status = wrong(r, CYNF_EIO, "%s: cannot be written: %s", folder, strerror(errno));
    else if (!(status = compile(r, folder)))
        status = load(r, s, folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    rmdir(folder);
    return status;
}

/* ---- the set ----------------------------------------------------------------------------------------------------------------- */

void cynf_customs_restart(cynf_customs *c)
{
    for (int32_t i = 0; c && i < c->set.n_call; i++)
        free(c->set.call[i].shape);
    if (c)
        c->set.n_call = 0;
}

static void release(cynf_custom_set *set)
{
    cynf_customs *c = (cynf_customs *)set;
    cynf_customs_restart(c);
    for (int32_t i = 0; i < c->n_source; i++) {
        if (c->source[i].handle)
            dlclose(c->source[i].handle);
        free(c->source[i].s.name);
        free(c->source[i].s.text);
        free(c->source[i].path);
    }
    free(c->set.call);
    free(c);
}

void cynf_customs_free(cynf_customs **c)
{
    if (*c)
        release(&(*c)->set);
    *c = NULL;
}

cynf_custom_set *cynf_customs_give(cynf_customs **c)
{
    cynf_custom_set *set = &(*c)->set;
    *c = NULL;
    return set;
}

static cynf_status open_one(cynf_customs *c, const char *spec, char *text, size_t cap)
{
    const char *equals = strchr(spec, '=');
    if (!equals || equals == spec || !equals[1] || c->n_source == MAX_SOURCES) {
        if (c->n_source == MAX_SOURCES)
            snprintf(text, cap, "custom \"%s\": more than %d of them", spec, MAX_SOURCES);
        else
            snprintf(text, cap, "custom \"%s\": expected Name=file.c, the class of a layer (or the name of a Lambda) and the C file that says what it computes", spec);
        return CYNF_EINVAL;
    }
    source *s = &c->source[c->n_source++];
    const report r = {text, cap, s};
    if (!(s->s.name = strndup(spec, (size_t)(equals - spec))) || !(s->path = strdup(equals + 1))) {
        snprintf(text, cap, "custom \"%s\": out of memory", spec);
        return CYNF_ENOMEM;
    }
    for (int32_t i = 0; i + 1 < c->n_source; i++)
        if (!strcmp(c->source[i].s.name, s->s.name))
            return wrong(&r, CYNF_EINVAL, "given twice; the other file is %s", c->source[i].path);
    if (!(s->s.text = read_text(s->path)))
        return wrong(&r, CYNF_EINVAL, "it cannot be read: %s", errno ? strerror(errno) : "it is no text, or larger than 1 MiB");
    return build(&r, s);
}

cynf_status cynf_customs_open(cynf_customs **out, const char *const *specs, char *text, size_t cap)
{
    cynf_customs *c = calloc(1, sizeof *c);
    cynf_status s = c ? CYNF_OK : CYNF_ENOMEM;
    if (c)
        c->set.release = release;
    for (; !s && *specs; specs++)
        s = open_one(c, *specs, text, cap);
    if (s)
        cynf_customs_free(&c);
    else
        *out = c;
    return s;
}

static const char *string(const cJSON *object, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return s ? s : "";
}

/* Without its package. */
static const char *class_of(const cJSON *layer)
{
    const char *klass = string(layer, "class_name"), *package = strrchr(klass, '>');
    return package ? package + 1 : klass;
}

/* A Lambda by its own name, or as a Lambda; others by their class. */
static source *find(cynf_customs *c, const cJSON *layer)
{
    const char *klass = class_of(layer), *own = string(cJSON_GetObjectItemCaseSensitive(layer, "config"), "name");
    const bool lambda = !strcmp(klass, "Lambda");
    source *found = NULL;
    for (int32_t i = 0; c && i < c->n_source; i++) {
        const char *name = c->source[i].s.name;
        if (lambda && !strcmp(name, own))
            return &c->source[i];
        if (!strcmp(name, klass))
            found = &c->source[i];
    }
    return found;
}

bool cynf_customs_have(cynf_customs *c, const cJSON *layer) { return find(c, layer) != NULL; }

const char *cynf_customs_unused(const cynf_customs *c)
{
    for (int32_t i = 0; c && i < c->n_source; i++)
        if (!c->source[i].used)
            return c->source[i].s.name;
    return NULL;
}

/* ---- one call ---------------------------------------------------------------------------------------------------------------- */

/* The config's value of that key, or element of it. */
static double number(const cynf_custom_layer *l, const char *key, int32_t index, double absent)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(l->reserved, key);
    v = cJSON_IsArray(v) ? cJSON_GetArrayItem(v, index) : v;
    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : cJSON_IsNumber(v) ? v->valuedouble : absent;
}

static const char *text(const cynf_custom_layer *l, const char *key, const char *absent)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(l->reserved, key));
    return s ? s : absent;
}

static cynf_custom_shape outer_shape(const cynf_shape *s)
{
    cynf_custom_shape t = {.rank = s->rank};
    memcpy(t.dim, s->d, (size_t)s->rank * sizeof *t.dim);
    return t;
}

/* Checked, since the function is the user's: a rank or size out of range is told about. */
static bool inner_shape(cynf_lower *c, const char *name, int32_t output, const cynf_custom_shape *s, cynf_shape *to)
{
    int64_t elems = 1;
    *to = (cynf_shape){.rank = s->rank};
    if (s->rank < 0 || s->rank > CYNF_MAX_DIMS) {
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "shapes() of the custom \"%s\" gives output %d a rank of %d, expected 0 to %d", name, output, s->rank, CYNF_MAX_DIMS);
        return false;
    }
    for (int i = 0; i < s->rank; i++) {
        to->d[i] = s->dim[i];
        elems *= s->dim[i] > 0 && elems <= MAX_TENSOR ? s->dim[i] : 0;
        if (elems < 1 || elems > MAX_TENSOR) {
            cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "shapes() of the custom \"%s\" gives output %d a size of %d in dimension %d, expected sizes from 1 and at most %d elements",
                name, output, s->dim[i], i, MAX_TENSOR);
            return false;
        }
    }
    return true;
}

/* The weights as the layer lists them, and all of them in one constant; CYNF_NO_TENSOR with n 0: it has none. */
static cynf_tensor_id gather_weights(cynf_lower *c, cynf_custom_weight weight[CYNF_CUSTOM_MAX_WEIGHTS], int32_t *n)
{
    const cynf_layer_weights *w = c->weights;
    int64_t total = 0, at = 0;
    *n = w ? w->n : 0;
    if (w && w->problem)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "its weights (%s): %s", w->where, w->problem);
    if (*n > CYNF_CUSTOM_MAX_WEIGHTS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "it has %d weights; a custom layer may have %d", *n, CYNF_CUSTOM_MAX_WEIGHTS);
    for (int32_t i = 0; i < *n; i++) {
        const cynf_dataset *d = w->data[i];
        weight[i] = (cynf_custom_weight){.name = w->name[i], .shape.rank = d->rank, .data = d->data};
        int64_t elems = 1;
        for (int k = 0; k < d->rank && k < CYNF_MAX_DIMS; k++) {
            weight[i].shape.dim[k] = (int32_t)d->dim[k];
            elems = d->dim[k] > MAX_TENSOR || elems > MAX_TENSOR ? (int64_t)MAX_TENSOR + 1 : elems * (int64_t)d->dim[k];
        }
        total += elems;
        if (!d->data || d->rank > CYNF_MAX_DIMS || elems < 1 || total > MAX_TENSOR)
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "weight \"%s\" %s", d->path, d->note ? d->note : "is too large, has too many dimensions, or could not be read");
    }
    const cynf_tensor_id all = *n ? cynf_g_const(c->g, &(cynf_shape){1, {(int32_t)total}}, NULL) : CYNF_NO_TENSOR;
    for (int32_t i = 0; i < *n && all >= 0; i++) {
        const size_t elems = cynf_custom_elems(&weight[i].shape);
        memcpy(c->g->t[all].data + at, weight[i].data, elems * sizeof(float));
        at += (int64_t)elems;
    }
    c->parameters += total;
    return all;
}

/* Room in the set for one more call, whose number is its n_call; NULL: out of memory. */
static cynf_custom_call *new_call(cynf_customs *s, int32_t shapes)
{
    if (s->set.n_call == s->cap_call) {
        const int32_t cap = s->cap_call ? 2 * s->cap_call : 8;
        cynf_custom_call *more = realloc(s->set.call, (size_t)cap * sizeof *more);
        if (!more)
            return NULL;
        s->set.call = more;
        s->cap_call = cap;
    }
    cynf_custom_call *call = &s->set.call[s->set.n_call];
    *call = (cynf_custom_call){.shape = calloc((size_t)shapes, sizeof(cynf_custom_shape))};
    return call->shape ? call : NULL;
}

static cynf_tensor_id lower_custom(cynf_lower *c)
{
    cynf_graph *g = c->g;
    source *s = find(c->customs, c->json);
    cynf_custom_shape in[CYNF_CUSTOM_MAX_INPUTS];
    cynf_custom_weight weight[CYNF_CUSTOM_MAX_WEIGHTS];
    cynf_custom_result result = {.n_out = 1};
    cynf_shape out[CYNF_CUSTOM_MAX_OUTPUTS];
    cynf_tensor_id y[CYNF_CUSTOM_MAX_OUTPUTS];
    int32_t n_weights;
    if (!s)
        return cynf_layer_refuse(c, string(c->json, "class_name"), c->json);
    if (c->call && c->call->extra)
        return cynf_graph_fail(g, CYNF_EUNSUPPORTED, "called with an argument (%s); a custom layer takes nothing but tensors", c->call->extra->string ? c->call->extra->string : "a constant");
    if (c->n_in < 1 || c->n_in > CYNF_CUSTOM_MAX_INPUTS)
        return cynf_graph_fail(g, CYNF_EUNSUPPORTED, "called with %d tensors; a custom layer takes 1 to %d", c->n_in, CYNF_CUSTOM_MAX_INPUTS);
    for (int32_t i = 0; i < c->n_in; i++) {
        const cynf_shape shape = cynf_shape_of(c, c->in[i]);
        in[i] = outer_shape(&shape);
    }
    for (int i = 0; i < CYNF_CUSTOM_MAX_OUTPUTS; i++)
        result.out[i].rank = -1;
    s->used = true;
    const cynf_tensor_id weights = gather_weights(c, weight, &n_weights);
    char *config = g->status ? NULL : cJSON_PrintUnformatted(c->config);
    if (g->status || !config)
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    const cynf_custom_layer layer = {.name = string(c->config, "name"), .class_name = class_of(c->json), .config = config, .n_in = c->n_in,
        .n_weights = n_weights, .in = in, .weight = weight, .number = number, .text = text, .reserved = c->config};
    const char *why = s->s.functions->shapes(&layer, &result), *name = s->s.name;
    if (why)
        cynf_graph_fail(g, CYNF_EUNSUPPORTED, "the custom \"%s\" refuses it: %s", name, why);
    else if (result.n_out < 1 || result.n_out > CYNF_CUSTOM_MAX_OUTPUTS || result.n_out < c->n_out)
        cynf_graph_fail(g, CYNF_EUNSUPPORTED, "shapes() of the custom \"%s\" gives it %d outputs, expected %d to %d", name, result.n_out, c->n_out > 1 ? c->n_out : 1, CYNF_CUSTOM_MAX_OUTPUTS);
    free(config);
    for (int32_t i = 0; i < result.n_out && !g->status; i++)
        inner_shape(c, name, i, &result.out[i], &out[i]);
    if (g->status)
        return CYNF_NO_TENSOR;
    cynf_custom_call *call = new_call(c->customs, c->n_in + n_weights + result.n_out);
    if (!call)
        return cynf_graph_fail(g, CYNF_ENOMEM, "out of memory");
    call->source = &s->s;
    call->n_in = c->n_in;
    call->n_weights = n_weights;
    call->n_out = result.n_out;
    memcpy(call->param, result.param, sizeof call->param);
    memcpy(call->shape, in, (size_t)c->n_in * sizeof *in);
    for (int32_t i = 0; i < n_weights; i++)
        call->shape[c->n_in + i] = weight[i].shape;
    memcpy(call->shape + c->n_in + n_weights, result.out, (size_t)result.n_out * sizeof *result.out);
    cynf_g_custom(g, c->customs->set.n_call++, c->in, c->n_in, weights, result.workspace_bytes, out, result.n_out, y);
    if (g->status)
        return CYNF_NO_TENSOR;
    if (result.mixes_samples)
        g->batch_mixed = true;
    *c->out_mask = result.keeps_mask ? *c->mask : CYNF_NO_TENSOR;
    for (int32_t i = 1; i < result.n_out; i++)
        cynf_set_output(c, i, y[i]);
    return y[0];
}

const cynf_layer_class cynf_layers_custom[] = {
    {"Lambda", lower_custom, CYNF_ANY_CALL, "with `--custom Name=file.c` alone: by its own name, or as `Lambda`. Every class that is not in these tables, and, where a file is given "
        "for it, every class that is, by its name", "a function in C ([cynf/custom.h](../include/cynf/custom.h))",
        "tensors are the only arguments; masks are not seen; one thread; no streams"},
    {NULL, NULL, CYNF_ONE_INPUT},
};
