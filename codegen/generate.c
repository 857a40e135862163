/* SPDX-License-Identifier: MIT */
/** The order of things: name, folder, contents, in place. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/generate_internal.h"
#include "graph/sizes.h"
#include "runtime/walk_program.h"

void cynf_gen_fail(cynf_gen *g, cynf_status s, const char *format, ...)
{
    if (g->status != CYNF_OK)
        return;
    g->status = s;
    va_list v;
    va_start(v, format);
    vsnprintf(g->text, g->cap, format, v);
    va_end(v);
}

/* ID: the given name, else the last part of out; it becomes a prefix in C and a module's name in Python. */
static void set_name(cynf_gen *g)
{
    const char *slash = strrchr(g->o->out, '/'), *name = g->o->name ? g->o->name : slash ? slash + 1 : g->o->out;
    bool ok = isalpha((unsigned char)*name) && strlen(name) < sizeof g->id && strncmp(name, "cynf", 4);
    for (const char *c = name; *c; c++)
        ok &= isalnum((unsigned char)*c) || *c == '_';
    if (!ok) {
        cynf_gen_fail(g, CYNF_EINVAL, "\"%s\" cannot prefix C symbols: a letter, then letters, digits and _, at most %zu, not beginning with \"cynf\", are "
            "wanted; give one with --name", name, sizeof g->id - 1);
        return;
    }
    for (size_t i = 0; name[i]; i++) {
        g->id[i] = name[i];
        g->upper[i] = (char)toupper((unsigned char)name[i]);
    }
}

static void write_named(cynf_gen *g, const char *template, const char *folder, const char *suffix)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s%s", folder, g->id, suffix);
    cynf_template_write(g, template, path);
}

/* ID_<what>.S, which takes ID_<what>.bin in. */
static void write_data(cynf_gen *g, const char *what)
{
    char suffix[32];
    cynf_text_free(&g->key[CYNF_KEY_DATA]);
    cynf_text_free(&g->key[CYNF_KEY_SYMBOL]);
    cynf_text_add(&g->key[CYNF_KEY_DATA], "%s_%s.bin", g->id, what);
    cynf_text_add(&g->key[CYNF_KEY_SYMBOL], "%s_%s", g->id, what);
    snprintf(suffix, sizeof suffix, "_%s.S", what);
    write_named(g, "data.S", "", suffix);
}

static void tell(const cynf_gen *g, double fraction, const char *what)
{
    if (g->o->progress)
        g->o->progress(g->o->progress_ctx, fraction, what);
}

/* In fixed mode the packed weights, in portable mode the flat graph, or those of all sizes. */
static void write_weights(cynf_gen *g)
{
    char path[96];
    snprintf(path, sizeof path, "%s_weights.bin", g->id);
    if (g->o->mode == CYNF_GEN_FIXED) {
        static const char nothing[64];
        const bool any = g->p->consts_bytes > 0;
        cynf_folder_write(g, path, any ? g->p->consts : nothing, any ? (size_t)g->p->consts_bytes : sizeof nothing);
        return;
    }
    if (g->p->graph->sizes) {
        cynf_folder_write(g, path, g->p->graph->sizes->w, g->p->graph->sizes->bytes);
        return;
    }
    void *flat;
    size_t bytes;
    const cynf_status s = cynf_graph_to_flat(g->p->graph, &flat, &bytes);
    if (s != CYNF_OK) {
        cynf_gen_fail(g, s, "the graph as a flat file: %s", cynf_status_str(s));
        return;
    }
    cynf_folder_write(g, path, flat, bytes);
    free(flat);
}

static void write_all(cynf_gen *g)
{
    const bool fixed = g->o->mode == CYNF_GEN_FIXED;
    tell(g, 0, "describing the model");
    cynf_gen_describe(g);
    cynf_gen_customs(g);
    if (fixed) {
        cynf_gen_layers(g);
        cynf_sources_need(g, "arch/has_isa.h");
        cynf_sources_need(g, "kernels/status.c");
        cynf_sources_need(g, "runtime/instance.c");
        cynf_sources_need(g, "runtime/pool.c");
        cynf_sources_need(g, "runtime/walk.c");
        write_named(g, "layers.h", "", "_layers.h");
    } else {
        unsigned ops;
        const cynf_status s = cynf_program_operations(g->p->graph, &ops);
        if (s != CYNF_OK)
            cynf_gen_fail(g, s, "%s", cynf_status_str(s));
        cynf_sources_need_library(g, ops);
        cynf_template_write(g, "config.h", "src/cynf-config.h");
    }
    cynf_gen_build(g);
    tell(g, 0.3, "running the self-test's reference");
    cynf_gen_selftest(g);
    tell(g, 0.5, "writing the weights");
    write_weights(g);
    tell(g, 1, "writing the sources");
    write_data(g, "weights");
    write_data(g, "data");
    write_named(g, "model.h", "", ".h");
    write_named(g, fixed ? "fixed.c" : "portable.c", "", ".c");
    write_named(g, "selftest.c", "", "_selftest.c");
    write_named(g, "model.pyx", "python/", ".pyx");
    cynf_template_write(g, "setup.py", "setup.py");
    cynf_template_write(g, "pyproject.toml", "pyproject.toml");
    cynf_template_write(g, "Makefile", "Makefile");
    cynf_template_write(g, "README.md", "README.md");
    cynf_sources_write(g);
}

cynf_status cynf_generate(const cynf_program *p, const cynf_gen_options *o, char *text, size_t cap)
{
    cynf_gen *g = calloc(1, sizeof *g);
    bool *source = calloc(cynf_sources_count(), sizeof *source);
    char *out = strdup(o->out);
    cynf_walk *walk = NULL, *reference = NULL;
    cynf_status s = CYNF_ENOMEM;
    if (g && source && out && (s = cynf_walk_of_program(&walk, p)) == CYNF_OK &&
        (!o->reference || (s = cynf_walk_of_program(&reference, o->reference)) == CYNF_OK)) {
        for (size_t n = strlen(out); n > 1 && out[n - 1] == '/'; n--)
            out[n - 1] = 0;
        cynf_gen_options clean = *o;
        clean.out = out;
        *g = (cynf_gen){.p = p, .walk = walk, .reference = reference ? reference : walk, .o = &clean, .source = source, .text = text, .cap = cap};
        set_name(g);
        if (o->mode == CYNF_GEN_FIXED && p->graph->sizes)
            cynf_gen_fail(g, CYNF_EUNSUPPORTED, "fixed mode specialises every layer for one size; a model with a maximum shape is generated in portable mode (--mode portable)");
        if (g->status == CYNF_OK)
            cynf_folder_begin(g);
        if (g->status == CYNF_OK)
            write_all(g);
        cynf_folder_end(g);
        for (int i = 0; i < CYNF_KEY_COUNT; i++)
            cynf_text_free(&g->key[i]);
        s = g->status;
    } else {
        snprintf(text, cap, "%s", cynf_status_str(s));
    }
    cynf_walk_free(&walk);
    cynf_walk_free(&reference);
    free(out);
    free(source);
    free(g);
    return s;
}
