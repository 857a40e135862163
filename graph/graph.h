/* SPDX-License-Identifier: MIT */
/**
 * The intermediate representation: a graph of primitive operations over float32 tensors with static shapes (batch first).
 *
 * A lowering calls the cynf_g_* builders; each infers its output's shape, checks its operands and returns the new tensor's id, or
 * CYNF_NO_TENSOR after recording an error in the graph (sticky: later builders then do nothing, so a lowering checks once).
 * Nodes are in topological order by construction. Passes rewrite the graph in place. No dependency but libc.
 */
#ifndef CYNF_GRAPH_H
#define CYNF_GRAPH_H

#include "cynf/dtype.h"
#include "cynf/kernels.h"

typedef int32_t cynf_tensor_id;
#define CYNF_NO_TENSOR (-1)
#define CYNF_MAX_NODE_INPUTS 64

/** d[0] is the batch for activations. At most CYNF_MAX_DIMS dimensions; rank 0 is a scalar. */
typedef struct cynf_shape {
    int32_t rank;
    int32_t d[CYNF_MAX_DIMS];
} cynf_shape;

typedef struct cynf_tensor {
    cynf_shape shape;
    float *data;      /**< constants: owned by the graph unless borrowed; NULL for activations */
    bool borrowed;    /**< data belongs to someone who outlives the graph */
    int32_t producer; /**< node, or -1 for inputs and constants */
    int32_t uses;     /**< scratch of the passes: readers */
    char *name;       /**< for messages; owned by the graph; may be NULL */
} cynf_tensor;

typedef enum cynf_node_op {
    CYNF_N_CONV2D,    /**< x [n,h,w,c], w HWIO, bias if it has one, scale [1,1,1,c] if kind is 1 (cynf_conv2d.scaled), residual if it has one */
    CYNF_N_DWCONV2D,  /**< x [n,h,w,c], w [kh,kw,c,mult], bias or -1, residual or -1 */
    CYNF_N_FC,        /**< x [..., k], w [k,n], bias or -1, residual or -1 */
    CYNF_N_GEMM,      /**< p [..., m, k], q [..., k, n] with equal leading dimensions */
    CYNF_N_POOL,      /**< x [n,h,w,c] or [n,d,h,w,c] */
    CYNF_N_ELTWISE,   /**< 1 to 3 operands, NumPy broadcasting */
    CYNF_N_REDUCE,    /**< over axes (bit mask); keepdims */
    CYNF_N_SOFTMAX,   /**< over the last axis */
    CYNF_N_TRANSPOSE, /**< perm */
    CYNF_N_RESHAPE,   /**< same elements, new shape */
    CYNF_N_SLICE,     /**< begin, step (positive) per axis; sizes are the output's */
    CYNF_N_CONCAT,    /**< along axis; step[axis] = n_in: interleaved, operand i holds elements i, i + n_in, ... */
    CYNF_N_PAD,       /**< constant before and after per axis */
    CYNF_N_REPEAT,    /**< every element of an axis repeated (numpy.repeat), per axis */
    CYNF_N_RESAMPLE,  /**< along one axis by a table: x, weights [out,taps], first [out] */
    CYNF_N_LOOKUP,    /**< x [...] of whole numbers, table [rows,len]: [..., len] */
    CYNF_N_HASH,      /**< x [..., inputs] of whole numbers: [...]; kind, bins in mult, key in perm */
    CYNF_N_RNN,       /**< x [n,t,gates*h], u [h,gates*h], bias [h] of GRU_AFTER, state [n,h or 2h] if it has one, mask [n,t] if it has one */
    CYNF_N_CUSTOM,    /**< x: all inputs, one after the other; all weights likewise if it has some; kind: number of the call, mult: workspace in 64 bytes */
    CYNF_N_COUNT
} cynf_node_op;

/** Fields of cynf_rnn that are yes or no. */
typedef enum cynf_rnn_flag {
    CYNF_RNN_X_REVERSE = 1,
    CYNF_RNN_Y_REVERSE = 2,
    CYNF_RNN_SEQUENCES = 4,
    CYNF_RNN_STATES = 8,
    CYNF_RNN_INITIAL = 16,
    CYNF_RNN_MASKED = 32,
    CYNF_RNN_ZERO_MASKED = 64
} cynf_rnn_flag;

