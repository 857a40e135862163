/* SPDX-License-Identifier: MIT */
/** load-fuzz-seeds FOLDER MODEL...: the record stream of each model, a file each, as seeds of load-fuzz. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keras/file_stream.h"

int main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        char path[4096], head[2] = "";
        struct stat st;
        snprintf(path, sizeof path, "%s/%d", argv[1], i);
        const int fd = open(argv[i], O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (fd < 0 || out < 0 || fstat(fd, &st) || pread(fd, head, 2, 0) != 2) {
            perror(argv[i]);
            return 1;
        }
        cynf_file_child(fd, (size_t)st.st_size, !memcmp(head, "PK", 2), 1 << 22, out);
        close(fd);
        close(out);
    }
    return 0;
}
