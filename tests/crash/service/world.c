/* SPDX-License-Identifier: MIT */

/*
 * What must hold when nobody can go on
 *
 * First: nobody sleeps who has something to do. At the very end: no slot is held but by a caller that waits, each
 * call that waits to be served can be found, no waiter's bit is set for somebody who does not wait, and the service
 * has its full capacity for several laps.
 *
 * Nothing here is a point: the execution stands still.
 */

#include <errno.h>
#include <string.h>

#include "service/world.h"

/** Participants of the checks. Those of workers are below, in two groups of waiters. */
#define PARTICIPANT_CHECK 300
#define CAPACITY_LAPS 3

struct history history[SIM_IDS];
const struct scenario *scenario;
struct region region;

static struct actor actors[SIM_WORKERS];

const struct scenario_head *world_scenario(size_t i) {
        return i < n_service_scenarios ? &service_scenarios[i].head : NULL;
}

void world_choose(size_t i) {
        scenario = &service_scenarios[i];
}

uint32_t participant_of(unsigned int who) {
        return who == 0 ? 65 : who;
}

static void open_service(struct service *s, uint32_t participant, uint32_t generation) {
        service_open(s, &region, participant, generation, 0);
        s->patience.spin = 0;
}

void actor_init(struct actor *a, unsigned int who, unsigned int incarnation) {
        memset(a, 0, sizeof *a);
        a->who = who;
        a->incarnation = incarnation;
        open_service(&a->service, participant_of(who), incarnation + 1);
}

/* ---- the course of an execution ------------------------------------------------------------------ */

void world_reset(void) {
        struct service s;

        memset(history, 0, sizeof history);
        memset(sim_memory[0], 0, SIM_RING_BYTES);
        for (unsigned int i = 0; i < SIM_WORKERS; i++)
                memset(&sim_members[i], 0, offsetof(struct member_memory, journals) + sizeof(struct journal));
        region = (struct region){
                .base = sim_memory[0],
                .size = SIM_RING_BYTES,
                .geometry = { .kind = OBJECT_SERVICE, .slots = scenario->slots, .message_max = PAYLOAD_SIZE,
                              .max_deliveries = scenario->max_deliveries,
                              .policy = scenario->max_deliveries ? SERVICE_IDEMPOTENT : SERVICE_AT_MOST_ONCE },
        };
        open_service(&s, 0, 0);
        for (uint32_t i = 0; i < s.n; i++)
                atomic_store(&service_slot(&s, i)->word, call_word(scenario->lap, 0, 0, CALL_FREE));
}

void world_run(unsigned int who, unsigned int incarnation) {
        actor_init(&actors[who], who, incarnation);
        if (scenario->body[who])
                scenario->body[who](&actors[who]);
}

bool world_recover(unsigned int who, unsigned int incarnation) {
        struct object object;
        struct seat seat = { &object, 0, participant_of(who), 1, incarnation + 1 };

        for (unsigned int id = 0; id < SIM_IDS; id++)
                if (history[id].server == who)
                        history[id].server_known = false;
        object_open(&object, &region, 0);
        sim_say("is recovered:", who);
        recover_process(NULL, &seat, 1, "killed", NULL);
        return scenario->replaced;
}

/* ---- while some may go on later ------------------------------------------------------------------ */

static uint32_t count(const struct service *s, enum call_state state) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->n; i++)
                n += call_state(atomic_load(&service_slot(s, i)->word)) == state;
        return n;
}

static uint32_t count_to_serve(const struct service *s) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->n; i++)
                n += call_state(atomic_load(&service_slot(s, i)->word)) == CALL_READY &&
                     atomic_load(&service_slot(s, i)->deadline_usec) > sim_now();
        return n;
}

static void check_caller(struct call_slot *slot) {
        enum call_state state = call_state(atomic_load(&slot->word));

        if (state != CALL_READY && state != CALL_SERVING)
                sim_fail("asleep though its call is over");
        if (atomic_load(&slot->deadline_usec) <= sim_now())
                sim_fail("asleep though its deadline has passed");
}

