/* SPDX-License-Identifier: MIT */
/** The tables of all instruction sets, and the questions about kernels that they answer. */
#include <string.h>

#include "cynf-config.h"
#include "kernels/kernel.h"

/* A generated model carries the kernels of some operations alone; the others have none. */
#ifndef CYNF_CARRIED_OPS
#define CYNF_CARRIED_OPS "kernels/ops.inc"
#endif

#define CYNF_OPERATION(op, OP) \
    extern const cynf_kernel cynf_##op##__scalar[], cynf_##op##__scalar_fma[], cynf_##op##__sse41[], cynf_##op##__avx2[], cynf_##op##__avx512[], cynf_##op##__neon[];
#include CYNF_CARRIED_OPS
#undef CYNF_OPERATION

/* One table of all operations for each instruction set of other machines, without bodies; a generated model has no use for them. */
#if CYNF_DESCRIBED
extern const cynf_kernel cynf_described__sse41[], cynf_described__avx2[], cynf_described__avx512[], cynf_described__neon[];
#define DESCRIBED(isa) cynf_described__##isa,
#else
#define DESCRIBED(isa)
#endif

/* Plain C with calls of fmaf(), for exact programs: where the compiler's target has no such instruction. */
#if CYNF_HAVE_SCALAR_FMA
#define SCALAR_FMA(op) cynf_##op##__scalar_fma,
#else
#define SCALAR_FMA(op)
#endif

/* Weakest first, so that of two equal costs the later one, which is the wider, can win. */
#if CYNF_HAVE_SSE41
#define SSE41(op) cynf_##op##__sse41,
#else
#define SSE41(op) DESCRIBED(sse41)
#endif
#if CYNF_HAVE_AVX2
#define AVX2(op) cynf_##op##__avx2,
#else
#define AVX2(op) DESCRIBED(avx2)
#endif
#if CYNF_HAVE_AVX512
#define AVX512(op) cynf_##op##__avx512,
#else
#define AVX512(op) DESCRIBED(avx512)
#endif
#if CYNF_HAVE_NEON
#define NEON(op) cynf_##op##__neon,
#else
#define NEON(op) DESCRIBED(neon)
#endif

static const cynf_kernel *const tables[CYNF_OP_COUNT][CYNF_ISA_COUNT + 2] = {
#define CYNF_OPERATION(op, OP) [CYNF_OP_##OP] = {cynf_##op##__scalar, SCALAR_FMA(op) SSE41(op) AVX2(op) AVX512(op) NEON(op) NULL},
#include CYNF_CARRIED_OPS
#undef CYNF_OPERATION
};

static const char *const op_names[CYNF_OP_COUNT] = {
#define CYNF_OPERATION(op, OP) [CYNF_OP_##OP] = #op,
#include "kernels/ops.inc"
#undef CYNF_OPERATION
};

const char *cynf_op_name(cynf_op op)
{
    return (unsigned)op < CYNF_OP_COUNT ? op_names[op] : "?";
}

const char *cynf_kernel_name(const cynf_kernel *k) { return k->name; }
cynf_op cynf_kernel_op(const cynf_kernel *k) { return k->algo->op; }
cynf_isa cynf_kernel_isa(const cynf_kernel *k) { return k->isa; }
const char *cynf_kernel_algo(const cynf_kernel *k) { return k->algo->name; }

size_t cynf_kernels(cynf_op op, const cynf_kernel **out, size_t cap)
{
    size_t n = 0;
    for (const cynf_kernel *const *t = tables[op]; *t; t++)
        for (const cynf_kernel *k = *t; k->name; k++)
            if (k->run && n++ < cap)
                out[n - 1] = k;
    return n;
}

const cynf_kernel *cynf_kernel_find(const char *name)
{
    for (int op = 0; op < CYNF_OP_COUNT; op++)
        for (const cynf_kernel *const *t = tables[op]; *t; t++)
            for (const cynf_kernel *k = *t; k->name; k++)
                if (!strcmp(k->name, name))
                    return k;
    return NULL;
}

bool cynf_kernel_supports(const cynf_kernel *k, const void *g)
{
    return (cynf_cpu_isas() >> k->isa & 1) && k->algo->supports(g, k->tile);
}

bool cynf_has_math(cynf_math math)
{
    return math == CYNF_MATH_POLY || (math == CYNF_MATH_SLEEF && CYNF_HAVE_SLEEF);
}

bool cynf_act_transcendental(int32_t act)
{
    switch ((cynf_act)act) {
    case CYNF_ACT_ELU: case CYNF_ACT_SELU: case CYNF_ACT_CELU: case CYNF_ACT_EXP: case CYNF_ACT_SIGMOID: case CYNF_ACT_TANH: case CYNF_ACT_SOFTPLUS:
    case CYNF_ACT_SILU: case CYNF_ACT_GELU: case CYNF_ACT_GELU_TANH: case CYNF_ACT_MISH: case CYNF_ACT_LOG_SIGMOID: case CYNF_ACT_TANH_SHRINK:
    case CYNF_ACT_LOG: case CYNF_ACT_LOG1P: case CYNF_ACT_EXPM1: case CYNF_ACT_ERF: case CYNF_ACT_SIN: case CYNF_ACT_COS: return true;
    default: return false;
    }
}

