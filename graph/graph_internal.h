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

/** The output of node j, whose operands are all constants; the caller frees it. NULL: it could not be computed. */
float *cynf_graph_evaluate(const cynf_graph *g, int32_t j);

#endif
