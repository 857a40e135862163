/* SPDX-License-Identifier: MIT */
/**
 * A program: kernel calls with constant geometry, packed weights and arena offsets. The executor walks it, the generator prints it.
 *
 * Building it does what depends on the plan: layouts, fusion of pairs, concat in place, kernel choice, packing and the
 * static memory plan. Equal graph, options and choices give an equal program, byte for byte.
 */
#ifndef CYNF_PROGRAM_H
#define CYNF_PROGRAM_H

#include "graph/graph.h"
#include "kernels/kernel.h"

typedef enum cynf_space { CYNF_IN_ARENA, CYNF_IN_INPUT, CYNF_IN_OUTPUT, CYNF_IN_CONST } cynf_space;

/** Where an operand starts: elements (floats) into the arena, into model input or output number index, or into the constants. */
typedef struct cynf_ref {
    cynf_space space;
    int32_t index;
    int64_t offset;
} cynf_ref;

typedef struct cynf_step {
    const cynf_kernel *kernel;
    cynf_problem problem;
    const struct cynf_custom_call *custom; /**< NULL, or what cynf_custom_kernel has as its geometry in place of problem.u; then problem.op is CYNF_OP_COUNT */
    int32_t node;             /**< node of the graph that it comes from, for names; -1: none */
    const char *name;         /**< Keras layer; owned by the graph */
    int32_t n_in;
    cynf_ref in[CYNF_MAX_INPUTS], out;
    int64_t packed_offset;    /**< bytes into consts; -1: none */
    int64_t packed_bytes;
    int64_t workspace_offset; /**< bytes into the arena; -1: none */
    int64_t workspace_bytes;
    int64_t next_offset, next_bytes; /**< of consts: weights of later steps that it may ask the cache for; 0 bytes: none */
    bool part;                /**< it computes a band of rows of its node's output, or prepares one */
    bool with_next;           /**< threads may compute it and the next step, each of one stage, at the same time */
    cynf_weights raw;         /**< raw weights, owned by the graph: for the tuner and for re-packing */
} cynf_step;

/** What the plan says about one model; arrays are indexed by node or tensor of the optimised graph, NULL means the default. */
typedef struct cynf_decisions {
    int32_t n_node, n_tensor;
    int8_t *fuse;    /**< per depthwise node or projection: 1 fuse with the pointwise or recurrent node that follows, 0 do not, -1 let the cost model say */
    int16_t *block;  /**< per tensor: 0 plain NHWC, else the channel block; -1 default */
    int16_t *bands;  /**< per node: -1: computed with the node that reads it, in bands of rows, of which the last node of the chain says how many (> 0); 0: by itself */
    bool serial;     /**< the caller's thread alone computes it, however many there are */
} cynf_decisions;

/** Picks a kernel for a problem; NULL lets the cost model pick. Called once per step, in order. */
typedef const cynf_kernel *cynf_choose_fn(void *ctx, const cynf_problem *p, int32_t node);

typedef struct cynf_build_options {
    int32_t threads;                 /**< workspace is planned for so many; >= 1 */
    const cynf_machine *machine;     /**< NULL: cynf_machine_default() */
    cynf_choose_fn *choose;
    void *choose_ctx;
    const cynf_decisions *decisions; /**< NULL: defaults */
    const char *force;               /**< substrings of kernel names, comma-separated: a candidate that matches wins where it applies */
    int64_t max_arena_bytes;         /**< 0: no limit; a program over it is computed in bands of rows where it can be, or gives CYNF_ENOMEM */
    int32_t band_rows;               /**< 0: chains as the decisions say; else all that there can be, so many rows of the last node's output at a time */
    /** NULL, or the program of the same model at its largest sizes (graph/sizes.h), which outlives the new one: its kernels, fusions and places in the arena are taken where
     * they apply, its packed weights where they are the same. */
    const struct cynf_program *base;
    int64_t room_bytes;              /**< the arena up to the states has so many; a program that needs more gives CYNF_ENOMEM. 0: as many as it needs */
    cynf_math math;                  /**< SLEEF's kernels are taken where they apply, or never, whatever choose says */
} cynf_build_options;

/** A buffer or workspace in the arena: who it is, the steps during which it lives, floats. */
typedef struct cynf_place {
    int32_t id, first, last;
    int64_t elems, offset;
} cynf_place;

typedef struct cynf_program {
    const cynf_graph *graph;  /**< not owned; must outlive the program */
    const struct cynf_program *base; /**< of the build options: offsets below its consts_bytes are of its constants, those beyond of the program's own */
    cynf_step *step;
    int32_t n_step;
    void *consts;             /**< packed weights and constant operands; 64-byte aligned */
    int64_t consts_bytes;
    cynf_place *place;        /**< in the arena, without the states */
    int32_t n_place;
    int64_t arena_bytes;      /**< everything a run needs beside inputs, outputs and constants, states included */
    int64_t state_offset, state_bytes; /**< in the arena: the states one after the other, which nothing else may touch between runs; zeros at first */
    int64_t arena_lower_bound_bytes; /**< the largest sum of live tensors at any step, and the states */
    int32_t threads;
    bool serial;              /**< as cynf_decisions.serial */
    int16_t *bands;           /**< per node: as cynf_decisions.bands, the chains that are computed in bands; owned */
    int32_t *block;           /**< per tensor: the channels of a block; 0: plain; owned */
} cynf_program;

cynf_status cynf_program_build(cynf_program **out, const cynf_graph *g, const cynf_build_options *o, char *text, size_t cap);
void cynf_program_free(cynf_program **p);
/**
 * Chains of nodes to be computed in bands of rows, for cynf_decisions.bands, which has a place for each node: all that there can be, with so many rows of the last
 * node's output in a band, or, for rows = 0, those whose tensors do not fit into the L2 cache of the machine (NULL: the default) but whose bands do, and those that
 * begin with an element-wise node whose output is more than an eighth of it.
 */
cynf_status cynf_program_bands(const cynf_graph *g, const cynf_machine *machine, int32_t rows, int16_t *bands);
/** What the steps of a node call, where it is not fused; CYNF_OP_COUNT: no operation of the library, but a function from outside. */
cynf_op cynf_node_operation(cynf_node_op op);
/** The operations, 1 << cynf_op each, that programs of g may call, whatever the machine, the layouts and the fusions. */
cynf_status cynf_program_operations(const cynf_graph *g, unsigned *ops);

/** Whether s computes the node before its own too: a depthwise convolution, or a projection. */
static inline bool cynf_step_fused(const cynf_step *s) { return s->problem.op == CYNF_OP_SEPCONV2D || (s->problem.op == CYNF_OP_RNN && s->problem.u.rnn.f); }

/** Elements of model input or output i (batch included). */
size_t cynf_program_input_elems(const cynf_program *p, int i);
size_t cynf_program_output_elems(const cynf_program *p, int i);

#endif
