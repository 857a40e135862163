/* SPDX-License-Identifier: MIT */
/** fuzz-seeds FOLDER MODEL...: of each model its record stream, its architecture and its flat graph, as seeds of stream_fuzz, config_fuzz and flat_fuzz. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hdf5.h>

#include "keras/file_stream.h"
#include "keras/load.h"

static int create(const char *folder, const char *kind, int i)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%d", folder, kind, i);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
}

static bool put(const char *folder, const char *kind, int i, const void *data, size_t n)
{
    const int fd = create(folder, kind, i);
    const bool ok = fd >= 0 && write(fd, data, n) == (ssize_t)n;
    close(fd);
    return ok;
}

int main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        char head[2] = "", text[1024];
        struct stat st;
        const int fd = open(argv[i], O_RDONLY), out = create(argv[1], "stream", i);
        if (fd < 0 || out < 0 || fstat(fd, &st) || pread(fd, head, 2, 0) != 2) {
            perror(argv[i]);
            return 1;
        }
        cynf_file *f;
        cynf_graph *g;
        void *flat;
        size_t bytes;
        bool ok = true;
        if (!cynf_file_read(&f, argv[i], NULL, text, sizeof text)) {
            ok = !f->config || put(argv[1], "config", i, f->config, strlen(f->config));
            cynf_file_free(&f);
        }
        if (!cynf_keras_load(&g, argv[i], NULL, text, sizeof text) && !cynf_graph_to_flat(g, &flat, &bytes)) {
            ok &= put(argv[1], "flat", i, flat, bytes);
            cynf_graph_free(&g);
            free(flat);
        }
        if (!ok) {
            perror(argv[1]);
            return 1;
        }
        void *image = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        cynf_file_child(image, (size_t)st.st_size, !memcmp(head, "PK", 2), 1 << 22, out);
        H5close();
        munmap(image, (size_t)st.st_size);
        close(fd);
    }
    return 0;
}
