/* SPDX-License-Identifier: MIT */
/**
 * stream-test DATA: models of sequences as streams give, chunk by chunk, what the same models give for the whole sequence; those that cannot are refused with the
 * layer and the reason.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cynf/cynf.h"

#define MAX_PORTS 8

static int passed, failed;

static void check(bool ok, const char *what, int steps, const char *why)
{
    ok ? passed++ : failed++;
    if (!ok)
        printf("FAIL %s, %d steps a run: %s\n", what, steps, why);
}

static cynf_runner *compile(const cynf_net *net)
{
    cynf_runner *r = NULL;
    char why[512];
    if (cynf_compile(&r, net, NULL, why, sizeof why))
        printf("%s\n", why);
    return r;
}

/* Elements of one step of output i, and whether it has any: then the stream's output has steps of its own. */
static size_t step_elems(const cynf_net *net, int i)
{
    const cynf_model_port *p = cynf_net_output(net, i);
    size_t n = 1;
    for (int k = p->rank > 2 ? 2 : 1; k < p->rank; k++)
        n *= (size_t)p->shape[k];
    return n;
}

static void equal(const cynf_net *whole, const cynf_net *stream, int i, int steps, int calls, const float *expected, const float *got, const char *name)
{
    const cynf_model_port *w = cynf_net_output(whole, i), *s = cynf_net_output(stream, i);
    const bool sequence = w->rank > 2;
    const size_t elems = step_elems(whole, i), skip = (size_t)cynf_net_output_skip(stream, i);
    const size_t there = sequence ? (size_t)w->shape[1] : 1, here = sequence ? (size_t)calls * (size_t)s->shape[1] : 1;
    const float *from = got + (sequence ? skip * elems : (size_t)(calls - 1) * elems);
    char why[256] = "";
    float worst = 0;
    const size_t common = sequence ? here - skip : 1; /* the whole sequence may give more: what needs steps that never come */
    if (s->rank != w->rank || common < 1 || common > there)
        snprintf(why, sizeof why, "output %d: %zu steps, %zu of them skipped; the whole sequence gives %zu", i, here, skip, there);
    for (size_t k = 0; k < common * elems && !*why; k++) {
        const float e = fabsf(from[k] - expected[k]) / (1 + fabsf(expected[k]));
        worst = !(e <= worst) ? e : worst;
    }
    if (!*why && !(worst <= 2e-6f))
        snprintf(why, sizeof why, "output %d differs by %g", i, (double)worst);
    check(!*why, name, steps, why);
}

static void compare(const char *data, const char *file, int length, int features, int steps)
{
    char path[1024], why[512] = "", shape[64];
    snprintf(path, sizeof path, "%s/%s.h5", data, file);
    snprintf(shape, sizeof shape, "1,%d,%d", length, features);
    cynf_net *whole = NULL, *stream = NULL;
    if (cynf_net_load(&whole, path, &(cynf_net_options){.input_shapes = (const char *const[]){shape, NULL}}, why, sizeof why) ||
        cynf_net_load(&stream, path, &(cynf_net_options){.stream = steps}, why, sizeof why)) {
        check(false, file, steps, why);
        return;
    }
    cynf_runner *a = compile(whole), *b = compile(stream);
    const int n_out = cynf_net_outputs(whole), calls = length / steps;
    float *x = malloc((size_t)(length * features) * sizeof *x);
    void *expected[MAX_PORTS], *got[MAX_PORTS], *again[MAX_PORTS];
    uint32_t seed = 3;
    for (int i = 0; i < length * features; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
    for (int i = 0; i < n_out; i++) {
        expected[i] = malloc(cynf_net_output(whole, i)->bytes);
        got[i] = malloc((size_t)calls * cynf_net_output(stream, i)->bytes);
        again[i] = malloc((size_t)calls * cynf_net_output(stream, i)->bytes);
    }
    check(cynf_net_state_floats(stream) > 0 && !cynf_net_state_floats(whole), file, steps, "the stream has a state, the model of whole sequences has none");
    check(!cynf_run(a, (const void *[]){x}, expected) && !cynf_run_batch(b, (size_t)calls, (const void *[]){x}, got), file, steps, "it cannot be run");
    cynf_runner_reset_state(b);
    check(!cynf_run_batch(b, (size_t)calls, (const void *[]){x}, again), file, steps, "it cannot be run");
    for (int i = 0; i < n_out; i++) {
        equal(whole, stream, i, steps, calls, expected[i], got[i], file);
        check(!memcmp(got[i], again[i], (size_t)calls * cynf_net_output(stream, i)->bytes), file, steps, "after a reset it gives something else");
        free(expected[i]);
        free(got[i]);
        free(again[i]);
    }
    free(x);
    cynf_runner_free(&a);
    cynf_runner_free(&b);
    cynf_net_free(&whole);
    cynf_net_free(&stream);
}

static void refused(const char *data, const char *file, int steps, const char *words)
{
    char path[1024], why[512] = "";
    snprintf(path, sizeof path, "%s/%s.h5", data, file);
    cynf_net *net = NULL;
    const cynf_status s = cynf_net_load(&net, path, &(cynf_net_options){.stream = steps}, why, sizeof why);
    check(s == CYNF_EUNSUPPORTED && strstr(why, words), file, steps, *why ? why : "it is not refused");
    if (!s)
        cynf_net_free(&net);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    static const int chunks[] = {1, 2, 3, 8, 24};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        compare(argv[1], "stream_dilated", 24, 3, chunks[i]);
        compare(argv[1], "stream_recurrent", 48, 3, chunks[i]);
    }
    for (int steps = 4; steps <= 8; steps += 4)
        compare(argv[1], "stream_rates", 40, 4, steps);
    refused(argv[1], "stream_rates", 2, "(AveragePooling1D): it cannot be streamed: its stride is 2, and a call has 1 steps here");
    refused(argv[1], "recurrent", 1, "(Bidirectional): it cannot be streamed: it runs through the sequence backwards");
    refused(argv[1], "depthwise_1d", 1, "(DepthwiseConv1D): it cannot be streamed: its padding looks at steps that are still to come");
    refused(argv[1], "conv_lstm", 1, "(ConvLSTM2D): it cannot be streamed: it takes single steps out of the sequence");
    refused(argv[1], "shapes", 1, "it puts");
    refused(argv[1], "mlp", 1, "it cannot be streamed: it puts all steps together");
    refused(argv[1], "transformer", 1, "cannot be streamed: ");
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
