/* SPDX-License-Identifier: MIT */
/*
 * Runs @ID@ on the inputs in @ID@_data.bin and compares with the outputs there, which the library's executor gave when this folder was
 * made. The file is the inputs in order, then the outputs, in their declared types, each row-major and padded to 64 bytes; so Keras can be
 * asked the same. Allowed: |y - reference| <= 1e-5 max(max |reference|, 0.01) + 1e-4 |reference|, for float16 and bfloat16 2^-9 and 2^-6
 * |reference| (another compiler or instruction set rounds differently; the same ones give the same bits).
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "@ID@.h"

extern const unsigned char @ID@_data[];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Element i of a floating-point port. */
static double element(const char *dtype, const void *data, size_t i)
{
    const unsigned char *at = data;
    uint16_t half;
    if (!strcmp(dtype, "float32"))
        return (double)((const float *)data)[i];
    if (!strcmp(dtype, "float64"))
        return ((const double *)data)[i];
    memcpy(&half, at + i * sizeof half, sizeof half);
    if (!strcmp(dtype, "bfloat16")) {
        const uint32_t bits = (uint32_t)half << 16;
        float v;
        memcpy(&v, &bits, sizeof v);
        return (double)v;
    }
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double v = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY) : exponent ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24);
    return half >> 15 ? -v : v;
}

/* Largest share of the allowed error; NaN only where the reference is NaN. Other types than floating point must be equal. */
static double judge(const cynf_model_port *port, const void *got, const void *reference)
{
    const char *type = strstr(port->dtype, "float");
    if (!type)
        return memcmp(got, reference, port->bytes) ? (double)INFINITY : 0;
    const bool narrow = !strcmp(type, "float16");
    const size_t n = port->bytes / (narrow ? 2 : !strcmp(type, "float32") ? 4 : 8);
    const double relative = !narrow ? 1e-4 : type == port->dtype ? 0x1p-9 : 0x1p-6;
    double largest = 0.01, worst = 0;
    for (size_t i = 0; i < n; i++) {
        const double r = element(port->dtype, reference, i);
        if (isfinite(r))
            largest = fmax(largest, fabs(r));
    }
    for (size_t i = 0; i < n; i++) {
        const double y = element(port->dtype, got, i), r = element(port->dtype, reference, i);
        const double share = y == r || (isnan(y) && isnan(r)) ? 0 : fabs(y - r) / (1e-5 * largest + relative * fabs(r));
        if (!(share <= worst))
            worst = isnan(share) ? (double)INFINITY : share;
    }
    return worst;
}

static int fail(const char *what, cynf_status s)
{
    printf("FAIL @ID@: %s: %s\n", what, @ID@_status_str(s));
    return 1;
}

int main(int argc, char **argv)
{
    const cynf_model_info *info = @ID@_info();
    const void *x[@UPPER@_INPUTS];
    void *y[@UPPER@_OUTPUTS];
    const unsigned char *at = @ID@_data, *reference[@UPPER@_OUTPUTS] = {0};
    char message[512];
    @ID@_options o = {.threads = argc > 1 ? atoi(argv[1]) : 1, .message = message, .message_bytes = sizeof message};
    @ID@_t *m;
    for (int i = 0; i < @UPPER@_INPUTS; i++) {
        x[i] = at;
        at += (info->in[i].bytes + 63) / 64 * 64;
    }
    for (int i = 0; i < @UPPER@_OUTPUTS; i++) {
        reference[i] = at;
        at += (info->out[i].bytes + 63) / 64 * 64;
        if (!(y[i] = malloc(info->out[i].bytes)))
            return fail("output buffer", CYNF_ENOMEM);
        memset(y[i], 0xff, info->out[i].bytes);
    }
    cynf_status s = @ID@_create(&m, &o);
    if (s != CYNF_OK)
        return fail(*message ? message : "create", s);
    if (*message)
        printf("%s\n", message);
    if ((s = @ID@_run(m, x, y)) != CYNF_OK)
        return fail("run", s);
    double worst = 0;
    for (int i = 0; i < @UPPER@_OUTPUTS; i++)
        worst = fmax(worst, judge(&info->out[i], y[i], reference[i]));
    double best = INFINITY;
    int runs = 0;
    for (const double start = now(); now() - start < 0.3 || runs < 3; runs++) {
        const double t = now();
        @ID@_run(m, x, y);
        best = fmin(best, now() - t);
    }
    @ID@_destroy(&m);
    for (int i = 0; i < @UPPER@_OUTPUTS; i++)
        free(y[i]);
    printf("%s @ID@: error %.3f of what is allowed; %.4f ms a run of %d sample%s, %d thread%s (best of %d)\n", worst <= 1 ? "PASS" : "FAIL", worst, 1e3 * best,
        @UPPER@_BATCH, @UPPER@_BATCH > 1 ? "s" : "", o.threads, o.threads > 1 ? "s" : "", runs);
    return worst <= 1 ? 0 : 1;
}
