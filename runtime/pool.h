/* SPDX-License-Identifier: MIT */
/**
 * The thread pool of the executor and of generated models.
 *
 * A pool of n threads is the caller plus n - 1 workers. cynf_pool_run() hands units out: a thread first takes chunks of its own
 * share, then of what a late partner has not claimed; a worker that never woke up is not waited for. Whoever waits spins at
 * most 50 us with pause, then sleeps on a condition variable. A caller that comes to another core sends the workers
 * to the others of those that it could use when the pool was made; where there are none, workers on its core do nothing.
 * fork(): the child has no workers; a pool made before fork() must not be run in the child, but may be destroyed there.
 */
#ifndef CYNF_POOL_H
#define CYNF_POOL_H

#include <stddef.h>

#include "cynf/status.h"

#ifndef CYNF_RT
#define CYNF_RT /* generated models define it as static */
#endif

typedef struct cynf_thread_pool cynf_thread_pool;
typedef void cynf_pool_fn(void *ctx, int thread, size_t begin, size_t end);

/** n >= 1; n == 1 starts no thread. Bytes for cynf_pool_create_in. */
CYNF_RT size_t cynf_pool_bytes(int n);
/** In the caller's memory (64-byte aligned, cynf_pool_bytes(n)); the pool must be destroyed before the memory goes. */
CYNF_RT cynf_status cynf_pool_create_in(cynf_thread_pool **out, int n, void *memory);
CYNF_RT void cynf_pool_destroy(cynf_thread_pool **p);
CYNF_RT int cynf_pool_threads(const cynf_thread_pool *p);
/**
 * Calls fn for disjoint ranges that cover [0, units), concurrently with distinct thread ids; returns when all are done. Where units are several spans of span
 * units, each with enough for all threads, a thread's share is the same part of every span; else it is one range.
 */
CYNF_RT void cynf_pool_run(cynf_thread_pool *p, cynf_pool_fn *fn, void *ctx, size_t units, size_t span);
/** Wakes sleeping workers ahead of the first run of an inference. */
CYNF_RT void cynf_pool_begin(cynf_thread_pool *p);

#endif
