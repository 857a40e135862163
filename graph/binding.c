/* SPDX-License-Identifier: MIT */
/** Plans in their line format, and the keys by which they are found: CPU, problem, model. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/binding.h"

/* ---- keys ---- */

/* Value of a "key : value" line of /proc/cpuinfo, or NULL. */
static const char *cpuinfo_value(char *line, const char *key)
{
    const size_t n = strlen(key);
    char *v = strncmp(line, key, n) ? NULL : line + n + strspn(line + n, " \t");
    if (!v || *v != ':')
        return NULL;
    v[strcspn(v, "\n")] = 0;
    return v + 1 + strspn(v + 1, " \t");
}

static const char *other_cpu;

void cynf_cpu_set_fingerprint(const char *cpu) { other_cpu = cpu; }

const char *cynf_cpu_fingerprint(char *out, size_t cap)
{
    if (other_cpu) {
        snprintf(out, cap, "%s", other_cpu);
        return out;
    }
    /* x86, then aarch64; the first processor speaks for all. */
    static const struct {
        const char *key, *label;
    } keys[] = {
        {"vendor_id", ""}, {"cpu family", "family="}, {"model", "model="}, {"stepping", "stepping="}, {"model name", ""},
        {"CPU implementer", "implementer="}, {"CPU variant", "variant="}, {"CPU part", "part="}, {"CPU revision", "revision="},
    };
    enum { N = sizeof keys / sizeof keys[0] };
    char value[N][96] = {{0}};
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[4096];
    while (f && fgets(line, sizeof line, f) && *line != '\n')
        for (int i = 0; i < N; i++) {
            const char *v = cpuinfo_value(line, keys[i].key);
            if (v) {
                snprintf(value[i], sizeof value[i], "%s", v);
                break;
            }
        }
    if (f)
        fclose(f);
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < N; i++)
        if (value[i][0] && n < cap)
            n += (size_t)snprintf(out + n, cap - n, "%s%s%s", n ? " " : "", keys[i].label, value[i]);
    if (!n)
        snprintf(out, cap, "unknown");
    return out;
}

const char *cynf_problem_signature(const cynf_problem *p, int32_t threads, char *out, size_t cap)
{
    const size_t n = (size_t)cynf_geometry_print(p->op, &p->u, out, cap);
    if (n < cap)
        snprintf(out + n, cap - n, " threads=%d", threads);
    return out;
}

static void hash_bytes(uint64_t *h, const void *data, size_t n) /* FNV-1a */
{
    for (const unsigned char *p = data, *end = p + n; p < end; p++)
        *h = (*h ^ *p) * 0x100000001b3u;
}

uint64_t cynf_graph_hash(const cynf_graph *g)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int32_t i = 0; i < g->n_t; i++) {
        const cynf_tensor *t = &g->t[i];
        const int32_t kind = t->data != NULL;
        hash_bytes(&h, &kind, sizeof kind);
        hash_bytes(&h, &t->shape.rank, sizeof t->shape.rank);
        hash_bytes(&h, t->shape.d, (size_t)t->shape.rank * sizeof t->shape.d[0]);
    }
    for (int32_t i = 0; i < g->n_node; i++) {
        const cynf_node *n = &g->node[i];
        if (n->dead)
            continue;
        const int32_t head[] = {i, (int32_t)n->op, n->n_in, n->out, n->kind, n->kd, n->kh, n->kw, n->sd, n->sh, n->sw, n->dh, n->dw, n->pf, n->pt,
            n->pl, n->groups, n->mult, n->axis, n->mask, n->keepdims};
        hash_bytes(&h, head, sizeof head);
        hash_bytes(&h, n->in, (size_t)n->n_in * sizeof n->in[0]);
        hash_bytes(&h, n->perm, sizeof n->perm);
        hash_bytes(&h, n->begin, sizeof n->begin);
        hash_bytes(&h, n->step, sizeof n->step);
        hash_bytes(&h, &n->e, sizeof n->e);
    }
    for (int32_t i = 0; i < g->n_in; i++)
        hash_bytes(&h, &g->in[i].t, sizeof g->in[i].t);
    for (int32_t i = 0; i < g->n_out; i++)
        hash_bytes(&h, &g->out[i].t, sizeof g->out[i].t);
    for (int32_t i = 0; i < g->n_state; i++)
        hash_bytes(&h, (const cynf_tensor_id[]){g->state[i].t, g->state[i].next}, 2 * sizeof(cynf_tensor_id));
    hash_bytes(&h, &g->batch, sizeof g->batch);
    return h;
}

