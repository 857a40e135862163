/* SPDX-License-Identifier: MIT */
/** Walks a program through the prebuilt kernels. */
#ifndef CYNF_EXECUTOR_H
#define CYNF_EXECUTOR_H

#include "graph/program.h"

typedef struct cynf_executor cynf_executor;

/** Allocates the arena and starts the threads; the program must outlive the executor. threads <= the program's. */
cynf_status cynf_executor_create(cynf_executor **out, const cynf_program *p, int threads);
void cynf_executor_destroy(cynf_executor **e);
/** x[i], y[i]: the model's inputs and outputs in their declared dtypes, row-major, any element alignment. Allocates nothing. */
cynf_status cynf_executor_run(cynf_executor *e, const void *const *x, void *const *y);
/** n samples: x[i] and y[i] hold n each; spread over the threads when there are enough. CYNF_EINVAL: the model takes whole batches only. */
cynf_status cynf_executor_run_batch(cynf_executor *e, size_t n, const void *const *x, void *const *y);
/** The same as cynf_executor_run, and adds each step's seconds to seconds[n_step]. */
cynf_status cynf_executor_profile(cynf_executor *e, const void *const *x, void *const *y, double *seconds);

#endif
