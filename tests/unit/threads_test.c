/* SPDX-License-Identifier: MIT */
/** The thread pool: every unit once, in whatever shares, run after run, also when there are more threads than cores. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/pool.h"

enum { UNITS = 41, RUNS = 3000 };

typedef struct tally {
    int hits[UNITS];
    int threads;
} tally;

static void count(void *ctx, int thread, size_t begin, size_t end)
{
    tally *const t = ctx;
    ck_assert(thread >= 0 && thread < t->threads);
    ck_assert(begin < end && end <= UNITS);
    for (size_t i = begin; i < end; i++)
        t->hits[i]++;
}

START_TEST(every_unit_once)
{
    for (int n = 1; n <= 4; n++) {
        cynf_thread_pool *p;
        void *memory = aligned_alloc(64, (cynf_pool_bytes(n) + 63) / 64 * 64);
        ck_assert_int_eq(cynf_pool_create_in(&p, n, memory), CYNF_OK);
        ck_assert_int_eq(cynf_pool_threads(p), n);
        tally t = {.threads = n};
        int expected[UNITS] = {0};
        for (int run = 0; run < RUNS; run++) {
            const size_t span = run % 3 ? 1 : 4, units = span * (size_t)(run * 7 % (UNITS / (int)span + 1));
            if (run % 100 == 0)
                cynf_pool_begin(p);
            cynf_pool_run(p, count, &t, units, span);
            for (size_t i = 0; i < units; i++)
                expected[i]++;
            ck_assert_msg(!memcmp(t.hits, expected, sizeof expected), "run %d of %zu units on %d threads", run, units, n);
        }
        cynf_pool_destroy(&p);
        ck_assert_ptr_null(p);
        free(memory);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_unit_once);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