/* ---- the line format ---- */

typedef enum line_kind { LINE_KERNEL, LINE_MODEL, LINE_NODE, LINE_FUSE, LINE_BLOCK, LINE_BANDS, LINE_SERIAL } line_kind;

/** One line of this CPU's section. */
typedef struct line {
    line_kind kind;
    const char *signature;     /**< kernel: points into text */
    const cynf_kernel *kernel; /**< kernel, node */
    uint64_t hash;             /**< model */
    int32_t a, b;              /**< model: threads, batch; node: node; fuse, block, bands: index, value */
} line;

struct cynf_binding {
    char *text;
    line *line;
    size_t n_line, model; /**< model: number of the applied model's line, or n_line */
    int32_t threads, batch;
    bool exact;
    const line *other;              /**< the same graph with other threads or batch, where the applied model has no line */
    int32_t bound, unfit, modelled; /**< convolutions and dense layers */
    int32_t inexact;                /**< kernels of any layer that an exact program does not take */
    cynf_decisions decisions;
};

static cynf_status refuse(char *why, size_t cap, size_t number, const char *format, ...) __attribute__((format(printf, 4, 5)));
static cynf_status refuse(char *why, size_t cap, size_t number, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const int n = snprintf(why, cap, "line %zu: ", number);
    if (n > 0 && (size_t)n < cap)
        vsnprintf(why + n, cap - (size_t)n, format, ap);
    va_end(ap);
    return CYNF_EPLAN_FORMAT;
}

/* Whether the kernel is of an operation that this build carries nothing of. */
static bool of_absent_operation(const char *kernel)
{
    char prefix[64];
    for (int op = 0; op < CYNF_OP_COUNT; op++) {
        const int n = snprintf(prefix, sizeof prefix, "cynf_%s_", cynf_op_name((cynf_op)op));
        if (!strncmp(kernel, prefix, (size_t)n))
            return !cynf_kernels((cynf_op)op, NULL, 0);
    }
    return false;
}

/* A line whose kernel stands behind a tab; the kernel of an absent operation stays NULL. */
static cynf_status parse_kernel(line *l, char *tab, size_t number, char *why, size_t cap)
{
    if (!tab)
        return refuse(why, cap, number, "found no tab in front of the kernel's name; write the file anew with cynf-plan bind");
    *tab = 0;
    l->kernel = cynf_kernel_find(tab + 1);
    return l->kernel || of_absent_operation(tab + 1) ? CYNF_OK :
        refuse(why, cap, number, "this build has no kernel named \"%.120s\"; tune again with this build", tab + 1);
}

/* Text lives as long as the line: signatures point into it. */
static cynf_status parse_line(line *l, char *text, size_t number, char *why, size_t cap)
{
    char *tab = strchr(text, '\t');
    int end = -1;
    if (!strncmp(text, "kernel ", 7)) {
        *l = (line){.kind = LINE_KERNEL, .signature = text + 7};
        return parse_kernel(l, tab, number, why, cap);
    }
    if (sscanf(text, "node %" SCNd32 "\t%n", &l->a, &end) == 1 && end > 0) {
        l->kind = LINE_NODE;
        return parse_kernel(l, tab, number, why, cap);
    }
    bool good = false;
    if (sscanf(text, "model %" SCNx64 " %" SCNd32 " %" SCNd32 "%n", &l->hash, &l->a, &l->b, &end) == 3) {
        l->kind = LINE_MODEL;
        good = true;
    } else if (sscanf(text, "fuse %" SCNd32 " %" SCNd32 "%n", &l->a, &l->b, &end) == 2) {
        l->kind = LINE_FUSE;
        good = l->b >= 0 && l->b <= 1;
    } else if (sscanf(text, "block %" SCNd32 " %" SCNd32 "%n", &l->a, &l->b, &end) == 2) {
        l->kind = LINE_BLOCK;
        good = l->b >= 0 && l->b <= INT16_MAX;
    } else if (sscanf(text, "bands %" SCNd32 " %" SCNd32 "%n", &l->a, &l->b, &end) == 2) {
        l->kind = LINE_BANDS;
        good = l->b >= 0 && l->b <= INT16_MAX;
    } else if (!strcmp(text, "serial")) {
        l->kind = LINE_SERIAL;
        end = 6;
        good = true;
    }
    if (!good || text[end])
        return refuse(why, cap, number, "expected cpu, kernel, model, node, fuse, block, bands or serial and its values, found \"%.60s\"", text);
    return CYNF_OK;
}

