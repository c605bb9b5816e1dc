/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: counters
 */

#include "fuzz.h"
#include "shm/counter.h"

#define COUNTERS_MAX 4

static struct counter counters[FUZZ_PARTICIPANTS];

static struct geometry counter_geometry(struct input *in) {
        return (struct geometry){ .kind = OBJECT_COUNTER, .slots = 1 + (uint32_t)input_take(in, 1) % COUNTERS_MAX,
                                  .fences = true };
}

static void counter_open_all(const struct region *region) {
        for (uint32_t i = 0; i < FUZZ_PARTICIPANTS; i++)
                counter_open(&counters[i], region, 1 + i);
}

static void counter_act(struct input *in) {
        struct counter *c = &counters[input_take(in, 1) % FUZZ_PARTICIPANTS];
        uint64_t what = input_take(in, 1);
        uint32_t i = (uint32_t)(what >> 3) % c->n;
        int64_t values[COUNTERS_MAX], n = 0;
        uint64_t words[COUNTERS_MAX];

        switch (what % 5) {
        case 0: (void)counter_add(c, i, (int64_t)input_take(in, 8), &n); break;
        case 1: (void)counter_set(c, i, (int64_t)input_take(in, 8)); break;
        case 2: (void)counter_compare_and_swap(c, i, &n, 1); break;
        case 3: (void)counter_get(c, i, &n); break;
        default: (void)counter_snapshot(c, c->n, values, words); break;
        }
}

static void counter_close_all(void) {
}

const struct fuzz_kind fuzz_kind = {
        .geometry = counter_geometry,
        .open = counter_open_all,
        .act = counter_act,
        .close = counter_close_all,
};
