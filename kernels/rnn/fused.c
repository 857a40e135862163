/* SPDX-License-Identifier: MIT */
/** rnn, fused: the descriptor. */
#include "kernels/rnn/descriptor.h"

extern const cynf_algo cynf_rnn_fused;

static bool supports(const void *g, cynf_tile t)
{
    (void)t;
    return !((const cynf_rnn *)g)->f;
}

static size_t private_bytes(const void *g, cynf_tile t) { return rnn_fused_private_bytes(g, t); }

const cynf_algo cynf_rnn_fused = {
    .op = CYNF_OP_RNN,
    .name = "fused",
    .header = "kernels/rnn/fused.h",
    .supports = supports,
    .units = rnn_sequences,
    .packed_bytes = rnn_packed_bytes,
    .pack = rnn_pack,
    .private_bytes = private_bytes,
    .cost = rnn_cost,
    .exact = rnn_exact,
};
