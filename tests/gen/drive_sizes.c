/* SPDX-License-Identifier: MIT */
/**
 * gen-sizes FOLDER ID MODEL.h5: holds FOLDER/libID.so, generated with a maximum shape, to the library at every size of each open dimension (the others at
 * their maximum) and at some choices of all of them: what the one can have the other can, with the same shapes and numbers, in any order of sizes, in the memory
 * of the largest; and to Keras at the sizes of the groups /golden and /golden/size_1, ... of MODEL.h5.
 */
#include <dlfcn.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cynf/cynf.h"

#define PORTS 8

static int failures, compared, same_bits, refused, keras;
#define CHECK(condition, ...) \
    do { \
        if (!(condition)) { \
            failures++; \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            printf(__VA_ARGS__); \
            printf("\n"); \
        } \
    } while (0)

static const cynf_model_info *info;
static const char *model;

static const cynf_model_info *load(const char *folder, const char *id)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/lib%s.so", folder, id);
    void *so = dlopen(path, RTLD_NOW);
    snprintf(path, sizeof path, "%s_info", id);
    const cynf_model_info *(*get)(void) = NULL;
    if (so)
        *(void **)&get = dlsym(so, path);
    if (!get) {
        printf("%s\n", dlerror());
        exit(1);
    }
    return get();
}

static size_t elems(const int32_t *shape, int rank)
{
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= (size_t)shape[i];
    return n;
}

/* Of what the models here have as inputs. */
static size_t width(const char *dtype) { return strstr(dtype, "64") ? 8 : 4; }

static void put(const char *dtype, void *to, size_t i, double v)
{
    if (!strcmp(dtype, "float32"))
        ((float *)to)[i] = (float)v;
    else if (!strcmp(dtype, "int32"))
        ((int32_t *)to)[i] = (int32_t)v;
    else
        ((int64_t *)to)[i] = (int64_t)v;
}

static double random_number(const char *dtype)
{
    static uint64_t seed = 1;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const uint32_t bits = (uint32_t)(seed >> 40);
    return dtype[0] == 'f' ? (double)bits * 0x1p-23 - 1 : bits % 5;
}

static const char *text_of(int32_t shapes[][8])
{
    static char text[256];
    size_t n = 0;
    for (int i = 0; i < info->n_in; i++)
        for (int d = 0; d < info->in[i].rank; d++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%d", d ? "," : i ? " " : "", shapes[i][d]);
    return text;
}

/* |y - want| <= 1e-5 max |want| + 1e-4 |want|, as in the goldens. */
static bool close_to(const float *y, const float *want, size_t n)
{
    double largest = 0.01;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)want[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)y[i] - (double)want[i]) <= 1e-5 * largest + 1e-4 * fabs((double)want[i])))
            return false;
    return true;
}

/* samples is how many of each input there are, in as many runs. */
static void run(cynf_model *m, int32_t shapes[][8], void *const *x, const float *const *want, int32_t want_shape[][8], int samples)
{
    void *y[PORTS];
    bool same = true;
    for (int i = 0; i < info->n_out; i++) {
        int32_t shape[8];
        info->output_shape(m, i, shape);
        CHECK(!memcmp(shape, want_shape[i], (size_t)info->out[i].rank * sizeof *shape), "output %d at %s: %d,%d,...", i, text_of(shapes), shape[0], shape[1]);
        y[i] = malloc((size_t)samples * elems(want_shape[i], info->out[i].rank) * sizeof(float));
    }
    if (info->state_floats)
        info->reset_state(m);
    CHECK(info->run_batch(m, (size_t)samples, (const void *const *)x, y) == CYNF_OK, "run at %s", text_of(shapes));
    for (int i = 0; i < info->n_out; i++) {
        const size_t n = (size_t)samples * elems(want_shape[i], info->out[i].rank);
        CHECK(close_to(y[i], want[i], n), "output %d at %s", i, text_of(shapes));
        same &= !memcmp(y[i], want[i], n * sizeof(float));
        free(y[i]);
    }
    compared++;
    same_bits += same;
}

static cynf_status resize(cynf_model *m, int32_t shapes[][8])
{
    const int32_t *row[PORTS];
    for (int i = 0; i < info->n_in; i++)
        row[i] = shapes[i];
    return info->resize(m, row);
}