static void check_sleeper(const struct service *s, const volatile void *key) {
        if (key == &s->control->requests.event && count_to_serve(s) > 0)
                sim_fail("asleep while there is a call");
        if (key == &s->control->space.event && count(s, CALL_FREE) > 0)
                sim_fail("asleep while a slot is free");
        for (uint32_t i = 0; i < s->n; i++)
                if (key == &service_slot(s, i)->event)
                        check_caller(service_slot(s, i));
}

/** What this one waits for at the descriptor. */
static unsigned int polls_for(unsigned int who) {
        if (sim_sleeps_on(who) != &sim_events[0])
                return 0;
        return actors[who].waits_for ? actors[who].waits_for : FOR_REQUEST;
}

static bool is_call_of(unsigned int who, struct call_slot *slot) {
        return call_state(atomic_load(&slot->word)) != CALL_FREE && atomic_load(&slot->caller) == actors[who].service.owner;
}

static void check_poller(const struct service *s, unsigned int who) {
        unsigned int polls = polls_for(who);

        if (polls & FOR_REQUEST && count_to_serve(s) > 0)
                sim_fail("a poller is not told of a call");
        if (polls & FOR_SLOT && count(s, CALL_FREE) > 0)
                sim_fail("a poller is not told of a slot");
        for (uint32_t i = 0; i < s->n; i++)
                if (polls & FOR_CALL && is_call_of(who, service_slot(s, i)))
                        check_caller(service_slot(s, i));
}

void world_quiet(void) {
        struct service s;

        open_service(&s, 0, 0);
        for (unsigned int who = 0; who < SIM_WORKERS; who++) {
                for (unsigned int i = 0; sim_sleeps_at(who, i); i++)
                        check_sleeper(&s, sim_sleeps_at(who, i));
                check_poller(&s, who);
        }
        if (scenario->quiet)
                scenario->quiet();
}

/* ---- at the end ---------------------------------------------------------------------------------- */

/** @return who owns a slot; SIM_WORKERS: nobody who lives. */
static unsigned int owner_of(uint64_t w) {
        unsigned int who = 0;

        while (who < SIM_WORKERS && word_owner(w) != actors[who].service.owner)
                who++;
        return who;
}

static bool waits_at(unsigned int who, const volatile void *key) {
        for (unsigned int i = 0; sim_sleeps_at(who, i); i++)
                if (sim_sleeps_at(who, i) == key)
                        return true;
        return false;
}

/** What must stand in the slot of a call while its owner waits for it. */
static enum alone waits_for_reply(unsigned int who, const struct call_slot *slot) {
        if (polls_for(who) & FOR_CALL)
                return ALONE_POLLS;
        return waits_at(who, &slot->event) ? ALONE_ASLEEP : ALONE_AWAKE;
}

/** Only calls whose caller waits, for one of them, may be left: nobody is there to serve it. */
static void check_slots(const struct service *s) {
        for (uint32_t i = 0; i < s->n; i++) {
                struct call_slot *slot = service_slot(s, i);
                uint64_t w = atomic_load(&slot->word);
                enum call_state state = call_state(w);
                unsigned int who = owner_of(w);
                bool sleeps = who < SIM_WORKERS && sim_sleeps_on(who);

                if (state == CALL_WRITING || state == CALL_SERVING || state == CALL_ABANDONED)
                        sim_fail("a slot is still held");
                if (state == CALL_FREE ? word_owner(w) != 0 : !sleeps)
                        sim_fail("a slot is held by one who has gone");
                if (state == CALL_READY && !(atomic_load(&s->control->ready[i / 64]) >> i % 64 & 1))
                        sim_fail("a call that no server can find");
                if (sleeps && waits_for_reply(who, slot) != ALONE_AWAKE &&
                    atomic_load(&slot->sleeping) != waits_for_reply(who, slot))
                        sim_fail("a caller sleeps, and does not say so");
        }
}

