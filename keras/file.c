/* SPDX-License-Identifier: MIT */
/** Model files: what kind a file is, the child process that reads it, and the parent's side of the stream between them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "keras/file_stream.h"

#ifdef __has_feature
#define CLANG_HAS(x) __has_feature(x)
#else
#define CLANG_HAS(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || CLANG_HAS(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* For reading a file of so many bytes: 10 MB a second is a slow card. libhdf5 may go round in circles in a damaged file. */
#define SECONDS(bytes) (8 + (int)((bytes) / 10000000))

/* ---- messages ---- */

static cynf_status say(cynf_status s, char *text, size_t cap, const char *format, ...) __attribute__((format(printf, 4, 5)));
static cynf_status say(cynf_status s, char *text, size_t cap, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    if (cap)
        vsnprintf(text, cap, format, ap);
    va_end(ap);
    return s;
}

/** Text from a file goes to terminals and logs: one line, nothing that steers them. */
static void tame(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            *s = '?';
}

/* ---- the stream ---- */

static bool stored(char **to, char *text)
{
    free(*to);
    *to = text;
    return true;
}

/** One more element behind n, room doubling at powers of two. */
static void *grown(void *a, int32_t n, size_t size)
{
    return n & (n - 1) ? a : realloc(a, (n ? (size_t)n * 2 : 1) * size);
}

/** Takes text (head.text_bytes, of which count_strings is right) apart. */
static cynf_status take_list(cynf_file *f, const cynf_record *r, char *text)
{
    cynf_name_list *list = grown(f->list, f->n_list, sizeof *list);
    char **item = calloc((size_t)r->dim[0] + 1, sizeof *item);
    if (list)
        f->list = list;
    if (!list || !item) {
        free(item);
        free(text);
        return CYNF_ENOMEM;
    }
    cynf_name_list *l = f->list + f->n_list++;
    *l = (cynf_name_list){.group = text, .attribute = text + strlen(text) + 1, .item = item, .n = (int32_t)r->dim[0]};
    char *s = l->attribute;
    for (int32_t i = 0; i < l->n; i++)
        item[i] = s += strlen(s) + 1;
    return CYNF_OK;
}

static cynf_status take_dataset(cynf_file *f, const cynf_record *r, char *text, const cynf_stream *s, int64_t *budget)
{
    cynf_dataset *dataset = grown(f->dataset, f->n_dataset, sizeof *dataset);
    if (!dataset) {
        free(text);
        return CYNF_ENOMEM;
    }
    f->dataset = dataset;
    cynf_dataset *d = dataset + f->n_dataset++;
    char *note = text + strlen(text) + 1;
    *d = (cynf_dataset){.path = text, .rank = (int32_t)r->rank, .note = *note ? note : NULL};
    tame(note);
    int64_t n = 1;
    bool fits = true;
    for (uint32_t i = 0; i < r->rank; i++) {
        d->dim[i] = r->dim[i];
        fits &= r->dim[i] >= 0 && !__builtin_mul_overflow(n, r->dim[i], &n);
    }
    if (d->note)
        return CYNF_OK;
    if (!fits || n > *budget / (int64_t)sizeof(float))
        return CYNF_EFORMAT;
    *budget -= n * (int64_t)sizeof(float);
    d->data = malloc(n ? (size_t)n * sizeof(float) : 1);
    return !d->data ? CYNF_ENOMEM : s->read(s->context, d->data, (size_t)n * sizeof(float)) ? CYNF_OK : CYNF_EIO;
}

/** keras_version of a metadata.json. */
static char *version_of(const char *metadata)
{
    cJSON *json = cJSON_Parse(metadata);
    const char *v = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "keras_version"));
    char *version = strdup(v ? v : "");
    cJSON_Delete(json);
    return version;
}

static int64_t count_strings(const char *text, uint64_t bytes)
{
    int64_t n = 0;
    for (const char *end = text + bytes; text < end; text += strlen(text) + 1)
        n++;
    return n;
}

/** text is taken over. */
static cynf_status take(cynf_file *f, const cynf_record *r, char *text, const cynf_stream *s, int64_t *budget)
{
    switch (r->kind) {
    case CYNF_RECORD_CONFIG: return stored(&f->config, text) ? CYNF_OK : CYNF_ENOMEM;
    case CYNF_RECORD_VERSION: return stored(&f->keras_version, text) ? CYNF_OK : CYNF_ENOMEM;
    case CYNF_RECORD_BACKEND: return stored(&f->backend, text) ? CYNF_OK : CYNF_ENOMEM;
    case CYNF_RECORD_LIST: return take_list(f, r, text);
    case CYNF_RECORD_DATASET: return take_dataset(f, r, text, s, budget);
    default:
        free(text);
        f->container = (cynf_container)r->dim[0];
        return CYNF_OK;
    }
}

