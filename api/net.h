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

#endif
