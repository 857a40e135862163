/* SPDX-License-Identifier: MIT */
/** Interleaved timing; the rules are those of the header. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include "tune/timer.h"

#define SAMPLE_SECONDS 50e-6
#define SAMPLE_CALLS 20
#define PROBE_SECONDS 20e-6

double cynf_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#ifdef __SSE__
#define FLUSH 0x8040u /* FTZ and DAZ of MXCSR */
static uint64_t fp_control(void) { return _mm_getcsr(); }
static void set_fp_control(uint64_t v) { _mm_setcsr((unsigned)v); }
#elif defined __aarch64__
#define FLUSH (UINT64_C(1) << 24) /* FZ of FPCR */
static uint64_t fp_control(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, fpcr" : "=r"(v));
    return v;
}
static void set_fp_control(uint64_t v) { __asm__ volatile("msr fpcr, %0" : : "r"(v)); }
#else
#define FLUSH 0
static uint64_t fp_control(void) { return 0; }
static void set_fp_control(uint64_t v) { (void)v; }
#endif

uint64_t cynf_denormals_flush(void)
{
    const uint64_t former = fp_control();
    set_fp_control(former | FLUSH);
    return former;
}

void cynf_denormals_restore(uint64_t former) { set_fp_control(former); }

static double probe_seconds(cynf_timer *t)
{
    const double start = cynf_now();
    volatile float sink = t->probe->fma(t->rounds);
    (void)sink;
    const double seconds = cynf_now() - start;
    if (seconds < t->best)
        t->best = seconds;
    return seconds;
}

void cynf_timer_init(cynf_timer *t)
{
    *t = (cynf_timer){cynf_probe_of(cynf_cpu_best()), 64, INFINITY};
    while (probe_seconds(t) < PROBE_SECONDS)
        t->rounds *= 2;
    t->best = INFINITY;
    for (int i = 0; i < 20; i++)
        probe_seconds(t);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(cynf_contestant *c)
{
    double s[CYNF_RACE_SAMPLES];
    memcpy(s, c->sample, sizeof s);
    qsort(s, (size_t)c->n, sizeof *s, compare);
    c->min = s[0];
    c->low = s[c->n / 4];
    c->median = s[c->n / 2];
    c->spread = (s[3 * c->n / 4] - c->low) / c->median;
}

static double sample(cynf_race_fn *fn, void *ctx, int i, int calls)
{
    if (calls > 1)
        fn(ctx, i); /* wakes threads that fell asleep while others were timed */
    const double start = cynf_now();
    for (int k = 0; k < calls; k++)
        fn(ctx, i);
    return (cynf_now() - start) / calls;
}

bool cynf_beats(const cynf_contestant *a, const cynf_contestant *b)
{
    double ratio[CYNF_RACE_SAMPLES];
    const int n = a->n < b->n ? a->n : b->n;
    int wins = 0;
    for (int i = 0; i < n; i++) {
        ratio[i] = a->sample[i] / b->sample[i];
        wins += ratio[i] < 1;
    }
    qsort(ratio, (size_t)n, sizeof *ratio, compare);
    if (!n)
        return false;
    if (n < 4) /* too few for a test of signs: long ones, of which there was no time for more */
        return wins == n && ratio[n / 2] < 0.95;
    /* On a machine so busy that most samples were interrupted the undisturbed ones decide. */
    const bool by_quiet_samples = n >= 10 && a->min < 0.95 * b->min && a->low < 0.98 * b->low;
    return (ratio[n / 2] < 0.98 && wins >= 0.5 * n + sqrt(n)) || (ratio[n / 2] < 0.99 && wins >= 0.5 * n + 1.5 * sqrt(n)) || by_quiet_samples;
}

/* Those over limit times the fastest leave. */
static void thin(int n, cynf_contestant *c, bool *in, double limit)
{
    double best = INFINITY;
    for (int i = 0; i < n; i++)
        if (in[i]) {
            summarise(&c[i]);
            best = fmin(best, c[i].low);
        }
    for (int i = 1; i < n; i++)
        in[i] = in[i] && c[i].low <= limit * best;
}

int cynf_race(cynf_timer *t, int n, cynf_race_fn *fn, cynf_race_fn *before, void *ctx, int rounds, double deadline, cynf_contestant *c)
{
    bool *in = malloc((size_t)n * sizeof *in);
    if (!in)
        return 0;
    for (int i = 0; i < n; i++) {
        double once = sample(fn, ctx, i, 1);
        if (once < 1e-3) /* the first one was for pages and predictors */
            once = sample(fn, ctx, i, 1);
        c[i] = (cynf_contestant){.calls = (int)fmax(1, fmin(SAMPLE_CALLS, ceil(SAMPLE_SECONDS / once)))};
        in[i] = true;
    }
    int spoiled = 0;
    const double patience = cynf_now() + (deadline - cynf_now()) / 2;
    for (int round = 0; round < rounds && round < CYNF_RACE_SAMPLES; round++) {
        if (round == 1)
            thin(n, c, in, 2);
        else if (round == 3)
            thin(n, c, in, 1.3);
        else if (round == 10)
            thin(n, c, in, 1.05);
        const bool slow = probe_seconds(t) > 1.02 * t->best;
        for (int k = 0; k < n; k++) {
            const int i = (k + round) % n; /* nobody is always first */
            if (!in[i])
                continue;
            if (before)
                before(ctx, i);
            c[i].sample[round] = sample(fn, ctx, i, c[i].calls);
        }
        if (cynf_now() > deadline && round + spoiled > 0)
            break;
        /* The clock changed before or within the round; but a machine that never settles has to be timed as it is, and some rounds are better than one. */
        if ((slow || probe_seconds(t) > 1.02 * t->best) && spoiled < rounds && cynf_now() < patience) {
            spoiled++;
            round--;
            continue;
        }
        for (int i = 0; i < n; i++)
            c[i].n += in[i];
    }
    int best = 0;
    for (int i = 0; i < n; i++) {
        c[i].n += !c[i].n; /* the deadline came within the first round */
        summarise(&c[i]);
        if (in[i] && c[i].low < c[best].low)
            best = i;
    }
    int winner = 0;
    while (winner != best && (!in[winner] || cynf_beats(&c[best], &c[winner])))
        winner++;
    free(in);
    return winner;
}
