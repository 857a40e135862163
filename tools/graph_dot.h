/* SPDX-License-Identifier: MIT */
/** A network before and after the passes, as a drawing in Graphviz' language. */
#ifndef CYNF_GRAPH_DOT_H
#define CYNF_GRAPH_DOT_H

#include "graph/graph.h"
#include "tool.h"

/** What a graph looked like before it was optimised: its layers, a box each. */
typedef struct graph_dot graph_dot;

/** NULL: out of memory. */
graph_dot *graph_dot_before(const cynf_graph *g);
/** Draws the layers, those that are no longer there dashed, and beside them after's operations and which layers they compute, too. Frees d. */
void graph_dot_print(graph_dot *d, const cynf_graph *after, FILE *f);
/** The drawing d of after as a file: .dot as text, .svg, .png or .pdf by the program dot. Exits with a message when that fails. Frees d. */
void graph_dot_write(graph_dot *d, const cynf_graph *after, const char *path);
/** Whether path ends in one of these. */
bool graph_dot_format(const char *path);

#endif
