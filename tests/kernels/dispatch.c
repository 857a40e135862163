/* SPDX-License-Identifier: MIT */
/** dispatch-tests: names of kernels, CPU masks, candidates, and the text form of problems. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernels/geometry.h"

static int passed, failed;

static void check(bool ok, const char *what, const char *which)
{
    if (ok) {
        passed++;
    } else {
        failed++;
        printf("FAIL %s: %s\n", what, which);
    }
}

/** One problem of each operation. */
static const char *const problems[] = {
    "conv2d n=1 h=9 w=9 ic=8 oh=9 ow=9 oc=8 kh=3 kw=3 sh=1 sw=1 dh=1 dw=1 pt=1 pl=1 groups=1 x.ns=648 x.rs=72 x.ps=8 x.b=8 y.ns=648 y.rs=72 y.ps=8 y.b=8",
    "dwconv2d n=1 h=9 w=9 c=8 mult=1 oh=9 ow=9 kh=3 kw=3 sh=1 sw=1 dh=1 dw=1 pt=1 pl=1 x.ns=648 x.rs=72 x.ps=8 x.b=8 y.ns=648 y.rs=72 y.ps=8 y.b=8",
    "sepconv2d dw.n=1 dw.h=9 dw.w=9 dw.c=16 dw.mult=1 dw.oh=9 dw.ow=9 dw.kh=3 dw.kw=3 dw.sh=1 dw.sw=1 dw.dh=1 dw.dw=1 dw.pt=1 dw.pl=1 dw.x.ns=1296 "
    "dw.x.rs=144 dw.x.ps=16 dw.x.b=16 pw.n=1 pw.h=9 pw.w=9 pw.ic=16 pw.oh=9 pw.ow=9 pw.oc=16 pw.kh=1 pw.kw=1 pw.sh=1 pw.sw=1 pw.dh=1 pw.dw=1 pw.groups=1 "
    "pw.y.ns=1296 pw.y.rs=144 pw.y.ps=16 pw.y.b=16",
    "fc m=3 k=20 n=24 x_rs=20 y_rs=24",
    "gemm b0=1 b1=2 m=5 n=7 k=9 p_s0=90 p_s1=45 p_rs=9 p_cs=1 q_s0=126 q_s1=63 q_rs=7 q_cs=1 y_s0=70 y_s1=35 y_rs=7",
    "pool n=1 d=1 h=8 w=8 c=8 od=1 oh=4 ow=4 kd=1 kh=2 kw=2 sd=1 sh=2 sw=2 x_ds=512 y_ds=128 x.ns=512 x.rs=64 x.ps=8 x.b=8 y.ns=128 y.rs=32 y.ps=8 y.b=8",
    "eltwise kind=1 rank=1 dims[0]=100 xs[0][0]=1 xs[1][0]=1 ys[0]=1",
    "reduce kind=1 rank=2 mask=1 dims[0]=10 dims[1]=20 xs[0]=20 xs[1]=1 ys[1]=1",
    "softmax rows=3 len=20 x_rs=20 y_rs=20",
    "copy rank=2 dims[0]=20 dims[1]=30 xs[0]=1 xs[1]=20 ys[0]=30 ys[1]=1",
    "resample outer=1 in=5 out=9 inner=8 taps=2 x_os=40 y_os=72 x_rs=8 y_rs=8",
    "lookup n=5 rows=9 len=20 x_s=1 y_rs=20",
    "hash n=20 inputs=1 bins=7",
    "rnn kind=3 n=1 t=4 h=20 sequences=1 x_ns=320 x_ts=80 y_ns=80 y_ts=20 e.act=10 re.act=9",
};

static void names(void)
{
    for (int op = 0; op < CYNF_OP_COUNT; op++) {
        const cynf_kernel *k[256];
        const size_t n = cynf_kernels((cynf_op)op, k, 256);
        check(n <= 256, "table of kernels longer than the test's", cynf_op_name((cynf_op)op));
        for (size_t i = 0; i < n && i < 256; i++) {
            char want[200];
            const char *fma = cynf_kernel_calls_fmaf(k[i]) ? "_fma" : "";
            snprintf(want, sizeof want, "cynf_%s_f32_%s_%dx%d__%s%s", cynf_op_name((cynf_op)op), cynf_kernel_algo(k[i]), k[i]->tile.mr,
                k[i]->tile.nv * k[i]->tile.v, cynf_isa_name(cynf_kernel_isa(k[i])), fma);
            /* A tile of one column stands for an algorithm that has no use for a width. */
            const char *name = cynf_kernel_name(k[i]), *cross = strrchr(name, 'x');
            char narrow[200];
            snprintf(narrow, sizeof narrow, "cynf_%s_f32_%s_%dx1__%s%s", cynf_op_name((cynf_op)op), cynf_kernel_algo(k[i]), k[i]->tile.mr,
                cynf_isa_name(cynf_kernel_isa(k[i])), fma);
            check(cross && (!strcmp(name, want) || (k[i]->tile.nv == 1 && !strcmp(name, narrow))), "name does not follow the grammar", name);
            check(cynf_kernel_find(name) == k[i], "name is not unique", name);
            check(k[i]->tile.v == cynf_isa_lanes(cynf_kernel_isa(k[i])), "lanes of the tile are not the instruction set's", name);
        }
    }
    check(!cynf_kernel_find("cynf_conv2d_f32_none_1x1__scalar"), "unknown name", "found");
}

