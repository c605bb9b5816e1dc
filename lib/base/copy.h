/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_COPY_H
#define GANGER_BASE_COPY_H

/*
 * Copying messages, most of which are short
 *
 * Inline, and in steps of 16 bytes, of which the last overlaps. Measured beside memcpy(3): a pipe of 64 B messages carries
 * half as many again. What counts is how many stores stand in line behind one whose cache line is another processor's.
 */

#include <stddef.h>
#include <string.h>

/** Up to here the steps pay off. */
#define COPY_SHORT_MAX 256

/** Two overlapping halves of a size between `half` and twice that; a constant. */
static inline void copy_halves(void *to, const void *from, size_t size, size_t half) {
        memcpy(to, from, half);
        memcpy((char *)to + size - half, (const char *)from + size - half, half);
}

/** @param size  at most COPY_SHORT_MAX, or it takes longer. `from` may be NULL if it is 0. */
static inline void copy_short(void *to, const void *from, size_t size) {
        if (__builtin_expect(size >= 16, 1)) {
                for (size_t i = 0; i + 16 < size; i += 16)
                        memcpy((char *)to + i, (const char *)from + i, 16);
                memcpy((char *)to + size - 16, (const char *)from + size - 16, 16);
        } else if (size >= 8) {
                copy_halves(to, from, size, 8);
        } else if (size >= 4) {
                copy_halves(to, from, size, 4);
        } else if (size >= 2) {
                copy_halves(to, from, size, 2);
        } else if (size == 1) {
                *(char *)to = *(const char *)from;
        }
}

/** As memcpy(3). `from` may be NULL if the size is 0. */
static inline void copy_bytes(void *to, const void *from, size_t size) {
        if (__builtin_expect(size <= COPY_SHORT_MAX, 1))
                copy_short(to, from, size);
        else
                memcpy(to, from, size);
}

#endif
