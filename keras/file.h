/* SPDX-License-Identifier: MIT */
/**
 * What a model file holds, whatever its container: the architecture as JSON text and a tree of weights.
 *
 * libhdf5 may crash on a damaged file, so only a child process calls it (resource limits, timeout); it hands over a flat record stream,
 * which the parent checks as the hostile input that it is. .keras archives are unzipped in memory (libzip) in that child, too.
 */
#ifndef CYNF_KERAS_FILE_H
#define CYNF_KERAS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cynf/status.h"

typedef enum cynf_container { CYNF_CONTAINER_H5, CYNF_CONTAINER_KERAS, CYNF_CONTAINER_H5_WEIGHTS } cynf_container;

/** One dataset, converted to float32 (integers too); path is complete: "model_weights/conv2d/conv2d/kernel:0", "layers/conv2d/vars/0". */
typedef struct cynf_dataset {
    char *path;
    int32_t rank;
    int64_t dim[8];
    float *data;     /**< NULL when note says why it could not be read */
    char *note;      /**< for messages: "is stored in another file", "is an array of strings", ...; NULL when data is there */
} cynf_dataset;

/** A list attribute (weight_names, layer_names; split ones joined) of a group, in stored order. */
typedef struct cynf_name_list {
    char *group;     /**< "model_weights", "model_weights/conv2d", or "" for the root */
    char *attribute; /**< "layer_names", "weight_names" */
    char **item;
    int32_t n;
} cynf_name_list;

typedef struct cynf_file {
    char *path;               /**< as given, for messages */
    cynf_container container;
    char *config;             /**< model_config or config.json, 0-terminated; NULL when there is none */
    char *keras_version;      /**< "" when absent (Keras 1) */
    char *backend;            /**< "" when absent */
    cynf_dataset *dataset;    /**< sorted by path; optimizer weights are left out */
    int32_t n_dataset;
    cynf_name_list *list;     /**< sorted by group, then attribute */
    int32_t n_list;
} cynf_file;

/** Limits checked before memory is asked for. */
typedef struct cynf_file_limits {
    int64_t max_bytes;   /**< of all weights; default 8 GiB */
    int32_t seconds;     /**< for the child; default 8, and 1 more for each 10 MB of the file */
} cynf_file_limits;

/** Reads .h5, .keras and weights-only .h5 (by content, not by name). On failure text (cap bytes) gets one line: file, found, expected, what to do. */
cynf_status cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap);
void cynf_file_free(cynf_file **f);
/** NULL when absent. */
const cynf_dataset *cynf_file_dataset(const cynf_file *f, const char *path);
const cynf_name_list *cynf_file_list(const cynf_file *f, const char *group, const char *attribute);

#endif
