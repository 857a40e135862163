/* SPDX-License-Identifier: MIT */
/**
 * libFuzzer target: what the reading child hands over (file_stream.h), through the parent's parser, config, weights and lowering.
 */
#include <stdlib.h>
#include <string.h>

#include "keras/file_stream.h"
#include "keras/load.h"

typedef struct input { const uint8_t *at; size_t left; } input;

static input in;

static bool read_input(void *context, void *to, size_t n)
{
    input *i = context;
    if (n > i->left)
        return false;
    memcpy(to, i->at, n);
    i->at += n;
    i->left -= n;
    return true;
}

cynf_status __wrap_cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap);
cynf_status __wrap_cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap)
{
    (void)limits;
    const cynf_stream s = {read_input, &in};
    cynf_file *f = calloc(1, sizeof *f);
    const cynf_status e = cynf_file_parse(f, &s, 1 << 22, text, cap);
    f->path = strdup(path);
    if (e)
        cynf_file_free(&f);
    else
        *out = f;
    return e;
}

static void ignore(void *context, const cynf_load_layer *layer) { (void)context, (void)layer; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (int all = 0; all < 2; all++) {
        cynf_graph *g = NULL;
        char text[1024] = "";
        in = (input){data, n};
        const cynf_status s = cynf_keras_load(&g, "fuzz", &(cynf_load_options){.layer = all ? ignore : NULL}, text, sizeof text);
        if ((s == CYNF_OK) != (g != NULL) || (s && s != CYNF_EIO && !*text))
            abort();
        cynf_graph_free(&g);
    }
    return 0;
}
