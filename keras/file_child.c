/* SPDX-License-Identifier: MIT */
/** The child process that calls libhdf5 and libzip: walks the file and writes the records of file_stream.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hdf5.h>
#include <zip.h>

#include "keras/file_stream.h"

enum { MAX_DEPTH = 64, PATH_CAP = 16384 };

/** Data below this ratio may be compressed (the most that deflate can do is 1032). */
enum { MAX_RATIO = 1032 };

typedef struct child {
    FILE *out;
    int64_t budget;         /**< bytes of floats still allowed */
    int64_t file_bytes;
    int32_t count;          /**< groups and datasets so far */
    const char *what;       /**< what messages call the HDF5 file: "" or "model.weights.h5: " */
    bool failed;            /**< a failure record was written */
    char path[PATH_CAP];    /**< of the object in hand */
} child;

static void put(child *c, const cynf_record *r, const char *text, const void *data, size_t bytes)
{
    fwrite(r, sizeof *r, 1, c->out);
    fwrite(text, 1, r->text_bytes, c->out);
    fwrite(data, 1, bytes, c->out);
}

static void put_string(child *c, cynf_record_kind kind, const char *s)
{
    put(c, &(cynf_record){.kind = kind, .text_bytes = strlen(s) + 1}, s, "", 0);
}

static void fail(child *c, cynf_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void fail(child *c, cynf_status status, const char *format, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (!c->failed)
        put(c, &(cynf_record){.kind = CYNF_RECORD_FAILURE, .text_bytes = strlen(text) + 1, .dim = {status}}, text, "", 0);
    c->failed = true;
}

/** The innermost entry of the error stack is the one that knows what was wrong. */
static herr_t innermost(unsigned n, const H5E_error2_t *e, void *to)
{
    (void)n;
    snprintf(to, 256, "%s", e->desc ? e->desc : "");
    return 1;
}

static const char *hdf5_error(char text[256])
{
    strcpy(text, "no details");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, text);
    return text;
}

static void fail_hdf5(child *c, const char *doing)
{
    char e[256];
    fail(c, CYNF_EFORMAT, "%struncated or corrupt HDF5, %s '/%s': %s", c->what, doing, c->path, hdf5_error(e));
}

/* ---- attributes ---- */

/** An attribute's strings, each with its 0 byte, as one block; *n how many. NULL after fail(). */
static char *attribute_strings(child *c, hid_t object, const char *name, size_t *n, size_t *bytes)
{
    char *text = NULL, *raw = NULL, **vlen = NULL;
    const hid_t a = H5Aopen(object, name, H5P_DEFAULT);
    const hid_t type = a < 0 ? -1 : H5Aget_type(a), space = a < 0 ? -1 : H5Aget_space(a);
    const hssize_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    const size_t size = type < 0 ? 0 : H5Tget_size(type);
    if (points < 0 || !size) {
        fail_hdf5(c, "attribute of");
        goto end;
    }
    *n = (size_t)points;
    *bytes = 0;
    if (!points) {                                             /* an empty list is stored as zero numbers */
        text = calloc(1, 1);
        goto end;
    }
    if (H5Tget_class(type) != H5T_STRING) {
        fail(c, CYNF_EFORMAT, "%sattribute %s of '/%s' is of another type than string", c->what, name, c->path);
        goto end;
    }
    if (points > CYNF_RECORD_MAX_COUNT || size > CYNF_RECORD_MAX_TEXT / (size_t)points || (int64_t)(size * (size_t)points) > c->file_bytes) {
        fail(c, CYNF_EFORMAT, "%scorrupt HDF5: attribute %s of '/%s' claims %lld strings of %zu bytes, more than the file holds", c->what, name, c->path,
            (long long)points, size);
        goto end;
    }
    if (H5Tis_variable_str(type) > 0) {
        vlen = calloc((size_t)points, sizeof *vlen);
        if (!vlen || H5Aread(a, type, vlen) < 0) {
            fail_hdf5(c, "attribute of");
            goto end;
        }
        for (hssize_t i = 0; i < points; i++)
            *bytes += vlen[i] ? strlen(vlen[i]) + 1 : 1;
    } else {
        raw = malloc(size * (size_t)points);
        if (!raw || H5Aread(a, type, raw) < 0) {
            fail_hdf5(c, "attribute of");
            goto end;
        }
        for (hssize_t i = 0; i < points; i++)
            *bytes += strnlen(raw + (size_t)i * size, size) + 1;
    }
    text = *bytes <= CYNF_RECORD_MAX_TEXT ? malloc(*bytes) : NULL;
    if (!text) {
        fail(c, CYNF_ENOMEM, "%sattribute %s of '/%s' has %zu bytes, more than the limit of %llu", c->what, name, c->path, *bytes,
            (unsigned long long)CYNF_RECORD_MAX_TEXT);
        goto end;
    }
    char *to = text;
    for (hssize_t i = 0; i < points; i++) {
        const char *from = vlen ? vlen[i] ? vlen[i] : "" : raw + (size_t)i * size;
        const size_t length = vlen ? strlen(from) : strnlen(from, size);
        memcpy(to, from, length);
        to[length] = 0;
        to += length + 1;
    }
end:
    free(raw);
    free(vlen);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
    return text;
}

