/* SPDX-License-Identifier: MIT */
/** A YAML text as the JSON that it stands for: Keras before 2.5 wrote architectures so (model.to_yaml()). */
#ifndef CYNF_KERAS_YAML_CONFIG_H
#define CYNF_KERAS_YAML_CONFIG_H

#include <cjson/cJSON.h>

#include <stddef.h>

/**
 * The one document of text. Aliases become copies; tags are ignored, so that a !!python/tuple is a list. NULL after an error, with the reason in message:
 * no YAML, no libyaml in this build, nested too deeply, too many nodes once aliases are copies.
 */
cJSON *cynf_yaml_parse(const char *text, char *message, size_t cap);

#endif
