/* SPDX-License-Identifier: MIT */
/** libFuzzer target: a plan, as JSON or in the line format, read, and what is valid printed, compared, merged and bound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tune/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static FILE *null;
    char why[1024] = "", *text = malloc(n + 1);
    cynf_binding *binding = NULL;
    cJSON *plan = NULL, *again = NULL;
    null = null ? null : fopen("/dev/null", "w");
    if (!text || !null)
        abort();
    memcpy(text, data, n);
    text[n] = 0;
    const cynf_status s = cynf_plan_parse(&plan, text, "fuzz", why, sizeof why);
    if ((s == CYNF_OK) != (plan != NULL) || (s && !*why))
        abort();
    if (plan) {
        cynf_plan_explain(plan, null);
        cynf_plan_check(plan, null);
        char *lines = cynf_plan_bind(plan), *printed = cynf_plan_print(plan);
        if (lines && !cynf_binding_parse(&binding, lines, strlen(lines), why, sizeof why))
            cynf_binding_free(&binding);
        if (!printed || cynf_plan_parse(&again, printed, "fuzz", why, sizeof why) || cynf_plan_diff(plan, again, null))
            abort();
        cynf_plan_merge(plan, again, why, sizeof why);
        free(lines);
        free(printed);
    }
    if (!cynf_binding_parse(&binding, text, n, why, sizeof why))
        cynf_binding_free(&binding);
    cJSON_Delete(plan);
    cJSON_Delete(again);
    free(text);
    return 0;
}