/** The scalar string attribute as a record; false when there is none. */
static bool put_attribute(child *c, hid_t object, const char *name, cynf_record_kind kind)
{
    if (H5Aexists(object, name) <= 0)
        return false;
    size_t n, bytes;
    char *text = attribute_strings(c, object, name, &n, &bytes);
    if (text && n != 1)
        fail(c, CYNF_EFORMAT, "%sattribute %s of '/%s' holds %zu strings, expected 1", c->what, name, c->path, n);
    else if (text)
        put_string(c, kind, text);
    free(text);
    return true;
}

/** The list attribute as a record, its parts <name>0, <name>1 ... joined when it was too long for one; nothing when there is none. */
static void put_list(child *c, hid_t group, const char *name)
{
    char part[32];
    snprintf(part, sizeof part, "%s0", name);
    const bool whole = H5Aexists(group, name) > 0;
    if (!whole && H5Aexists(group, part) <= 0)
        return;
    const size_t head = strlen(c->path) + strlen(name) + 2;
    size_t size = head, n = 0;
    char *all = malloc(size);
    if (all)
        snprintf(all, head, "%s%c%s", c->path, 0, name);
    for (int i = 0; all && !c->failed; i++) {
        size_t m, bytes;
        snprintf(part, sizeof part, whole ? "%s" : "%s%d", name, i);
        if (whole ? i : H5Aexists(group, part) <= 0)
            break;
        char *text = attribute_strings(c, group, part, &m, &bytes), *more = text ? realloc(all, size + bytes) : NULL;
        if (more) {
            all = more;
            memcpy(all + size, text, bytes);
            size += bytes;
            n += m;
        } else
            fail(c, CYNF_ENOMEM, "%sno memory for attribute %s", c->what, part);
        free(text);
        if (size > CYNF_RECORD_MAX_TEXT || n > CYNF_RECORD_MAX_COUNT)
            fail(c, CYNF_ENOMEM, "%sattribute %s of '/%s' is longer than any real one (%zu names)", c->what, name, c->path, n);
    }
    if (all && !c->failed)
        put(c, &(cynf_record){.kind = CYNF_RECORD_LIST, .text_bytes = size, .dim = {(int64_t)n}}, all, "", 0);
    free(all);
}

/* ---- datasets ---- */

