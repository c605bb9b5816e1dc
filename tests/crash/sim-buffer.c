/* SPDX-License-Identifier: MIT */

/*
 * Store buffers, as x86 has them (TSO)
 *
 * A store may take effect later than what its fiber does next, until the fiber makes an atomic
 * read-modify-write or a full barrier, enters the kernel, or dies: then the processor writes out what has retired. Stores keep
 * their order. Only atomic stores can be kept back: a plain one is made by compiled code and cannot be withheld,
 * so it flushes what is older first.
 */

#include <string.h>

#include "sim.h"

#define BUFFER_MAX 64

static struct store_buffer {
        unsigned int n;
        struct {
                volatile void *p;
                uint64_t value;
                unsigned int size;
        } stores[BUFFER_MAX];
} buffers[SIM_FIBERS];

void buffer_reset(void) {
        for (unsigned int i = 0; i < SIM_FIBERS; i++)
                buffers[i].n = 0;
}

bool buffer_is_empty(unsigned int fiber) {
        return buffers[fiber].n == 0;
}

void buffer_flush(unsigned int fiber) {
        struct store_buffer *b = &buffers[fiber];

        for (unsigned int i = 0; i < b->n; i++)
                memcpy((void *)b->stores[i].p, &b->stores[i].value, b->stores[i].size);
        b->n = 0;
}

void buffer_put(unsigned int fiber, volatile void *p, uint64_t value, unsigned int size) {
        struct store_buffer *b = &buffers[fiber];

        if (b->n == BUFFER_MAX)
                buffer_flush(fiber);
        b->stores[b->n].p = p;
        b->stores[b->n].value = value;
        b->stores[b->n].size = size;
        b->n++;
}

bool buffer_get(unsigned int fiber, const volatile void *p, uint64_t *ret) {
        const struct store_buffer *b = &buffers[fiber];

        for (unsigned int i = b->n; i > 0; i--)
                if (b->stores[i - 1].p == p) {
                        *ret = b->stores[i - 1].value;
                        return true;
                }
        return false;
}
