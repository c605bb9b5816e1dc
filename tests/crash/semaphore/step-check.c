/* SPDX-License-Identifier: MIT */

/*
 * What must hold in an arena after its dead were recovered
 *
 * As in crashsim: nobody holds a permit or waits, all permits can be had, no token is lost, and those that are one too many go when all
 * permits are held; a counter has every change that was done, and none that was not begun.
 */

#include <errno.h>
#include <string.h>

#include "semaphore/step-world.h"
#include "shm/recover.h"
#include "shm/sys.h"

#define PATIENCE 64
/** Calls in which the victim, and a recovery of it, may have died; and one that a scenario begins with. */
#define TOKENS_IN_DOUBT 4

const size_t arena_size = sizeof(struct arena);

static struct region region_of(struct arena *a, enum step_object which) {
        return (struct region){
                .base = a->memory[which],
                .size = STEP_BYTES,
                .geometry = { .kind = which == STEP_COUNTER ? OBJECT_COUNTER : OBJECT_SEMAPHORE,
                              .slots = which == STEP_COUNTER ? STEP_COUNTERS : STEP_PERMITS,
                              .policy = which == STEP_TOKENS ? SEMAPHORE_POSIX : SEMAPHORE_PLAIN },
        };
}

void arena_open(struct arena *a, struct semaphore *s, enum step_object which, uint32_t participant) {
        struct region r = region_of(a, which);

        semaphore_open(s, &r, participant, participant ? STEP_GENERATION : 0, which == STEP_TOKENS ? &a->tokens : NULL, -1);
        s->patience.spin = 0;
}

void arena_open_counter(struct arena *a, struct counter *c, uint32_t participant) {
        struct region r = region_of(a, STEP_COUNTER);

        counter_open(c, &r, participant);
}

size_t arena_regions(struct arena *a, struct region ret[STEP_REGIONS_MAX]) {
        _Static_assert(STEP_OBJECTS <= STEP_REGIONS_MAX, "all of them");
        for (unsigned int i = 0; i < STEP_OBJECTS; i++)
                ret[i] = region_of(a, i);
        return STEP_OBJECTS;
}

void arena_reset(struct arena *a) {
        memset(a, 0, sizeof *a);
        sys_sem_prepare(&a->tokens);
        for (unsigned int i = 0; i < STEP_PERMITS; i++)
                (void)sys_sem_post(&a->tokens);
}

void arena_recover(struct arena *a, uint32_t participant) {
        struct object objects[STEP_OBJECTS];
        struct seat seats[STEP_OBJECTS];

        for (unsigned int i = 0; i < STEP_OBJECTS; i++) {
                struct region r = region_of(a, i);

                object_open(&objects[i], &r, -1);
                if (i == STEP_TOKENS)
                        objects[i].semaphore.tokens = &a->tokens;
                seats[i] = (struct seat){ &objects[i], i, participant, 1, STEP_GENERATION };
        }
        recover_process(NULL, seats, STEP_OBJECTS, "killed", NULL);
}

const char *arena_peer(struct arena *a) {
        struct semaphore s;
        struct counter c;
        int64_t values[STEP_COUNTERS];
        uint64_t words[STEP_COUNTERS];

        for (unsigned int which = STEP_PLAIN; which <= STEP_TOKENS; which++) {
                unsigned int n = 0;

                arena_open(a, &s, which, STEP_PEER);
                while (n <= PATIENCE && step_try(a, &s))
                        n++;
                if (n > STEP_PERMITS)
                        return "a peer got more permits than there are";
                while (s.held > 0)
                        if (semaphore_release(&s) < 0)
                                return "a peer lost a permit";
        }
        arena_open_counter(a, &c, STEP_PEER);
        step_add(a, &c, 10);
        step_add(a, &c, 11);
        if (counter_snapshot(&c, STEP_COUNTERS, values, words) < 0)
                return "a counter changes while nobody changes it";
        return NULL;
}

static const char *check_permits(struct arena *a, enum step_object which) {
        struct semaphore s;

        arena_open(a, &s, which, 0);
        for (uint32_t i = 0; i < STEP_PERMITS; i++)
                if (semaphore_holder(&s, i) != 0)
                        return "a dead one holds a permit";
        if (wait_count(&s.waiting) != 0 || semaphore_is_waiting(&s, STEP_VICTIM))
                return "a dead one waits";
        arena_open(a, &s, which, STEP_JUDGE);
        for (uint32_t i = 0; i < STEP_PERMITS; i++)
                if (!step_try(a, &s))
                        return "a permit is lost";
        if (semaphore_try(&s) != -EAGAIN)
                return "more permits than there are";
        while (semaphore_release(&s) == 0)
                ;
        return s.held > 0 ? "a permit was lost" : NULL;
}

static const char *check_tokens(struct arena *a) {
        uint32_t n = sys_sem_value(&a->tokens);

        return n < STEP_PERMITS ? "a token is lost" : n > STEP_PERMITS + TOKENS_IN_DOUBT ? "too many tokens" : NULL;
}

static const char *check_counter(struct arena *a) {
        struct counter c;
        int64_t value;

        arena_open_counter(a, &c, STEP_JUDGE);
        if (counter_get(&c, 0, &value) < 0)
                return "a counter changes while nobody changes it";
        for (unsigned int k = 0; k < STEP_CHANGES; k++) {
                if (a->done[k] && !(value >> k & 1))
                        return "a change of a counter is lost";
                if (!a->begun[k] && value >> k & 1)
                        return "a counter has a change that nobody made";
        }
        return value >> STEP_CHANGES ? "a change was made twice" : NULL;
}

const char *arena_check(struct arena *a, const struct operation *op) {
        const char *why = a->beyond ? "more permits were held than there are" : NULL;

        (void)op;
        why = why ? why : check_tokens(a);
        why = why ? why : check_permits(a, STEP_PLAIN);
        why = why ? why : check_permits(a, STEP_TOKENS);
        if (!why && sys_sem_value(&a->tokens) != STEP_PERMITS)
                why = "a token stays that is one too many";
        return why ? why : check_counter(a);
}
