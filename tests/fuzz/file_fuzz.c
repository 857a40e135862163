/* SPDX-License-Identifier: MIT */
/**
 * libFuzzer target: .h5 and .keras files through the reading child's code, in this process, and what it hands over through the parent's parser.
 * libhdf5 and libzip are not instrumented and may crash: tests/fuzz.sh tells their crashes from ours.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hdf5.h>

#include "keras/file_stream.h"

static bool read_fd(void *context, void *to, size_t n)
{
    const int *fd = context;
    for (char *t = to; n;) {
        const ssize_t got = read(*fd, t, n);
        if (got <= 0)
            return false;
        t += got;
        n -= (size_t)got;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char text[1024] = "";
    char *image = malloc(n + 1);
    int out = memfd_create("records", MFD_CLOEXEC);
    if (out < 0 || !image)
        abort();
    memcpy(image, data, n);
    cynf_file_child(image, n, n > 1 && !memcmp(data, "PK", 2), 1 << 22, dup(out));
    H5close(); /* the child leaves that to its end */
    lseek(out, 0, SEEK_SET);
    cynf_file *f = calloc(1, sizeof *f);
    if (!f || (cynf_file_parse(f, &(cynf_stream){read_fd, &out}, 1 << 22, text, sizeof text) && !*text))
        abort();
    cynf_file_free(&f);
    free(image);
    close(out);
    return 0;
}