/** One struct for all operations keeps passes short; a field that an operation does not name is 0. */
typedef struct cynf_node {
    cynf_node_op op;
    char *name, *klass; /**< Keras layer and class that it comes from; owned by the graph */
    int32_t n_in;
    cynf_tensor_id in[CYNF_MAX_NODE_INPUTS];
    cynf_tensor_id out;
    int32_t kind;                                       /**< cynf_pool_kind, cynf_elt_kind, cynf_reduce_kind, cynf_softmax_kind, cynf_rnn_kind, cynf_hash_kind */
    int32_t kd, kh, kw, sd, sh, sw, dh, dw;             /**< window, stride, dilation */
    int32_t pf, pt, pl;                                 /**< padding before; what comes after follows from the output's shape */
    int32_t groups, mult, axis, mask, keepdims;
    int32_t perm[CYNF_MAX_DIMS];                        /**< transpose: perm; repeat: counts */
    int32_t begin[CYNF_MAX_DIMS], step[CYNF_MAX_DIMS];  /**< slice; pad: before in begin, after in step */
    float value;                                        /**< pad */
    uint32_t rnn;                                       /**< cynf_rnn_flag */
    cynf_epilogue e;                                    /**< e.residual says whether the last input is a residual */
    cynf_epilogue re;                                   /**< rnn: of the gates */
    bool dead;
} cynf_node;

typedef struct cynf_port {
    cynf_tensor_id t;
    cynf_dtype dtype;
    char *name; /**< owned by the graph */
    int32_t skip; /**< outputs of streams: so many steps come out before the first one of the sequence; not in the flat form */
} cynf_port;

/** What a model keeps from one run to the next. */
typedef struct cynf_state {
    cynf_tensor_id t;    /**< its value when a run begins, zeros in the first: no node makes it */
    cynf_tensor_id next; /**< what replaces it when the run ends, of the same shape */
    char *name;          /**< unique; owned by the graph */
} cynf_state;

struct cynf_sizes;

typedef struct cynf_graph {
    cynf_tensor *t;
    int32_t n_t, cap_t;
    cynf_node *node;
    int32_t n_node, cap_node;
    cynf_port *in, *out;
    int32_t n_in, n_out;
    cynf_state *state;
    int32_t n_state;
    struct cynf_custom_set *custom; /**< calls of functions from outside the library; released with the graph; NULL: none */
    char *name;              /**< the model's */
    int32_t batch;
    cynf_math math;          /**< CYNF_MATH_SLEEF: cynf_graph_optimise() leaves exp, tanh ... out of epilogues, as SLEEF's kernels are element-wise */
    struct cynf_sizes *sizes; /**< NULL, or the graph is the largest of a family (graph/sizes.h); owned */
    bool exact;              /**< programs are of exact kernels alone (cynf_kernel_exact()), so that results do not depend on the machine; not in the flat form */
    bool batch_mixed;        /**< samples of a batch influence each other, or each has a state of its own: no splitting by samples */
    const char *cur_name, *cur_class; /**< given to new nodes; set by the lowering around each layer */
    cynf_status status;      /**< sticky */
    char error[512];
} cynf_graph;

