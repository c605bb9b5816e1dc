/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_FUZZ_FUZZ_H
#define GANGER_TESTS_FUZZ_FUZZ_H

/*
 * Hostile memory: any bytes in an object, and whoever uses, looks at or recovers it must come to an end
 *
 * An input says what is done: first to the object as it should be, then to its memory (words are overwritten, as a hostile
 * member could, at places that matter more often than elsewhere), and then again to the object. Around the memory are
 * pages that nobody may touch. One target for each kind: fuzz-object.c, and a `fuzz_kind`.
 */

#include <stddef.h>
#include <stdint.h>

#include "shm/object.h"
#include "shm/wait-any.h"

/** What is left of an input. At its end it is all zeroes. */
struct input {
        const uint8_t *data;
        size_t size;
};

/** The next bytes of an input, 1 to 8, as a number. */
uint64_t input_take(struct input *in, unsigned int bytes);

/** Participants that do something, and that are recovered. */
#define FUZZ_PARTICIPANTS 3
#define FUZZ_GENERATION 1
/** A deadline that has passed: a wait looks, announces itself, and ends. */
#define FUZZ_LONG_AGO 1

struct fuzz_kind {
        /** A sound geometry, small. */
        struct geometry (*geometry)(struct input *in);
        /** Open what the participants need. */
        void (*open)(const struct region *region);
        /** Do one thing as one of them. */
        void (*act)(struct input *in);
        /** Give up what is open, without touching the memory. */
        void (*close)(void);
};

/** Of the kind that this target is for. */
extern const struct fuzz_kind fuzz_kind;

/** Read so many bytes: whoever was given them may. */
void fuzz_read(const volatile void *data, size_t size);

/** Wait among other things, until long ago. */
void fuzz_wait_any(struct wait_item item);

#endif
