/* SPDX-License-Identifier: MIT */
/** What a model says about itself: heading, constants, ports; in C and for Python. */
#include <ctype.h>
#include <stdio.h>

#include "cynf-config.h"
#include "codegen/generate_internal.h"
#include "graph/binding.h"
#include "graph/sizes.h"
#include "runtime/instance.h"

static const char *const dtype_names[] = {
    [CYNF_F32] = "float32", [CYNF_F64] = "float64", [CYNF_F16] = "float16", [CYNF_BF16] = "bfloat16", [CYNF_I8] = "int8", [CYNF_U8] = "uint8",
    [CYNF_I16] = "int16", [CYNF_U16] = "uint16", [CYNF_I32] = "int32", [CYNF_U32] = "uint32", [CYNF_I64] = "int64", [CYNF_U64] = "uint64",
    [CYNF_BOOL] = "bool",
};

/* Portable models plan their workspace in create, for any number of threads. */
#define PORTABLE_THREADS 256

/* One side of the model, for code that is the same for both. */
typedef struct side {
    const cynf_port *port;
    const cynf_edge *edge;
    int32_t n;
    const char *word, *capitals, *table;
} side;

static void get_sides(const cynf_gen *g, side s[2])
{
    const cynf_graph *graph = g->p->graph;
    s[0] = (side){graph->in, g->walk->in, graph->n_in, "input", "INPUT", "inputs"};
    s[1] = (side){graph->out, g->walk->out, graph->n_out, "output", "OUTPUT", "outputs"};
}

static const cynf_shape *shape_of(const cynf_gen *g, const cynf_port *p)
{
    return &g->p->graph->t[p->t].shape;
}

static const char *name_of(const cynf_port *p)
{
    return p->name ? p->name : "";
}

/* {1, 28, 28, 1} */
static void add_dims(cynf_text *t, const cynf_shape *s)
{
    cynf_text_add(t, "{");
    for (int i = 0; i < s->rank; i++)
        cynf_text_add(t, "%s%d", i ? ", " : "", s->d[i]);
    cynf_text_add(t, "%s}", s->rank ? "" : "0");
}

static void describe_port(cynf_gen *g, const side *s, int32_t i)
{
    const cynf_port *p = &s->port[i];
    const cynf_shape *shape = shape_of(g, p);
    const size_t bytes = s->edge[i].elems * cynf_dtype_bytes(p->dtype);
    char text[128];
    cynf_text *t = &g->key[CYNF_KEY_PORTS];
    cynf_text_add(t, " * %s %d  ", s->word, i);
    cynf_text_comment(t, name_of(p));
    cynf_text_add(t, "  %s %s", dtype_names[p->dtype], cynf_shape_text(shape, text, sizeof text));
    const cynf_sizes *sizes = g->p->graph->sizes;
    const bool is_input = s->port == g->p->graph->in;
    for (int32_t k = 0; is_input && k < cynf_sizes_dims(sizes); k++)
        if (cynf_sizes_dim(sizes, k)[0] == i) {
            int32_t smallest;
            const int32_t n = cynf_sizes_count(sizes, k, &smallest);
            cynf_text_add(t, "; dimension %d: %d sizes from %d to %d", cynf_sizes_dim(sizes, k)[1], n, smallest, cynf_sizes_max(sizes, k));
        }
    if (p->skip)
        cynf_text_add(t, "; its first %d steps after a reset come before the sequence's first", p->skip);
    cynf_text_add(t, "\n");

    t = &g->key[CYNF_KEY_CONSTANTS];
    cynf_text_add(t, "#define %s_%s_%d_NAME ", g->upper, s->capitals, i);
    cynf_text_quote(t, name_of(p));
    cynf_text_add(t, "\n#define %s_%s_%d_DTYPE \"%s\"\n#define %s_%s_%d_RANK %d\n#define %s_%s_%d_SHAPE ", g->upper, s->capitals, i, dtype_names[p->dtype],
        g->upper, s->capitals, i, shape->rank, g->upper, s->capitals, i);
    add_dims(t, shape);
    cynf_text_add(t, "\n#define %s_%s_%d_ELEMS %zu\n#define %s_%s_%d_BYTES %zu\n", g->upper, s->capitals, i, s->edge[i].elems, g->upper, s->capitals, i, bytes);

    t = &g->key[CYNF_KEY_INFO];
    cynf_text_add(t, "    {");
    cynf_text_quote(t, name_of(p));
    cynf_text_add(t, ", \"%s\", %d, ", dtype_names[p->dtype], shape->rank);
    add_dims(t, shape);
    cynf_text_add(t, ", %zu, %u},\n", bytes, is_input ? cynf_sizes_open_axes(sizes, i) : 0);
}

