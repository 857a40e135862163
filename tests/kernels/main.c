/* SPDX-License-Identifier: MIT */
/** kernel-tests: every kernel of this build against the double-precision oracle. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define CYNF_OPERATION(op, OP) extern const kernel_test op##_test;
#include "kernels/ops.inc"
#undef CYNF_OPERATION

static const kernel_test *const tests[CYNF_OP_COUNT] = {
#define CYNF_OPERATION(op, OP) [CYNF_OP_##OP] = &op##_test,
#include "kernels/ops.inc"
#undef CYNF_OPERATION
};

static test_options options = {.seed = 1, .cases = 120, .only_case = -1};
static const char *only_op;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'o': only_op = arg; break;
    case 'k': options.kernel = arg; break;
    case 's': options.seed = strtoull(arg, NULL, 0); break;
    case 'n': options.cases = atoi(arg); break;
    case 'c': options.only_case = atoi(arg); break;
    case ARGP_KEY_ARG: argp_usage(state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option flags[] = {
        {"op", 'o', "OP", 0, "only this operation", 0},
        {"kernel", 'k', "TEXT", 0, "only kernels whose name contains TEXT", 0},
        {"seed", 's', "N", 0, "seed of geometries and data (default 1, or CYNF_TEST_SEED)", 0},
        {"cases", 'n', "N", 0, "geometries of an operation (default 120)", 0},
        {"case", 'c', "I", 0, "only geometry I", 0},
        {0},
    };
    static const struct argp argp = {flags, parse_option, NULL, "Runs every kernel of this build against a double-precision oracle.", NULL, NULL, NULL};
    argp_err_exit_status = 2;
    const char *env = getenv("CYNF_TEST_SEED");
    if (env)
        options.seed = strtoull(env, NULL, 0);
    argp_parse(&argp, argc, argv, 0, NULL, NULL);

    unsigned mask;
    if ((env = getenv("CYNF_CPU_MASK"))) {
        if (!cynf_cpu_parse_mask(env, &mask)) {
            fprintf(stderr, "kernel-tests: CYNF_CPU_MASK=%s: unknown instruction set\n", env);
            return 2;
        }
        cynf_cpu_set_mask(mask);
    }

    test_totals totals = {0};
    printf("seed %llu, best instruction set %s\n", (unsigned long long)options.seed, cynf_isa_name(cynf_cpu_best()));
    bool known = false;
    for (int op = 0; op < CYNF_OP_COUNT; op++) {
        if (only_op && strcmp(only_op, cynf_op_name((cynf_op)op)))
            continue;
        known = true;
        kernel_test_run(tests[op], &options, &totals);
    }
    if (!known) {
        fprintf(stderr, "kernel-tests: %s: unknown operation\n", only_op);
        return 2;
    }
    printf("%d passed, %d failed, %d skipped\n", totals.passed, totals.failed, totals.skipped);
    return totals.failed != 0;
}