/** Runs the problem with k on small numbers; whether every output is finite and written. */
static bool runs(const cynf_kernel *k, cynf_op op, const void *g)
{
    size_t count[4];
    float *w[4], *x[CYNF_MAX_INPUTS] = {NULL};
    const int inputs = cynf_geometry_inputs(op, g);
    test_rng rng = {7};
    cynf_geometry_weights(op, g, count);
    for (int i = 0; i < 4; i++) {
        w[i] = calloc(count[i] + 1, sizeof(float)); /* zeros are valid indices */
        for (size_t j = 0; i != 2 && j < count[i]; j++)
            w[i][j] = test_float(&rng, -1, 1);
    }
    for (int i = 0; i < inputs; i++) {
        const size_t n = cynf_geometry_extent(op, g, i);
        x[i] = malloc(n * sizeof(float));
        for (size_t j = 0; j < n; j++)
            x[i][j] = test_float(&rng, -1, 1);
    }
    const size_t n = cynf_geometry_extent(op, g, -1);
    float *y = malloc(n * sizeof(float));
    for (size_t j = 0; j < n; j++)
        y[j] = NAN;
    void *packed = aligned_alloc(64, CYNF_ROUND_UP(cynf_kernel_packed_bytes(k, g), 64) + 64);
    void *workspace = aligned_alloc(64, CYNF_ROUND_UP(cynf_kernel_workspace_bytes(k, g, 1), 64) + 64);
    cynf_kernel_pack(k, g, &(cynf_weights){w[0], w[1], w[2], w[3]}, packed);
    const cynf_args a = {.x = {x[0], x[1], x[2]}, .packed = packed, .y = y, .workspace = workspace};
    for (int s = 0; s < cynf_kernel_stages(k, g); s++)
        cynf_kernel_run(k, g, s, &a, 0, 0, cynf_kernel_units(k, g, s));
    bool finite = true;
    for (size_t j = 0; j < n; j++)
        finite = finite && isfinite(y[j]);
    for (int i = 0; i < 4; i++)
        free(w[i]);
    for (int i = 0; i < inputs; i++)
        free(x[i]);
    free(y);
    free(packed);
    free(workspace);
    return finite;
}

static void masks(void)
{
    cynf_cpu_set_mask(~0u);
    const unsigned all = cynf_cpu_isas();
    for (unsigned mask = 0; mask < 1u << CYNF_ISA_COUNT; mask++) {
        cynf_cpu_set_mask(mask);
        const unsigned isas = cynf_cpu_isas();
        check(isas == (all & (mask | 1u << CYNF_ISA_SCALAR)), "mask", "isas() is not what CPU and mask share");
        check(isas >> cynf_cpu_best() == 1, "mask", "best() is not the strongest");
        for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
            cynf_problem p;
            const cynf_kernel *k[256];
            if (!cynf_geometry_parse(problems[i], &p) || !cynf_geometry_valid(p.op, &p.u, NULL)) {
                check(false, "problem of the test", problems[i]);
                continue;
            }
            const size_t n = cynf_candidates(p.op, &p.u, NULL, k, 256);
            check(n > 0 && n <= 256, "no candidates", problems[i]);
            double last = 0;
            for (size_t c = 0; c < n; c++) {
                const double cost = cynf_kernel_cost(k[c], &p.u, NULL);
                check(isas >> cynf_kernel_isa(k[c]) & 1, "candidate outside the mask", cynf_kernel_name(k[c]));
                check(isfinite(cost) && cost > 0 && cost >= last, "candidates are not in the order of cost", cynf_kernel_name(k[c]));
                last = cost;
            }
            const size_t exact = cynf_exact_candidates(p.op, &p.u, NULL, k + n, 256 - n);
            check(exact > 0, "no exact candidates", problems[i]);
            for (size_t c = n; c < n + exact && c < 256; c++)
                check((isas >> cynf_kernel_isa(k[c]) & 1) && (cynf_cpu_best() == CYNF_ISA_SSE41 ? cynf_kernel_isa(k[c]) == CYNF_ISA_SSE41 : k[c]->fma),
                    "an exact candidate is outside the mask, or rounds products", cynf_kernel_name(k[c]));
            size_t first = 0;
            while (first < n && k[first]->algo->measured)
                first++;
            if (first < n)
                check(cynf_auto(p.op, &p.u, NULL) == k[first] && runs(k[first], p.op, &p.u), "the first candidate does not run", cynf_kernel_name(k[first]));
            else
                check(n == 0, "all candidates have to be measured", problems[i]);
        }
    }
    cynf_cpu_set_mask(~0u);
}

