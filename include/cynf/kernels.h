/* SPDX-License-Identifier: MIT */
/**
 * libcynf_kernels.a: single operations for other engines.
 *
 * A problem (operation + geometry struct) has candidate kernels on this CPU. A kernel packs the weights once; a run is a few
 * stages of independent units, with a barrier of the caller's between stages:
 *
 *     const cynf_kernel *k = cynf_auto(CYNF_OP_CONV2D, &g, cynf_machine_default());
 *     void *packed = aligned_alloc(64, cynf_kernel_packed_bytes(k, &g));      // rounded up to 64
 *     cynf_kernel_pack(k, &g, &(cynf_weights){.w = hwio, .bias = b}, packed);
 *     void *ws = aligned_alloc(64, cynf_kernel_workspace_bytes(k, &g, 1));
 *     for (int s = 0; s < cynf_kernel_stages(k, &g); s++)
 *         cynf_kernel_run(k, &g, s, &(cynf_args){.x = {x}, .packed = packed, .y = y, .workspace = ws}, 0, 0,
 *                         cynf_kernel_units(k, &g, s));
 *
 * Units never depend on the number of threads, and a reduction across units is a stage of its own in fixed order, so results do
 * not depend on threads either. The library allocates nothing, starts no thread, prints nothing and has no global state but the
 * CPU mask. Every element count is bare, every byte count ends in _bytes, every stride is in elements (float).
 */
#ifndef CYNF_KERNELS_H
#define CYNF_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CYNF_KERNELS_API_VERSION 1
#define CYNF_MAX_DIMS 8
#define CYNF_MAX_INPUTS 3

/* ---- instruction sets ------------------------------------------------------------------------------------------------ */

/** Instruction sets, weakest first; what each name stands for is the table in arch/README.md. */
typedef enum cynf_isa { CYNF_ISA_SCALAR, CYNF_ISA_SSE41, CYNF_ISA_AVX2, CYNF_ISA_AVX512, CYNF_ISA_NEON, CYNF_ISA_COUNT } cynf_isa;

/** "scalar", "sse41", ...; static storage. */
const char *cynf_isa_name(cynf_isa isa);
/** Float lanes of a vector of isa. */
int cynf_isa_lanes(cynf_isa isa);
/** Bit set (1u << cynf_isa) of what this CPU and this build both have, within the mask; scalar is always in it. */
unsigned cynf_cpu_isas(void);
/** Allows only the instruction sets in mask from now on (scalar stays allowed). The initial mask allows all. Not thread-safe. */
void cynf_cpu_set_mask(unsigned mask);
/**
 * Chooses for another machine from now on: cynf_cpu_isas() gives isas, and cynf_machine_default() is a board's. Kernels of sets that this CPU or build lacks
 * are then chosen, and their weights packed, but must not be run. 0: this machine again. Not thread-safe.
 */
void cynf_cpu_set_target(unsigned isas);
/** Mask from text: comma-separated names, or "all"; a name allows that set and every weaker one of its family. False: unknown name. */
bool cynf_cpu_parse_mask(const char *text, unsigned *mask);
/** The best of cynf_cpu_isas(). */
cynf_isa cynf_cpu_best(void);

/* ---- operations and their geometry ----------------------------------------------------------------------------------- */

typedef enum cynf_op {
    CYNF_OP_CONV2D,    /**< cynf_conv2d */
    CYNF_OP_DWCONV2D,  /**< cynf_dwconv2d */
    CYNF_OP_SEPCONV2D, /**< cynf_sepconv2d: depthwise, then 1x1, the tensor between them never stored whole */
    CYNF_OP_FC,        /**< cynf_fc: rows times constant matrix (Dense) */
    CYNF_OP_GEMM,      /**< cynf_gemm: batched product of two activations */
    CYNF_OP_POOL,      /**< cynf_pool */
    CYNF_OP_ELTWISE,   /**< cynf_eltwise: unary and binary element-wise with broadcasting */
    CYNF_OP_REDUCE,    /**< cynf_reduce */
    CYNF_OP_SOFTMAX,   /**< cynf_softmax */
    CYNF_OP_COPY,      /**< cynf_copy: any strided copy: transpose, crop, concat, repeat, fill, layout conversion */
    CYNF_OP_RESAMPLE,  /**< cynf_resample: weighted gather along one axis (bilinear, bicubic, lanczos) */
    CYNF_OP_LOOKUP,    /**< cynf_lookup: rows of a table by their numbers (embeddings) */
    CYNF_OP_HASH,      /**< cynf_hash: whole numbers into bins */
    CYNF_OP_RNN,       /**< cynf_rnn: the recurrent part of SimpleRNN, GRU and LSTM over all time steps */
    CYNF_OP_COUNT
} cynf_op;

