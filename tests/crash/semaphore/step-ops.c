/* SPDX-License-Identifier: MIT */

/*
 * The operations that stepkill kills, and the states in which they begin
 */

#include "semaphore/step-world.h"
#include "shm/sys.h"
#include "shm/wait-any.h"

/** A deadline that has passed: a sleep ends at once. */
#define LONG_AGO 1

bool step_try(struct arena *a, struct semaphore *s) {
        if (semaphore_try(s) < 0)
                return false;
        if (s->held > s->n)
                a->beyond = 1;
        return true;
}

void step_add(struct arena *a, struct counter *c, unsigned int k) {
        a->begun[k] = 1;
        (void)counter_add(c, 0, INT64_C(1) << k, NULL);
        a->done[k] = 1;
}

/* ---- states -------------------------------------------------------------------------------------- */

static void setup_free(struct arena *a) {
        (void)a;
}

/** The zombie holds so many of either kind. */
static void setup_held(struct arena *a, unsigned int n) {
        struct semaphore s;

        for (unsigned int which = STEP_PLAIN; which <= STEP_TOKENS; which++) {
                arena_open(a, &s, which, STEP_ZOMBIE);
                for (unsigned int i = 0; i < n; i++)
                        (void)semaphore_try(&s);
        }
}

static void setup_one_left(struct arena *a) {
        setup_held(a, STEP_PERMITS - 1);
}

static void setup_none_left(struct arena *a) {
        setup_held(a, STEP_PERMITS);
}

static void setup_too_many(struct arena *a) {
        setup_none_left(a);
        (void)sys_sem_post(&a->tokens);
}

static void setup_waiter(struct arena *a) {
        struct semaphore s;

        setup_one_left(a);
        arena_open(a, &s, STEP_PLAIN, STEP_WAITER);
        wait_announce(&s.waiting, STEP_WAITER);
}

static void setup_counted(struct arena *a) {
        struct counter c;

        arena_open_counter(a, &c, STEP_ZOMBIE);
        step_add(a, &c, 0);
}

/* ---- victims ------------------------------------------------------------------------------------- */

static void take_and_give(struct arena *a, enum step_object which) {
        struct semaphore s;

        arena_open(a, &s, which, STEP_VICTIM);
        for (unsigned int i = 0; i < 2; i++)
                (void)step_try(a, &s);
        (void)semaphore_release(&s);
        (void)step_try(a, &s);
        while (semaphore_release(&s) == 0)
                ;
}

static void do_take(struct arena *a) {
        take_and_give(a, STEP_PLAIN);
}

static void do_take_tokens(struct arena *a) {
        take_and_give(a, STEP_TOKENS);
}

static void wait_and_give(struct arena *a, enum step_object which) {
        struct semaphore s;

        arena_open(a, &s, which, STEP_VICTIM);
        if (semaphore_wait(&s, LONG_AGO) == 0)
                (void)semaphore_release(&s);
}

static void do_wait(struct arena *a) {
        wait_and_give(a, STEP_PLAIN);
}

static void do_wait_tokens(struct arena *a) {
        wait_and_give(a, STEP_TOKENS);
}

static void do_add(struct arena *a) {
        struct counter c;

        arena_open_counter(a, &c, STEP_VICTIM);
        for (unsigned int k = 1; k < 4; k++)
                step_add(a, &c, k);
}

static void do_swap(struct arena *a) {
        int64_t expected = 0;
        struct counter c;

        arena_open_counter(a, &c, STEP_VICTIM);
        a->begun[1] = 1;
        while (counter_compare_and_swap(&c, 0, &expected, expected | 1 << 1) == 1)
                ;
        a->done[1] = 1;
        step_add(a, &c, 2);
}

static void do_wait_any(struct arena *a) {
        struct wait_item item;
        struct semaphore s;

        arena_open(a, &s, STEP_PLAIN, STEP_VICTIM);
        item = semaphore_permit_item(&s);
        (void)wait_any(&item, 1, LONG_AGO);
}

const struct operation operations[] = {
        { .name = "take, give", .setup = setup_free, .victim = do_take },
        { .name = "take, give, waited for", .setup = setup_waiter, .victim = do_take },
        { .name = "wait", .setup = setup_none_left, .victim = do_wait },
        { .name = "take, give tokens", .setup = setup_free, .victim = do_take_tokens },
        { .name = "wait for a token", .setup = setup_none_left, .victim = do_wait_tokens },
        { .name = "a token too many", .setup = setup_too_many, .victim = do_wait_tokens },
        { .name = "add", .setup = setup_counted, .victim = do_add },
        { .name = "compare and swap", .setup = setup_counted, .victim = do_swap },
        { .name = "wait for any", .setup = setup_none_left, .victim = do_wait_any },
};
const unsigned int n_operations = sizeof operations / sizeof operations[0];
