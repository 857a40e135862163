/* SPDX-License-Identifier: MIT */
/** One function a layer, with the geometry as literals; the table of calls. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/generate_internal.h"
#include "kernels/geometry.h"
#include "kernels/nd_layout.h"

/*
 * Functions in one translation unit: enough that headers weigh little, few enough that `make -j` has something to share out. Up to twice as many, as an algorithm in two
 * units is expanded twice.
 */
#define FUNCTIONS_PER_UNIT 16

/* 1.5f, 3.0f, 1e-05f; nine digits name a float exactly. */
static void add_float(cynf_text *t, float v)
{
    char s[32];
    snprintf(s, sizeof s, "%.9g", (double)v);
    if (isnan(v))
        cynf_text_add(t, "__builtin_nanf(\"\")");
    else if (isinf(v))
        cynf_text_add(t, "%s__builtin_inff()", v < 0 ? "-" : "");
    else
        cynf_text_add(t, "%s%sf", s, strpbrk(s, ".e") ? "" : ".0");
}

static void add_geometry(cynf_text *t, const cynf_problem *p)
{
    const char *comma = "";
    int column = 0;
    for (const cynf_field *f = cynf_geometry_fields(p->op); f->name; f++) {
        const char *at = (const char *)&p->u + f->offset;
        int32_t v;
        memcpy(&v, at, sizeof v);
        if (!v)
            continue;
        const size_t before = t->n;
        cynf_text_add(t, "%s.%s = ", comma, f->name);
        if (f->is_float) {
            float x;
            memcpy(&x, at, sizeof x);
            add_float(t, x);
        } else {
            cynf_text_add(t, "%d", v);
        }
        column += (int)(t->n - before);
        comma = ", ";
        if (column > 110) {
            comma = ",\n        ";
            column = 0;
        }
    }
}

static void add_numbers(cynf_text *t, const int32_t *v, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        cynf_text_add(t, "%s%d", i ? ", " : "{", v[i]);
    cynf_text_add(t, "}");
}

static void add_space(cynf_text *t, const cynf_nd *nd)
{
    cynf_text_add(t, "{.rank = %d, .dims = ", nd->rank);
    add_numbers(t, nd->dims, nd->rank);
    cynf_text_add(t, ", .s = {");
    for (int k = 0; k < CYNF_ND_OPERANDS; k++) {
        cynf_text_add(t, "%s", k ? ", " : "");
        add_numbers(t, nd->s[k], nd->rank);
    }
    cynf_text_add(t, "}, .h = %d, .w = %d, .down = %d, .across = %d}", nd->h, nd->w, nd->down, nd->across);
}

static bool same(const cynf_step *a, const cynf_step *b)
{
    return a->kernel == b->kernel && a->custom == b->custom && !a->next_bytes == !b->next_bytes && !memcmp(&a->problem.u, &b->problem.u, cynf_geometry_bytes(a->problem.op));
}

/* The first step with the same kernel and geometry: equal layers share a function. */
static int32_t first_alike(const cynf_program *p, int32_t i)
{
    int32_t j = 0;
    while (!same(&p->step[j], &p->step[i]))
        j++;
    return j;
}

static const char *step_name(const cynf_step *s)
{
    return s->name ? s->name : "(no name)";
}

static void add_function(cynf_gen *g, cynf_text *t, int32_t i)
{
    const cynf_step *s = &g->p->step[i];
    const cynf_kernel *k = s->kernel;
    const char *op = cynf_op_name(s->problem.op);
    cynf_text_add(t, "\n/* ");
    cynf_text_comment(t, step_name(s));
    cynf_text_add(t, ": %s, %.3f million operations */\n", k->name, 1e-6 * cynf_geometry_flops(s->problem.op, &s->problem.u));
    cynf_text_add(t, "void %s_layer_%d(const void *geometry, int stage, const cynf_args *a, int thread, size_t begin, size_t end)\n{\n", g->id, i);
    cynf_text_add(t, "    static const cynf_%s g = {", op);
    add_geometry(t, &s->problem);
    cynf_text_add(t, "};\n");
    cynf_nd space[CYNF_SPACES_MAX];
    const int spaces = k->algo->spaces ? k->algo->spaces(&s->problem.u, k->tile, space) : 0;
    for (int j = 0; j < spaces; j++) {
        cynf_text_add(t, "%s", j ? ",\n        " : "    static const cynf_nd nd[] = {");
        add_space(t, &space[j]);
    }
    cynf_text_add(t, "%s    (void)geometry;\n    %s_%s%s, (cynf_tile){%d, %d, %d}, stage, a, thread, begin, end);\n}\n", spaces ? "};\n" : "", op, k->algo->name,
        spaces ? "_in(&g, nd" : s->next_bytes ? "_asking(&g" : "(&g", k->tile.v, k->tile.mr, k->tile.nv);
}

