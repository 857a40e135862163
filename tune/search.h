/* SPDX-License-Identifier: MIT */
/** Tuning of a model: every problem measured by itself, then the best combinations in the whole model. */
#ifndef CYNF_SEARCH_H
#define CYNF_SEARCH_H

#include "tune/measure.h"

typedef struct cynf_tune_options {
    cynf_effort effort;
    int32_t threads;       /**< >= 1 */
    double time_limit;     /**< seconds, 0: none; when it is reached, what is not measured is left to the cost model */
    double max_error;      /**< a candidate that is off by more, relative to its layer's largest output, is left out */
    int64_t max_memory;    /**< bytes of the arena, 0: no limit */
    const char *algo;      /**< restricts problems that this algorithm can run to it; NULL: no restriction */
    bool no_journal;
    const char *journal;   /**< path, NULL: the default */
    bool resume;
    void (*progress)(void *ctx, double fraction, const char *what); /**< may be NULL */
    void *progress_ctx;
} cynf_tune_options;

/** measure, one thread, no limits, max_error 1e-5. */
cynf_tune_options cynf_tune_default_options(void);

/** What a tuning found, besides the plan. */
typedef struct cynf_tune_result {
    double default_seconds, tuned_seconds; /**< of one run of the whole model, in the same race; 0 at estimate */
    double spread;                         /**< of the tuned ones: (upper - lower quartile) / median */
    double exact_cost;                     /**< of an exact graph: its time over that of the un-tuned program of all kernels, modelled at estimate; 0: not known */
    int problems, resumed;                 /**< distinct ones, and how many of them came from the journal */
} cynf_tune_result;

/**
 * Tunes g (optimised) on this machine.
 * @param plan out: a plan of this machine alone; the caller frees it (cJSON_Delete). It is never slower than no plan, inside the noise.
 * @param why  on failure, one line; on success empty, or a warning (no journal could be kept)
 */
cynf_status cynf_tune(cJSON **plan, cynf_tune_result *result, const cynf_graph *g, const cynf_tune_options *o, char *why, size_t cap);

/** A program in a race of whole models. */
typedef struct cynf_entrant {
    const char *name;
    const cynf_program *program;
    cynf_contestant result;
} cynf_entrant;

/** Runs whole programs of one graph in turns on random input; entrant 0 is the incumbent. Returns the winner, or -1: out of memory. */
int cynf_race_programs(cynf_timer *t, cynf_entrant *e, int n, int32_t threads, double deadline);

#endif
