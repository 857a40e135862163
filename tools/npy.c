/* SPDX-License-Identifier: MIT */
#include "tools/npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER (1 << 16)

static const struct {
    const char *descr, *name;
    size_t bytes;
} types[] = {
    {"f4", "float32", 4}, {"f8", "float64", 8}, {"f2", "float16", 2}, {"i1", "int8", 1}, {"u1", "uint8", 1}, {"i2", "int16", 2}, {"u2", "uint16", 2},
    {"i4", "int32", 4}, {"u4", "uint32", 4}, {"i8", "int64", 8}, {"u8", "uint64", 8}, {"b1", "bool", 1},
};
#define N_TYPES (sizeof types / sizeof *types)

static bool fail(char *why, size_t cap, const char *path, const char *text)
{
    snprintf(why, cap, "%s: %s", path, text);
    return false;
}

/* The value behind 'key': in the header's dictionary, or NULL. */
static const char *value(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at || !(at = strchr(at, ':')))
        return NULL;
    at++;
    return at + strspn(at, " ");
}

static bool parse(cynf_npy *a, const char *header, const char *path, char *why, size_t cap)
{
    const char *descr = value(header, "'descr'"), *order = value(header, "'fortran_order'"), *shape = value(header, "'shape'");
    if (!descr || !order || !shape || *shape != '(' || *descr != '\'')
        return fail(why, cap, path, "its .npy header lacks descr, fortran_order or shape");
    if (!strncmp(order, "True", 4))
        return fail(why, cap, path, "it is in Fortran order; save numpy.ascontiguousarray(x)");
    size_t t = 0;
    while (t < N_TYPES && strncmp(descr + 2, types[t].descr, 2))
        t++;
    if (t == N_TYPES || !strchr("<|=", descr[1]))
        return fail(why, cap, path, "its element type is none of float, int, uint, bool in little-endian order");
    strcpy(a->dtype, types[t].name);
    a->rank = 0;
    a->bytes = types[t].bytes;
    for (shape++; *shape && *shape != ')';) {
        char *end;
        const long long d = strtoll(shape, &end, 10);
        if (end == shape || d < 0 || a->rank == 8 || (d && a->bytes > (size_t)1 << 40))
            return fail(why, cap, path, "its shape cannot be read, or is too large");
        a->dim[a->rank++] = d;
        a->bytes *= (size_t)d;
        shape = end + strspn(end, ", ");
    }
    return true;
}

bool cynf_npy_read(cynf_npy *out, const char *path, char *why, size_t cap)
{
    unsigned char start[12];
    char *header = NULL;
    cynf_npy a = {.data = NULL};
    bool ok = false;
    FILE *f = fopen(path, "rb");
    if (!f)
        return fail(why, cap, path, strerror(errno));
    if (fread(start, 1, 10, f) != 10 || memcmp(start, "\x93NUMPY", 6) || start[6] < 1 || start[6] > 3) {
        fail(why, cap, path, "it is not a .npy file");
        goto done;
    }
    size_t n = start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        if (fread(start + 10, 1, 2, f) != 2)
            goto truncated;
        n |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (n > MAX_HEADER || !(header = calloc(n + 1, 1)) || fread(header, 1, n, f) != n)
        goto truncated;
    if (!parse(&a, header, path, why, cap))
        goto done;
    if (!(a.data = malloc(a.bytes ? a.bytes : 1))) {
        fail(why, cap, path, "out of memory");
        goto done;
    }
    if (fread(a.data, 1, a.bytes, f) != a.bytes)
        goto truncated;
    *out = a;
    ok = true;
    goto done;
truncated:
    fail(why, cap, path, "it is truncated");
done:
    if (!ok)
        free(a.data);
    free(header);
    fclose(f);
    return ok;
}