/** @param polls  who waits there by descriptor waits for this; `key`: who sleeps sleeps on that. */
static void check_bits(uint64_t summary, const _Atomic uint64_t *bits, const volatile void *key, unsigned int polls) {
        uint64_t expected[WAITER_GROUPS] = { 0 };

        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (key ? waits_at(who, key) : polls_for(who) & polls)
                        expected[participant_of(who) / 64] |= UINT64_C(1) << participant_of(who) % 64;
        for (unsigned int i = 0; i < WAITER_GROUPS; i++) {
                uint64_t b = atomic_load((_Atomic uint64_t *)&bits[i]);

                if (b != expected[i])
                        sim_fail("a waiter's bit that nobody owns, or one that is missing");
                if (b && !(summary >> i & 1))
                        sim_fail("a waiter's group is missing in the summary");
        }
}

static void check_waiters(const struct service *s) {
        const struct service_control *c = s->control;

        check_bits(c->requests.sleepers, c->requests.sleeping, &c->requests.event, 0);
        check_bits(c->requests.pollers, c->requests.polling, NULL, FOR_REQUEST);
        check_bits(c->space.sleepers, c->space.sleeping, &c->space.event, 0);
        check_bits(c->space.pollers, c->space.polling, NULL, FOR_SLOT);
}

/** Everybody has ended: a live caller with its result, or it waits for one. */
static void check_calls(void) {
        for (unsigned int id = 0; id < SIM_IDS; id++)
                if (history[id].called == DONE && !history[id].ended && sim_is_done(id / IDS_PER_CALLER) &&
                    sim_deaths() == 0)
                        sim_fail("a call has no end");
}

/** Serve what is left, and make its slots free. */
static void drain(void) {
        struct served r;
        struct service s;

        open_service(&s, PARTICIPANT_CHECK, 1);
        for (uint32_t i = count_to_serve(&s); i > 0; i--)
                if (service_receive(&s, &r) != 0 || service_reply(&s, &r, 0) != 0)
                        sim_fail("what is left cannot be served");
        for (uint32_t i = 0; i < s.n; i++)
                atomic_store(&service_slot(&s, i)->word, call_word(1, 0, 0, CALL_FREE));
}

static void serve_all(struct service *s, unsigned int seen) {
        struct served r;

        for (uint32_t i = 0; i < s->n; i++) {
                if (service_receive(s, &r) < 0) {
                        sim_fail("a call is lost afterwards");
                        return;
                }
                seen ^= 1u << request_id(r.request, r.size);
                memcpy(r.reply, r.request, r.size);
                if (service_reply(s, &r, r.size) != 0)
                        sim_fail("no reply is possible afterwards");
        }
        if (seen != 0 || service_receive(s, &r) != -EAGAIN)
                sim_fail("calls are confused afterwards");
}

static void check_capacity(void) {
        struct service caller, server;
        struct call_result result;
        struct call calls[8];

        open_service(&caller, PARTICIPANT_CHECK, 2);
        open_service(&server, PARTICIPANT_CHECK + 1, 2);
        for (unsigned int lap = 0; lap < CAPACITY_LAPS; lap++) {
                for (uint32_t i = 0; i < caller.n; i++) {
                        if (service_reserve(&caller, &calls[i]) < 0) {
                                sim_fail("capacity is lost");
                                return;
                        }
                        request_write(calls[i].request, i);
                        service_submit(&caller, &calls[i], PAYLOAD_SIZE, UINT64_MAX);
                }
                if (service_reserve(&caller, &calls[0]) != -EAGAIN)
                        sim_fail("more than full");
                serve_all(&server, (1u << caller.n) - 1);
                for (uint32_t i = 0; i < caller.n; i++) {
                        if (service_result(&caller, &calls[i], &result) != 0 ||
                            request_id(result.data, result.size) != i)
                                sim_fail("a wrong reply afterwards");
                        service_release(&caller, &calls[i]);
                }
        }
}

void world_check(void) {
        struct service judge;

        sim_check_sound(&region);
        open_service(&judge, 0, 0);
        check_slots(&judge);
        check_waiters(&judge);
        check_calls();
        drain();
        check_capacity();
}
