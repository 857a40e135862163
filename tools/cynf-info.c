/* SPDX-License-Identifier: MIT */
/** cynf-info: what is in a model, what it costs, and what stands in the way of running it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "graph/program.h"
#include "keras/load.h"
#include "graph_dot.h"
#include "layer_table.h"
#include "tool.h"

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "Keras model (.h5, .keras), or an architecture (.json, .yaml)", 0},
    {"weights", 'w', "FILE", 0, "weights that go with an architecture", 0},
    {"batch", 'b', "N", 0, "samples per call (default 1)", 0},
    TOOL_INPUT_SHAPE_OPTION,
    TOOL_STREAM_OPTION,
    TOOL_KERNELS_FROM_OPTION,
    TOOL_CUSTOM_OPTION,
    {"threads", 't', "N", 0, "threads that the arena is planned for (default 1)", 0},
    {"json", 'j', NULL, 0, "print JSON", 0},
    {"graph", 'g', "OUT", 0, "draw the network before and after the passes: .svg, .png, .pdf (these by Graphviz) or .dot", 0},
    {"layers", 'l', NULL, 0, "print what is supported (docs/layers.md), and nothing else", 0},
    {0},
};

typedef struct arguments {
    const char *model, *shapes[TOOL_MAX_LIST], *customs[TOOL_MAX_LIST];
    cynf_load_options load;
    int threads;
    bool json;
    const char *graph;
} arguments;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'm':
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "one model at a time");
        a->model = arg;
        return 0;
    case 'w': a->load.weights = arg; return 0;
    case 's': tool_collect(state, "--input-shape", a->shapes, arg); return 0;
    case 'c': tool_collect(state, "--custom", a->customs, arg); return 0;
    case 'S': a->load.stream = arg ? (int32_t)tool_integer(state, "--stream", arg, 1, TOOL_MAX_STREAM) : 1; return 0;
    case TOOL_KERNELS_FROM: a->load.kernels_from = arg; return 0;
    case 'b': a->load.batch = (int32_t)tool_integer(state, "--batch", arg, 1, 65536); return 0;
    case 't': a->threads = (int)tool_integer(state, "--threads", arg, 1, 1024); return 0;
    case 'j': a->json = true; return 0;
    case 'g':
        if (!graph_dot_format(arg))
            argp_error(state, "--graph: expected a file of type .svg, .png, .pdf or .dot, found \"%s\"", arg);
        a->graph = arg;
        return 0;
    case 'l': layer_table_print(stdout); exit(TOOL_OK);
    case ARGP_KEY_END:
        if (!a->model)
            argp_error(state, "no model given");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what is collected while loading, as JSON; the table is printed from it ------------------------------------------------ */

static cJSON *shape_json(const cynf_shape *s)
{
    return s ? cJSON_CreateIntArray(s->d, s->rank) : cJSON_CreateNull();
}

static void add_layer(void *ctx, const cynf_load_layer *l)
{
    cJSON *e = cJSON_CreateObject();
    cJSON_AddStringToObject(e, "name", l->name);
    cJSON_AddStringToObject(e, "class", l->klass);
    cJSON_AddItemToObject(e, "shape", shape_json(l->shape));
    cJSON_AddNumberToObject(e, "parameters", (double)l->parameters);
    cJSON_AddNumberToObject(e, "macs", (double)l->macs);
    if (l->problem)
        cJSON_AddStringToObject(e, "problem", l->problem);
    cJSON_AddItemToArray(ctx, e);
}

static cJSON *ports_json(const cynf_graph *g, const cynf_port *p, int32_t n)
{
    static const char *const dtypes[] = {"float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"};
    cJSON *list = cJSON_CreateArray();
    for (int32_t i = 0; i < n; i++) {
        cJSON *e = cJSON_CreateObject();
        cJSON_AddStringToObject(e, "name", p[i].name ? p[i].name : "");
        cJSON_AddStringToObject(e, "dtype", dtypes[p[i].dtype]);
        cJSON_AddItemToObject(e, "shape", shape_json(&g->t[p[i].t].shape));
        cJSON_AddItemToArray(list, e);
    }
    return list;
}

static double total(const cJSON *layers, const char *key)
{
    double sum = 0;
    const cJSON *e;
    cJSON_ArrayForEach(e, layers)
        sum += cJSON_GetObjectItemCaseSensitive(e, key)->valuedouble;
    return sum;
}

/* ---- table -------------------------------------------------------------------------------------------------------------------- */

static const char *item(const cJSON *e, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, key));
    return s ? s : "";
}

