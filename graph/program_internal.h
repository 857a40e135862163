/* SPDX-License-Identifier: MIT */
/** The state of building a program, and the parts of the builder that have files of their own. */
#ifndef CYNF_PROGRAM_INTERNAL_H
#define CYNF_PROGRAM_INTERNAL_H

#include "graph/location.h"

typedef struct cynf_buffer {
    cynf_space space;
    int32_t index;
    int64_t elems;
    int32_t first, last;  /**< steps that touch it; last = -1: none */
    int64_t offset;       /**< elements into its space, set by the memory plan */
    bool state;           /**< it keeps its content from one run to the next */
    const struct cynf_buffer *same; /**< NULL, or the state whose memory it is: what replaces the state is written where it stays */
} cynf_buffer;

typedef struct cynf_builder {
    const cynf_graph *g;
    const cynf_build_options *o;
    const cynf_machine *machine;
    cynf_program *p;
    int32_t cap_step;
    int64_t cap_consts;
    int32_t *uses, *user;  /**< per tensor: number of readers (outputs included), and one of them */
    int32_t *block;        /**< per tensor */
    bool *flag;            /**< per tensor, scratch */
    cynf_location *loc;    /**< per tensor */
    int32_t *pair;         /**< per pointwise or recurrent node: the depthwise node or projection before it that may be fused, or -1 */
    bool *fused_away;      /**< per node: the first of a pair, which the second computes */
    int16_t *bands;        /**< per node: as cynf_decisions.bands */
    int32_t *band_end;     /**< per node: the last one of the chain that it is computed with, in bands of rows; -1: it is computed by itself */
    int32_t *window;       /**< per tensor: rows of its buffer, between two nodes of a chain; 0: all */
    cynf_buffer *buffer;
    int32_t n_buffer;
    bool *shared;          /**< per buffer: several tensors lie in it */
    int32_t *members;      /**< per buffer: tensors in it */
    cynf_status status;
    char *text;
    size_t text_cap;
} cynf_builder;

/** Distance along its axis between the elements of an operand of a concatenation. */
static inline int32_t cynf_concat_step(const cynf_node *n) { return n->step[n->axis] ? n->step[n->axis] : 1; }

/** The node that node j, the second of a pair, computes too, or NULL. */
static inline const cynf_node *cynf_fused_into(const cynf_builder *b, int32_t j)
{
    return b->pair[j] >= 0 && b->fused_away[b->pair[j]] ? &b->g->node[b->pair[j]] : NULL;
}

/** Records the first failure and returns its status. */
cynf_status cynf_build_fail(cynf_builder *b, cynf_status s, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** Decides for each pair whether it is fused; needs the layouts. */
void cynf_build_fuse(cynf_builder *b);
/** Which chains are computed in bands; needs the fusions. */
void cynf_build_bands(cynf_builder *b);
/** The steps of the chain that ends with node j. */
void cynf_build_chain(cynf_builder *b, int32_t j);
/** Chains for cynf_decisions.bands: all that there can be, with so many rows a band, or, for 0, those of cynf_program_bands(). */
void cynf_band_chains(const cynf_builder *b, int32_t rows, int16_t *bands);
/** The rows *lo ... *hi of its input, which has h, that node n reads for rows y0 ... y1 of its output. */
void cynf_band_input(const cynf_node *n, int32_t h, int32_t y0, int32_t y1, int32_t *lo, int32_t *hi);
/** Rows y0 ... y1 of a node's output; the buffers of its input and output begin with rows x_base and y_base. */
typedef struct cynf_band {
    int32_t y0, y1, x_base, y_base;
} cynf_band;
void cynf_build_rows(cynf_builder *b, int32_t j, cynf_band band);
/** In the window behind node j, `rows` rows from row `from` on go to the front. */
void cynf_build_carry(cynf_builder *b, int32_t j, int32_t from, int32_t rows);
/** first and last of each buffer in the arena, from the steps so far. */
void cynf_build_lifetimes(cynf_builder *b);
/** Emits the kernel calls with buffer-relative references. */
void cynf_build_steps(cynf_builder *b);
/** Gives buffers and workspaces their offsets and resolves references. */
void cynf_build_memory(cynf_builder *b);
/** What steps ask for of the weights of later ones; needs the steps. */
void cynf_build_asks(cynf_builder *b);

#endif