cynf_graph *cynf_graph_new(void);
void cynf_graph_free(cynf_graph **g);
/** Records the first error; returns CYNF_NO_TENSOR so that builders can `return cynf_graph_fail(...)`. The text gets layer and class in front. */
cynf_tensor_id cynf_graph_fail(cynf_graph *g, cynf_status s, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t cynf_shape_elems(const cynf_shape *s);
bool cynf_shape_equal(const cynf_shape *a, const cynf_shape *b);
/** "(1, 56, 56, 64)" */
const char *cynf_shape_text(const cynf_shape *s, char *buf, size_t cap);

/* ---- builders ---------------------------------------------------------------------------------------------------------- */

cynf_tensor_id cynf_g_input(cynf_graph *g, const cynf_shape *s, cynf_dtype dtype, const char *name);
void cynf_g_output(cynf_graph *g, cynf_tensor_id t, cynf_dtype dtype, const char *name);
/** The value of the state called part of the current layer. It is made at the first call; after cynf_g_keep() it is what has been kept, so that a layer
 * that is called again goes on where its first call ended. Sets batch_mixed. */
cynf_tensor_id cynf_g_state(cynf_graph *g, const cynf_shape *s, const char *part);
/** What cynf_g_state() of that part gives from here on, and in the next run. */
void cynf_g_keep(cynf_graph *g, const char *part, cynf_tensor_id t);
/** Elements of all states. */
size_t cynf_graph_state_elems(const cynf_graph *g);
/** Copies data (elements of s); data NULL: zeros. */
cynf_tensor_id cynf_g_const(cynf_graph *g, const cynf_shape *s, const float *data);
cynf_tensor_id cynf_g_const1(cynf_graph *g, int32_t n, const float *data); /**< rank 1 */
cynf_tensor_id cynf_g_scalar(cynf_graph *g, float value);                  /**< rank 0 */

typedef enum cynf_padding { CYNF_PAD_VALID, CYNF_PAD_SAME, CYNF_PAD_CAUSAL, CYNF_PAD_GIVEN } cynf_padding;
/** Output length and padding before, as Keras computes them. Causal pads (k-1)*d before. Returns -1 when no output fits. */
int32_t cynf_conv_length(int32_t in, int32_t k, int32_t s, int32_t d, cynf_padding p, int32_t *before);

/** Window, strides and dilation; zeros mean 1. Padding is per axis h, w (d for pooling of volumes). CYNF_PAD_GIVEN: pt, oh and pl, ow say it. */
typedef struct cynf_window {
    int32_t kd, kh, kw, sd, sh, sw, dh, dw, groups;
    cynf_padding pad_h, pad_w;
    int32_t pt, oh, pl, ow;
} cynf_window;

cynf_tensor_id cynf_g_conv2d(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, const cynf_window *win);
cynf_tensor_id cynf_g_dwconv2d(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias, const cynf_window *win);
cynf_tensor_id cynf_g_fc(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id w, cynf_tensor_id bias);
cynf_tensor_id cynf_g_gemm(cynf_graph *g, cynf_tensor_id p, cynf_tensor_id q);
cynf_tensor_id cynf_g_pool(cynf_graph *g, cynf_tensor_id x, cynf_pool_kind kind, const cynf_window *win);
cynf_tensor_id cynf_g_unary(cynf_graph *g, cynf_tensor_id x, cynf_act act, float a, float b, float c);
cynf_tensor_id cynf_g_binary(cynf_graph *g, cynf_elt_kind kind, cynf_tensor_id p, cynf_tensor_id q);
/** p != 0 ? q : r */
cynf_tensor_id cynf_g_select(cynf_graph *g, cynf_tensor_id p, cynf_tensor_id q, cynf_tensor_id r);
cynf_tensor_id cynf_g_muladd(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id scale, cynf_tensor_id shift);
cynf_tensor_id cynf_g_reduce(cynf_graph *g, cynf_tensor_id x, cynf_reduce_kind kind, uint32_t axes_mask, bool keepdims);
/** Over any set of axes: transposes around the primitive where needed. */
cynf_tensor_id cynf_g_softmax(cynf_graph *g, cynf_tensor_id x, cynf_softmax_kind kind, uint32_t axes_mask);
cynf_tensor_id cynf_g_transpose(cynf_graph *g, cynf_tensor_id x, const int32_t *perm);
/** s may hold one -1. */
cynf_tensor_id cynf_g_reshape(cynf_graph *g, cynf_tensor_id x, const cynf_shape *s);
cynf_tensor_id cynf_g_slice(cynf_graph *g, cynf_tensor_id x, const int32_t *begin, const int32_t *size, const int32_t *step);
cynf_tensor_id cynf_g_concat(cynf_graph *g, const cynf_tensor_id *x, int32_t n, int32_t axis);
/** y[.., i + n q, ..] = x[i][.., q, ..]: x[i] has every n-th element of y from i on. Not along the last axis. */
cynf_tensor_id cynf_g_interleave(cynf_graph *g, const cynf_tensor_id *x, int32_t n, int32_t axis);
cynf_tensor_id cynf_g_pad(cynf_graph *g, cynf_tensor_id x, const int32_t *before, const int32_t *after, float value);
cynf_tensor_id cynf_g_repeat(cynf_graph *g, cynf_tensor_id x, const int32_t *counts);
cynf_tensor_id cynf_g_resample(cynf_graph *g, cynf_tensor_id x, int32_t axis, int32_t out, int32_t taps, const float *weights, const float *first);
/** Row x of table, for every element of x; zeros where there is no such row. */
cynf_tensor_id cynf_g_lookup(cynf_graph *g, cynf_tensor_id x, cynf_tensor_id table);
/** One of bins bins for each row of whole numbers x [..., inputs]; formula at cynf_hash. */
cynf_tensor_id cynf_g_hash(cynf_graph *g, cynf_tensor_id x, cynf_hash_kind kind, int32_t bins, const uint64_t key[2]);
/** A recurrent layer on its projected input; formulas and layouts at cynf_rnn. */
typedef struct cynf_recurrence {
    cynf_rnn_kind kind;
    uint32_t flags;            /**< cynf_rnn_flag; INITIAL and MASKED follow from state and mask */
    cynf_epilogue e, re;       /**< of the candidate and of the gates */
    cynf_tensor_id u, bias;    /**< [h, gates*h]; [h] of GRU_AFTER or CYNF_NO_TENSOR */
    cynf_tensor_id state, mask; /**< [n, h], of LSTM [n, 2h]: h, then c; [n, t]; or CYNF_NO_TENSOR */
} cynf_recurrence;
/** [n,t,h] with SEQUENCES, else [n,h]; with STATES [n, (t or 1)*h + h, of LSTM + 2h]: the outputs and behind them the final h (and c). */
cynf_tensor_id cynf_g_rnn(cynf_graph *g, cynf_tensor_id x, const cynf_recurrence *r);

/**
 * Outputs of shapes out into y: what call number `call` computes from x (n_x tensors) and a constant of all its weights, or CYNF_NO_TENSOR.
 * Sizes in out are positive, and each has at most CYNF_MAX_TENSOR_ELEMS elements.
 */
void cynf_g_custom(cynf_graph *g, int32_t call, const cynf_tensor_id *x, int32_t n_x, cynf_tensor_id weights, size_t workspace_bytes, const cynf_shape *out, int32_t n_out,
    cynf_tensor_id *y);

/* ---- passes -------------------------------------------------------------------------------------------------------------- */

/** Plan-independent passes: constant folding, common nodes once, scale/shift (BN, Normalization, Rescaling) into conv, depthwise, dense; activations and
 * residuals into epilogues; zero padding into convs; 1x1 convolutions and dense layers of one tensor merged; no-op and dead code removal. Idempotent. */
cynf_status cynf_graph_optimise(cynf_graph *g);
/**
 * *g, lowered for sequences along axis 1 of the first input (and of every other that has as many there), becomes a model of `steps` steps a run that gives the same
 * numbers: what convolutions, pooling and recurrent layers need of earlier steps are states. Before cynf_graph_optimise(). CYNF_EUNSUPPORTED: (*g)->error names the
 * layer that would need later steps, or all of them, and the reason. The outputs' skip is set.
 */
cynf_status cynf_graph_stream(cynf_graph **g, int32_t steps);

/* ---- flat file: the graph with its constants, position independent, little-endian -------------------------------------- */

/** Bytes of the flat form; *data is malloc()ed, the caller frees it. */
cynf_status cynf_graph_to_flat(const cynf_graph *g, void **data, size_t *bytes);
/** Checks everything; on failure text (cap bytes) says what was found where. Constants are copied. */
cynf_status cynf_graph_from_flat(cynf_graph **out, const void *data, size_t bytes, char *text, size_t cap);

#endif
