/* SPDX-License-Identifier: MIT */

/*
 * Operations of actors: the real ones, with the history written beside them
 *
 * A permit counts as held from the end of its acquire to the beginning of its release, or to its holder's recovery.
 */

#include <errno.h>

#include "semaphore/world.h"
#include "shm/sys.h"
#include "shm/wait-any.h"

static void hold(struct actor *a) {
        unsigned int held = 0;

        sim_say("holds", ++history[a->who].held);
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (!scenario->outsider[who])
                        held += history[who].held;
        if (held > scenario->slots)
                sim_fail("more permits are held than there are");
}

int op_try(struct actor *a) {
        int r;

        sim_boundary();
        r = semaphore_try(&a->semaphore);
        if (r == 0)
                hold(a);
        else if (r != -EAGAIN)
                sim_fail("try fails");
        return r;
}

void op_acquire(struct actor *a) {
        sim_boundary();
        if (semaphore_wait(&a->semaphore, UINT64_MAX) < 0)
                sim_fail("wait fails");
        else
                hold(a);
}

void op_wait_any(struct actor *a, bool polls) {
        struct wait_item item = semaphore_permit_item(&a->semaphore);

        sim_boundary();
        wait_any_by_descriptors(polls);
        if (wait_any(&item, 1, UINT64_MAX) != 1 || !item.ready)
                sim_fail("waiting for any fails");
}

void op_release(struct actor *a) {
        sim_boundary();
        sim_say("releases", history[a->who].held);
        history[a->who].held--;
        if (semaphore_release(&a->semaphore) < 0)
                sim_fail("release fails");
}

void op_outsider_acquire(struct actor *a) {
        sim_boundary();
        (void)sys_sem_wait(world_tokens(), UINT64_MAX);
        history[a->who].held++;
}

void op_outsider_release(struct actor *a) {
        sim_boundary();
        history[a->who].held--;
        (void)sys_sem_post(world_tokens());
}

/* ---- counters ------------------------------------------------------------------------------------ */

void op_add(struct actor *a, uint32_t i, unsigned int k) {
        enum change *change = &history[a->who].changes[i][k];
        int64_t done, before;

        sim_boundary();
        sim_say("adds", k);
        done = world_done(i);
        *change = BEGUN;
        if (counter_add(&a->counter, i, world_bit(a->who, k), &before) < 0)
                sim_fail("add fails");
        world_judge_value(i, before, done);
        *change = DONE;
}

void op_swap(struct actor *a, uint32_t i, unsigned int k) {
        enum change *change = &history[a->who].changes[i][k];
        int64_t expected = world_done(i);
        int r;

        sim_boundary();
        sim_say("swaps", k);
        *change = BEGUN;
        do {
                int64_t done = world_done(i);

                r = counter_compare_and_swap(&a->counter, i, &expected, expected | world_bit(a->who, k));
                if (r < 0)
                        sim_fail("compare and swap fails");
                if (r == 1)
                        world_judge_value(i, expected, done);
        } while (r == 1);
        *change = DONE;
}

void op_shift(struct actor *a, uint32_t i, int64_t delta) {
        sim_boundary();
        if (counter_add(&a->counter, i, delta, NULL) < 0)
                sim_fail("add fails");
}

void op_get(struct actor *a, uint32_t i) {
        int64_t done, value;

        sim_boundary();
        done = world_done(i) | seen[i];
        if (counter_get(&a->counter, i, &value) < 0)
                sim_fail("get fails");
        world_judge_value(i, value, done);
        seen[i] |= value;
}

bool op_snapshot(struct actor *a, int64_t *ret) {
        uint64_t words[COUNTERS];

        sim_boundary();
        return counter_snapshot(&a->counter, COUNTERS, ret, words) == 0;
}
