/* SPDX-License-Identifier: MIT */
/** Plans and tuning: what a plan holds after its ways through text, what wrong ones are told, what a killed tuning leaves behind. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/kernel.h"
#include "runtime/executor.h"
#include "runtime/walk_program.h"
#include "tune/calibrate.h"
#include "tune/layouts.h"
#include "tune/reference.h"
#include "tune/search.h"

static FILE *quiet; /* what diff says is tested by its count */

static cynf_tensor_id random_const(cynf_graph *g, const cynf_shape *s, uint32_t seed)
{
    const size_t n = cynf_shape_elems(s);
    float *data = malloc(n * sizeof *data);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = ((float)(seed >> 8) * 0x1p-23f - 1) * 0.1f;
    }
    const cynf_tensor_id t = cynf_g_const(g, s, data);
    free(data);
    return t;
}

/* Convolution, depthwise and pointwise convolution, a dense layer. */
static cynf_graph *small_model(void)
{
    cynf_graph *g = cynf_graph_new();
    cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {1, 12, 12, 8}}, CYNF_F32, "x");
    g->cur_name = "conv";
    x = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {3, 3, 8, 16}}, 1), CYNF_NO_TENSOR,
        &(cynf_window){.kh = 3, .kw = 3, .pad_h = CYNF_PAD_SAME, .pad_w = CYNF_PAD_SAME});
    x = cynf_g_unary(g, x, CYNF_ACT_RELU, 0, 0, 0);
    g->cur_name = "depthwise";
    x = cynf_g_dwconv2d(g, x, random_const(g, &(cynf_shape){4, {3, 3, 16, 1}}, 2), CYNF_NO_TENSOR,
        &(cynf_window){.kh = 3, .kw = 3, .pad_h = CYNF_PAD_SAME, .pad_w = CYNF_PAD_SAME});
    g->cur_name = "pointwise";
    x = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {1, 1, 16, 32}}, 3), CYNF_NO_TENSOR, &(cynf_window){.kh = 1, .kw = 1});
    x = cynf_g_reshape(g, x, &(cynf_shape){2, {1, -1}});
    g->cur_name = "dense";
    x = cynf_g_fc(g, x, random_const(g, &(cynf_shape){2, {12 * 12 * 32, 10}}, 4), CYNF_NO_TENSOR);
    cynf_g_output(g, x, CYNF_F32, "y");
    ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
    return g;
}

static cJSON *tune(const cynf_graph *g, cynf_effort effort)
{
    cynf_tune_options o = cynf_tune_default_options();
    cynf_tune_result r;
    cJSON *plan;
    char why[512];
    o.effort = effort;
    o.no_journal = true;
    ck_assert_msg(!cynf_tune(&plan, &r, g, &o, why, sizeof why), "%s", why);
    return plan;
}

static cJSON *here(cJSON *plan) { return cJSON_GetObjectItemCaseSensitive(plan, "machines")->child; }
static cJSON *section(cJSON *plan, const char *name) { return cJSON_GetObjectItemCaseSensitive(here(plan), name); }

/* ---- plans as text ---- */

START_TEST(print_parse_print)
{
    cynf_graph *g = small_model();
    cJSON *plan = tune(g, CYNF_EFFORT_MEASURE), *again;
    char why[512];
    char *a = cynf_plan_print(plan);
    ck_assert_msg(!cynf_plan_parse(&again, a, "plan", why, sizeof why), "%s", why);
    char *b = cynf_plan_print(again);
    ck_assert_str_eq(a, b);
    ck_assert_int_eq(cynf_plan_diff(plan, again, quiet), 0);
    free(a);
    free(b);
    cJSON_Delete(plan);
    cJSON_Delete(again);
    cynf_graph_free(&g);
}
END_TEST

/* Applies the edit that old -> new stands for to a good plan's text and returns what the reader says. */
static void refuse_edited(const char *text, const char *old, const char *new, const char *expected)
{
    const char *found = strstr(text, old);
    ck_assert_msg(found != NULL, "the plan holds no %s", old);
    char *edited, why[2048] = "";
    ck_assert_int_gt(asprintf(&edited, "%.*s%s%s", (int)(found - text), text, new, found + strlen(old)), 0);
    cJSON *plan;
    ck_assert_msg(cynf_plan_parse(&plan, edited, "plan", why, sizeof why) == CYNF_EPLAN_FORMAT, "%s -> %s was taken", old, new);
    ck_assert_msg(strstr(why, expected) != NULL, "expected \"%s\" in \"%s\"", expected, why);
    free(edited);
}

START_TEST(edited_plans_are_refused)
{
    cynf_graph *g = small_model();
    cJSON *plan = tune(g, CYNF_EFFORT_MEASURE);
    char *text = cynf_plan_print(plan);
    refuse_edited(text, "\"version\":\t1", "\"version\":\t2", "version: found 2, this build reads 1");
    refuse_edited(text, "cynfrence plan", "shopping list", "this is no plan");
    refuse_edited(text, "\"median_us\":\t", "\"median_us\":\t-", "median_us: expected a number above 0");
    refuse_edited(text, "\"modelled_us\":\t", "\"modelled_us\":\t\"x\", \"was\":\t", "modelled_us: expected a number of at least 0, found \"x\"");
    refuse_edited(text, "\"candidates\":\t{", "\"candidates\":\t3, \"was\":\t{", "candidates: expected an object");
    refuse_edited(text, "\"library\":\t", "\"librarian\":\t", "library: expected a string, found nothing");
    refuse_edited(text, "\"kernel\":\t\"cynf_", "\"kernel\":\t\"cynf_my_", "this build has no kernel named \"cynf_my_");
    refuse_edited(text, "threads=1\":\t{\n\t\t\t\t\t\"bound_by\"", "strings=1\":\t{\n\t\t\t\t\t\"bound_by\"", "the key is no problem");
    refuse_edited(text, "\"library\":\t", "\"library\":\t\"x\",\n\"library\":\t", "the key \"library\" stands twice");
    /* Truncated anywhere. */
    const size_t n = strlen(text);
    for (size_t cut = 0; cut < n - 2; cut += 1 + n / 97) {
        char *part = strndup(text, cut), why[512];
        cJSON *p;
        ck_assert_int_eq(cynf_plan_parse(&p, part, "plan", why, sizeof why), CYNF_EPLAN_FORMAT);
        free(part);
    }
    free(text);
    cJSON_Delete(plan);
    cynf_graph_free(&g);
}
END_TEST

