/* SPDX-License-Identifier: MIT */
/**
 * What all generated models share. A model's own header carries a copy of this text, so that it needs nothing beside itself; the copies
 * of several models in one program agree as long as CYNF_MODEL_ABI_VERSION does.
 */
#ifndef CYNF_MODEL_H
#define CYNF_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Changes with the meaning or layout of anything in this header. */
#define CYNF_MODEL_ABI_VERSION 3

/** An instance: an arena and threads. It knows its model; the weights are the model's and shared. */
typedef struct cynf_model cynf_model;

/** Zeros are the defaults. */
typedef struct cynf_model_options {
    int32_t threads;      /**< 1 (and 0): the caller's thread alone, no thread is started; at most the model's MAX_THREADS */
    int32_t lanes;        /**< 0, or as many as threads: run_batch computes a sample on each thread, each in memory of its own; 1: one sample after the
                               other, shared by the threads, in the least memory */
    const char *plan;     /**< portable models: path of a plan from `cynf-plan bind`; NULL: the environment's CYNF_PLAN, or else the cost model */
    char *message;        /**< NULL, or where a text of at most message_bytes goes: why create failed, or why it did not use the plan, or not all
                               of it ("" otherwise) */
    size_t message_bytes;
    void *reserved[4];    /**< 0 */
} cynf_model_options;

/** A model input or output. */
typedef struct cynf_model_port {
    const char *name;
    const char *dtype;    /**< as NumPy writes it: "float32", "uint8", "bool" ...; "bfloat16" */
    int32_t rank;
    int32_t shape[8];     /**< of one run, row-major; shape[0] is the batch; of a model that can be resized: at its largest sizes, as after create */
    size_t bytes;         /**< of one run */
    uint32_t open;        /**< inputs: bit d is set where resize may give dimension d another size, from 1 to shape[d] */
} cynf_model_port;

/** A model as data, for loaders that know no model's header: ID_info() returns it. Static storage. */
typedef struct cynf_model_info {
    int32_t abi_version;  /**< check before reading on */
    int32_t batch;        /**< samples of one run */
    int32_t batch_fixed;  /**< 1: samples influence each other, or have states, so run_batch takes whole batches only */
    int32_t max_threads;
    int32_t n_in, n_out;
    const cynf_model_port *in, *out;
    const char *id;       /**< prefix of the model's functions */
    const char *isa;      /**< instruction set that it needs: "avx2", ...; "any" for portable models */
    const char *version;  /**< of the generator */
    int64_t weights_bytes;
    size_t (*bytes)(const cynf_model_options *o);
    cynf_status (*create)(cynf_model **out, const cynf_model_options *o);
    cynf_status (*create_in)(cynf_model **out, const cynf_model_options *o, void *buffer, size_t bytes);
    cynf_status (*run)(cynf_model *m, const void *const x[], void *const y[]);
    cynf_status (*run_batch)(cynf_model *m, size_t n, const void *const x[], void *const y[]);
    void (*destroy)(cynf_model **m);
    size_t state_floats;  /**< what an instance keeps from run to run; 0: nothing, and the functions below are NULL */
    void (*reset_state)(cynf_model *m);
    void (*get_state)(const cynf_model *m, float *state);
    void (*set_state)(cynf_model *m, const float *state);
    cynf_status (*resize)(cynf_model *m, const int32_t *const shapes[]); /**< NULL, as the next one: all sizes are fixed */
    void (*output_shape)(const cynf_model *m, int i, int32_t shape[8]);
} cynf_model_info;

#ifdef __cplusplus
}
#endif
#endif
