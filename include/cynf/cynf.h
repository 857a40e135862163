/* SPDX-License-Identifier: MIT */
/**
 * libcynf.a: read a Keras model, run it through the prebuilt kernels, tune it for this CPU, generate native code from it.
 *
 *     char why[512];
 *     cynf_net *net;
 *     if (cynf_net_load(&net, "net.h5", NULL, why, sizeof why)) { fprintf(stderr, "%s\n", why); return 1; }
 *     cynf_runner *r;
 *     cynf_compile(&r, net, &(cynf_compile_options){.threads = 2}, why, sizeof why);
 *     cynf_run(r, (const void *[]){x}, (void *[]){y});
 *     cynf_runner_free(&r);
 *     cynf_net_free(&net);
 *
 * Every function that can fail returns a status and, where it has a message, one line of text that names the file, the layer, what was
 * found, what was expected and what to do. On failure outputs are untouched. Nothing here prints, aborts or exits. Objects are
 * independent of each other, but a runner needs its net alive; one runner serves one thread at a time.
 */
#ifndef CYNF_H
#define CYNF_H

#include "dtype.h"
#include "kernels.h"
#include "model.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CYNF_API_VERSION 1

/** "0.1.0"; static storage. */
const char *cynf_version(void);

/* ---- a model file ---------------------------------------------------------------------------------------------------------- */

/** A loaded and optimised model; owns its weights. */
typedef struct cynf_net cynf_net;

/** Zeros are the defaults. */
typedef struct cynf_net_options {
    int32_t batch;       /**< samples of one run; 0: 1 */
    const char *weights; /**< weights file that belongs to an architecture (.json); NULL: none */
    /** Sizes, batch first (it is ignored), for the dimensions that the file leaves open, a row for each input; NULL: none. */
    const int32_t (*shapes)[8];
    int32_t n_shapes;
    cynf_math math;      /**< of exp, tanh, erf ... in a runner; CYNF_EUNSUPPORTED where cynf_has_math() says no; generated models have the polynomials */
    /** The same in words, NULL-terminated: "name=1,64,64,3", batch first. A name, rank or size that is not the file's is an error (CYNF_EINVAL). NULL: none. */
    const char *const *input_shapes;
    /**
     * 0, or steps of one run of a stream: a model of sequences (axis 1 of the first input) becomes one that is given so many steps at a time and gives the same
     * numbers; what it needs of earlier steps is its state. Causal and unpadded convolutions and pooling, recurrent layers that run forwards and everything that
     * works step by step can be streamed; the message of a failure names the layer that cannot. A batch of n samples in cynf_run_batch() is n calls.
     */
    int32_t stream;
    const char *kernels_from; /**< "theano": a model trained with it, whose convolutions have their kernels turned by 180 degrees; NULL or "tensorflow" */
    /**
     * Largest sizes, in the same words: what the file leaves open of these inputs stays so. cynf_net_generate() then writes a portable model that takes any size up to
     * them when it runs (ID_resize()); cynf_compile() and cynf_net_tune() see the largest. Loading lowers the model for each size, and CYNF_EUNSUPPORTED says where
     * they depend on each other in a way that cannot be kept. Not with stream, nor with math other than the polynomials (CYNF_EINVAL). NULL: none.
     */
    const char *const *max_shapes;
    /**
     * NULL-terminated, "Name=file.c" each: what layers of class Name, or Lambdas of that name, compute (cynf/custom.h). The files are compiled by the C compiler of the machine
     * (CC, or else cc) and loaded into this process: they must be trustworthy, as code of the program's own. NULL: none.
     */
    const char *const *customs;
    /**
     * 1: runners, plans and generated models of exact kernels alone (cynf_kernel_exact()): the same bits on scalar, avx2, avx512 and neon, for every plan and
     * number of threads, and slower. What a plan says of other kernels is not used, as the message then says. CYNF_EUNSUPPORTED together with SLEEF's functions.
     */
    int32_t exact;
} cynf_net_options;

/** Reads .h5 or .keras. message (NULL, or message_bytes of room) gets the reason of a failure. */
cynf_status cynf_net_load(cynf_net **out, const char *path, const cynf_net_options *o, char *message, size_t message_bytes);
/** Nulls *net; NULL is fine. */
void cynf_net_free(cynf_net **net);
int cynf_net_inputs(const cynf_net *net);
int cynf_net_outputs(const cynf_net *net);
/** Name, type and shape (batch first) of input or output i; lives as long as the net. */
const cynf_model_port *cynf_net_input(const cynf_net *net, int i);
const cynf_model_port *cynf_net_output(const cynf_net *net, int i);
int32_t cynf_net_batch(const cynf_net *net);
/** True: samples of a batch influence each other, or have states, so that only whole batches can be run. */
int cynf_net_batch_fixed(const cynf_net *net);
/** Of a stream: so many steps of output i come after a reset before the first one of the sequence (convolutions without padding give fewer than they take). */
int32_t cynf_net_output_skip(const cynf_net *net, int i);
/** Floats that a model with stateful layers, or a stream, keeps from one run to the next; 0: it keeps nothing. */
size_t cynf_net_state_floats(const cynf_net *net);

/* ---- running it through the prebuilt kernels --------------------------------------------------------------------------------- */

