/* SPDX-License-Identifier: MIT */
/** Custom layers: the text of each file that is used, and behind it a function for every call, which has shapes and parameters as literals. */
#include <math.h>
#include <stdio.h>

#include "codegen/generate_internal.h"
#include "graph/custom.h"

static void add_shapes(cynf_text *t, const char *name, const cynf_custom_shape *s, int32_t n)
{
    cynf_text_add(t, "    static const cynf_custom_shape %s[] = {", name);
    for (int32_t i = 0; i < n; i++) {
        cynf_text_add(t, "%s{%d, {", i ? ", " : "", s[i].rank);
        for (int k = 0; k < s[i].rank; k++)
            cynf_text_add(t, "%s%d", k ? ", " : "", s[i].dim[k]);
        cynf_text_add(t, "%s}}", s[i].rank ? "" : "0");
    }
    cynf_text_add(t, "%s};\n", n ? "" : "{0, {0}}");
}

/* Where each of n tensors that lie one after the other begins. */
static void add_pointers(cynf_text *t, const char *type, const char *name, const char *from, const cynf_custom_shape *s, int32_t n)
{
    size_t at = 0;
    cynf_text_add(t, "    %sconst %s[] = {", type, name);
    for (int32_t i = 0; i < n; at += cynf_custom_elems(&s[i++]))
        cynf_text_add(t, "%s%s + %zu", i ? ", " : "", from, at);
    cynf_text_add(t, "%s};\n", n ? "" : "NULL");
}

/* Seventeen digits name a double exactly. */
static void add_double(cynf_text *t, double v)
{
    if (isfinite(v))
        cynf_text_add(t, "%.17g", v);
    else
        cynf_text_add(t, isnan(v) ? "__builtin_nan(\"\")" : v < 0 ? "-__builtin_inf()" : "__builtin_inf()");
}

static void add_function(cynf_gen *g, cynf_text *t, const cynf_node *n)
{
    const cynf_custom_call *c = &g->p->graph->custom->call[n->kind];
    const cynf_custom_shape *weight = c->shape + c->n_in, *out = weight + c->n_weights;
    cynf_text_add(t, "\n/* ");
    cynf_text_comment(t, n->name ? n->name : "(no name)");
    cynf_text_add(t, " */\nvoid %s_custom_%d(const void *geometry, int stage, const cynf_args *a, int thread, size_t begin, size_t end)\n{\n", g->id, n->kind);
    add_shapes(t, "in", c->shape, c->n_in);
    add_shapes(t, "weight", weight, c->n_weights);
    add_shapes(t, "out", out, c->n_out);
    cynf_text_add(t, "    static const double param[CYNF_CUSTOM_MAX_PARAMS] = {");
    for (int i = 0; i < CYNF_CUSTOM_MAX_PARAMS; i++) {
        cynf_text_add(t, i ? ", " : "");
        add_double(t, c->param[i]);
    }
    cynf_text_add(t, "};\n");
    add_pointers(t, "const float *", "x", "a->x[0]", c->shape, c->n_in);
    add_pointers(t, "const float *", "w", "a->x[1]", weight, c->n_weights);
    add_pointers(t, "float *", "y", "a->y", out, c->n_out);
    cynf_text_add(t, "    (void)geometry, (void)stage, (void)thread, (void)begin, (void)end;\n    cynf_custom_entry.run(&(cynf_custom_args){%d, %d, %d, in, weight, out, "
        "x, w, y, param, a->workspace});\n}\n", c->n_in, c->n_weights, c->n_out);
}

static void write_source(cynf_gen *g, const cynf_custom_source *source)
{
    const cynf_graph *graph = g->p->graph;
    cynf_text t = {0};
    char path[128];
    cynf_text_add(&t, "/* Custom layers of %s: the file given as ", g->id);
    cynf_text_comment(&t, source->name);
    cynf_text_add(&t, ", then its calls; made by cynf-gen %s, DO NOT EDIT. */\n\n%s\n", g->key[CYNF_KEY_VERSION].s, source->text);
    cynf_text_add(&t, "\n#include \"kernels/kernel.h\"\n\n#pragma GCC visibility push(hidden)\n");
    for (int32_t pass = 0; pass < 2; pass++) {
        for (int32_t j = 0; j < graph->n_node; j++) {
            const cynf_node *n = &graph->node[j];
            if (n->op != CYNF_N_CUSTOM || graph->custom->call[n->kind].source != source)
                continue;
            if (pass)
                add_function(g, &t, n);
            else
                cynf_text_add(&t, "cynf_run_fn %s_custom_%d;\n", g->id, n->kind);
        }
        cynf_text_add(&t, pass ? "" : "#pragma GCC visibility pop\n");
    }
    snprintf(path, sizeof path, "%s_custom%d.c", g->id, g->n_custom++);
    if (t.failed)
        cynf_gen_fail(g, CYNF_ENOMEM, "out of memory while writing %s", path);
    cynf_folder_write(g, path, t.s, t.n);
    cynf_text_free(&t);
}

void cynf_gen_customs(cynf_gen *g)
{
    const cynf_graph *graph = g->p->graph;
    const bool fixed = g->o->mode == CYNF_GEN_FIXED;
    cynf_text *declare = &g->key[fixed ? CYNF_KEY_DECLARE : CYNF_KEY_CUSTOM_SET], calls = {0};
    if (graph->custom && !fixed)
        cynf_text_add(declare, "#include \"graph/custom.h\"\n\n");
    for (int32_t j = 0; j < graph->n_node; j++) {
        const cynf_node *n = &graph->node[j];
        if (n->op != CYNF_N_CUSTOM)
            continue;
        bool written = false;
        for (int32_t i = 0; i < j && !written; i++)
            written = graph->node[i].op == CYNF_N_CUSTOM && graph->custom->call[graph->node[i].kind].source == graph->custom->call[n->kind].source;
        if (!written)
            write_source(g, graph->custom->call[n->kind].source);
        cynf_text_add(declare, fixed ? "cynf_run_fn %s_custom_%d;\n" : "extern cynf_run_fn %s_custom_%d __attribute__((visibility(\"hidden\")));\n", g->id, n->kind);
        cynf_text_add(&calls, "    [%d] = {.run = %s_custom_%d},\n", n->kind, g->id, n->kind);
    }
    if (g->n_custom) {
        cynf_sources_need(g, "include/cynf/custom.h");
        cynf_sources_need(g, "kernels/kernel.h");
    }
    if (g->n_custom && !fixed) {
        cynf_text_add(declare, "static cynf_custom_call custom_calls[] = {\n%s};\nstatic cynf_custom_set customs = {custom_calls, sizeof custom_calls / sizeof *custom_calls, NULL};\n\n",
            calls.s ? calls.s : "");
        cynf_text_add(&g->key[CYNF_KEY_CUSTOM_USE], "    if (s == CYNF_OK)\n        c->graph->custom = &customs;\n");
    }
    declare->failed |= calls.failed;
    cynf_text_free(&calls);
}
