/* SPDX-License-Identifier: MIT */
/** Layers that the user gives in C (cynf/custom.h): compiling their files, and lowering calls of them. */
#ifndef CYNF_KERAS_CUSTOM_H
#define CYNF_KERAS_CUSTOM_H

#include <cjson/cJSON.h>

#include "graph/custom.h"

typedef struct cynf_customs cynf_customs;

/**
 * specs: NULL-terminated, "Name=file.c" each; the files are compiled and loaded. On failure text says which one, and why: CYNF_EINVAL (what was given is wrong),
 * CYNF_EIO (the compiler cannot be run), CYNF_EUNSUPPORTED (the file is not what cynf/custom.h asks for), CYNF_ENOMEM.
 */
cynf_status cynf_customs_open(cynf_customs **out, const char *const *specs, char *text, size_t cap);
void cynf_customs_free(cynf_customs **c);
/** Forgets the calls: the model is lowered anew. */
void cynf_customs_restart(cynf_customs *c);
/** Whether one of the files is for that layer, {"class_name", "config"}; c NULL: none is. */
bool cynf_customs_have(cynf_customs *c, const cJSON *layer);
/** The name that no layer of the model had, or NULL. */
const char *cynf_customs_unused(const cynf_customs *c);
/** What a graph that was lowered with them owns from now on; *c is NULL then. */
cynf_custom_set *cynf_customs_give(cynf_customs **c);

#endif