/** A dataset without data. */
static void put_note(child *c, cynf_record *r, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put_note(child *c, cynf_record *r, const char *format, ...)
{
    char text[PATH_CAP + 1024];
    const size_t n = strlen(c->path) + 1;
    memcpy(text, c->path, n);
    va_list ap;
    va_start(ap, format);
    vsnprintf(text + n, sizeof text - n, format, ap);
    va_end(ap);
    r->text_bytes = n + strlen(text + n) + 1;
    put(c, r, text, "", 0);
}

/** False after a note about a layout or filter that is not read. */
static bool storage_is_read(child *c, cynf_record *r, hid_t plist)
{
    const H5D_layout_t layout = H5Pget_layout(plist);
    if (layout == H5D_VIRTUAL || H5Pget_external_count(plist) > 0) {
        put_note(c, r, "has its data in another file (external storage), which is not read: save the model in one file");
        return false;
    }
    for (int i = 0, n = layout == H5D_CHUNKED ? H5Pget_nfilters(plist) : 0; i < n; i++) {
        char name[64] = "";
        unsigned flags;
        size_t values = 0;
        const H5Z_filter_t filter = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, sizeof name, name, NULL);
        if (H5Zfilter_avail(filter) <= 0) {
            put_note(c, r, "is compressed with filter %d '%.63s', which is not available: save the model uncompressed or with gzip", (int)filter, name);
            return false;
        }
    }
    return true;
}

/** "3x3x2x8" */
static const char *shape_text(char text[256], const cynf_record *r)
{
    size_t n = 0;
    strcpy(text, "scalar");
    for (uint32_t i = 0; i < r->rank && n < 256; i++)
        n += (size_t)snprintf(text + n, 256 - n, i ? "x%lld" : "%lld", (long long)r->dim[i]);
    return text;
}

static void put_floats(child *c, cynf_record *r, hid_t dataset, hid_t type, int64_t n)
{
    char e[256];
    const size_t bytes = (size_t)n * sizeof(float);
    float *x = malloc(bytes ? bytes : 1);
    if (!x) {
        fail(c, CYNF_ENOMEM, "%sno memory for the %zu bytes of '%s'", c->what, bytes, c->path);
        return;
    }
    /* bfloat16 is stored as two opaque bytes: the upper half of a float. */
    const bool bfloat = H5Tget_class(type) == H5T_OPAQUE;
    const hid_t wanted = bfloat ? type : H5T_NATIVE_FLOAT;
    if (n && H5Dread(dataset, wanted, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) < 0)
        put_note(c, r, "could not be read, truncated or corrupt HDF5: %s", hdf5_error(e));
    else {
        for (int64_t i = n - 1; bfloat && i >= 0; i--) {
            uint16_t half;
            memcpy(&half, (char *)x + 2 * i, 2);
            memcpy(x + i, &(uint32_t){(uint32_t)half << 16}, 4);
        }
        char text[PATH_CAP + 1] = "";
        r->text_bytes = (size_t)snprintf(text, PATH_CAP, "%s", c->path) + 2;
        put(c, r, text, x, bytes);
        c->budget -= (int64_t)bytes;
    }
    free(x);
}