static const char *shape_text(const cJSON *e, char *buf, size_t cap)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(e, "shape"), *d;
    size_t n = (size_t)snprintf(buf, cap, cJSON_IsArray(list) ? "(" : "?");
    cJSON_ArrayForEach(d, list)
        n += (size_t)snprintf(buf + n, cap - n, d->next ? "%d, " : "%d)", d->valueint);
    return buf;
}

static void print_ports(const cJSON *list, const char *what)
{
    const cJSON *e;
    char shape[128];
    cJSON_ArrayForEach(e, list)
        printf("%-8s %s %s %s\n", what, item(e, "name"), item(e, "dtype"), shape_text(e, shape, sizeof shape));
}

static void print_table(const cJSON *r)
{
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(r, "layers"), *e;
    char shape[128];
    print_ports(cJSON_GetObjectItemCaseSensitive(r, "inputs"), "input");
    if (layers->child)
        printf("%-32s %-24s %-22s %12s %14s\n", "layer", "class", "output", "parameters", "MACs");
    cJSON_ArrayForEach(e, layers)
        printf("%-32s %-24s %-22s %12.0f %14.0f%s\n", item(e, "name"), item(e, "class"), shape_text(e, shape, sizeof shape),
            cJSON_GetObjectItemCaseSensitive(e, "parameters")->valuedouble, cJSON_GetObjectItemCaseSensitive(e, "macs")->valuedouble,
            item(e, "problem")[0] ? "  not supported" : "");
    print_ports(cJSON_GetObjectItemCaseSensitive(r, "outputs"), "output");
    printf("%d layers, %.0f parameters, %.0f MACs", cJSON_GetArraySize(layers), total(layers, "parameters"), total(layers, "macs"));
    if ((e = cJSON_GetObjectItemCaseSensitive(r, "arena_bytes")))
        printf(", arena %.0f bytes (live at once: %.0f), constants %.0f bytes", e->valuedouble, cJSON_GetObjectItemCaseSensitive(r, "live_bytes")->valuedouble,
            cJSON_GetObjectItemCaseSensitive(r, "constant_bytes")->valuedouble);
    printf("\n");
    cJSON_ArrayForEach(e, layers)
        if (item(e, "problem")[0])
            printf("%s\n", item(e, "problem"));
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options, parse_option, "MODEL", "Prints the layers of a Keras model, their output shapes, parameters and multiply-adds, "
        "the memory that a run needs, and everything that is not supported.\vExit status: 0 the model can be run, 1 it cannot, 2 bad usage.", NULL, NULL, NULL};
    arguments a = {.threads = 1};
    tool_init();
    argp_parse(&argp, argc, argv, 0, NULL, &a);

    cJSON *r = cJSON_CreateObject(), *layers = cJSON_AddArrayToObject(r, "layers");
    a.load.input_shapes = a.shapes;
    a.load.customs = a.customs;
    a.load.layer = add_layer;
    a.load.layer_ctx = layers;
    cynf_graph *g = NULL;
    cynf_program *p = NULL;
    char text[1024] = "";
    cynf_status s = cynf_keras_load(&g, a.model, &a.load, text, sizeof text);
    cJSON_AddBoolToObject(r, "supported", !s);
    if (!s) {
        cJSON_AddStringToObject(r, "name", g->name ? g->name : "");
        cJSON_AddItemToObject(r, "inputs", ports_json(g, g->in, g->n_in));
        cJSON_AddItemToObject(r, "outputs", ports_json(g, g->out, g->n_out));
        graph_dot *drawing = a.graph ? graph_dot_before(g) : NULL;
        s = cynf_graph_optimise(g);
        if (!s && drawing)
            graph_dot_write(drawing, g, a.graph);
        if (s)
            snprintf(text, sizeof text, "%s: %s", a.model, g->error);
        else
            s = cynf_program_build(&p, g, &(cynf_build_options){.threads = a.threads}, text, sizeof text);
    }
    if (p) {
        cJSON_AddNumberToObject(r, "arena_bytes", (double)p->arena_bytes);
        cJSON_AddNumberToObject(r, "live_bytes", (double)p->arena_lower_bound_bytes);
        cJSON_AddNumberToObject(r, "constant_bytes", (double)p->consts_bytes);
    }
    cJSON_AddNumberToObject(r, "parameters", total(layers, "parameters"));
    cJSON_AddNumberToObject(r, "macs", total(layers, "macs"));
    if (s)
        cJSON_AddStringToObject(r, "error", text);
    char *json = a.json ? cJSON_Print(r) : NULL;
    if (json)
        printf("%s\n", json);
    else if (layers->child) /* else the file could not be read */
        print_table(r);
    if (s)
        fprintf(stderr, "cynf-info: %s\n", text);
    free(json);
    cynf_program_free(&p);
    cynf_graph_free(&g);
    cJSON_Delete(r);
    return s ? TOOL_BAD_INPUT : TOOL_OK;
}
