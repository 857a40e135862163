/* SPDX-License-Identifier: MIT */
/** See pool.h. A share is one word (next, end), claimed by compare-and-swap, so a claim always belongs to the current run. */
#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__) && !defined(__ANDROID__)
#define CYNF_MOVES_WORKERS
#endif

#define LINGER_NS 50000
#define MAX_UNITS 0x7fffffffu
#define SCALED(units, scale) ((uint32_t)(((units) + (scale) - 1) / (scale)))

typedef struct share {
    _Alignas(64) _Atomic uint64_t range; /* next << 32 | end */
} share;

typedef struct worker {
    cynf_thread_pool *pool;
    pthread_t thread;
    int id;
} worker;

struct cynf_thread_pool {
    int n;
    pid_t pid;
    cynf_pool_fn *fn;
    void *ctx;
    size_t scale; /* units of the caller per unit of ours */
    size_t total, span;
    uint32_t count; /* units of ours: spans are one for each thread */
    _Atomic uint32_t chunk;
#ifdef CYNF_MOVES_WORKERS
    cpu_set_t cores; /* that the caller may use */
#endif
    _Alignas(64) _Atomic uint32_t seq;  /* runs begun */
    _Atomic uint32_t sleepers;          /* who have not been called since they fell asleep */
    _Atomic int caller_core;
    atomic_bool stop;
    _Alignas(64) _Atomic uint32_t done; /* units finished in this run */
    atomic_bool caller_sleeps;
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    worker *workers;
    share *shares;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#ifdef CYNF_MOVES_WORKERS
static int core(void) { return sched_getcpu(); }

static void learn_cores(cynf_thread_pool *p)
{
    if (sched_getaffinity(0, sizeof p->cores, &p->cores)) /* more cores than a cpu_set_t has: workers stay where they are put */
        CPU_ZERO(&p->cores);
}

/* Workers leave core number of, running or not, where there is another one. */
static void send_away(cynf_thread_pool *p, int of)
{
    cpu_set_t others = p->cores;
    CPU_CLR((size_t)of, &others);
    for (int i = 1; i < p->n && CPU_COUNT(&others); i++)
        pthread_setaffinity_np(p->workers[i].thread, sizeof others, &others);
}
#else
static int core(void) { return -1; }
static void learn_cores(cynf_thread_pool *p) { (void)p; }
static void send_away(cynf_thread_pool *p, int of) { (void)p; (void)of; }
#endif

/* A worker on the caller's core keeps the caller from working with all that it does. */
static bool out_of_the_way(const cynf_thread_pool *p)
{
    const int here = core();
    return here < 0 || here != atomic_load_explicit(&p->caller_core, memory_order_relaxed);
}

/* Spins until *word != value (or == value, when want), at most LINGER_NS; whether it happened. */
static bool spin(const cynf_thread_pool *p, const _Atomic uint32_t *word, uint32_t value, bool want)
{
    const int64_t end = now_ns() + LINGER_NS;
    do {
        for (int i = 0; i < 64; i++) {
            if ((atomic_load_explicit(word, memory_order_acquire) == value) == want)
                return true;
            relax();
        }
    } while (now_ns() < end && (want || out_of_the_way(p)));
    return false;
}

/* Takes chunks of share i until none is left; returns how many units of ours they were. */
static uint32_t drain(cynf_thread_pool *p, int i, int thread)
{
    uint32_t taken = 0;
    uint64_t r = atomic_load_explicit(&p->shares[i].range, memory_order_acquire);
    for (;;) {
        const uint32_t next = (uint32_t)(r >> 32), end = (uint32_t)r;
        if (next >= end)
            return taken;
        /* chunk may be a later run's; any value is correct, and the claim below decides. */
        const uint32_t chunk = atomic_load_explicit(&p->chunk, memory_order_relaxed), take = end - next < chunk ? end - next : chunk;
        if (!atomic_compare_exchange_weak_explicit(&p->shares[i].range, &r, r + ((uint64_t)take << 32), memory_order_acq_rel, memory_order_acquire))
            continue;
        if (p->span > 1) {
            const size_t n = (size_t)p->n, part = p->span * (size_t)i / n, part_end = p->span * ((size_t)i + 1) / n;
            for (size_t s = next; s < next + take; s++)
                p->fn(p->ctx, thread, s * p->span + part, s * p->span + part_end);
        } else {
            const size_t begin = next * p->scale, stop = (next + take) * p->scale;
            p->fn(p->ctx, thread, begin, stop < p->total ? stop : p->total);
        }
        taken += take;
        r = atomic_load_explicit(&p->shares[i].range, memory_order_acquire);
    }
}

static void work(cynf_thread_pool *p, int thread)
{
    uint32_t taken = 0;
    for (int k = 0; k < p->n; k++)
        taken += drain(p, (thread + k) % p->n, thread);
    if (!taken)
        return;
    const uint32_t count = p->count; /* the run goes on until done is count */
    if (atomic_fetch_add(&p->done, taken) + taken == count && atomic_load(&p->caller_sleeps)) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_signal(&p->finished);
        pthread_mutex_unlock(&p->lock);
    }
}

