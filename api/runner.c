/* SPDX-License-Identifier: MIT */
/** Running a net through the prebuilt kernels. */
#include <stdio.h>
#include <stdlib.h>

#include "api/net.h"
#include "graph/program.h"
#include "runtime/instance.h"
#include "runtime/walk_program.h"
#include "tune/calibrate.h"
#include "tune/plan.h"

struct cynf_runner {
    cynf_program *program;
    cynf_walk *walk;
    cynf_model *instance;
};

cynf_status cynf_compile(cynf_runner **out, const cynf_net *net, const cynf_compile_options *o, char *message, size_t message_bytes)
{
    static const cynf_compile_options defaults;
    char none[1];
    if (!o)
        o = &defaults;
    cynf_net_message(&message, &message_bytes, none);
    cynf_status s = cynf_net_mask(message, message_bytes);
    if (s)
        return s;
    const char *rows = getenv("CYNF_BANDS");
    cynf_build_options b = {.threads = o->threads ? o->threads : 1, .force = o->kernels ? o->kernels : getenv("CYNF_KERNEL"), .max_arena_bytes = o->max_arena_bytes,
        .band_rows = rows ? atoi(rows) : 0, .math = net->graph->math};
    cynf_runner *r = calloc(1, sizeof *r);
    cynf_binding *binding = NULL;
    if (!r)
        return CYNF_ENOMEM;
    /* A plan that cannot be used leaves the choice to the cost model; the message says so. */
    char why[1024] = "";
    if (o->plan && !cynf_plan_open(&binding, o->plan, why, sizeof why))
        cynf_binding_apply(binding, net->graph, &b);
    s = cynf_program_build(&r->program, net->graph, &b, message, message_bytes);
    if (!s && binding)
        cynf_binding_report(binding, o->plan, why, sizeof why);
    if (!s)
        snprintf(message, message_bytes, "%s", why);
    cynf_binding_free(&binding);
    if (!s)
        s = cynf_walk_of_program(&r->walk, r->program);
    if (!s)
        s = cynf_instance_create(&r->instance, r->walk, &(cynf_model_options){.threads = o->threads, .lanes = o->lanes});
    if (s) {
        if (!message[0])
            snprintf(message, message_bytes, "%s", cynf_status_str(s));
        cynf_runner_free(&r);
    } else {
        *out = r;
    }
    return s;
}

void cynf_runner_free(cynf_runner **pr)
{
    cynf_runner *r = *pr;
    if (!r)
        return;
    cynf_instance_destroy(&r->instance);
    cynf_walk_free(&r->walk);
    cynf_program_free(&r->program);
    free(r);
    *pr = NULL;
}

cynf_status cynf_run(cynf_runner *r, const void *const x[], void *const y[]) { return cynf_instance_run(r->instance, x, y); }
cynf_status cynf_run_batch(cynf_runner *r, size_t n, const void *const x[], void *const y[]) { return cynf_instance_run_batch(r->instance, n, x, y); }

void cynf_runner_reset_state(cynf_runner *r) { cynf_instance_reset_state(r->instance); }
void cynf_runner_get_state(const cynf_runner *r, float *state) { cynf_instance_get_state(r->instance, state); }
void cynf_runner_set_state(cynf_runner *r, const float *state) { cynf_instance_set_state(r->instance, state); }

cynf_status cynf_run_profile(cynf_runner *r, const void *const x[], void *const y[], double *seconds)
{
    return cynf_instance_profile(r->instance, x, y, seconds);
}

int cynf_runner_steps(const cynf_runner *r) { return r->program->n_step; }
int64_t cynf_runner_arena_bytes(const cynf_runner *r) { return r->program->arena_bytes; }

void cynf_runner_step(const cynf_runner *r, int i, const cynf_machine *m, cynf_step_info *out)
{
    const cynf_step *s = &r->program->step[i];
    *out = (cynf_step_info){.layer = s->name, .kernel = cynf_kernel_name(s->kernel), .flops = cynf_geometry_flops(s->problem.op, &s->problem.u),
        .bound_seconds = cynf_roofline(&s->problem, m ? m : cynf_machine_default(), r->program->threads, NULL), .weight_bytes = s->packed_bytes};
}