/* SLEEF's kernels are there where this build has it, run where they are asked for, and are no candidates otherwise. */
static void makes(void)
{
    for (unsigned isa = 0; isa < CYNF_ISA_COUNT; isa++) {
        cynf_cpu_set_mask(1u << isa);
        for (int op = CYNF_OP_ELTWISE; op <= CYNF_OP_SOFTMAX; op += CYNF_OP_SOFTMAX - CYNF_OP_ELTWISE) {
            cynf_problem p = {.op = (cynf_op)op};
            if (op == CYNF_OP_ELTWISE)
                p.u.eltwise = (cynf_eltwise){.rank = 1, .dims = {100}, .xs = {{1}}, .ys = {1}, .e = {.act = CYNF_ACT_TANH}};
            else
                p.u.softmax = (cynf_softmax){.rows = 2, .len = 50, .x_rs = 50, .y_rs = 50};
            const cynf_kernel *poly = cynf_auto_math(p.op, &p.u, NULL, CYNF_MATH_POLY), *sleef = cynf_auto_math(p.op, &p.u, NULL, CYNF_MATH_SLEEF);
            check(!poly->algo->sleef && sleef->algo->sleef == cynf_has_math(CYNF_MATH_SLEEF) && runs(sleef, p.op, &p.u), "make", cynf_kernel_name(sleef));
        }
    }
    cynf_cpu_set_mask(~0u);
}

static void mask_text(void)
{
    static const struct {
        const char *text;
        unsigned mask;
    } good[] = {
        {"", 1u << CYNF_ISA_SCALAR}, {"scalar", 1u << CYNF_ISA_SCALAR}, {"sse41", 3}, {"avx2", 7}, {"avx512", 15}, {"all", ~0u},
        {"neon", 1u << CYNF_ISA_SCALAR | 1u << CYNF_ISA_NEON}, {"sse41,neon", 3 | 1u << CYNF_ISA_NEON},
    };
    static const char *const bad[] = {"avx", "avx2 ", "AVX2", "sse41,,avx2", "none"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        unsigned mask = 0;
        check(cynf_cpu_parse_mask(good[i].text, &mask) && mask == good[i].mask, "mask text", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned mask = 77;
        check(!cynf_cpu_parse_mask(bad[i], &mask) && mask == 77, "wrong mask text", bad[i]);
    }
}

static void text_form(void)
{
    test_rng rng = {3};
    for (int op = 0; op < CYNF_OP_COUNT; op++)
        for (int round = 0; round < 50; round++) {
            cynf_problem p, back;
            char text[4096], shorter[20];
            memset(&p, 0, sizeof p);
            p.op = (cynf_op)op;
            for (const cynf_field *f = cynf_geometry_fields(p.op); f->name; f++) {
                const float v = test_float(&rng, -1000, 1000);
                const int32_t n = test_int(&rng, -3, 1) * test_int(&rng, 0, INT32_MAX / 3);
                memcpy((char *)&p.u + f->offset, f->is_float ? (const void *)&v : (const void *)&n, 4);
            }
            const int length = cynf_geometry_print(p.op, &p.u, text, sizeof text);
            check(length > 0 && (size_t)length == strlen(text), "length of the text", text);
            check(cynf_geometry_print(p.op, &p.u, shorter, sizeof shorter) == length && !strncmp(text, shorter, sizeof shorter - 1) &&
                !shorter[sizeof shorter - 1], "text cut short", text);
            check(cynf_geometry_parse(text, &back) && back.op == p.op && !memcmp(&p.u, &back.u, cynf_geometry_bytes(p.op)), "round trip", text);
        }
    static const char *const bad[] = {"", "conv3d n=1", "fc m", "fc m=", "fc m=x", "fc m=1 z=2", "fc m=1;", "fc m=99999999999", "fc  m=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cynf_problem p;
        check(!cynf_geometry_parse(bad[i], &p), "wrong text is parsed", bad[i]);
    }
}

int main(void)
{
    names();
    masks();
    makes();
    mask_text();
    text_form();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