/* Library and generated model at these shapes. */
static void compare(cynf_model *m, int32_t shapes[][8])
{
    char why[1024];
    cynf_net *net = NULL;
    cynf_runner *r = NULL;
    const bool possible = !cynf_net_load(&net, model, &(cynf_net_options){.shapes = (const int32_t (*)[8])shapes, .n_shapes = info->n_in}, why, sizeof why) &&
        !cynf_compile(&r, net, NULL, why, sizeof why);
    const cynf_status s = resize(m, shapes);
    CHECK(s == (possible ? CYNF_OK : CYNF_EINVAL), "%s: status %d; the library: %s", text_of(shapes), s, possible ? "yes" : why);
    refused += !possible;
    if (possible && s == CYNF_OK) {
        void *x[PORTS], *y[PORTS];
        int32_t out[PORTS][8];
        for (int i = 0; i < info->n_in; i++) {
            const size_t n = elems(shapes[i], info->in[i].rank);
            x[i] = malloc(n * width(info->in[i].dtype));
            for (size_t k = 0; k < n; k++)
                put(info->in[i].dtype, x[i], k, random_number(info->in[i].dtype));
        }
        for (int i = 0; i < info->n_out; i++) {
            memcpy(out[i], cynf_net_output(net, i)->shape, sizeof out[i]);
            y[i] = malloc(cynf_net_output(net, i)->bytes);
        }
        CHECK(cynf_run(r, (const void *const *)x, y) == CYNF_OK, "library");
        run(m, shapes, x, (const float *const *)y, out, 1);
        for (int i = 0; i < info->n_in; i++)
            free(x[i]);
        for (int i = 0; i < info->n_out; i++)
            free(y[i]);
    }
    if (r)
        cynf_runner_free(&r);
    if (net)
        cynf_net_free(&net);
}

static void largest(int32_t shapes[][8])
{
    for (int i = 0; i < info->n_in; i++)
        memcpy(shapes[i], info->in[i].shape, sizeof shapes[i]);
}

/* Inputs whose open dimensions have equal maxima share their sizes in the models here. */
static void set(int32_t shapes[][8], int input, int axis, int32_t v)
{
    for (int i = 0; i < info->n_in; i++)
        if (info->in[i].open >> axis & 1 && info->in[i].shape[axis] == info->in[input].shape[axis])
            shapes[i][axis] = v;
}

/* What is kept from run to run is kept from size to size. */
static void state(cynf_model *m)
{
    int32_t shapes[PORTS][8];
    float *x = calloc(info->state_floats + 1, sizeof *x), *y = calloc(info->state_floats + 1, sizeof *y);
    for (size_t i = 0; i < info->state_floats; i++)
        x[i] = (float)random_number("float32");
    if (info->state_floats)
        info->set_state(m, x);
    for (int i = 0; i < info->n_in; i++)
        for (int axis = 1; axis < info->in[i].rank; axis++)
            for (int32_t v = 1; info->in[i].open >> axis & 1 && info->state_floats && v <= info->in[i].shape[axis]; v++) {
                largest(shapes);
                set(shapes, i, axis, v);
                resize(m, shapes);
                info->get_state(m, y);
                CHECK(!memcmp(x, y, info->state_floats * sizeof *x), "the state at %s", text_of(shapes));
            }
    free(x);
    free(y);
}

static void all_sizes(cynf_model *m)
{
    int32_t shapes[PORTS][8];
    for (int i = 0; i < info->n_in; i++)
        for (int axis = 1; axis < info->in[i].rank; axis++)
            for (int32_t v = 1; info->in[i].open >> axis & 1 && v <= info->in[i].shape[axis]; v++) {
                largest(shapes);
                set(shapes, i, axis, v);
                compare(m, shapes);
            }
    for (int round = 0; round < 60; round++) {
        largest(shapes);
        for (int i = 0; i < info->n_in; i++)
            for (int axis = 1; axis < info->in[i].rank; axis++)
                if (info->in[i].open >> axis & 1)
                    set(shapes, i, axis, round ? 1 + (int32_t)((random_number("float32") + 1) / 2 * info->in[i].shape[axis]) : 1);
        compare(m, shapes);
    }
}

