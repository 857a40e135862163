/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"

#define PATTERN 0xa5

bool guard_alloc(guard_buf *b, size_t bytes, bool at_end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page - 1) / page * page;
    *b = (guard_buf){.map_bytes = body + 2 * page, .body_bytes = body, .bytes = bytes};
    void *map = mmap(NULL, b->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return false;
    b->base = map;
    b->body = b->base + page;
    b->data = b->body + (at_end ? body - bytes : 0);
    if (body && mprotect(b->body, body, PROT_READ | PROT_WRITE)) {
        guard_free(b);
        return false;
    }
    memset(b->body, PATTERN, body);
    return true;
}

bool guard_intact(const guard_buf *b)
{
    for (const unsigned char *p = b->body; p < b->body + b->body_bytes; p++) {
        if (p == b->data)
            p += b->bytes;
        if (p < b->body + b->body_bytes && *p != PATTERN)
            return false;
    }
    return true;
}

void guard_protect(guard_buf *b)
{
    if (b->body_bytes)
        mprotect(b->body, b->body_bytes, PROT_READ);
}

void guard_free(guard_buf *b)
{
    if (b->base)
        munmap(b->base, b->map_bytes);
    *b = (guard_buf){0};
}