bool cynf_always_exact(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

bool cynf_kernel_calls_fmaf(const cynf_kernel *k) { return CYNF_HAVE_SCALAR_FMA && k->isa == CYNF_ISA_SCALAR && k->fma; }

bool cynf_kernel_exact(const cynf_kernel *k, const void *g)
{
    const bool alike = cynf_cpu_best() == CYNF_ISA_SSE41 ? k->isa == CYNF_ISA_SSE41 : k->fma;
    return alike && k->algo->exact && k->algo->exact(g, k->tile);
}

/* What kernels have to be to be candidates. */
typedef struct demand {
    bool sleef, exact, unmeasured; /**< unmeasured: none whose error has to be measured */
} demand;

static bool meets(const cynf_kernel *k, const void *g, demand d)
{
    if (k->algo->sleef != d.sleef || (d.unmeasured && k->algo->measured) || !cynf_kernel_supports(k, g))
        return false;
    return d.exact ? cynf_kernel_exact(k, g) : !cynf_kernel_calls_fmaf(k);
}

static size_t candidates(cynf_op op, const void *g, const cynf_machine *m, demand d, const cynf_kernel **out, size_t cap)
{
    size_t n = 0, kept = 0;
    if (!cynf_geometry_valid(op, g, NULL))
        return 0;
    for (const cynf_kernel *const *t = tables[op]; *t; t++)
        for (const cynf_kernel *k = *t; k->name; k++) {
            if (k->algo->op != op || !meets(k, g, d))
                continue;
            n++;
            if (!cap)
                continue;
            /* Insertion into the sorted list of the cheapest: the tables are short. */
            const double cost = cynf_kernel_cost(k, g, m);
            size_t i = kept < cap ? kept++ : cap;
            if (i == cap) {
                if (cynf_kernel_cost(out[cap - 1], g, m) < cost)
                    continue;
                i = cap - 1;
            }
            for (; i > 0 && cynf_kernel_cost(out[i - 1], g, m) >= cost; i--)
                out[i] = out[i - 1];
            out[i] = k;
        }
    return n;
}

size_t cynf_candidates(cynf_op op, const void *g, const cynf_machine *m, const cynf_kernel **out, size_t cap)
{
    return candidates(op, g, m, (demand){0}, out, cap);
}

size_t cynf_exact_candidates(cynf_op op, const void *g, const cynf_machine *m, const cynf_kernel **out, size_t cap)
{
    return candidates(op, g, m, (demand){.exact = true}, out, cap);
}

const cynf_kernel *cynf_auto_exact(cynf_op op, const void *g, const cynf_machine *m)
{
    const cynf_kernel *k;
    return cynf_exact_candidates(op, g, m, &k, 1) ? k : NULL;
}

const cynf_kernel *cynf_auto_math(cynf_op op, const void *g, const cynf_machine *m, cynf_math math)
{
    const cynf_kernel *k;
    return math == CYNF_MATH_SLEEF && candidates(op, g, m, (demand){.sleef = true, .unmeasured = true}, &k, 1) ? k : cynf_auto(op, g, m);
}

const cynf_kernel *cynf_auto(cynf_op op, const void *g, const cynf_machine *m)
{
    const cynf_kernel *k;
    return candidates(op, g, m, (demand){.unmeasured = true}, &k, 1) ? k : NULL;
}

double cynf_kernel_cost(const cynf_kernel *k, const void *g, const cynf_machine *m)
{
    const double call = 16; /* of fmaf(), in multiply-adds */
    return k->algo->cost(g, k->tile, k->isa, m ? m : cynf_machine_default()) * (cynf_kernel_calls_fmaf(k) ? call : 1);
}

size_t cynf_kernel_packed_bytes(const cynf_kernel *k, const void *g)
{
    return k->algo->packed_bytes ? k->algo->packed_bytes(g, k->tile) : 0;
}

void cynf_kernel_pack(const cynf_kernel *k, const void *g, const cynf_weights *w, void *packed)
{
    if (k->algo->pack)
        k->algo->pack(g, k->tile, w, packed);
}

size_t cynf_kernel_workspace_bytes(const cynf_kernel *k, const void *g, int threads)
{
    const size_t shared = k->algo->shared_bytes ? k->algo->shared_bytes(g, k->tile) : 0;
    const size_t private = k->algo->private_bytes ? k->algo->private_bytes(g, k->tile) : 0;
    return shared + (size_t)threads * private;
}

int cynf_kernel_stages(const cynf_kernel *k, const void *g)
{
    return k->algo->stages ? k->algo->stages(g, k->tile) : 1;
}

size_t cynf_kernel_units(const cynf_kernel *k, const void *g, int stage)
{
    return k->algo->units(g, k->tile, stage);
}

size_t cynf_kernel_unit_span(const cynf_kernel *k, const void *g, int stage)
{
    return k->algo->unit_span ? k->algo->unit_span(g, k->tile, stage) : 1;
}

void cynf_kernel_run(const cynf_kernel *k, const void *g, int stage, const cynf_args *a, int thread_id, size_t unit_begin, size_t unit_end)
{
    k->run(g, stage, a, thread_id, unit_begin, unit_end);
}
