/* SPDX-License-Identifier: MIT */
#include "runtime/executor.h"

#include <stdlib.h>

#include "runtime/instance.h"
#include "runtime/walk_program.h"

struct cynf_executor {
    cynf_walk *walk;
    cynf_model *instance;
};

cynf_status cynf_executor_create(cynf_executor **out, const cynf_program *p, int threads)
{
    cynf_executor *e = calloc(1, sizeof *e);
    cynf_status s = e ? cynf_walk_of_program(&e->walk, p) : CYNF_ENOMEM;
    if (!s)
        s = cynf_instance_create(&e->instance, e->walk, &(cynf_model_options){.threads = threads});
    if (s)
        cynf_executor_destroy(&e);
    else
        *out = e;
    return s;
}

void cynf_executor_destroy(cynf_executor **pe)
{
    cynf_executor *e = *pe;
    if (!e)
        return;
    cynf_instance_destroy(&e->instance);
    cynf_walk_free(&e->walk);
    free(e);
    *pe = NULL;
}

cynf_status cynf_executor_run(cynf_executor *e, const void *const *x, void *const *y) { return cynf_instance_run(e->instance, x, y); }

cynf_status cynf_executor_run_batch(cynf_executor *e, size_t n, const void *const *x, void *const *y)
{
    return cynf_instance_run_batch(e->instance, n, x, y);
}

cynf_status cynf_executor_profile(cynf_executor *e, const void *const *x, void *const *y, double *seconds)
{
    return cynf_instance_profile(e->instance, x, y, seconds);
}
