/* SPDX-License-Identifier: MIT */
/** The Makefile's lists: objects, and the flags that each instruction set wants. */
#include <stdio.h>
#include <string.h>

#include "cynf-config.h"
#include "codegen/generate_internal.h"

/* From arch/meson.build: the flags with which the library's own kernels are built. */
static const char *const isa_flags[CYNF_ISA_COUNT] = {
    [CYNF_ISA_SCALAR] = CYNF_FLAGS_SCALAR, [CYNF_ISA_SSE41] = CYNF_FLAGS_SSE41, [CYNF_ISA_AVX2] = CYNF_FLAGS_AVX2, [CYNF_ISA_AVX512] = CYNF_FLAGS_AVX512,
    [CYNF_ISA_NEON] = CYNF_FLAGS_NEON,
};

static void custom_objects(cynf_gen *g)
{
    for (int32_t i = 0; i < g->n_custom; i++)
        cynf_text_add(&g->key[CYNF_KEY_OBJECTS], " build/%s_custom%d.o", g->id, i);
}

static void fixed_lists(cynf_gen *g)
{
    cynf_text *objects = &g->key[CYNF_KEY_OBJECTS], *rules = &g->key[CYNF_KEY_RULES];
    cynf_text_add(objects, "OBJECTS =");
    for (int32_t i = 0; i < g->n_unit; i++)
        cynf_text_add(rules, "build/%s_layers%d.o: ISA_FLAGS = %s -Isrc/arch/%s\n", g->id, i, isa_flags[g->unit[i].isa], cynf_isa_name(g->unit[i].isa));
    /* The longest first, so that jobs end together. */
    for (int32_t functions = g->p->n_step; functions > 0; functions--)
        for (int32_t i = 0; i < g->n_unit; i++)
            if (g->unit[i].functions == functions)
                cynf_text_add(objects, " build/%s_layers%d.o", g->id, i);
    cynf_text_add(objects, " build/%s.o build/%s_weights.o", g->id, g->id);
    custom_objects(g);
    cynf_text_add(objects, "\n");
}

/* Sources below src/, by what has to hold for the compiler's target. */
static void portable_lists(cynf_gen *g)
{
    cynf_text *objects = &g->key[CYNF_KEY_OBJECTS], *rules = &g->key[CYNF_KEY_RULES];
    cynf_text_add(objects, "# The kernels of every instruction set of the compiler's target.\nTARGET := $(firstword $(subst -, ,$(shell $(CC) $(CFLAGS) -dumpmachine)))\n"
        "ISAS_x86_64 = sse41 avx2 avx512\nISAS_aarch64 = neon\nISAS = scalar $(ISAS_$(TARGET))\n");
    cynf_text isa_sources[CYNF_ISA_COUNT] = {0};
    cynf_text_add(objects, "OBJECTS = build/%s.o build/%s_weights.o", g->id, g->id);
    custom_objects(g);
    size_t at = 0;
    for (const char *path; (path = cynf_sources_next(g, ".c", &at));) {
        int isa = 0;
        char folder[32];
        for (; isa < CYNF_ISA_COUNT; isa++) {
            snprintf(folder, sizeof folder, "arch/%s/", cynf_isa_name((cynf_isa)isa));
            if (!strncmp(path, folder, strlen(folder)))
                break;
        }
        cynf_text_add(isa < CYNF_ISA_COUNT ? &isa_sources[isa] : objects, " \\\n    build/src/%.*s.o", (int)strlen(path) - 2, path);
    }
    cynf_text_add(objects, " \\\n    $(foreach isa,$(ISAS),$(OBJECTS_$(isa)))\n");
    for (int isa = 0; isa < CYNF_ISA_COUNT; isa++) {
        const char *name = cynf_isa_name((cynf_isa)isa);
        if (isa_sources[isa].n)
            cynf_text_add(objects, "OBJECTS_%s =%s\n", name, isa_sources[isa].s);
        cynf_text_add(rules, "$(OBJECTS_%s): ISA_FLAGS = %s%s -Isrc/arch/%s\n", name, isa_flags[isa], isa == CYNF_ISA_SCALAR && g->p->graph->exact ? " -DCYNF_FMA" : "",
            name);
        objects->failed |= isa_sources[isa].failed;
        cynf_text_free(&isa_sources[isa]);
    }
}

void cynf_gen_build(cynf_gen *g)
{
    /* Run-time geometry gains nothing from -O3, which takes nearly twice as long. */
    cynf_text_add(&g->key[CYNF_KEY_OPTIMISATION], g->o->mode == CYNF_GEN_FIXED ? "-O3" : "-O2");
    if (g->o->mode == CYNF_GEN_FIXED)
        fixed_lists(g);
    else
        portable_lists(g);
}
