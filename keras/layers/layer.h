/* SPDX-License-Identifier: MIT */
/**
 * What lowers one call of one Keras layer to primitives: its config with type checks, its weights, its inputs, the graph.
 *
 * A layer is one function and one line {class name, function, arity, words for docs/layers.md} in the table of its family. The function reads the config through
 * cynf_cfg_*, weights through cynf_layer_*, calls cynf_g_* and returns its output. Every getter reports what is wrong through
 * cynf_graph_fail() and returns something harmless, so a function need not check: after an error builders do nothing.
 * Keys and weight names may be alternatives, the newest first: "filters|nb_filter".
 */
#ifndef CYNF_KERAS_LAYER_H
#define CYNF_KERAS_LAYER_H

#include "graph/graph.h"
#include "keras/config.h"
#include "keras/weights.h"

typedef struct cynf_lower {
    cynf_graph *g;
    const struct cynf_layer_class *klass;
    const cJSON *json, *config;        /**< the layer's node, and its "config" */
    struct cynf_customs *customs;      /**< layers that the user gives in C; NULL: none */
    const cynf_weight_map *file;       /**< the weights of the whole file */
    const cynf_layer_weights *weights; /**< of this layer */
    int32_t keras, keras_minor;        /**< version of the Keras that wrote the file: 1, 2, 3 */
    bool archive;                      /**< .keras */
    bool turned;                       /**< kernels of convolutions were made by Theano, which turns them by 180 degrees */
    bool corner_resize;                /**< resizing samples corners, as in the Keras before tf.keras 2 */
    const cynf_tensor_id *in, *mask;   /**< inputs, positional ones first, and the mask [batch, steps] (1: keep) that comes along with each, or CYNF_NO_TENSOR */
    int32_t n_in;
    const cynf_keras_call *call;        /**< its arguments as the file has them; NULL inside a wrapper */
    cynf_tensor_id *out, *out_mask;    /**< outputs after the first are stored here, below n_out; out_mask[0] is preset for layers that keep masks */
    int32_t n_out;
    bool takes_masks;                  /**< set by a layer after which its inputs have no mask for later layers either */
    int64_t parameters;                /**< elements of the weights fetched so far */
    /** Runs a nested model of one input and one output; mask becomes the output's. */
    cynf_tensor_id (*model)(struct cynf_lower *c, const cJSON *json, cynf_tensor_id x, cynf_tensor_id *mask);
    void *loader;                      /**< of model */
} cynf_lower;

typedef cynf_tensor_id cynf_lower_fn(cynf_lower *c);

/** One tensor and nothing else; any number of positional tensors; or the function looks at the call itself. */
typedef enum cynf_arity { CYNF_ONE_INPUT, CYNF_MANY_INPUTS, CYNF_ANY_CALL } cynf_arity;

typedef struct cynf_layer_class {
    const char *name;
    cynf_lower_fn *lower;
    cynf_arity arity;
    /**
     * For docs/layers.md (cynf-info --layers): options supported; operations called, separated by ", ", or "none"; limits and deviations from
     * Keras, if any. A line without options has the words of the line before it.
     */
    const char *options, *kernels, *limits;
} cynf_layer_class;

typedef struct cynf_layer_family {
    const char *title;
    const cynf_layer_class *class; /**< ended by a name of NULL */
} cynf_layer_family;

/** Every class, by family; ended by a title of NULL. */
const cynf_layer_family *cynf_layer_families(void);

/** The class of that name, NULL when it is not supported. */
const cynf_layer_class *cynf_layer_find(const char *name);
/** What lowers the layer described by json, of class klass: what the user gives for it, or else that class; NULL: it is not supported. */
const cynf_layer_class *cynf_layer_choose(const cynf_lower *c, const char *klass, const cJSON *json);
/** Why there is no such class, and the way out: Lambda, a custom layer, or one of Keras that is not supported. */
cynf_tensor_id cynf_layer_refuse(cynf_lower *c, const char *klass, const cJSON *json);
/** Whether layers of that class hand their input's mask on. */
bool cynf_layer_keeps_mask(const char *klass);
/** Runs the layer described by json ({"class_name", "config"}) inside the call c, on x: wrappers, activations given as layers. */
cynf_tensor_id cynf_lower_inner(cynf_lower *c, const cJSON *json, cynf_tensor_id x);
/** The same on an x that has a mask, which becomes that of the result. */
cynf_tensor_id cynf_lower_masked(cynf_lower *c, const cJSON *json, cynf_tensor_id x, cynf_tensor_id *mask);

