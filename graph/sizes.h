/* SPDX-License-Identifier: MIT */
/**
 * Sizes that stay open until run time: a family of graphs, one for each choice of sizes up to a maximum, kept as one graph and what changes.
 *
 * Dimensions of inputs that a file leaves open form groups: those of a group always have the same size, v[group] in 1..max. The family's graphs of the
 * same form (a variant) differ in some words of their flat form and in some constants. Each such word is a function of the sizes, put together from
 * tables of one size each:
 *
 *     PRODUCT   w = base prod_k T_k(v_k) / base        w is base at the largest sizes of the variant, T_k its values while the others stay there;
 *     SUM       w = base + sum_k (T_k(v_k) - base)     with one T_k both say w = T_k(v_k)
 *
 * keras/open_sizes.c learns them from the graphs themselves and checks them; here they are only read. All is one block of int32 words behind a header:
 *
 *     header    "CYNFSIZE" version words n_dim n_group n_variant n_pool
 *     dims      input axis group                            of each open dimension
 *     groups    max table                                   its values: the class of each size, 0: the model cannot have it
 *     variants  n_word word n_patch patch class[n_group]    word, patch: where they begin
 *     pool      rank d[CYNF_MAX_DIMS] at high               constants; float at + 2^31 high of those behind the words
 *     table     n period rise value[n]                      T(v) = value[v - 1] to n; beyond, T(v) = T(v - period) + rise
 *     patch     word form table[n_group]                    table 0: does not depend on this group
 *     words     of graph/flat.c, then the pool's number of each constant: a tensor of fewer elements than it is its leading corner
 *
 * and, 64-byte aligned, the floats of the pool.
 */
#ifndef CYNF_SIZES_H
#define CYNF_SIZES_H

#include "graph/program.h"

#define CYNF_MAX_OPEN 16 /**< open dimensions of all inputs */

typedef enum cynf_sizes_form { CYNF_SIZES_PRODUCT, CYNF_SIZES_SUM } cynf_sizes_form;

typedef struct cynf_sizes {
    const int32_t *w; /**< the block */
    size_t bytes;
    bool borrowed;    /**< the block is someone else's */
} cynf_sizes;

/** What the words of the header are. */
enum { CYNF_SIZES_VERSION = 2, CYNF_SIZES_WORDS, CYNF_SIZES_DIMS, CYNF_SIZES_GROUPS, CYNF_SIZES_VARIANTS, CYNF_SIZES_POOL, CYNF_SIZES_HEADER };

/**
 * What a portable model has as its weights: a graph's flat form, whose *s becomes NULL, or a family's block (64-byte aligned, and alive as long as *s and *g), of which *g is the largest
 * graph and size[CYNF_MAX_OPEN] its open sizes. Failures are those of cynf_graph_from_flat().
 */
cynf_status cynf_sizes_load(cynf_graph **g, cynf_sizes **s, int32_t *size, const void *data, size_t bytes, char *text, size_t cap);
/** Nulls *s; NULL is fine. */
void cynf_sizes_free(cynf_sizes **s);
/** Open dimensions: input, axis and group of number i follow from the words at cynf_sizes_dim(). */
int32_t cynf_sizes_dims(const cynf_sizes *s);
const int32_t *cynf_sizes_dim(const cynf_sizes *s, int32_t i);
/** The largest size of a dimension. */
int32_t cynf_sizes_max(const cynf_sizes *s, int32_t i);
/** How many sizes a dimension can have while the others are at their largest, and the smallest of them. */
int32_t cynf_sizes_count(const cynf_sizes *s, int32_t i, int32_t *smallest);
/** Bit mask of the axes of an input that are open. */
uint32_t cynf_sizes_open_axes(const cynf_sizes *s, int32_t input);
/** Whether the model can have these sizes, one for each open dimension. */
bool cynf_sizes_allowed(const cynf_sizes *s, const int32_t *size);
/** The optimised graph of these sizes, which borrows constants from s. CYNF_EINVAL: the model cannot have them; text (cap bytes) says so. */
cynf_status cynf_sizes_graph(cynf_graph **out, const cynf_sizes *s, const int32_t *size, char *text, size_t cap);
/**
 * The program of g, the largest graph of s, with room for the largest graphs of all other forms, too: a smaller one may need a copy more. s NULL: that of g, as
 * cynf_program_build() makes it.
 */
cynf_status cynf_sizes_base(cynf_program **out, const cynf_sizes *s, const cynf_graph *g, const cynf_build_options *o, char *text, size_t cap);
/**
 * Graph and program of these sizes, in the memory of base, which cynf_sizes_base() gave for the same options and which outlives both: its kernels and packed weights
 * are used. Failures: CYNF_EINVAL (see cynf_sizes_graph()), and CYNF_ENOMEM where they need more memory still.
 */
cynf_status cynf_sizes_program(cynf_program **out, cynf_graph **g, const cynf_sizes *s, const int32_t *size, const cynf_program *base, const cynf_build_options *o,
    char *text, size_t cap);
/** The value of a table for a size. */
int32_t cynf_sizes_value(const cynf_sizes *s, int32_t table, int32_t v);
/** The n words of variant number i for sizes v of the groups. */
void cynf_sizes_words(const cynf_sizes *s, int32_t i, const int32_t *v, int32_t *word);

#endif
