/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_VYUKOV_H
#define GANGER_BENCH_VYUKOV_H

/*
 * A plain bounded queue after Dmitry Vyukov, to compare with
 *
 * NOT kill-safe: a process that dies between its claim and its publication stops everybody behind it for
 * good, and one that dies after it received takes the message with it. It is what such a queue costs
 * without those promises. Called as ours is: functions of another file, geometry known when it runs, the
 * payload copied in and out.
 */

#include <stddef.h>
#include <stdint.h>

struct vyukov {
        unsigned char *cells;
        struct vyukov_positions *positions;
        uint64_t mask;
        size_t stride;
        uint32_t message_max;
};

size_t vyukov_memory_size(uint32_t slots, uint32_t message_max);

/** Write an empty queue to zeroed memory. @param slots  a power of two. */
void vyukov_create(void *memory, uint32_t slots, uint32_t message_max);
void vyukov_open(struct vyukov *q, void *memory, uint32_t slots, uint32_t message_max);

/** @return 0, -EAGAIN (full), -EMSGSIZE. */
int vyukov_send(struct vyukov *q, const void *data, size_t size);

/** @param buf  of `message_max` bytes. @return 0, -EAGAIN (empty). */
int vyukov_receive(struct vyukov *q, void *buf, size_t *ret_size);

#endif