/** "conv2d", ...; static storage. */
const char *cynf_op_name(cynf_op op);

/**
 * Where element (n, h, w, c) of an activation lies: n*ns + h*rs + w*ps + (c/b)*bs + c%b elements from the pointer.
 * Plain and padded NHWC: b >= channels (one block, bs = 0). Blocked [C/b][H][W][b]: ps = b, bs = H*rs.
 */
typedef struct cynf_view {
    int32_t ns, rs, ps, bs, b;
} cynf_view;

/**
 * Element-wise functions, also as epilogues. a, b, c are the parameters of cynf_epilogue. X(NAME, formula)
 * NaN goes through all of them, but for THRESHOLD and HARD_SHRINK, which give what Keras gives.
 */
#define CYNF_ACT_LIST(X) \
    X(LINEAR, "x") \
    X(RELU, "max(x, 0)") \
    X(CLIP, "min(max(x, a), b)") \
    X(LEAKY_RELU, "x >= 0 ? x : a x") \
    X(GENERAL_RELU, "x >= b ? min(x, c) : a (x - b)") \
    X(ELU, "x > 0 ? x : a (exp(x) - 1)") \
    X(SELU, "1.0507009873554805 (x > 0 ? x : 1.6732632423543772 (exp(x) - 1))") \
    X(CELU, "max(x, 0) + min(a (exp(x / a) - 1), 0)") \
    X(EXP, "exp(x)") \
    X(SIGMOID, "1 / (1 + exp(-x))") \
    X(TANH, "tanh(x)") \
    X(SOFTPLUS, "log(1 + exp(x))") \
    X(SOFTSIGN, "x / (1 + |x|)") \
    X(SILU, "x sigmoid(x)") \
    X(GELU, "x (1 + erf(x / sqrt 2)) / 2") \
    X(GELU_TANH, "x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2") \
    X(HARD_SIGMOID, "min(max(a x + b, 0), 1)") \
    X(HARD_SILU, "x min(max(x / 6 + 1/2, 0), 1)") \
    X(MISH, "x tanh(softplus(x))") \
    X(LOG_SIGMOID, "-softplus(-x)") \
    X(SOFT_SHRINK, "x > a ? x - a : x < -a ? x + a : 0") \
    X(HARD_SHRINK, "|x| > a ? x : 0") \
    X(TANH_SHRINK, "x - tanh(x)") \
    X(SPARSE_PLUS, "x <= -1 ? 0 : x < 1 ? (x + 1)^2 / 4 : x") \
    X(SPARSE_SIGMOID, "min(max((x + 1) / 2, 0), 1)") \
    X(SQUAREPLUS, "(x + sqrt(x^2 + a)) / 2") \
    X(THRESHOLD, "x > a ? x : b") \
    X(AFFINE, "a x + b") \
    X(ABS, "|x|") \
    X(NEG, "-x") \
    X(SQUARE, "x^2") \
    X(SQRT, "sqrt(x)") \
    X(RSQRT, "1 / sqrt(x)") \
    X(RECIPROCAL, "1 / x") \
    X(LOG, "log(x)") \
    X(LOG1P, "log(1 + x)") \
    X(EXPM1, "exp(x) - 1") \
    X(ERF, "erf(x)") \
    X(SIN, "sin(x)") \
    X(COS, "cos(x)") \
    X(SIGN, "sign(x)") \
    X(FLOOR, "floor(x)") \
    X(CEIL, "ceil(x)") \
    X(ROUND, "x rounded to the nearest integer, ties to even")