/** Whether the call has an argument at that position (Keras 3, from 0) or by that name; null counts as none. */
const cJSON *cynf_call_arg(const cynf_lower *c, int position, const char *name);
/** The index in c->in of the tensor that this argument is; before Keras 3 only the leading ones have positions. -1: none. */
int32_t cynf_call_input(const cynf_lower *c, int position, const char *name);
/** The index in c->in of the tensor that this JSON node of the call names, or -1. */
int32_t cynf_call_tensor(const cynf_lower *c, const cJSON *json);
/** Stores output i > 0, if anyone wants it. */
void cynf_set_output(cynf_lower *c, int32_t i, cynf_tensor_id t);

/* ---- config ------------------------------------------------------------------------------------------------------------- */

#define CYNF_REQUIRED INT32_MIN

/** The value of the first key that is there and not null; NULL: none. */
const cJSON *cynf_cfg(const cynf_lower *c, const char *keys);
/** The same; absent when there is none of the keys, NULL when its value is null: where null does not mean Keras' default. */
const cJSON *cynf_cfg_or(const cynf_lower *c, const char *keys, const cJSON *absent);
bool cynf_cfg_bool(cynf_lower *c, const char *keys, bool absent);
double cynf_cfg_number(cynf_lower *c, const char *keys, double absent);
/** At least min; absent may be CYNF_REQUIRED. */
int32_t cynf_cfg_int(cynf_lower *c, const char *keys, int32_t min, int32_t absent);
/** n integers of at least min; one number, or a list of one, stands for all of them. absent as above. False after an error. */
bool cynf_cfg_ints(cynf_lower *c, const char *keys, int n, int32_t *out, int32_t min, int32_t absent);
/** NULL when absent. */
const char *cynf_cfg_text(cynf_lower *c, const char *keys);
/** One axis or a list of them, of tensors of that rank, as a bit mask; negative ones count from the end. 0 after an error. */
uint32_t cynf_cfg_axes(cynf_lower *c, const cJSON *axes, int rank);
/** Numbers of any nest of lists, at most cap; returns how many there are (0 when v is NULL), or -1 after an error. */
int32_t cynf_cfg_floats(cynf_lower *c, const char *keys, float *out, int32_t cap);
/** data_format is channels_first. */
bool cynf_cfg_channels_first(cynf_lower *c);
/** valid, same; causal only where allowed. */
cynf_padding cynf_cfg_padding(cynf_lower *c, bool causal);

/* ---- weights ------------------------------------------------------------------------------------------------------------ */

/** Data of a weight of that shape; NULL after an error. */
const float *cynf_layer_data(cynf_lower *c, const char *names, const cynf_shape *s);
/** The same as a constant of the graph. */
cynf_tensor_id cynf_layer_weight(cynf_lower *c, const char *names, const cynf_shape *s);
/** A weight of shape [..., n] with the low-rank update that enable_lora() keeps apart added. */
cynf_tensor_id cynf_layer_adapted(cynf_lower *c, const char *name, const cynf_shape *s);
/** The same for "kernel". */
cynf_tensor_id cynf_layer_kernel(cynf_lower *c, const cynf_shape *s);
/** Whether its dtype policy says that weights are int8 with scales. */
bool cynf_layer_int8(const cynf_lower *c);
/**
 * For such a layer x as whole numbers, each of which stands for itself over *scale (kept dimensions; CYNF_NO_TENSOR: x itself): Keras quantises activations
 * by the largest magnitude over axes.
 */
cynf_tensor_id cynf_quantise(cynf_lower *c, cynf_tensor_id x, uint32_t axes, cynf_tensor_id *scale);
/** The bias of n elements when use_bias says so, else CYNF_NO_TENSOR. */
cynf_tensor_id cynf_layer_bias(cynf_lower *c, int32_t n);
/**
 * y + bias as the add() of Keras on TensorFlow has it from 3.7 on (keras/src/backend/tensorflow/numpy.py): a bias with one dimension n over 1 goes along the last axis of y
 * if that has n elements, else along axis 1 if that has n, whatever broadcasting would do.
 */
bool cynf_biases(const cynf_lower *c); /**< whether it is such a Keras */
cynf_tensor_id cynf_add_bias(cynf_lower *c, cynf_tensor_id y, cynf_tensor_id bias);

