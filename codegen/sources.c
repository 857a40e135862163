/* SPDX-License-Identifier: MIT */
/** The embedded files: the sources that a model carries, and the templates. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "codegen/generate_internal.h"

typedef struct cynf_embedded_file {
    const char *path, *start, *end;
} cynf_embedded_file;

/** Sorted by path; made by embed.py; ends with a NULL path. */
extern const cynf_embedded_file cynf_embedded[];

static int find(const char *path)
{
    for (int i = 0; cynf_embedded[i].path; i++)
        if (!strcmp(cynf_embedded[i].path, path))
            return i;
    return -1;
}

/* ---- what a file includes ---- */

/* The name in the next #include "..." line at or after *at; false at the end. Conditions are not evaluated: a file too many does no harm. */
static bool next_include(const char **at, const char *end, const char **line, char *name, size_t cap)
{
    static const char word[] = "#include \"";
    for (const char *p = *at; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop ? stop + 1 : end;
        if ((size_t)(stop - p) > sizeof word && !memcmp(p, word, sizeof word - 1)) {
            const char *from = p + sizeof word - 1, *quote = memchr(from, '"', (size_t)(stop - from));
            if (quote && (size_t)(quote - from) < cap) {
                memcpy(name, from, (size_t)(quote - from));
                name[quote - from] = 0;
                *line = p;
                *at = stop;
                return true;
            }
        }
        p = stop;
    }
    return false;
}

/* The compiler's way: the including file's folder, then -Isrc, then -Isrc/include. */
static int resolve(const char *from, const char *name)
{
    const char *slash = strrchr(from, '/');
    char path[512];
    snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash + 1 - from) : 0, from, name);
    int i = find(path);
    if (i < 0)
        i = find(name);
    if (i < 0) {
        snprintf(path, sizeof path, "include/%s", name);
        i = find(path);
    }
    return i;
}

static void need(cynf_gen *g, int i)
{
    if (g->source[i])
        return;
    g->source[i] = true;
    const cynf_embedded_file *f = &cynf_embedded[i];
    const char *at = f->start, *line;
    char name[256];
    while (next_include(&at, f->end, &line, name, sizeof name)) {
        const int j = resolve(f->path, name);
        /* simd.h comes from the instruction set's folder and is marked by the caller; a configuration header has no place in a model. */
        if (j >= 0)
            need(g, j);
    }
}

void cynf_sources_need(cynf_gen *g, const char *path)
{
    const int i = find(path);
    if (i < 0)
        cynf_gen_fail(g, CYNF_EINVAL, "%s is not among the sources inside this generator: build it again", path);
    else
        need(g, i);
}

size_t cynf_sources_count(void)
{
    size_t n = 0;
    while (cynf_embedded[n].path)
        n++;
    return n;
}

static bool below(const char *path, const char *folder) { return !strncmp(path, folder, strlen(folder)); }

/* arch/<isa>/<op>.c of an operation outside the set. */
static bool left_out(const char *path, unsigned ops)
{
    char file[64];
    for (int op = 0; op < CYNF_OP_COUNT; op++) {
        snprintf(file, sizeof file, "/%s.c", cynf_op_name((cynf_op)op));
        if (!(ops >> op & 1) && below(path, "arch/") && !strcmp(strrchr(path, '/'), file))
            return true;
    }
    return false;
}

void cynf_sources_need_library(cynf_gen *g, unsigned ops)
{
    for (int i = 0; cynf_embedded[i].path; i++) {
        const char *path = cynf_embedded[i].path;
        const bool library = below(path, "kernels/") || below(path, "graph/") || below(path, "runtime/");
        /* Headers come with the sources that include them; but how arch/<isa> is found is a matter of compiler flags. */
        if ((library && !strcmp(strrchr(path, '.'), ".c")) || (below(path, "arch/") && !left_out(path, ops)))
            need(g, i);
    }
    cynf_text t = {0};
    cynf_text_add(&t, "/* The operations whose kernels this model carries; made by cynf-gen, DO NOT EDIT. */\n");
    for (int op = 0; op < CYNF_OP_COUNT; op++)
        if (ops >> op & 1) {
            const char *name = cynf_op_name((cynf_op)op);
            cynf_text_add(&t, "CYNF_OPERATION(%s, ", name);
            for (const char *c = name; *c; c++)
                cynf_text_add(&t, "%c", toupper((unsigned char)*c));
            cynf_text_add(&t, ")\n");
        }
    if (t.failed)
        cynf_gen_fail(g, CYNF_ENOMEM, "out of memory");
    cynf_folder_write(g, "src/cynf-ops.inc", t.s, t.n);
    cynf_text_free(&t);
}

