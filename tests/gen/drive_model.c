/* SPDX-License-Identifier: MIT */
/**
 * gen-drive FOLDER ID [exact]: loads FOLDER/libID.so through ID_info() alone and holds it to its header: the self-test's outputs (bit for
 * bit with `exact`: the same kernels on the same machine), the same bits for every number of threads and lanes and for any number
 * of samples, the caller's own memory, refused options, and no allocation in run or run_batch. A model with a state gives them after a reset, and a
 * batch of runs what the runs give one by one.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cynf/model.h"

/* ---- malloc, counted ---- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
static _Atomic long allocations;

void *malloc(size_t n) { allocations++; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { allocations++; return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { allocations++; return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { allocations++; return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { allocations++; return __libc_memalign(a, n); }

static int failures;
#define CHECK(condition, ...) \
    do { \
        if (!(condition)) { \
            failures++; \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            printf(__VA_ARGS__); \
            printf("\n"); \
        } \
    } while (0)

static const cynf_model_info *load(const char *folder, const char *id)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/lib%s.so", folder, id);
    void *so = dlopen(path, RTLD_NOW);
    if (!so) {
        printf("%s\n", dlerror());
        exit(1);
    }
    snprintf(path, sizeof path, "%s_info", id);
    const cynf_model_info *(*info)(void);
    *(void **)&info = dlsym(so, path);
    if (!info) {
        printf("%s\n", dlerror());
        exit(1);
    }
    return info();
}

static unsigned char *read_all(const char *folder, const char *id, size_t *bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s_data.bin", folder, id);
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    *bytes = (size_t)ftell(f);
    rewind(f);
    unsigned char *data = malloc(*bytes);
    if (fread(data, 1, *bytes, f) != *bytes)
        exit(1);
    fclose(f);
    return data;
}

/* n samples of every port: sample i is sample i % batch of the self-test's. */
static void repeat_samples(const cynf_model_info *info, const cynf_model_port *port, int count, unsigned char *const *from, unsigned char **to, size_t n)
{
    for (int i = 0; i < count; i++) {
        const size_t sample = port[i].bytes / (size_t)info->batch;
        to[i] = malloc(n * sample + 1);
        for (size_t s = 0; s < n; s++)
            memcpy(to[i] + s * sample, from[i] + s % (size_t)info->batch * sample, sample);
        to[i][n * sample] = 0xa5;
    }
}

static void reset(const cynf_model_info *info, cynf_model *m)
{
    if (info->state_floats)
        info->reset_state(m);
}

/* expected[i]: what runs one after the other give for the same samples; in the middle the state goes out and back in. */
static void run_one_by_one(const cynf_model_info *info, cynf_model *m, unsigned char *const *x, unsigned char *const *expected, size_t n)
{
    float *state = malloc(info->state_floats * sizeof *state);
    reset(info, m);
    for (size_t k = 0; k < n / (size_t)info->batch; k++) {
        const void *in[64];
        void *out[64];
        for (int i = 0; i < info->n_in; i++)
            in[i] = x[i] + k * info->in[i].bytes;
        for (int i = 0; i < info->n_out; i++)
            out[i] = expected[i] + k * info->out[i].bytes;
        CHECK(info->run(m, in, out) == CYNF_OK, "run %zu", k);
        info->get_state(m, state);
        info->reset_state(m);
        info->set_state(m, state);
    }
    free(state);
}

static void check_batch(const cynf_model_info *info, cynf_model *m, unsigned char *const *in, unsigned char *const *out, size_t n, int32_t threads)
{
    unsigned char *x[64], *expected[64], *y[64];
    repeat_samples(info, info->in, info->n_in, in, x, n);
    repeat_samples(info, info->out, info->n_out, out, expected, n);
    repeat_samples(info, info->out, info->n_out, out, y, n);
    for (int i = 0; i < info->n_out; i++)
        memset(y[i], 0x77, n * (info->out[i].bytes / (size_t)info->batch));
    if (info->state_floats)
        run_one_by_one(info, m, x, expected, n);
    reset(info, m);
    const long before = allocations;
    const cynf_status s = info->run_batch(m, n, (const void *const *)x, (void *const *)y);
    CHECK(allocations == before, "run_batch allocated %ld times", allocations - before);
    const int whole = n % (size_t)info->batch == 0;
    CHECK(s == (info->batch_fixed && !whole ? CYNF_EINVAL : CYNF_OK), "%zu samples: status %d", n, s);
    for (int i = 0; s == CYNF_OK && i < info->n_out; i++)
        CHECK(!memcmp(y[i], expected[i], n * (info->out[i].bytes / (size_t)info->batch) + 1), "output %d of %zu samples, %d threads", i, n, threads);
    for (int i = 0; i < info->n_in; i++)
        free(x[i]);
    for (int i = 0; i < info->n_out; i++) {
        free(y[i]);
        free(expected[i]);
    }
}

