/* SPDX-License-Identifier: MIT */
/** What builders and passes share. */
#ifndef CYNF_GRAPH_INTERNAL_H
#define CYNF_GRAPH_INTERNAL_H

#include "graph/graph.h"

/* Strides and offsets are int32 elements; a quarter of that leaves room for padding and blocks. */
#define CYNF_MAX_TENSOR_ELEMS (1 << 29)

/** A new activation tensor without producer. */
cynf_tensor_id cynf_g_tensor(cynf_graph *g, const cynf_shape *s);
/** A new state of that name. */
cynf_tensor_id cynf_g_state_named(cynf_graph *g, const cynf_shape *s, const char *name);
/** Appends a node (name and class from the graph's current layer) with a new output of shape out. */
cynf_tensor_id cynf_g_node(cynf_graph *g, const cynf_node *proto, const cynf_shape *out);

/** The graph without its constants as words, which the caller frees; equal graphs have equal words. */
cynf_status cynf_graph_to_words(const cynf_graph *g, int32_t **word, size_t *n);
/** The node that word i of those belongs to, or NULL. */
const cynf_node *cynf_graph_node_of_word(const cynf_graph *g, size_t i);
/** Gives tensor t, whose shape is known, its data by a number of the caller's; false: there is none. */
typedef bool cynf_word_constant(const void *ctx, int32_t id, cynf_tensor *t);
/** The graph of the n words: those of cynf_graph_to_words(), then the number of each constant. Checks and messages of cynf_graph_from_flat(). */
cynf_status cynf_graph_from_words(cynf_graph **out, const int32_t *word, size_t n, cynf_word_constant *constant, const void *ctx, char *text, size_t cap);

/** The output of node j, whose operands are all constants; the caller frees it. NULL: it could not be computed. */
float *cynf_graph_evaluate(const cynf_graph *g, int32_t j);

#endif