static void describe_edges(cynf_gen *g, const side *s)
{
    cynf_text *t = &g->key[CYNF_KEY_INFO];
    cynf_text_add(t, "\nstatic const cynf_edge %s[] = {", s->table);
    for (int32_t i = 0; i < s->n; i++)
        cynf_text_add(t, "%s{%d, %zu, %zu}", i ? ", " : "", s->edge[i].dtype, s->edge[i].elems, s->edge[i].staged);
    cynf_text_add(t, "}; /* cynf_dtype, elements, place in the arena */\n");
}

static void describe_python(cynf_gen *g, const side *s)
{
    cynf_text *t = &g->key[CYNF_KEY_PYTHON_PORTS];
    const char *word = s->capitals[0] == 'I' ? "IN" : "OUT";
    cynf_text_add(t, "cdef enum:\n    N_%s = %d\n", word, s->n);
    cynf_text_add(t, "%s_NAMES = (", word);
    for (int32_t i = 0; i < s->n; i++) {
        cynf_text_quote(t, name_of(&s->port[i]));
        cynf_text_add(t, ", ");
    }
    cynf_text_add(t, ")\n%s_DTYPES = (", word);
    for (int32_t i = 0; i < s->n; i++)
        cynf_text_add(t, "np.dtype('%s'), ", s->port[i].dtype == CYNF_BF16 ? "uint16" : dtype_names[s->port[i].dtype]);
    cynf_text_add(t, ")\n%s_SHAPES = (", word);
    for (int32_t i = 0; i < s->n; i++) {
        const cynf_shape *shape = shape_of(g, &s->port[i]);
        cynf_text_add(t, "(");
        for (int j = 1; j < shape->rank; j++)
            cynf_text_add(t, "%d, ", shape->d[j]);
        cynf_text_add(t, "), ");
    }
    cynf_text_add(t, ")\n");
}

static void describe_info(cynf_gen *g, const side s[2], const char *isa, size_t weights)
{
    cynf_text *t = &g->key[CYNF_KEY_INFO];
    for (int i = 0; i < 2; i++) {
        cynf_text_add(t, "\nstatic const cynf_model_port %s_ports[] = {\n", s[i].word);
        for (int32_t j = 0; j < s[i].n; j++)
            describe_port(g, &s[i], j);
        cynf_text_add(t, "};\n");
        if (g->o->mode == CYNF_GEN_FIXED)
            describe_edges(g, &s[i]);
        describe_python(g, &s[i]);
    }
    cynf_text_add(t, "\nconst cynf_model_info *%s_info(void)\n{\n    static const cynf_model_info info = {.abi_version = CYNF_MODEL_ABI_VERSION, .batch = %s_BATCH, "
        ".batch_fixed = %s_BATCH_FIXED,\n        .max_threads = %s_MAX_THREADS, .n_in = %s_INPUTS, .n_out = %s_OUTPUTS, .in = input_ports, .out = output_ports, "
        ".id = \"%s\",\n        .isa = \"%s\", .version = \"%s\", .weights_bytes = %zu, .bytes = %s_bytes, .create = %s_create,\n        .create_in = %s_create_in, "
        ".run = %s_run, .run_batch = %s_run_batch, .destroy = %s_destroy",
        g->id, g->upper, g->upper, g->upper, g->upper, g->upper, g->id, isa, CYNF_VERSION, weights, g->id, g->id, g->id, g->id, g->id, g->id);
    if (g->p->graph->n_state)
        cynf_text_add(t, ",\n        .state_floats = %s_STATE_FLOATS, .reset_state = %s_reset_state, .get_state = %s_get_state, .set_state = %s_set_state", g->upper,
            g->id, g->id, g->id);
    if (g->p->graph->sizes)
        cynf_text_add(t, ",\n        .resize = %s_resize, .output_shape = %s_output_shape", g->id, g->id);
    cynf_text_add(t, "};\n    return &info;\n}\n");
}