typedef enum cynf_act {
#define X(name, formula) CYNF_ACT_##name,
    CYNF_ACT_LIST(X)
#undef X
    CYNF_ACT_COUNT
} cynf_act;

/** y = act(acc + (residual ? r : 0)). The bias is part of acc; r is the operation's last input. */
typedef struct cynf_epilogue {
    int32_t act, residual;
    float a, b, c;
} cynf_epilogue;

/**
 * y[n,oh,ow,oc] = epilogue(bias[oc] + sum_{kh,kw,ic} x[n, oh*sh - pt + kh*dh, ow*sw - pl + kw*dw, g*icg + ic] * w[kh,kw,ic,oc])
 * with icg = ic/groups, g = oc / (oc_total/groups); taps outside the image count as 0. Bottom and right padding follow from oh, ow.
 * With scaled, which only one image (n = 1), 1x1 and groups = 1 may have, w[kh,kw,ic,oc] counts s[ic] times: what squeeze and excitation multiply x by.
 * Weights: cynf_weights.w = HWIO [kh][kw][ic/groups][oc], .bias = [oc] or NULL. Inputs: x, then r (view r) when e.residual, then s[ic] when scaled.
 */
typedef struct cynf_conv2d {
    int32_t n, h, w, ic, oh, ow, oc, kh, kw, sh, sw, dh, dw, pt, pl, groups, scaled;
    cynf_view x, y, r;
    cynf_epilogue e;
} cynf_conv2d;

/**
 * y[n,oh,ow,c*mult+m] = epilogue(bias[c*mult+m] + sum_{kh,kw} x[n, oh*sh - pt + kh*dh, ow*sw - pl + kw*dw, c] * w[kh,kw,c,m])
 * Weights: .w = [kh][kw][c][mult], .bias = [c*mult] or NULL. Inputs: x, then r when e.residual.
 */
typedef struct cynf_dwconv2d {
    int32_t n, h, w, c, mult, oh, ow, kh, kw, sh, sw, dh, dw, pt, pl;
    cynf_view x, y, r;
    cynf_epilogue e;
} cynf_dwconv2d;

/**
 * pw(dw(x)): dw has no residual; pw is 1x1, stride 1, no padding, groups 1; dw.y and pw.x are not used.
 * Weights: .w, .bias of the depthwise, .w2, .bias2 of the pointwise part. Inputs: x (view dw.x), then r (view pw.r) when pw.e.residual.
 */
typedef struct cynf_sepconv2d {
    cynf_dwconv2d dw;
    cynf_conv2d pw;
} cynf_sepconv2d;

/**
 * y[m,n] = epilogue(bias[n] + sum_k x[m,k] * w[k,n]); row m starts at m*x_rs, m*y_rs, m*r_rs; rows are contiguous.
 * Weights: .w = [k][n], .bias = [n] or NULL. Inputs: x, then r when e.residual.
 */
typedef struct cynf_fc {
    int32_t m, k, n, x_rs, y_rs, r_rs;
    cynf_epilogue e;
} cynf_fc;

/**
 * For every (i0, i1) below (b0, b1):  y[i,m,n] = epilogue(sum_k p[i,m,k] * q[i,k,n]); p, q are inputs 0 and 1, r input 2.
 * p[i,m,k] lies at i0*p_s0 + i1*p_s1 + m*p_rs + k*p_cs, and so on; columns of y are contiguous.
 */
typedef struct cynf_gemm {
    int32_t b0, b1, m, n, k;
    int32_t p_s0, p_s1, p_rs, p_cs;
    int32_t q_s0, q_s1, q_rs, q_cs;
    int32_t y_s0, y_s1, y_rs;
    int32_t r_s0, r_s1, r_rs;
    cynf_epilogue e;
} cynf_gemm;

typedef enum cynf_pool_kind { CYNF_POOL_MAX, CYNF_POOL_AVG } cynf_pool_kind;

