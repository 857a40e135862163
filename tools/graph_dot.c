/* SPDX-License-Identifier: MIT */
/** Drawing networks: boxes, arrows, and what the passes did to them. */
#include "graph_dot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph/program.h"

/* Successive nodes of one layer's call. */
typedef struct box {
    char *name, *klass;
    cynf_shape shape;
    int32_t from, to;   /* the last box that makes an operand, below 0: none; the first box that reads it, -1: none */
    int32_t last;       /* of the optimised graph, the last node of that layer, or -1 */
} box;

typedef struct arrow {
    int32_t from, to; /* boxes; from -1 - i is input i, to -1 - i output i */
} arrow;

struct graph_dot {
    box *b;
    arrow *a;
    int32_t n, n_arrow;
};

/* Of what is all one kernel, too. */
static const char *operation(cynf_node_op op)
{
    switch (op) {
    case CYNF_N_TRANSPOSE: return "transpose";
    case CYNF_N_RESHAPE: return "reshape";
    case CYNF_N_SLICE: return "slice";
    case CYNF_N_CONCAT: return "concat";
    case CYNF_N_PAD: return "pad";
    case CYNF_N_REPEAT: return "repeat";
    case CYNF_N_CUSTOM: return "custom";
    default: return cynf_op_name(cynf_node_operation(op));
    }
}

static const char *or_empty(const char *s) { return s ? s : ""; }

/* ---- what there is ---------------------------------------------------------------------------------------------------- */

graph_dot *graph_dot_before(const cynf_graph *g)
{
    size_t arrows = (size_t)g->n_out;
    for (int32_t j = 0; j < g->n_node; j++)
        arrows += (size_t)g->node[j].n_in;
    graph_dot *d = calloc(1, sizeof *d);
    int32_t *of = malloc(((size_t)g->n_t + 1) * sizeof *of); /* the box that makes a tensor, -1 - i: input i, INT32_MIN: a constant */
    if (!d || !of || !(d->b = calloc((size_t)g->n_node + 1, sizeof *d->b)) || !(d->a = calloc(arrows + 1, sizeof *d->a))) {
        free(of);
        return NULL;
    }
    for (int32_t i = 0; i < g->n_t; i++)
        of[i] = INT32_MIN;
    for (int32_t i = 0; i < g->n_in; i++)
        of[g->in[i].t] = -1 - i;
    for (int32_t j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        box *b = d->n ? &d->b[d->n - 1] : NULL;
        if (!b || strcmp(b->name, or_empty(n->name))) {
            b = &d->b[d->n++];
            *b = (box){.name = strdup(or_empty(n->name)), .klass = strdup(or_empty(n->klass)), .from = INT32_MIN, .to = -1, .last = -1};
        }
        const int32_t self = d->n - 1;
        b->shape = g->t[n->out].shape;
        of[n->out] = self;
        for (int32_t i = 0; i < n->n_in; i++) {
            const int32_t from = n->in[i] < 0 ? INT32_MIN : of[n->in[i]];
            if (from == INT32_MIN || from == self)
                continue;
            if (b->from < from) /* of a sum the branch that is computed last: it takes the other one as its residual */
                b->from = from;
            if (from >= 0 && d->b[from].to < 0)
                d->b[from].to = self;
            d->a[d->n_arrow++] = (arrow){from, self};
        }
    }
    for (int32_t i = 0; i < g->n_out; i++)
        if (of[g->out[i].t] != INT32_MIN)
            d->a[d->n_arrow++] = (arrow){of[g->out[i].t], -1 - i};
    free(of);
    return d;
}

/* The node of the optimised graph that computes box i: its own, else that of the layer before it, else of one behind it; -1: none. */
static int32_t computed_by(const graph_dot *d, int32_t i)
{
    for (int32_t k = i; k >= 0; k = d->b[k].from)
        if (d->b[k].last >= 0)
            return d->b[k].last;
    for (int32_t k = i; k >= 0; k = d->b[k].to)
        if (d->b[k].last >= 0)
            return d->b[k].last;
    return -1;
}

