/* SPDX-License-Identifier: MIT */
#include "native.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool shell(const char *format, ...)
{
    char command[8192];
    va_list v;
    va_start(v, format);
    vsnprintf(command, sizeof command, format, v);
    va_end(v);
    return !system(command);
}

/* Another machine's kernels are chosen, not run: the self-test's numbers are then of this machine's program. */
static bool generate(const native_options *o, const cynf_graph *g, const char *folder, char *why, size_t cap)
{
    char out[512];
    cynf_program *p = NULL, *here = NULL;
    snprintf(out, sizeof out, "%s/net", folder);
    const char *rows = getenv("CYNF_BANDS");
    const cynf_build_options build = {.threads = o->threads, .force = getenv("CYNF_KERNEL"), .band_rows = rows ? atoi(rows) : 0};
    bool ok = !o->isas || !cynf_program_build(&here, g, &(cynf_build_options){.threads = 1}, why, cap);
    cynf_cpu_set_target(o->isas);
    ok = ok && !cynf_program_build(&p, g, &build, why, cap) &&
        !cynf_generate(p, &(cynf_gen_options){.out = out, .command = "run-goldens", .mode = o->mode, .reference = here}, why, cap);
    cynf_cpu_set_target(0);
    cynf_program_free(&p);
    cynf_program_free(&here);
    return ok;
}

static bool build(cynf_gen_mode mode, const char *cache, const char *folder, char *why, size_t cap)
{
    const bool shared = mode == CYNF_GEN_PORTABLE;
    /* cp -r, not -a: the copies must be newer than the sources. The registry alone differs from model to model. */
    bool ok = !shared || shell("mkdir -p %s %s/net/build && cp -r %s %s/net/build/src && rm -f %s/net/build/src/kernels/registry.o", cache, folder, cache, folder,
        folder);
    ok = ok && shell("CFLAGS=\"${CFLAGS--O2} -Wall -Wextra -Werror\" make -s -C %s/net net.o libnet.so >%s/log 2>&1", folder, folder);
    /* Copied back whole and renamed, so that a killed run leaves nothing half-done. */
    if (ok && shared)
        ok = shell("cp -a %s/net/build/src %s.new && rm -rf %s && mv %s.new %s", folder, cache, cache, cache, cache);
    if (!ok) {
        shell("tail -5 %s/log >&2", folder);
        snprintf(why, cap, "the generated code does not build");
    }
    return ok;
}

/* Bytes of n samples of a port. */
static size_t port_bytes(const cynf_net *net, const cynf_model_port *p, size_t n) { return n * p->bytes / (size_t)cynf_net_batch(net); }

static bool run(const native_options *o, const cynf_net *net, const char *folder, size_t n, const void *const *x, void *const *y, char *why, size_t cap)
{
    char path[512];
    snprintf(path, sizeof path, "%s/x", folder);
    FILE *f = fopen(path, "wb");
    bool ok = f != NULL;
    for (int i = 0; i < cynf_net_inputs(net) && ok; i++)
        ok = fwrite(x[i], 1, port_bytes(net, cynf_net_input(net, i), n), f) == port_bytes(net, cynf_net_input(net, i), n);
    ok = f && !fclose(f) && ok;
    ok = ok && shell("%s %s/net/libnet.so %d %zu <%s/x >%s/y", o->runner, folder, o->threads, n, folder, folder);
    snprintf(path, sizeof path, "%s/y", folder);
    f = ok ? fopen(path, "rb") : NULL;
    for (int i = 0; i < cynf_net_outputs(net) && f && ok; i++)
        ok = fread(y[i], 1, port_bytes(net, cynf_net_output(net, i), n), f) == port_bytes(net, cynf_net_output(net, i), n);
    ok = f && fgetc(f) == EOF && ok;
    if (f)
        fclose(f);
    if (!ok)
        snprintf(why, cap, "the generated model does not run");
    return ok;
}

bool native_run(const native_options *o, const cynf_net *net, size_t n, const void *const *x, void *const *y, char *why, size_t cap)
{
    char folder[] = "/tmp/cynf-native-XXXXXX";
    if (!mkdtemp(folder))
        return false;
    const bool ok = generate(o, net->graph, folder, why, cap) && build(o->mode, o->cache, folder, why, cap) && run(o, net, folder, n, x, y, why, cap);
    shell("rm -rf %s", folder);
    return ok;
}

void native_forget(const char *cache) { shell("rm -rf %s", cache); }
