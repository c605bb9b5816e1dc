/* SPDX-License-Identifier: MIT */

/*
 * Changing and reading counters
 *
 * add, set and compare_and_swap linearise at the compare-and-swap of the word. No two words of a counter are the same,
 * so one that is found again unchanged was so all the while, and nobody wrote the cell that it names. get linearises at
 * its first read of the word; a compare_and_swap that fails, likewise. snapshot is a double collect (Afek et al., JACM
 * 1993): it reads all words and cells, then all words again; if none changed, it linearises anywhere between the two.
 * Those that collect give nobody to wait for, nor do they help each other: a snapshot may fail while others change
 * counters all the time.
 *
 * Orders. A cell is written before the word names it: release of the compare-and-swap, acquire of whoever reads the
 * word. It is written again only when its owner has seen the word name another: so whoever reads such a later value
 * from it (acquire, of that release) sees the word changed too. The words are read in sequential order, so that the two
 * collects have an instant between them.
 */

#include "shm/counter.h"

#include <errno.h>
#include <stdbool.h>

#include "shm/fault.h"

/** So often in a row nobody loses to others who have anything else to do. */
#define CHANGE_TRIES (1 << 20)
#define SNAPSHOT_TRIES (1 << 14)

/* ---- memory ---------------------------------------------------------------------------------------- */

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t words_offset(void) {
        return align_up(sizeof(struct region_header), CACHE_LINE);
}

static size_t cells_offset(const struct geometry *g) {
        return words_offset() + sizeof(struct counter_word) * g->slots;
}

static size_t cells_stride(const struct geometry *g) {
        return align_up(2 * sizeof(int64_t) * g->slots, CACHE_LINE);
}

size_t counter_memory_size(const struct geometry *g) {
        return align_up(cells_offset(g) + cells_stride(g) * (RING_PARTICIPANTS + 1), REGION_PAGE);
}

_Static_assert(RING_PARTICIPANTS == (1 << COUNTER_PARTICIPANT_BITS) - 1, "whatever a word names is a participant");

void counter_open(struct counter *c, const struct region *region, uint32_t participant) {
        unsigned char *base = region->base;

        *c = (struct counter){
                .words = (void *)(base + words_offset()),
                .cells = base + cells_offset(&region->geometry),
                .n = region->geometry.slots,
                .stride = (uint32_t)cells_stride(&region->geometry),
                .participant = participant,
        };
}

static inline uint64_t load_word(const struct counter *c, uint32_t i) {
        return atomic_load_explicit(&c->words[i].word, memory_order_seq_cst);
}

/** The cell that a word names. */
static inline _Atomic int64_t *cell(const struct counter *c, uint32_t i, uint64_t word) {
        unsigned char *mine = c->cells + (size_t)c->stride * (word & RING_PARTICIPANTS);

        return (_Atomic int64_t *)(void *)mine + 2 * i + ((word & COUNTER_CELL_BIT) != 0);
}

/** It is the value only if the word is found unchanged afterwards. */
static inline int64_t load_cell(const struct counter *c, uint32_t i, uint64_t word) {
        return atomic_load_explicit(cell(c, i, word), memory_order_acquire);
}

/* ---- changing -------------------------------------------------------------------------------------- */

/** The word that follows: it names that cell of ours which is not in use. */
static inline uint64_t next_word(const struct counter *c, uint64_t word) {
        uint64_t place = word & COUNTER_PLACE_MASK;
#if SHM_FAULT == FAULT_COUNTER_CELL_IN_USE
        uint64_t mine = c->participant;
#else
        uint64_t mine = place == c->participant ? c->participant | COUNTER_CELL_BIT : c->participant;
#endif

#if SHM_FAULT == FAULT_COUNTER_NO_CHANGE
        return word - place + mine;
#else
        return word - place + COUNTER_CHANGE + mine;
#endif
}

/** Replace the value that `*word` names. @return whether nobody was faster; else `*word` is the word of now. */
static inline bool replace(struct counter *c, uint32_t i, uint64_t *word, int64_t value) {
        uint64_t next = next_word(c, *word);

#if SHM_FAULT == FAULT_COUNTER_CELL_LATE
        if (!atomic_compare_exchange_strong(&c->words[i].word, word, next))
                return false;
        atomic_store(cell(c, i, next), value);
        return true;
#else
        atomic_store_explicit(cell(c, i, next), value, memory_order_release);
        return atomic_compare_exchange_strong_explicit(&c->words[i].word, word, next, memory_order_seq_cst,
                                                       memory_order_seq_cst);
#endif
}

int counter_add(struct counter *c, uint32_t i, int64_t delta, int64_t *ret) {
        uint64_t word = load_word(c, i);

        for (unsigned int tries = 0; tries < CHANGE_TRIES; tries++) {
                int64_t value = load_cell(c, i, word);

                if (!replace(c, i, &word, (int64_t)((uint64_t)value + (uint64_t)delta)))
                        continue;
                if (ret)
                        *ret = value;
                return 0;
        }
        return -EAGAIN;
}

int counter_set(struct counter *c, uint32_t i, int64_t value) {
        uint64_t word = load_word(c, i);

        for (unsigned int tries = 0; tries < CHANGE_TRIES; tries++)
                if (replace(c, i, &word, value))
                        return 0;
        return -EAGAIN;
}

int counter_compare_and_swap(struct counter *c, uint32_t i, int64_t *expected, int64_t desired) {
        uint64_t word = load_word(c, i);

        for (unsigned int tries = 0; tries < CHANGE_TRIES; tries++) {
                int64_t value = load_cell(c, i, word);

                if (value == *expected) {
                        if (replace(c, i, &word, desired))
                                return 0;
                } else {
                        uint64_t again = load_word(c, i);

                        if (again == word) {
                                *expected = value;
                                return 1;
                        }
                        word = again;
                }
        }
        return -EAGAIN;
}

/* ---- reading --------------------------------------------------------------------------------------- */

int counter_get(const struct counter *c, uint32_t i, int64_t *ret) {
        uint64_t word = load_word(c, i);

        for (unsigned int tries = 0; tries < CHANGE_TRIES; tries++) {
                int64_t value = load_cell(c, i, word);
                uint64_t again = load_word(c, i);

                if (again == word || SHM_FAULT == FAULT_COUNTER_GET_UNCHECKED) {
                        *ret = value;
                        return 0;
                }
                word = again;
        }
        return -EAGAIN;
}

static void collect(const struct counter *c, uint32_t n, int64_t *ret, uint64_t *words) {
        for (uint32_t i = 0; i < n; i++) {
                words[i] = load_word(c, i);
                ret[i] = load_cell(c, i, words[i]);
        }
}

static bool is_unchanged(const struct counter *c, uint32_t n, const uint64_t *words) {
        for (uint32_t i = 0; i < n; i++)
                if (load_word(c, i) != words[i])
                        return false;
        return true;
}

int counter_snapshot(const struct counter *c, uint32_t n, int64_t *ret, uint64_t *words) {
        for (unsigned int tries = 0; tries < SNAPSHOT_TRIES; tries++) {
                collect(c, n, ret, words);
                if (is_unchanged(c, n, words) || SHM_FAULT == FAULT_SNAPSHOT_ONE_COLLECT)
                        return 0;
        }
        return -EAGAIN;
}