START_TEST(merge_and_diff)
{
    cynf_graph *g = small_model();
    cJSON *plan = tune(g, CYNF_EFFORT_ESTIMATE), *other = cJSON_Duplicate(plan, true);
    char why[512];
    const int kernels = cJSON_GetArraySize(section(plan, "kernels"));
    /* One kernel in the second only. */
    cJSON *moved = cJSON_DetachItemViaPointer(section(plan, "kernels"), section(plan, "kernels")->child);
    ck_assert_int_eq(cynf_plan_diff(plan, other, quiet), 1);
    cJSON_Delete(moved);
    ck_assert(cynf_plan_merge(plan, other, why, sizeof why));
    ck_assert_int_eq(cJSON_GetArraySize(section(plan, "kernels")), kernels);
    ck_assert_int_eq(cynf_plan_diff(plan, other, quiet), 0);
    /* Another machine joins; the same one with another build does not. */
    cJSON *machines = cJSON_GetObjectItemCaseSensitive(other, "machines");
    cJSON_AddItemToObject(machines, "another CPU", cJSON_DetachItemViaPointer(machines, machines->child));
    ck_assert(cynf_plan_merge(plan, other, why, sizeof why));
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(plan, "machines")), 2);
    cynf_plan_put(machines->child, "library", cJSON_CreateString("0"));
    ck_assert(!cynf_plan_merge(plan, other, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "library"));
    cJSON_Delete(plan);
    cJSON_Delete(other);
    cynf_graph_free(&g);
}
END_TEST

/* ---- plans in use ---- */

static void compute(const cynf_graph *g, const cynf_build_options *o, float *y)
{
    cynf_program *p;
    cynf_executor *e;
    char why[512];
    float x[12 * 12 * 8];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = sinf((float)i);
    ck_assert_msg(!cynf_program_build(&p, g, o, why, sizeof why), "%s", why);
    ck_assert_int_eq(cynf_executor_create(&e, p, o->threads), CYNF_OK);
    ck_assert_int_eq(cynf_executor_run(e, (const void *[]){x}, (void *[]){y}), CYNF_OK);
    cynf_executor_destroy(&e);
    cynf_program_free(&p);
}

START_TEST(binding_gives_the_tuned_program)
{
    cynf_graph *g = small_model();
    cJSON *plan = tune(g, CYNF_EFFORT_MEASURE);
    char *lines = cynf_plan_bind(plan), why[512];
    cynf_binding *b;
    cynf_build_options plain = {.threads = 1}, bound = plain, narrow = plain;
    float y[3][10];
    int32_t from_plan, modelled;
    ck_assert_msg(!cynf_binding_parse(&b, lines, strlen(lines), why, sizeof why), "%s", why);
    ck_assert(cynf_binding_apply(b, g, &bound));
    compute(g, &plain, y[0]);
    compute(g, &bound, y[1]);
    cynf_binding_counts(b, &from_plan, &modelled);
    ck_assert_int_gt(from_plan, 0);
    ck_assert_int_eq(modelled, 0);
    char said[512] = "";
    cynf_binding_report(b, "plan", said, sizeof said);
    ck_assert_str_eq(said, "");
    for (int i = 0; i < 10; i++)
        ck_assert_float_eq_tol(y[0][i], y[1][i], 1e-4f);
    /* Another number of threads is another model and other problems: all is left to the cost model. */
    narrow.threads = 2;
    ck_assert(!cynf_binding_apply(b, g, &narrow));
    compute(g, &narrow, y[2]);
    cynf_binding_counts(b, &from_plan, &modelled);
    ck_assert_int_eq(from_plan, 0);
    ck_assert_int_gt(modelled, 0);
    cynf_binding_report(b, "plan", said, sizeof said);
    ck_assert_ptr_nonnull(strstr(said, "plan: no choices for this model with threads = 2 and batch = 1 (there are some with threads = 1 and batch = 1); 0 of "));
    cynf_binding_free(&b);
    free(lines);
    cJSON_Delete(plan);
    cynf_graph_free(&g);
}
END_TEST

static int64_t arena_of(const cynf_graph *g, const cynf_build_options *o, int *parts)
{
    cynf_program *p;
    char why[512];
    ck_assert_msg(!cynf_program_build(&p, g, o, why, sizeof why), "%s", why);
    const int64_t bytes = p->arena_bytes;
    *parts = 0;
    for (int32_t i = 0; i < p->n_step; i++)
        *parts += p->step[i].part;
    cynf_program_free(&p);
    return bytes;
}

/* A chain computed in bands gives the same numbers in less memory: asked for by decisions, by a plan, or because memory is scarce. */
START_TEST(bands_of_rows)
{
    cynf_graph *g = small_model();
    int16_t bands[16];
    ck_assert_int_le(g->n_node, 16);
    const cynf_decisions d = {.n_node = g->n_node, .n_tensor = g->n_t, .bands = bands};
    cynf_build_options plain = {.threads = 1}, banded = {.threads = 1, .decisions = &d}, bound = plain, scarce = plain;
    char cpu[CYNF_SIGNATURE_CAP], why[512], *text = NULL;
    cynf_binding *b;
    float y[3][10];
    int parts[4];
    size_t bytes;
    ck_assert_int_eq(cynf_program_bands(g, NULL, 0, bands), CYNF_OK); /* everything fits into a cache */
    for (int i = 0; i < g->n_node; i++)
        ck_assert_int_eq(bands[i], 0);
    ck_assert_int_eq(cynf_program_bands(g, NULL, 3, bands), CYNF_OK);
    const int64_t whole = arena_of(g, &plain, &parts[0]), less = arena_of(g, &banded, &parts[1]);
    ck_assert_int_eq(parts[0], 0);
    ck_assert_int_gt(parts[1], 4);
    ck_assert_int_lt(less, whole);
    FILE *f = open_memstream(&text, &bytes);
    fprintf(f, "%s\ncpu %s\nmodel %016llx 1 1\n", CYNF_BINDING_FIRST_LINE, cynf_cpu_fingerprint(cpu, sizeof cpu), (unsigned long long)cynf_graph_hash(g));
    for (int i = 0; i < g->n_node; i++)
        if (bands[i])
            fprintf(f, "bands %d %d\n", i, bands[i] < 0 ? 0 : bands[i]);
    fclose(f);
    ck_assert_msg(!cynf_binding_parse(&b, text, strlen(text), why, sizeof why), "%s", why);
    ck_assert(cynf_binding_apply(b, g, &bound));
    ck_assert_int_eq(arena_of(g, &bound, &parts[2]), less);
    ck_assert_int_eq(parts[2], parts[1]);
    scarce.max_arena_bytes = whole - 1;
    const int64_t least = arena_of(g, &scarce, &parts[3]);
    ck_assert_int_lt(least, whole);
    ck_assert_int_gt(parts[3], 0);
    scarce.max_arena_bytes = 64;
    cynf_program *p;
    ck_assert_int_eq(cynf_program_build(&p, g, &scarce, why, sizeof why), CYNF_ENOMEM);
    compute(g, &plain, y[0]);
    compute(g, &banded, y[1]);
    compute(g, &bound, y[2]);
    for (int i = 0; i < 10; i++) {
        ck_assert_float_eq_tol(y[0][i], y[1][i], 1e-5f);
        ck_assert_float_eq(y[1][i], y[2][i]);
    }
    cynf_binding_free(&b);
    free(text);
    /* What is tuned for so much memory needs no more where the plan is used. */
    cynf_tune_options o = cynf_tune_default_options();
    cynf_tune_result r;
    cJSON *plan;
    o.no_journal = true;
    o.max_memory = least;
    for (int effort = CYNF_EFFORT_ESTIMATE; effort <= CYNF_EFFORT_MEASURE; effort++) {
        o.effort = (cynf_effort)effort;
        ck_assert_msg(!cynf_tune(&plan, &r, g, &o, why, sizeof why), "%s", why);
        ck_assert_str_eq(why, "");
        text = cynf_plan_bind(plan);
        ck_assert_msg(!cynf_binding_parse(&b, text, strlen(text), why, sizeof why), "%s", why);
        bound = plain;
        ck_assert(cynf_binding_apply(b, g, &bound));
        ck_assert_int_le(arena_of(g, &bound, &parts[2]), least);
        ck_assert_int_gt(parts[2], 0);
        cynf_binding_free(&b);
        free(text);
        cJSON_Delete(plan);
    }
    cynf_graph_free(&g);
}
END_TEST

