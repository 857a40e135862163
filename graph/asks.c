/* SPDX-License-Identifier: MIT */
/**
 * What a step asks for: a dense layer of one row reads all its weights, and nothing but how fast they come counts; where the model's weights do not stay in the
 * second-level cache they come from further away. The convolutions before it are bound by their multiply-adds meanwhile, and can have them brought near.
 */
#include "graph/program_internal.h"

#define NEAR_SHARE 3    /* of the second-level cache at most this part is asked for ahead of its use */
#define MAX_ROWS 4      /* of a dense layer that is bound by its weights */
#define LINE 64         /* bytes; conv2d direct asks for one a product of a tile */
#define LEAST_BYTES 8192

extern const cynf_algo cynf_conv2d_direct;

static bool reads(const cynf_step *s) { return s->problem.op == CYNF_OP_FC && s->packed_offset >= 0 && s->problem.u.fc.m <= MAX_ROWS; }

/* Bytes that s can ask for, a line a product of each tile; vectors of four elements take so long that there is nothing to be gained. */
static int64_t room(const cynf_step *s)
{
    const cynf_tile t = s->kernel->tile;
    if (s->kernel->algo != &cynf_conv2d_direct || t.v <= 4)
        return 0;
    return (int64_t)(LINE * cynf_geometry_flops(CYNF_OP_CONV2D, &s->problem.u) / 2 / (t.mr * t.nv * t.v));
}

void cynf_build_asks(cynf_builder *b)
{
    cynf_program *const p = b->p;
    const int64_t near = b->machine->cache_bytes[1] / NEAR_SHARE;
    if (p->consts_bytes < b->machine->cache_bytes[1])
        return; /* all weights stay near from run to run */
    int64_t first = 0, end = 0; /* what is not asked for yet of the weights of the dense layers behind step i */
    for (int32_t i = p->n_step - 1; i >= 0; i--) {
        cynf_step *const s = &p->step[i];
        if (reads(s)) {
            /* Dense layers that follow each other, their weights side by side, are asked for together. */
            const bool joins = end > first && s->packed_offset + s->packed_bytes <= first && first - s->packed_offset - s->packed_bytes < 4096;
            end = joins ? end : s->packed_offset + s->packed_bytes;
            first = s->packed_offset;
            end = end - first < near ? end : first + near;
        } else if (end - first >= LEAST_BYTES && room(s) >= LEAST_BYTES) {
            const int64_t bytes = room(s) < end - first ? room(s) : end - first;
            s->next_offset = first;
            s->next_bytes = bytes;
            first += bytes;
        }
    }
}