static void put_dataset(child *c, hid_t dataset)
{
    cynf_record r = {.kind = CYNF_RECORD_DATASET};
    const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset), plist = H5Dget_create_plist(dataset);
    const H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    const size_t size = type < 0 ? 0 : H5Tget_size(type);
    const int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    char e[256], shape[256];
    if (!size || rank < 0 || plist < 0)
        put_note(c, &r, "could not be read, truncated or corrupt HDF5: %s", hdf5_error(e));
    else if (rank > CYNF_RECORD_MAX_RANK || H5Sget_simple_extent_type(space) == H5S_NULL)
        put_note(c, &r, "has %d dimensions, at most %d can be read", rank, CYNF_RECORD_MAX_RANK);
    else {
        hsize_t dim[H5S_MAX_RANK];
        H5Sget_simple_extent_dims(space, dim, NULL);
        int64_t n = 1;
        bool fits = true;
        r.rank = (uint32_t)rank;
        for (int i = 0; i < rank; i++) {
            r.dim[i] = dim[i] <= INT64_MAX ? (int64_t)dim[i] : INT64_MAX;
            fits &= !__builtin_mul_overflow(n, r.dim[i], &n);
        }
        const int64_t stored = (int64_t)H5Dget_storage_size(dataset);
        const bool filtered = H5Pget_layout(plist) == H5D_CHUNKED && H5Pget_nfilters(plist) > 0;
        const int64_t most = filtered ? stored * MAX_RATIO : stored;
        if (class == H5T_STRING)
            put_note(c, &r, "is an array of strings, expected numbers of a float or integer dtype");
        else if (class == H5T_COMPOUND)
            put_note(c, &r, "is an array of records (compound dtype), expected numbers of a float or integer dtype");
        else if (class != H5T_FLOAT && class != H5T_INTEGER && class != H5T_ENUM && !(class == H5T_OPAQUE && size == 2))
            put_note(c, &r, "has an unsupported dtype, expected numbers of a float or integer dtype");
        else if (!storage_is_read(c, &r, plist))
            ;
        else if (!fits || n > (INT64_MAX >> 4) / (int64_t)size || stored < 0 || stored > c->file_bytes || n * (int64_t)size > most)
            put_note(c, &r, "has shape %s of %zu-byte numbers, but only %lld bytes are stored: truncated or corrupt HDF5", shape_text(shape, &r), size,
                (long long)stored);
        else if (n * (int64_t)sizeof(float) > c->budget)
            fail(c, CYNF_ENOMEM, "%sweights are larger than the limit: '%s' of shape %s takes %lld bytes, %lld are left", c->what, c->path,
                shape_text(shape, &r), (long long)n * 4, (long long)c->budget);
        else
            put_floats(c, &r, dataset, type, n);
    }
    H5Pclose(plist);
    H5Sclose(space);
    H5Tclose(type);
}

/* ---- groups ---- */

typedef struct place { child *c; int depth; const char *skip; } place;

static void walk(child *c, hid_t group, int depth, const char *skip);

static herr_t visit(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    const place *p = context;
    child *c = p->c;
    const size_t length = strlen(c->path), more = strlen(name);
    if (p->skip && !strncmp(name, p->skip, strlen(p->skip)))
        return 0;
    if (length + more + 2 > PATH_CAP || ++c->count > CYNF_RECORD_MAX_COUNT) {
        fail(c, CYNF_EFORMAT, "%scorrupt HDF5: more objects or longer paths than any real file has, at '%.200s'", c->what, c->path);
        return -1;
    }
    snprintf(c->path + length, PATH_CAP - length, length ? "/%s" : "%s", name);
    cynf_record nothing = {.kind = CYNF_RECORD_DATASET};
    if (link->type == H5L_TYPE_SOFT)
        put_note(c, &nothing, "is a soft link, which is not followed: save the model with Keras");
    else if (link->type != H5L_TYPE_HARD)
        put_note(c, &nothing, "is a link to another file (external link), which is not followed: save the model in one file");
    else {
        const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
        const H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
        char e[256];
        if (type == H5I_GROUP)
            walk(c, object, p->depth + 1, NULL);
        else if (type == H5I_DATASET)
            put_dataset(c, object);
        else if (object < 0)
            put_note(c, &nothing, "could not be opened, truncated or corrupt HDF5: %s", hdf5_error(e));
        H5Oclose(object);
    }
    c->path[length] = 0;
    return c->failed ? -1 : 0;
}

/** All of a group at c->path, but links whose name starts with skip. */
static void walk(child *c, hid_t group, int depth, const char *skip)
{
    if (depth > MAX_DEPTH) {
        fail(c, CYNF_EFORMAT, "%scorrupt HDF5: groups nested deeper than %d, or a loop of links, at '%.200s'", c->what, MAX_DEPTH, c->path);
        return;
    }
    put_list(c, group, "layer_names");
    put_list(c, group, "weight_names");
    place p = {c, depth, skip};
    if (!c->failed && H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, visit, &p) < 0)
        fail_hdf5(c, "group");
}

