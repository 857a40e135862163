/* SPDX-License-Identifier: MIT */
/** What the descriptors of the tap-by-tap algorithms share: packing and the model of the time. */
#include "kernels/dwconv2d/taps.h"

size_t cynf_dw_packed_bytes(const void *geometry, cynf_tile t)
{
    const cynf_dwconv2d *g = geometry;
    return (size_t)cynf_dw_blocks(g, t.v) * cynf_dw_block_elems(g, t.v) * sizeof(float);
}

void cynf_dw_pack(const void *geometry, cynf_tile t, const cynf_weights *w, void *packed)
{
    const cynf_dwconv2d *g = geometry;
    const int taps = g->kh * g->kw, blocks = cynf_dw_blocks(g, t.v);
    float *p = packed;
    for (int k = 0; k < blocks; k++) {
        const cynf_dw_block b = cynf_dw_block_at(g, t.v, k);
        for (int tap = -1; tap < taps; tap++)
            for (int lane = 0; lane < t.v; lane++) {
                const size_t oc = (size_t)(b.oc + lane * b.step);
                *p++ = lane >= b.n ? 0 : tap >= 0 ? w->w[(size_t)tap * (size_t)(g->c * g->mult) + oc] : w->bias ? w->bias[oc] : 0;
            }
    }
}

double cynf_dw_cost(const cynf_dwconv2d *g, cynf_tile t, cynf_isa isa, const cynf_machine *m, double share, double steps, double scalar)
{
    const double lanes = (double)cynf_dw_blocks(g, t.v) * t.v, outputs = (double)g->n * g->oh * g->ow * lanes;
    const double fma = cynf_geometry_flops(CYNF_OP_DWCONV2D, g) * lanes / ((double)g->c * g->mult) / (share * m->gflops[isa]);
    const double around = steps * (double)g->n * cynf_dw_blocks(g, t.v) * scalar / m->gflops[CYNF_ISA_SCALAR], compute = fma + around;
    const double bytes = sizeof(float) * ((double)g->n * g->h * g->w * g->c + outputs);
    const int level = bytes < (double)m->cache_bytes[0] ? 0 : bytes < (double)m->cache_bytes[1] ? 1 : bytes < (double)m->cache_bytes[2] ? 2 : 3;
    const double memory = bytes / m->gbps[level];
    return 1e-9 * (compute > memory ? compute : memory);
}
