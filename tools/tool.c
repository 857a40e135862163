/* SPDX-License-Identifier: MIT */
/** Helpers of all tools. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cynf-config.h"
#include "tool.h"

const char *argp_program_version = "cynfrence " CYNF_VERSION;

static char *unfinished; /* removed when the tool ends before the output is complete */

static void remove_unfinished(void)
{
    if (unfinished)
        unlink(unfinished);
}

void tool_init(void)
{
    const char *text = getenv("CYNF_CPU_MASK");
    unsigned mask;
    argp_err_exit_status = TOOL_BAD_USAGE;
    atexit(remove_unfinished);
    if (!text || !*text)
        return;
    if (!cynf_cpu_parse_mask(text, &mask))
        tool_fail(TOOL_BAD_USAGE, "CYNF_CPU_MASK=%s: expected instruction sets separated by commas, or all", text);
    cynf_cpu_set_mask(mask);
}

void tool_fail(int status, const char *format, ...)
{
    va_list ap;
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(status);
}

void tool_collect(const struct argp_state *state, const char *option, const char **list, const char *text)
{
    int n = 0;
    while (list[n])
        n++;
    if (n + 1 == TOOL_MAX_LIST)
        argp_error(state, "%s: more than %d", option, n);
    list[n] = text;
}

cynf_graph *tool_load(const char *model, const cynf_load_options *load, cynf_math math)
{
    char why[1024] = "";
    cynf_graph *g;
    if (cynf_keras_load(&g, model, load, why, sizeof why))
        tool_fail(TOOL_BAD_INPUT, "%s", why);
    g->math = math;
    const cynf_status s = cynf_graph_optimise(g);
    if (s)
        tool_fail(TOOL_BAD_INPUT, "%s: %s", model, g->error[0] ? g->error : cynf_status_str(s));
    return g;
}

cynf_math tool_math(const struct argp_state *state, const char *text)
{
    const bool sleef = !strcmp(text, "sleef");
    if (!sleef && strcmp(text, "poly"))
        argp_error(state, "--math: expected poly or sleef, found \"%s\"", text);
    if (sleef && !cynf_has_math(CYNF_MATH_SLEEF))
        argp_error(state, "--math sleef: this build has no SLEEF");
    return sleef ? CYNF_MATH_SLEEF : CYNF_MATH_POLY;
}

long tool_integer(const struct argp_state *state, const char *option, const char *text, long least, long most)
{
    char *end;
    errno = 0;
    const long v = strtol(text, &end, 10);
    if (errno || end == text || *end || v < least || v > most)
        argp_error(state, "%s: expected a whole number from %ld to %ld, found \"%s\"", option, least, most, text);
    return v;
}

double tool_number(const struct argp_state *state, const char *option, const char *text, double least, double most)
{
    char *end;
    const double v = strtod(text, &end);
    if (end == text || *end || !(v >= least && v <= most))
        argp_error(state, "%s: expected a number from %g to %g, found \"%s\"", option, least, most, text);
    return v;
}

void tool_output_check(const char *path)
{
    tool_output o;
    tool_output_open(&o, path);
    if (!path)
        return;
    fclose(o.f);
    remove_unfinished();
    unfinished = NULL;
    free(o.path);
    free(o.temporary);
}

void tool_output_open(tool_output *o, const char *path)
{
    *o = (tool_output){.f = stdout};
    if (!path)
        return;
    o->path = strdup(path);
    if (!o->path || asprintf(&o->temporary, "%s.XXXXXX", path) < 0)
        tool_fail(TOOL_BAD_INPUT, "out of memory");
    const int fd = mkstemp(o->temporary);
    if (fd < 0)
        tool_fail(TOOL_BAD_INPUT, "%s: cannot be written: %s", path, strerror(errno));
    unfinished = o->temporary;
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    o->f = fdopen(fd, "w");
    if (!o->f)
        tool_fail(TOOL_BAD_INPUT, "out of memory");
}

void tool_output_close(tool_output *o)
{
    const char *name = o->path ? o->path : "standard output";
    const int bad = ferror(o->f) | fflush(o->f) | (o->path ? fclose(o->f) : 0);
    if (bad || (o->path && rename(o->temporary, o->path)))
        tool_fail(TOOL_BAD_INPUT, "%s: cannot be written: %s", name, strerror(errno));
    unfinished = NULL;
    free(o->path);
    free(o->temporary);
}
