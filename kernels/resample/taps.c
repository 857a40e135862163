/* SPDX-License-Identifier: MIT */
/** resample, taps: the descriptor. */
#include <string.h>

#include "kernels/cost.h"
#include "kernels/resample/taps_layout.h"

extern const cynf_algo cynf_resample_taps;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_resample *g = geometry;
    (void)t, (void)stage;
    return (size_t)g->outer * (size_t)CYNF_CEIL_DIV(g->out, resample_taps_group(g));
}

static size_t packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_resample *g = geometry;
    (void)t;
    return (resample_taps_weights(g) + (size_t)g->out * (size_t)g->taps) * sizeof(float);
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_resample *g = geometry;
    int32_t *first = packed;
    (void)t;
    memset(packed, 0, resample_taps_weights(g) * sizeof(float));
    for (int j = 0; j < g->out; j++)
        first[j] = (int32_t)w->w2[j];
    memcpy((float *)packed + resample_taps_weights(g), w->w, (size_t)g->out * (size_t)g->taps * sizeof(float));
}

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_resample *g = geometry;
    const double outputs = (double)g->outer * g->out, vectors = outputs * CYNF_CEIL_DIV(g->inner, t.v);
    const double compute = cynf_vector_seconds(m, isa, vectors * (2 * g->taps + cynf_act_ops(g->e.act)) + outputs * g->taps);
    const double memory = cynf_stream_seconds(m, 4.0 * g->outer * g->inner * (g->in + g->out));
    return 1e-7 + (compute > memory ? compute : memory);
}

const cynf_algo cynf_resample_taps = {
    .op = CYNF_OP_RESAMPLE,
    .name = "taps",
    .header = "kernels/resample/taps.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .cost = cost,
    .exact = cynf_always_exact,
};
