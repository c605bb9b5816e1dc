/* SPDX-License-Identifier: MIT */

/*
 * What must hold when nobody can go on
 *
 * Nobody sleeps on a lock that is free, or that nobody who lives holds, or that nobody can have; nobody sleeps at a
 * condition for what is there. At the very end: nobody has the lock or has reserved it, no waiter's bit is set for
 * somebody who does not wait, and one who comes then has the lock, and is told what is to be told.
 *
 * Nothing here is a point: the execution stands still.
 */

#include <errno.h>
#include <string.h>

#include "monitor/world.h"

/** Participants of the checks. Those of workers are below, in two groups of waiters. */
#define PARTICIPANT_SETUP 100
#define PARTICIPANT_CHECK 300

struct history history;
const struct scenario *scenario;

static struct actor actors[SIM_WORKERS + 1];

const struct scenario_head *world_scenario(size_t i) {
        return i < n_monitor_scenarios ? &monitor_scenarios[i].head : NULL;
}

void world_choose(size_t i) {
        scenario = &monitor_scenarios[i];
}

uint32_t participant_of(unsigned int who) {
        return who == SETUP ? PARTICIPANT_SETUP : who == 0 ? 65 : who;
}

struct data *world_data(void) {
        return (void *)(&sim_memory[0][0] + sizeof sim_memory - CACHE_LINE);
}

struct region world_region(void) {
        return (struct region){
                .base = sim_memory,
                .size = sizeof sim_memory - CACHE_LINE,
                .geometry = { .kind = OBJECT_MONITOR, .slots = scenario->conditions },
        };
}

static void open_monitor(struct monitor *m, uint32_t participant, uint32_t generation) {
        struct region region = world_region();

        monitor_open(m, &region, participant, generation, 0);
        m->spin = m->condition_spin = 0;
        m->patience = scenario->patience;
}

void actor_init(struct actor *a, unsigned int who, unsigned int incarnation) {
        *a = (struct actor){ .who = who, .incarnation = incarnation };
        open_monitor(&a->monitor, participant_of(who), incarnation + 1);
}

/* ---- the course of an execution ------------------------------------------------------------------ */

void world_reset(void) {
        memset(&history, 0, sizeof history);
        for (unsigned int i = 0; i < SIM_WORKERS; i++)
                sim_members[i].drain = 0;
        memset(sim_memory, 0, offsetof(struct monitor_control, conditions[scenario->conditions + 1]));
        memset(world_data(), 0, sizeof(struct data));
        actor_init(&actors[SETUP], SETUP, 0);
        if (scenario->setup)
                scenario->setup(&actors[SETUP]);
}

void world_run(unsigned int who, unsigned int incarnation) {
        actor_init(&actors[who], who, incarnation);
        if (scenario->body[who])
                scenario->body[who](&actors[who]);
}

static uint64_t owner_now(void) {
        return atomic_load(&actors[SETUP].monitor.control->word) & MONITOR_OWNER;
}

/** Once for each death: recovery may begin again. Who was about to take or to leave the lock held it if the word says so. */
static void note_death(unsigned int who, unsigned int incarnation) {
        bool held = history.holds[who] == DONE ||
                    (history.holds[who] == BEGUN && owner_now() == owner_make(participant_of(who), incarnation + 1));

        if (held) {
                history.owed = YES;
                history.broken = NO;
        } else if (history.holds[who] == BEGUN && history.broken == PERHAPS) {
                history.broken = YES;
                history.owed = NO;
        }
        history.holds[who] = NOT;
}

bool world_recover(unsigned int who, unsigned int incarnation) {
        struct region region = world_region();
        struct object object;
        const struct seat seat = { &object, 0, participant_of(who), 1, incarnation + 1 };

        note_death(who, incarnation);
        object_open(&object, &region, 0);
        sim_say("is recovered:", who);
        recover_process(NULL, &seat, 1, "killed", NULL);
        return scenario->replaced;
}

/* ---- while some may go on later ------------------------------------------------------------------ */

static bool is_held_by_the_living(void) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (history.holds[who] == DONE && owner_now() == actors[who].monitor.owner)
                        return true;
        return false;
}

