/* SPDX-License-Identifier: MIT */
/** copy, strided: the descriptor. */
#include "kernels/copy/strided_layout.h"
#include "kernels/cost.h"

extern const cynf_algo cynf_copy_strided;

static bool supports(const void *g, cynf_tile t)
{
    (void)g, (void)t;
    return true;
}

static size_t units(const void *g, cynf_tile t, int stage)
{
    (void)t, (void)stage;
    const cynf_nd nd = copy_strided_space(g);
    return cynf_nd_units(&nd);
}

static int spaces(const void *g, cynf_tile t, cynf_nd *nd)
{
    (void)t;
    *nd = copy_strided_space(g);
    return 1;
}

static double cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m)
{
    const cynf_nd c = copy_strided_space(g);
    const int inner = c.rank - 1, rows = c.dims[inner - 1], cols = c.dims[inner];
    double n = 1;
    for (int i = 0; i < c.rank; i++)
        n *= c.dims[i];
    /* Vector operations: a load and a store each for rows, twice as many for a transposition; element by element otherwise. */
    double ops = 2 * n;
    if (c.s[0][inner] == 1 && c.s[1][inner] <= 1)
        ops = 2 * n / cols * CYNF_CEIL_DIV(cols, t.v);
    else if (c.s[0][inner] == 1 && c.s[1][inner - 1] == 1)
        ops = 4 * n / cols / rows * CYNF_CEIL_DIV(cols, t.v) * CYNF_ROUND_UP(rows, t.v);
    const double compute = cynf_vector_seconds(m, isa, ops), memory = cynf_stream_seconds(m, 8 * n);
    return 1e-7 + (compute > memory ? compute : memory);
}

const cynf_algo cynf_copy_strided = {
    .op = CYNF_OP_COPY,
    .name = "strided",
    .header = "kernels/copy/strided.h",
    .supports = supports,
    .units = units,
    .spaces = spaces,
    .cost = cost,
    .exact = cynf_always_exact,
};
