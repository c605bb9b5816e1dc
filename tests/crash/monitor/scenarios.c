/* SPDX-License-Identifier: MIT */

/*
 * Scenarios: short programs for three workers
 *
 * A replacement runs the body of the one it replaces. Workers that loop for ever are meant to end asleep: the checks tell
 * whether they may.
 */

#include <errno.h>

#include "monitor/world.h"

#define GATE 0
#define OTHER 1
/** More often than this nobody is told in vain, with so few others. */
#define VAIN_MAX 8

/* ---- the lock ------------------------------------------------------------------------------------ */

/** @return whether the lock is held, and what it guards is whole. */
static bool answer(struct actor *a, int r) {
        if (r == -EOWNERDEAD) {
                op_repair(a);
                r = 0;
        }
        return r == 0;
}

static bool enter(struct actor *a) {
        return answer(a, op_lock(a, NO_LIMIT));
}

static void change_once(struct actor *a) {
        if (!enter(a))
                return;
        op_change(0);
        op_unlock(a);
}

/** Until nobody else is faster. Nobody else needs to run for that but who has the lock, or has reserved it. */
static void lock_any(struct actor *a, bool polls) {
        int r = -EAGAIN;

        for (unsigned int tries = 0; r == -EAGAIN; tries++) {
                r = op_lock_any(a, polls);
                if (tries == VAIN_MAX)
                        sim_fail("told again and again of a lock that cannot be had");
        }
        if (!answer(a, r))
                return;
        op_change(0);
        op_unlock(a);
}

static void watch(struct actor *a) {
        lock_any(a, false);
}

static void watch_by_descriptor(struct actor *a) {
        lock_any(a, true);
}

static void change_twice(struct actor *a) {
        change_once(a);
        change_once(a);
}

static void hold(struct actor *a) {
        if (!enter(a))
                return;
        op_change(0);
        sim_hold();
        op_unlock(a);
}

static void give_up(struct actor *a) {
        if (!answer(a, op_lock(a, SIM_LONG_AGO)))
                return;
        op_change(0);
        op_unlock(a);
}

static void hold_twice(struct actor *a) {
        hold(a);
        hold(a);
}

/** One who reserved the lock was stopped before it had it. */
static void setup_stopped(struct actor *a) {
        struct region region = world_region();
        struct object object;

        object_open(&object, &region, -1);
        object.ops->set_stopped(&object, 1);
        atomic_store(&a->monitor.control->reserved, a->monitor.owner);
}

static void nobody_waits_for_long(void) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (sim_sleeps_on(who))
                        sim_fail("one who is stopped stops others");
}

/** Whoever held it last died. */
static void setup_dead(struct actor *a) {
        struct region region = world_region();
        struct object object;
        const struct seat seat = { &object, 0, participant_of(SETUP), 1, 1 };

        object_open(&object, &region, -1);
        monitor_lock(&a->monitor, SIM_LONG_AGO);
        world_data()->begun++;
        recover_process(NULL, &seat, 1, "killed", NULL);
        history.owed = YES;
}

static void spoil(struct actor *a) {
        int r = op_lock(a, NO_LIMIT);

        if (r == -EOWNERDEAD && op_wait(a, GATE, NO_LIMIT, false) != -EOWNERDEAD)
                sim_fail("a wait begins in an inconsistent state");
        if (r == 0 || r == -EOWNERDEAD) {
                sim_hold();
                op_unlock(a);
        }
}

/* ---- conditions ---------------------------------------------------------------------------------- */

static void produce(struct actor *a) {
        if (!enter(a))
                return;
        op_change(1);
        op_signal(a, GATE);
        op_unlock(a);
}

static void produce_2(struct actor *a) {
        produce(a);
        produce(a);
}

static void produce_and_signal_after(struct actor *a) {
        if (!enter(a))
                return;
        op_change(1);
        op_unlock(a);
        op_signal(a, GATE);
}

/** With the lock held: wait until there is an item. @return whether the lock is still held, and there is one. */
static bool await(struct actor *a, uint64_t deadline, bool drains) {
        int r = 0;

        while (r != -ETIMEDOUT && r != -ESHUTDOWN && world_data()->items == 0) {
                r = op_wait(a, GATE, deadline, drains);
                if (r == -ENOTRECOVERABLE)
                        return false;
                if (r == -EOWNERDEAD)
                        op_repair(a);
        }
        if (world_data()->items > 0)
                return true;
        op_unlock(a);
        return false;
}

static void consume_one(struct actor *a) {
        if (!enter(a) || !await(a, NO_LIMIT, false))
                return;
        op_change(-1);
        op_unlock(a);
}

static void consume(struct actor *a) {
        for (;;)
                consume_one(a);
}

static void consume_in_time(struct actor *a) {
        if (!enter(a) || !await(a, SIM_LONG_AGO, false))
                return;
        op_change(-1);
        op_unlock(a);
}

static void consume_until_drained(struct actor *a) {
        while (enter(a) && await(a, NO_LIMIT, true)) {
                op_change(-1);
                op_unlock(a);
        }
}

