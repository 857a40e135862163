/* SPDX-License-Identifier: MIT */
/** libFuzzer target: the JSON of an architecture through config, weights (there are none) and lowering, which goes on after problems. */
#include <stdlib.h>
#include <string.h>

#include "keras/file.h"
#include "keras/load.h"

static const char *config;

cynf_status __wrap_cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap);
cynf_status __wrap_cynf_file_read(cynf_file **out, const char *path, const cynf_file_limits *limits, char *text, size_t cap)
{
    (void)limits, (void)text, (void)cap;
    cynf_file *f = calloc(1, sizeof *f);
    *f = (cynf_file){.path = strdup(path), .container = CYNF_CONTAINER_KERAS, .config = strdup(config), .keras_version = strdup("3.7.0"), .backend = strdup("")};
    *out = f;
    return CYNF_OK;
}

static void ignore(void *context, const cynf_load_layer *layer) { (void)context, (void)layer; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char text[1024] = "", *copy = malloc(n + 1);
    cynf_graph *g = NULL;
    memcpy(copy, data, n);
    copy[n] = 0;
    config = copy;
    const cynf_status s = cynf_keras_load(&g, "fuzz", &(cynf_load_options){.layer = ignore}, text, sizeof text);
    if ((s == CYNF_OK) != (g != NULL) || (s && !*text))
        abort();
    if (g)
        cynf_graph_optimise(g);
    cynf_graph_free(&g);
    free(copy);
    return 0;
}