/* ---- tensors ------------------------------------------------------------------------------------------------------------ */

cynf_shape cynf_shape_of(const cynf_lower *c, cynf_tensor_id t);
/** Channels from axis 1 to the end, and back. */
cynf_tensor_id cynf_channels_last(cynf_lower *c, cynf_tensor_id x);
cynf_tensor_id cynf_channels_first(cynf_lower *c, cynf_tensor_id x);
/** x scale + shift in single precision constants of shape s. */
cynf_tensor_id cynf_scale_shift(cynf_lower *c, cynf_tensor_id x, const cynf_shape *s, const float *scale, const float *shift);
/** An operand of a keras.ops node: a tensor of the call, a number, or a nest of lists of numbers. */
cynf_tensor_id cynf_operand(cynf_lower *c, const cJSON *v);
/** What the layers Add, Reshape ... are as nodes of keras.ops. */
cynf_tensor_id cynf_op_binary(cynf_lower *c, cynf_elt_kind kind);
cynf_tensor_id cynf_op_reshape(cynf_lower *c);
cynf_tensor_id cynf_op_dot(cynf_lower *c);
cynf_tensor_id cynf_op_average(cynf_lower *c);
/** 1 where the real number x is not 0, else 0; 1 where p > q, else 0. */
cynf_tensor_id cynf_nonzero(cynf_lower *c, cynf_tensor_id x);
cynf_tensor_id cynf_greater(cynf_lower *c, cynf_tensor_id p, cynf_tensor_id q);
/** Whole numbers as Keras casts them: towards zero. */
cynf_tensor_id cynf_whole(cynf_lower *c, cynf_tensor_id x);
/** Whether a dtype is one of whole numbers, and the least and the largest that it has: infinite from 32 bits on, which single precision does not hold. NULL: no. */
bool cynf_whole_type(const char *dtype, float *low, float *high);
/** For every whole number of x a row of n elements: 1 at its index, else 0. */
cynf_tensor_id cynf_one_hot(cynf_lower *c, cynf_tensor_id x, int32_t n);
/** 1 - truth */
cynf_tensor_id cynf_not(cynf_lower *c, cynf_tensor_id truth);
/** before and after more elements of an axis: mirrored at the ends, which are repeated or not. */
cynf_tensor_id cynf_pad_mirrored(cynf_lower *c, cynf_tensor_id x, int axis, int32_t before, int32_t after, bool repeat_ends);
/** x with one axis more, of size 1, before the given one. */
cynf_tensor_id cynf_expand(cynf_lower *c, cynf_tensor_id x, int axis);
/** Any number of tensors. */
cynf_tensor_id cynf_concat_all(cynf_lower *c, const cynf_tensor_id *x, int32_t n, int axis);
/** One index of an axis, or the n indices from begin. */
cynf_tensor_id cynf_take(cynf_lower *c, cynf_tensor_id x, int axis, int32_t begin, int32_t n);
/** Sum over products by an equation like "abc,cd->abd", ellipses included; keras.ops.einsum of two operands. */
cynf_tensor_id cynf_einsum(cynf_lower *c, const char *equation, cynf_tensor_id a, cynf_tensor_id b);
/** The activation of a config value: a name, a function object or a layer object; NULL: linear. */
cynf_tensor_id cynf_activate(cynf_lower *c, cynf_tensor_id x, const cJSON *activation);
/** Whether that activation works element by element. */
bool cynf_activation_pointwise(const cJSON *activation);
/** It, as the epilogue of a kernel; false: it does not work element by element. */
bool cynf_activation_epilogue(const cynf_lower *c, const cJSON *activation, cynf_epilogue *e);

/**
 * Images for layers with n spatial dimensions (1, 2; 3 for pooling): channels last, leading extra dimensions folded into the batch,
 * a sequence as an image of one row. cynf_image_out() undoes it, and puts the activation where Keras has it.
 */
typedef struct cynf_image {
    int n;
    bool first;        /**< the layer is channels_first */
    cynf_shape given;  /**< of the layer's input */
    cynf_tensor_id x;
    int32_t channels;
} cynf_image;
bool cynf_image_in(cynf_lower *c, int n, cynf_image *out);
cynf_tensor_id cynf_image_out(cynf_lower *c, const cynf_image *im, cynf_tensor_id y, const cJSON *activation);

#endif