/** As the manager does it: the flag, then everybody is woken. */
static void drain_1(struct actor *a) {
        sim_boundary();
        atomic_store_explicit(&sim_members[1].drain, 1, memory_order_release);
        monitor_wake_conditions(&a->monitor);
}

static void drained_must_be_done(void) {
        if (sim_is_done(0) && sim_sleeps_on(1))
                sim_fail("asleep though it is to drain");
}

/** The items are a gate: it stays open. */
static void open_gate(struct actor *a) {
        if (!enter(a))
                return;
        op_change(1);
        op_broadcast(a, GATE);
        op_unlock(a);
}

static void pass_gate(struct actor *a) {
        if (enter(a) && await(a, NO_LIMIT, false))
                op_unlock(a);
}

/** Two conditions, and each side waits for the other. */
static void play_ping(struct actor *a) {
        if (!enter(a))
                return;
        op_change(1);
        op_signal(a, GATE);
        while (world_data()->items > 0)
                if (!answer(a, op_wait(a, OTHER, NO_LIMIT, false)))
                        return;
        op_unlock(a);
}

static void play_pong(struct actor *a) {
        while (enter(a) && await(a, NO_LIMIT, false)) {
                op_change(-1);
                op_signal(a, OTHER);
                op_unlock(a);
        }
}

static void players_must_be_done(void) {
        if (sim_deaths() == 0 && !sim_is_done(0))
                sim_fail("two who wait for each other");
}

const struct scenario monitor_scenarios[] = {
        { .head = { .name = "lock", .what = "two lock, one of them twice", .delays = true },
          .patience = 4, .replaced = true, .body = { change_twice, change_once } },
        { .head = { .name = "held", .what = "one holds it for long, two wait", .switches = 2, .delays = true },
          .patience = 4, .body = { hold, change_once, change_once } },
        { .head = { .name = "reserve", .what = "whoever is woken in vain once has the lock next", .delays = true },
          .patience = 1, .replaced = true, .body = { hold_twice, change_once } },
        { .head = { .name = "reserve-at-once", .what = "whoever cannot have it at once has it next", .switches = 2,
                    .delays = true },
          .patience = 0, .body = { change_once, change_once, change_once } },
        { .head = { .name = "give-up", .what = "one has reserved it, and gives up", .switches = 2, .delays = true },
          .patience = 0, .body = { change_once, give_up, change_once } },
        { .head = { .name = "stopped", .what = "one who is stopped has reserved the lock" }, .setup = setup_stopped,
          .quiet = nobody_waits_for_long, .patience = 4, .body = { change_once, change_once, change_once } },
        { .head = { .name = "dead", .what = "whoever held it last died" }, .setup = setup_dead, .patience = 4,
          .replaced = true, .body = { change_once, change_once } },
        { .head = { .name = "spoilt", .what = "a lock that nobody can have any more", .switches = 2 },
          .setup = setup_dead, .conditions = 1, .patience = 1, .body = { spoil, change_once, change_once } },
        { .head = { .name = "watch", .what = "two wait for the lock among other things", .delays = true },
          .patience = 4, .replaced = true, .body = { hold, watch, watch } },
        { .head = { .name = "watch-polls", .what = "the same with descriptors", .delays = true, .brief = true },
          .patience = 4, .replaced = true, .body = { hold, watch_by_descriptor, watch_by_descriptor } },
        { .head = { .name = "watch-reserved", .what = "one waits for nothing else, and reserves the lock", .switches = 2,
                    .delays = true },
          .patience = 0, .body = { hold, change_once, watch } },
        { .head = { .name = "watch-spoilt", .what = "a lock that nobody can have any more" },
          .setup = setup_dead, .conditions = 1, .patience = 1, .body = { spoil, watch, watch } },
        { .head = { .name = "signal", .what = "one waits for any number of items", .delays = true },
          .conditions = 1, .patience = 4, .replaced = true, .body = { produce, consume } },
        { .head = { .name = "signal-one", .what = "two wait, each for one item", .delays = true },
          .conditions = 1, .patience = 4, .body = { produce_2, consume_one, consume_one } },
        { .head = { .name = "signal-after", .what = "signals after the unlock", .delays = true },
          .conditions = 1, .patience = 4, .replaced = true, .body = { produce_and_signal_after, consume } },
        { .head = { .name = "in-time", .what = "one waits for long, one not", .delays = true },
          .conditions = 1, .patience = 4, .body = { produce, consume_in_time, consume } },
        { .head = { .name = "broadcast", .what = "two wait for a gate that opens", .delays = true },
          .conditions = 1, .patience = 4, .body = { open_gate, pass_gate, pass_gate } },
        { .head = { .name = "ping-pong", .what = "two wait for each other", .delays = true },
          .conditions = 2, .patience = 4, .quiet = players_must_be_done, .body = { play_ping, play_pong } },
        { .head = { .name = "drain", .what = "one stops while signals come", .delays = true },
          .conditions = 1, .patience = 4, .quiet = drained_must_be_done, .body = { drain_1, consume_until_drained, produce } },
};
const size_t n_monitor_scenarios = sizeof monitor_scenarios / sizeof monitor_scenarios[0];