/* Of a model without a state no word is said of any. */
static void describe_state(cynf_gen *g)
{
    const size_t n = cynf_graph_state_elems(g->p->graph);
    if (!n)
        return;
    cynf_text_add(&g->key[CYNF_KEY_PORTS], " * state     %zu numbers that a run leaves for the next one\n", n);
    cynf_text_add(&g->key[CYNF_KEY_CONSTANTS], "#define %s_STATE_FLOATS %zu /* what an instance keeps from run to run */\n", g->upper, n);
    cynf_text_add(&g->key[CYNF_KEY_STATE_WALK], ", .state_offset = %zu, .state_bytes = %zu", g->walk->state_offset, g->walk->state_bytes);
    cynf_text_add(&g->key[CYNF_KEY_STATE_DECLARE], "/** What runs leave for later ones, %s_STATE_FLOATS numbers: zeros after create and reset_state. Each run goes on where the one "
        "before ended,\n * and so does each batch of run_batch. The vector means the same in every build of this model, whatever the CPU, plan and threads. */\n"
        "void %s_reset_state(%s_t *m);\nvoid %s_get_state(const %s_t *m, float *state);\nvoid %s_set_state(%s_t *m, const float *state);\n",
        g->upper, g->id, g->id, g->id, g->id, g->id, g->id);
    cynf_text_add(&g->key[CYNF_KEY_STATE_FUNCTIONS], "\nvoid %s_reset_state(%s_t *m) { cynf_instance_reset_state(m); }\nvoid %s_get_state(const %s_t *m, float *state) "
        "{ cynf_instance_get_state(m, state); }\nvoid %s_set_state(%s_t *m, const float *state) { cynf_instance_set_state(m, state); }\n",
        g->id, g->id, g->id, g->id, g->id, g->id);
    cynf_text_add(&g->key[CYNF_KEY_STATE_CDEF], "    void %s_reset_state(%s_t *m)\n    void %s_get_state(const %s_t *m, float *state)\n"
        "    void %s_set_state(%s_t *m, const float *state)\n", g->id, g->id, g->id, g->id, g->id, g->id);
    cynf_text_add(&g->key[CYNF_KEY_STATE_METHODS],
        "    def reset_state(self):\n        \"\"\"As after Model(): the next call begins anew.\"\"\"\n        with self.lock:\n            %s_reset_state(self.model)\n\n"
        "    @property\n    def state(self):\n        \"\"\"What calls leave for later ones, %zu numbers; it can be set.\"\"\"\n"
        "        v = np.empty(%zu, np.float32)\n        cdef float[::1] view = v\n        with self.lock:\n            %s_get_state(self.model, &view[0])\n        return v\n\n"
        "    @state.setter\n    def state(self, v):\n        v = np.array(v, np.float32).ravel()\n        if v.size != %zu:\n"
        "            raise ValueError(f'the state of %s has %zu numbers, not {v.size}')\n        cdef float[::1] view = v\n        with self.lock:\n"
        "            %s_set_state(self.model, &view[0])\n\n", g->id, n, n, g->id, n, g->id, n, g->id);
}

/* Nor of one whose sizes are fixed that they could change. */
static void describe_sizes(cynf_gen *g)
{
    const cynf_sizes *sizes = g->p->graph->sizes;
    if (!sizes)
        return;
    cynf_text_add(&g->key[CYNF_KEY_CONSTANTS], "#define %s_OPEN %d /* dimensions of inputs whose size resize may change */\n", g->upper, cynf_sizes_dims(sizes));
    cynf_template_add(g, "resize.h", &g->key[CYNF_KEY_RESIZE_DECLARE]);
    cynf_template_add(g, "resize.c", &g->key[CYNF_KEY_RESIZE_FUNCTIONS]);
    cynf_text_add(&g->key[CYNF_KEY_RESIZE_CDEF], "    cynf_status %s_resize(%s_t *m, const int32_t *const *shapes)\n"
        "    void %s_output_shape(const %s_t *m, int i, int32_t *shape)\n", g->id, g->id, g->id, g->id);
    cynf_text_add(&g->key[CYNF_KEY_RESIZE_CALL], "            self.resize(tuple(a.shape[1:] for a in arrays))\n");
    cynf_template_add(g, "resize.pyx", &g->key[CYNF_KEY_RESIZE_METHODS]);
}

static uint64_t hash_bytes(const void *data, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    return h;
}

