/* SPDX-License-Identifier: MIT */
/** The second back end: generate, compile, load, run. */
#ifndef CYNF_NATIVE_H
#define CYNF_NATIVE_H

#include "api/net.h"
#include "codegen/generate.h"

typedef struct native_options {
    cynf_gen_mode mode;
    int threads;
    unsigned isas;      /* of another machine, whose code is generated; 0: of this one */
    const char *runner; /* the command that a library and what is fed to it are given to: run-native, or an emulator and that machine's run-native */
    const char *cache;  /* the folder of the objects that portable models have in common; the first one fills it */
} native_options;

/** n samples through the model that cynf_generate() writes for net, built by make (CC, CFLAGS and CROSS from the environment) in a temporary folder. */
bool native_run(const native_options *o, const cynf_net *net, size_t n, const void *const *x, void *const *y, char *why, size_t cap);
/** Removes the cache. */
void native_forget(const char *cache);

#endif