static bool is_sound(const cynf_record *r)
{
    const bool text = r->text_bytes > 0 && r->text_bytes <= CYNF_RECORD_MAX_TEXT;
    switch (r->kind) {
    case CYNF_RECORD_CONTAINER: return !r->text_bytes && r->dim[0] >= 0 && r->dim[0] <= CYNF_CONTAINER_H5_WEIGHTS;
    case CYNF_RECORD_LIST: return text && r->dim[0] >= 0 && r->dim[0] <= CYNF_RECORD_MAX_COUNT;
    case CYNF_RECORD_DATASET: return text && r->rank <= CYNF_RECORD_MAX_RANK;
    case CYNF_RECORD_FAILURE: return text && r->dim[0] < 0 && r->dim[0] >= CYNF_EUNSUPPORTED;
    case CYNF_RECORD_CONFIG:
    case CYNF_RECORD_VERSION:
    case CYNF_RECORD_BACKEND: return text;
    default: return r->kind == CYNF_RECORD_END && !r->text_bytes;
    }
}

/** Bytes that a sound record takes beside its floats. */
static int64_t memory_of(const cynf_record *r)
{
    return (int64_t)(r->text_bytes + sizeof(cynf_dataset)) + (r->kind == CYNF_RECORD_LIST ? r->dim[0] * (int64_t)sizeof(char *) : 0);
}

static int64_t strings_expected(const cynf_record *r)
{
    return r->kind == CYNF_RECORD_CONTAINER ? 0 : r->kind == CYNF_RECORD_LIST ? 2 + r->dim[0] : r->kind == CYNF_RECORD_DATASET ? 2 : 1;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const cynf_dataset *)a)->path, ((const cynf_dataset *)b)->path);
}

static int by_group(const void *a, const void *b)
{
    const cynf_name_list *x = a, *y = b;
    const int order = strcmp(x->group, y->group);
    return order ? order : strcmp(x->attribute, y->attribute);
}

cynf_status cynf_file_parse(cynf_file *f, const cynf_stream *s, int64_t budget, char *text, size_t cap)
{
    int64_t text_budget = budget + ((int64_t)2 * CYNF_RECORD_MAX_TEXT);
    for (cynf_record r;;) {
        if (!s->read(s->context, &r, sizeof r))
            return CYNF_EIO;
        if (r.kind == CYNF_RECORD_END)
            break;
        if (!is_sound(&r) || (text_budget -= memory_of(&r)) < 0 || f->n_list == CYNF_RECORD_MAX_COUNT || f->n_dataset == CYNF_RECORD_MAX_COUNT)
            return say(CYNF_EFORMAT, text, cap, "the process that reads the file broke down: truncated or corrupt HDF5");
        char *t = malloc(r.text_bytes + 1);
        if (!t)
            return say(CYNF_ENOMEM, text, cap, "no memory for %llu bytes", (unsigned long long)r.text_bytes);
        if (!s->read(s->context, t, r.text_bytes)) {
            free(t);
            return CYNF_EIO;
        }
        t[r.text_bytes] = 0;
        if ((r.text_bytes && t[r.text_bytes - 1]) || count_strings(t, r.text_bytes) != strings_expected(&r)) {
            free(t);
            return say(CYNF_EFORMAT, text, cap, "the process that reads the file broke down: truncated or corrupt HDF5");
        }
        if (r.kind == CYNF_RECORD_FAILURE) {
            tame(t);
            say(CYNF_OK, text, cap, "%s", t);
            free(t);
            return (cynf_status)r.dim[0];
        }
        const cynf_status e = take(f, &r, t, s, &budget);
        if (e == CYNF_EIO)
            return e;
        if (e)
            return say(e, text, cap, e == CYNF_ENOMEM ? "no memory for the weights" : "the process that reads the file broke down: truncated or corrupt HDF5");
    }
    if (f->n_dataset)
        qsort(f->dataset, (size_t)f->n_dataset, sizeof *f->dataset, by_path);
    if (f->n_list)
        qsort(f->list, (size_t)f->n_list, sizeof *f->list, by_group);
    char *version = f->container == CYNF_CONTAINER_KERAS && f->keras_version ? version_of(f->keras_version) : NULL;
    if (version)
        stored(&f->keras_version, version);
    f->keras_version = f->keras_version ? f->keras_version : calloc(1, 1);
    f->backend = f->backend ? f->backend : calloc(1, 1);
    return f->keras_version && f->backend ? CYNF_OK : say(CYNF_ENOMEM, text, cap, "no memory");
}

/* ---- the child ---- */

typedef struct pipe_end {
    int fd;
    struct timespec deadline;
    bool late, heard;     /* the deadline passed; something came */
    size_t at, n;         /**< of buffer */
    char buffer[1 << 16];
} pipe_end;

