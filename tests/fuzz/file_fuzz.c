/* SPDX-License-Identifier: MIT */
/**
 * libFuzzer target: cynf_file_read on .h5 and .keras files as it ships, with the child process that confines libhdf5 and libzip and a limit of
 * a second. Those two libraries are not ours and do break down; the reader has to say so in a line of text. A finding is whatever else
 * happens: a sanitizer's report in the parent, or in the child with its innermost frame in this tree; no message; more than 1 GiB; more than 10 s.
 *
 * The child's coverage comes back in shared memory before it says its last word (--wrap=fclose).
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keras/file.h"

static struct shared {
    char report[1 << 16]; /* of the child's sanitizer */
    uint8_t edges[1 << 16];
} *shared;
static pid_t parent;

/* libFuzzer's counters, one byte an edge. */
static uint8_t *first_edge;
static size_t n_edge;

void __real___sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);
void __wrap___sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);
void __wrap___sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end)
{
    first_edge = begin;
    n_edge = (size_t)(end - begin) < sizeof shared->edges ? (size_t)(end - begin) : sizeof shared->edges;
    __real___sanitizer_cov_8bit_counters_init(begin, end);
}

int __real_fclose(FILE *f);
int __wrap_fclose(FILE *f);
int __wrap_fclose(FILE *f)
{
    if (getpid() != parent)
        memcpy(shared->edges, first_edge, n_edge);
    return __real_fclose(f);
}

void __asan_set_error_report_callback(void (*callback)(const char *));
void __ubsan_on_report(void);

static void keep_report(const char *text)
{
    if (getpid() != parent) {
        snprintf(shared->report, sizeof shared->report, "%s", text);
        _exit(1); /* libFuzzer would take it for the end of the run */
    }
}

void __ubsan_on_report(void) { keep_report("undefined behaviour, and only this tree's code is instrumented for that"); }

/* The innermost frame outside libc and the sanitizer lies in a library that is not ours. */
static bool is_foreign(const char *report)
{
    static const char *const passed[] = {"libsanitizer", "compiler-rt", "__interceptor", "__asan", "__sanitizer", "libc.so", "nptl/", "sysdeps/", "/raise"};
    static const char *const foreign[] = {"libhdf5", "libzip", "libz.so"};
    for (const char *line = report; line; line = (line = strchr(line, '\n')) ? line + 1 : NULL) {
        char frame[1024];
        int n;
        if (sscanf(line, " #%d %1023[^\n]", &n, frame) != 2)
            continue;
        size_t i = 0;
        while (i < sizeof passed / sizeof *passed && !strstr(frame, passed[i]))
            i++;
        if (i < sizeof passed / sizeof *passed)
            continue;
        for (i = 0; i < sizeof foreign / sizeof *foreign; i++)
            if (strstr(frame, foreign[i]))
                return true;
        return false;
    }
    return false;
}

/* The child dies of signals as without libFuzzer; SIGSEGV is the sanitizer's. */
static void in_child(void)
{
    static const int deadly[] = {SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], SIG_DFL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    parent = getpid();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    pthread_atfork(NULL, NULL, in_child);
    __asan_set_error_report_callback(keep_report);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[32], text[1024] = "";
    const int fd = memfd_create("model", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    *shared->report = 0;
    memset(shared->edges, 0, n_edge);
    cynf_file *f = NULL;
    const cynf_status e = cynf_file_read(&f, path, &(cynf_file_limits){.max_bytes = 1 << 22, .seconds = 1}, text, sizeof text);
    for (size_t i = 0; i < n_edge; i++)
        if (first_edge[i] < shared->edges[i])
            first_edge[i] = shared->edges[i];
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    const bool bad = (*shared->report && !is_foreign(shared->report)) || (e ? !*text || strchr(text, '\n') != NULL : !f) || used.ru_maxrss > 1 << 20;
    if (bad) {
        fprintf(stderr, "status %d, message '%s', %ld KiB\n%s\n", e, text, used.ru_maxrss, shared->report);
        abort();
    }
    cynf_file_free(&f);
    close(fd);
    return 0;
}