/**
 * Max or mean over a window; taps outside the image do not count (max: -inf, mean: the divisor is the number of real taps).
 * Volumes: d slices, slice i of the input at i*x_ds, of the output at i*y_ds; images have d = od = kd = sd = 1, pf = 0.
 */
typedef struct cynf_pool {
    int32_t kind, n, d, h, w, c, od, oh, ow, kd, kh, kw, sd, sh, sw, pf, pt, pl, x_ds, y_ds;
    cynf_view x, y;
    cynf_epilogue e;
} cynf_pool;

/** X(name), of operands p, q, r. */
#define CYNF_ELT_LIST(X) \
    X(UNARY) /* p */ \
    X(ADD) /* p + q */ \
    X(SUB) /* p - q */ \
    X(MUL) /* p q */ \
    X(DIV) /* p / q */ \
    X(MAX) /* max(p, q); NaN in either gives NaN */ \
    X(MIN) /* min(p, q); NaN in either gives NaN */ \
    X(POW) /* p to the power q */ \
    X(PRELU) /* p > 0 ? p : p q */ \
    X(MULADD) /* p q + r */ \
    X(SELECT) /* p != 0 ? q : r; NaN is not 0 */ \
    X(GREATER) /* p > q ? 1 : 0 */ \
    X(GREATER_EQUAL) /* p >= q ? 1 : 0 */ \
    X(EQUAL) /* p == q ? 1 : 0 */ \
    X(MOD) /* p - floor(p / q) q, which has the sign of q; exact below |p / q| = 2^29 */ \
    X(ATAN2) /* the angle of the point (q, p), -pi .. pi */

typedef enum cynf_elt_kind {
#define X(name) CYNF_ELT_##name,
    CYNF_ELT_LIST(X)
#undef X
    CYNF_ELT_COUNT
} cynf_elt_kind;

/**
 * y = epilogue(kind(p, q, r)) over an index space of rank dims; operand i is addressed by xs[i][] and y by ys[], stride 0 broadcasts.
 * No residual. Inputs p, q, r = x[0], x[1], x[2]; y may be the same memory as an input that has the same strides.
 */
typedef struct cynf_eltwise {
    int32_t kind, rank;
    int32_t dims[CYNF_MAX_DIMS], xs[CYNF_MAX_INPUTS][CYNF_MAX_DIMS], ys[CYNF_MAX_DIMS];
    cynf_epilogue e;
} cynf_eltwise;

/** X(name), over the elements x that are reduced. */
#define CYNF_REDUCE_LIST(X) \
    X(SUM) /* sum of x */ \
    X(MEAN) /* sum of x / their number */ \
    X(MAX) /* max of x; NaN if there is one */ \
    X(MIN) /* min of x; NaN if there is one */ \
    X(PROD) /* product of x */ \
    X(SUMSQ) /* sum of x^2 */

typedef enum cynf_reduce_kind {
#define X(name) CYNF_REDUCE_##name,
    CYNF_REDUCE_LIST(X)
#undef X
    CYNF_REDUCE_COUNT
} cynf_reduce_kind;

/** Reduction of x over the dimensions whose ys is 0 and bit in mask set; dims, xs, ys as in cynf_eltwise. */
typedef struct cynf_reduce {
    int32_t kind, rank, mask;
    int32_t dims[CYNF_MAX_DIMS], xs[CYNF_MAX_DIMS], ys[CYNF_MAX_DIMS];
    cynf_epilogue e;
} cynf_reduce;

typedef enum cynf_softmax_kind { CYNF_SOFTMAX, CYNF_LOG_SOFTMAX, CYNF_SPARSEMAX } cynf_softmax_kind;

/**
 * Over each of rows contiguous rows of len elements; row i at i*x_rs and i*y_rs. Softmax subtracts the row's maximum first.
 * Sparsemax is Keras' one, which is not the paper's: y = max(x - t, 0), t = (S - 1) / k, where with the row sorted downwards to z and c_j = z_1 + ... + z_j,
 * k counts the j with z_j > (c_j - 1) / j and S is the sum of c_j over these j (the paper takes c_k).
 */
typedef struct cynf_softmax {
    int32_t kind, rows, len, x_rs, y_rs;
} cynf_softmax;

