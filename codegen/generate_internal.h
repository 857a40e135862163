/* SPDX-License-Identifier: MIT */
/** What the parts of the generator share. */
#ifndef CYNF_GENERATE_INTERNAL_H
#define CYNF_GENERATE_INTERNAL_H

#include "codegen/generate.h"
#include "runtime/walk.h"

/* ---- text.c: text that grows; out of memory is sticky and found when the text is written ---- */

typedef struct cynf_text {
    char *s;
    size_t n, cap;
    bool failed;
} cynf_text;

void cynf_text_add(cynf_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** s, made harmless inside a comment. */
void cynf_text_comment(cynf_text *t, const char *s);
/** s as a C (and Python) string literal. */
void cynf_text_quote(cynf_text *t, const char *s);
void cynf_text_free(cynf_text *t);

/* ---- one generation ---- */

typedef enum cynf_gen_key { /* KEY stands as @KEY@ in the templates */
#define CYNF_GEN_KEYS(X) \
    X(ID) X(UPPER) X(VERSION) X(COMMAND) X(SUMMARY) X(HASHES) X(MODE) X(ABI) X(PORTS) X(CONSTANTS) X(ISA) X(LAYERS) X(INFO) X(TABLE) X(DECLARE) X(OBJECTS) \
    X(RULES) X(OPTIMISATION) X(PYTHON_PORTS) X(SELFTEST_PORTS) X(DATA) X(SYMBOL) X(ISA_ENUM) X(STATE_WALK) X(STATE_DECLARE) \
    X(STATE_FUNCTIONS) X(STATE_CDEF) X(STATE_METHODS) X(RESIZE_DECLARE) X(RESIZE_FUNCTIONS) X(RESIZE_CDEF) \
    X(RESIZE_CALL) X(RESIZE_METHODS) X(CUSTOM_SET) X(CUSTOM_USE) X(EDGE_TYPES) X(EXACT)
#define X(key) CYNF_KEY_##key,
    CYNF_GEN_KEYS(X)
#undef X
    CYNF_KEY_COUNT
} cynf_gen_key;

#define CYNF_GEN_MAX_UNITS 256

/** ID_layers<i>.c. */
typedef struct cynf_gen_unit {
    cynf_isa isa;
    int32_t functions;
} cynf_gen_unit;

typedef struct cynf_gen {
    const cynf_program *p;
    const cynf_walk *walk, *reference; /**< the program's, and the self-test's */
    const cynf_gen_options *o;
    char id[64], upper[64];
    char *folder;                 /* the temporary one */
    bool *source;                 /* per embedded file: to be written */
    cynf_text key[CYNF_KEY_COUNT];
    cynf_gen_unit unit[CYNF_GEN_MAX_UNITS];
    int32_t n_unit, n_custom;     /**< of ID_layers<i>.c, ID_custom<i>.c */
    cynf_status status;           /* sticky */
    char *text;
    size_t cap;
} cynf_gen;

/** Records the first error. */
void cynf_gen_fail(cynf_gen *g, cynf_status s, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- folder.c ---- */

/** Makes g->folder; refuses an o->out that is not ours to replace. */
void cynf_folder_begin(cynf_gen *g);
/** path is relative to the folder; its parents are made. */
void cynf_folder_write(cynf_gen *g, const char *path, const void *data, size_t bytes);
/** Puts the folder in place, or removes it when g->status is not CYNF_OK. */
void cynf_folder_end(cynf_gen *g);
/** The line of README.md by which a folder is known to be ours. */
#define CYNF_FOLDER_MARK "<!-- cynf-gen: this folder is generated and may be replaced -->\n"

/* ---- sources.c ---- */

size_t cynf_sources_count(void);
/** Marks an embedded file and what it includes, directly and through others. */
void cynf_sources_need(cynf_gen *g, const char *path);
/** Marks the library with the kernels of the operations in the set (1 << cynf_op each), and writes the registry's list of them. */
void cynf_sources_need_library(cynf_gen *g, unsigned ops);
/** Writes the marked files to src/. */
void cynf_sources_write(cynf_gen *g);
/** The marked files whose name ends so, in order: path of number *at and beyond, or NULL; *at moves on. */
const char *cynf_sources_next(const cynf_gen *g, const char *suffix, size_t *at);
/** Text of an embedded file without its #include "..." lines; CYNF_EINVAL in g when it is not there. */
void cynf_sources_paste(cynf_gen *g, const char *path, cynf_text *to);
/** Adds the template codegen/templates/<name>, its @KEY@s replaced by g->key, to a text. */
void cynf_template_add(cynf_gen *g, const char *name, cynf_text *to);
/** Writes the template codegen/templates/<name> as path, its @KEY@s replaced by g->key. */
void cynf_template_write(cynf_gen *g, const char *name, const char *path);

/* ---- the contents ---- */

/** Ports, constants, heading: the keys of ID.h, ID.c and the Python module. */
void cynf_gen_describe(cynf_gen *g);
/** ID_layers*.c, and the keys of the table in ID.c. */
void cynf_gen_layers(cynf_gen *g);
/** ID_custom*.c: the files of custom layers, each with a function ID_custom_<call> for each of its calls. */
void cynf_gen_customs(cynf_gen *g);
/** ID_selftest.bin and its keys. */
void cynf_gen_selftest(cynf_gen *g);
/** Makefile's keys: objects and their flags. */
void cynf_gen_build(cynf_gen *g);

#endif
