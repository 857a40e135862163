/* SPDX-License-Identifier: MIT */
/**
 * A plan as the program builder takes it: kernels by name, layouts and fusions, in a line format that needs no JSON.
 *
 * `cynf-plan bind plan.json` writes it; generated models of the portable mode read it with this file. Fields are separated as shown:
 *
 *     cynf-binding 1
 *     cpu <fingerprint>                          everything up to the next cpu line is for this CPU alone
 *     kernel <signature>\t<kernel name>          the problem of that signature, in any model
 *     model <graph hash> <threads> <batch>       what follows holds for this model alone
 *     node <node>\t<kernel name>
 *     fuse <node> <0|1>                          cynf_decisions.fuse
 *     block <tensor> <channels>                  cynf_decisions.block
 *     bands <node> <rows>                        cynf_decisions.bands; 0: with the node that reads it
 *     serial                                     cynf_decisions.serial
 *
 * Reading is all or nothing: a line that cannot be understood, or a kernel that this build does not have, refuses the whole file. Kernels of an
 * operation of which this build carries none are passed over: a generated model has only the operations that it may call.
 */
#ifndef CYNF_BINDING_H
#define CYNF_BINDING_H

#include "graph/program.h"

#define CYNF_BINDING_FIRST_LINE "cynf-binding 1"
/** Enough for every signature and fingerprint. */
#define CYNF_SIGNATURE_CAP 2048

/** What identifies this CPU for tuning: "AuthenticAMD family=25 model=17 stepping=1 AMD EPYC"; returns out. */
const char *cynf_cpu_fingerprint(char *out, size_t cap);
/** Takes the plans of another machine from now on: cynf_cpu_fingerprint() gives cpu, which must stay. NULL: this machine's again. Not thread-safe. */
void cynf_cpu_set_fingerprint(const char *cpu);
/** Key of a problem in plans: cynf_geometry_print(), then " threads=<n>"; returns out. */
const char *cynf_problem_signature(const cynf_problem *p, int32_t threads, char *out, size_t cap);
/** Key of a model in plans: operations, attributes, shapes and edges of the optimised graph, but neither names nor weights, so that a
 * model that was trained again keeps its plan. */
uint64_t cynf_graph_hash(const cynf_graph *g);

typedef struct cynf_binding cynf_binding;

/** text need not be 0-terminated and is copied. CYNF_EPLAN_FORMAT, CYNF_EPLAN_CPU (no section for this CPU) or CYNF_ENOMEM; why (cap bytes)
 * then says what was found where. */
cynf_status cynf_binding_parse(cynf_binding **out, const char *text, size_t bytes, char *why, size_t cap);
/** The same from a file; CYNF_EIO when it cannot be read. */
cynf_status cynf_binding_read(cynf_binding **out, const char *path, char *why, size_t cap);
void cynf_binding_free(cynf_binding **b);

/**
 * Sets o->choose, o->choose_ctx and, when the binding knows this model (hash, threads, batch), o->decisions; all three belong to b, which serves
 * one graph at a time. An exact graph is given exact kernels alone. Returns whether it knows the model.
 */
bool cynf_binding_apply(cynf_binding *b, const cynf_graph *g, cynf_build_options *o);
/** After cynf_program_build(): how many convolutions and dense layers took their kernel from the binding, and how many from the cost model. */
void cynf_binding_counts(const cynf_binding *b, int32_t *bound, int32_t *modelled);
/** The same in words, behind what text (0-terminated, cap bytes) already says: how many took their kernel from the plan of that path and why
 * others did not; nothing when all did. */
void cynf_binding_report(const cynf_binding *b, const char *path, char *text, size_t cap);

#endif