/** A net compiled for this machine, with its memory and threads. */
typedef struct cynf_runner cynf_runner;

/** Zeros are the defaults. */
typedef struct cynf_compile_options {
    int32_t threads;         /**< 0: 1 */
    int32_t lanes;           /**< 0: cynf_run_batch computes a sample on each thread, each in memory of its own; 1: one after the other, in the least memory */
    const char *plan;        /**< JSON plan (path); NULL: the cost model decides */
    const char *kernels;     /**< parts of kernel names, comma-separated: a candidate that matches wins where it applies; NULL: the environment's CYNF_KERNEL */
    int64_t max_arena_bytes; /**< a model that needs more is computed in bands of rows where it can be (the environment's CYNF_BANDS: always), or gives CYNF_ENOMEM; 0: no limit */
    void *reserved[4];       /**< 0 */
} cynf_compile_options;

/**
 * message gets the reason of a failure, or, on success, why a plan was not used or only in part ("" when all is well).
 * The environment's CYNF_CPU_MASK ("avx2", "scalar", ...) limits the instruction sets.
 */
cynf_status cynf_compile(cynf_runner **out, const cynf_net *net, const cynf_compile_options *o, char *message, size_t message_bytes);
void cynf_runner_free(cynf_runner **r);
/** One run: x[i], y[i] in the ports' types and shapes, row-major, any alignment. Allocates nothing. */
cynf_status cynf_run(cynf_runner *r, const void *const x[], void *const y[]);
/** n samples in x[i] and y[i]; CYNF_EINVAL when the net takes whole batches only and n is none. With a state: one batch after the other, each going on
 * where the one before ended. */
cynf_status cynf_run_batch(cynf_runner *r, size_t n, const void *const x[], void *const y[]);

/**
 * The state that runs leave for later ones (cynf_net_state_floats() numbers, none in most nets): zeros at first and after reset. It is one vector, layer
 * by layer, and the same for every machine, plan and number of threads, so that one runner's state may be set in another, or in a generated model.
 */
void cynf_runner_reset_state(cynf_runner *r);
void cynf_runner_get_state(const cynf_runner *r, float *state);
void cynf_runner_set_state(cynf_runner *r, const float *state);

/** One kernel call of the program. */
typedef struct cynf_step_info {
    const char *layer;   /**< Keras name; NULL for copies that belong to none */
    const char *kernel;  /**< variant name */
    double flops;        /**< useful operations, taps on padding left out */
    double bound_seconds; /**< no direct computation is faster on the machine: operations at the FMA peak, or bytes at the bandwidth of the memory they fit into */
    int64_t weight_bytes;
} cynf_step_info;

int cynf_runner_steps(const cynf_runner *r);
/** Texts live as long as the runner. m NULL: cynf_machine_default(), whose speeds are assumed. */
void cynf_runner_step(const cynf_runner *r, int i, const cynf_machine *m, cynf_step_info *out);
int64_t cynf_runner_arena_bytes(const cynf_runner *r);
/** cynf_run, and adds the seconds of each step to seconds[cynf_runner_steps()]. */
cynf_status cynf_run_profile(cynf_runner *r, const void *const x[], void *const y[], double *seconds);

/* ---- tuning and generating -------------------------------------------------------------------------------------------------- */

typedef enum cynf_tuning_effort { CYNF_TUNING_ESTIMATE, CYNF_TUNING_MEASURE, CYNF_TUNING_PATIENT } cynf_tuning_effort;

/** Zeros are the defaults, but for effort. */
typedef struct cynf_tuning {
    cynf_tuning_effort effort;
    int32_t threads;           /**< 0: 1 */
    double time_limit_seconds; /**< 0: none */
    double max_error;          /**< relative to a layer's largest output; 0: 1e-5 */
    int64_t max_arena_bytes;   /**< as cynf_compile_options.max_arena_bytes */
    void (*progress)(void *ctx, double fraction, const char *what); /**< NULL: silent */
    void *progress_ctx;
    void *reserved[4];         /**< 0 */
} cynf_tuning;

/** Tunes net on this machine; *plan gets JSON text (docs/plan-format.md) that the caller frees with free(). */
cynf_status cynf_net_tune(const cynf_net *net, const cynf_tuning *o, char **plan, char *message, size_t message_bytes);

/** Zeros are the defaults. */
typedef struct cynf_generation {
    const char *out;      /**< folder to write; required */
    const char *name;     /**< prefix of every external symbol; NULL: the last part of out */
    const char *command;  /**< for the headings; NULL: none */
    const char *plan;     /**< JSON plan (path); NULL: the cost model decides */
    int32_t threads;      /**< most threads of an instance; 0: 1 */
    int32_t portable;     /**< 1: sources for every instruction set of the architecture, tuned where it runs */
    void *reserved[4];    /**< 0 */
} cynf_generation;

/** Writes the model as C into a folder, whole or not at all. message as in cynf_compile(). */
cynf_status cynf_net_generate(const cynf_net *net, const cynf_generation *o, char *message, size_t message_bytes);

/** Hash of the kernels' sources: plans and native builds are made for one; static storage. */
const char *cynf_build_id(void);
/** What identifies this CPU for tuning; returns out. */
const char *cynf_cpu_fingerprint(char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
