/* SPDX-License-Identifier: MIT */
#ifndef CYNF_WALK_PROGRAM_H
#define CYNF_WALK_PROGRAM_H

#include "runtime/walk.h"

/** The walk of a program through the prebuilt kernels; the caller frees it. The program must outlive it. */
cynf_status cynf_walk_of_program(cynf_walk **out, const cynf_program *p);
/** Nulls *w; *w NULL is fine. */
void cynf_walk_free(cynf_walk **w);

#endif
