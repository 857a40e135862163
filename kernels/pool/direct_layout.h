/* SPDX-License-Identifier: MIT */
/** Pooling, direct: units of (image, output slice, band of rows, chunk of nv vectors of channels). */
#ifndef CYNF_POOL_DIRECT_LAYOUT_H
#define CYNF_POOL_DIRECT_LAYOUT_H

#include "kernels/kernel.h"

#define CYNF_POOL_BAND 64 /* output pixels that are worth a unit */

static CYNF_INLINE int cynf_pool_bands(const cynf_pool *g)
{
    return CYNF_CEIL_DIV(g->oh, CYNF_CEIL_DIV(CYNF_POOL_BAND, g->ow));
}

static CYNF_INLINE int cynf_pool_chunks(const cynf_pool *g, cynf_tile t)
{
    return CYNF_CEIL_DIV(g->c, t.nv * t.v);
}

#endif
