/* SPDX-License-Identifier: MIT */

/*
 * What must hold when nobody can go on
 *
 * First: nobody sleeps who has something to do. At the very end: no slot has an owner, no waiter's bit is set for somebody who
 * does not wait, a receiver that trusts the hints sees every message, each accepted message is there as often as it should, and the
 * rings have their full capacity for several laps.
 *
 * Nothing here is a point: the execution stands still.
 */

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "queue/world.h"
#include "shm/queue-fast.h"

/** Participants of the checks. Those of workers are below, in two groups of waiters. */
#define PARTICIPANT_SETUP 100
#define PARTICIPANT_CHECK 300
#define CAPACITY_LAPS 3
#define PATIENCE 64

struct history history[SIM_RINGS][SIM_IDS];
const struct scenario *scenario;
struct region regions[SIM_RINGS];

static struct actor actors[SIM_WORKERS + 1];
static unsigned char backup[SIM_RING_BYTES];

const struct scenario_head *world_scenario(size_t i) {
        return i < n_queue_scenarios ? &queue_scenarios[i].head : NULL;
}

void world_choose(size_t i) {
        scenario = &queue_scenarios[i];
}

uint32_t participant_of(unsigned int who) {
        return who == SETUP ? PARTICIPANT_SETUP : who == 0 ? 65 : who;
}

static void open_queue(struct queue *q, unsigned int ring, uint32_t participant, uint32_t generation) {
        queue_open(q, &regions[ring], participant, generation, (int)ring);
        q->patience.spin = 0;
}

void actor_init(struct actor *a, unsigned int who, unsigned int incarnation) {
        memset(a, 0, sizeof *a);
        a->who = who;
        a->incarnation = incarnation;
        a->journal = who == SETUP ? NULL : &sim_members[who].journals[0];
        for (unsigned int ring = 0; ring < SIM_RINGS && scenario->slots[ring]; ring++)
                open_queue(&a->queue[ring], ring, participant_of(who), incarnation + 1);
}

/* ---- the course of an execution ------------------------------------------------------------------ */

static void reset_ring(unsigned int ring) {
        struct region *r = &regions[ring];
        struct queue q;

        memset(sim_memory[ring], 0, SIM_RING_BYTES);
        *r = (struct region){
                .base = sim_memory[ring],
                .size = SIM_RING_BYTES,
                .geometry = { .kind = OBJECT_QUEUE, .slots = scenario->slots[ring],
                              .message_max = scenario->blocks ? scenario->blocks * BLOCK_SIZE : PAYLOAD_SIZE,
                              .slot_size = PAYLOAD_SIZE, .heap = scenario->blocks * BLOCK_SIZE,
                              .max_deliveries = scenario->max_deliveries, .dead_max = scenario->dead_max,
                              .policy = scenario->dead_policy, .delay_msec = scenario->delay_msec },
        };
        if (geometry_size(&r->geometry) > SIM_RING_BYTES)
                sim_fail("the ring is larger than its memory");
        open_queue(&q, ring, 0, 0);
        if (scenario->lap == 0)
                return;
        for (uint64_t i = 0; i < q.n; i++) {
                atomic_store(&queue_slot(&q, i)->word, word_make(scenario->lap, 0, 0, SLOT_FREE));
                atomic_store(&queue_slot(&q, i)->passed, (uint32_t)scenario->lap);
        }
        atomic_store(&q.control->tail, scenario->lap << q.log2);
}

void world_reset(void) {
        memset(history, 0, sizeof history);
        for (unsigned int i = 0; i < SIM_WORKERS; i++)
                memset(&sim_members[i], 0, offsetof(struct member_memory, journals) + sizeof(struct journal));
        for (unsigned int ring = 0; ring < SIM_RINGS && scenario->slots[ring]; ring++)
                reset_ring(ring);
        actor_init(&actors[SETUP], SETUP, 0);
        if (scenario->setup)
                scenario->setup(&actors[SETUP]);
}