static void check_threads(const cynf_model_info *info, unsigned char *const *in, unsigned char *const *out, int32_t threads, int32_t lanes)
{
    const cynf_model_options o = {.threads = threads, .lanes = lanes};
    const size_t bytes = info->bytes(&o);
    unsigned char *y[64], *buffer = malloc(bytes + 1);
    cynf_model *m = NULL;
    /* One byte too few is refused; an odd address is fine; not a byte beyond the end is touched. */
    CHECK(info->create_in(&m, &o, buffer, bytes - 1) == CYNF_ENOMEM && !m, "create_in with too little");
    buffer[bytes] = 0x5a;
    CHECK(info->create_in(&m, &o, buffer, bytes) == CYNF_OK, "create_in");
    repeat_samples(info, info->out, info->n_out, out, y, (size_t)info->batch);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < info->n_out; i++)
            memset(y[i], 0x77, info->out[i].bytes);
        reset(info, m);
        const long before = allocations;
        CHECK(info->run(m, (const void *const *)in, (void *const *)y) == CYNF_OK, "run");
        CHECK(allocations == before, "run allocated %ld times", allocations - before);
        for (int i = 0; i < info->n_out; i++)
            CHECK(!memcmp(y[i], out[i], info->out[i].bytes), "output %d with %d threads", i, threads);
    }
    for (int i = 0; i < info->n_out; i++)
        free(y[i]);
    for (size_t n = 0; n <= 9; n++)
        check_batch(info, m, in, out, n, threads);
    info->destroy(&m);
    CHECK(!m && buffer[bytes] == 0x5a, "destroy nulls, nothing beyond the buffer is touched");
    info->destroy(&m);
    free(buffer);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const cynf_model_info *info = load(argv[1], argv[2]);
    CHECK(info->abi_version == CYNF_MODEL_ABI_VERSION && !strcmp(info->id, argv[2]), "%d %s", info->abi_version, info->id);
    size_t bytes;
    unsigned char *data = read_all(argv[1], argv[2], &bytes), *in[64], *out[64], *y[64], *at = data;
    for (int i = 0; i < info->n_in; i++) {
        in[i] = at;
        at += (info->in[i].bytes + 63) / 64 * 64;
    }
    for (int i = 0; i < info->n_out; i++) {
        out[i] = at;
        at += (info->out[i].bytes + 63) / 64 * 64;
    }
    CHECK(at == data + bytes, "the self-test's data has another size");
    cynf_model *m = NULL;
    char message[256] = "x";
    CHECK(info->create(&m, &(cynf_model_options){.threads = info->max_threads + 1}) == CYNF_EINVAL && !m, "too many threads");
    CHECK(info->create(&m, &(cynf_model_options){.threads = -1}) == CYNF_EINVAL && !m, "-1 threads");
    CHECK(info->create(&m, &(cynf_model_options){.lanes = 2}) == CYNF_EINVAL && !m, "more lanes than threads");
    CHECK(info->create(&m, &(cynf_model_options){.message = message, .message_bytes = sizeof message}) == CYNF_OK && m && !*message, "create: %s", message);
    CHECK(info->run(m, NULL, NULL) == CYNF_EINVAL, "run without buffers");
    /* What other thread counts and batches are held to: the executor's bits, or (another machine) this instance's. */
    if (argc < 4) {
        repeat_samples(info, info->out, info->n_out, out, y, (size_t)info->batch);
        CHECK(info->run(m, (const void *const *)in, (void *const *)y) == CYNF_OK, "run");
        memcpy(out, y, sizeof out);
    }
    info->destroy(&m);
    for (int32_t threads = 1; threads <= info->max_threads && threads <= 3; threads++)
        for (int32_t lanes = 0; lanes < 2; lanes++)
            check_threads(info, in, out, threads, lanes);
    printf("%s: %d failed\n", argv[2], failures);
    return failures != 0;
}