static void refusals(cynf_model *m)
{
    int32_t shapes[PORTS][8], before[8], after[8];
    info->output_shape(m, 0, before);
    for (int i = 0; i < info->n_in; i++)
        for (int axis = 0; axis < info->in[i].rank; axis++)
            for (int k = 0; k < 3; k++) {
                largest(shapes);
                shapes[i][axis] = k == 0 ? shapes[i][axis] + 1 : k == 1 ? 0 : -1;
                CHECK(resize(m, shapes) == CYNF_EINVAL, "%s", text_of(shapes));
            }
    CHECK(info->resize(m, NULL) == CYNF_EINVAL && resize(NULL, shapes) == CYNF_EINVAL, "no shapes, no model");
    info->output_shape(m, 0, after);
    CHECK(!memcmp(before, after, sizeof after), "a refusal changes nothing");
}

/* ---- Keras ---- */

static float *read_floats(hid_t group, const char *name, int i, int32_t shape[8])
{
    char path[32];
    hsize_t d[8];
    snprintf(path, sizeof path, "%s_%d", name, i);
    const hid_t set = H5Dopen2(group, path, H5P_DEFAULT), space = H5Dget_space(set);
    const int rank = H5Sget_simple_extent_dims(space, d, NULL);
    size_t n = 1;
    for (int k = 0; k < rank; k++) {
        shape[k] = (int32_t)d[k];
        n *= (size_t)d[k];
    }
    float *x = malloc(n * sizeof *x);
    if (H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) < 0)
        exit(1);
    H5Sclose(space);
    H5Dclose(set);
    return x;
}

static void against_keras(cynf_model *m, hid_t group)
{
    int32_t shapes[PORTS][8] = {{0}}, out[PORTS][8] = {{0}};
    void *x[PORTS];
    float *y[PORTS];
    int samples = 1;
    for (int i = 0; i < info->n_in; i++) {
        float *v = read_floats(group, "input", i, shapes[i]);
        const size_t n = elems(shapes[i], info->in[i].rank);
        x[i] = malloc(n * width(info->in[i].dtype));
        for (size_t k = 0; k < n; k++)
            put(info->in[i].dtype, x[i], k, (double)v[k]);
        free(v);
        samples = shapes[i][0];
        shapes[i][0] = 1;
    }
    for (int i = 0; i < info->n_out; i++) {
        y[i] = read_floats(group, "output", i, out[i]);
        out[i][0] = 1;
    }
    CHECK(resize(m, shapes) == CYNF_OK, "%s", text_of(shapes));
    run(m, shapes, x, (const float *const *)y, out, samples);
    keras++;
    for (int i = 0; i < info->n_in; i++)
        free(x[i]);
    for (int i = 0; i < info->n_out; i++)
        free(y[i]);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    info = load(argv[1], argv[2]);
    model = argv[3];
    CHECK(info->resize && info->output_shape && info->n_in <= PORTS && info->n_out <= PORTS, "it has no open sizes");
    /* One thread while the library reads files, which it does in a child process; two and the caller's memory after that. */
    cynf_model *one = NULL, *two = NULL;
    CHECK(info->create(&one, NULL) == CYNF_OK, "create");
    refusals(one);
    all_sizes(one);
    const cynf_model_options o = {.threads = 2};
    const size_t bytes = info->bytes(&o);
    char *buffer = malloc(bytes + 1);
    buffer[bytes] = 0x5a;
    CHECK(info->create_in(&two, &o, buffer, bytes) == CYNF_OK, "create_in");
    state(two);
    refusals(two);
    const hid_t file = H5Fopen(model, H5F_ACC_RDONLY, H5P_DEFAULT);
    char group[64] = "/golden";
    for (int k = 0; !k || H5Lexists(file, group, H5P_DEFAULT) > 0; k++) {
        const hid_t at = H5Gopen2(file, group, H5P_DEFAULT);
        against_keras(k % 2 ? one : two, at);
        H5Gclose(at);
        snprintf(group, sizeof group, "/golden/size_%d", k + 1);
    }
    H5Fclose(file);
    info->destroy(&two);
    CHECK(buffer[bytes] == 0x5a, "a byte beyond the buffer");
    info->destroy(&one);
    free(buffer);
    printf("%s: %d compared, %d with the same bits, %d of them with Keras, %d refused by both; %d failed\n", argv[2], compared, same_bits, keras, refused, failures);
    return failures != 0;
}
