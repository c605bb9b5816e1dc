/* SPDX-License-Identifier: MIT */

/*
 * Fibers, and who runs when
 *
 * A fiber runs until it reaches a point and the choice there is to switch or to kill, or until it sleeps or ends.
 * Death is a fiber that is never resumed: nothing of it is undone, as with SIGKILL. When nobody can go on, all is
 * quiet, and the world is looked at: first for sleepers who should not sleep, then, when those who hold leases on purpose
 * have ended too, for everything else.
 *
 * The stacks are reused: each fiber keeps a jump buffer in its lowest frame, and starts anew from there.
 */

#include "sim.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "shm/damage.h"

#define STACK_SIZE 65536
/** More points than this in one execution: it does not end. */
#define POINTS_MAX 20000
/* How seldom a random execution makes use of its budget. */
#define RARITY_SWITCH 12
#define RARITY_DELAY 4
#define RARITY_KILL_SLEEPER 8

enum fiber_state { FIBER_DONE, FIBER_READY, FIBER_ASLEEP, FIBER_HOLDING, FIBER_DEAD };

static struct fiber {
        jmp_buf base;                   /* its lowest frame */
        jmp_buf env;                    /* where it was left */
        ucontext_t context;
        enum fiber_state state;
        bool fresh;                     /* begins from its lowest frame */
        unsigned int incarnation;
        unsigned int since;             /* when it fell asleep */
        const volatile void *keys[SIM_KEYS]; /* what it sleeps on */
        unsigned int n_keys;            /* until it runs again; one that was not what it was woken for may be used up meanwhile */
        uint64_t deadline;              /* until when it sleeps */
        bool late;                      /* it slept until then */
} fibers[SIM_FIBERS];

unsigned char sim_memory[SIM_RINGS][SIM_RING_BYTES] __attribute__((__aligned__(4096)));
struct member_memory sim_members[SIM_WORKERS];
bool sim_trace;

static unsigned char stacks[SIM_FIBERS][STACK_SIZE] __attribute__((__aligned__(64)));
static jmp_buf outside;
static bool running;
static unsigned int current;
static struct budget budget, used;
static unsigned int dead[SIM_WORKERS], n_dead; /* not recovered yet */
static unsigned int deaths, clock_ticks, points;
static unsigned long all_points;
static uint64_t now_usec;
static const char *failure;

/* ---- tracing ----------------------------------------------------------------------------------- */

static void print_place(const volatile void *p) {
        size_t at = (size_t)((const volatile unsigned char *)p - &sim_memory[0][0]);

        if (at < sizeof sim_memory)
                printf("ring %zu + %zu", at / SIM_RING_BYTES, at % SIM_RING_BYTES);
        else
                printf("member");
}

void sim_say(const char *what, unsigned int n) {
        if (sim_trace && running)
                printf("  %u.%u: %s %u\n", current, fibers[current].incarnation, what, n);
}

static void trace_point(const volatile void *p, enum access access, const void *caller) {
        if (!sim_trace)
                return;
        printf("  %u.%u: %s ", current, fibers[current].incarnation, access == ACCESS_READ ? "read" : "write");
        print_place(p);
        printf(" from %p\n", caller);
}

/* ---- switching --------------------------------------------------------------------------------- */

static _Noreturn void resume(unsigned int to) {
        struct fiber *f = &fibers[to];

        current = to;
        if (f->fresh) {
                f->fresh = false;
                longjmp(f->base, 1);
        }
        longjmp(f->env, 1);
}

static void switch_to(unsigned int to) {
        if (setjmp(fibers[current].env) == 0)
                resume(to);
}

/** Those that can go on, but for one. */
static unsigned int ready(unsigned int *ret, unsigned int except) {
        unsigned int n = 0;

        for (unsigned int i = 0; i < SIM_FIBERS; i++)
                if (fibers[i].state == FIBER_READY && i != except)
                        ret[n++] = i;
        return n;
}

