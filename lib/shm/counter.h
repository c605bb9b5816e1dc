/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_COUNTER_H
#define GANGER_SHM_COUNTER_H

/*
 * Counters: 64-bit numbers that are changed one by one, and read all at once
 *
 * A read of all of them at one instant needs to know whether a number changed and changed back; so each change must
 * count itself in the very step that makes it. A value of 64 bits leaves no room for that in its word. So the word of a
 * counter says how often it has changed, and in whose cell its value lies: each participant has two cells for each
 * counter, writes the one that the word does not name, and then makes the word name it, by compare-and-swap (as in
 * Anderson and Moir's large load-linked objects, PODC 1995).
 *
 *      word: changes:52 | cell:1 | participant:11
 *
 * There is nothing to recover: killed before the compare-and-swap a participant has changed nothing, killed after it
 * all is done. The cell that a dead one wrote last keeps its value for as long as a word names it: whoever has its
 * number next uses the other one.
 *
 * A `struct counter` is private to one thread at a time: a participant.
 */

#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/region.h"

#define COUNTERS_MAX 1024

#define COUNTER_PARTICIPANT_BITS 11
#define COUNTER_CELL_BIT (UINT64_C(1) << COUNTER_PARTICIPANT_BITS)
#define COUNTER_CHANGE (UINT64_C(2) << COUNTER_PARTICIPANT_BITS)
/** Participant and cell. */
#define COUNTER_PLACE_MASK (COUNTER_CHANGE - 1)

struct counter_word {
        _Alignas(CACHE_LINE) _Atomic uint64_t word;
};

struct counter {
        struct counter_word *words;
        unsigned char *cells;
        uint32_t n;
        uint32_t stride;                /* bytes of a participant's cells */
        uint32_t participant;
};

size_t counter_memory_size(const struct geometry *g);

/** Open as a participant, held by nobody else; 0: to read only. */
void counter_open(struct counter *c, const struct region *region, uint32_t participant);

/*
 * Each is lock-free: it begins again only when somebody else has changed the same counter. After very many times it gives up
 * (-EAGAIN), which takes somebody who does nothing else. `i` is below `n`.
 */

/** Add, wrapping. @param ret  the value before; may be NULL. */
int counter_add(struct counter *c, uint32_t i, int64_t delta, int64_t *ret);
int counter_set(struct counter *c, uint32_t i, int64_t value);
/** Change it if it is `*expected`. @return also 1: it is not, and `*expected` is what it is. */
int counter_compare_and_swap(struct counter *c, uint32_t i, int64_t *expected, int64_t desired);
int counter_get(const struct counter *c, uint32_t i, int64_t *ret);

/**
 * The first `n` of them as they were at one instant.
 * @param ret    `n` values; spoilt by a failure.
 * @param words  room for `n`.
 * @return 0; -EAGAIN: there was no instant without a change, for very many times.
 */
int counter_snapshot(const struct counter *c, uint32_t n, int64_t *ret, uint64_t *words);

#endif
