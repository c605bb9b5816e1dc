/* SPDX-License-Identifier: MIT */

/*
 * What must hold when nobody can go on
 *
 * First: no reader sleeps while there is a message for it, and no writer while there is room; the writing end and
 * every place belong to somebody who lives, and who has subscribed is heeded. At the very end: no waiter's bit is set
 * for somebody who does not wait; a new reader finds what is kept, up to the last message that was sent; and the ring
 * has its full capacity for several laps.
 *
 * Nothing here is a point: the execution stands still.
 */

#include <errno.h>
#include <string.h>

#include "broadcast/world.h"
#include "shm/object.h"

/** Participants of the checks. Those of workers are below, in two groups of waiters. */
#define PARTICIPANT_SETUP 100
#define PARTICIPANT_CHECK 300
#define CAPACITY_LAPS 3
#define PATIENCE 64

struct sent stream[SIM_IDS];
unsigned int n_begun, n_sent, next_id;
const struct scenario *scenario;

static struct region region;
static struct actor actors[SIM_WORKERS + 1];
static uint32_t living[SIM_WORKERS];    /* the owner of each, while it lives; 0 */
static unsigned char backup[sizeof sim_memory];

const struct scenario_head *world_scenario(size_t i) {
        return i < n_broadcast_scenarios ? &broadcast_scenarios[i].head : NULL;
}

void world_choose(size_t i) {
        scenario = &broadcast_scenarios[i];
}

uint32_t participant_of(unsigned int who) {
        return who == SETUP ? PARTICIPANT_SETUP : who == 0 ? 65 : who;
}

static void open_ring(struct broadcast *b, uint32_t participant, uint32_t generation) {
        broadcast_open(b, &region, participant, generation, 0);
        b->patience.spin = 0;
}

void actor_init(struct actor *a, unsigned int who, unsigned int incarnation) {
        memset(a, 0, sizeof *a);
        a->who = who;
        a->incarnation = incarnation;
        open_ring(&a->b, participant_of(who), incarnation + 1);
}

/* ---- the course of an execution ------------------------------------------------------------------ */

void world_reset(void) {
        memset(stream, 0, sizeof stream);
        memset(living, 0, sizeof living);
        n_begun = n_sent = next_id = 0;
        for (unsigned int i = 0; i < SIM_WORKERS; i++) {
                memset(&sim_members[i], 0, offsetof(struct member_memory, journals) + sizeof(struct journal));
                actor_init(&actors[i], i, 0);
        }
        region = (struct region){
                .base = sim_memory,
                .geometry = { .kind = OBJECT_BROADCAST, .policy = scenario->policy, .slots = scenario->slots,
                              .capacity = scenario->capacity ? scenario->capacity : BROADCAST_CAPACITY_MIN,
                              .message_max = PAYLOAD_MAX },
        };
        region.size = geometry_size(&region.geometry);
        memset(sim_memory, 0, region.size);
        actor_init(&actors[SETUP], SETUP, 0);
        if (scenario->setup)
                scenario->setup(&actors[SETUP]);
}

void world_run(unsigned int who, unsigned int incarnation) {
        actor_init(&actors[who], who, incarnation);
        living[who] = actors[who].b.owner;
        if (scenario->body[who])
                scenario->body[who](&actors[who]);
}

bool world_recover(unsigned int who, unsigned int incarnation) {
        struct object object;
        const struct seat seat = { &object, 0, participant_of(who), 1, incarnation + 1 };

        living[who] = 0;
        actors[who].reads = false;
        object_open(&object, &region, 0);
        sim_say("is recovered:", who);
        recover_process(NULL, &seat, 1, "killed", NULL);
        return scenario->replaced;
}

/* ---- while some may go on later ------------------------------------------------------------------ */

/** How many messages were published, as the ring has it. */
static unsigned int n_published(const struct broadcast *b) {
        uint64_t tail = atomic_load(&b->published->tail);
        const struct record *record = (void *)(b->records + (tail & b->mask));

        return (unsigned int)record->sequence;
}

static bool room_can_be_had(const struct actor *a) {
        struct broadcast b = a->b;
        void *data;
        int r;

        memcpy(backup, sim_memory, region.size);
        r = broadcast_reserve(&b, a->wanted, &data);
        memcpy(sim_memory, backup, region.size);
        return r == 0;
}

static bool lives(uint32_t owner) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (owner == living[who])
                        return true;
        return false;
}

static void check_owners(const struct broadcast *b) {
        uint32_t writer = atomic_load(&b->published->writer);

        if (writer != 0 && !lives(writer))
                sim_fail("a dead one is the writer");
        for (uint32_t i = 0; i < scenario->slots; i++) {
                const struct subscriber *s = &b->control->subscribers[i];
                uint32_t owner = s->owner;

                if (owner != 0 && !lives(owner))
                        sim_fail("a dead one has a place");
                if (owner == 0 && s->position != 0)
                        sim_fail("nobody's position is heeded");
        }
}

static void check_reader(const struct broadcast *judge, const struct actor *a) {
        const volatile void *key = sim_sleeps_on(a->who);
        const struct subscriber *s = a->b.subscriber;

        if (!a->b.writes && (key == &judge->control->messages.event || key == &sim_events[0]) && a->next != n_published(judge))
                sim_fail("a reader sleeps while there is a message");
        if (a->reads && scenario->slots > 0 && (!s || s->owner != a->b.owner || !(s->position & SUBSCRIBED)))
                sim_fail("a subscriber is not heeded");
}

