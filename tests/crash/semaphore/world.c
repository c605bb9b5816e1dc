/* SPDX-License-Identifier: MIT */

/*
 * What must hold when nobody can go on
 *
 * First: nobody sleeps while a permit is there for it. At the very end: no permit is held by somebody who is dead, nobody is taken for a waiter
 * who is none, all permits can be had, no token is lost but with an outsider, and no more are there than deaths may have left. A counter has every change that was done, and none that was not begun.
 *
 * Nothing here is a point: the execution stands still.
 */

#include <errno.h>
#include <string.h>

#include "semaphore/world.h"
#include "shm/semaphore-posix.h"
#include "shm/sys.h"

/** The participant of the checks. Those of workers are below, in two groups of waiters. */
#define PARTICIPANT_CHECK 90

struct history history[SIM_WORKERS];
int64_t seen[COUNTERS];
const struct scenario *scenario;

static struct region region;
static struct actor actors[SIM_WORKERS];
static unsigned int tokens_in_doubt;     /* calls of sem_wait() or sem_post() that recovery cannot know the end of */

const struct scenario_head *world_scenario(size_t i) {
        return i < n_semaphore_scenarios ? &semaphore_scenarios[i].head : NULL;
}

void world_choose(size_t i) {
        scenario = &semaphore_scenarios[i];
}

/** Beside the object itself. */
sem_t *world_tokens(void) {
        return (void *)sim_memory[1];
}

static uint32_t participant_of(unsigned int who) {
        return who == 0 ? 65 : who;
}

static bool has_tokens(void) {
        return scenario->policy == SEMAPHORE_POSIX;
}

static void open_semaphore(struct semaphore *s, uint32_t participant, uint32_t generation) {
        semaphore_open(s, &region, participant, generation, has_tokens() ? world_tokens() : NULL, 0);
}

/* ---- the course of an execution ------------------------------------------------------------------ */

/* The memory ends after the participants that there are: what lies beyond is not touched. */
void world_reset(void) {
        memset(history, 0, sizeof history);
        memset(seen, 0, sizeof seen);
        memset(sim_memory[0], 0, SIM_RING_BYTES);
        region = (struct region){
                .base = sim_memory[0],
                .size = SIM_RING_BYTES,
                .geometry = { .kind = scenario->kind, .slots = scenario->slots, .policy = scenario->policy },
        };
        memset(world_tokens(), 0, sizeof(sem_t));
        for (uint32_t i = 0; has_tokens() && i < scenario->slots; i++)
                (void)sys_sem_post(world_tokens());
        tokens_in_doubt = 0;
}

void world_run(unsigned int who, unsigned int incarnation) {
        struct actor *a = &actors[who];

        *a = (struct actor){ .who = who, .incarnation = incarnation };
        if (!scenario->body[who])
                return;
        if (scenario->kind == OBJECT_SEMAPHORE)
                open_semaphore(&a->semaphore, participant_of(who), incarnation + 1);
        else
                counter_open(&a->counter, &region, participant_of(who));
        scenario->body[who](a);
}

bool world_recover(unsigned int who, unsigned int incarnation) {
        const struct member member = { &sim_members[who] };
        struct object object;
        struct seat seat = { &object, 0, participant_of(who), 1, incarnation + 1 };

        object_open(&object, &region, 0);
        if (scenario->kind == OBJECT_SEMAPHORE)
                object.semaphore.tokens = has_tokens() ? world_tokens() : NULL;
        tokens_in_doubt++;
        history[who].held = 0;
        if (scenario->outsider[who])
                return false;
        sim_say("is recovered:", who);
        recover_process(&member, &seat, 1, "killed", NULL);
        return scenario->replaced;
}

/* ---- while some may go on later ------------------------------------------------------------------ */

static uint32_t permits_there(const struct semaphore *s) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->n; i++)
                n += semaphore_holder(s, i) == 0;
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (scenario->outsider[who])
                        n -= n > 0 ? history[who].held : 0;
        return n;
}

/** In the midst of a call it may have had a token, or not: how many are left nobody knows. */
static bool outsider_has_died(void) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (scenario->outsider[who] && !sim_is_done(who) && !sim_sleeps_on(who))
                        return true;
        return false;
}

void world_quiet(void) {
        struct semaphore s;

        if (scenario->kind == OBJECT_SEMAPHORE) {
                open_semaphore(&s, 0, 0);
                for (unsigned int who = 0; who < SIM_WORKERS; who++)
                        if (sim_sleeps_on(who) && permits_there(&s) > 0 && !outsider_has_died())
                                sim_fail("asleep while a permit is free");
        }
        if (scenario->quiet)
                scenario->quiet();
}

