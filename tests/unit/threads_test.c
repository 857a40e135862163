/* SPDX-License-Identifier: MIT */
/** The thread pool: every unit once, in whatever shares, run after run, also when there are more threads than cores. */
#include <check.h>
#include <sched.h>
#include <stdio.h>
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

#ifdef __linux__
static void note(void *ctx, int thread, size_t begin, size_t end)
{
    for (volatile size_t i = 0; i < 1000 * (end - begin); i++) /* long enough for the other to come */
        ;
    ((int *)ctx)[thread]++;
}

/* Wherever the caller goes, though it never leaves a core: real-time threads are not preempted. */
START_TEST(workers_get_a_turn)
{
    cpu_set_t all;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    if (CPU_COUNT(&all) < 2 || sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1})) {
        printf("SKIPPED workers_get_a_turn: one core, or no right to real-time priority\n");
        return;
    }
    cynf_thread_pool *p;
    void *memory = aligned_alloc(64, (cynf_pool_bytes(2) + 63) / 64 * 64);
    ck_assert_int_eq(cynf_pool_create_in(&p, 2, memory), CYNF_OK);
    for (int move = 0, core = 0; move < 20; move++) {
        do
            core = (core + 1) % CPU_SETSIZE;
        while (!CPU_ISSET(core, &all));
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
        ck_assert_int_eq(sched_setaffinity(0, sizeof all, &all), 0);
        int turns[2] = {0};
        for (int run = 0; run < 20000 && !turns[1]; run++)
            cynf_pool_run(p, note, turns, 16, 1);
        ck_assert_msg(turns[1] > 0, "after move %d to core %d", move, core);
    }
    cynf_pool_destroy(&p);
    free(memory);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_unit_once);
#ifdef __linux__
    tcase_add_test(cases, workers_get_a_turn);
#endif
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
