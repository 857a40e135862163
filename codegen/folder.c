/* SPDX-License-Identifier: MIT */
/** The output folder: filled under another name, then put in place at once. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codegen/generate_internal.h"

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Ours: README.md begins with the mark. An empty folder is as good as none. */
static bool replaceable(const char *out, const char **what)
{
    struct stat s;
    if (lstat(out, &s))
        return errno == ENOENT;
    *what = "is not a folder";
    if (!S_ISDIR(s.st_mode))
        return false;
    if (!rmdir(out))
        return true;
    *what = "exists and was not made by cynf-gen";
    char path[4096], line[sizeof CYNF_FOLDER_MARK] = "";
    if ((size_t)snprintf(path, sizeof path, "%s/README.md", out) >= sizeof path)
        return false;
    FILE *f = fopen(path, "r");
    const bool ours = f && fgets(line, sizeof line, f) && !strcmp(line, CYNF_FOLDER_MARK);
    if (f)
        fclose(f);
    return ours;
}

void cynf_folder_begin(cynf_gen *g)
{
    const char *what = "";
    if (!replaceable(g->o->out, &what)) {
        cynf_gen_fail(g, CYNF_EINVAL, "%s %s: give another --out, or remove it first", g->o->out, what);
        return;
    }
    char *name = NULL;
    if (asprintf(&name, "%s.tmp-XXXXXX", g->o->out) < 0) {
        cynf_gen_fail(g, CYNF_ENOMEM, "out of memory");
        return;
    }
    if (!mkdtemp(name)) {
        cynf_gen_fail(g, CYNF_EIO, "%s: cannot make a folder there: %s", g->o->out, strerror(errno));
        free(name);
        return;
    }
    const mode_t mask = umask(0);
    umask(mask);
    chmod(name, 0777 & ~mask);
    g->folder = name;
}

void cynf_folder_write(cynf_gen *g, const char *path, const void *data, size_t bytes)
{
    if (g->status != CYNF_OK)
        return;
    char full[4096];
    const int n = snprintf(full, sizeof full, "%s/%s", g->folder, path);
    if (n < 0 || (size_t)n >= sizeof full) {
        cynf_gen_fail(g, CYNF_EINVAL, "%s/%s: the path is too long", g->o->out, path);
        return;
    }
    for (char *slash = full + strlen(g->folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(full, 0777);
    }
    FILE *f = fopen(full, "wb");
    bool ok = f && fwrite(data, 1, bytes, f) == bytes;
    const int written = errno;
    if (f && fclose(f) && ok)
        ok = false;
    if (!ok)
        cynf_gen_fail(g, CYNF_EIO, "%s/%s: cannot write: %s", g->o->out, path, strerror(written ? written : errno));
}

void cynf_folder_end(cynf_gen *g)
{
    if (!g->folder)
        return;
    if (g->status == CYNF_OK && rename(g->folder, g->o->out)) {
        /* An earlier output is there: exchanged in one step where the file system can, else moved away first. */
        char *old = NULL;
        if (!renameat2(AT_FDCWD, g->folder, AT_FDCWD, g->o->out, RENAME_EXCHANGE)) {
            remove_tree(g->folder);
        } else if (asprintf(&old, "%s.old", g->folder) < 0 || rename(g->o->out, old) || rename(g->folder, g->o->out)) {
            cynf_gen_fail(g, CYNF_EIO, "%s: cannot put the new folder in place: %s", g->o->out, strerror(errno));
        } else {
            remove_tree(old);
        }
        free(old);
    }
    if (g->status != CYNF_OK)
        remove_tree(g->folder);
    free(g->folder);
    g->folder = NULL;
}
