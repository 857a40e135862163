/* SPDX-License-Identifier: MIT */
/** What this machine can do at best, measured in under two seconds. */
#ifndef CYNF_CALIBRATE_H
#define CYNF_CALIBRATE_H

#include "cynf/kernels.h"

/**
 * FMA peak per instruction set that this CPU has and the mask allows (0 for others), bandwidth that one core gets from L1, L2, L3 and DRAM,
 * cache sizes, and the cores that this process may use. Sizes that the system does not tell are those of cynf_machine_default(). A last cache that
 * others share counts as large as what is read at its speed.
 */
void cynf_calibrate(cynf_machine *out);

/**
 * Seconds below which no direct computation of p can fall: the longer of multiply-adds at the peak, and operands from the level of memory that they fit into. *limit, unless
 * NULL: which it is, "FMA", "L1", "L2", "L3" or "DRAM".
 */
double cynf_roofline(const cynf_problem *p, const cynf_machine *m, int32_t threads, const char **limit);

/** Seconds below which k cannot fall: those of its algorithm, where that computes something else (Winograd, FFT, Strassen), with k's instruction set; or cynf_roofline(). */
double cynf_kernel_limit(const cynf_kernel *k, const cynf_problem *p, const cynf_machine *m, int32_t threads);

#endif