static cynf_status parse(cynf_binding *b, char *why, size_t cap)
{
    char fingerprint[CYNF_SIGNATURE_CAP], other[128] = "";
    bool ours = false, found = false, in_model = false;
    size_t number = 0;
    cynf_cpu_fingerprint(fingerprint, sizeof fingerprint);
    for (char *at = b->text, *next; *at; at = next) {
        const size_t len = strcspn(at, "\n");
        if (!at[len])
            return refuse(why, cap, number + 1, "the file ends within a line; it was truncated");
        at[len] = 0;
        next = at + len + 1;
        if (!number++) {
            if (strcmp(at, CYNF_BINDING_FIRST_LINE))
                return refuse(why, cap, number, "expected \"%s\", found \"%.60s\"", CYNF_BINDING_FIRST_LINE, at);
            continue;
        }
        if (!strncmp(at, "cpu ", 4)) {
            ours = !strcmp(at + 4, fingerprint);
            found |= ours;
            in_model = false;
            snprintf(other, sizeof other, "%s", at + 4);
            continue;
        }
        if (!ours)
            continue;
        line *l = &b->line[b->n_line];
        const cynf_status s = parse_line(l, at, number, why, cap);
        if (s)
            return s;
        in_model = l->kind == LINE_MODEL || (in_model && l->kind != LINE_KERNEL);
        if (!in_model && l->kind != LINE_KERNEL)
            return refuse(why, cap, number, "\"%.60s\" belongs behind a model line", at);
        b->n_line += l->kernel || (l->kind != LINE_KERNEL && l->kind != LINE_NODE);
    }
    if (!number)
        return refuse(why, cap, 1, "expected \"%s\", found nothing", CYNF_BINDING_FIRST_LINE);
    if (!found) {
        snprintf(why, cap, "made for \"%s\", this CPU is \"%s\"", other, fingerprint);
        return CYNF_EPLAN_CPU;
    }
    return CYNF_OK;
}

cynf_status cynf_binding_parse(cynf_binding **out, const char *text, size_t bytes, char *why, size_t cap)
{
    if (memchr(text, 0, bytes))
        return refuse(why, cap, 1, "the file holds a zero byte; it is no text");
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    cynf_binding *b = calloc(1, sizeof *b);
    cynf_status s = CYNF_ENOMEM;
    if (b && (b->text = malloc(bytes + 1)) && (b->line = calloc(lines, sizeof *b->line))) {
        memcpy(b->text, text, bytes);
        b->text[bytes] = 0;
        s = parse(b, why, cap);
        b->model = b->n_line;
    } else {
        snprintf(why, cap, "out of memory");
    }
    if (s)
        cynf_binding_free(&b);
    else
        *out = b;
    return s;
}

cynf_status cynf_binding_read(cynf_binding **out, const char *path, char *why, size_t cap)
{
    FILE *f = fopen(path, "re");
    char *text = NULL, *grown;
    size_t bytes = 0, room = 0, got = 1;
    while (f && got) {
        if (bytes == room) {
            room = room ? 2 * room : 1 << 16;
            if (!(grown = realloc(text, room)))
                break;
            text = grown;
        }
        bytes += got = fread(text + bytes, 1, room - bytes, f);
    }
    const bool read = f && !ferror(f) && !got;
    if (f)
        fclose(f);
    char inner[256];
    cynf_status s = CYNF_EIO;
    if (read) {
        s = cynf_binding_parse(out, text, bytes, inner, sizeof inner);
        if (s)
            snprintf(why, cap, "%s: %s", path, inner);
    } else {
        snprintf(why, cap, "%s: cannot be read", path);
    }
    free(text);
    return s;
}

void cynf_binding_free(cynf_binding **b)
{
    if (!*b)
        return;
    free((*b)->decisions.fuse);
    free((*b)->decisions.block);
    free((*b)->decisions.bands);
    free((*b)->line);
    free((*b)->text);
    free(*b);
    *b = NULL;
}

/* ---- use ---- */

/* The kernel of a line for p, or NULL; named: whether p has a line. */
static const cynf_kernel *fitting(cynf_binding *b, const line *l, const cynf_problem *p, bool *named)
{
    *named = true;
    if (cynf_kernel_op(l->kernel) != p->op || !cynf_kernel_supports(l->kernel, &p->u))
        return NULL;
    if (b->exact && !cynf_kernel_exact(l->kernel, &p->u)) {
        b->inexact++;
        return NULL;
    }
    return l->kernel;
}

