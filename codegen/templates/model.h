/* SPDX-License-Identifier: MIT */
/*
 * @ID@: @SUMMARY@
 *
 * Made by cynf-gen @VERSION@, DO NOT EDIT; the command was
 *     @COMMAND@
 *
@PORTS@ *
 *     @ID@_t *m;
 *     cynf_status s = @ID@_create(&m, &(@ID@_options){.threads = 1});
 *     if (s != CYNF_OK) ... @ID@_status_str(s) ...
 *     @ID@_run(m, (const void *const[]){x}, (void *const[]){y});      // one pointer for each input and output
 *     @ID@_destroy(&m);
 *
 * Memory      create asks for @ID@_bytes() bytes, once; create_in takes the caller's. run and run_batch allocate nothing and make no system call but
 *             to wake and await the instance's own threads. The weights are read-only data, shared by all instances.
 * Threads     An instance serves one thread at a time; any number of instances may run at once. threads = 1 starts no thread. Results do not
 *             depend on the number of threads.
 * fork()      The child has no worker threads: an instance with threads > 1 made before fork() may only be destroyed there. One with
 *             threads = 1 goes on working in both.
 * Numbers     float32 inside. NaN and infinities in the input go through as Keras lets them. Denormals are computed unless the thread that
 *             created the instance had flush-to-zero on. Buffers hold elements of the declared type, row-major; float32 and wider ones
 *             aligned as their C type.
 */
#ifndef @UPPER@_H
#define @UPPER@_H

/* ---- the same in every generated model ---- */

@ABI@
/* ---- @ID@ ---- */

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

@CONSTANTS@
typedef cynf_model @ID@_t;
typedef cynf_model_options @ID@_options;

/** Bytes that create allocates with these options, and that create_in wants; 0 when an option is out of range. NULL: the defaults. */
size_t @ID@_bytes(const @ID@_options *o);
/** CYNF_ECPU: this CPU lacks the instruction set that the code is for (@ISA@). On failure *out is untouched. */
cynf_status @ID@_create(@ID@_t **out, const @ID@_options *o);
/** In the caller's memory, aligned anyhow, which must live until destroy. CYNF_ENOMEM: fewer than @ID@_bytes(o). */
cynf_status @ID@_create_in(@ID@_t **out, const @ID@_options *o, void *buffer, size_t bytes);
/** One batch of @UPPER@_BATCH samples. */
cynf_status @ID@_run(@ID@_t *m, const void *const x[], void *const y[]);
/** Any number of samples, spread over the threads when there are enough; each x[i], y[i] holds n samples one after the other. CYNF_EINVAL: the
 * samples of a batch influence each other, or have states, in this model and n is no multiple of its batch. */
cynf_status @ID@_run_batch(@ID@_t *m, size_t n, const void *const x[], void *const y[]);
@STATE_DECLARE@@RESIZE_DECLARE@/** Ends the threads, frees the memory and nulls *m; NULL is fine. */
void @ID@_destroy(@ID@_t **m);
/** All of the above as data. */
const cynf_model_info *@ID@_info(void);
/** English; static storage. */
const char *@ID@_status_str(cynf_status s);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
