/* SPDX-License-Identifier: MIT */
/** The second back end: generate, compile, load, run. */
#ifndef CYNF_NATIVE_H
#define CYNF_NATIVE_H

#include "codegen/generate.h"

/**
 * n samples through the model that cynf_generate() writes for g, built by make (CC and CFLAGS from the environment) in a temporary folder.
 * Portable models take the objects of the library's sources from folder cache, which the first one fills.
 */
bool native_run(const cynf_graph *g, cynf_gen_mode mode, const char *cache, int threads, size_t n, const void *const *x, void *const *y, char *why, size_t cap);
/** Removes the cache. */
void native_forget(const char *cache);

#endif