/* An activation and its depthwise convolution are a chain where the pointwise one behind them is too large to join, and else left to be fused with it. */
START_TEST(chains_end_before_large_products)
{
    cynf_graph *g = cynf_graph_new();
    cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {1, 24, 24, 64}}, CYNF_F32, "x");
    x = cynf_g_unary(g, x, CYNF_ACT_RELU, 0, 0, 0);
    x = cynf_g_dwconv2d(g, x, random_const(g, &(cynf_shape){4, {3, 3, 64, 1}}, 1), CYNF_NO_TENSOR,
        &(cynf_window){.kh = 3, .kw = 3, .pad_h = CYNF_PAD_SAME, .pad_w = CYNF_PAD_SAME});
    x = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {1, 1, 64, 256}}, 2), CYNF_NO_TENSOR, &(cynf_window){.kh = 1, .kw = 1});
    cynf_g_output(g, x, CYNF_F32, "y");
    ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
    for (int large = 0; large < 2; large++) {
        cynf_machine m = *cynf_machine_default();
        int16_t bands[16];
        m.cache_bytes[0] = 16 << 10;
        m.cache_bytes[1] = large ? 1 << 20 : 64 << 10;
        ck_assert_int_le(g->n_node, 16);
        ck_assert_int_eq(cynf_program_bands(g, &m, 0, bands), CYNF_OK);
        for (int i = 0; i < g->n_node; i++)
            if (!g->node[i].dead)
                ck_assert_int_eq(bands[i], large ? 0 : g->node[i].op == CYNF_N_ELTWISE ? -1 : g->node[i].op == CYNF_N_DWCONV2D ? 6 : 0);
    }
    cynf_graph_free(&g);
}
END_TEST

/* 1x1 convolutions of one tensor become one, unless their functions differ. */
START_TEST(siblings_are_merged)
{
    float y[2][12 * 12 * 24];
    for (int apart = 0; apart < 2; apart++) {
        cynf_graph *g = cynf_graph_new();
        const cynf_window one = {.kh = 1, .kw = 1}, three = {.kh = 3, .kw = 3, .pad_h = CYNF_PAD_SAME, .pad_w = CYNF_PAD_SAME};
        const cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {1, 12, 12, 8}}, CYNF_F32, "x");
        const cynf_tensor_id bias = random_const(g, &(cynf_shape){1, {16}}, 9);
        cynf_tensor_id p = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {1, 1, 8, 16}}, 1), bias, &one);
        cynf_tensor_id q = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {1, 1, 8, 32}}, 2), CYNF_NO_TENSOR, &one);
        p = cynf_g_unary(g, p, CYNF_ACT_RELU, 0, 0, 0);
        q = cynf_g_unary(g, q, apart ? CYNF_ACT_ABS : CYNF_ACT_RELU, 0, 0, 0);
        p = cynf_g_conv2d(g, p, random_const(g, &(cynf_shape){4, {3, 3, 16, 24}}, 3), CYNF_NO_TENSOR, &three);
        if (apart) /* |q| = relu(q) + relu(-q): the same numbers by another function */
            q = cynf_g_unary(g, cynf_g_binary(g, CYNF_ELT_ADD, q, cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {1, 1, 8, 32}}, 2), CYNF_NO_TENSOR, &one)), CYNF_ACT_AFFINE, 0.5f, 0, 0);
        q = cynf_g_conv2d(g, q, random_const(g, &(cynf_shape){4, {3, 3, 32, 24}}, 4), CYNF_NO_TENSOR, &three);
        cynf_g_output(g, cynf_g_binary(g, CYNF_ELT_ADD, p, q), CYNF_F32, "y");
        ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
        int pointwise = 0, slices = 0;
        for (int i = 0; i < g->n_node; i++) {
            pointwise += g->node[i].op == CYNF_N_CONV2D && g->node[i].kh == 1;
            slices += g->node[i].op == CYNF_N_SLICE;
        }
        ck_assert_int_eq(slices, apart ? 0 : 2);
        ck_assert_int_eq(pointwise, apart ? 2 : 1); /* and the same product twice is one */
        compute(g, &(cynf_build_options){.threads = 1}, y[apart]);
        cynf_graph_free(&g);
    }
    for (int i = 0; i < 12 * 12 * 24; i++)
        ck_assert_float_eq_tol(y[0][i], y[1][i], 1e-5f);
}
END_TEST

/* The activation of a concatenation is applied by the layers that compute its parts; of a part that has other readers, beside them. */
START_TEST(activations_go_before_concatenations)
{
    static float y[2][12 * 12 * 24];
    for (int before = 0; before < 2; before++) {
        cynf_graph *g = cynf_graph_new();
        const cynf_window one = {.kh = 1, .kw = 1};
        const cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {1, 12, 12, 8}}, CYNF_F32, "x");
        cynf_tensor_id part[3] = {x};
        for (uint32_t i = 1; i < 3; i++)
            part[i] = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {1, 1, 8, 16}}, i), CYNF_NO_TENSOR, &one);
        for (int i = 0; i < 3 && before; i++)
            part[i] = cynf_g_unary(g, part[i], CYNF_ACT_RELU, 0, 0, 0);
        cynf_tensor_id z = cynf_g_concat(g, part, 3, 3);
        if (!before)
            z = cynf_g_unary(g, z, CYNF_ACT_RELU, 0, 0, 0);
        cynf_g_output(g, cynf_g_conv2d(g, z, random_const(g, &(cynf_shape){4, {1, 1, 40, 24}}, 5), CYNF_NO_TENSOR, &one), CYNF_F32, "y");
        ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
        int elementwise = 0;
        for (int i = 0; i < g->n_node; i++)
            elementwise += g->node[i].op == CYNF_N_ELTWISE;
        ck_assert_int_eq(elementwise, 1); /* of x */
        compute(g, &(cynf_build_options){.threads = 1}, y[before]);
        cynf_graph_free(&g);
    }
    ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
}
END_TEST

