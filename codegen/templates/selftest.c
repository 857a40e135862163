/* SPDX-License-Identifier: MIT */
/*
 * Runs @ID@ on the inputs in @ID@_data.bin and compares with the outputs there, which the library's executor gave when this folder was
 * made. The file is the inputs in order, then the outputs, in their declared types, each row-major and padded to 64 bytes; so Keras can be
 * asked the same. Allowed: |y - reference| <= 1e-5 max(max |reference|, 0.01) + 1e-4 |reference| (another compiler or instruction set rounds
 * differently; the same ones give the same bits).
 */
#include <math.h>
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

/* Largest share of the allowed error; NaN only where the reference is NaN. Other types than float32 must be equal. */
static double judge(const cynf_model_port *port, const void *got, const void *reference)
{
    if (strcmp(port->dtype, "float32"))
        return memcmp(got, reference, port->bytes) ? INFINITY : 0;
    const float *y = got, *r = reference;
    const size_t n = port->bytes / sizeof *y;
    double largest = 0.01, worst = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(r[i]))
            largest = fmax(largest, fabs((double)r[i]));
    for (size_t i = 0; i < n; i++) {
        const double share = y[i] == r[i] || (isnan(y[i]) && isnan(r[i])) ? 0 : fabs((double)y[i] - (double)r[i]) / (1e-5 * largest + 1e-4 * fabs((double)r[i]));
        if (!(share <= worst))
            worst = isnan(share) ? INFINITY : share;
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