static bool has(child *c, hid_t group, const char *name)
{
    const htri_t there = H5Lexists(group, name, H5P_DEFAULT);
    if (there < 0)
        fail_hdf5(c, "group");
    return there > 0;
}

/** The file's first names, for a message. */
static herr_t name_it(hid_t group, const char *name, const H5L_info_t *link, void *to)
{
    (void)group, (void)link;
    char *text = to;
    const size_t n = strlen(text);
    snprintf(text + n, 200 - n, n ? ", %s" : "%s", name);
    return n > 150;
}

/** An HDF5 file that is all there is, or the weights of a .keras archive. */
static void walk_file(child *c, hid_t root, bool archive)
{
    const bool config = !archive && put_attribute(c, root, "model_config", CYNF_RECORD_CONFIG);
    const bool group = !archive && has(c, root, "model_weights");
    const hid_t weights = group ? H5Gopen2(root, "model_weights", H5P_DEFAULT) : -1;
    if (group && weights < 0)
        fail_hdf5(c, "group model_weights of");
    if (!archive && !put_attribute(c, root, "keras_version", CYNF_RECORD_VERSION) && weights >= 0)
        put_attribute(c, weights, "keras_version", CYNF_RECORD_VERSION);
    if (!archive && !put_attribute(c, root, "backend", CYNF_RECORD_BACKEND) && weights >= 0)
        put_attribute(c, weights, "backend", CYNF_RECORD_BACKEND);
    const bool layers = has(c, root, "layers") || has(c, root, "_layer_checkpoint_dependencies") || H5Aexists(root, "layer_names") > 0
        || H5Aexists(root, "layer_names0") > 0;
    if (!archive && !config && weights < 0 && !layers && !c->failed) {
        char names[200] = "";
        H5Literate(root, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, name_it, names);
        fail(c, CYNF_EFORMAT, "HDF5, but no Keras model: no attribute model_config, no group model_weights or layers; the file has: %s",
            *names ? names : "nothing");
    }
    const int64_t container = archive ? CYNF_CONTAINER_KERAS : config ? CYNF_CONTAINER_H5 : CYNF_CONTAINER_H5_WEIGHTS;
    if (!c->failed)
        put(c, &(cynf_record){.kind = CYNF_RECORD_CONTAINER, .dim = {container}}, "", "", 0);
    if (weights >= 0) {
        strcpy(c->path, "model_weights");
        walk(c, weights, 1, NULL);
        H5Gclose(weights);
    } else if (!config && !c->failed)
        walk(c, root, 0, "optimizer");
}

/* The core driver would copy an image three times; as the file is only read, all "copies" are the image itself. */
static void *image_malloc(size_t n, H5FD_file_image_op_t op, void *image) { (void)n, (void)op; return image; }
static void *image_memcpy(void *to, const void *from, size_t n, H5FD_file_image_op_t op, void *image) { (void)to, (void)from, (void)n, (void)op; return image; }
static herr_t image_free(void *x, H5FD_file_image_op_t op, void *image) { (void)x, (void)op, (void)image; return 0; }
static void *image_same(void *image) { return image; }
static herr_t image_leave(void *image) { (void)image; return 0; }

static void read_hdf5(child *c, void *image, size_t bytes, bool archive)
{
    H5FD_file_image_callbacks_t callbacks = {image_malloc, image_memcpy, NULL, image_free, image_same, image_leave, image};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    const bool ready = H5Pset_fapl_core(access, 1 << 16, 0) >= 0 && H5Pset_file_image_callbacks(access, &callbacks) >= 0
        && H5Pset_file_image(access, image, bytes) >= 0;
    const hid_t file = ready ? H5Fopen("memory", H5F_ACC_RDONLY, access) : -1;
    const hid_t root = file < 0 ? -1 : H5Gopen2(file, "/", H5P_DEFAULT);
    if (root < 0)
        fail_hdf5(c, "opening");
    else
        walk_file(c, root, archive);
}

