/* SPDX-License-Identifier: MIT */

/*
 * Counters: three add to two of them in turn, one reads both at once
 */

#include "race.h"

#include <errno.h>

#include "shm/counter.h"

static struct counter counters[RACE_THREADS];

static void counter_race_open(const struct region *region) {
        for (uint32_t i = 0; i < RACE_THREADS; i++)
                counter_open(&counters[i], region, 1 + i);
}

static void add_all(struct counter *c, uint64_t rounds) {
        for (uint64_t i = 0; i < rounds; i++)
                for (uint32_t k = 0; k < 2; k++)
                        if (counter_add(c, k, 1, NULL) < 0)
                                race_fail("add");
}

/** Each adds to the first before it adds to the second: so the first is ahead, by one for each of them at most. */
static void look(struct counter *c, uint64_t rounds) {
        for (uint64_t i = 0; i < rounds / 10; i++) {
                int64_t values[2];
                uint64_t words[2];
                int r = counter_snapshot(c, 2, values, words);

                if (r < 0 && r != -EAGAIN)
                        race_fail("snapshot");
                if (r == 0 && (values[0] < values[1] || values[0] > values[1] + RACE_THREADS - 1))
                        race_fail("a snapshot that never was");
        }
}

static void counter_race(unsigned int who, uint64_t rounds) {
        if (who == 0)
                look(&counters[who], rounds);
        else
                add_all(&counters[who], rounds);
}

static void counter_race_check(uint64_t rounds) {
        int64_t n;

        for (uint32_t k = 0; k < 2; k++)
                if (counter_get(&counters[0], k, &n) < 0 || n != (int64_t)(rounds * (RACE_THREADS - 1)))
                        race_fail("additions were lost");
}

const struct race race_counter = {
        .name = "counter",
        .geometry = { .kind = OBJECT_COUNTER, .slots = 2 },
        .thread = counter_race,
        .open = counter_race_open,
        .check = counter_race_check,
};