/* Bit a: the problem has activation a. */
static uint64_t activations(const cynf_problem *p)
{
    uint64_t set = 0;
    for (const cynf_field *f = cynf_geometry_fields(p->op); f->name; f++) {
        const char *last = strrchr(f->name, '.');
        if (last && !strcmp(last, ".act"))
            set |= UINT64_C(1) << *(const int32_t *)((const char *)&p->u + f->offset);
    }
    return set;
}

/* The list of the names in set: what the kernels have code for. */
static void add_used(cynf_text *t, const char *what, uint64_t set, const char *const *names)
{
    if (!set)
        return;
    cynf_text_add(t, "#define CYNF_%s_USED(X)", what);
    for (int i = 0; set >> i; i++)
        if (set >> i & 1)
            cynf_text_add(t, " X(%s)", names[i]);
    cynf_text_add(t, "\n");
}

static void begin_unit(cynf_gen *g, cynf_text *t, cynf_isa isa, const int32_t *step, int32_t n)
{
    const char *name = cynf_isa_name(isa);
    char path[64];
    snprintf(path, sizeof path, "arch/%s/simd.h", name);
    cynf_sources_need(g, path);
    cynf_text_add(t, "/* SPDX-License-Identifier: MIT */\n/* Layers of %s that run on %s; made by cynf-gen %s, DO NOT EDIT. */\n", g->id, name, g->key[CYNF_KEY_VERSION].s);
    cynf_text_add(t, "#define CYNF_LITERAL 1\n");
    if (isa == CYNF_ISA_SCALAR && g->p->step[step[0]].kernel->fma)
        cynf_text_add(t, "#define CYNF_FMA\n");
    uint64_t acts = UINT64_C(1) << CYNF_ACT_LINEAR, elts = 0, reduces = 0;
    for (int32_t i = 0; i < n; i++) {
        const cynf_problem *p = &g->p->step[step[i]].problem;
        acts |= activations(p);
        elts |= p->op == CYNF_OP_ELTWISE ? UINT64_C(1) << p->u.eltwise.kind : 0;
        reduces |= p->op == CYNF_OP_REDUCE ? UINT64_C(1) << p->u.reduce.kind : 0;
    }
#define X(name, formula) #name,
    add_used(t, "ACT", acts, (const char *const[]){CYNF_ACT_LIST(X)});
#undef X
#define X(name) #name,
    add_used(t, "ELT", elts, (const char *const[]){CYNF_ELT_LIST(X)});
    add_used(t, "REDUCE", reduces, (const char *const[]){CYNF_REDUCE_LIST(X)});
#undef X
    cynf_text_add(t, "#include \"%s\"\n\n", path);
    for (int32_t i = 0; i < n; i++) { /* those of an algorithm stand together */
        const cynf_algo *algo = g->p->step[step[i]].kernel->algo;
        if (i && g->p->step[step[i - 1]].kernel->algo == algo)
            continue;
        cynf_sources_need(g, algo->header);
        cynf_text_add(t, "#include \"%s\"\n", algo->header);
    }
    cynf_text_add(t, "\n#include \"%s_layers.h\"\n", g->id);
}

static void write_unit(cynf_gen *g, cynf_isa isa, const int32_t *step, int32_t n)
{
    cynf_text t = {0};
    begin_unit(g, &t, isa, step, n);
    for (int32_t i = 0; i < n; i++)
        add_function(g, &t, step[i]);
    char path[128];
    snprintf(path, sizeof path, "%s_layers%d.c", g->id, g->n_unit);
    if (t.failed)
        cynf_gen_fail(g, CYNF_ENOMEM, "out of memory while writing %s", path);
    cynf_folder_write(g, path, t.s, t.n);
    cynf_text_free(&t);
    g->unit[g->n_unit++] = (cynf_gen_unit){isa, n};
}

static void add_ref(cynf_text *t, const cynf_ref *r)
{
    static const char *const spaces[] = {[CYNF_IN_ARENA] = "ARENA", [CYNF_IN_INPUT] = "INPUT", [CYNF_IN_OUTPUT] = "OUTPUT", [CYNF_IN_CONST] = "CONST"};
    cynf_text_add(t, "{CYNF_IN_%s, %d, %lld}", spaces[r->space], r->index, (long long)r->offset);
}