/** y[i] = x[i] over the index space dims, x addressed by xs (0 repeats an element), y by ys. */
typedef struct cynf_copy {
    int32_t rank;
    int32_t dims[CYNF_MAX_DIMS], xs[CYNF_MAX_DIMS], ys[CYNF_MAX_DIMS];
} cynf_copy;

/**
 * y[o,j,i] = sum_{t < taps} w[j,t] * x[o, first[j] + t, i]; o < outer at x_os, y_os; j < out at stride x_rs, y_rs; i < inner contiguous.
 * Weights: .w = [out][taps], .w2 = [out] first input index as float; first[j] + taps <= in.
 */
typedef struct cynf_resample {
    int32_t outer, in, out, inner, taps, x_os, y_os, x_rs, y_rs;
    cynf_epilogue e;
} cynf_resample;

/**
 * y[i] = table[x[i]], a row of len elements, for i < n; x holds whole numbers as floats, i at i*x_s, row i of y at i*y_rs. A number that is no row (NaN
 * among them) gives zeros. Weights: .w = table [rows][len], of which only the rows asked for are read.
 */
typedef struct cynf_lookup {
    int32_t n, rows, len, x_s, y_rs;
} cynf_lookup;

typedef enum cynf_hash_kind {
    CYNF_HASH_FARM, /**< FarmHash's Fingerprint64 of the number's decimal text */
    CYNF_HASH_SIP,  /**< SipHash-2-4 of the number's decimal text */
    CYNF_HASH_CROSS /**< the numbers themselves, mixed into the key as TensorFlow's FingerprintCat64 does */
} cynf_hash_kind;

/**
 * y[i] = h(x[i*inputs], ..., x[i*inputs + inputs - 1]) mod bins, i < n, h a hash of 64 bits; kinds but CROSS have one input. x holds whole numbers as floats;
 * what is beyond 64 bits, and NaN, counts as -2^63. key holds two numbers of 64 bits, low halves first: SIP's key; CROSS begins with the first.
 */
typedef struct cynf_hash {
    int32_t kind, n, inputs, bins;
    int32_t key[4];
} cynf_hash;

typedef enum cynf_rnn_kind {
    CYNF_RNN_SIMPLE,    /**< h' = e(x + h U) */
    CYNF_RNN_GRU,       /**< z, r, g: z = re(xz + h Uz), r = re(xr + h Ur), g = e(xg + (r h) Ug), h' = z h + (1 - z) g */
    CYNF_RNN_GRU_AFTER, /**< as before, but g = e(xg + r (h Ug + bias)): Keras' reset_after */
    CYNF_RNN_LSTM,      /**< i, f, g, o: c' = re(xf + h Uf) c + re(xi + h Ui) e(xg + h Ug), h' = re(xo + h Uo) e(c') */
    CYNF_RNN_KIND_COUNT
} cynf_rnn_kind;

/**
 * t steps of a recurrent layer with h units on n sequences. For f = 0, x is the input's projection, bias included, all gates side by side:
 * x[i,s,gate*h + j] at i*x_ns + s*x_ts + gate*h + j. Else x is the layer's input of f features, x[i,s,k] at i*x_ns + s*x_ts + k, and the projection x W + bias2 is
 * computed, too.
 * After Hochreiter and Schmidhuber 1997 (LSTM), Cho et al. 2014 (GRU).
 * Step s reads x[.., s, ..], or from the end when x_reverse, and writes y[.., s, ..] at i*y_ns + s*y_ts, or from the end when y_reverse; without
 * sequences only the last step's output is written, at i*y_ns. With states the final h, and c of LSTM, follow at i*y_ns + s_offset.
 * A step whose mask is 0 keeps the states; its output is that of the step before (0 at the start), or 0 when zero_masked.
 * Weights: .w = U [h][gates*h], .bias = [h] of GRU_AFTER or NULL; for f > 0 .w2 = W [f][gates*h], .bias2 = [gates*h] or NULL.
 * Inputs: x; when initial, the first h (and c) at i*i_ns; when masked, mask at i*m_ns + s.
 */