void cynf_gen_describe(cynf_gen *g)
{
    const cynf_program *p = g->p;
    const bool fixed = g->o->mode == CYNF_GEN_FIXED;
    cynf_isa isa = CYNF_ISA_SCALAR;
    double flops = 0;
    for (int32_t i = 0; i < p->n_step; i++) {
        if (p->step[i].kernel->isa > isa)
            isa = p->step[i].kernel->isa;
        flops += cynf_geometry_flops(p->step[i].problem.op, &p->step[i].problem.u);
    }
    const char *isa_name = fixed ? cynf_isa_name(isa) : "any";
    cynf_text_add(&g->key[CYNF_KEY_ID], "%s", g->id);
    cynf_text_add(&g->key[CYNF_KEY_UPPER], "%s", g->upper);
    cynf_text_add(&g->key[CYNF_KEY_VERSION], "%s", CYNF_VERSION);
    cynf_text_comment(&g->key[CYNF_KEY_COMMAND], g->o->command);
    cynf_text_add(&g->key[CYNF_KEY_ISA], "%s", isa_name);
    for (const char *c = cynf_isa_name(isa); *c; c++)
        cynf_text_add(&g->key[CYNF_KEY_ISA_ENUM], "%s%c", c == cynf_isa_name(isa) ? "CYNF_ISA_" : "", toupper((unsigned char)*c));

    cynf_text *t = &g->key[CYNF_KEY_SUMMARY];
    cynf_text_add(t, "the Keras model ");
    cynf_text_comment(t, p->graph->name ? p->graph->name : "(no name)");
    cynf_text_add(t, ", %.2f million multiply-adds a run of %d sample%s, for %s", 5e-7 * flops, p->graph->batch, p->graph->batch > 1 ? "s" : "",
        fixed ? isa_name : "any CPU");
    if (p->graph->exact)
        cynf_text_add(t, "; exact: the same bits on scalar, avx2, avx512 and neon");
    unsigned types = 0;
    for (int i = 0; i < p->graph->n_in; i++)
        types |= 1u << p->graph->in[i].dtype;
    for (int i = 0; i < p->graph->n_out; i++)
        types |= 1u << p->graph->out[i].dtype;
    cynf_text_add(&g->key[CYNF_KEY_EDGE_TYPES], "%#x", types);
    cynf_text_add(&g->key[CYNF_KEY_EXACT], "%s", p->graph->exact ? "true" : "false");
    cynf_text_add(&g->key[CYNF_KEY_HASHES], "Graph %016llx, packed weights %016llx.", (unsigned long long)cynf_graph_hash(p->graph),
        (unsigned long long)hash_bytes(p->consts, (size_t)p->consts_bytes));
    cynf_text_add(&g->key[CYNF_KEY_MODE], "%s", fixed ? "Every layer is specialised for one kind of CPU; another kind is refused with CYNF_ECPU."
        : "It runs on any CPU: layouts and kernels are chosen in create, by the cost model or by a plan (option `plan`, or CYNF_PLAN) that `cynf-plan bind` wrote.");
    cynf_sources_paste(g, "include/cynf/status.h", &g->key[CYNF_KEY_ABI]);
    cynf_text_add(&g->key[CYNF_KEY_ABI], "\n");
    cynf_sources_paste(g, "include/cynf/model.h", &g->key[CYNF_KEY_ABI]);

    t = &g->key[CYNF_KEY_CONSTANTS];
    cynf_text_add(t, "#define %s_ABI_VERSION %d /* of this header; equals CYNF_MODEL_ABI_VERSION */\n", g->upper, CYNF_MODEL_ABI_VERSION);
    cynf_text_add(t, "#define %s_EXACT %d /* 1: the same bits on scalar, avx2, avx512 and neon, others on sse41 */\n", g->upper, p->graph->exact);
    cynf_text_add(t, "#define %s_BATCH %d /* samples of one run */\n#define %s_BATCH_FIXED %d /* 1: samples of a batch influence each other, or have states */\n", g->upper,
        g->walk->batch, g->upper, g->walk->batch_fixed);
    cynf_text_add(t, "#define %s_MAX_THREADS %d\n#define %s_INPUTS %d\n#define %s_OUTPUTS %d\n", g->upper, fixed ? g->walk->threads : PORTABLE_THREADS, g->upper,
        g->walk->n_in, g->upper, g->walk->n_out);
    if (fixed)
        cynf_text_add(t, "#define %s_ARENA_BYTES %zu /* intermediate results and workspace */\n#define %s_WEIGHTS_BYTES %lld\n#define %s_BYTES_1 %zu /* "
            "%s_bytes() with one thread: for a static buffer */\n", g->upper, g->walk->arena_bytes, g->upper, (long long)p->consts_bytes, g->upper,
            cynf_instance_bytes(g->walk, NULL), g->id);
    side s[2];
    get_sides(g, s);
    cynf_text_add(&g->key[CYNF_KEY_PYTHON_PORTS], "cdef enum:\n    BATCH = %d\n    BATCH_FIXED = %d\n", g->walk->batch, g->walk->batch_fixed);
    describe_state(g);
    describe_sizes(g);
    describe_info(g, s, isa_name, (size_t)p->consts_bytes);
}