void world_run(unsigned int who, unsigned int incarnation) {
        actor_init(&actors[who], who, incarnation);
        if (scenario->body[who])
                scenario->body[who](&actors[who]);
}

bool world_recover(unsigned int who, unsigned int incarnation) {
        const struct member member = { &sim_members[who] };
        struct seat seats[SIM_RINGS];
        struct object objects[SIM_RINGS];
        size_t n = 0;

        for (unsigned int ring = 0; ring < SIM_RINGS; ring++)
                for (unsigned int id = 0; id < SIM_IDS; id++)
                        if (history[ring][id].holder == who && history[ring][id].holder_known) {
                                history[ring][id].holder_known = false;
                                history[ring][id].due = sim_now() + scenario->delay_msec * USEC_PER_MSEC;
                        }
        for (; n < SIM_RINGS && scenario->slots[n]; n++) {
                object_open(&objects[n], &regions[n], (int)n);
                seats[n] = (struct seat){ &objects[n], (uint32_t)n, participant_of(who), 1, incarnation + 1 };
        }
        sim_say("is recovered:", who);
        recover_process(&member, seats, n, "killed", NULL);
        return scenario->replaced;
}

/* ---- while some may go on later ------------------------------------------------------------------ */

static unsigned int count_deliverable(const struct queue *q) {
        unsigned int n = 0;

        for (uint64_t i = 0; i < q->n; i++) {
                enum slot_state s = word_state(atomic_load(&queue_slot(q, i)->word));

                n += s == SLOT_READY || s == SLOT_RETURNED;
        }
        return n;
}

static bool slot_can_be_had(unsigned int ring, uint32_t size) {
        struct lease l;
        struct queue q;
        int r;

        memcpy(backup, sim_memory[ring], SIM_RING_BYTES);
        open_queue(&q, ring, PARTICIPANT_CHECK, 1);
        r = queue_reserve_sized(&q, size, &l);
        memcpy(sim_memory[ring], backup, SIM_RING_BYTES);
        return r == 0;
}

static void check_sleeper(unsigned int who, unsigned int ring, const volatile void *key) {
        struct queue q;

        open_queue(&q, ring, 0, 0);
        if (key == &q.control->messages.event && count_deliverable(&q) > 0)
                sim_fail("asleep while a message is there");
        if (key == &sim_events[ring] && count_deliverable(&q) > 0)
                sim_fail("a poller is not told of a message");
        if (key == &q.control->space.event && slot_can_be_had(ring, actors[who].wants))
                sim_fail("asleep while a slot can be had");
}

static bool drops(void) {
        return scenario->dead_max > 0 && scenario->dead_policy == QUEUE_DEAD_DROP_OLDEST;
}

/** While there are too many dead letters, senders are refused. */
static void check_refused(unsigned int ring) {
        unsigned int dead = 0;
        struct queue q;

        if (scenario->dead_max == 0 || drops())
                return;
        open_queue(&q, ring, 0, 0);
        for (uint64_t i = 0; i < q.n; i++)
                dead += word_state(atomic_load(&queue_slot(&q, i)->word)) == SLOT_DEAD;
        if (dead >= scenario->dead_max && slot_can_be_had(ring, PAYLOAD_SIZE))
                sim_fail("too many dead letters, and nobody is refused");
}

void world_quiet(void) {
        check_refused(0);
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                for (unsigned int i = 0; sim_sleeps_at(who, i); i++)
                        for (unsigned int ring = 0; ring < SIM_RINGS && scenario->slots[ring]; ring++)
                                check_sleeper(who, ring, sim_sleeps_at(who, i));
        if (scenario->quiet)
                scenario->quiet();
}

/* ---- at the end ---------------------------------------------------------------------------------- */

static void check_owners(const struct queue *q) {
        for (uint64_t i = 0; i < q->n; i++) {
                uint64_t w = atomic_load(&queue_slot(q, i)->word);

                if (word_owner(w) != 0 || word_state(w) == SLOT_WRITING || word_state(w) == SLOT_LEASED)
                        sim_fail("a slot is still held");
        }
}