typedef struct cynf_rnn {
    int32_t kind, n, t, h, f, x_reverse, y_reverse, sequences, states, initial, masked, zero_masked;
    int32_t x_ns, x_ts, y_ns, y_ts, s_offset, i_ns, m_ns;
    cynf_epilogue e, re; /**< activations of the candidate and of the gates; no residual */
} cynf_rnn;

/** Any geometry; the union's active member is named by op. */
typedef struct cynf_problem {
    cynf_op op;
    union {
        cynf_conv2d conv2d;
        cynf_dwconv2d dwconv2d;
        cynf_sepconv2d sepconv2d;
        cynf_fc fc;
        cynf_gemm gemm;
        cynf_pool pool;
        cynf_eltwise eltwise;
        cynf_reduce reduce;
        cynf_softmax softmax;
        cynf_copy copy;
        cynf_resample resample;
        cynf_lookup lookup;
        cynf_hash hash;
        cynf_rnn rnn;
    } u;
} cynf_problem;

/* ---- the machine, as the cost model sees it --------------------------------------------------------------------------- */

/** One core's limits. gflops: fp32 multiply-adds x2 per ns, per instruction set; gbps: bytes per ns that L1, L2, L3, DRAM deliver. */
typedef struct cynf_machine {
    double gflops[CYNF_ISA_COUNT];
    double gbps[4];
    int64_t cache_bytes[3]; /**< L1D, L2, L3 (share of one core) */
    int32_t cores;
} cynf_machine;

/** What is assumed when nothing was measured: derived from the detected CPU; static storage. */
const cynf_machine *cynf_machine_default(void);

/* ---- kernels ----------------------------------------------------------------------------------------------------------- */

/** One algorithm with one tile on one instruction set; all of them are static and immutable. */
typedef struct cynf_kernel cynf_kernel;

/** Raw weights of a problem, in Keras' own layouts; see the geometry structs. */
typedef struct cynf_weights {
    const float *w, *bias, *w2, *bias2;
} cynf_weights;

/** The make of exp, log, tanh, erf, sin and cos: this library's polynomials (a few ulp), or SLEEF's vector functions (1 ulp). */
typedef enum cynf_math { CYNF_MATH_POLY, CYNF_MATH_SLEEF } cynf_math;

/** Whether this build has kernels of that make. cynf_candidates() and cynf_auto() leave SLEEF's out; cynf_kernels() and cynf_kernel_find() know them. */
bool cynf_has_math(cynf_math math);

/** Operands of a run. Outputs must not overlap inputs unless the geometry's text allows it. workspace may be NULL when it has 0 bytes. */
typedef struct cynf_args {
    const float *x[CYNF_MAX_INPUTS];
    const void *packed;
    float *y;
    void *workspace;
    const void *next;  /**< NULL, or what is read after this run: kernels that can do so ask their core's cache for it; never read */
    size_t next_bytes;
} cynf_args;

const char *cynf_kernel_name(const cynf_kernel *k);
cynf_op cynf_kernel_op(const cynf_kernel *k);
cynf_isa cynf_kernel_isa(const cynf_kernel *k);
/** Name of the algorithm alone: "direct", "im2col", "winograd43", ... */
const char *cynf_kernel_algo(const cynf_kernel *k);

/** All kernels of op in this build, whether this CPU can run them or not; writes at most cap of them, returns how many there are. */
size_t cynf_kernels(cynf_op op, const cynf_kernel **out, size_t cap);
/** The kernel of that name, or NULL. */
const cynf_kernel *cynf_kernel_find(const char *name);
/** Whether k can run geometry g (a struct of its op) on this CPU within the mask. */
bool cynf_kernel_supports(const cynf_kernel *k, const void *g);
/** Kernels that support g, cheapest by the cost model first; writes at most cap, returns how many there are. Never 0 for a valid g. */
size_t cynf_candidates(cynf_op op, const void *g, const cynf_machine *m, const cynf_kernel **out, size_t cap);
/**
 * Whether k computes every element of g by the one sequence of operations that is the same for all such kernels of an operation: exact kernels give the same bits
 * on scalar, avx2, avx512 and neon, for any tile, views and split of the units (all NaN count as the same). sse41 has no fused multiply-add: where it is the
 * best instruction set, its kernels alone are exact, and give bits of their own. scalar's call fmaf() where the target lacks the instruction.
 */
