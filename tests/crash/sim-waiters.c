/* SPDX-License-Identifier: MIT */

/*
 * What every world demands of an eventcount once all is quiet
 */

#include "sim.h"

#include "shm/layout.h"

/** At any of the places where it sleeps? */
static bool waits(unsigned int who, const volatile void *key) {
        for (unsigned int i = 0; sim_sleeps_at(who, i); i++)
                if (sim_sleeps_at(who, i) == key)
                        return true;
        return false;
}

static void check_bits(uint64_t summary, const _Atomic uint64_t *bits, const volatile void *key,
                       sim_participant_fn participant_of) {
        uint64_t expected[WAITER_GROUPS] = { 0 };

        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (waits(who, key))
                        expected[participant_of(who) / 64] |= UINT64_C(1) << participant_of(who) % 64;
        for (unsigned int i = 0; i < WAITER_GROUPS; i++) {
                uint64_t b = atomic_load((_Atomic uint64_t *)&bits[i]);

                if (b != expected[i])
                        sim_fail("a waiter's bit that nobody owns, or one that is missing");
                if (b && !(summary >> i & 1))
                        sim_fail("a waiter's group is missing in the summary");
        }
}

void sim_check_waiters(const struct eventcount *c, const volatile void *polled, sim_participant_fn participant_of) {
        check_bits(c->sleepers, c->sleeping, &c->event, participant_of);
        if (polled)
                check_bits(c->pollers, c->polling, polled, participant_of);
}
