/* SPDX-License-Identifier: MIT */
/** Reading model files: everything a file may hold, everything that may be wrong with it. Files are made here, with libhdf5 and libzip. */
#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <hdf5.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "keras/file_stream.h"

static char folder[] = "/tmp/cynf-file-XXXXXX";
static char message[2048];

static const char *in_folder(const char *name)
{
    static char path[8][256];
    static int next;
    char *p = path[next++ % 8];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

static void setup(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static void teardown(void) { nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void write_bytes(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    fclose(f);
}

static char *read_bytes(const char *path, size_t *n)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    char *data = malloc((size_t)st.st_size + 1);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    *n = fread(data, 1, (size_t)st.st_size, f);
    fclose(f);
    return data;
}

/* ---- making files ---- */

static void string_attribute(hid_t at, const char *name, const char *value, bool variable)
{
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, variable ? H5T_VARIABLE : strlen(value));
    H5Tset_cset(type, variable ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
    const hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, type, variable ? (const void *)&value : value), 0);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

/** Fixed strings of 24 bytes, zero padded, or variable ones. */
static void list_attribute(hid_t at, const char *name, int n, const char *const *value, bool variable)
{
    char fixed[8][24] = {{0}};
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &(hsize_t){(hsize_t)n}, NULL);
    for (int i = 0; i < n; i++)
        memcpy(fixed[i], value[i], strlen(value[i]));
    H5Tset_size(type, variable ? H5T_VARIABLE : sizeof fixed[0]);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    const hid_t a = n ? H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT)
                      : H5Acreate2(at, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    if (n)
        ck_assert_int_ge(H5Awrite(a, type, variable ? (const void *)value : fixed), 0);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

static void dataset(hid_t at, const char *name, hid_t stored, hid_t memory, int rank, const hsize_t *dim, hid_t plist, const void *data)
{
    const hid_t space = H5Screate_simple(rank, dim, NULL), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t d = H5Dcreate2(at, name, stored, space, links, plist, H5P_DEFAULT);
    ck_assert_int_ge(d, 0);
    if (data)
        ck_assert_int_ge(H5Dwrite(d, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Dclose(d);
    H5Pclose(links);
    H5Sclose(space);
}

static const float ramp[24] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, -0.1f};

/** A complete little model, open for additions. */
static hid_t model_file(const char *path)
{
    const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(f, 0);
    string_attribute(f, "model_config", "{\"class_name\": \"S\xc3\xa9quential\"}", true);
    string_attribute(f, "keras_version", "2.3.1", false);
    string_attribute(f, "backend", "tensorflow", true);
    const hid_t w = H5Gcreate2(f, "model_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), g = H5Gcreate2(w, "conv", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    list_attribute(w, "layer_names", 2, (const char *const[]){"conv", "flat"}, false);
    list_attribute(g, "weight_names0", 1, (const char *const[]){"conv/kernel:0"}, false);
    list_attribute(g, "weight_names1", 1, (const char *const[]){"conv/bias:0"}, true);
    dataset(g, "conv/kernel:0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4, (hsize_t[]){2, 3, 2, 2}, H5P_DEFAULT, ramp);
    dataset(g, "conv/bias:0", H5T_IEEE_F64LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){2}, H5P_DEFAULT, ramp + 22);
    dataset(f, "optimizer_weights/adam", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){2}, H5P_DEFAULT, ramp);
    const hid_t flat = H5Gcreate2(w, "flat", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    list_attribute(flat, "weight_names", 0, NULL, false);
    H5Gclose(flat);
    H5Gclose(g);
    H5Gclose(w);
    return f;
}

typedef struct part { const char *name; const void *data; size_t n; int method; } part;

static void archive(const char *path, int n, const part *p)
{
    unlink(path);
    zip_t *z = zip_open(path, ZIP_CREATE, NULL);
    for (int i = 0; i < n; i++) {
        const zip_int64_t at = zip_file_add(z, p[i].name, zip_source_buffer(z, p[i].data, p[i].n, 0), 0);
        ck_assert_int_ge(zip_set_file_compression(z, (zip_uint64_t)at, p[i].method, 0), 0);
    }
    ck_assert_int_eq(zip_close(z), 0);
}

/** The weights file of an archive, in memory. */
static char *archive_weights(size_t *n)
{
    const char *path = in_folder("weights.h5");
    const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    dataset(f, "layers/conv2d/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (hsize_t[]){4, 6}, H5P_DEFAULT, ramp);
    dataset(f, "optimizer/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (hsize_t[]){4, 6}, H5P_DEFAULT, ramp);
    H5Fclose(f);
    return read_bytes(path, n);
}

static const char config[] = "{\"class_name\": \"Sequential\"}", metadata[] = "{\"keras_version\": \"3.15.1\"}";

static void keras_file(const char *path, int method)
{
    size_t n;
    char *w = archive_weights(&n);
    archive(path, 4, (part[]){{"../escape.txt", "out", 3, method}, {"metadata.json", metadata, sizeof metadata - 1, method},
        {"config.json", config, sizeof config - 1, method}, {"model.weights.h5", w, n, method}});
    free(w);
}

/* ---- reading them ---- */

static cynf_file *read_good(const char *path)
{
    cynf_file *f = NULL;
    const cynf_status s = cynf_file_read(&f, path, NULL, message, sizeof message);
    ck_assert_msg(s == CYNF_OK, "%s", message);
    return f;
}

static void read_bad(const char *path, const cynf_file_limits *limits, cynf_status status, const char *word)
{
    cynf_file *f = NULL;
    const cynf_status s = cynf_file_read(&f, path, limits, message, sizeof message);
    ck_assert_msg(s == status, "%s: status %d (%s), expected %d", path, s, message, status);
    ck_assert_ptr_null(f);
    ck_assert_msg(!strncmp(message, path, strlen(path)) && strcasestr(message, word) && !strchr(message, '\n'), "'%s' does not name '%s'", message, word);
}

static void has_floats(const cynf_file *f, const char *path, int n, const float *x)
{
    const cynf_dataset *d = cynf_file_dataset(f, path);
    ck_assert_msg(d && d->data, "%s: %s", path, d ? d->note : "absent");
    int64_t size = 1;
    for (int i = 0; i < d->rank; i++)
        size *= d->dim[i];
    ck_assert_int_eq(size, n);
    ck_assert_msg(!memcmp(d->data, x, (size_t)n * sizeof *x), "%s differs", path);
}

START_TEST(whole_model)
{
    const char *path = in_folder("model.h5");
    H5Fclose(model_file(path));
    cynf_file *f = read_good(path);
    ck_assert_int_eq(f->container, CYNF_CONTAINER_H5);
    ck_assert_str_eq(f->config, "{\"class_name\": \"S\xc3\xa9quential\"}");
    ck_assert_str_eq(f->keras_version, "2.3.1");
    ck_assert_str_eq(f->backend, "tensorflow");
    ck_assert_int_eq(f->n_dataset, 2);
    has_floats(f, "model_weights/conv/conv/kernel:0", 24, ramp);
    has_floats(f, "model_weights/conv/conv/bias:0", 2, ramp + 22);
    const cynf_name_list *l = cynf_file_list(f, "model_weights/conv", "weight_names");
    ck_assert(l && l->n == 2);
    ck_assert_str_eq(l->item[1], "conv/bias:0");
    l = cynf_file_list(f, "model_weights", "layer_names");
    ck_assert(l && l->n == 2);
    ck_assert_str_eq(l->item[0], "conv");
    l = cynf_file_list(f, "model_weights/flat", "weight_names");
    ck_assert(l && !l->n);
    ck_assert_ptr_null(cynf_file_list(f, "model_weights/none", "weight_names"));
    cynf_file_free(&f);
    ck_assert_ptr_null(f);
    cynf_file_free(&f);
}
END_TEST

START_TEST(number_types)
{
    const char *path = in_folder("types.h5");
    const hid_t f = model_file(path), half = H5Tcopy(H5T_IEEE_F32LE), two = H5Tcreate(H5T_OPAQUE, 2), boolean = H5Tenum_create(H5T_STD_I8LE),
        gzip = H5Pcreate(H5P_DATASET_CREATE), w = H5Gopen2(f, "model_weights", H5P_DEFAULT);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    H5Tenum_insert(boolean, "FALSE", &(int8_t){0});
    H5Tenum_insert(boolean, "TRUE", &(int8_t){1});
    H5Pset_chunk(gzip, 1, &(hsize_t){5});
    H5Pset_shuffle(gzip);
    H5Pset_deflate(gzip, 6);
    const hsize_t four = 4, none = 0;
    const float small[] = {0, 1, -2.5f, 1024};
    dataset(w, "half", half, H5T_NATIVE_FLOAT, 1, &four, H5P_DEFAULT, small);
    dataset(w, "bfloat16", two, two, 1, &four, H5P_DEFAULT, (uint16_t[]){0, 0x3f80, 0xc020, 0x4480});
    dataset(w, "int8", H5T_STD_I8LE, H5T_NATIVE_INT, 1, &four, H5P_DEFAULT, (int[]){-128, 127, 0, 1});
    dataset(w, "uint16be", H5T_STD_U16BE, H5T_NATIVE_INT, 1, &four, H5P_DEFAULT, (int[]){65535, 1, 2, 3});
    dataset(w, "int64", H5T_STD_I64LE, H5T_NATIVE_INT, 1, &four, H5P_DEFAULT, (int[]){-5, 6, 7, 8});
    dataset(w, "bool", boolean, boolean, 1, &four, H5P_DEFAULT, (int8_t[]){1, 0, 1, 1});
    dataset(w, "gzip", H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, 1, &(hsize_t){24}, gzip, ramp);
    dataset(w, "scalar", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 0, NULL, H5P_DEFAULT, ramp + 23);
    dataset(w, "empty", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, &none, H5P_DEFAULT, NULL);
    dataset(w, "odd", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, &four, H5P_DEFAULT, (float[]){NAN, INFINITY, -0.0f, 1e-44f});
    H5Gclose(w);
    H5Fclose(f);
    cynf_file *m = read_good(path);
    has_floats(m, "model_weights/half", 4, small);
    has_floats(m, "model_weights/bfloat16", 4, small);
    has_floats(m, "model_weights/int8", 4, (float[]){-128, 127, 0, 1});
    has_floats(m, "model_weights/uint16be", 4, (float[]){65535, 1, 2, 3});
    has_floats(m, "model_weights/int64", 4, (float[]){-5, 6, 7, 8});
    has_floats(m, "model_weights/bool", 4, (float[]){1, 0, 1, 1});
    has_floats(m, "model_weights/gzip", 24, ramp);
    has_floats(m, "model_weights/scalar", 1, ramp + 23);
    has_floats(m, "model_weights/empty", 0, ramp);
    has_floats(m, "model_weights/odd", 4, (float[]){NAN, INFINITY, -0.0f, 1e-44f});
    cynf_file_free(&m);
}
END_TEST

/** A filter that does what a test wants of the reading process, which inherits it. */
static char misdeed;
static size_t misbehave(unsigned flags, size_t n, const unsigned value[], size_t bytes, size_t *size, void **buffer)
{
    (void)n, (void)value, (void)size, (void)buffer;
    if (flags & H5Z_FLAG_REVERSE && misdeed == 'h')
        for (;;)
            pause();
    if (flags & H5Z_FLAG_REVERSE && misdeed == 'c')
        raise(SIGSEGV);
    return flags & H5Z_FLAG_REVERSE && misdeed == 'f' ? 0 : bytes;
}

static const char *filtered_file(void)
{
    const H5Z_class2_t filter = {.version = H5Z_CLASS_T_VERS, .id = 300, .encoder_present = 1, .decoder_present = 1, .name = "odd one", .filter = misbehave};
    const char *path = in_folder("filter.h5");
    ck_assert_int_ge(H5Zregister(&filter), 0);
    const hid_t f = model_file(path), plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 1, &(hsize_t){24});
    H5Pset_filter(plist, 300, 0, 0, NULL);
    dataset(f, "model_weights/d", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, &(hsize_t){24}, plist, ramp);
    H5Fclose(f);
    return path;
}

START_TEST(hanging_child)
{
    misdeed = 'h';
    read_bad(filtered_file(), &(cynf_file_limits){.seconds = 1}, CYNF_EFORMAT, "longer than the limit of 1 seconds");
}
END_TEST

static int *stuck; /* children that are yet to be stuck */

static void get_stuck(void)
{
    if ((*stuck)-- > 0)
        for (;;)
            pause();
}

/* As after a fork() that met a lock which another thread held: once it is tried again, twice it is said. */
START_TEST(stuck_child)
{
    const char *path = in_folder("model.h5");
    H5Fclose(model_file(path));
    stuck = mmap(NULL, sizeof *stuck, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(stuck, MAP_FAILED);
    ck_assert_int_eq(pthread_atfork(NULL, NULL, get_stuck), 0);
    *stuck = 1;
    cynf_file *f = NULL;
    ck_assert_msg(!cynf_file_read(&f, path, &(cynf_file_limits){.seconds = 1}, message, sizeof message), "%s", message);
    ck_assert_int_eq(*stuck, -1);
    cynf_file_free(&f);
    *stuck = 2;
    read_bad(path, &(cynf_file_limits){.seconds = 1}, CYNF_EFORMAT, "longer than the limit of 1 seconds");
    ck_assert_int_eq(*stuck, 0);
}
END_TEST

START_TEST(crashing_child)
{
    misdeed = 'c';
    read_bad(filtered_file(), NULL, CYNF_EFORMAT, "broke down");
}
END_TEST

static void has_note(const cynf_file *f, const char *path, const char *word)
{
    const cynf_dataset *d = cynf_file_dataset(f, path);
    ck_assert_msg(d && d->note && !d->data && strstr(d->note, word), "%s: '%s' instead of '%s'", path, d ? d->note : "absent", word);
}

START_TEST(failing_filter)
{
    misdeed = 'f';
    cynf_file *f = read_good(filtered_file());
    has_note(f, "model_weights/d", "could not be read");
    cynf_file_free(&f);
}
END_TEST

START_TEST(absent_filter)
{
    const char *path = filtered_file();
    H5Zunregister(300);
    cynf_file *f = read_good(path);
    has_note(f, "model_weights/d", "filter 300 'odd one'");
    cynf_file_free(&f);
}
END_TEST

START_TEST(unreadable_datasets)
{
    const char *path = in_folder("notes.h5");
    const hid_t f = model_file(path), w = H5Gopen2(f, "model_weights", H5P_DEFAULT), text = H5Tcopy(H5T_C_S1), pair = H5Tcreate(H5T_COMPOUND, 8),
        chunked = H5Pcreate(H5P_DATASET_CREATE), outside = H5Pcreate(H5P_DATASET_CREATE);
    H5Tset_size(text, 3);
    H5Tinsert(pair, "a", 0, H5T_IEEE_F32LE);
    H5Tinsert(pair, "b", 4, H5T_STD_I32LE);
    H5Pset_chunk(chunked, 2, (hsize_t[]){64, 64});
    H5Pset_external(outside, "/etc/hostname", 0, 8);
    const hsize_t huge[] = {1 << 20, 1 << 20}, nine[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    dataset(w, "text", text, text, 1, nine, H5P_DEFAULT, NULL);
    dataset(w, "pair", pair, pair, 1, nine, H5P_DEFAULT, NULL);
    dataset(w, "huge", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, huge, chunked, NULL);
    dataset(w, "unwritten", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, huge, H5P_DEFAULT, NULL);
    dataset(w, "nine", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 9, nine, H5P_DEFAULT, ramp);
    dataset(w, "outside", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, &(hsize_t){2}, outside, NULL);
    H5Lcreate_soft("/model_weights/soft", w, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("/etc/other.h5", "/x", w, "external", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(w);
    H5Fclose(f);
    cynf_file *m = read_good(path);
    has_note(m, "model_weights/text", "array of strings");
    has_note(m, "model_weights/pair", "compound");
    has_note(m, "model_weights/huge", "1048576x1048576");
    has_note(m, "model_weights/unwritten", "only 0 bytes are stored");
    has_note(m, "model_weights/nine", "9 dimensions");
    has_note(m, "model_weights/outside", "external storage");
    has_note(m, "model_weights/soft", "soft link");
    has_note(m, "model_weights/external", "external link");
    has_floats(m, "model_weights/conv/conv/kernel:0", 24, ramp);
    cynf_file_free(&m);
}
END_TEST

START_TEST(loop_of_links)
{
    const char *path = in_folder("loop.h5");
    const hid_t f = model_file(path);
    H5Lcreate_hard(f, "model_weights", f, "model_weights/conv/again", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(f);
    read_bad(path, NULL, CYNF_EFORMAT, "loop of links");
}
END_TEST

START_TEST(no_model)
{
    static const char *const png = "\211PNG\r\n\032\n\0\0\0\rIHDR";
    read_bad(in_folder("absent.h5"), NULL, CYNF_EIO, "no such file");
    read_bad(folder, NULL, CYNF_EIO, "directory");
    write_bytes(in_folder("a.h5"), "", 0);
    read_bad(in_folder("a.h5"), NULL, CYNF_EFORMAT, "empty");
    write_bytes(in_folder("a.h5"), "x", 1);
    read_bad(in_folder("a.h5"), NULL, CYNF_EFORMAT, "signature");
    write_bytes(in_folder("a.h5"), png, 16);
    read_bad(in_folder("a.h5"), NULL, CYNF_EFORMAT, "89 50 4e 47");
    write_bytes(in_folder("a.h5"), "PK\3\4 not really", 15);
    read_bad(in_folder("a.h5"), NULL, CYNF_EFORMAT, "zip");
    ck_assert_int_eq(mkfifo(in_folder("pipe.h5"), 0600), 0);
    read_bad(in_folder("pipe.h5"), NULL, CYNF_EIO, "no regular file");
    const hid_t f = H5Fcreate(in_folder("plain.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    dataset(f, "samples\n\033[2J", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, &(hsize_t){2}, H5P_DEFAULT, ramp);
    H5Fclose(f);
    read_bad(in_folder("plain.h5"), NULL, CYNF_EFORMAT, "no Keras model");
    ck_assert_ptr_nonnull(strstr(message, "samples??[2J"));
}
END_TEST

START_TEST(wrong_attributes)
{
    const char *path = in_folder("a.h5");
    hid_t f = model_file(path);
    H5Adelete(f, "model_config");
    list_attribute(f, "model_config", 2, (const char *const[]){"{", "}"}, false);
    H5Fclose(f);
    read_bad(path, NULL, CYNF_EFORMAT, "holds 2 strings");
    f = model_file(path);
    H5Adelete(f, "model_config");
    const hid_t space = H5Screate(H5S_SCALAR), a = H5Acreate2(f, "model_config", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Aclose(a);
    H5Sclose(space);
    H5Fclose(f);
    read_bad(path, NULL, CYNF_EFORMAT, "another type than string");
}
END_TEST

START_TEST(weights_only)
{
    const char *path = in_folder("w.h5");
    const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), g = H5Gcreate2(f, "dense", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    list_attribute(f, "layer_names", 1, (const char *const[]){"dense"}, true);
    list_attribute(g, "weight_names", 1, (const char *const[]){"dense_W"}, true);
    dataset(g, "dense_W", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, &(hsize_t){24}, H5P_DEFAULT, ramp);
    H5Gclose(g);
    H5Fclose(f);
    cynf_file *m = read_good(path);
    ck_assert_int_eq(m->container, CYNF_CONTAINER_H5_WEIGHTS);
    ck_assert_ptr_null(m->config);
    ck_assert_str_eq(m->keras_version, "");
    ck_assert_ptr_nonnull(cynf_file_list(m, "", "layer_names"));
    has_floats(m, "dense/dense_W", 24, ramp);
    cynf_file_free(&m);
    size_t n;
    char *bytes = archive_weights(&n);
    free(bytes);
    m = read_good(in_folder("weights.h5"));
    ck_assert_int_eq(m->container, CYNF_CONTAINER_H5_WEIGHTS);
    has_floats(m, "layers/conv2d/vars/0", 24, ramp);
    ck_assert_int_eq(m->n_dataset, 1);
    cynf_file_free(&m);
}
END_TEST

START_TEST(keras_archive)
{
    const char *path = in_folder("model.keras");
    for (int method = 0; method < 2; method++) {
        keras_file(path, method ? ZIP_CM_DEFLATE : ZIP_CM_STORE);
        cynf_file *f = read_good(path);
        ck_assert_int_eq(f->container, CYNF_CONTAINER_KERAS);
        ck_assert_str_eq(f->config, config);
        ck_assert_str_eq(f->keras_version, "3.15.1");
        ck_assert_int_eq(f->n_dataset, 1);
        has_floats(f, "layers/conv2d/vars/0", 24, ramp);
        cynf_file_free(&f);
    }
    ck_assert_int_ne(access(in_folder("../escape.txt"), F_OK), 0);
}
END_TEST

START_TEST(wrong_archives)
{
    const char *path = in_folder("a.keras");
    size_t n;
    char *w = archive_weights(&n), *big = calloc(40, 1 << 20);
    const part c = {"config.json", config, sizeof config - 1, ZIP_CM_STORE}, weights = {"model.weights.h5", w, n, ZIP_CM_STORE};
    archive(path, 1, &c);
    read_bad(path, NULL, CYNF_EFORMAT, "no model.weights.h5");
    archive(path, 1, &weights);
    read_bad(path, NULL, CYNF_EFORMAT, "no config.json");
    archive(path, 2, (part[]){c, {"model.weights.h5", "nope", 4, ZIP_CM_STORE}});
    read_bad(path, NULL, CYNF_EFORMAT, "model.weights.h5: truncated or corrupt HDF5");
    archive(path, 2, (part[]){c, {"model.weights.h5", w, n / 2, ZIP_CM_STORE}});
    read_bad(path, NULL, CYNF_EFORMAT, "truncated file");
    archive(path, 2, (part[]){{"config.json", big, 40 << 20, ZIP_CM_DEFLATE}, weights});
    read_bad(path, NULL, CYNF_ENOMEM, "size limit");
    archive(path, 2, (part[]){{"config.json", "{\0}", 3, ZIP_CM_STORE}, weights});
    read_bad(path, NULL, CYNF_EFORMAT, "0 byte");
    archive(path, 2, (part[]){{"../config.json", config, sizeof config - 1, ZIP_CM_STORE}, weights});
    read_bad(path, NULL, CYNF_EFORMAT, "no config.json");
    archive(path, 3, (part[]){{"assets/filler", big, 40 << 20, ZIP_CM_DEFLATE}, c, weights});
    cynf_file *f = read_good(path);
    cynf_file_free(&f);
    archive(path, 2, (part[]){c, weights});
    size_t all;
    char *bytes = read_bytes(path, &all), *at = memmem(bytes, all, config, sizeof config - 1);
    ck_assert_ptr_nonnull(at);
    at[3] ^= 0x20;
    write_bytes(path, bytes, all);
    read_bad(path, NULL, CYNF_EFORMAT, "CRC");
    free(bytes);
    free(big);
    free(w);
}
END_TEST

START_TEST(limits)
{
    const char *path = in_folder("model.h5");
    H5Fclose(model_file(path));
    read_bad(path, &(cynf_file_limits){.max_bytes = 100}, CYNF_ENOMEM, "limit");
    keras_file(path, ZIP_CM_STORE);
    read_bad(path, &(cynf_file_limits){.max_bytes = 95}, CYNF_ENOMEM, "limit");
}
END_TEST

/** Anything may come of a damaged file but a crash, a hang or a failure without a message. */
static bool read_any(const char *path)
{
    cynf_file *f = NULL;
    *message = 0;
    const cynf_status s = cynf_file_read(&f, path, &(cynf_file_limits){.seconds = 10}, message, sizeof message);
    ck_assert_msg(s == CYNF_OK || strlen(message) > strlen(path) + 10, "status %d without a message", s);
    cynf_file_free(&f);
    return s == CYNF_OK;
}

static const char *sample(int archived)
{
    const char *path = in_folder("sample");
    if (archived)
        keras_file(path, archived > 1 ? ZIP_CM_DEFLATE : ZIP_CM_STORE);
    else
        H5Fclose(model_file(path));
    return path;
}

START_TEST(truncated)
{
    size_t n;
    char *bytes = read_bytes(sample(_i), &n);
    for (size_t k = 0; k < n; k += k < 64 ? 7 : n / 40) {
        write_bytes(in_folder("cut"), bytes, k);
        ck_assert_msg(!read_any(in_folder("cut")), "%zu of %zu bytes were taken for a model", k, n);
    }
    free(bytes);
}
END_TEST

START_TEST(damaged)
{
    size_t n;
    char *bytes = read_bytes(sample(_i), &n);
    int refused = 0;
    uint64_t r = getenv("CYNF_SEED") ? strtoull(getenv("CYNF_SEED"), NULL, 0) | 1 : 20261123;
    printf("seed %llu\n", (unsigned long long)r);
    for (int round = 0; round < 150; round++) {
        char *copy = malloc(n);
        memcpy(copy, bytes, n);
        for (int k = 0; k < 1 + round % 12; k++) {
            r ^= r << 13, r ^= r >> 7, r ^= r << 17;
            copy[r % n] = (char)(r >> 32);
        }
        write_bytes(in_folder("damaged"), copy, n);
        refused += !read_any(in_folder("damaged"));
        free(copy);
    }
    ck_assert_int_gt(refused, 10);
    free(bytes);
}
END_TEST

/* ---- the stream, as a child gone wrong might write it ---- */

typedef struct memory { const char *at; size_t left; } memory;

static bool memory_read(void *context, void *to, size_t n)
{
    memory *m = context;
    if (n > m->left)
        return false;
    memcpy(to, m->at, n);
    m->at += n;
    m->left -= n;
    return true;
}

static cynf_status parse(const cynf_record *r, const char *text, size_t more)
{
    char buffer[512] = "";
    memcpy(buffer, r, sizeof *r);
    memcpy(buffer + sizeof *r, text, more);
    memory m = {buffer, sizeof *r + more};
    const cynf_stream s = {memory_read, &m};
    cynf_file *f = calloc(1, sizeof *f);
    *message = 0;
    const cynf_status e = cynf_file_parse(f, &s, 1000, message, sizeof message);
    cynf_file_free(&f);
    return e;
}

START_TEST(hostile_stream)
{
    const int64_t big = (int64_t)1 << 40;
    const cynf_record wrong[] = {
        {.kind = 0}, {.kind = 99}, {.kind = CYNF_RECORD_CONTAINER, .dim = {3}}, {.kind = CYNF_RECORD_CONTAINER, .dim = {-1}},
        {.kind = CYNF_RECORD_CONFIG}, {.kind = CYNF_RECORD_CONFIG, .text_bytes = ~0ULL}, {.kind = CYNF_RECORD_CONFIG, .text_bytes = CYNF_RECORD_MAX_TEXT + 1},
        {.kind = CYNF_RECORD_CONFIG, .text_bytes = 4}, {.kind = CYNF_RECORD_CONFIG, .text_bytes = 3},
        {.kind = CYNF_RECORD_LIST, .text_bytes = 4, .dim = {-1}}, {.kind = CYNF_RECORD_LIST, .text_bytes = 4, .dim = {big}},
        {.kind = CYNF_RECORD_LIST, .text_bytes = 4, .dim = {1}}, {.kind = CYNF_RECORD_DATASET, .text_bytes = 3, .rank = 9},
        {.kind = CYNF_RECORD_DATASET, .text_bytes = 3, .rank = 1, .dim = {big}}, {.kind = CYNF_RECORD_DATASET, .text_bytes = 3, .rank = 1, .dim = {-1}},
        {.kind = CYNF_RECORD_DATASET, .text_bytes = 3, .rank = 2, .dim = {big, big}}, {.kind = CYNF_RECORD_DATASET, .text_bytes = 3, .rank = 1, .dim = {251}},
        {.kind = CYNF_RECORD_FAILURE, .text_bytes = 3, .dim = {0}}, {.kind = CYNF_RECORD_FAILURE, .text_bytes = 3, .dim = {-1000}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(parse(&wrong[i], "a\0\0b", 4) == CYNF_EFORMAT, "record %zu was accepted", i);
        ck_assert_ptr_nonnull(strstr(message, "corrupt HDF5"));
    }
    ck_assert_int_eq(parse(&(cynf_record){.kind = CYNF_RECORD_DATASET, .text_bytes = 3, .rank = 1, .dim = {3}}, "a\0\0bcdefghijk", 14), CYNF_EIO);
    ck_assert_int_eq(parse(&(cynf_record){.kind = CYNF_RECORD_CONFIG, .text_bytes = 100}, "abc", 3), CYNF_EIO);
    ck_assert_int_eq(parse(&(cynf_record){.kind = CYNF_RECORD_END}, "", 0), CYNF_OK);
    ck_assert_int_eq(parse(&(cynf_record){.kind = CYNF_RECORD_FAILURE, .text_bytes = 3, .dim = {CYNF_EIO}}, "a\n", 3), CYNF_EIO);
    ck_assert_str_eq(message, "a?");
}
END_TEST

/* ---- the corpus beside the repository ---- */

static const char *shared(void)
{
    const char *s = getenv("CYNF_SHARED");
    return s ? s : CYNF_SHARED;
}

START_TEST(malformed_corpus)
{
    /* Those with a container that cannot be read; the others are the loader's. */
    static const char *const refused[] = {"empty.h5", "empty.keras", "not_hdf5_text.h5", "not_hdf5_random.h5", "png_named_h5.h5", "signature_only.h5",
        "truncated_50.h5", "truncated_96.h5", "truncated_300.h5", "truncated_1000.h5", "truncated_2048.h5", "truncated_4000.h5", "truncated_half.h5",
        "truncated_last_100.h5", "superblock_version_77.h5", "btree_signature.h5", "local_heap_size_huge.h5", "global_heap_size_huge.h5",
        "snod_count_huge.h5", "btree_cycle.h5", "plain_hdf5.h5", "config_int.h5", "truncated.keras", "truncated_last_10.keras", "not_zip.keras",
        "central_offset.keras", "member_size_huge.keras", "no_config.keras", "no_weights.keras", "weights_not_h5.keras", "weights_truncated.keras",
        "path_traversal_config.keras", "zip_bomb_config.keras", "deflate_corrupt.keras", "crc_mismatch.keras", "directory.h5", "does_not_exist.h5"};
    char path[512], line[1024];
    snprintf(path, sizeof path, "%s/goldens/bad/EXPECT.tsv", shared());
    FILE *f = fopen(path, "r");
    if (!f) {
        printf("SKIPPED: malformed corpus, no %s (set CYNF_SHARED)\n", path);
        return;
    }
    int seen = 0, must = 0;
    while (fgets(line, sizeof line, f)) {
        char *name = strtok(line, "\t"), *words = strtok(NULL, "\t") ? strtok(NULL, "\n") : NULL;
        if (!words || !strcmp(name, "file"))
            continue;
        snprintf(path, sizeof path, "%s/goldens/bad/%s", shared(), name);
        const bool good = read_any(path);
        bool found = good || strchr(words, '*');
        for (char *w = strtok(words, ","); w; w = strtok(NULL, ","))
            found |= strcasestr(message + strlen(path), w) != NULL;
        ck_assert_msg(found, "%s", message);
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            if (!strcmp(refused[i], name)) {
                ck_assert_msg(!good, "%s was read", path);
                must++;
            }
        seen++;
    }
    fclose(f);
    ck_assert_int_eq(must, (int)(sizeof refused / sizeof *refused));
    ck_assert_int_gt(seen, 100);
}
END_TEST

static int corpus_files;

static int read_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)f;
    const char *dot = strrchr(path, '.');
    if (type == FTW_F && dot && !strstr(path, ".golden.") && !strstr(path, "/bad/") && (!strcmp(dot, ".h5") || !strcmp(dot, ".keras"))) {
        cynf_file *m = read_good(path);
        for (int32_t i = 0; i < m->n_dataset; i++)
            ck_assert_msg(m->dataset[i].data, "%s: %s %s", path, m->dataset[i].path, m->dataset[i].note);
        cynf_file_free(&m);
        corpus_files++;
    }
    return 0;
}

START_TEST(corpus)
{
    static const char *const folders[] = {"goldens", "models"};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", shared(), folders[_i]);
    if (access(path, R_OK)) {
        printf("SKIPPED: corpus, no %s (set CYNF_SHARED)\n", path);
        return;
    }
    corpus_files = 0;
    nftw(path, read_one, 16, FTW_PHYS);
    printf("%d files of %s read\n", corpus_files, path);
    ck_assert_int_gt(corpus_files, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *t = tcase_create("file"), *m = tcase_create("malformed"), *c = tcase_create("corpus");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_set_timeout(m, 300);
    tcase_set_timeout(c, 600);
    tcase_add_test(t, whole_model);
    tcase_add_test(t, number_types);
    tcase_add_test(t, unreadable_datasets);
    tcase_add_test(t, loop_of_links);
    tcase_add_test(t, no_model);
    tcase_add_test(t, wrong_attributes);
    tcase_add_test(t, weights_only);
    tcase_add_test(t, keras_archive);
    tcase_add_test(t, wrong_archives);
    tcase_add_test(t, limits);
    tcase_add_test(t, hanging_child);
    tcase_add_test(t, stuck_child);
    tcase_add_test(t, crashing_child);
    tcase_add_test(t, failing_filter);
    tcase_add_test(t, absent_filter);
    tcase_add_loop_test(t, truncated, 0, 3);
    tcase_add_loop_test(t, damaged, 0, 3);
    tcase_add_test(t, hostile_stream);
    tcase_add_test(m, malformed_corpus);
    tcase_add_loop_test(c, corpus, 0, 2);
    suite_add_tcase(suite, t);
    suite_add_tcase(suite, m);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