bool cynf_kernel_exact(const cynf_kernel *k, const void *g);
/** As cynf_candidates(), of exact kernels alone; scalar kernels that call fmaf() are candidates here only. 0 for a
 * valid g: none is exact (a sepconv2d of some widths, which its two parts compute exactly; a convolution of blocked views with several taps). */
size_t cynf_exact_candidates(cynf_op op, const void *g, const cynf_machine *m, const cynf_kernel **out, size_t cap);
/** The first of cynf_candidates() whose error needs no measuring on the weights (that of winograd63, for one, does); NULL when g is invalid. */
const cynf_kernel *cynf_auto(cynf_op op, const void *g, const cynf_machine *m);
/** Modelled seconds of one run on one thread. */
double cynf_kernel_cost(const cynf_kernel *k, const void *g, const cynf_machine *m);

/** Bytes of the packed weights (64-byte aligned when passed); 0 when the operation has none. */
size_t cynf_kernel_packed_bytes(const cynf_kernel *k, const void *g);
/** Fills packed completely (padding included, so that equal weights give equal bytes). */
void cynf_kernel_pack(const cynf_kernel *k, const void *g, const cynf_weights *w, void *packed);
/** Workspace for at most threads concurrent thread ids: shared + threads x private; 64-byte aligned when passed; contents need not be kept between runs. */
size_t cynf_kernel_workspace_bytes(const cynf_kernel *k, const void *g, int threads);
int cynf_kernel_stages(const cynf_kernel *k, const void *g);
size_t cynf_kernel_units(const cynf_kernel *k, const void *g, int stage);
/**
 * Units of a stage that cover the image once, for some of its channels: they are followed by those of other channels. A thread that takes the same part of every
 * span finds more of what the next operation reads in its own cache than one that takes whole spans. 1: units have no such order.
 */
size_t cynf_kernel_unit_span(const cynf_kernel *k, const void *g, int stage);
/** Computes units [unit_begin, unit_end) of a stage. Concurrent calls of a stage need distinct thread ids and disjoint units. */
void cynf_kernel_run(const cynf_kernel *k, const void *g, int stage, const cynf_args *a, int thread_id, size_t unit_begin, size_t unit_end);

/* ---- geometry helpers --------------------------------------------------------------------------------------------------- */

size_t cynf_geometry_bytes(cynf_op op);
/** Whether the struct's numbers are in range and consistent. On false, why (if not NULL) gets static text. */
bool cynf_geometry_valid(cynf_op op, const void *g, const char **why);
/**
 * The same problem as kernels like it best, in place: a 1x1 convolution over images without gaps becomes one long row of pixels, where no register tile
 * meets the end of a row. Programs ask for it; kernels do not, since compilers lose the constants of a literal geometry in changed copies.
 */
void cynf_geometry_simplify(cynf_op op, void *g);
/** Useful floating-point operations (multiply and add count one each; taps on padding do not count). */
double cynf_geometry_flops(cynf_op op, const void *g);
/** Number of inputs that a run reads. */
int cynf_geometry_inputs(cynf_op op, const void *g);
/** Elements from the pointer to one past the last element read of input i, or (i = -1) written of y. */
size_t cynf_geometry_extent(cynf_op op, const void *g, int i);
/** Elements of the raw weights .w, .bias, .w2, .bias2 of g, in count[0..3]. */
void cynf_geometry_weights(cynf_op op, const void *g, size_t count[4]);
/**
 * Canonical text of a problem: "conv2d n=1 h=56 ..."; fields that are 0 are left out. Returns the length without the
 * terminating 0 (like snprintf). Also parses back: cynf_geometry_parse returns false on unknown fields or operations.
 */
int cynf_geometry_print(cynf_op op, const void *g, char *out, size_t cap);
bool cynf_geometry_parse(const char *text, cynf_problem *out);

#ifdef __cplusplus
}
#endif
#endif
