/* SPDX-License-Identifier: MIT */
/**
 * The plan: what tuning found out, as a cJSON tree of the form of docs/plan-format.md.
 *
 * Trees that these functions return are valid, and belong to the caller (cJSON_Delete). Objects are printed with their keys sorted and times
 * rounded to the nanosecond, so that plans can be compared line by line.
 */
#ifndef CYNF_PLAN_H
#define CYNF_PLAN_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "graph/binding.h"

#define CYNF_PLAN_VERSION 1

/** Hash of the kernels' sources: plans and caches of native builds hang on it; static storage. */
const char *cynf_build_id(void);
/** "gcc 12.2.0"; static storage. */
const char *cynf_build_compiler(void);

/** No machine in it. NULL: out of memory. */
cJSON *cynf_plan_new(void);
/** The entry of this CPU, with m and this build in its header; made when there is none. Owned by plan; NULL: out of memory. */
cJSON *cynf_plan_here(cJSON *plan, const cynf_machine *m);
/** Key of a model: "<hash> threads=1 batch=1"; returns out. */
const char *cynf_plan_model_key(const cynf_graph *g, int32_t threads, char *out, size_t cap);
/** Sets key of object, in place of what was there. */
void cynf_plan_put(cJSON *object, const char *key, cJSON *item);
/** v rounded to decimals, as a number item. */
cJSON *cynf_plan_number(double v, int decimals);

/** All or nothing: on failure why (cap bytes) names file, field, what was found and expected. CYNF_EIO or CYNF_EPLAN_FORMAT. */
cynf_status cynf_plan_load(cJSON **out, const char *path, char *why, size_t cap);
/** The same from 0-terminated text; name stands for the file in messages. */
cynf_status cynf_plan_parse(cJSON **out, const char *text, const char *name, char *why, size_t cap);
/** One kernels entry of the journal or a plan; where stands for its place in messages. ours: its kernels must be in this build. */
bool cynf_plan_kernel_valid(const cJSON *entry, const char *signature, bool ours, char *why, size_t cap);
/** Sorted JSON with a final newline; free() it. NULL: out of memory. */
char *cynf_plan_print(cJSON *plan);
/** The line format of graph/binding.h; free() it. NULL: out of memory. */
char *cynf_plan_bind(const cJSON *plan);

/**
 * A plan as a binding, from JSON or from the line format, told apart by content.
 * @param note out: on success empty, or a warning (made by another build of the library); on failure one line that says what is wrong and that
 *             the cost model chooses instead
 */
cynf_status cynf_plan_open(cynf_binding **out, const char *path, char *note, size_t cap);

/** Adds from's machines, kernels and models to into; measurements of from win. False: the same CPU with two builds of the library, or once with exact kernels alone. */
bool cynf_plan_merge(cJSON *into, const cJSON *from, char *why, size_t cap);

/** Per problem: winner, runner-up, bound and share, and why others were left out. */
void cynf_plan_explain(const cJSON *plan, FILE *out);
/** Lists choices that differ, and whether the difference lies inside the noise that the plans state; returns how many differ. */
int cynf_plan_diff(const cJSON *a, const cJSON *b, FILE *out);
/** Whether the plan can be used here: lists what does not match; returns the number of complaints. */
int cynf_plan_check(const cJSON *plan, FILE *out);

#endif
