/* SPDX-License-Identifier: MIT */
/** Loading: file to optimised graph. */
#include "api/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cynf-config.h"
#include "graph/sizes.h"
#include "keras/load.h"
#include "runtime/walk.h"

const char *cynf_version(void) { return CYNF_VERSION; }

static const char *dtype_name(cynf_dtype t)
{
    static const char *const names[] = {"float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"};
    return names[t];
}

static cynf_model_port *ports(const cynf_graph *g, const cynf_port *p, int n)
{
    cynf_model_port *all = calloc((size_t)n + 1, sizeof *all);
    for (int i = 0; all && i < n; i++) {
        const cynf_shape *s = &g->t[p[i].t].shape;
        all[i] = (cynf_model_port){.name = p[i].name ? p[i].name : "", .dtype = dtype_name(p[i].dtype), .rank = s->rank,
            .bytes = cynf_shape_elems(s) * cynf_dtype_bytes(p[i].dtype)};
        memcpy(all[i].shape, s->d, sizeof all[i].shape);
        all[i].open = p == g->in ? cynf_sizes_open_axes(g->sizes, i) : 0;
    }
    return all;
}

cynf_status cynf_net_load(cynf_net **out, const char *path, const cynf_net_options *o, char *message, size_t message_bytes)
{
    char none[1];
    cynf_net_message(&message, &message_bytes, none);
    cynf_net *net = calloc(1, sizeof *net);
    cynf_status s = CYNF_ENOMEM;
    if (net) {
        static const cynf_net_options defaults;
        o = o ? o : &defaults;
        const cynf_load_options load = {.batch = o->batch, .weights = o->weights, .shapes = o->shapes, .n_shapes = o->n_shapes,
            .input_shapes = o->input_shapes, .max_shapes = o->max_shapes, .stream = o->stream, .kernels_from = o->kernels_from,
            .customs = o->customs, .exact = o->exact};
        if (o->max_shapes && *o->max_shapes && o->math != CYNF_MATH_POLY) {
            s = CYNF_EINVAL;
            snprintf(message, message_bytes, "%s: a model with maximum shapes has the polynomials; take math poly, or fix its shapes", path);
        } else if (o->exact && o->math == CYNF_MATH_SLEEF) {
            s = CYNF_EUNSUPPORTED;
            snprintf(message, message_bytes, "%s: it shall be exact, and SLEEF's functions differ from machine to machine; use the polynomials", path);
        } else if (cynf_has_math(o->math)) {
            s = cynf_keras_load(&net->graph, path, &load, message, message_bytes);
        } else {
            s = CYNF_EUNSUPPORTED;
            snprintf(message, message_bytes, "%s: its functions shall be SLEEF's, and this build has no SLEEF; build with libsleef-dev, or use the polynomials", path);
        }
        if (!s) {
            net->graph->math = o->math;
            if ((s = cynf_graph_optimise(net->graph)))
                snprintf(message, message_bytes, "%s: %s", path, net->graph->error);
        }
        if (!s) {
            net->in = ports(net->graph, net->graph->in, net->graph->n_in);
            net->out = ports(net->graph, net->graph->out, net->graph->n_out);
            if (!net->in || !net->out)
                s = CYNF_ENOMEM;
        }
    }
    if (s) {
        if (!message[0])
            snprintf(message, message_bytes, "%s: %s", path, cynf_status_str(s));
        cynf_net_free(&net);
    } else {
        *out = net;
    }
    return s;
}

void cynf_net_free(cynf_net **pnet)
{
    cynf_net *net = *pnet;
    if (!net)
        return;
    cynf_graph_free(&net->graph);
    free(net->in);
    free(net->out);
    free(net);
    *pnet = NULL;
}

int cynf_net_inputs(const cynf_net *net) { return net->graph->n_in; }
int cynf_net_outputs(const cynf_net *net) { return net->graph->n_out; }
const cynf_model_port *cynf_net_input(const cynf_net *net, int i) { return &net->in[i]; }
const cynf_model_port *cynf_net_output(const cynf_net *net, int i) { return &net->out[i]; }
int32_t cynf_net_batch(const cynf_net *net) { return net->graph->batch; }
int cynf_net_batch_fixed(const cynf_net *net) { return net->graph->batch_mixed; }
int32_t cynf_net_output_skip(const cynf_net *net, int i) { return net->graph->out[i].skip; }
size_t cynf_net_state_floats(const cynf_net *net) { return cynf_graph_state_elems(net->graph); }

cynf_status cynf_net_mask(char *message, size_t message_bytes)
{
    const char *text = getenv("CYNF_CPU_MASK");
    unsigned mask;
    if (!text || !*text)
        return CYNF_OK;
    if (!cynf_cpu_parse_mask(text, &mask)) {
        snprintf(message, message_bytes, "CYNF_CPU_MASK is \"%s\"; expected names out of scalar, sse41, avx2, avx512, neon or all, separated by commas", text);
        return CYNF_EINVAL;
    }
    cynf_cpu_set_mask(mask);
    return CYNF_OK;
}
