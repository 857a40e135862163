/* SPDX-License-Identifier: MIT */
/** What every tool does: the environment, loading a model, messages, outputs that appear whole or not at all. */
#ifndef CYNF_TOOL_H
#define CYNF_TOOL_H

#include <argp.h>
#include <stdint.h>
#include <stdio.h>

#include "keras/load.h"

enum { TOOL_OK = 0, TOOL_BAD_INPUT = 1, TOOL_BAD_USAGE = 2 };

/** Bad usage exits with 2 from here on; CYNF_CPU_MASK is obeyed, an unknown name in it is bad usage. */
void tool_init(void);
/** "cynf-x: text" on stderr, then exit(status). */
void tool_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
/** The model's graph, optimised; exits with a message when it cannot be had. */
cynf_graph *tool_load(const char *model, const cynf_load_options *load, cynf_math math);
/** The option --input-shape of every tool that loads a model, and its collection: NULL-terminated, for cynf_load_options. */
#define TOOL_INPUT_SHAPE_OPTION {"input-shape", 's', "NAME=1,64,64,3", 0, "sizes of an input, batch first, where the file leaves some open; once for each input", 0}
/** --max-shape of those that generate. */
#define TOOL_MAX_SHAPE 0x4b01
#define TOOL_MAX_SHAPE_OPTION {"max-shape", TOOL_MAX_SHAPE, "NAME=1,64,64,3", 0, "largest sizes of an input, batch first: what the file leaves open may have any size up to these when it runs; portable models", 0}
/** The option --kernels-from, of the same tools. */
#define TOOL_KERNELS_FROM 0x4b00
#define TOOL_KERNELS_FROM_OPTION {"kernels-from", TOOL_KERNELS_FROM, "theano", 0, "turn the kernels of convolutions by 180 degrees, for a model trained with Theano", 0}
/** The option --custom, of the same tools; collected likewise. */
#define TOOL_CUSTOM_OPTION {"custom", 'c', "NAME=FILE.c", 0, "what layers of class NAME, or a Lambda of that name, compute, in C (cynf/custom.h); once for each", 0}
/** --exact, of the same tools. */
#define TOOL_EXACT 0x4b02
#define TOOL_EXACT_OPTION {"exact", TOOL_EXACT, NULL, 0, "exact kernels alone: the same bits on scalar, avx2, avx512 and neon (sse41 has its own), slower", 0}
/** Of either. */
#define TOOL_MAX_LIST 64
/** --stream of those that load a model; its value is cynf_load_options.stream. */
#define TOOL_STREAM_OPTION {"stream", 'S', "STEPS", OPTION_ARG_OPTIONAL, "a model of sequences as a stream: so many steps a run (default 1), the past is kept as a state", 0}
#define TOOL_MAX_STREAM 65536
void tool_collect(const struct argp_state *state, const char *option, const char **list, const char *text);
/** Whole number in [least, most], or bad usage that names the option. */
long tool_integer(const struct argp_state *state, const char *option, const char *text, long least, long most);
/** Number in [least, most]. */
double tool_number(const struct argp_state *state, const char *option, const char *text, double least, double most);

/** poly, or sleef where this build has it, or bad usage. */
cynf_math tool_math(const struct argp_state *state, const char *text);

/** An output file in the making; path NULL is stdout. */
typedef struct tool_output {
    FILE *f;
    char *path, *temporary;
} tool_output;

/** Exits with a message when path could not be written: known before long work rather than after it. */
void tool_output_check(const char *path);
/** Opens a temporary beside path; exits with a message when that fails. */
void tool_output_open(tool_output *o, const char *path);
/** Renames the temporary to path; exits with a message when anything was not written. */
void tool_output_close(tool_output *o);

#endif