/** The running fiber cannot go on: let another. */
static _Noreturn void leave(void) {
        unsigned int others[SIM_FIBERS], n = ready(others, SIM_FIBERS);

        buffer_flush(current);
        if (n == 0)
                longjmp(outside, 1);
        resume(others[choose(n)]);
}

static void block(enum fiber_state state, const volatile void *const *keys, unsigned int n) {
        fibers[current].state = state;
        memcpy(fibers[current].keys, keys, n * sizeof *keys);
        fibers[current].n_keys = n;
        fibers[current].since = ++clock_ticks;
        if (setjmp(fibers[current].env) == 0)
                leave();
        fibers[current].n_keys = 0;
}

/* ---- life and death ---------------------------------------------------------------------------- */

static void start(unsigned int who) {
        fibers[who].state = FIBER_READY;
        fibers[who].fresh = true;
        fibers[who].n_keys = 0;
}

static void supervise(void) {
        while (n_dead > 0) {
                unsigned int who = dead[0];

                /* It stays on the list until it is recovered: the next supervisor would begin again. */
                if (world_recover(who, fibers[who].incarnation)) {
                        fibers[who].incarnation++;
                        start(who);
                }
                memmove(&dead[0], &dead[1], sizeof dead - sizeof dead[0]);
                n_dead--;
        }
}

static void fiber_main(int who) {
        if (setjmp(fibers[who].base) == 0)
                longjmp(outside, 1);
        if (current == SIM_SUPERVISOR)
                supervise();
        else
                world_run(current, fibers[current].incarnation);
        fibers[current].state = FIBER_DONE;
        leave();
}

/** A worker dies; it is not the one that is running, or does not go on. */
static void die(unsigned int who) {
        buffer_flush(who);
        used.kills++;
        deaths++;
        fibers[who].state = FIBER_DEAD;
        fibers[who].n_keys = 0;
        dead[n_dead++] = who;
        if (fibers[SIM_SUPERVISOR].state == FIBER_DONE)
                start(SIM_SUPERVISOR);
}

static _Noreturn void die_here(void) {
        sim_say("killed", current);
        if (current == SIM_SUPERVISOR) {
                used.supervisor_kills++;
                buffer_flush(current);
                start(SIM_SUPERVISOR);
        } else {
                die(current);
        }
        leave();
}

/* ---- points ------------------------------------------------------------------------------------ */

/** Of the members' memory only what somebody may use here: the first journal, and the flag. */
static bool is_shared(const volatile void *p) {
        size_t at = (size_t)((const volatile unsigned char *)p - &sim_memory[0][0]);

        if (at < sizeof sim_memory)
                return true;
        at = (size_t)((const volatile unsigned char *)p - (const unsigned char *)sim_members);
        return at < sizeof sim_members &&
               at % sizeof(struct member_memory) < offsetof(struct member_memory, journals) + sizeof(struct journal);
}

/* Killed before a read leaves the same memory as killed before the write after it: only writes are kill points. */
static bool may_die(enum access access) {
        if (access == ACCESS_READ)
                return false;
        return current == SIM_SUPERVISOR ? used.supervisor_kills < budget.supervisor_kills : used.kills < budget.kills;
}

bool sim_point(const volatile void *p, enum access access, const void *caller) {
        unsigned int others[SIM_FIBERS], n = 0, pick;
        bool mortal;

        if (!running || !is_shared(p))
                return false;
        trace_point(p, access, caller);
        all_points++;
        if (++points > POINTS_MAX)
                sim_fail("does not end");
        if (used.preemptions < budget.preemptions)
                n = ready(others, current);
        mortal = may_die(access);
        pick = choose_rarely(1 + n + mortal, RARITY_SWITCH);
        if (pick == 0)
                return true;
        if (pick > n)
                die_here();
        used.preemptions++;
        sim_say("preempted by", others[pick - 1]);
        switch_to(others[pick - 1]);
        return true;
}