/* A dense layer's weights are asked for by the convolutions before it, as far as a near cache reaches, each a part, where the model does not stay in it anyway. */
START_TEST(weights_are_asked_for)
{
    cynf_graph *g = cynf_graph_new();
    const cynf_window three = {.kh = 3, .kw = 3, .pad_h = CYNF_PAD_SAME, .pad_w = CYNF_PAD_SAME};
    cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {1, 12, 12, 16}}, CYNF_F32, "x");
    for (uint32_t i = 1; i < 4; i++)
        x = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {3, 3, 16, 16}}, i), CYNF_NO_TENSOR, &three);
    x = cynf_g_reduce(g, x, CYNF_REDUCE_MEAN, 1 << 1 | 1 << 2, false);
    x = cynf_g_fc(g, x, random_const(g, &(cynf_shape){2, {16, 2048}}, 4), CYNF_NO_TENSOR);
    cynf_g_output(g, cynf_g_fc(g, x, random_const(g, &(cynf_shape){2, {2048, 512}}, 5), CYNF_NO_TENSOR), CYNF_F32, "y");
    ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
    for (int large = 0; large < 2; large++) {
        cynf_machine m = *cynf_machine_default();
        m.cache_bytes[1] = large ? 64 << 20 : 768 << 10;
        cynf_program *p;
        char why[512];
        ck_assert_msg(!cynf_program_build(&p, g, &(cynf_build_options){.threads = 1, .machine = &m, .force = "conv2d_f32_direct"}, why, sizeof why), "%s", why);
        int64_t dense = 0, asked = 0, end = 0;
        for (int i = p->n_step - 1; i >= 0; i--) {
            const cynf_step *s = &p->step[i];
            if (s->problem.op == CYNF_OP_FC)
                dense = s->packed_offset;
            ck_assert(!s->next_bytes || s->problem.op == CYNF_OP_CONV2D);
            ck_assert(!s->next_bytes || s->next_offset == (end ? end : dense)); /* the nearest convolution asks for what is read first */
            end = s->next_bytes ? s->next_offset + s->next_bytes : end;
            asked += s->next_bytes;
        }
        ck_assert_int_le(asked, large ? 0 : 256 << 10);
        ck_assert(large || cynf_isa_lanes(cynf_cpu_best()) <= 4 || asked > 64 << 10);
        cynf_program_free(&p);
    }
    cynf_graph_free(&g);
}
END_TEST

/* Squeeze and excitation: 1x1 convolutions of a mean are dense layers; of an image they are not, though it have one pixel. */
START_TEST(convolutions_of_a_pixel_are_dense)
{
    for (int mean = 0; mean < 2; mean++) {
        cynf_graph *g = cynf_graph_new();
        const cynf_window one = {.kh = 1, .kw = 1}, whole = {.kh = 12, .kw = 12};
        cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {1, 12, 12, 8}}, CYNF_F32, "x");
        float tap[12 * 12 * 8 * 8] = {0}, y[8], expected[8], hidden[24];
        for (int i = 0; i < 12 * 12; i++)
            for (int c = 0; c < 8; c++)
                tap[(i * 8 + c) * 8 + c] = 1.0f / 144;
        x = mean ? cynf_g_reduce(g, x, CYNF_REDUCE_MEAN, 6, true) : cynf_g_conv2d(g, x, cynf_g_const(g, &(cynf_shape){4, {12, 12, 8, 8}}, tap), CYNF_NO_TENSOR, &whole);
        const cynf_tensor_id w0 = random_const(g, &(cynf_shape){4, {1, 1, 8, 24}}, 1), b0 = random_const(g, &(cynf_shape){1, {24}}, 2), w1 = random_const(g, &(cynf_shape){4, {1, 1, 24, 8}}, 3);
        for (int j = 0; j < 24; j++) {
            double sum = g->t[b0].data[j];
            for (int i = 0; i < 12 * 12 * 8; i++)
                sum += sin(i) / 144 * (double)g->t[w0].data[i % 8 * 24 + j];
            hidden[j] = (float)fmax(sum, 0);
        }
        for (int j = 0; j < 8; j++) {
            double sum = 0;
            for (int i = 0; i < 24; i++)
                sum += (double)hidden[i] * (double)g->t[w1].data[i * 8 + j];
            expected[j] = (float)(1 / (1 + exp(-sum)));
        }
        x = cynf_g_unary(g, cynf_g_conv2d(g, x, w0, b0, &one), CYNF_ACT_RELU, 0, 0, 0);
        x = cynf_g_unary(g, cynf_g_conv2d(g, x, w1, CYNF_NO_TENSOR, &one), CYNF_ACT_SIGMOID, 0, 0, 0);
        cynf_g_output(g, x, CYNF_F32, "y");
        ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
        int dense = 0, convolutions = 0;
        for (int i = 0; i < g->n_node; i++) {
            dense += g->node[i].op == CYNF_N_FC;
            convolutions += g->node[i].op == CYNF_N_CONV2D;
        }
        ck_assert_int_eq(dense, mean ? 2 : 0);
        ck_assert_int_eq(convolutions, mean ? 0 : 3);
        compute(g, &(cynf_build_options){.threads = 1}, y);
        for (int i = 0; i < 8; i++)
            ck_assert_float_eq_tol(y[i], expected[i], 1e-6f);
        cynf_graph_free(&g);
    }
}
END_TEST

/* Steps of a large recurrent layer are shared among threads, those of a small one or of one thread are not; the numbers are the same. */
START_TEST(steps_of_recurrent_layers_are_shared)
{
    enum { STEPS = 4, MOST = 256 };
    for (int32_t h = 32; h <= MOST; h += MOST - 32) {
        float y[2][MOST];
        for (int32_t threads = 1; threads <= 2; threads++) {
            cynf_graph *g = cynf_graph_new();
            cynf_program *p;
            char why[512];
            cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){3, {1, STEPS, 8}}, CYNF_F32, "x");
            x = cynf_g_fc(g, x, random_const(g, &(cynf_shape){2, {8, 4 * h}}, 1), CYNF_NO_TENSOR);
            x = cynf_g_rnn(g, x, &(cynf_recurrence){.kind = CYNF_RNN_LSTM, .e = {.act = CYNF_ACT_TANH}, .re = {.act = CYNF_ACT_SIGMOID},
                .u = random_const(g, &(cynf_shape){2, {h, 4 * h}}, 2), .bias = CYNF_NO_TENSOR, .state = CYNF_NO_TENSOR, .mask = CYNF_NO_TENSOR});
            cynf_g_output(g, x, CYNF_F32, "y");
            ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
            const cynf_build_options o = {.threads = threads};
            ck_assert_msg(!cynf_program_build(&p, g, &o, why, sizeof why), "%s", why);
            int stages = 0;
            for (int i = 0; i < p->n_step; i++)
                if (p->step[i].problem.op == CYNF_OP_RNN)
                    stages = cynf_kernel_stages(p->step[i].kernel, &p->step[i].problem.u);
            ck_assert_int_eq(stages, h == MOST && threads == 2 ? 1 + STEPS : 1);
            cynf_program_free(&p);
            compute(g, &o, y[threads - 1]);
            cynf_graph_free(&g);
        }
        ck_assert(!memcmp(y[0], y[1], (size_t)h * sizeof(float)));
    }
}
END_TEST

