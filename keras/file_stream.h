/* SPDX-License-Identifier: MIT */
/** What the reading child (file_child.c) hands to its parent (file.c): a flat sequence of records, each a head, strings and floats. */
#ifndef CYNF_KERAS_FILE_STREAM_H
#define CYNF_KERAS_FILE_STREAM_H

#include "keras/file.h"

enum { CYNF_RECORD_MAX_RANK = 8 };
#define CYNF_RECORD_MAX_TEXT ((uint64_t)32 << 20) /**< a real model_config is below 1 MiB, also that of a model of a thousand layers */
#define CYNF_RECORD_MAX_COUNT (1 << 20)           /**< of datasets, of lists, of names in a list */

/** Strings are what follows the head: each with its 0 byte. */
typedef enum cynf_record_kind {
    CYNF_RECORD_CONTAINER = 1, /**< dim[0] is the cynf_container */
    CYNF_RECORD_CONFIG,        /**< 1 string */
    CYNF_RECORD_VERSION,       /**< 1 string */
    CYNF_RECORD_BACKEND,       /**< 1 string */
    CYNF_RECORD_LIST,          /**< group, attribute, dim[0] names */
    CYNF_RECORD_DATASET,       /**< path, note; then the product of rank dims floats unless the note says why not ("" otherwise) */
    CYNF_RECORD_FAILURE,       /**< 1 string: what is wrong with the file; dim[0] is the cynf_status; nothing follows */
    CYNF_RECORD_END            /**< the file was read to its end */
} cynf_record_kind;

typedef struct cynf_record {
    uint32_t kind, rank;
    uint64_t text_bytes;
    int64_t dim[CYNF_RECORD_MAX_RANK];
} cynf_record;

/** Fetches exactly n bytes, or returns false. */
typedef struct cynf_stream {
    bool (*read)(void *context, void *to, size_t n);
    void *context;
} cynf_stream;

/**
 * Fills f from the stream, which nothing is taken for granted of; takes at most budget bytes of memory for floats and as much again for text
 * and tables, plus a constant. CYNF_EIO with empty text: the stream ended early; else text says what is wrong. f is valid for cynf_file_free in any case.
 */
cynf_status cynf_file_parse(cynf_file *f, const cynf_stream *s, int64_t budget, char *text, size_t cap);

/**
 * The child: reads the file mapped at image (a zip archive or HDF5; MAP_FAILED: it could not be), writes the records to out and closes it. Its caller
 * then ends the process: libhdf5 is left as it is, with the image in use.
 */
void cynf_file_child(void *image, size_t file_bytes, bool zip, int64_t budget, int out);

#endif
