/* SPDX-License-Identifier: MIT */
/**
 * What a kernel is made of, inside the library.
 *
 *   kernels/<op>/<algo>_layout.h   packing, units and workspace as static inline functions of (geometry, tile): used by the algorithm's
 *                                  descriptor, by its body, and carried into generated models
 *   kernels/<op>/<algo>.c          the descriptor (cynf_algo): supports, pack, cost; compiled once, no vector code
 *   kernels/<op>/<algo>.h          the body, written once over the vocabulary of arch/<isa>/simd.h
 *   kernels/<op>/<op>_f32.inc      the list of the operation's algorithms: CYNF_ALGO(conv2d, direct)
 *   arch/<isa>/tiles.inc           the tiles of that instruction set: CYNF_TILE(conv2d, direct, mr, nv)
 *   arch/<isa>/<op>.c              instantiates bodies x tiles (see kernels/instantiate.h)
 *
 * A body is   static CYNF_INLINE void <op>_<algo>(const cynf_<op> *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
 * so that with a literal geometry and tile everything folds; the generator prints exactly such a call.
 */
#ifndef CYNF_KERNEL_H
#define CYNF_KERNEL_H

#include "cynf/kernels.h"

#define CYNF_INLINE inline __attribute__((always_inline))
/**
 * 1 in generated layers, whose geometry and tile are literals. A compiler expands a body before it learns them, and that takes most of its time: so where a body is written
 * once for each of several values, a generated layer has it once, for the value in its geometry.
 */
#ifndef CYNF_LITERAL
#define CYNF_LITERAL 0
#endif
#define CYNF_CEIL_DIV(a, b) (((a) + (b) - 1) / (b))
#define CYNF_ROUND_UP(a, b) (CYNF_CEIL_DIV(a, b) * (b))

/** Register tile: mr rows (output pixels) by nv vectors of v lanes; an algorithm without one leaves mr = nv = 1 or gives them a meaning of its own. */
typedef struct cynf_tile {
    int32_t v, mr, nv;
} cynf_tile;

/** An index space: kernels/nd_layout.h. */
typedef struct cynf_nd cynf_nd;
#define CYNF_SPACES_MAX 2

typedef void cynf_run_fn(const void *g, int stage, const cynf_args *a, int thread, size_t begin, size_t end);

/** One algorithm; every function takes the geometry struct of op. Functions that may be NULL say so. */
typedef struct cynf_algo {
    cynf_op op;
    const char *name;
    const char *header;                                                             /**< path of the body from the repository's root */
    bool (*supports)(const void *g, cynf_tile t);
    int (*stages)(const void *g, cynf_tile t);                                      /**< NULL: 1; from the eighth on all have the same units */
    size_t (*units)(const void *g, cynf_tile t, int stage);
    size_t (*unit_span)(const void *g, cynf_tile t, int stage);                     /**< NULL: 1 */
    size_t (*packed_bytes)(const void *g, cynf_tile t);                             /**< NULL: 0 */
    void (*pack)(const void *g, cynf_tile t, const cynf_weights *w, void *packed);  /**< NULL with packed_bytes */
    size_t (*shared_bytes)(const void *g, cynf_tile t);                             /**< NULL: 0; a multiple of 64 */
    size_t (*private_bytes)(const void *g, cynf_tile t);                            /**< per thread; NULL: 0; a multiple of 64 */
    /**
     * NULL, or writes the index spaces (CYNF_SPACES_MAX at most) that the body walks over, and says how many: it is then <op>_<algo>_in(g, spaces, t, ...) behind the
     * function of the usual form. The generator prints them, as compilers do not fold the loops that make them.
     */
    int (*spaces)(const void *g, cynf_tile t, cynf_nd *spaces);
    double (*cost)(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m); /**< modelled seconds, one thread */
    /** NULL: the operation's. Else, of an algorithm that computes less than the plain sum of products, or something else, seconds that no code of it can fall below, one thread. */
    double (*limit)(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m);
    /** NULL: every element lies within gamma(its terms) sum |terms|. Else the roundings spread over a tile, and before the epilogue
     *  |y - exact| <= 2^-24 error(g, t) max|x| max|w|, scales counted as x; infinities and NaN spread likewise. */
    double (*error)(const void *g, cynf_tile t);
    /**
     * NULL: never. Else whether every element of g is computed by the one sequence of operations that all exact kernels of op have for g, whatever the tile, the
     * lanes and the blocks of the views: instruction sets whose vf_fma rounds alike then give the same bits.
     */
    bool (*exact)(const void *g, cynf_tile t);
    bool sleef;    /**< made of SLEEF's functions: a candidate only of cynf_auto_math() */
    bool measured; /**< taken only after its error on the layer's own weights was measured: never by cynf_auto() */
} cynf_algo;

struct cynf_kernel {
    const char *name; /**< cynf_<op>_f32_<algo>_<mr>x<nr>__<isa>, nr = nv * v */
    const cynf_algo *algo;
    cynf_isa isa;
    bool fma; /**< vf_fma rounds once */
    cynf_tile tile;
    cynf_run_fn *run; /**< NULL: of an instruction set that this build has no code for, arch/described/kernels.c */
};

/** As cynf_auto(); with CYNF_MATH_SLEEF the cheapest of SLEEF's kernels, where one supports g. */
const cynf_kernel *cynf_auto_math(cynf_op op, const void *g, const cynf_machine *m, cynf_math math);

/** Whether vf_fma of k is a call of fmaf(), as its target has no such instruction: a kernel of exact programs alone. */
bool cynf_kernel_calls_fmaf(const cynf_kernel *k);

/** The first of cynf_exact_candidates(), or NULL. */
const cynf_kernel *cynf_auto_exact(cynf_op op, const void *g, const cynf_machine *m);

/** The exact() of algorithms that are exact for every geometry and tile. */
bool cynf_always_exact(const void *g, cynf_tile t);

/** Whether act is made of exp, log, tanh, erf, sin or cos. */
bool cynf_act_transcendental(int32_t act);

/** The workspace of thread id within a: behind the shared part. */
static CYNF_INLINE void *cynf_private(const cynf_args *a, size_t shared_bytes, size_t private_bytes, int thread)
{
    return (char *)a->workspace + shared_bytes + (size_t)thread * private_bytes;
}

/** Gates of a recurrent cell: groups of h columns in x and U. */
static CYNF_INLINE int32_t cynf_rnn_gates(const cynf_rnn *g)
{
    return g->kind == CYNF_RNN_SIMPLE ? 1 : g->kind == CYNF_RNN_LSTM ? 4 : 3;
}

/** Offset of channel c (the first of a vector that does not straddle a block) in a view. */
static CYNF_INLINE ptrdiff_t cynf_channel(const cynf_view *v, int c)
{
    return c < v->b ? c : (ptrdiff_t)(c / v->b) * v->bs + c % v->b;
}

#endif
