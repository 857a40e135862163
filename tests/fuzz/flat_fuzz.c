/* SPDX-License-Identifier: MIT */
/** libFuzzer target: the flat form of a graph; what can be read is written again, to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char text[256] = "";
    cynf_graph *g = NULL, *h = NULL;
    void *flat = NULL, *again = NULL;
    size_t bytes = 0, m = 0;
    const cynf_status s = cynf_graph_from_flat(&g, data, n, text, sizeof text);
    if ((s == CYNF_OK) != (g != NULL) || (s && !*text))
        abort();
    if (g && !cynf_graph_to_flat(g, &flat, &bytes))
        if (cynf_graph_from_flat(&h, flat, bytes, text, sizeof text) || cynf_graph_to_flat(h, &again, &m) || bytes != m || memcmp(flat, again, m))
            abort();
    cynf_graph_free(&g);
    cynf_graph_free(&h);
    free(flat);
    free(again);
    return 0;
}