/** Some bytes into to, 0 at the end of the stream or after the deadline. */
static size_t pipe_some(pipe_end *p, void *to, size_t n)
{
    for (;;) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        const int64_t left = (p->deadline.tv_sec - now.tv_sec) * 1000 + (p->deadline.tv_nsec - now.tv_nsec) / 1000000;
        const int ready = left > 0 ? poll(&(struct pollfd){.fd = p->fd, .events = POLLIN}, 1, left < INT32_MAX ? (int)left : INT32_MAX) : 0;
        if (!ready) {
            p->late = true;
            return 0;
        }
        const ssize_t got = ready > 0 ? read(p->fd, to, n) : -1;
        p->heard |= got > 0;
        if (got >= 0)
            return (size_t)got;
        if (errno != EINTR)
            return 0;
    }
}

static bool pipe_read(void *context, void *to, size_t n)
{
    pipe_end *p = context;
    for (char *t = to; n;) {
        if (p->at == p->n && n < sizeof p->buffer) {
            p->at = 0;
            p->n = pipe_some(p, p->buffer, sizeof p->buffer);
        }
        size_t m = p->n - p->at < n ? p->n - p->at : n;
        if (m) {
            memcpy(t, p->buffer + p->at, m);
            p->at += m;
        } else if (n < sizeof p->buffer || !(m = pipe_some(p, t, n)))
            return false;
        t += m;
        n -= m;
    }
    return true;
}

static void limit(int resource, rlim_t most)
{
    struct rlimit r;
    if (!getrlimit(resource, &r) && (r.rlim_cur == RLIM_INFINITY || r.rlim_cur > most)) {
        r.rlim_cur = most;
        if (r.rlim_max == RLIM_INFINITY || r.rlim_max > most)
            r.rlim_max = most;
        setrlimit(resource, &r);
    }
}

/** Bytes of address space in use; the parent may have taken any amount. */
static rlim_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%llu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages ? (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) : RLIM_INFINITY;
}

/** A child that can neither do harm nor be heard. */
static void confine(int fd, int out, size_t file_bytes, int64_t budget, int seconds)
{
    const int low = fd < out ? fd : out, high = fd < out ? out : fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    if (low > 3)
        close_range(3, (unsigned)low - 1, 0);
    if (high > low + 1)
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0U, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, (rlim_t)seconds + 1);
    const rlim_t used = address_space();
    if (used != RLIM_INFINITY)
        limit(RLIMIT_AS, used + 2 * file_bytes + 2 * (rlim_t)budget + ((rlim_t)256 << 20));
    /* A sanitizer needs its handlers; set log_path to see its reports. */
    if (!SANITIZED) {
        static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGPIPE, SIGTERM, SIGINT};
        for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
            signal(deadly[i], SIG_DFL);
    }
}

/** *idle: the child was late, but has neither said nor computed anything: fork() caught a lock that another thread held, or the machine stood still. */
static cynf_status try_in_child(cynf_file *f, int fd, size_t file_bytes, bool zip, int64_t budget, int seconds, bool *idle, char *text, size_t cap)
{
    int ends[2];
    *idle = false;
    pipe_end *p = malloc(sizeof *p);
    if (!p || pipe2(ends, O_CLOEXEC)) {
        free(p);
        return say(CYNF_ENOMEM, text, cap, "no memory or no file descriptor for the process that reads the file");
    }
    const pid_t pid = fork();
    if (!pid) {
        confine(fd, ends[1], file_bytes, budget, seconds);
        /* Private and writable: nothing writes, but a library that did by mistake could not reach the file. */
        void *image = mmap(NULL, file_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        cynf_file_child(image, file_bytes, zip, budget, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    cynf_status e;
    if (pid < 0)
        e = say(CYNF_ENOMEM, text, cap, "the process that reads the file could not be started: %s", strerror(errno));
    else {
        *p = (pipe_end){.fd = ends[0]};
        clock_gettime(CLOCK_MONOTONIC, &p->deadline);
        p->deadline.tv_sec += seconds;
        fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
        const cynf_stream s = {pipe_read, p};
        e = cynf_file_parse(f, &s, budget, text, cap);
        kill(pid, SIGKILL); /* it has said all, or is not believed */
        int status = 0;
        struct rusage used = {0};
        while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR)
            ;
        *idle = p->late && !p->heard && 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) + (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) < 0.25 * seconds;
        if (e == CYNF_EIO && p->late)
            e = say(CYNF_EFORMAT, text, cap, "reading took longer than the limit of %d seconds: truncated or corrupt HDF5, or raise the limit", seconds);
        else if (e == CYNF_EIO)
            e = say(CYNF_EFORMAT, text, cap, "truncated or corrupt HDF5: libhdf5 broke down reading it (%s)",
                WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL ? strsignal(WTERMSIG(status)) : "out of memory or stopped");
    }
    close(ends[0]);
    free(p);
    return e;
}

static cynf_status read_in_child(cynf_file *f, int fd, size_t file_bytes, bool zip, int64_t budget, int seconds, char *text, size_t cap)
{
    bool idle;
    const cynf_status e = try_in_child(f, fd, file_bytes, zip, budget, seconds, &idle, text, cap);
    return idle ? try_in_child(f, fd, file_bytes, zip, budget, seconds, &idle, text, cap) : e;
}

/* ---- the file ---- */

enum kind { UNKNOWN, HDF5, ZIP };

/** HDF5 may start behind a user block of 512, 1024, 2048 ... bytes. */
static enum kind kind_of(int fd, int64_t bytes, unsigned char head[8])
{
    memset(head, 0, 8);
    if (pread(fd, head, 8, 0) >= 4 && (!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4)))
        return ZIP;
    for (int64_t at = 0; at < bytes; at = at ? 2 * at : 512) {
        unsigned char s[8];
        if (pread(fd, s, 8, at) == 8 && !memcmp(s, "\211HDF\r\n\032\n", 8))
            return HDF5;
    }
    return UNKNOWN;
}