/* A recurrence computes its projection too where that is asked for and nobody else reads it. The un-tuned choice gives the bits of one thread on two. */
START_TEST(projections_are_fused)
{
    enum { STEPS = 40, F = 8, H = 64 };
    float y[4][H];
    for (int shown = 0; shown < 2; shown++) {
        cynf_graph *g = cynf_graph_new();
        cynf_program *p;
        char why[512];
        const cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){3, {1, STEPS, F}}, CYNF_F32, "x");
        const cynf_tensor_id mid = cynf_g_fc(g, x, random_const(g, &(cynf_shape){2, {F, 4 * H}}, 1), random_const(g, &(cynf_shape){1, {4 * H}}, 3));
        cynf_g_output(g, cynf_g_rnn(g, mid, &(cynf_recurrence){.kind = CYNF_RNN_LSTM, .e = {.act = CYNF_ACT_TANH}, .re = {.act = CYNF_ACT_SIGMOID},
            .u = random_const(g, &(cynf_shape){2, {H, 4 * H}}, 2), .bias = CYNF_NO_TENSOR, .state = CYNF_NO_TENSOR, .mask = CYNF_NO_TENSOR}), CYNF_F32, "y");
        if (shown)
            cynf_g_output(g, mid, CYNF_F32, "mid");
        ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
        int8_t *fuse = malloc((size_t)g->n_node);
        ck_assert_ptr_nonnull(fuse);
        const cynf_decisions d = {.n_node = g->n_node, .fuse = fuse};
        for (int i = 0; i < (shown ? 2 : 4); i++) {
            const cynf_build_options o = {.threads = 1 + i / 3, .decisions = i < 2 ? &d : NULL};
            memset(fuse, i, (size_t)g->n_node);
            ck_assert_msg(!cynf_program_build(&p, g, &o, why, sizeof why), "%s", why);
            bool fused = false;
            for (int k = 0; k < p->n_step; k++)
                fused |= cynf_step_fused(&p->step[k]);
            ck_assert(i > 1 || fused == (i && !shown));
            cynf_program_free(&p);
            if (!shown)
                compute(g, &o, y[i]);
        }
        free(fuse);
        cynf_graph_free(&g);
    }
    for (int i = 0; i < H; i++)
        ck_assert_float_eq_tol(y[0][i], y[1][i], 1e-5f);
    ck_assert(!memcmp(y[2], y[3], H * sizeof(float)));
}
END_TEST

/* The directions of a Bidirectional layer are computed at the same time, unless the second needs the first, or there is one thread. */
START_TEST(directions_of_recurrent_layers_are_paired)
{
    for (int chained = 0; chained < 2; chained++) {
        const int32_t h = chained ? 256 : 64; /* of a simple one, whose output is as wide as its input */
        float y[2][2 * 256];
        for (int32_t threads = 1; threads <= 2; threads++) {
            cynf_graph *g = cynf_graph_new();
            cynf_program *p;
            char why[512];
            const cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){3, {1, 4, 256}}, CYNF_F32, "x");
            cynf_tensor_id out[2] = {x, x};
            for (int i = 0; i < 2; i++) {
                const cynf_recurrence r = {.kind = chained ? CYNF_RNN_SIMPLE : CYNF_RNN_LSTM, .flags = CYNF_RNN_SEQUENCES | (i ? CYNF_RNN_X_REVERSE : 0), .e = {.act = CYNF_ACT_TANH},
                    .re = {.act = CYNF_ACT_SIGMOID}, .u = random_const(g, &(cynf_shape){2, {h, 256}}, 1 + (uint32_t)i), .bias = CYNF_NO_TENSOR, .state = CYNF_NO_TENSOR, .mask = CYNF_NO_TENSOR};
                out[i] = cynf_g_rnn(g, chained && i ? out[0] : x, &r);
            }
            const cynf_tensor_id both[] = {cynf_g_reduce(g, out[0], CYNF_REDUCE_SUM, 2, false), cynf_g_reduce(g, out[1], CYNF_REDUCE_SUM, 2, false)};
            cynf_g_output(g, cynf_g_concat(g, both, 2, 1), CYNF_F32, "y");
            ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
            const cynf_build_options o = {.threads = threads};
            ck_assert_msg(!cynf_program_build(&p, g, &o, why, sizeof why), "%s", why);
            int pairs = 0;
            for (int i = 0; i < p->n_step; i++)
                pairs += p->step[i].with_next;
            ck_assert_int_eq(pairs, threads == 2 && !chained);
            cynf_program_free(&p);
            compute(g, &o, y[threads - 1]);
            cynf_graph_free(&g);
        }
        ck_assert(!memcmp(y[0], y[1], 2 * (size_t)h * sizeof(float)));
    }
}
END_TEST

static void refuse_lines(const char *text, cynf_status status, const char *expected)
{
    cynf_binding *b = NULL;
    char why[512] = "";
    ck_assert_int_eq(cynf_binding_parse(&b, text, strlen(text), why, sizeof why), status);
    ck_assert_ptr_null(b);
    ck_assert_msg(strstr(why, expected) != NULL, "expected \"%s\" in \"%s\"", expected, why);
}

/* Every kernel of the program of g bound to plan is exact; returns what the binding reports. */
static void bind_exactly(const cynf_graph *g, const cJSON *plan, char *said, size_t cap)
{
    char *lines = cynf_plan_bind(plan), why[512];
    cynf_binding *b;
    cynf_program *p;
    cynf_build_options o = {.threads = 1};
    ck_assert_msg(!cynf_binding_parse(&b, lines, strlen(lines), why, sizeof why), "%s", why);
    ck_assert(cynf_binding_apply(b, g, &o));
    ck_assert_msg(!cynf_program_build(&p, g, &o, why, sizeof why), "%s", why);
    for (int32_t i = 0; i < p->n_step; i++)
        ck_assert_msg(cynf_kernel_exact(p->step[i].kernel, &p->step[i].problem.u), "%s is not exact", cynf_kernel_name(p->step[i].kernel));
    said[0] = 0;
    cynf_binding_report(b, "plan", said, cap);
    cynf_program_free(&p);
    cynf_binding_free(&b);
    free(lines);
}

/* A plan may leave a model to the caller's thread. */
START_TEST(serial_plans)
{
    cynf_graph *g = small_model();
    const cynf_build_options two = {.threads = 2};
    for (int serial = 0; serial < 2; serial++) {
        char lines[256], why[512];
        cynf_binding *b;
        cynf_program *p;
        cynf_walk *w;
        char cpu[CYNF_SIGNATURE_CAP];
        cynf_build_options o = two;
        float y[2][10];
        snprintf(lines, sizeof lines, "cynf-binding 1\ncpu %s\nmodel %016" PRIx64 " 2 1\n%s", cynf_cpu_fingerprint(cpu, sizeof cpu), cynf_graph_hash(g), serial ? "serial\n" : "");
        ck_assert_msg(!cynf_binding_parse(&b, lines, strlen(lines), why, sizeof why), "%s", why);
        ck_assert(cynf_binding_apply(b, g, &o));
        ck_assert_msg(!cynf_program_build(&p, g, &o, why, sizeof why), "%s", why);
        ck_assert_int_eq(cynf_walk_of_program(&w, p), CYNF_OK);
        int shared = 0;
        for (int i = 0; i < w->n_call; i++)
            shared += !w->call[i].serial;
        ck_assert_int_eq(shared > 0, !serial);
        cynf_walk_free(&w);
        cynf_program_free(&p);
        compute(g, &two, y[0]);
        compute(g, &o, y[1]);
        ck_assert(!memcmp(y[0], y[1], sizeof y[0]));
        cynf_binding_free(&b);
    }
    cynf_graph_free(&g);
}
END_TEST

