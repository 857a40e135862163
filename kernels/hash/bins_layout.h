/* SPDX-License-Identifier: MIT */
/** hash, bins: units. */
#ifndef CYNF_HASH_BINS_LAYOUT_H
#define CYNF_HASH_BINS_LAYOUT_H

#include "kernels/kernel.h"

/** Results of a unit. */
#define CYNF_HASH_GROUP 256

#endif
