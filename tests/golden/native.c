/* SPDX-License-Identifier: MIT */
#include "native.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cynf/model.h"

static bool shell(const char *format, ...)
{
    char command[8192];
    va_list v;
    va_start(v, format);
    vsnprintf(command, sizeof command, format, v);
    va_end(v);
    return !system(command);
}

static bool generate(const cynf_graph *g, cynf_gen_mode mode, int threads, const char *folder, char *why, size_t cap)
{
    char out[512];
    cynf_program *p = NULL;
    snprintf(out, sizeof out, "%s/net", folder);
    const char *rows = getenv("CYNF_BANDS");
    const bool ok = !cynf_program_build(&p, g, &(cynf_build_options){.threads = threads, .force = getenv("CYNF_KERNEL"), .band_rows = rows ? atoi(rows) : 0}, why, cap) &&
        !cynf_generate(p, &(cynf_gen_options){.out = out, .command = "run-goldens", .mode = mode}, why, cap);
    cynf_program_free(&p);
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

static bool run(const char *folder, int threads, size_t n, const void *const *x, void *const *y, char *why, size_t cap)
{
    char path[512];
    snprintf(path, sizeof path, "%s/net/libnet.so", folder);
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const cynf_model_info *(*get_info)(void) = NULL;
    if (so)
        *(void **)&get_info = dlsym(so, "net_info");
    if (!get_info) {
        snprintf(why, cap, "%s", dlerror());
        return false;
    }
    const cynf_model_info *info = get_info();
    cynf_model *m = NULL;
    cynf_status s = info->create(&m, &(cynf_model_options){.threads = threads, .message = why, .message_bytes = cap});
    if (!s)
        s = info->run_batch(m, n, x, y);
    info->destroy(&m);
    if (s && !*why)
        snprintf(why, cap, "native: %s", cynf_status_str(s));
    return !s;
}

bool native_run(const cynf_graph *g, cynf_gen_mode mode, const char *cache, int threads, size_t n, const void *const *x, void *const *y, char *why, size_t cap)
{
    char folder[] = "/tmp/cynf-native-XXXXXX";
    if (!mkdtemp(folder))
        return false;
    const bool ok = generate(g, mode, threads, folder, why, cap) && build(mode, cache, folder, why, cap) && run(folder, threads, n, x, y, why, cap);
    shell("rm -rf %s", folder);
    return ok;
}

void native_forget(const char *cache) { shell("rm -rf %s", cache); }
