/* SPDX-License-Identifier: MIT */
/** What stands behind the opaque types of cynf.h, for the other files of this folder. */
#ifndef CYNF_NET_H
#define CYNF_NET_H

#include "cynf/cynf.h"
#include "graph/graph.h"

struct cynf_net {
    cynf_graph *graph;
    cynf_model_port *in, *out;
};

/** A caller's NULL message becomes room (one byte); the text begins empty. */
static inline void cynf_net_message(char **message, size_t *bytes, char *room)
{
    if (!*message || !*bytes) {
        *message = room;
        *bytes = 1;
    }
    **message = 0;
}

/** Obeys CYNF_CPU_MASK: the mask is the library's one global, so the environment's word is taken at every compilation. */
cynf_status cynf_net_mask(char *message, size_t message_bytes);

#endif