bool cynf_npy_write(const cynf_npy *a, const char *path, char *why, size_t cap)
{
    size_t t = 0;
    while (t < N_TYPES && strcmp(a->dtype, types[t].name))
        t++;
    if (t == N_TYPES)
        return fail(why, cap, path, "NumPy has no such element type");
    char header[512], temporary[4096];
    int n = snprintf(header, sizeof header, "{'descr': '%s%s', 'fortran_order': False, 'shape': (", types[t].bytes > 1 ? "<" : "|", types[t].descr);
    for (int i = 0; i < a->rank; i++)
        n += snprintf(header + n, sizeof header - (size_t)n, "%lld%s", (long long)a->dim[i], i + 1 < a->rank ? ", " : a->rank == 1 ? "," : "");
    n += snprintf(header + n, sizeof header - (size_t)n, "), }");
    /* Data begins at a multiple of 64; the header ends with a newline. */
    while ((10 + n + 1) % 64)
        header[n++] = ' ';
    header[n++] = '\n';
    if (snprintf(temporary, sizeof temporary, "%s.part", path) >= (int)sizeof temporary)
        return fail(why, cap, path, "the path is too long");
    FILE *f = fopen(temporary, "wb");
    if (!f)
        return fail(why, cap, path, strerror(errno));
    const unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)n, (unsigned char)(n >> 8)};
    bool ok = fwrite(start, 1, 10, f) == 10 && fwrite(header, 1, (size_t)n, f) == (size_t)n && fwrite(a->data, 1, a->bytes, f) == a->bytes;
    ok = !fclose(f) && ok && !rename(temporary, path);
    if (!ok) {
        fail(why, cap, path, strerror(errno));
        remove(temporary);
    }
    return ok;
}

/* Through long double, which holds every value of every type here exactly. */
static long double get(const void *p, const char *type)
{
#define GET(T, text) \
    if (!strcmp(type, text)) { \
        T v; \
        memcpy(&v, p, sizeof v); \
        return (long double)v; \
    }
    GET(float, "float32") GET(double, "float64") GET(int8_t, "int8") GET(uint8_t, "uint8") GET(uint8_t, "bool") GET(int16_t, "int16") GET(uint16_t, "uint16")
    GET(int32_t, "int32") GET(uint32_t, "uint32") GET(int64_t, "int64") GET(uint64_t, "uint64")
    return 0;
}

static void set(void *p, const char *type, long double x)
{
#define SET(T, text, expression) \
    if (!strcmp(type, text)) { \
        const T v = (T)(expression); \
        memcpy(p, &v, sizeof v); \
    }
    SET(float, "float32", x) SET(double, "float64", x) SET(int8_t, "int8", (int64_t)x) SET(uint8_t, "uint8", (int64_t)x) SET(uint8_t, "bool", x != 0)
    SET(int16_t, "int16", (int64_t)x) SET(uint16_t, "uint16", (int64_t)x) SET(int32_t, "int32", (int64_t)x) SET(uint32_t, "uint32", (int64_t)x)
    SET(int64_t, "int64", x) SET(uint64_t, "uint64", x)
}

bool cynf_npy_cast(cynf_npy *a, const char *dtype)
{
    size_t from = 0, to = 0;
    while (from < N_TYPES && strcmp(types[from].name, a->dtype))
        from++;
    while (to < N_TYPES && strcmp(types[to].name, dtype))
        to++;
    if (from == to)
        return true;
    if (from == N_TYPES || to == N_TYPES || !strcmp(dtype, "float16") || !strcmp(a->dtype, "float16"))
        return false;
    const size_t n = a->bytes / types[from].bytes;
    void *data = malloc(n * types[to].bytes + 1);
    if (!data)
        return false;
    for (size_t i = 0; i < n; i++)
        set((char *)data + i * types[to].bytes, dtype, get((const char *)a->data + i * types[from].bytes, a->dtype));
    free(a->data);
    a->data = data;
    a->bytes = n * types[to].bytes;
    strcpy(a->dtype, types[to].name);
    return true;
}
