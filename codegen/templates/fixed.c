/* SPDX-License-Identifier: MIT */
/*
 * @ID@: @SUMMARY@
 *
 * Made by cynf-gen @VERSION@, DO NOT EDIT; the command was
 *     @COMMAND@
 * @HASHES@
 * Build: make (Makefile beside this file says with which flags). This file is compiled for the base architecture, so that it can refuse a CPU
 * that lacks @ISA@; the layers are in @ID@_layers*.c, the weights in @ID@_weights.bin.
 *
 *         MACs    weight b   in+out b  kernel                                       layer
@LAYERS@ */
#include <stdio.h>

#define CYNF_RT static __attribute__((unused))
#include "@ID@.h"
#include "@ID@_layers.h"
#include "arch/has_isa.h"
#define CYNF_EDGE_TYPES (@EDGE_TYPES@)
#include "runtime/instance.c"
#include "runtime/pool.c"
#include "runtime/walk.c"

#define cynf_status_str @ID@_status_str
#include "kernels/status.c"

extern const char @ID@_weights[] __attribute__((visibility("hidden")));

static const cynf_call calls[] = {
@TABLE@};
@INFO@
static const cynf_walk walk = {.call = calls, .n_call = sizeof calls / sizeof *calls, .in = inputs, .out = outputs, .n_in = @UPPER@_INPUTS,
    .n_out = @UPPER@_OUTPUTS, .batch = @UPPER@_BATCH, .threads = @UPPER@_MAX_THREADS, .batch_fixed = @UPPER@_BATCH_FIXED, .consts = @ID@_weights,
    .arena_bytes = @UPPER@_ARENA_BYTES@STATE_WALK@};

size_t @ID@_bytes(const @ID@_options *o) { return cynf_instance_bytes(&walk, o); }

static cynf_status check(const @ID@_options *o)
{
    const bool cpu = cynf_has_isa(@ISA_ENUM@), threads = !o || o->threads <= @UPPER@_MAX_THREADS;
    if (o && o->message && o->message_bytes)
        snprintf(o->message, o->message_bytes, "%s", !cpu ? "@ID@ is made for CPUs with @ISA@, which this one lacks: make it again with cynf-gen on "
            "this machine, or with --isa or --mode portable" : !threads ? "@ID@ is made for fewer threads: make it again with cynf-gen --threads" : "");
    return !cpu ? CYNF_ECPU : threads ? CYNF_OK : CYNF_EINVAL;
}

cynf_status @ID@_create(@ID@_t **out, const @ID@_options *o)
{
    const cynf_status s = check(o);
    return s == CYNF_OK ? cynf_instance_create(out, &walk, o) : s;
}

cynf_status @ID@_create_in(@ID@_t **out, const @ID@_options *o, void *buffer, size_t bytes)
{
    const cynf_status s = check(o);
    return s == CYNF_OK ? cynf_instance_create_in(out, &walk, o, buffer, bytes) : s;
}

cynf_status @ID@_run(@ID@_t *m, const void *const x[], void *const y[]) { return cynf_instance_run(m, x, y); }

cynf_status @ID@_run_batch(@ID@_t *m, size_t n, const void *const x[], void *const y[]) { return cynf_instance_run_batch(m, n, x, y); }
@STATE_FUNCTIONS@
void @ID@_destroy(@ID@_t **m) { cynf_instance_destroy(m); }
