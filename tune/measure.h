/* SPDX-License-Identifier: MIT */
/** All kernels that can compute one problem, raced on this machine as they will run in the model. */
#ifndef CYNF_MEASURE_H
#define CYNF_MEASURE_H

#include "runtime/pool.h"
#include "tune/plan.h"
#include "tune/timer.h"

typedef enum cynf_effort {
    CYNF_EFFORT_ESTIMATE, /**< the cost model alone */
    CYNF_EFFORT_MEASURE,  /**< what the model cannot rule out: within 1.6 x the cheapest, the cheapest of each algorithm, at most 12, or 6 of large weights */
    CYNF_EFFORT_PATIENT   /**< everything that runs */
} cynf_effort;

typedef struct cynf_measurer {
    cynf_machine machine;
    cynf_timer timer;
    cynf_thread_pool *pool; /**< NULL: one thread */
    int32_t threads;
    cynf_effort effort;
    bool exact;            /**< exact kernels alone */
    double max_error;      /**< of a layer's largest output */
    int64_t max_memory;    /**< bytes of workspace and copies of weights; 0: no limit on workspace */
    const char *algo;      /**< the algorithm that is used where it applies, or NULL */
    int64_t model_bytes;   /**< of all raw weights: how cold the weights of one layer are */
    double deadline;       /**< cynf_now() */
} cynf_measurer;

/** A kernels entry of the plan for p with these raw weights; NULL: out of memory. */
cJSON *cynf_measure_problem(cynf_measurer *m, const cynf_problem *p, const cynf_weights *raw);

#endif