static void add_call(cynf_gen *g, int32_t i)
{
    cynf_text *t = &g->key[CYNF_KEY_TABLE];
    const cynf_call *c = &g->walk->call[i];
    const cynf_step *s = &g->p->step[i];
    cynf_text_add(t, "    {.run = %s_%s_%d, .in = {", g->id, s->custom ? "custom" : "layer", s->custom ? g->p->graph->node[s->node].kind : first_alike(g->p, i));
    for (int32_t j = 0; j < c->n_in; j++) {
        cynf_text_add(t, "%s", j ? ", " : "");
        add_ref(t, &c->in[j]);
    }
    cynf_text_add(t, "}, .out = ");
    add_ref(t, &c->out);
    const int32_t listed = c->stages < CYNF_LISTED_STAGES ? c->stages : CYNF_LISTED_STAGES;
    cynf_text_add(t, ", .n_in = %d, .stages = %d, .units = {", c->n_in, c->stages);
    for (int32_t j = 0; j < listed; j++)
        cynf_text_add(t, "%s%zu", j ? ", " : "", c->units[j]);
    cynf_text_add(t, "}, .span = {");
    for (int32_t j = 0; j < listed; j++)
        cynf_text_add(t, "%s%zu", j ? ", " : "", c->span[j]);
    cynf_text_add(t, "}, .packed_offset = %lld, .workspace_offset = %lld, ", (long long)c->packed_offset, (long long)c->workspace_offset);
    if (c->next_bytes)
        cynf_text_add(t, ".next_offset = %lld, .next_bytes = %lld, ", (long long)c->next_offset, (long long)c->next_bytes);
    cynf_text_add(t, ".serial = %s%s}, /* ", c->serial ? "true" : "false", c->with_next ? ", .with_next = true" : "");
    cynf_text_comment(t, step_name(&g->p->step[i]));
    cynf_text_add(t, " */\n");
}

/* For the heading of ID.c: what each layer costs. */
static void add_row(cynf_gen *g, int32_t i)
{
    cynf_text *t = &g->key[CYNF_KEY_LAYERS];
    const cynf_step *s = &g->p->step[i];
    size_t weights[4], bytes = 0, moved = cynf_geometry_extent(s->problem.op, &s->problem.u, -1) * sizeof(float);
    cynf_geometry_weights(s->problem.op, &s->problem.u, weights);
    for (int j = 0; j < 4; j++)
        bytes += weights[j] * sizeof(float);
    for (int j = 0; j < s->n_in; j++)
        moved += cynf_geometry_extent(s->problem.op, &s->problem.u, j) * sizeof(float);
    cynf_text_add(t, " * %12.0f %10zu %10zu  %-44s ", cynf_geometry_flops(s->problem.op, &s->problem.u) / 2, bytes, moved, s->kernel->name);
    cynf_text_comment(t, step_name(s));
    cynf_text_add(t, "\n");
}

/* Brings the steps of an algorithm together, as every unit pays for the headers that it includes. */
static void group(const cynf_program *p, int32_t *step, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = i + 1, end = i + 1; j < n; j++)
            if (p->step[step[j]].kernel->algo == p->step[step[i]].kernel->algo) {
                const int32_t own = step[j];
                memmove(step + end + 1, step + end, (size_t)(j - end) * sizeof *step);
                step[end++] = own;
            }
}

/* Where the unit that begins at step[i] ends. */
static int32_t unit_end(const cynf_program *p, const int32_t *step, int32_t i, int32_t n, int32_t per_unit)
{
    int32_t end = n - i < per_unit ? n : i + per_unit;
    while (end < n && end - i < 2 * per_unit && p->step[step[end]].kernel->algo == p->step[step[end - 1]].kernel->algo)
        end++;
    return end;
}

void cynf_gen_layers(cynf_gen *g)
{
    const cynf_program *p = g->p;
    int32_t *step = malloc((size_t)(p->n_step + 1) * sizeof *step);
    if (!step) {
        cynf_gen_fail(g, CYNF_ENOMEM, "out of memory");
        return;
    }
    const int32_t per_unit = p->n_step / CYNF_GEN_MAX_UNITS * 2 > FUNCTIONS_PER_UNIT ? p->n_step / CYNF_GEN_MAX_UNITS * 2 : FUNCTIONS_PER_UNIT;
    for (int isa = 0; isa < CYNF_ISA_COUNT; isa++) {
        int32_t n = 0;
        for (int32_t i = 0; i < p->n_step; i++)
            if ((int)p->step[i].kernel->isa == isa && !p->step[i].custom && first_alike(p, i) == i) {
                cynf_text_add(&g->key[CYNF_KEY_DECLARE], "cynf_run_fn %s_layer_%d;\n", g->id, i);
                step[n++] = i;
            }
        group(p, step, n);
        for (int32_t i = 0, end; i < n; i = end) {
            end = unit_end(p, step, i, n, per_unit);
            write_unit(g, (cynf_isa)isa, step + i, end - i);
        }
    }
    free(step);
    for (int32_t i = 0; i < p->n_step; i++) {
        add_call(g, i);
        add_row(g, i);
    }
}