START_TEST(exact_plans)
{
    cynf_graph *g = small_model();
    cJSON *plain = tune(g, CYNF_EFFORT_MEASURE), *again;
    g->exact = true;
    cJSON *exact = tune(g, CYNF_EFFORT_MEASURE), *estimate = tune(g, CYNF_EFFORT_ESTIMATE), *plans[] = {exact, estimate}, *entry;
    char said[1024], why[512];
    for (int i = 0; i < 2; i++) {
        bind_exactly(g, plans[i], said, sizeof said);
        ck_assert_str_eq(said, "");
        ck_assert(cJSON_IsTrue(section(plans[i], "exact")));
        ck_assert_double_gt(cJSON_GetObjectItemCaseSensitive(section(plans[i], "models")->child, "exact_cost")->valuedouble, 0);
        cJSON_ArrayForEach(entry, section(plans[i], "kernels"))
            ck_assert_double_ge(cJSON_GetObjectItemCaseSensitive(entry, "exact_cost")->valuedouble, 1);
        char *text = cynf_plan_print(plans[i]);
        ck_assert_msg(!cynf_plan_parse(&again, text, "plan", why, sizeof why), "%s", why);
        cJSON_Delete(again);
        free(text);
    }
    char *words = NULL;
    size_t bytes;
    FILE *f = open_memstream(&words, &bytes);
    cynf_plan_explain(exact, f);
    fclose(f);
    ck_assert_ptr_nonnull(strstr(words, "exact kernels alone"));
    const char *by = strstr(words, " us by "); /* what binds the first problem */
    ck_assert_ptr_nonnull(by);
    ck_assert_msg(!strncmp(by + 7, "FMA", 3) || (by[7] == 'L' && by[8] >= '1' && by[8] <= '3') || !strncmp(by + 7, "DRAM", 4), "%.20s", by);
    ck_assert_ptr_nonnull(strstr(words, "; exact costs "));
    free(words);
    /* A plan of all kernels: those that are not exact, the dense layer's of several sums among them, are not used. */
    bind_exactly(g, plain, said, sizeof said);
    if (cynf_cpu_best() != CYNF_ISA_SCALAR)
        ck_assert_msg(strstr(said, "of its kernels are not exact, as the model shall be") != NULL, "%s", said);
    ck_assert(!cynf_plan_merge(plain, exact, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "exact"));
    cJSON_Delete(plain);
    cJSON_Delete(exact);
    cJSON_Delete(estimate);
    cynf_graph_free(&g);
}
END_TEST

START_TEST(bad_lines_are_refused)
{
    char cpu[CYNF_SIGNATURE_CAP], *text;
    cynf_cpu_fingerprint(cpu, sizeof cpu);
    refuse_lines("", CYNF_EPLAN_FORMAT, "line 1: expected \"cynf-binding 1\", found nothing");
    refuse_lines("cynf-binding 2\n", CYNF_EPLAN_FORMAT, "found \"cynf-binding 2\"");
    refuse_lines("cynf-binding 1\ncpu Z80\nkernel a\tb\n", CYNF_EPLAN_CPU, "made for \"Z80\"");
    static const struct {
        const char *line, *expected;
    } bad[] = {
        {"kernel a\tcynf_none\n", "line 3: this build has no kernel named \"cynf_none\""},
        {"kernel a cynf_none\n", "found no tab"},
        {"fuse 1 1\n", "belongs behind a model line"},
        {"model 0 1 1\nfuse 1 2\n", "line 4: expected"},
        {"model 0 1 1\nblock x 2\n", "line 4: expected"},
        {"model 0 1\n", "line 3: expected"},
        {"nonsense\n", "line 3: expected"},
        {"model 0 1 1", "truncated"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_gt(asprintf(&text, "%s\ncpu %s\n%s", CYNF_BINDING_FIRST_LINE, cpu, bad[i].line), 0);
        refuse_lines(text, CYNF_EPLAN_FORMAT, bad[i].expected);
        free(text);
    }
}
END_TEST

START_TEST(graph_hash_ignores_weights_and_sees_structure)
{
    cynf_graph *a = small_model(), *b = small_model();
    for (int i = 0; i < b->n_t; i++)
        if (b->t[i].data)
            b->t[i].data[0] += 1;
    ck_assert(cynf_graph_hash(a) == cynf_graph_hash(b));
    /* The portable mode's way: the flat form keeps the numbers of nodes and tensors that plans speak of. */
    cynf_graph *c;
    void *flat;
    size_t bytes;
    char why[256];
    ck_assert_int_eq(cynf_graph_to_flat(a, &flat, &bytes), CYNF_OK);
    ck_assert_msg(!cynf_graph_from_flat(&c, flat, bytes, why, sizeof why), "%s", why);
    ck_assert(cynf_graph_hash(a) == cynf_graph_hash(c));
    cynf_graph_free(&c);
    free(flat);
    b->node[0].sh++;
    ck_assert(cynf_graph_hash(a) != cynf_graph_hash(b));
    cynf_graph_free(&a);
    cynf_graph_free(&b);
}
END_TEST

/* ---- measuring ---- */

static void spin(void *ctx, int i)
{
    const int *rounds = ctx;
    volatile float x = 1;
    for (int k = 0; k < rounds[i]; k++)
        x = x * 0.5f + 1;
}

static int prepared[4];
static void prepare(void *ctx, int i)
{
    (void)ctx;
    prepared[i]++;
}

START_TEST(races_find_the_fastest_and_keep_the_incumbent)
{
    cynf_timer t;
    cynf_contestant c[4];
    cynf_timer_init(&t);
    ck_assert_int_eq(cynf_race(&t, 4, spin, prepare, (int[]){20000, 40000, 10000, 15000}, CYNF_RACE_SAMPLES, INFINITY, c), 2);
    ck_assert(cynf_beats(&c[2], &c[0]));
    ck_assert(!cynf_beats(&c[0], &c[2]));
    for (int i = 0; i < 4; i++)
        ck_assert_int_ge(prepared[i], c[i].n); /* before every sample */
    ck_assert_int_lt(prepared[1], prepared[2]); /* and not for those who left */
    ck_assert_int_eq(cynf_race(&t, 3, spin, NULL, (int[]){10000, 10020, 9980}, CYNF_RACE_SAMPLES, INFINITY, c), 0);
}
END_TEST

/* Six convolutions in a row, in two layouts: which of them is the faster changes in the middle, or for one layer alone. */
START_TEST(layouts_are_mixed)
{
    enum { LAYERS = 6 };
    static const double seconds[2][2][LAYERS] = {{{1, 1, 1, 9, 9, 9}, {9, 9, 20, 1, 1, 1}}, {{1, 1, 1.5, 1, 1, 1}, {4, 4, 1, 4, 4, 4}}};
    static const double gains[2] = {16, 0}, mixed[2][LAYERS] = {{0, 0, 0, 4, 4, 0}, {0, 0, 0, 0, 0, 0}};
    cynf_graph *g = cynf_graph_new();
    cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {1, 8, 8, 16}}, CYNF_F32, "x");
    for (uint32_t i = 0; i < LAYERS; i++)
        x = cynf_g_conv2d(g, x, random_const(g, &(cynf_shape){4, {3, 3, 16, 16}}, i), CYNF_NO_TENSOR, &(cynf_window){.kh = 3, .kw = 3, .pad_h = CYNF_PAD_SAME, .pad_w = CYNF_PAD_SAME});
    cynf_g_output(g, x, CYNF_F32, "y");
    ck_assert_msg(!g->status && !cynf_graph_optimise(g), "%s", g->error);
    ck_assert_int_eq(g->n_node, LAYERS);
    int16_t plain[64] = {0}, blocks[64], block[64];
    int8_t like[LAYERS];
    char why[512];
    cynf_program *p[2];
    for (int t = 0; t < g->n_t; t++)
        blocks[t] = 4;
    for (int i = 0; i < 2; i++)
        ck_assert_msg(!cynf_program_build(&p[i], g, &(cynf_build_options){.threads = 1, .decisions = &(cynf_decisions){.n_tensor = g->n_t, .block = i ? blocks : plain}},
            why, sizeof why), "%s", why);
    ck_assert_int_eq(p[0]->n_step, LAYERS);
    ck_assert_int_eq(p[1]->n_step, LAYERS);
    ck_assert_int_eq(p[1]->block[g->node[0].out], 4);
    ck_assert_int_eq(p[1]->block[x], 0); /* an output is as the model says */
    for (int k = 0; k < 2; k++) {
        const cynf_timed_program timed[2] = {{p[0], seconds[k][0]}, {p[1], seconds[k][1]}};
        ck_assert_double_eq_tol(cynf_mix_layouts(g, timed, 2, block, like), gains[k], 1e-9);
        for (int i = 0; i < LAYERS; i++) {
            ck_assert_int_eq(block[g->node[i].out], (int)mixed[k][i]);
            if (!k && (i < 2 || i > 3))
                ck_assert_int_eq(like[i], i > 3);
        }
    }
    for (int i = 0; i < 2; i++)
        cynf_program_free(&p[i]);
    cynf_graph_free(&g);
}
END_TEST