/* ---- at the end ---------------------------------------------------------------------------------- */

static void check_holders(const struct semaphore *s) {
        unsigned int held = 0, expected = 0;

        for (uint32_t i = 0; i < s->n; i++)
                held += semaphore_holder(s, i) != 0;
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                expected += scenario->outsider[who] ? 0 : history[who].held;
        if (held != expected)
                sim_fail(held > expected ? "a permit is held by nobody who lives" : "a permit is free, and held");
}

/** Does it sleep, and wait for other things, too? */
static bool watches(const struct semaphore *s, unsigned int who) {
        const volatile void *key = sim_sleeps_on(who);

        return key == &s->waiting.count->event || key == &sim_events[0];
}

static void check_bits(const struct semaphore *s) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++) {
                uint32_t p = participant_of(who);
                bool polls = atomic_load(&s->waiting.count->polling[p / 64]) >> p % 64 & 1;
                bool sleeps = sim_sleeps_on(who) && !watches(s, who);

                if (!scenario->outsider[who] && (semaphore_is_waiting(s, p) != sleeps || polls != watches(s, who)))
                        sim_fail("a waiter that nobody is, or one that is missing");
        }
}

/** No death of a member loses a token; each, and each of a recovery, may leave one too many. */
static void check_tokens(struct semaphore *s) {
        unsigned int value = sys_sem_value(world_tokens()), held = 0;

        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                held += history[who].held;
        if (value + held < s->n && !outsider_has_died())
                sim_fail("a token is lost");
        if (value + held > s->n + tokens_in_doubt)
                sim_fail("too many tokens");
}

/** All that nobody holds can be had, and no more; then, with tokens, none is too many any longer. */
static void check_capacity(uint32_t there) {
        struct semaphore s;

        open_semaphore(&s, PARTICIPANT_CHECK, 1);
        for (uint32_t i = 0; i < there; i++)
                if (semaphore_try(&s) < 0)
                        sim_fail("a permit is lost");
        if (semaphore_try(&s) != -EAGAIN)
                sim_fail("more permits than there are");
        if (s.tokens && sys_sem_value(s.tokens) != 0)
                sim_fail("a token stays that is one too many");
        while (s.held > 0)
                if (semaphore_release(&s) < 0)
                        sim_fail("release fails");
        if (semaphore_release(&s) != -EPERM)
                sim_fail("released more than was held");
}

static void check_semaphore(void) {
        struct semaphore s;

        open_semaphore(&s, 0, 0);
        check_holders(&s);
        check_bits(&s);
        if (has_tokens())
                check_tokens(&s);
        if (!outsider_has_died())
                check_capacity(permits_there(&s));
}

/* ---- counters ------------------------------------------------------------------------------------ */

int64_t world_bit(unsigned int who, unsigned int k) {
        return INT64_C(1) << (who * CHANGES_PER_WORKER + k);
}

static int64_t changes(uint32_t i, enum change least) {
        int64_t bits = 0;

        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                for (unsigned int k = 0; k < CHANGES_PER_WORKER; k++)
                        if (history[who].changes[i][k] >= least)
                                bits |= world_bit(who, k);
        return bits;
}

int64_t world_done(uint32_t i) {
        return changes(i, DONE);
}

void world_judge_value(uint32_t i, int64_t value, int64_t done) {
        if (done & ~value)
                sim_fail("a change of a counter is lost");
        if (value & ~changes(i, BEGUN))
                sim_fail("a counter has a change that nobody made");
}

static void check_counters(void) {
        struct counter c;
        int64_t value;

        counter_open(&c, &region, PARTICIPANT_CHECK);
        for (uint32_t i = 0; i < COUNTERS; i++) {
                if (counter_get(&c, i, &value) < 0)
                        sim_fail("get fails");
                if (changes(i, BEGUN) != 0)
                        world_judge_value(i, value, world_done(i));
                if (counter_set(&c, i, INT64_MIN) < 0 || counter_get(&c, i, &value) < 0 || value != INT64_MIN)
                        sim_fail("a counter cannot be set");
        }
}

void world_check(void) {
        sim_check_sound(&region);
        if (scenario->kind == OBJECT_SEMAPHORE)
                check_semaphore();
        else
                check_counters();
}
