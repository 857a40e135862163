/* SPDX-License-Identifier: MIT */
/** Generated models: a program printed as C. */
#ifndef CYNF_GENERATE_H
#define CYNF_GENERATE_H

#include "graph/program.h"

/** FIXED: the program's kernel calls, one function a layer, for the instruction sets of its kernels. PORTABLE: the graph, and the library as sources. */
typedef enum cynf_gen_mode { CYNF_GEN_FIXED, CYNF_GEN_PORTABLE } cynf_gen_mode;

typedef struct cynf_gen_options {
    const char *out;     /**< folder to write; it may exist only when it is empty or an earlier output */
    const char *name;    /**< prefix of every external symbol, a C identifier; NULL: the last part of out */
    const char *command; /**< the exact command, for the headings */
    cynf_gen_mode mode;
    const cynf_program *reference; /**< gives the self-test's outputs; NULL: the program itself, whose kernels this CPU must then run */
    void (*progress)(void *ctx, double fraction, const char *what); /**< NULL, or told from time to time; fraction in 0..1 */
    void *progress_ctx;
} cynf_gen_options;

/**
 * Writes the folder: into a temporary one beside it, which then takes its place, so that it is never half-written. The same program and
 * options give the same bytes. On failure nothing is left behind and text (cap bytes) says why: CYNF_EINVAL (name, or folder of someone else's), CYNF_EIO, CYNF_ENOMEM.
 */
cynf_status cynf_generate(const cynf_program *p, const cynf_gen_options *o, char *text, size_t cap);

#endif
