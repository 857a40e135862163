/* SPDX-License-Identifier: MIT */
/** Buffers between unreadable pages, so that a byte read or written beyond either end is a fault at once. */
#ifndef CYNF_TEST_GUARD_H
#define CYNF_TEST_GUARD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct guard_buf {
    unsigned char *base, *body, *data;
    size_t map_bytes, body_bytes, bytes;
} guard_buf;

/** bytes that end exactly at an unreadable page, or start right behind one; the rest of their pages is filled with a pattern. False: out of memory. */
bool guard_alloc(guard_buf *b, size_t bytes, bool at_end);
/** Whether the rest of the pages still holds the pattern. */
bool guard_intact(const guard_buf *b);
/** Makes the data read-only. */
void guard_protect(guard_buf *b);
/** b may be zero. */
void guard_free(guard_buf *b);

#endif
