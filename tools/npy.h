/* SPDX-License-Identifier: MIT */
/** NumPy's .npy files, formats 1.0 to 3.0 (numpy.lib.format), C order. */
#ifndef CYNF_NPY_H
#define CYNF_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cynf_npy {
    char dtype[16]; /**< as in cynf_model_port: "float32", "uint8", "bool" ... */
    int32_t rank;
    int64_t dim[8];
    size_t bytes;
    void *data;     /**< malloc()ed */
} cynf_npy;

/** On failure why gets one line. Fortran order and foreign byte order are refused. */
bool cynf_npy_read(cynf_npy *out, const char *path, char *why, size_t cap);
/** Written to a temporary beside path, then renamed. */
bool cynf_npy_write(const cynf_npy *a, const char *path, char *why, size_t cap);
/** Converts a in place to another number type. False: out of memory. */
bool cynf_npy_cast(cynf_npy *a, const char *dtype);

#endif
