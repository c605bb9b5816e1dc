/* SPDX-License-Identifier: MIT */

/*
 * The monitor: a plain variable that it guards, and a condition that two wait for while two signal
 */

#include "race.h"

#include "shm/monitor.h"

static struct monitor monitors[RACE_THREADS];
static uint64_t guarded, stock;

static void monitor_race_open(const struct region *region) {
        for (uint32_t i = 0; i < RACE_THREADS; i++)
                monitor_open(&monitors[i], region, 1 + i, 1, race_event_fd);
        guarded = stock = 0;
}

/** Two of them wait for the lock among other things. */
static void lock(struct monitor *m) {
        int r = -EAGAIN;

        while (m >= &monitors[RACE_THREADS / 2] && r == -EAGAIN) {
                race_wait_any(monitor_lock_item(m));
                r = monitor_try(m);
        }
        if (r == -EAGAIN)
                r = monitor_lock(m, UINT64_MAX);
        if (r != 0)
                race_fail("lock");
}

static void unlock(struct monitor *m) {
        if (monitor_unlock(m) != 0)
                race_fail("unlock");
}

static void put(struct monitor *m, uint64_t rounds) {
        for (uint64_t i = 0; i < rounds; i++) {
                lock(m);
                guarded++;
                stock++;
                unlock(m);
                (void)monitor_signal(m, 0);
        }
}

static void take(struct monitor *m, uint64_t rounds) {
        for (uint64_t i = 0; i < rounds; i++) {
                lock(m);
                while (stock == 0)
                        if (monitor_wait(m, 0, UINT64_MAX, NULL) < 0)
                                race_fail("wait");
                stock--;
                guarded++;
                unlock(m);
        }
}

static void monitor_race(unsigned int who, uint64_t rounds) {
        if (who % 2 == 0)
                put(&monitors[who], rounds);
        else
                take(&monitors[who], rounds);
}

static void monitor_race_check(uint64_t rounds) {
        if (guarded != RACE_THREADS * rounds || stock != 0)
                race_fail("two had the lock at once");
}

const struct race race_monitor = {
        .name = "monitor",
        .geometry = { .kind = OBJECT_MONITOR, .slots = 1 },
        .thread = monitor_race,
        .open = monitor_race_open,
        .check = monitor_race_check,
};
