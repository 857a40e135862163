/* SPDX-License-Identifier: MIT */
/**
 * Timing on a machine that others use too: contestants take turns, samples are paired by round, rounds that a slow clock spoiled are
 * thrown away, and a change is accepted only when it is clearly faster.
 */
#ifndef CYNF_TIMER_H
#define CYNF_TIMER_H

#include "tune/probe.h"

/** Monotonic seconds. */
double cynf_now(void);

/** A 20 us FMA loop that shows the clock of the moment. */
typedef struct cynf_timer {
    const cynf_probe *probe;
    int64_t rounds;
    double best; /**< seconds of the fastest probe so far */
} cynf_timer;

void cynf_timer_init(cynf_timer *t);

/**
 * From now on this thread, and those that it starts, take denormal numbers for zero: a network that makes them of the tuner's input is ten times as slow on some
 * processors, which says nothing of the kernels. @return what cynf_denormals_restore() takes
 */
uint64_t cynf_denormals_flush(void);
void cynf_denormals_restore(uint64_t former);

#define CYNF_RACE_SAMPLES 40

typedef struct cynf_contestant {
    double sample[CYNF_RACE_SAMPLES]; /**< seconds per call, by round */
    int n;                            /**< rounds that it took part in */
    int calls;                        /**< per sample */
    double min, low, median;          /**< low: the lower quartile */
    double spread;                    /**< (upper - lower quartile) / median */
} cynf_contestant;

/** One call of contestant i. */
typedef void cynf_race_fn(void *ctx, int i);

/**
 * Races n contestants by successive halving: after a round those over 2 x the fastest leave, after 3 those over 1.3 x, after 10 those over 1.05 x, the rest runs up to
 * rounds (at most CYNF_RACE_SAMPLES). A sample is at least 50 us or 20 calls. Contestant 0, the incumbent, never leaves. Stops early at
 * deadline (cynf_now() seconds), but not before every contestant has a sample.
 * @param before called before each sample of a contestant, outside the time; or NULL
 * @param c out: n contestants
 * @return the winner: the first that the fastest one does not beat clearly (cynf_beats())
 */
int cynf_race(cynf_timer *t, int n, cynf_race_fn *fn, cynf_race_fn *before, void *ctx, int rounds, double deadline, cynf_contestant *c);

/** Whether a beats b clearly over the rounds that both took part in: the median of paired ratios is under 0.98 and a sign test clear at two sigma, or under
 * 0.99 and clear at three sigma, or, of fewer than 4 rounds, a is faster by 5 % in each; or, from 10 rounds on, minimum and lower quartile are under 0.95 and 0.98 of b's. Both have their quartiles. */
bool cynf_beats(const cynf_contestant *a, const cynf_contestant *b);

#endif