/* ---- text ----------------------------------------------------------------------------------------------------------------- */

static void quoted(FILE *f, const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ')
            fputc('?', f);
        else {
            if (*s == '"' || *s == '\\')
                fputc('\\', f);
            fputc(*s, f);
        }
}

static void port(FILE *f, const char *prefix, const cynf_graph *g, const cynf_port *p, int32_t i)
{
    char shape[96];
    fprintf(f, "    %s%d [shape=ellipse, fillcolor=\"#dddddd\", label=\"", prefix, i);
    quoted(f, or_empty(p->name));
    fprintf(f, "\\n%s\"];\n", cynf_shape_text(&g->t[p->t].shape, shape, sizeof shape));
}

static void ports(FILE *f, const char *in, const char *out, const cynf_graph *g)
{
    for (int32_t i = 0; i < g->n_in; i++)
        port(f, in, g, &g->in[i], i);
    for (int32_t i = 0; i < g->n_out; i++)
        port(f, out, g, &g->out[i], i);
}

static const char *colour(cynf_node_op op)
{
    switch (op) {
    case CYNF_N_CONV2D:
    case CYNF_N_DWCONV2D: return "#cfe2f3";
    case CYNF_N_FC:
    case CYNF_N_GEMM:
    case CYNF_N_RNN: return "#d9ead3";
    case CYNF_N_POOL:
    case CYNF_N_REDUCE:
    case CYNF_N_SOFTMAX: return "#fff2cc";
    case CYNF_N_ELTWISE: return "#fce5cd";
    default: return "#f3f3f3";
    }
}

static void print_before(const graph_dot *d, const cynf_graph *g, FILE *f)
{
    char shape[96];
    fputs("  subgraph cluster_before {\n    label=\"layers\";\n", f);
    ports(f, "p", "q", g);
    for (int32_t i = 0; i < d->n; i++) {
        const box *b = &d->b[i];
        fprintf(f, "    b%d [label=\"", i);
        quoted(f, b->name);
        fputs("\\n", f);
        quoted(f, b->klass);
        fprintf(f, "\\n%s\"%s];\n", cynf_shape_text(&b->shape, shape, sizeof shape), b->last < 0 ? ", style=\"dashed,filled\", fontcolor=\"#777777\"" : "");
    }
    for (int32_t i = 0; i < d->n_arrow; i++) {
        const arrow *a = &d->a[i];
        fprintf(f, a->from < 0 ? "    p%d -> " : "    b%d -> ", a->from < 0 ? -1 - a->from : a->from);
        fprintf(f, a->to < 0 ? "q%d;\n" : "b%d;\n", a->to < 0 ? -1 - a->to : a->to);
    }
    fputs("  }\n", f);
}

/* "conv2d 3x3 /2", "concat", ... */
static void print_operation(const cynf_node *n, const cynf_graph *g, FILE *f)
{
    fputs(operation(n->op), f);
    const cynf_shape *w = n->n_in > 1 && n->in[1] >= 0 ? &g->t[n->in[1]].shape : NULL;
    if ((n->op == CYNF_N_CONV2D || n->op == CYNF_N_DWCONV2D) && w)
        fprintf(f, " %dx%d", w->d[0], w->d[1]);
    if (n->op == CYNF_N_POOL)
        fprintf(f, " %dx%d", n->kh, n->kw);
    if ((n->op == CYNF_N_CONV2D || n->op == CYNF_N_DWCONV2D || n->op == CYNF_N_POOL) && (n->sh > 1 || n->sw > 1))
        fprintf(f, " /%d", n->sh > n->sw ? n->sh : n->sw);
    if (n->e.act && n->op != CYNF_N_ELTWISE)
        fputs(" + activation", f);
    if (n->e.residual)
        fputs(" + residual", f);
}