void sim_boundary(void) {
        sim_point(sim_memory, ACCESS_WRITE, __builtin_return_address(0));
}

bool sim_sleep_any(const volatile void *const *keys, unsigned int n, uint64_t deadline_usec) {
        struct fiber *f = &fibers[current];

        if (n > SIM_KEYS)
                sim_fail("sleeps on too many");
        if (deadline_usec <= now_usec)
                return false;
        sim_say("sleeps", 0);
        f->deadline = deadline_usec;
        f->late = false;
        block(FIBER_ASLEEP, keys, n);
        sim_say("awake", 0);
        return !f->late;
}

bool sim_sleep(const volatile void *key, uint64_t deadline_usec) {
        return sim_sleep_any(&key, 1, deadline_usec);
}

uint64_t sim_now(void) {
        return now_usec;
}

/** Whoever is late is still a sleeper until it runs: a wake-up that comes before that is used up, and is what it is told of. */
void sim_go_on(uint64_t usec) {
        now_usec += usec;
        for (unsigned int i = 0; i < SIM_FIBERS; i++)
                if (fibers[i].state == FIBER_ASLEEP && fibers[i].deadline <= now_usec) {
                        fibers[i].state = FIBER_READY;
                        fibers[i].late = true;
                }
}

/** Nobody can go on: let time do so. @return whether somebody can now. */
static bool tick(void) {
        uint64_t first = UINT64_MAX;

        for (unsigned int i = 0; i < SIM_FIBERS; i++)
                if (fibers[i].state == FIBER_ASLEEP && fibers[i].deadline < first)
                        first = fibers[i].deadline;
        if (first == UINT64_MAX)
                return false;
        sim_go_on(first - now_usec);
        return true;
}

/** Where a key is among those of a fiber; `n_keys`: nowhere. */
static unsigned int find_key(const struct fiber *f, const volatile void *key) {
        unsigned int i = 0;

        while (i < f->n_keys && f->keys[i] != key)
                i++;
        return i;
}

/** Woken by a key: with that one it sleeps no more. */
static void wake_fiber(struct fiber *f, const volatile void *key) {
        f->keys[find_key(f, key)] = f->keys[f->n_keys - 1];
        f->n_keys--;
        f->state = FIBER_READY;
        f->late = false;
}

unsigned int sim_wake(const volatile void *key, unsigned int count) {
        unsigned int woken = 0;

        /* What the checks do wakes nobody: the execution stands still. */
        if (!running)
                return 0;
        /* Who waits longest is woken first, as by the kernel. */
        while (woken < count) {
                struct fiber *first = NULL;

                for (unsigned int i = 0; i < SIM_FIBERS; i++)
                        if (find_key(&fibers[i], key) < fibers[i].n_keys && (!first || fibers[i].since < first->since))
                                first = &fibers[i];
                if (!first)
                        break;
                wake_fiber(first, key);
                woken++;
        }
        return woken;
}

void sim_hold(void) {
        block(FIBER_HOLDING, NULL, 0);
}

/* ---- stores ------------------------------------------------------------------------------------ */

void sim_flush(void) {
        if (running)
                buffer_flush(current);
}

void sim_flush_all(void) {
        for (unsigned int i = 0; i < SIM_FIBERS; i++)
                buffer_flush(i);
}

void sim_store(volatile void *p, uint64_t value, unsigned int size, bool ordered, const void *caller) {
        if (sim_point(p, ACCESS_WRITE, caller)) {
                bool first = buffer_is_empty(current);

                if (ordered)
                        buffer_flush(current);
                else if (!first ||
                         (used.delays < budget.delays && choose_rarely(2, RARITY_DELAY) == 1)) {
                        used.delays += first;
                        sim_say("stores later", 0);
                        buffer_put(current, p, value, size);
                        return;
                }
        }
        memcpy((void *)p, &value, size);
}

