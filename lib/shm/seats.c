/* SPDX-License-Identifier: MIT */
/*
 * Which participants of a ring are taken
 *
 * A bitmap, searched from where the last block was found: numbers are used in turn, so that one that was given back
 * rests as long as possible before somebody else has it.
 */

#include "shm/seats.h"

#include <errno.h>
#include <string.h>

void seats_init(struct seats *s) {
        *s = (struct seats){ .next_generation = 1, .hint = 1 };
        s->taken[0] = 1;
}

static void set_taken(struct seats *s, uint32_t first, uint32_t count, bool taken) {
        for (uint32_t i = first; i < first + count; i++)
                if (taken)
                        s->taken[i / 64] |= UINT64_C(1) << (i % 64);
                else
                        s->taken[i / 64] &= ~(UINT64_C(1) << (i % 64));
        s->n_taken += taken ? count : -count;
}

static void set_generation(struct seats *s, uint32_t first, uint32_t count, uint32_t generation) {
        for (uint32_t i = first; i < first + count; i++)
                s->generations[i] = (uint8_t)(generation & GENERATION_MASK);
}

/* The first block of `count` free numbers in [from, to], or 0. */
static uint32_t find_block(const struct seats *s, uint32_t from, uint32_t to, uint32_t count) {
        uint32_t run = 0;

        for (uint32_t i = from; i <= to; i++) {
                run = seats_is_taken(s, i) ? 0 : run + 1;
                if (run == count)
                        return i - count + 1;
        }
        return 0;
}

static uint32_t find_anywhere(const struct seats *s, uint32_t count) {
        uint32_t first = find_block(s, s->hint, SEATS_PARTICIPANTS, count);

        return first ? first : find_block(s, 1, SEATS_PARTICIPANTS, count);
}

int seats_take(struct seats *s, uint32_t count, uint32_t least, uint32_t *ret_first, uint32_t *ret_count,
               uint32_t *ret_generation) {
        for (uint32_t n = count; n >= least && n > 0; n--) {
                uint32_t first = find_anywhere(s, n);

                if (first == 0)
                        continue;
                set_taken(s, first, n, true);
                s->hint = first + n > SEATS_PARTICIPANTS ? 1 : first + n;
                *ret_first = first;
                *ret_count = n;
                *ret_generation = s->next_generation++;
                set_generation(s, first, n, *ret_generation);
                return 0;
        }
        return -EUSERS;
}

int seats_claim(struct seats *s, uint32_t first, uint32_t count, uint32_t generation) {
        if (first == 0 || count == 0 || first > SEATS_PARTICIPANTS || count > SEATS_PARTICIPANTS - first + 1)
                return -EINVAL;
        for (uint32_t i = first; i < first + count; i++)
                if (seats_is_taken(s, i))
                        return -EEXIST;
        set_taken(s, first, count, true);
        set_generation(s, first, count, generation);
        if ((int32_t)(generation + 1 - s->next_generation) > 0)
                s->next_generation = generation + 1;
        return 0;
}

void seats_free(struct seats *s, uint32_t first, uint32_t count) {
        set_taken(s, first, count, false);
}
