/* SPDX-License-Identifier: MIT */
/** Tuning a net and generating code from it. */
#include <stdio.h>

#include "api/net.h"
#include "codegen/generate.h"
#include "tune/plan.h"
#include "tune/search.h"

cynf_status cynf_net_tune(const cynf_net *net, const cynf_tuning *o, char **plan, char *message, size_t message_bytes)
{
    char none[1];
    cynf_net_message(&message, &message_bytes, none);
    cynf_status s = cynf_net_mask(message, message_bytes);
    if (s)
        return s;
    cynf_tune_options t = cynf_tune_default_options();
    if (o && (unsigned)o->effort > CYNF_TUNING_PATIENT) {
        snprintf(message, message_bytes, "effort is %d; expected 0 (estimate), 1 (measure) or 2 (patient)", (int)o->effort);
        return CYNF_EINVAL;
    }
    if (o) {
        static const cynf_effort efforts[] = {CYNF_EFFORT_ESTIMATE, CYNF_EFFORT_MEASURE, CYNF_EFFORT_PATIENT};
        t.effort = efforts[o->effort];
        t.threads = o->threads ? o->threads : 1;
        t.time_limit = o->time_limit_seconds;
        t.max_error = o->max_error > 0 ? o->max_error : t.max_error;
        t.max_memory = o->max_arena_bytes;
        t.progress = o->progress;
        t.progress_ctx = o->progress_ctx;
    }
    cJSON *tree = NULL;
    cynf_tune_result result;
    if (!(s = cynf_tune(&tree, &result, net->graph, &t, message, message_bytes)) && !(*plan = cynf_plan_print(tree)))
        s = CYNF_ENOMEM;
    cJSON_Delete(tree);
    return s;
}

cynf_status cynf_net_generate(const cynf_net *net, const cynf_generation *o, char *message, size_t message_bytes)
{
    char none[1], why[1024] = "";
    cynf_net_message(&message, &message_bytes, none);
    cynf_status s = cynf_net_mask(message, message_bytes);
    if (s)
        return s;
    cynf_build_options b = {.threads = o->threads ? o->threads : 1};
    cynf_binding *binding = NULL;
    cynf_program *p = NULL;
    /* A plan that cannot be used leaves the choice to the cost model; the message says so. */
    if (o->plan && !cynf_plan_open(&binding, o->plan, why, sizeof why))
        cynf_binding_apply(binding, net->graph, &b);
    s = cynf_program_build(&p, net->graph, &b, message, message_bytes);
    if (!s && binding)
        cynf_binding_report(binding, o->plan, why, sizeof why);
    if (!s)
        s = cynf_generate(p, &(cynf_gen_options){.out = o->out, .name = o->name, .command = o->command ? o->command : "",
            .mode = o->portable ? CYNF_GEN_PORTABLE : CYNF_GEN_FIXED}, message, message_bytes);
    if (!s)
        snprintf(message, message_bytes, "%s", why);
    cynf_program_free(&p);
    cynf_binding_free(&binding);
    return s;
}