static const cynf_kernel *choose(void *ctx, const cynf_problem *p, int32_t node)
{
    cynf_binding *b = ctx;
    char signature[CYNF_SIGNATURE_CAP];
    cynf_problem_signature(p, b->threads, signature, sizeof signature);
    const cynf_kernel *k = NULL;
    bool named = false;
    for (size_t i = b->model + 1; i < b->n_line && b->line[i].kind >= LINE_NODE && !k; i++)
        if (b->line[i].kind == LINE_NODE && b->line[i].a == node)
            k = fitting(b, &b->line[i], p, &named);
    for (size_t i = 0; i < b->n_line && !k; i++)
        if (b->line[i].kind == LINE_KERNEL && !strcmp(b->line[i].signature, signature))
            k = fitting(b, &b->line[i], p, &named);
    if (p->op <= CYNF_OP_FC)
        (*(k ? &b->bound : named ? &b->unfit : &b->modelled))++;
    return k;
}

bool cynf_binding_apply(cynf_binding *b, const cynf_graph *g, cynf_build_options *o)
{
    const uint64_t hash = cynf_graph_hash(g);
    free(b->decisions.fuse);
    free(b->decisions.block);
    free(b->decisions.bands);
    b->decisions = (cynf_decisions){0};
    b->threads = o->threads;
    b->batch = g->batch;
    b->exact = g->exact;
    b->other = NULL;
    b->bound = b->unfit = b->modelled = b->inexact = 0;
    o->choose = choose;
    o->choose_ctx = b;
    o->decisions = NULL;
    for (b->model = 0; b->model < b->n_line; b->model++) {
        const line *l = &b->line[b->model];
        if (l->kind != LINE_MODEL || l->hash != hash)
            continue;
        if (l->a == o->threads && l->b == g->batch)
            break;
        b->other = l;
    }
    if (b->model == b->n_line)
        return false;
    b->decisions = (cynf_decisions){g->n_node, g->n_t, malloc((size_t)g->n_node), malloc((size_t)g->n_t * sizeof(int16_t)), calloc((size_t)g->n_node + 1, sizeof(int16_t)), false};
    if (!b->decisions.fuse || !b->decisions.block || !b->decisions.bands) {
        b->model = b->n_line;
        return false;
    }
    memset(b->decisions.fuse, -1, (size_t)g->n_node);
    memset(b->decisions.block, -1, (size_t)g->n_t * sizeof(int16_t));
    for (size_t i = b->model + 1; i < b->n_line && b->line[i].kind >= LINE_NODE; i++) {
        const line *l = &b->line[i];
        if (l->kind == LINE_FUSE && (uint32_t)l->a < (uint32_t)g->n_node)
            b->decisions.fuse[l->a] = (int8_t)l->b;
        else if (l->kind == LINE_BLOCK && (uint32_t)l->a < (uint32_t)g->n_t)
            b->decisions.block[l->a] = (int16_t)l->b;
        else if (l->kind == LINE_BANDS && (uint32_t)l->a < (uint32_t)g->n_node)
            b->decisions.bands[l->a] = (int16_t)(l->b ? l->b : -1);
        b->decisions.serial |= l->kind == LINE_SERIAL;
    }
    o->decisions = &b->decisions;
    return true;
}

void cynf_binding_counts(const cynf_binding *b, int32_t *bound, int32_t *modelled)
{
    *bound = b->bound;
    *modelled = b->unfit + b->modelled;
}

static void append(char *text, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t cap, const char *format, ...)
{
    const size_t n = strlen(text);
    va_list ap;
    va_start(ap, format);
    vsnprintf(text + n, cap - n, format, ap);
    va_end(ap);
}

void cynf_binding_report(const cynf_binding *b, const char *path, char *text, size_t cap)
{
    const int32_t all = b->bound + b->unfit + b->modelled;
    const bool known = b->model < b->n_line;
    if (!cap || (known && b->bound == all && !b->inexact))
        return;
    append(text, cap, "%s%s: ", *text ? "; " : "", path);
    if (!known) {
        append(text, cap, "no choices for this model with threads = %d and batch = %d", b->threads, b->batch);
        if (b->other)
            append(text, cap, " (there are some with threads = %d and batch = %d)", b->other->a, b->other->b);
        append(text, cap, "; ");
    }
    append(text, cap, "%d of %d convolutions and dense layers take their kernel from it", b->bound, all);
    if (all > b->bound)
        append(text, cap, " (without an entry: %d, with a kernel that does not run here%s: %d); the cost model chooses for the others", b->modelled,
            b->exact ? " or is not exact" : "", b->unfit);
    if (b->inexact)
        append(text, cap, "; %d of its kernels are not exact, as the model shall be: tune with --exact", b->inexact);
}