static void check_waiters(const struct queue *q, unsigned int ring) {
        const struct queue_control *c = q->control;

        sim_check_waiters(&c->messages, &sim_events[ring], participant_of);
        sim_check_waiters(&c->space, NULL, participant_of);
}

/** Does a receiver find all that is there? It works on a copy. */
static void check_sight(struct queue q, unsigned int ring, unsigned int there, const char *why) {
        unsigned int seen = 0;
        struct lease l;

        memcpy(backup, sim_memory[ring], SIM_RING_BYTES);
        while (seen < PATIENCE && queue_receive(&q, &l) == 0) {
                queue_acknowledge(&q, l.slot);
                seen++;
        }
        memcpy(sim_memory[ring], backup, SIM_RING_BYTES);
        if (seen != there)
                sim_fail(why);
}

/** A new receiver relies on the hints; those who live, on what they know. */
static void check_hints(const struct queue *judge, unsigned int ring) {
        unsigned int there = count_deliverable(judge);
        struct queue q;

        open_queue(&q, ring, PARTICIPANT_CHECK, 1);
        check_sight(q, ring, there, "a message is hidden from a receiver that trusts the hints");
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (scenario->body[who] && (sim_is_done(who) || sim_sleeps_on(who)))
                        check_sight(actors[who].queue[ring], ring, there, "a message is hidden from one who lives");
}

static void see(unsigned int ring, unsigned int id, uint32_t before, unsigned int *drained) {
        const struct history *h = &history[ring][id];

        drained[id]++;
        if (before < h->received || before > h->received + sim_deaths())
                sim_fail("a wrong delivery count at the end");
}

static void drain(unsigned int ring, unsigned int *drained) {
        unsigned int last[SIM_WORKERS + 1] = { 0 };
        struct lease l;
        struct queue q;

        open_queue(&q, ring, PARTICIPANT_CHECK, 2);
        for (unsigned int n = 0; n < PATIENCE && queue_receive(&q, &l) == 0; n++) {
                unsigned int id = payload_id(l.data, l.size);

                see(ring, id, l.deliveries - 1, drained);
                if (ring == 0 && l.deliveries == 1) {
                        if (last[id / IDS_PER_SENDER] > id)
                                sim_fail("out of order at the end");
                        last[id / IDS_PER_SENDER] = id;
                }
                queue_acknowledge(&q, l.slot);
        }
}

/** Is a message gone that was a dead letter? */
static bool was_dropped(const struct history *h, bool there) {
        return drops() && !there && h->sent == DONE && h->acknowledged == NOT &&
               h->received + sim_deaths() >= scenario->max_deliveries;
}

/** Those that were dropped are older than those that are kept, and none was dropped without need. */
static void check_dropped(unsigned int ring, const unsigned int *kept) {
        unsigned int n = 0, gone = 0;
        uint64_t oldest = UINT64_MAX;

        for (unsigned int id = 0; id < SIM_IDS; id++)
                if (kept[id] > 0) {
                        n++;
                        oldest = history[ring][id].position < oldest ? history[ring][id].position : oldest;
                }
        for (unsigned int id = 0; id < SIM_IDS; id++) {
                const struct history *h = &history[ring][id];

                if (!was_dropped(h, kept[id] > 0) || h->received < scenario->max_deliveries)
                        continue;
                gone++;
                if (h->position > oldest && sim_deaths() == 0)
                        sim_fail("a dead letter was dropped before an older one");
        }
        if (n > scenario->dead_max)
                sim_fail("more dead letters than the limit");
        if (gone > 0 && n < scenario->dead_max)
                sim_fail("a dead letter was dropped without need");
}

