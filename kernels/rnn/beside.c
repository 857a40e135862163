/* SPDX-License-Identifier: MIT */
/** rnn, beside: the descriptor. */
#include <math.h>

#include "kernels/rnn/descriptor.h"

extern const cynf_algo cynf_rnn_beside;

static bool supports(const void *g, cynf_tile t)
{
    (void)t;
    return ((const cynf_rnn *)g)->f > 0;
}

static size_t packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_rnn *g = geometry;
    return (rnn_beside_at(g, t) + (size_t)rnn_beside_panels(g, t) * (size_t)(g->f + 1) * (size_t)t.v) * sizeof(float);
}

static void pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_rnn *g = geometry;
    const int32_t columns = g->h * cynf_rnn_gates(g);
    memset(packed, 0, packed_bytes(g, t));
    rnn_pack(g, t, w, packed);
    float *out = (float *)packed + rnn_beside_at(g, t);
    for (int32_t j = 0; j < columns; j += t.v)
        for (int32_t k = -1; k < g->f; k++, out += t.v) {
            const float *const row = k < 0 ? w->bias2 : w->w2 + (size_t)k * (size_t)columns;
            if (row)
                memcpy(out, row + j, (size_t)(columns - j < t.v ? columns - j : t.v) * sizeof(float));
        }
}

static size_t private_bytes(const void *g, cynf_tile t) { return rnn_beside_private_bytes(g, t); }

/*
 * A block of steps streams W once and U in every step, less of it from the nearest cache than without W between them; the first block is computed by itself. With AVX-512. With
 * 16 registers the tile is small, and its loads have no place beside those of U: nothing is hidden. NEON counts as these; tuning says what is true there.
 */
static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_rnn *g = geometry;
    const cynf_tile u = {t.v, 1, t.nv};
    const double fma = 2.0 * t.v / (m->gflops[isa] * 1e9), all = (double)packed_bytes(g, t), recurrent = (double)rnn_packed_bytes(g, u);
    const double panels = rnn_beside_panels(g, t), beside = panels * g->f * fma, tiles = panels * 8 * fma + 20e-9;
    const double near = fmin((double)m->cache_bytes[0], recurrent) / 8;
    const double stream = cynf_stream_seconds(m, recurrent) * (recurrent + near + (all - recurrent) / t.mr) / recurrent;
    const bool hidden = isa == CYNF_ISA_AVX512, spills = rnn_first_gates(g->kind) * t.nv + t.mr + 2 > rnn_registers(isa);
    const double product = rnn_product_seconds(g, u, isa, m, hidden ? t.mr : 0), step = hidden ? fmax(product + beside, stream) : fmax(product, stream) + beside;
    return 1e-7 + g->n * (beside * t.mr / 2 + g->t * ((spills ? 1.1 : 1) * step + tiles + rnn_wait_seconds(g, u, isa, m)));
}

const cynf_algo cynf_rnn_beside = {
    .op = CYNF_OP_RNN,
    .name = "beside",
    .header = "kernels/rnn/beside.h",
    .supports = supports,
    .units = rnn_sequences,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .private_bytes = private_bytes,
    .cost = cost,
};