START_TEST(reference_sees_errors)
{
    cynf_problem p = {.op = CYNF_OP_CONV2D,
        .u.conv2d = {.n = 1, .h = 6, .w = 6, .ic = 3, .oh = 6, .ow = 6, .oc = 4, .kh = 3, .kw = 3, .sh = 1, .sw = 1, .dh = 1, .dw = 1, .pt = 1, .pl = 1,
            .groups = 1, .x = {108, 18, 3, 0, 3}, .y = {144, 24, 4, 0, 4}, .e = {.act = CYNF_ACT_RELU}}};
    float x[108], w[108], bias[4] = {0, 1, 2, 3}, y[144];
    for (int i = 0; i < 108; i++) {
        x[i] = sinf((float)i);
        w[i] = cosf((float)i);
    }
    ck_assert(cynf_reference_problem(&p));
    ck_assert_int_eq(p.u.conv2d.e.act, CYNF_ACT_LINEAR);
    const cynf_weights raw = {.w = w, .bias = bias};
    const cynf_kernel *k = cynf_auto(p.op, &p.u, NULL);
    ck_assert_ptr_nonnull(k);
    void *packed = aligned_alloc(64, (cynf_kernel_packed_bytes(k, &p.u) + 64) / 64 * 64);
    void *workspace = aligned_alloc(64, (cynf_kernel_workspace_bytes(k, &p.u, 1) + 64) / 64 * 64);
    cynf_kernel_pack(k, &p.u, &raw, packed);
    for (int s = 0; s < cynf_kernel_stages(k, &p.u); s++)
        cynf_kernel_run(k, &p.u, s, &(cynf_args){.x = {x}, .packed = packed, .y = y, .workspace = workspace}, 0, 0, cynf_kernel_units(k, &p.u, s));
    ck_assert_double_lt(cynf_reference_error(&p, &raw, x, y), 1e-5);
    y[143] += 1;
    ck_assert_double_gt(cynf_reference_error(&p, &raw, x, y), 1e-3);
    y[143] = NAN;
    ck_assert_double_infinite(cynf_reference_error(&p, &raw, x, y));
    free(packed);
    free(workspace);
}
END_TEST

static char journal_path[] = "/tmp/cynf-journal-XXXXXX";

/* Half of the problems measured: the process dies as by a power cut. */
static void die_half_way(void *ctx, double fraction, const char *what)
{
    (void)ctx;
    (void)what;
    if (fraction > 0.4)
        kill(getpid(), SIGKILL);
}

START_TEST(killed_tuning_goes_on)
{
    cynf_graph *g = small_model();
    cynf_tune_options o = cynf_tune_default_options();
    cynf_tune_result r;
    cJSON *plan;
    char why[512], line[1 << 16];
    const int fd = mkstemp(journal_path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    o.journal = journal_path;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
        o.progress = die_half_way;
        cynf_tune(&plan, &r, g, &o, why, sizeof why);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    /* What it had measured, plus half a line as of a disk that was full. */
    FILE *f = fopen(journal_path, "r+");
    cJSON *measured = cJSON_CreateObject();
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f)) {
        char *tab = strchr(line, '\t');
        ck_assert_ptr_nonnull(tab);
        *tab = 0;
        cJSON_AddItemToObject(measured, line, cJSON_Parse(tab + 1));
    }
    const int n = cJSON_GetArraySize(measured);
    ck_assert_int_gt(n, 0);
    fputs("conv2d n=1\t{\"kern", f);
    fclose(f);
    o.resume = true;
    ck_assert_msg(!cynf_tune(&plan, &r, g, &o, why, sizeof why), "%s", why);
    ck_assert_int_eq(r.resumed, n);
    ck_assert_int_gt(r.problems, n);
    ck_assert_int_eq(cJSON_GetArraySize(section(plan, "kernels")), r.problems);
    const cJSON *e;
    cJSON_ArrayForEach(e, measured)
        ck_assert(cJSON_Compare(e, cJSON_GetObjectItemCaseSensitive(section(plan, "kernels"), e->string), true));
    ck_assert_int_ne(access(journal_path, F_OK), 0);
    cJSON_Delete(measured);
    cJSON_Delete(plan);
    cynf_graph_free(&g);
}
END_TEST