static cynf_status read_open(cynf_file *f, int fd, const cynf_file_limits *l, char *text, size_t cap)
{
    struct stat st;
    unsigned char h[8];
    if (fstat(fd, &st))
        return say(CYNF_EIO, text, cap, "cannot be read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return say(CYNF_EIO, text, cap, "is a directory, expected an .h5 or .keras file");
    if (!S_ISREG(st.st_mode))
        return say(CYNF_EIO, text, cap, "is no regular file, expected an .h5 or .keras file");
    if (!st.st_size)
        return say(CYNF_EFORMAT, text, cap, "is empty, expected an HDF5 (.h5) or zip (.keras) file");
    const enum kind kind = kind_of(fd, st.st_size, h);
    if (kind == UNKNOWN)
        return say(CYNF_EFORMAT, text, cap, "has neither the HDF5 signature of .h5 nor the zip signature of .keras (it starts with %02x %02x %02x %02x "
            "%02x %02x %02x %02x); save the model with Keras", h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]);
    const int64_t most = st.st_size > (INT64_MAX >> 12) ? INT64_MAX : st.st_size * 1032 + (1 << 20);
    const int64_t max_bytes = l && l->max_bytes > 0 ? l->max_bytes : (int64_t)8 << 30;
    return read_in_child(f, fd, (size_t)st.st_size, kind == ZIP, max_bytes < most ? max_bytes : most, l && l->seconds > 0 ? l->seconds : SECONDS(st.st_size), text, cap);
}

cynf_status cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap)
{
    char what[1024] = "no memory";
    cynf_status e = CYNF_ENOMEM;
    cynf_file *f = calloc(1, sizeof *f);
    if (f && (f->path = strdup(path))) {
        /* Not blocking: a named pipe without a writer would hang. */
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        e = fd < 0 ? say(CYNF_EIO, what, sizeof what, "cannot be opened: %s", strerror(errno)) : read_open(f, fd, limits, what, sizeof what);
        if (fd >= 0)
            close(fd);
    }
    if (e) {
        cynf_file_free(&f);
        return say(e, text, cap, "%s: %s", path, what);
    }
    *out = f;
    return CYNF_OK;
}

void cynf_file_free(cynf_file **file)
{
    cynf_file *f = *file;
    *file = NULL;
    if (!f)
        return;
    for (int32_t i = 0; i < f->n_dataset; i++) {
        free(f->dataset[i].path);
        free(f->dataset[i].data);
    }
    for (int32_t i = 0; i < f->n_list; i++) {
        free(f->list[i].group);
        free(f->list[i].item);
    }
    free(f->dataset);
    free(f->list);
    free(f->config);
    free(f->keras_version);
    free(f->backend);
    free(f->path);
    free(f);
}

const cynf_dataset *cynf_file_dataset(const cynf_file *f, const char *path)
{
    const cynf_dataset key = {.path = (char *)(uintptr_t)path};
    return f->n_dataset ? bsearch(&key, f->dataset, (size_t)f->n_dataset, sizeof key, by_path) : NULL;
}

const cynf_name_list *cynf_file_list(const cynf_file *f, const char *group, const char *attribute)
{
    const cynf_name_list key = {.group = (char *)(uintptr_t)group, .attribute = (char *)(uintptr_t)attribute};
    return f->n_list ? bsearch(&key, f->list, (size_t)f->n_list, sizeof key, by_group) : NULL;
}
