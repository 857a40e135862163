/* SPDX-License-Identifier: MIT */
/*
 * @ID@: @SUMMARY@
 *
 * Made by cynf-gen @VERSION@, DO NOT EDIT; the command was
 *     @COMMAND@
 * @HASHES@
 * Build: make. The graph and its weights are in @ID@_weights.bin; create chooses layouts and kernels, packs the weights and plans the memory.
 * What that gives is kept as long as an instance lives, and shared by all that have the same threads and plan.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "@ID@.h"
#include "graph/binding.h"
#include "graph/sizes.h"
#include "runtime/instance.h"
#include "runtime/walk_program.h"

extern const char @ID@_weights[], @ID@_weights_end[];

typedef struct compiled {
    struct compiled *next, *base; /* base: the same at the largest sizes; NULL there */
    int references;
    int32_t threads;
    char *plan;      /* "": the cost model's choice */
    cynf_sizes *sizes;            /* of open dimensions, or NULL */
    int32_t size[CYNF_MAX_OPEN];  /* of each of them */
    cynf_build_options build;
    char note[1024]; /* what of the plan is not used, and why */
    cynf_graph *graph;
    cynf_binding *binding;
    cynf_program *program;
    cynf_walk *walk;
} compiled;

@CUSTOM_SET@static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static compiled *all;

static void discard(compiled *c)
{
    cynf_walk_free(&c->walk);
    cynf_program_free(&c->program);
    cynf_binding_free(&c->binding);
    cynf_graph_free(&c->graph);
    cynf_sizes_free(&c->sizes);
    free(c->plan);
    free(c);
}

/* On failure the note says why. */
static cynf_status compile(compiled *c)
{
    /* What of a plan cannot be used is told about, and the cost model decides. */
    if (*c->plan)
        cynf_binding_read(&c->binding, c->plan, c->note, sizeof c->note);
    char why[512] = "";
    cynf_status s = cynf_sizes_load(&c->graph, &c->sizes, c->size, @ID@_weights, (size_t)(@ID@_weights_end - @ID@_weights), why, sizeof why);
    c->build = (cynf_build_options){.threads = c->threads};
    if (s == CYNF_OK)
        c->graph->exact = @EXACT@;
@CUSTOM_USE@    if (s == CYNF_OK && c->binding)
        cynf_binding_apply(c->binding, c->graph, &c->build);
    if (s == CYNF_OK)
        s = cynf_sizes_base(&c->program, c->sizes, c->graph, &c->build, why, sizeof why);
    if (s == CYNF_OK && c->binding)
        cynf_binding_report(c->binding, c->plan, c->note, sizeof c->note);
    if (s == CYNF_OK)
        s = cynf_walk_of_program(&c->walk, c->program);
    if (s != CYNF_OK && *why)
        snprintf(c->note, sizeof c->note, "%s", why);
    return s;
}

/* The compiled model for these options, with one more reference; lock is held. */
static cynf_status acquire(compiled **out, const @ID@_options *o)
{
    char none[1];
    char *text = o && o->message && o->message_bytes ? o->message : none;
    const size_t cap = text == none ? 1 : o->message_bytes;
    *text = 0;
    const char *plan = o && o->plan ? o->plan : getenv("CYNF_PLAN");
    const int32_t threads = o && o->threads ? o->threads : 1;
    plan = plan ? plan : "";
    if (threads < 1 || threads > @UPPER@_MAX_THREADS)
        return CYNF_EINVAL;
    for (compiled *c = all; c; c = c->next)
        if (!c->base && c->threads == threads && !strcmp(c->plan, plan)) {
            c->references++;
            snprintf(text, cap, "%s", c->note);
            *out = c;
            return CYNF_OK;
        }
    compiled *c = calloc(1, sizeof *c);
    if (!c || !(c->plan = strdup(plan))) {
        free(c);
        return CYNF_ENOMEM;
    }
    c->threads = threads;
    c->references = 1;
    const cynf_status s = compile(c);
    snprintf(text, cap, "%s", c->note);
    if (s != CYNF_OK) {
        discard(c);
        return s;
    }
    c->next = all;
    all = c;
    *out = c;
    return CYNF_OK;
}

static compiled *find(const cynf_walk *w)
{
    compiled *c = all;
    while (c->walk != w)
        c = c->next;
    return c;
}

static void release(compiled *c)
{
    if (--c->references)
        return;
    compiled **at = &all, *base = c->base;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    discard(c);
    if (base)
        release(base);
}
@INFO@
size_t @ID@_bytes(const @ID@_options *o)
{
    compiled *c;
    size_t bytes = 0;
    pthread_mutex_lock(&lock);
    if (acquire(&c, o) == CYNF_OK) {
        bytes = cynf_instance_bytes(c->walk, o);
        release(c);
    }
    pthread_mutex_unlock(&lock);
    return bytes;
}

static cynf_status create(@ID@_t **out, const @ID@_options *o, void *buffer, size_t bytes)
{
    compiled *c;
    pthread_mutex_lock(&lock);
    cynf_status s = acquire(&c, o);
    if (s == CYNF_OK) {
        s = buffer ? cynf_instance_create_in(out, c->walk, o, buffer, bytes) : cynf_instance_create(out, c->walk, o);
        if (s != CYNF_OK)
            release(c);
    }
    pthread_mutex_unlock(&lock);
    return s;
}

cynf_status @ID@_create(@ID@_t **out, const @ID@_options *o) { return create(out, o, NULL, 0); }

cynf_status @ID@_create_in(@ID@_t **out, const @ID@_options *o, void *buffer, size_t bytes)
{
    return buffer ? create(out, o, buffer, bytes) : CYNF_EINVAL;
}

cynf_status @ID@_run(@ID@_t *m, const void *const x[], void *const y[]) { return cynf_instance_run(m, x, y); }

cynf_status @ID@_run_batch(@ID@_t *m, size_t n, const void *const x[], void *const y[]) { return cynf_instance_run_batch(m, n, x, y); }
@STATE_FUNCTIONS@@RESIZE_FUNCTIONS@
void @ID@_destroy(@ID@_t **m)
{
    if (!m || !*m)
        return;
    const cynf_walk *w = cynf_instance_walk(*m);
    cynf_instance_destroy(m);
    pthread_mutex_lock(&lock);
    release(find(w));
    pthread_mutex_unlock(&lock);
}

const char *@ID@_status_str(cynf_status s) { return cynf_status_str(s); }