static void print_after(const graph_dot *d, const cynf_graph *g, FILE *f)
{
    char shape[96];
    fputs("  subgraph cluster_after {\n    label=\"operations after the passes\";\n", f);
    ports(f, "x", "y", g);
    for (int32_t j = 0; j < g->n_node; j++) {
        const cynf_node *n = &g->node[j];
        fprintf(f, "    n%d [fillcolor=\"%s\", label=\"", j, colour(n->op));
        quoted(f, or_empty(n->name));
        fputs("\\n", f);
        print_operation(n, g, f);
        fprintf(f, "\\n%s", cynf_shape_text(&g->t[n->out].shape, shape, sizeof shape));
        for (int32_t i = 0; i < d->n; i++)
            if (d->b[i].last < 0 && computed_by(d, i) == j) {
                fputs("\\n+ ", f);
                quoted(f, d->b[i].name);
            }
        fputs("\"];\n", f);
        for (int32_t i = 0; i < n->n_in; i++) {
            const int32_t t = n->in[i], from = t < 0 ? -1 : g->t[t].producer;
            for (int32_t k = 0; t >= 0 && from < 0 && k < g->n_in; k++)
                if (g->in[k].t == t)
                    fprintf(f, "    x%d -> n%d;\n", k, j);
            if (from >= 0)
                fprintf(f, "    n%d -> n%d;\n", from, j);
        }
    }
    for (int32_t i = 0; i < g->n_out; i++)
        if (g->t[g->out[i].t].producer >= 0)
            fprintf(f, "    n%d -> y%d;\n", g->t[g->out[i].t].producer, i);
    fputs("  }\n", f);
}

void graph_dot_print(graph_dot *d, const cynf_graph *after, FILE *f)
{
    for (int32_t i = 0; i < d->n; i++)
        for (int32_t j = 0; j < after->n_node; j++)
            if (!strcmp(d->b[i].name, or_empty(after->node[j].name)))
                d->b[i].last = j;
    fputs("strict digraph network {\n  graph [fontname=\"sans-serif\", fontsize=16, nodesep=0.2, ranksep=0.3];\n  edge [color=\"#555555\", arrowsize=0.6];\n"
          "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", fontsize=11, margin=\"0.1,0.05\"];\n", f);
    print_before(d, after, f);
    print_after(d, after, f);
    fputs("}\n", f);
    for (int32_t i = 0; i < d->n; i++) {
        free(d->b[i].name);
        free(d->b[i].klass);
    }
    free(d->b);
    free(d->a);
    free(d);
}

/* ---- files ----------------------------------------------------------------------------------------------------------------- */

static const char *format_of(const char *path)
{
    static const char *const known[] = {"dot", "svg", "png", "pdf"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (!strcmp(dot + 1, known[i]))
            return known[i];
    return NULL;
}

bool graph_dot_format(const char *path) { return format_of(path); }

void graph_dot_write(graph_dot *d, const cynf_graph *after, const char *path)
{
    const char *format = format_of(path);
    tool_output o;
    tool_output_open(&o, path);
    const bool text = !strcmp(format, "dot");
    FILE *f = text ? o.f : tmpfile();
    if (!f)
        tool_fail(TOOL_BAD_INPUT, "a temporary file cannot be written: %s", strerror(errno));
    graph_dot_print(d, after, f);
    if (!text) {
        char option[16];
        snprintf(option, sizeof option, "-T%s", format);
        const bool bad = ferror(f) | fflush(f);
        rewind(f);
        const pid_t pid = bad ? -1 : fork();
        if (!pid) {
            dup2(fileno(f), STDIN_FILENO);
            dup2(fileno(o.f), STDOUT_FILENO);
            execlp("dot", "dot", option, (char *)NULL);
            _exit(127);
        }
        int status = 1;
        if (pid > 0)
            waitpid(pid, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
            tool_fail(TOOL_BAD_INPUT, "%s: the program dot, which draws it, is not installed: install graphviz, or ask for a .dot file", path);
        if (status)
            tool_fail(TOOL_BAD_INPUT, "%s: dot could not draw it (status %d); ask for a .dot file", path, status);
        fclose(f);
    }
    tool_output_close(&o);
}
