/* SPDX-License-Identifier: MIT */

/*
 * The semaphore of one permit, and a plain variable that it guards
 */

#include "race.h"

#include <errno.h>

#include "shm/semaphore.h"

static struct semaphore semaphores[RACE_THREADS];
static uint64_t guarded;

static void semaphore_race_open(const struct region *region) {
        for (uint32_t i = 0; i < RACE_THREADS; i++)
                semaphore_open(&semaphores[i], region, 1 + i, 1, NULL, race_event_fd);
        guarded = 0;
}

static void semaphore_race(unsigned int who, uint64_t rounds) {
        struct semaphore *s = &semaphores[who];

        for (uint64_t i = 0; i < rounds; i++) {
                int r = -EAGAIN;

                while (who % 2 && r == -EAGAIN) {
                        race_wait_any(semaphore_permit_item(s));
                        r = semaphore_try(s);
                }
                if (r == -EAGAIN)
                        r = semaphore_wait(s, UINT64_MAX);
                if (r != 0)
                        race_fail("acquire");
                guarded++;
                if (semaphore_release(s) != 0)
                        race_fail("release");
        }
}

static void semaphore_race_check(uint64_t rounds) {
        if (guarded != RACE_THREADS * rounds)
                race_fail("two had the permit at once");
}

const struct race race_semaphore = {
        .name = "semaphore",
        .geometry = { .kind = OBJECT_SEMAPHORE, .slots = 1 },
        .thread = semaphore_race,
        .open = semaphore_race_open,
        .check = semaphore_race_check,
};