/** Is there one who lives, and has not read all? */
static bool somebody_is_slow(const struct broadcast *judge) {
        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (actors[who].reads && actors[who].next < n_published(judge))
                        return true;
        return false;
}

static void check_writer(const struct broadcast *judge, const struct actor *a) {
        if (!a->b.writes || !sim_sleeps_on(a->who))
                return;
        if (!somebody_is_slow(judge))
                sim_fail("a writer waits for nobody");
        if (room_can_be_had(a))
                sim_fail("a writer sleeps while there is room");
}

void world_quiet(void) {
        struct broadcast judge;

        open_ring(&judge, 0, 0);
        check_owners(&judge);
        if (n_published(&judge) < n_sent || n_published(&judge) > n_begun)
                sim_fail("a message was lost, or is a phantom");
        for (unsigned int who = 0; who < SIM_WORKERS; who++) {
                check_reader(&judge, &actors[who]);
                check_writer(&judge, &actors[who]);
        }
        if (scenario->quiet)
                scenario->quiet();
}

/* ---- at the end ---------------------------------------------------------------------------------- */

static void check_bits(uint64_t summary, const _Atomic uint64_t *bits, bool writer, const volatile void *key) {
        uint64_t expected[WAITER_GROUPS] = { 0 };

        for (unsigned int who = 0; who < SIM_WORKERS; who++)
                if (sim_sleeps_on(who) == key && actors[who].b.writes == writer)
                        expected[participant_of(who) / 64] |= UINT64_C(1) << participant_of(who) % 64;
        for (unsigned int i = 0; i < WAITER_GROUPS; i++) {
                uint64_t b = atomic_load((_Atomic uint64_t *)&bits[i]);

                if (b != expected[i])
                        sim_fail("a waiter's bit that nobody owns, or one that is missing");
                if (b && !(summary >> i & 1))
                        sim_fail("a waiter's group is missing in the summary");
        }
}

static void check_waiters(const struct broadcast *b) {
        const struct broadcast_control *c = b->control;

        check_bits(c->messages.sleepers, c->messages.sleeping, false, &c->messages.event);
        check_bits(c->messages.pollers, c->messages.polling, false, &sim_events[0]);
        check_bits(c->space.sleepers, c->space.sleeping, true, &c->space.event);
        check_bits(c->space.pollers, c->space.polling, true, &sim_events[0]);
}

/** As if all had closed: those that live to the end sleep. */
static void close_all(struct broadcast *b) {
        atomic_store(&b->published->writer, 0);
        for (uint32_t i = 0; i < scenario->slots; i++)
                subscriber_free(&b->control->subscribers[i]);
}

/** A new reader finds what is kept, to the end. */
static void check_sight(void) {
        _Alignas(8) unsigned char buffer[PAYLOAD_MAX];
        unsigned int published;
        struct broadcast b;
        struct view v;
        uint64_t next;

        open_ring(&b, PARTICIPANT_CHECK, 1);
        published = n_published(&b);
        if (broadcast_subscribe(&b, true) < 0)
                sim_fail("nobody can subscribe any more");
        next = b.sequence;
        for (unsigned int n = 0; n < PATIENCE && broadcast_receive(&b, buffer, sizeof buffer, &v) == 0; n++) {
                if (v.missed != 0 || next >= n_begun || payload_id(v.data, v.size) != stream[next].id)
                        sim_fail("not in order at the end");
                next++;
        }
        if (next != published)
                sim_fail("a message is hidden from a new reader");
        broadcast_close(&b);
}

static void send_number(struct broadcast *w, unsigned int id) {
        uint64_t words[PAYLOAD_MAX / 8];
        void *data;

        if (broadcast_reserve(w, payload_size(id), &data) < 0)
                sim_fail("capacity is lost");
        else {
                payload_fill(words, id);
                broadcast_write(data, words, payload_size(id));
                broadcast_append(w, payload_size(id));
                broadcast_publish(w);
        }
}

static void check_capacity(void) {
        unsigned int count = scenario->slots > 0 ? scenario->slots : 2;
        _Alignas(8) unsigned char buffer[PAYLOAD_MAX];
        struct broadcast w, readers[SIM_WORKERS + 1];
        struct view v;

        open_ring(&w, PARTICIPANT_CHECK, 2);
        if (broadcast_claim(&w) < 0)
                sim_fail("the writing end is lost");
        for (unsigned int i = 0; i < count; i++) {
                open_ring(&readers[i], PARTICIPANT_CHECK + 1 + i, 1);
                if (broadcast_subscribe(&readers[i], false) < 0)
                        sim_fail("a place is lost");
        }
        for (unsigned int k = 0; k < CAPACITY_LAPS * 4; k++) {
                /* Two small ones fit at once, whatever is behind them; one large. */
                unsigned int burst = k % 2 + 1;

                for (unsigned int i = 0; i < burst; i++)
                        send_number(&w, burst == 1 ? 2 : i);
                for (unsigned int r = 0; r < count; r++) {
                        for (unsigned int i = 0; i < burst; i++)
                                if (broadcast_receive(&readers[r], buffer, sizeof buffer, &v) < 0 || v.missed != 0 ||
                                    payload_id(v.data, v.size) != (burst == 1 ? 2 : i))
                                        sim_fail("lost or out of order afterwards");
                        if (broadcast_receive(&readers[r], buffer, sizeof buffer, &v) != -EAGAIN)
                                sim_fail("more than was sent");
                }
        }
}

void world_check(void) {
        struct broadcast judge;

        sim_check_sound(&region);
        open_ring(&judge, 0, 0);
        check_waiters(&judge);
        close_all(&judge);
        check_sight();
        check_capacity();
}