static void *worker_main(void *arg)
{
    worker *const w = arg;
    cynf_thread_pool *const p = w->pool;
    uint32_t seen = 0;
    while (!atomic_load(&p->stop)) {
        if (!spin(p, &p->seq, seen, false)) {
            pthread_mutex_lock(&p->lock);
            atomic_fetch_add(&p->sleepers, 1);
            while (atomic_load(&p->seq) == seen && !atomic_load(&p->stop))
                pthread_cond_wait(&p->work, &p->lock);
            pthread_mutex_unlock(&p->lock);
        }
        seen = atomic_load(&p->seq);
        if (out_of_the_way(p))
            work(p, w->id);
    }
    return NULL;
}

static void wake(cynf_thread_pool *p)
{
    const int here = core();
    if (here != atomic_load_explicit(&p->caller_core, memory_order_relaxed)) {
        atomic_store_explicit(&p->caller_core, here, memory_order_relaxed);
        send_away(p, here);
    }
    atomic_fetch_add(&p->seq, 1);
    if (!atomic_load(&p->sleepers))
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->sleepers, 0); /* who was called and does not come waits for a core: calling him again costs more than many a run */
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static size_t round64(size_t n) { return (n + 63) / 64 * 64; }

CYNF_RT size_t cynf_pool_bytes(int n)
{
    return round64(sizeof(cynf_thread_pool)) + round64((size_t)n * sizeof(worker)) + (size_t)n * sizeof(share);
}

CYNF_RT cynf_status cynf_pool_create_in(cynf_thread_pool **out, int n, void *memory)
{
    cynf_thread_pool *p = memory;
    if (n < 1)
        return CYNF_EINVAL;
    memset(p, 0, sizeof *p);
    p->n = n;
    p->pid = getpid();
    atomic_init(&p->caller_core, -1);
    learn_cores(p);
    p->workers = (worker *)((char *)memory + round64(sizeof *p));
    p->shares = (share *)((char *)p->workers + round64((size_t)n * sizeof(worker)));
    for (int i = 0; i < n; i++)
        atomic_init(&p->shares[i].range, 0);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    for (int i = 1; i < n; i++) {
        p->workers[i] = (worker){.pool = p, .id = i};
        if (pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i])) {
            p->n = i;
            cynf_pool_destroy(&p);
            return CYNF_ENOMEM;
        }
    }
    *out = p;
    return CYNF_OK;
}

CYNF_RT void cynf_pool_destroy(cynf_thread_pool **pp)
{
    cynf_thread_pool *p = *pp;
    *pp = NULL;
    /* After fork() the workers are not there to be joined. */
    if (!p || p->pid != getpid())
        return;
    atomic_store(&p->stop, true);
    wake(p);
    for (int i = 1; i < p->n; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->finished);
}

CYNF_RT int cynf_pool_threads(const cynf_thread_pool *p) { return p->n; }

CYNF_RT void cynf_pool_begin(cynf_thread_pool *p)
{
    if (p->n > 1)
        wake(p);
}

CYNF_RT void cynf_pool_run(cynf_thread_pool *p, cynf_pool_fn *fn, void *ctx, size_t units, size_t span)
{
    if (p->n == 1 || units < 2) {
        if (units)
            fn(ctx, 0, 0, units);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    p->total = units;
    p->scale = (units + MAX_UNITS - 1) / MAX_UNITS;
    const uint32_t n = (uint32_t)p->n;
    p->span = span >= n && units % span == 0 && units > span && units <= MAX_UNITS / n ? span : 1;
    const uint32_t count = p->span > 1 ? (uint32_t)(units / span) * n : SCALED(units, p->scale);
    p->count = count;
    /* Four chunks a share: what a late partner leaves can be taken over in parts. */
    atomic_store_explicit(&p->chunk, count / (4 * n) ? count / (4 * n) : 1, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t begin = p->span > 1 ? 0 : (uint64_t)count * i / n, end = p->span > 1 ? count / n : (uint64_t)count * (i + 1) / n;
        atomic_store_explicit(&p->shares[i].range, begin << 32 | end, memory_order_release);
    }
    wake(p);
    work(p, 0);
    if (spin(p, &p->done, count, true))
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->done) != count)
        pthread_cond_wait(&p->finished, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}
