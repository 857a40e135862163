/* SPDX-License-Identifier: MIT */
/** lookup, rows: the descriptor. */
#include <string.h>

#include "kernels/cost.h"
#include "kernels/lookup/rows_layout.h"

extern const cynf_algo cynf_lookup_rows;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *geometry, cynf_tile t, int stage)
{
    const cynf_lookup *g = geometry;
    (void)t, (void)stage;
    return (size_t)CYNF_CEIL_DIV(g->n, lookup_rows_group(g));
}

static size_t packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_lookup *g = geometry;
    (void)t;
    return (size_t)g->rows * (size_t)g->len * sizeof(float);
}

static void pack(const void *g, cynf_tile t, const cynf_weights *w, void *packed) { memcpy(packed, w->w, packed_bytes(g, t)); }

static double cost(const void *geometry, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_lookup *g = geometry;
    (void)t, (void)isa;
    return 1e-8 + g->n * 5e-9 + cynf_stream_seconds(m, 8.0 * g->n * g->len);
}

const cynf_algo cynf_lookup_rows = {
    .op = CYNF_OP_LOOKUP,
    .name = "rows",
    .header = "kernels/lookup/rows.h",
    .supports = supports,
    .units = units,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .cost = cost,
    .exact = cynf_always_exact,
};
