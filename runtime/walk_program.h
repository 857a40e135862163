/* SPDX-License-Identifier: MIT */
#ifndef CYNF_WALK_PROGRAM_H
#define CYNF_WALK_PROGRAM_H

#include "runtime/walk.h"

/** Below this modelled time a call stays on the caller's thread: handing units out and the barrier take 0.3 us, and what partners wrote comes from L3. */
#define CYNF_SERIAL_SECONDS 1.5e-6

/** What a call of k on g says about stages and their units; geometry, operands and offsets are the caller's. */
void cynf_call_units(cynf_call *c, const cynf_kernel *k, const void *g);
/** The walk of a program through the prebuilt kernels; the caller frees it. The program must outlive it. */
cynf_status cynf_walk_of_program(cynf_walk **out, const cynf_program *p);
/** Nulls *w; *w NULL is fine. */
void cynf_walk_free(cynf_walk **w);

#endif
