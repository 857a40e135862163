/* SPDX-License-Identifier: MIT */
/** Memory that every run of a model passes through: from 2 MiB on in large pages, where the system gives them on request. */
#ifndef CYNF_LARGE_H
#define CYNF_LARGE_H

#include <stdlib.h>
#include <sys/mman.h>

#define CYNF_LARGE_PAGE ((size_t)2 << 20)

/**
 * bytes, 64-byte aligned, uninitialised, to be freed with free(); NULL: out of memory. One entry of a TLB then covers what 512 do otherwise, and which sets of the L2
 * cache a tensor falls into does not depend on where the system found pages. What is left over behind the last whole large page is in small ones.
 */
static inline void *cynf_alloc_large(size_t bytes)
{
    void *p;
    if (posix_memalign(&p, bytes < CYNF_LARGE_PAGE ? 64 : CYNF_LARGE_PAGE, bytes))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= CYNF_LARGE_PAGE)
        (void)madvise(p, bytes / CYNF_LARGE_PAGE * CYNF_LARGE_PAGE, MADV_HUGEPAGE); /* a kernel without them says no: the memory is as good, only slower */
#endif
    return p;
}

#endif