static void check_sleeper(const struct monitor *m, const volatile void *key) {
        uint64_t w = atomic_load(&m->control->word);

        if (w & MONITOR_UNRECOVERABLE)
                sim_fail("asleep though nobody can have the lock");
        if ((key == &m->control->lock.event || key == &sim_events[0]) && !is_held_by_the_living())
                sim_fail(owner_now() == 0 ? "asleep on a free lock" : "asleep on a lock that nobody holds");
        if (key != &m->control->lock.event && key != &sim_events[0] && owner_now() == 0 && w & MONITOR_INCONSISTENT)
                sim_fail("asleep though a holder died");
        if (key == &m->control->conditions[0].event && owner_now() == 0 && world_data()->items > 0)
                sim_fail("a signal is lost");
}

void world_quiet(void) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (sim_sleeps_on(who))
                        check_sleeper(&actors[SETUP].monitor, sim_sleeps_on(who));
        if (scenario->quiet)
                scenario->quiet();
}

/* ---- at the end ---------------------------------------------------------------------------------- */

/** Does it sleep there, and wait for nothing else? */
static bool sleeps(unsigned int who, const struct eventcount *c) {
        return sim_sleeps_on(who) == &c->event && !actors[who].watches;
}

static bool watches(unsigned int who, const struct eventcount *c) {
        const volatile void *key = sim_sleeps_on(who);

        return actors[who].watches && (key == &c->event || key == &sim_events[0]);
}

static void check_bits(const struct eventcount *c, const _Atomic uint64_t *bits, uint64_t summary,
                       bool (*is_there)(unsigned int who, const struct eventcount *c)) {
        uint64_t expected[WAITER_GROUPS] = { 0 };

        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (is_there(who, c))
                        expected[participant_of(who) / 64] |= UINT64_C(1) << participant_of(who) % 64;
        for (unsigned int i = 0; i < WAITER_GROUPS; i++) {
                if (bits[i] != expected[i])
                        sim_fail("a waiter's bit that nobody owns, or one that is missing");
                if (bits[i] && !(summary >> i & 1))
                        sim_fail("a waiter's group is missing in the summary");
        }
}

static void check_waiters(const struct eventcount *c) {
        check_bits(c, c->sleeping, c->sleepers, sleeps);
}

/** Who waits, and with which thread, as one sees it who looks. */
static void check_sight(const struct monitor *m, uint32_t of, const struct eventcount *c) {
        unsigned int seen = 0, there = 0;
        uint32_t thread;

        for (uint32_t p = 0; (p = monitor_waiter_after(m, of, p, &thread)) != 0; seen++)
                if (thread == 0)
                        sim_fail("a waiter whose thread is not known");
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                there += sleeps(who, c);
        if (seen != there)
                sim_fail("a waiter is not seen");
}

static void check_lock(struct monitor *m) {
        int r = monitor_lock(m, SIM_LONG_AGO), expected = 0;

        if (history.owed == YES)
                expected = -EOWNERDEAD;
        if (history.broken == YES)
                expected = -ENOTRECOVERABLE;
        if (history.broken != PERHAPS && r != expected)
                sim_fail("whoever comes then is told something else");
        if (r == 0 && world_data()->begun != world_data()->done)
                sim_fail("half done at the end, and nobody is told");
        if (r == 0 && (monitor_lock(m, SIM_LONG_AGO) != -EDEADLK || monitor_unlock(m) < 0))
                sim_fail("the lock does not work any more");
        if (monitor_unlock(m) != (r == -EOWNERDEAD ? 0 : -EPERM))
                sim_fail("the lock is not had as it was told");
}

void world_check(void) {
        struct monitor judge;
        struct monitor_view view;
        const struct region region = world_region();

        sim_check_sound(&region);
        open_monitor(&judge, PARTICIPANT_CHECK, 1);
        monitor_look(&judge, &view);
        if (view.participant != 0 || view.unrecoverable != (history.broken == YES))
                sim_fail("the lock is still held");
        if (view.reserved != 0 && !judge.control->lock.stopped)
                sim_fail("the lock is still reserved");
        check_waiters(&judge.control->lock);
        check_bits(&judge.control->lock, judge.control->lock.polling, judge.control->lock.pollers, watches);
        check_sight(&judge, MONITOR_LOCK, &judge.control->lock);
        for (uint32_t i = 0; i < scenario->conditions; i++) {
                check_waiters(&judge.control->conditions[i]);
                check_sight(&judge, i, &judge.control->conditions[i]);
        }
        check_lock(&judge);
}