/** Look at the dead letters, and make their slots free. */
static void bury(const struct queue *q, unsigned int ring, unsigned int *drained) {
        unsigned int kept[SIM_IDS] = { 0 };

        for (uint64_t i = 0; i < q->n; i++) {
                struct slot *s = queue_slot(q, i);
                uint64_t w = atomic_load(&s->word);
                unsigned int id;
                uint32_t size;
                void *data;

                if (word_state(w) != SLOT_DEAD)
                        continue;
                size = queue_payload(q, s, &data);
                id = payload_id(data, size);
                see(ring, id, word_deliveries(w), drained);
                kept[id]++;
                if (word_deliveries(w) < scenario->max_deliveries)
                        sim_fail("dead too early");
                atomic_store(&s->word, word_make(word_lap(w) + 1, 0, 0, SLOT_FREE));
        }
        if (drops())
                check_dropped(ring, kept);
}

static void check_accounts(unsigned int ring, const unsigned int *drained) {
        for (unsigned int id = 0; id < SIM_IDS; id++) {
                const struct history *h = &history[ring][id];

                if (drained[id] > 1)
                        sim_fail("duplicated");
                if (drained[id] && h->sent == NOT)
                        sim_fail("there, but nobody sent it");
                if (drained[id] && h->acknowledged == DONE)
                        sim_fail("there again after it was acknowledged");
                if (was_dropped(h, drained[id] > 0))
                        continue;
                if (!drained[id] && h->sent == DONE && h->acknowledged == NOT)
                        sim_fail("lost");
                if (!drained[id] && h->sent == BEGUN && h->received > 0 && h->acknowledged == NOT)
                        sim_fail("lost after it was delivered");
        }
}

/** All of the heap is free, in one piece. */
static void check_heap(struct queue *q) {
        struct lease l;

        if (queue_reserve_sized(q, q->message_max, &l) < 0) {
                sim_fail("blocks are lost");
                return;
        }
        queue_cancel(q, &l);
}

/** Nobody's messages: they fit a slot. */
#define ANYBODY MESSAGE_ID(SIM_WORKERS + 1, 0)

static void check_capacity(unsigned int ring) {
        struct queue q;
        struct lease l;

        open_queue(&q, ring, PARTICIPANT_CHECK, 3);
        if (scenario->blocks)
                check_heap(&q);
        for (unsigned int lap = 0; lap < CAPACITY_LAPS; lap++) {
                for (unsigned int i = 0; i < q.n; i++) {
                        if (queue_reserve(&q, &l) < 0) {
                                sim_fail("capacity is lost");
                                return;
                        }
                        payload_write(l.data, ANYBODY + i);
                        queue_commit(&q, &l, PAYLOAD_SIZE);
                }
                if (queue_reserve(&q, &l) != -EAGAIN)
                        sim_fail("more than full");
                for (unsigned int i = 0; i < q.n; i++) {
                        if (queue_receive(&q, &l) < 0 || payload_id(l.data, l.size) != ANYBODY + i)
                                sim_fail("lost or out of order afterwards");
                        queue_acknowledge(&q, l.slot);
                }
                if (queue_receive(&q, &l) != -EAGAIN)
                        sim_fail("more than was sent");
        }
}

void world_check(void) {
        unsigned int drained[SIM_RINGS][SIM_IDS] = { 0 };

        /* Whatever rests has rested. */
        sim_go_on(USEC_PER_SEC);
        for (unsigned int ring = 0; ring < SIM_RINGS && scenario->slots[ring]; ring++) {
                struct queue judge;

                sim_check_sound(&regions[ring]);
                open_queue(&judge, ring, 0, 0);
                check_owners(&judge);
                check_waiters(&judge, ring);
                check_hints(&judge, ring);
                drain(ring, drained[ring]);
                bury(&judge, ring, drained[ring]);
                check_accounts(ring, drained[ring]);
        }
        if (scenario->check)
                scenario->check(drained);
        for (unsigned int ring = 0; ring < SIM_RINGS && scenario->slots[ring]; ring++)
                check_capacity(ring);
}
