/* SPDX-License-Identifier: MIT */
/**
 * The oracle harness: every kernel of an operation, on every instruction set that this CPU has, against double precision.
 *
 * An operation's test is one kernel_test in tests/kernels/<op>_test.c: geometries, and an oracle that knows the formula of
 * include/cynf/kernels.h and nothing of any kernel. The harness fills inputs and weights, keeps every buffer against unreadable
 * pages on either side, and demands of each kernel that
 *   - each element lies within gamma(terms) scale of the exact value before the activation, taken through the activation,
 *     plus a few ulp of the activation's own result; an algorithm that works on whole tiles (Winograd, FFT) has
 *     the error that it documents in cynf_algo on top;
 *   - nothing outside the output's elements changes, inputs are not written, packing fills all of its bytes;
 *   - neither split nor order of the units, thread ids, alignment nor what the workspace held before changes a bit;
 *   - all kernels that are exact (cynf_kernel_exact()) give the same bits, NaN for NaN, whatever the tile and the instruction set. The line of the operation ends with
 *     a hash of them, for the comparison with another machine's.
 */
#ifndef CYNF_TEST_HARNESS_H
#define CYNF_TEST_HARNESS_H

#include "cynf/kernels.h"

typedef struct test_rng {
    uint64_t state;
} test_rng;

/** Uniform in lo..hi, both included. */
int test_int(test_rng *r, int lo, int hi);
/** Uniform in [lo, hi). */
float test_float(test_rng *r, float lo, float hi);
/** True once in n. */
bool test_one_in(test_rng *r, int n);

/** What the oracle fills, at the offsets of y. scale starts negative: elements that it does not set must stay untouched. */
typedef struct test_expect {
    double *acc;   /**< exact value before the epilogue's activation: bias and residual included */
    double *scale; /**< sum of the absolute values of its terms */
    double terms;  /**< roundings on the way of one element: |acc' - acc| <= gamma(terms) scale; 0 demands the exact bits */
} test_expect;

typedef struct kernel_test {
    cynf_op op;
    bool nonfinite; /**< the contract speaks of inf and NaN inputs for all of the operation's algorithms */
    /** Geometry i, from edge cases (small i) to random ones. p->u is zero on entry. */
    void (*geometry)(int i, test_rng *r, cynf_problem *p);
    /** x[i] at the geometry's offsets; w as the caller of pack gives it. */
    void (*oracle)(const void *g, const cynf_weights *w, const float *const *x, test_expect *e);
    /** Overwrites weights that are no free numbers (indices). NULL: none. */
    void (*fix_weights)(const void *g, test_rng *r, float *w[4]);
    /** Makes inputs that the formula's domain allows (log, division). NULL: none. */
    void (*fix_input)(const void *g, int input, test_rng *r, float *x, size_t n);
    /** The input whose memory y may be, or -1; such problems also run in place. NULL: -1. */
    int (*in_place)(const void *g);
} kernel_test;

typedef struct test_options {
    uint64_t seed;
    int cases, only_case; /**< only_case < 0: all */
    const char *kernel;   /**< substring of the names to run; NULL: all */
} test_options;

typedef struct test_totals {
    int passed, failed, skipped;
} test_totals;

/** Runs one operation's test and prints its line; each kernel is one test. */
void kernel_test_run(const kernel_test *t, const test_options *o, test_totals *totals);

/* ---- for geometries ---- */

/** Strides of an index space in a random order, with gaps now and then; with repeat some are 0. */
void test_strides(test_rng *r, int rank, const int32_t *dims, bool repeat, int32_t *strides);
/** A view of [n, h, w, c]: NHWC, padded NHWC or channel-blocked. */
cynf_view test_view(test_rng *r, int n, int h, int w, int c);
/** A random activation with parameters. */
cynf_epilogue test_epilogue(test_rng *r);

/* ---- for oracles ---- */

/** Offset of element (n, h, w, c) of a view. */
size_t test_at(const cynf_view *v, int n, int h, int w, int c);
/** Steps idx to the next element of the index space; false after the last. idx starts as all 0. */
bool test_next(int rank, const int32_t *dims, int32_t *idx);
/** Offset of idx. */
size_t test_offset(int rank, const int32_t *idx, const int32_t *strides);
/** The activation in double precision. */
double test_activate(double x, const cynf_epilogue *e);

#endif
