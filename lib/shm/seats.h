/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SEATS_H
#define GANGER_SHM_SEATS_H

/*
 * Which participants of a ring are taken
 *
 * Pure. Numbers go from 1 to SEATS_PARTICIPANTS; a seat is a block of consecutive ones. Each allocation has a
 * generation of its own, so that words which an earlier holder left are told from those of this one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shm/layout.h"

#define SEATS_PARTICIPANTS RING_PARTICIPANTS

struct seats {
        uint64_t taken[(SEATS_PARTICIPANTS + 64) / 64]; /* a bit for each number; 0 is never free */
        uint8_t generations[SEATS_PARTICIPANTS + 1]; /* of each that is taken, as words have it */
        uint32_t n_taken;
        uint32_t next_generation;       /* from 1 on; in the state memory */
        uint32_t hint;                  /* where to look first */
};

void seats_init(struct seats *s);

/**
 * Take a block.
 * @param count       how many are wanted; with `least`, that many will do.
 * @param ret_count   how many it has.
 * @return 0, or -EUSERS: there is no block of `least`.
 */
int seats_take(struct seats *s, uint32_t count, uint32_t least, uint32_t *ret_first, uint32_t *ret_count,
               uint32_t *ret_generation);

/**
 * Take-over: a block that is known to be held.
 * @return 0; -EINVAL (no such numbers); -EEXIST (somebody else has one of them).
 */
int seats_claim(struct seats *s, uint32_t first, uint32_t count, uint32_t generation);

static inline bool seats_is_taken(const struct seats *s, uint32_t number) {
        return s->taken[number / 64] >> number % 64 & 1;
}

/** Is that number taken, and in that generation (as words have it)? */
static inline bool seats_has(const struct seats *s, uint32_t number, uint32_t generation) {
        return seats_is_taken(s, number) && s->generations[number] == (generation & GENERATION_MASK);
}

/** Give a block back. Its holder must be dead and recovered, or never have run. */
void seats_free(struct seats *s, uint32_t first, uint32_t count);

#endif
