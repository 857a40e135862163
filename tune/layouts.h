/* SPDX-License-Identifier: MIT */
/** Layouts tensor by tensor, from programs of one graph in each of which every layer was timed in another layout. */
#ifndef CYNF_LAYOUTS_H
#define CYNF_LAYOUTS_H

#include "graph/program.h"

typedef struct cynf_timed_program {
    const cynf_program *program;
    const double *seconds; /**< per step */
} cynf_timed_program;

/**
 * Chooses among the layouts that each tensor has in the n programs, so that the sum of what the nodes take is small. A node between tensors of the layouts that it meets in
 * one of the programs takes what it took there; between others, as long as the slower of those in which one of its tensors had its layout: nothing is converted, as calls
 * read one layout and write another, but nobody has timed it. Starting from the fastest program, stretches of the order of computation are given another layout, each
 * stretch whole, while the sum falls: on a chain no change of one stretch makes the result better.
 *
 * @param block out, per tensor of the graph: cynf_decisions.block
 * @param like out, per node: the program in which it is computed as it will be, or nearly so
 * @return the seconds that are expected to be saved against the fastest program; -1: out of memory
 */
double cynf_mix_layouts(const cynf_graph *g, const cynf_timed_program *p, int n, int16_t *block, int8_t *like);

#endif