START_TEST(tuned_is_not_slower_and_repeats)
{
    cynf_graph *g = small_model();
    cynf_tune_options o = cynf_tune_default_options();
    cynf_tune_result r;
    cJSON *plan;
    char why[512];
    o.no_journal = true;
    ck_assert_msg(!cynf_tune(&plan, &r, g, &o, why, sizeof why), "%s", why);
    ck_assert_double_gt(r.tuned_seconds, 0);
    ck_assert_double_le(r.tuned_seconds, 1.05 * r.default_seconds);
    cJSON_Delete(plan);
    cynf_graph_free(&g);
}
END_TEST

/* What an algorithm takes at best is no more than what its cost model says; that of fewer products is less than the operation's, where the transforms are small. */
START_TEST(limits_of_algorithms)
{
    const cynf_problem problem[] = {
        {CYNF_OP_CONV2D, {.conv2d = {.n = 1, .h = 56, .w = 56, .ic = 64, .oh = 56, .ow = 56, .oc = 64, .kh = 3, .kw = 3, .sh = 1, .sw = 1, .dh = 1, .dw = 1, .pt = 1,
                                        .pl = 1, .groups = 1, .x = {56 * 56 * 64, 56 * 64, 64, 0, 64}, .y = {56 * 56 * 64, 56 * 64, 64, 0, 64}}}},
        {CYNF_OP_CONV2D, {.conv2d = {.n = 1, .h = 32, .w = 32, .ic = 32, .oh = 32, .ow = 32, .oc = 32, .kh = 7, .kw = 7, .sh = 1, .sw = 1, .dh = 1, .dw = 1, .pt = 3,
                                        .pl = 3, .groups = 1, .x = {32 * 32 * 32, 32 * 32, 32, 0, 32}, .y = {32 * 32 * 32, 32 * 32, 32, 0, 32}}}},
        {CYNF_OP_CONV2D, {.conv2d = {.n = 1, .h = 28, .w = 28, .ic = 512, .oh = 28, .ow = 28, .oc = 512, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1,
                                        .groups = 1, .x = {28 * 28 * 512, 28 * 512, 512, 0, 512}, .y = {28 * 28 * 512, 28 * 512, 512, 0, 512}}}},
        {CYNF_OP_DWCONV2D, {.dwconv2d = {.n = 1, .h = 28, .w = 28, .c = 128, .mult = 1, .oh = 28, .ow = 28, .kh = 31, .kw = 31, .sh = 1, .sw = 1, .dh = 1, .dw = 1,
                                            .pt = 15, .pl = 15, .x = {28 * 28 * 128, 28 * 128, 128, 0, 128}, .y = {28 * 28 * 128, 28 * 128, 128, 0, 128}}}},
        {CYNF_OP_FC, {.fc = {.m = 256, .k = 512, .n = 512, .x_rs = 512, .y_rs = 512}}}};
    static const char *const least[] = {"winograd43", "fft", "strassen", "fft", "strassen"};
    const cynf_machine *const m = cynf_machine_default();
    for (size_t i = 0; i < sizeof problem / sizeof *problem; i++) {
        const cynf_problem *const p = &problem[i];
        const cynf_kernel *k[512];
        const char *why = "";
        ck_assert_msg(cynf_geometry_valid(p->op, &p->u, &why), "%s", why);
        const size_t n = cynf_candidates(p->op, &p->u, m, k, 512);
        double best = INFINITY, plain = 0;
        for (size_t j = 0; j < n; j++) {
            const double limit = cynf_kernel_limit(k[j], p, m, 1);
            ck_assert_msg(limit > 0 && limit < cynf_kernel_cost(k[j], &p->u, m), "%s: limit %g, cost %g", k[j]->name, limit, cynf_kernel_cost(k[j], &p->u, m));
            ck_assert_double_eq_tol(cynf_kernel_limit(k[j], p, m, 2), limit / 2, 0.01 * limit);
            if (!k[j]->algo->limit)
                plain = limit;
            else if (!strcmp(k[j]->algo->name, least[i]))
                best = fmin(best, limit);
        }
        ck_assert_msg(best < plain, "%g of %s, %g of plain products", best, least[i], plain);
    }
}
END_TEST

START_TEST(limits_are_kept)
{
    cynf_graph *g = small_model();
    cynf_tune_options o = cynf_tune_default_options();
    cynf_tune_result r;
    cJSON *plan;
    const cJSON *e, *c;
    char why[512] = "";
    o.no_journal = true;
    /* No kernel is exact: the most exact one is taken, all others say why they are not. */
    o.max_error = 0;
    ck_assert_msg(!cynf_tune(&plan, &r, g, &o, why, sizeof why), "%s", why);
    cJSON_ArrayForEach(e, section(plan, "kernels"))
    {
        int raced = 0;
        cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(e, "candidates"))
            raced += cJSON_HasObjectItem(c, "median_us");
        ck_assert_int_eq(raced, 1);
    }
    cJSON_Delete(plan);
    o.max_error = 1e-5;
    o.time_limit = 1e-3; /* passes while calibrating */
    ck_assert_msg(!cynf_tune(&plan, &r, g, &o, why, sizeof why), "%s", why);
    cJSON_ArrayForEach(e, section(plan, "kernels"))
        cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(e, "candidates"))
            ck_assert(!cJSON_HasObjectItem(c, "median_us"));
    cJSON_Delete(plan);
    o.time_limit = 0;
    o.max_memory = 64; /* less than one activation */
    ck_assert_int_eq(cynf_tune(&plan, &r, g, &o, why, sizeof why), CYNF_ENOMEM);
    ck_assert_str_ne(why, "");
    cynf_graph_free(&g);
}
END_TEST

int main(void)
{
    quiet = fopen("/dev/null", "w");
    if (!quiet)
        return 1;
    Suite *suite = suite_create("plan");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, print_parse_print);
    tcase_add_test(cases, edited_plans_are_refused);
    tcase_add_test(cases, merge_and_diff);
    tcase_add_test(cases, binding_gives_the_tuned_program);
    tcase_add_test(cases, bands_of_rows);
    tcase_add_test(cases, chains_end_before_large_products);
    tcase_add_test(cases, siblings_are_merged);
    tcase_add_test(cases, activations_go_before_concatenations);
    tcase_add_test(cases, weights_are_asked_for);
    tcase_add_test(cases, convolutions_of_a_pixel_are_dense);
    tcase_add_test(cases, steps_of_recurrent_layers_are_shared);
    tcase_add_test(cases, projections_are_fused);
    tcase_add_test(cases, directions_of_recurrent_layers_are_paired);
    tcase_add_test(cases, serial_plans);
    tcase_add_test(cases, exact_plans);
    tcase_add_test(cases, bad_lines_are_refused);
    tcase_add_test(cases, graph_hash_ignores_weights_and_sees_structure);
    tcase_add_test(cases, races_find_the_fastest_and_keep_the_incumbent);
    tcase_add_test(cases, layouts_are_mixed);
    tcase_add_test(cases, reference_sees_errors);
    tcase_add_test(cases, killed_tuning_goes_on);
    tcase_add_test(cases, tuned_is_not_slower_and_repeats);
    tcase_add_test(cases, limits_of_algorithms);
    tcase_add_test(cases, limits_are_kept);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    fclose(quiet);
    return failed != 0;
}
