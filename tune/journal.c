/* SPDX-License-Identifier: MIT */
/** The journal: a first line with the key, then one line a layer: signature, tab, the plan's entry as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tune/journal.h"

struct cynf_journal {
    FILE *f;
    char *path;
};

/* $XDG_CACHE_HOME/cynfrence/<hash>.journal, its directory made. NULL: no home. */
static char *default_path(const char *key)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *p = key; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    const bool xdg = cache && *cache == '/';
    if ((!xdg && !home) || asprintf(&path, "%s%s/cynfrence/%016" PRIx64 ".journal", xdg ? cache : home, xdg ? "" : "/.cache", hash) < 0)
        return NULL;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0777); /* where that fails the file cannot be opened either, and that is told */
        *slash = '/';
    }
    return path;
}

/* Entries up to the first damaged one, the last line of a killed tuning; returns where to go on writing, or 0 for another key. */
static long take_over(FILE *f, const char *key, cJSON *kernels, int *resumed)
{
    char *line = NULL, why[64];
    size_t room = 0;
    long good = 0;
    ssize_t n = getline(&line, &room, f);
    if (n > 0 && line[n - 1] == '\n') {
        line[n - 1] = 0;
        good = strcmp(line, key) ? 0 : ftell(f);
    }
    while (good && (n = getline(&line, &room, f)) > 0 && line[n - 1] == '\n') {
        char *tab = strchr(line, '\t');
        cJSON *entry = tab ? cJSON_Parse(tab + 1) : NULL;
        if (!entry)
            break;
        *tab = 0;
        if (!cynf_plan_kernel_valid(entry, line, true, why, sizeof why)) {
            cJSON_Delete(entry);
            break;
        }
        cynf_plan_put(kernels, line, entry);
        ++*resumed;
        good = ftell(f);
    }
    free(line);
    return good;
}

cynf_status cynf_journal_open(cynf_journal **out, const char *path, const char *key, bool resume, cJSON *kernels, int *resumed, char *why, size_t cap)
{
    cynf_journal *j = calloc(1, sizeof *j);
    *resumed = 0;
    if (!j || !(j->path = path ? strdup(path) : default_path(key))) {
        snprintf(why, cap, "the journal has no place: neither XDG_CACHE_HOME nor HOME is set");
        free(j);
        return CYNF_EIO;
    }
    const int fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    const bool locked = fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);
    j->f = locked ? fdopen(fd, "r+") : NULL;
    if (!j->f) {
        snprintf(why, cap, "%s: %s", j->path, fd >= 0 && errno == EWOULDBLOCK ? "another tuning of this model is using this journal" : strerror(errno));
        if (fd >= 0)
            close(fd);
        free(j->path);
        free(j);
        return CYNF_EIO;
    }
    const long from = resume ? take_over(j->f, key, kernels, resumed) : 0;
    if (ftruncate(fd, from) || fseek(j->f, from, SEEK_SET) || (!from && fprintf(j->f, "%s\n", key) < 0)) {
        snprintf(why, cap, "%s: %s", j->path, strerror(errno));
        cynf_journal_close(&j, false);
        return CYNF_EIO;
    }
    *out = j;
    return CYNF_OK;
}

bool cynf_journal_add(cynf_journal *j, const char *signature, const cJSON *entry)
{
    char *text = cJSON_PrintUnformatted(entry);
    const bool good = text && fprintf(j->f, "%s\t%s\n", signature, text) > 0 && !fflush(j->f) && !fsync(fileno(j->f));
    free(text);
    return good;
}

void cynf_journal_close(cynf_journal **j, bool finished)
{
    if (!*j)
        return;
    if (finished)
        unlink((*j)->path);
    fclose((*j)->f);
    free((*j)->path);
    free(*j);
    *j = NULL;
}