/* ---- archives ---- */

/** A member's bytes with a 0 byte behind, NULL after fail(). */
static char *member(child *c, zip_t *z, const char *name, int64_t limit, size_t *bytes)
{
    zip_stat_t s;
    const zip_int64_t index = zip_name_locate(z, name, 0);
    if (index < 0 || zip_stat_index(z, (zip_uint64_t)index, 0, &s) < 0 || !(s.valid & ZIP_STAT_SIZE)) {
        fail(c, CYNF_EFORMAT, "the zip archive has no %s, so it is no Keras 3 model", name);
        return NULL;
    }
    if (s.size > (zip_uint64_t)limit) {
        fail(c, CYNF_ENOMEM, "%s in the zip archive would take %llu bytes, the size limit is %lld", name, (unsigned long long)s.size, (long long)limit);
        return NULL;
    }
    zip_file_t *f = zip_fopen_index(z, (zip_uint64_t)index, 0);
    char *text = malloc(s.size + 1), end;
    const zip_int64_t got = f && text ? zip_fread(f, text, s.size) : -1;
    /* Only the read that meets the end checks the CRC. */
    if (got != (zip_int64_t)s.size || zip_fread(f, &end, 1) != 0) {
        const char *why = f ? zip_file_strerror(f) : zip_strerror(z);
        fail(c, CYNF_EFORMAT, "%s in the zip archive is truncated or corrupt: %s", name, got >= 0 && got < (zip_int64_t)s.size ? "data ends early" : why);
        free(text);
        text = NULL;
    } else
        text[s.size] = 0;
    if (f)
        zip_fclose(f);
    *bytes = s.size;
    return text;
}

static void put_member(child *c, zip_t *z, const char *name, cynf_record_kind kind)
{
    size_t bytes;
    char *text = member(c, z, name, (int64_t)CYNF_RECORD_MAX_TEXT - 1, &bytes);
    if (text && strlen(text) != bytes)
        fail(c, CYNF_EFORMAT, "%s in the zip archive is not JSON: it has a 0 byte", name);
    else if (text)
        put_string(c, kind, text);
    free(text);
}

static void read_zip(child *c, const void *image, size_t bytes)
{
    zip_error_t e;
    zip_error_init(&e);
    zip_source_t *source = zip_source_buffer_create(image, bytes, 0, &e);
    zip_t *z = source ? zip_open_from_source(source, ZIP_RDONLY, &e) : NULL;
    if (!z) {
        fail(c, CYNF_EFORMAT, "the zip (.keras) archive is truncated or corrupt: %s", zip_error_strerror(&e));
        return;
    }
    put_member(c, z, "config.json", CYNF_RECORD_CONFIG);
    if (zip_name_locate(z, "metadata.json", 0) >= 0)
        put_member(c, z, "metadata.json", CYNF_RECORD_VERSION);
    size_t n = 0;
    char *weights = c->failed ? NULL : member(c, z, "model.weights.h5", c->budget, &n);
    c->what = "model.weights.h5: ";
    c->file_bytes = (int64_t)n;
    if (weights)
        read_hdf5(c, weights, n, true);
    free(weights);
}

void cynf_file_child(void *image, size_t file_bytes, bool zip, int64_t budget, int out)
{
    child c = {.out = fdopen(out, "w"), .budget = budget, .file_bytes = (int64_t)file_bytes, .what = ""};
    if (!c.out)
        return;
    if (image == MAP_FAILED)
        fail(&c, CYNF_ENOMEM, "no memory to map the file's %zu bytes", file_bytes);
    else if (zip)
        read_zip(&c, image, file_bytes);
    else
        read_hdf5(&c, image, file_bytes, false);
    if (!c.failed)
        put(&c, &(cynf_record){.kind = CYNF_RECORD_END}, "", "", 0);
    fclose(c.out);
}