bool sim_load(const volatile void *p, uint64_t *ret) {
        return running && buffer_get(current, p, ret);
}

/* ---- an execution ------------------------------------------------------------------------------ */

const volatile void *sim_sleeps_at(unsigned int who, unsigned int i) {
        return fibers[who].state == FIBER_ASLEEP && i < fibers[who].n_keys ? fibers[who].keys[i] : NULL;
}

const volatile void *sim_sleeps_on(unsigned int who) {
        return sim_sleeps_at(who, 0);
}

bool sim_is_done(unsigned int who) {
        return fibers[who].state == FIBER_DONE;
}

unsigned int sim_deaths(void) {
        return deaths;
}

unsigned long sim_points(void) {
        return all_points;
}

void sim_fail(const char *why) {
        if (!failure)
                failure = why;
        if (running)
                longjmp(outside, 1);
}

void sim_check_sound(const struct region *region) {
        static struct damage damage;
        struct object o;

        object_open(&o, region, -1);
        damage = DAMAGE_NULL;
        o.ops->inspect(&o, &damage);
        if (damage.n > 0)
                sim_fail(damage.text);
}

/** Lay the lowest frames, once. */
static void prepare(void) {
        static volatile unsigned int i;

        for (i = 0; i < SIM_FIBERS; i++) {
                struct fiber *f = &fibers[i];

                getcontext(&f->context);
                f->context.uc_stack.ss_sp = stacks[i];
                f->context.uc_stack.ss_size = STACK_SIZE;
                f->context.uc_link = NULL;
                makecontext(&f->context, (void (*)(void))fiber_main, 1, (int)i);
                if (setjmp(outside) == 0)
                        setcontext(&f->context);
        }
}

static void reset(const struct budget *b) {
        static bool prepared;

        if (!prepared)
                prepare();
        prepared = true;
        budget = *b;
        used = (struct budget){ 0 };
        n_dead = deaths = clock_ticks = points = 0;
        failure = NULL;
        now_usec = SIM_TIME_BEGINS;
        sim_sys_reset();
        buffer_reset();
        for (unsigned int i = 0; i < SIM_FIBERS; i++) {
                fibers[i].state = FIBER_DONE;
                fibers[i].incarnation = 0;
                fibers[i].n_keys = 0;
        }
}

/** Let those that can go on do so, until nobody can. */
static void run(void) {
        unsigned int others[SIM_FIBERS], n = ready(others, SIM_FIBERS), first = n > 0 ? others[choose(n)] : 0;

        running = n > 0;
        if (running && setjmp(outside) == 0)
                resume(first);
        running = false;
}

/** @return whether somebody can go on now who could not: a holder lets go, or a sleeper dies. */
static bool stir(void) {
        unsigned int sleepers[SIM_FIBERS], n = 0, pick;
        bool any = false;

        if (used.kills < budget.kills)
                for (unsigned int i = 0; i < SIM_WORKERS; i++)
                        if (fibers[i].state == FIBER_ASLEEP || fibers[i].state == FIBER_HOLDING)
                                sleepers[n++] = i;
        pick = choose_rarely(1 + n, RARITY_KILL_SLEEPER);
        if (pick > 0) {
                die(sleepers[pick - 1]);
                return true;
        }
        for (unsigned int i = 0; i < SIM_WORKERS; i++)
                if (fibers[i].state == FIBER_HOLDING) {
                        fibers[i].state = FIBER_READY;
                        any = true;
                }
        return any;
}

const char *sim_execute(const struct budget *b) {
        reset(b);
        world_reset();
        for (unsigned int i = 0; i < SIM_WORKERS; i++)
                start(i);
        do {
                do
                        run();
                while (!failure && tick());
                if (!failure)
                        world_quiet();
        } while (!failure && stir());
        if (!failure)
                world_check();
        return failure;
}
