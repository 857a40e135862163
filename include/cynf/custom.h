/* SPDX-License-Identifier: MIT */
/**
 * A Keras layer in C: the file that `--custom Name=file.c` names (customs in cynf_net_options, custom={"Name": "file.c"} in Python).
 *
 * A model file holds the config and the weights of a custom layer, but not its Python code; that of a Lambda is never run. file.c says what they compute: every layer
 * of class Name (without its package, if it has one: Scale, not my>Scale), and every Lambda that is called Name, or, with Lambda as the name, every other one. When a
 * model is loaded, the C compiler of the machine (CC, or else cc) compiles the file for the prebuilt kernels' engine; generated models have its text inside.
 *
 *     #include <cynf/custom.h>
 *
 *     static const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r)
 *     {
 *         r->out[0] = l->in[0];
 *         r->param[0] = l->number(l, "factor", 0, 1.0);
 *         return NULL;
 *     }
 *
 *     static void run(const cynf_custom_args *a)
 *     {
 *         const size_t n = cynf_custom_elems(&a->in[0]);
 *         for (size_t i = 0; i < n; i++)
 *             a->y[0][i] = (float)a->param[0] * a->x[0][i];
 *     }
 *
 *     CYNF_CUSTOM(1, shapes, run);
 *
 * The file is C11 that includes nothing but this header and those of the C library; everything in it is static. One instance of a model may be in run() while
 * another one is, and so may the samples of one call, so that run() keeps nothing outside its arguments. Tensors are float32, dense and row-major, the batch first,
 * whatever the layer's dtype; a pointer is aligned as a float is, workspace to 64 bytes.
 */
#ifndef CYNF_CUSTOM_H
#define CYNF_CUSTOM_H

#include <stddef.h>
#include <stdint.h>

/** Changes with the meaning or layout of anything in this header; the file says for which one it was written. */
#define CYNF_CUSTOM_API_VERSION 1
#define CYNF_CUSTOM_MAX_RANK 8
#define CYNF_CUSTOM_MAX_INPUTS 64
#define CYNF_CUSTOM_MAX_WEIGHTS 64
#define CYNF_CUSTOM_MAX_OUTPUTS 8
#define CYNF_CUSTOM_MAX_PARAMS 16

typedef struct cynf_custom_shape {
    int32_t rank;
    int32_t dim[CYNF_CUSTOM_MAX_RANK];
} cynf_custom_shape;

/** A weight that the file has for the layer, in the order in which Keras lists them (layer.weights); those of layers inside it follow by their names. */
typedef struct cynf_custom_weight {
    const char *name; /**< in .h5 the last part of Keras' name: "alpha"; in .keras the path below the layer: "vars/0", "dense/vars/0" */
    cynf_custom_shape shape;
    const float *data;
} cynf_custom_weight;

/** One call of a layer. It comes from the model file: check what run() relies on. */
typedef struct cynf_custom_layer cynf_custom_layer;
struct cynf_custom_layer {
    const char *name, *class_name; /**< the class without its package */
    const char *config; /**< the layer's config, as JSON text */
    int32_t n_in, n_weights;
    const cynf_custom_shape *in;
    const cynf_custom_weight *weight;
    /** Element index of the list that the config has under key, or the number itself (true is 1) where it is no list; absent when there is none. */
    double (*number)(const cynf_custom_layer *l, const char *key, int32_t index, double absent);
    /** The string that the config has under key, or absent. */
    const char *(*text)(const cynf_custom_layer *l, const char *key, const char *absent);
    const void *reserved;
};

/** What shapes() fills in. All is 0 but n_out, which is 1, and the ranks, which are -1. */
typedef struct cynf_custom_result {
    int32_t n_out;
    cynf_custom_shape out[CYNF_CUSTOM_MAX_OUTPUTS];
    size_t workspace_bytes;                /**< that run() needs */
    double param[CYNF_CUSTOM_MAX_PARAMS];  /**< any numbers for run(): literals in generated models */
    int32_t keeps_mask;                    /**< 1: a mask of the first input goes on to the output, as with supports_masking in Keras; 0: it ends here */
    int32_t mixes_samples;                 /**< 1: samples of a batch influence each other */
} cynf_custom_result;

typedef struct cynf_custom_args {
    int32_t n_in, n_weights, n_out;
    const cynf_custom_shape *in, *weight, *out;
    const float *const *x; /**< inputs */
    const float *const *w; /**< weights */
    float *const *y;       /**< outputs, which overlap nothing */
    const double *param;
    void *workspace;       /**< contents undefined; NULL when it has 0 bytes */
} cynf_custom_args;

typedef struct cynf_custom_functions {
    int32_t version;
    /** Called while a model is loaded, perhaps several times. NULL, or why the layer cannot be run: one line, static storage. */
    const char *(*shapes)(const cynf_custom_layer *l, cynf_custom_result *r);
    /** Computes one batch. In generated models shapes and param are literals, so that loops over them have known bounds. */
    void (*run)(const cynf_custom_args *a);
} cynf_custom_functions;

static inline size_t cynf_custom_elems(const cynf_custom_shape *s)
{
    size_t n = 1;
    for (int32_t i = 0; i < s->rank; i++)
        n *= (size_t)s->dim[i];
    return n;
}

#ifndef CYNF_CUSTOM_LINKAGE
#define CYNF_CUSTOM_LINKAGE static /* the loader looks it up */
#endif
/** Once, at the end of the file: the version of this header that the file is written for, and its functions. */
#define CYNF_CUSTOM(version, shapes, run) CYNF_CUSTOM_LINKAGE const cynf_custom_functions cynf_custom_entry = {version, shapes, run}

#endif
