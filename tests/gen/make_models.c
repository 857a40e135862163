/* SPDX-License-Identifier: MIT */
/**
 * gen-models FOLDER: small models built by hand, generated in both modes as FOLDER/<name>_fixed and FOLDER/<name>_portable. They need no
 * reader of Keras files, so that the generator can be tested alone: types other than float32, several inputs and outputs, batches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/generate.h"

static float *numbers(size_t n)
{
    static uint64_t seed = 7;
    float *v = malloc(n * sizeof *v);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        v[i] = ((float)(uint32_t)(seed >> 40) * 0x1p-23f - 1) / 4;
    }
    return v;
}

static cynf_tensor_id constant(cynf_graph *g, cynf_shape s)
{
    float *v = numbers(cynf_shape_elems(&s));
    const cynf_tensor_id t = cynf_g_const(g, &s, v);
    free(v);
    return t;
}

static cynf_tensor_id conv(cynf_graph *g, cynf_tensor_id x, int32_t k, int32_t ic, int32_t oc)
{
    return cynf_g_conv2d(g, x, constant(g, (cynf_shape){4, {k, k, ic, oc}}), constant(g, (cynf_shape){1, {oc}}),
        &(cynf_window){.kh = k, .kw = k, .pad_h = CYNF_PAD_SAME, .pad_w = CYNF_PAD_SAME});
}

/* A bytes image through two convolutions, the second twice with the same geometry, to an output of doubles and one of floats. */
static void image(cynf_graph *g)
{
    cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {g->batch, 12, 10, 3}}, CYNF_U8, "pixels");
    x = conv(g, x, 3, 3, 16);
    x = cynf_g_unary(g, conv(g, x, 3, 16, 16), CYNF_ACT_RELU, 0, 0, 0);
    x = cynf_g_unary(g, conv(g, x, 3, 16, 16), CYNF_ACT_RELU, 0, 0, 0);
    cynf_g_output(g, x, CYNF_F64, "features \"of\" */ the image");
    cynf_g_output(g, conv(g, x, 3, 16, 5), CYNF_F32, "map");
}

/* Two inputs, of floats and of halves, that change places. */
static void swap(cynf_graph *g)
{
    const cynf_tensor_id a = cynf_g_input(g, &(cynf_shape){3, {g->batch, 5, 7}}, CYNF_F32, "a");
    const cynf_tensor_id b = cynf_g_input(g, &(cynf_shape){3, {g->batch, 6, 2}}, CYNF_F16, "b");
    cynf_g_output(g, cynf_g_transpose(g, b, (const int32_t[]){0, 2, 1}), CYNF_F16, "b transposed");
    cynf_g_output(g, cynf_g_transpose(g, a, (const int32_t[]){0, 2, 1}), CYNF_F32, "a transposed");
}

/* What has come so far, summed up, and twice that. */
static void sum(cynf_graph *g)
{
    const cynf_shape s = {2, {g->batch, 5}};
    const cynf_tensor_id x = cynf_g_input(g, &s, CYNF_F32, "x"), y = cynf_g_binary(g, CYNF_ELT_ADD, x, cynf_g_state(g, &s, "sum"));
    cynf_g_keep(g, "sum", y);
    cynf_g_output(g, y, CYNF_F32, "sum");
    cynf_g_output(g, cynf_g_unary(g, y, CYNF_ACT_AFFINE, 2, 0, 0), CYNF_F32, "twice");
}

/* A convolution that asks for the weights of the dense layers behind it, as if the second-level cache did not hold the model. */
static void head(cynf_graph *g)
{
    cynf_tensor_id x = cynf_g_input(g, &(cynf_shape){4, {g->batch, 12, 10, 16}}, CYNF_F32, "x");
    x = cynf_g_reduce(g, conv(g, x, 3, 16, 64), CYNF_REDUCE_MEAN, 1 << 1 | 1 << 2, false);
    x = cynf_g_unary(g, cynf_g_fc(g, x, constant(g, (cynf_shape){2, {64, 256}}), constant(g, (cynf_shape){1, {256}})), CYNF_ACT_RELU, 0, 0, 0);
    cynf_g_output(g, cynf_g_fc(g, x, constant(g, (cynf_shape){2, {256, 10}}), CYNF_NO_TENSOR), CYNF_F32, "y");
}

static int make(const char *folder, const char *name, void build(cynf_graph *), int32_t batch, int32_t threads, bool mixed)
{
    char text[512] = "", out[512], command[600];
    int failed = 0;
    cynf_graph *g = cynf_graph_new();
    g->batch = batch;
    g->batch_mixed = mixed;
    build(g);
    cynf_machine machine = *cynf_machine_default();
    machine.cache_bytes[1] = build == head ? 48 << 10 : machine.cache_bytes[1];
    cynf_status s = cynf_graph_optimise(g);
    for (int mode = 0; s == CYNF_OK && mode < 2; mode++) {
        cynf_program *p = NULL;
        snprintf(out, sizeof out, "%s/%s_%s", folder, name, mode ? "portable" : "fixed");
        snprintf(command, sizeof command, "gen-models %s", folder);
        s = cynf_program_build(&p, g, &(cynf_build_options){.threads = threads, .machine = &machine, .force = build == head ? "conv2d_f32_direct" : NULL}, text, sizeof text);
        if (s == CYNF_OK)
            s = cynf_generate(p, &(cynf_gen_options){.out = out, .command = command, .mode = mode ? CYNF_GEN_PORTABLE : CYNF_GEN_FIXED}, text, sizeof text);
        cynf_program_free(&p);
    }
    if (s != CYNF_OK) {
        fprintf(stderr, "%s: %s %s %s\n", name, cynf_status_str(s), text, g->error);
        failed = 1;
    }
    cynf_graph_free(&g);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    return make(argv[1], "image", image, 1, 3, false) | make(argv[1], "images", image, 4, 2, false) | make(argv[1], "swap", swap, 2, 1, false) |
        make(argv[1], "mixed", swap, 3, 2, true) | make(argv[1], "sum", sum, 2, 2, false) | make(argv[1], "head", head, 1, 2, false);
}
