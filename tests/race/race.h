/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_RACE_RACE_H
#define GANGER_TESTS_RACE_RACE_H

/*
 * Threads over one mapping: what ThreadSanitizer can see of lib/shm
 *
 * It does not see races between processes, or between two mappings of one file; so threads stand for processes here, each with a
 * participant of its own. What they carry is written and read plainly: only the object's own order keeps them apart.
 *
 * The same program, built for another processor, tells whether what the compiler made of it works there at all.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/object.h"
#include "shm/wait-any.h"

#define RACE_THREADS 4

struct race {
        const char *name;
        struct geometry geometry;
        /** What each thread does. @param who  0 … RACE_THREADS - 1; its participant is one more. */
        void (*thread)(unsigned int who, uint64_t rounds);
        /** Before and after, alone. */
        void (*open)(const struct region *region);
        void (*check)(uint64_t rounds);
};

extern const struct race race_queue, race_queue_heap, race_pipe, race_lossy, race_reliable, race_service, race_semaphore,
        race_monitor, race_counter;

/** Pollers are told here, where the kernel cannot do without. */
extern int race_event_fd;

/** What should never be. */
_Noreturn void race_fail(const char *why);

/** Wait among other things. It is no promise: another may be faster. */
void race_wait_any(struct wait_item item);

#endif
