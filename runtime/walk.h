/* SPDX-License-Identifier: MIT */
/**
 * The walk over a model's kernel calls, shared word for word by the executor and by generated models.
 *
 * The executor fills cynf_call from a program's steps, the generator prints the same table as constants; what happens between the
 * caller's buffers and the kernels (element types, stages, threads, samples) is here and nowhere else. Nothing here allocates.
 */
#ifndef CYNF_WALK_H
#define CYNF_WALK_H

#include "graph/program.h"
#include "runtime/pool.h"

#define CYNF_LISTED_STAGES 8

/** One kernel call, ready to run. */
typedef struct cynf_call {
    cynf_run_fn *run;
    const void *geometry;
    cynf_ref in[CYNF_MAX_INPUTS], out;
    int32_t n_in;
    int32_t stages;
    size_t units[CYNF_LISTED_STAGES], span[CYNF_LISTED_STAGES]; /**< of the first stages, all others are as the last of them; span: cynf_kernel_unit_span() */
    int64_t packed_offset;          /**< bytes into the constants; -1: none */
    int64_t workspace_offset;       /**< bytes into the arena; -1: none */
    int64_t next_offset, next_bytes; /**< of the constants: what later calls read, which this one may ask for; 0 bytes: nothing */
    bool serial;                    /**< too little work to be worth waking a thread */
    bool with_next;                 /**< this call and the next, of one stage each, may run at the same time */
} cynf_call;

/** A model input or output: elements of one run (batch included), and where its float copy lies when its type is another. */
typedef struct cynf_edge {
    cynf_dtype dtype;
    size_t elems;
    size_t staged; /**< bytes into the arena; unused for CYNF_F32, which is read and written in place */
} cynf_edge;

typedef struct cynf_walk {
    const cynf_call *call;
    int32_t n_call;
    const cynf_edge *in, *out;
    int32_t n_in, n_out;
    int32_t batch;      /**< samples of one run */
    int32_t threads;    /**< at most so many: workspace is planned for them */
    bool batch_fixed;   /**< samples influence each other, or have states: only whole batches */
    const void *consts; /**< 64-byte aligned */
    const void *base;   /**< constants that are shared with another walk: the first base_bytes of all, which consts goes on from */
    size_t base_bytes;
    size_t arena_bytes; /**< the program's arena and the float copies; a multiple of 64 */
    size_t state_offset, state_bytes; /**< in the arena: what runs leave for later ones, zeros at first; 0 bytes: nothing */
} cynf_walk;

/** Bytes of one element. */
CYNF_RT size_t cynf_dtype_bytes(cynf_dtype t);
/**
 * Memory for lanes runs at once (64-byte aligned when passed; nothing but the first arena's state lives from one run to the next). lanes > 1 is of use to
 * cynf_walk_batch alone, and not where there is a state.
 */
CYNF_RT size_t cynf_walk_bytes(const cynf_walk *w, int lanes);
/** One run. pool NULL: the caller alone. seconds NULL, or n_call doubles to which the time of each call is added. */
CYNF_RT void cynf_walk_run(const cynf_walk *w, cynf_thread_pool *pool, void *memory, const void *const *x, void *const *y, double *seconds);
/**
 * n samples, x[i] and y[i] hold n samples each. lanes (as given to cynf_walk_bytes) is 1 or the pool's threads: then each thread has a run of its
 * own where there are as many whole batches; else the threads share each run. Either way a sample's result is the same. With a state the batches are
 * computed one after the other. CYNF_EINVAL: n is no multiple of a fixed batch.
 */
CYNF_RT cynf_status cynf_walk_batch(const cynf_walk *w, cynf_thread_pool *pool, int lanes, void *memory, size_t n, const void *const *x, void *const *y);

#endif
