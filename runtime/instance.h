/* SPDX-License-Identifier: MIT */
/** An instance of a model: the memory and threads of one walk; the functions of a generated model are these, with a walk filled in. */
#ifndef CYNF_INSTANCE_H
#define CYNF_INSTANCE_H

#include "cynf/model.h"
#include "runtime/walk.h"

/** Bytes of cynf_instance_create_in's buffer, which may be aligned anyhow; 0: the options are out of range. */
CYNF_RT size_t cynf_instance_bytes(const cynf_walk *w, const cynf_model_options *o);
/** In the caller's memory; w must outlive the instance. Starts threads - 1 threads and allocates nothing itself. */
CYNF_RT cynf_status cynf_instance_create_in(cynf_model **out, const cynf_walk *w, const cynf_model_options *o, void *buffer, size_t bytes);
/** In memory of its own. */
CYNF_RT cynf_status cynf_instance_create(cynf_model **out, const cynf_walk *w, const cynf_model_options *o);
/** Nulls *m; NULL is fine. */
CYNF_RT void cynf_instance_destroy(cynf_model **m);
/** Goes on with another walk of the same model, whose states are the same; CYNF_ENOMEM, and nothing changes, where it needs more memory than the first. */
CYNF_RT cynf_status cynf_instance_set_walk(cynf_model *m, const cynf_walk *w);
CYNF_RT const cynf_walk *cynf_instance_walk(const cynf_model *m);
CYNF_RT cynf_status cynf_instance_run(cynf_model *m, const void *const *x, void *const *y);
CYNF_RT cynf_status cynf_instance_run_batch(cynf_model *m, size_t n, const void *const *x, void *const *y);
/** The state's bytes become zeros. Without a state these three do nothing. */
CYNF_RT void cynf_instance_reset_state(cynf_model *m);
/** Copies walk's state_bytes out or in. */
CYNF_RT void cynf_instance_get_state(const cynf_model *m, float *state);
CYNF_RT void cynf_instance_set_state(cynf_model *m, const float *state);
/** As cynf_instance_run(), and adds the seconds of each call to seconds[]. */
CYNF_RT cynf_status cynf_instance_profile(cynf_model *m, const void *const *x, void *const *y, double *seconds);

#endif
