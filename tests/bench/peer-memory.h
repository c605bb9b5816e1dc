/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_PEER_MEMORY_H
#define GANGER_BENCH_PEER_MEMORY_H

/*
 * Memory for peers that are compiled for the run: they see nothing of the bench that loads them
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/** Shared with children, zeroed, touched. */
static inline void *peer_memory_new(size_t size) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                abort();
        return memset(p, 0, size);
}

static inline void peer_memory_free(void *p, size_t size) {
        munmap(p, size);
}

#endif
