/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "arch/large.h"
#include "runtime/instance.h"

struct cynf_model {
    const cynf_walk *walk;
    cynf_thread_pool *pool;  /* NULL: one thread */
    void *memory;     /* of the walk */
    void *allocation; /* what destroy frees: NULL in the caller's memory */
    size_t bytes;     /* of memory */
    int32_t lanes;
};

/* One block, each part a multiple of 64 bytes: the struct, the pool, the walk's memory. */
#define MODEL_BYTES CYNF_ROUND_UP(sizeof(struct cynf_model), 64)

static size_t pool_bytes(int32_t threads)
{
    return threads > 1 ? CYNF_ROUND_UP(cynf_pool_bytes(threads), 64) : 0;
}

static bool counts(const cynf_walk *w, const cynf_model_options *o, int32_t *threads, int32_t *lanes)
{
    *threads = o && o->threads ? o->threads : 1;
    *lanes = o && o->lanes ? o->lanes : w->batch_fixed ? 1 : *threads;
    return *threads >= 1 && *threads <= w->threads && (*lanes == 1 || *lanes == *threads);
}

CYNF_RT size_t cynf_instance_bytes(const cynf_walk *w, const cynf_model_options *o)
{
    int32_t threads, lanes;
    return counts(w, o, &threads, &lanes) ? MODEL_BYTES + pool_bytes(threads) + cynf_walk_bytes(w, lanes) + 63 : 0;
}

CYNF_RT cynf_status cynf_instance_create_in(cynf_model **out, const cynf_walk *w, const cynf_model_options *o, void *buffer, size_t bytes)
{
    int32_t threads, lanes;
    if (!out || !buffer || !counts(w, o, &threads, &lanes))
        return CYNF_EINVAL;
    if (bytes < cynf_instance_bytes(w, o))
        return CYNF_ENOMEM;
    char *at = (char *)CYNF_ROUND_UP((uintptr_t)buffer, 64);
    cynf_thread_pool *pool = NULL;
    if (threads > 1) {
        const cynf_status s = cynf_pool_create_in(&pool, threads, at + MODEL_BYTES);
        if (s != CYNF_OK)
            return s;
    }
    cynf_model *m = (cynf_model *)at;
    *m = (cynf_model){w, pool, at + MODEL_BYTES + pool_bytes(threads), NULL, cynf_walk_bytes(w, lanes), lanes};
    cynf_instance_reset_state(m);
    *out = m;
    return CYNF_OK;
}

CYNF_RT cynf_status cynf_instance_create(cynf_model **out, const cynf_walk *w, const cynf_model_options *o)
{
    const size_t bytes = cynf_instance_bytes(w, o);
    if (!bytes)
        return CYNF_EINVAL;
    void *buffer = cynf_alloc_large(bytes);
    if (!buffer)
        return CYNF_ENOMEM;
    const cynf_status s = cynf_instance_create_in(out, w, o, buffer, bytes);
    if (s == CYNF_OK)
        (*out)->allocation = buffer;
    else
        free(buffer);
    return s;
}

CYNF_RT void cynf_instance_destroy(cynf_model **m)
{
    if (!m || !*m)
        return;
    if ((*m)->pool)
        cynf_pool_destroy(&(*m)->pool);
    free((*m)->allocation);
    *m = NULL;
}

CYNF_RT cynf_status cynf_instance_set_walk(cynf_model *m, const cynf_walk *w)
{
    if (cynf_walk_bytes(w, m->lanes) > m->bytes)
        return CYNF_ENOMEM;
    m->walk = w;
    return CYNF_OK;
}

CYNF_RT const cynf_walk *cynf_instance_walk(const cynf_model *m) { return m->walk; }

static char *state_of(const cynf_model *m) { return (char *)m->memory + m->walk->state_offset; }

CYNF_RT void cynf_instance_reset_state(cynf_model *m) { memset(state_of(m), 0, m->walk->state_bytes); }
CYNF_RT void cynf_instance_get_state(const cynf_model *m, float *state) { memcpy(state, state_of(m), m->walk->state_bytes); }
CYNF_RT void cynf_instance_set_state(cynf_model *m, const float *state) { memcpy(state_of(m), state, m->walk->state_bytes); }

CYNF_RT cynf_status cynf_instance_profile(cynf_model *m, const void *const *x, void *const *y, double *seconds)
{
    if (!m || !x || !y)
        return CYNF_EINVAL;
    cynf_walk_run(m->walk, m->pool, m->memory, x, y, seconds);
    return CYNF_OK;
}

CYNF_RT cynf_status cynf_instance_run(cynf_model *m, const void *const *x, void *const *y)
{
    return cynf_instance_profile(m, x, y, NULL);
}

CYNF_RT cynf_status cynf_instance_run_batch(cynf_model *m, size_t n, const void *const *x, void *const *y)
{
    return m && x && y ? cynf_walk_batch(m->walk, m->pool, m->lanes, m->memory, n, x, y) : CYNF_EINVAL;
}