void cynf_sources_write(cynf_gen *g)
{
    g->source[find("LICENSE")] = true;
    for (int i = 0; cynf_embedded[i].path; i++) {
        char path[512];
        if (!g->source[i])
            continue;
        snprintf(path, sizeof path, "src/%s", cynf_embedded[i].path);
        cynf_folder_write(g, path, cynf_embedded[i].start, (size_t)(cynf_embedded[i].end - cynf_embedded[i].start));
    }
}

const char *cynf_sources_next(const cynf_gen *g, const char *suffix, size_t *at)
{
    while (cynf_embedded[*at].path) {
        const size_t i = (*at)++;
        const char *p = cynf_embedded[i].path;
        if (g->source[i] && strlen(p) > strlen(suffix) && !strcmp(p + strlen(p) - strlen(suffix), suffix))
            return p;
    }
    return NULL;
}

void cynf_sources_paste(cynf_gen *g, const char *path, cynf_text *to)
{
    const int i = find(path);
    if (i < 0) {
        cynf_gen_fail(g, CYNF_EINVAL, "%s is not among the sources inside this generator: build it again", path);
        return;
    }
    const char *from = cynf_embedded[i].start, *end = cynf_embedded[i].end, *at = from, *line;
    char name[256];
    while (next_include(&at, end, &line, name, sizeof name)) {
        cynf_text_add(to, "%.*s", (int)(line - from), from);
        from = at;
    }
    cynf_text_add(to, "%.*s", (int)(end - from), from);
}

/* ---- templates ---- */

static const char *const key_names[CYNF_KEY_COUNT] = {
#define X(key) #key,
    CYNF_GEN_KEYS(X)
#undef X
};

/* @KEY@ at p: its number and its length with both signs, or -1. */
static int key_at(const char *p, const char *end, size_t *length)
{
    for (int k = 0; k < CYNF_KEY_COUNT; k++) {
        const size_t n = strlen(key_names[k]);
        if ((size_t)(end - p) >= n + 2 && !memcmp(p + 1, key_names[k], n) && p[n + 1] == '@') {
            *length = n + 2;
            return k;
        }
    }
    return -1;
}

void cynf_template_add(cynf_gen *g, const char *name, cynf_text *to)
{
    char from[256];
    snprintf(from, sizeof from, "codegen/templates/%s", name);
    const int i = find(from);
    if (i < 0) {
        cynf_gen_fail(g, CYNF_EINVAL, "%s is not inside this generator: build it again", from);
        return;
    }
    const char *at = cynf_embedded[i].start, *end = cynf_embedded[i].end;
    for (const char *p = at; p < end;) {
        size_t length = 1;
        const int k = *p == '@' ? key_at(p, end, &length) : -1;
        if (k >= 0) {
            cynf_text_add(to, "%.*s%s", (int)(p - at), at, g->key[k].s ? g->key[k].s : "");
            at = p + length;
            to->failed |= g->key[k].failed;
        }
        p += length;
    }
    cynf_text_add(to, "%.*s", (int)(end - at), at);
}

void cynf_template_write(cynf_gen *g, const char *name, const char *path)
{
    cynf_text t = {0};
    cynf_template_add(g, name, &t);
    if (t.failed)
        cynf_gen_fail(g, CYNF_ENOMEM, "out of memory while writing %s", path);
    cynf_folder_write(g, path, t.s, t.n);
    cynf_text_free(&t);
}
