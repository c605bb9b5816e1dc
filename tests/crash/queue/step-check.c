/* SPDX-License-Identifier: MIT */

/*
 * What must hold in an arena after its dead were recovered
 *
 * As in crashsim: each accepted message is there as often as the marks say, whole, with the right delivery count and in order;
 * the dead own nothing and wait for nothing; the rings have their full capacity.
 */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "queue/step-world.h"
#include "shm/queue-fast.h"

#define CAPACITY_LAPS 3
#define PATIENCE 64
/** The first of the judge's own messages, which are short. */
#define STEP_JUDGED 24

const size_t arena_size = sizeof(struct arena);

struct count {
        unsigned int there[STEP_RINGS][STEP_IDS];
};

static struct region region_of(struct arena *a, unsigned int ring) {
        return (struct region){
                .base = a->ring[ring],
                .size = STEP_RING_BYTES,
                .geometry = { .kind = OBJECT_QUEUE, .slots = STEP_SLOTS, 
                              .message_max = a->heap ? STEP_LONG : STEP_SHORT, .slot_size = STEP_SHORT, .heap = a->heap,
                              .max_deliveries = STEP_MAX_DELIVERIES, .dead_max = a->dead_max,
                              .policy = a->dead_policy, .delay_msec = a->delay_msec },
        };
}

void arena_open(struct arena *a, struct queue *q, unsigned int ring, uint32_t participant) {
        struct region r = region_of(a, ring);

        queue_open(q, &r, participant, participant ? STEP_GENERATION : 0, -1);
        q->patience.spin = 0;
}

size_t arena_regions(struct arena *a, struct region ret[STEP_REGIONS_MAX]) {
        _Static_assert(STEP_RINGS <= STEP_REGIONS_MAX, "all of them");
        for (unsigned int i = 0; i < STEP_RINGS; i++)
                ret[i] = region_of(a, i);
        return STEP_RINGS;
}

void arena_reset(struct arena *a) {
        memset(a, 0, sizeof *a);
}

void arena_recover(struct arena *a, uint32_t participant) {
        const struct member member = { &a->member };
        struct object objects[STEP_RINGS];
        struct seat seats[STEP_RINGS];

        for (unsigned int i = 0; i < STEP_RINGS; i++) {
                struct region r = region_of(a, i);

                object_open(&objects[i], &r, -1);
                seats[i] = (struct seat){ &objects[i], i, participant, 1, STEP_GENERATION };
        }
        recover_process(participant == STEP_VICTIM ? &member : NULL, seats, STEP_RINGS, "killed", NULL);
}

const char *arena_peer(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_PEER);
        (void)step_send(a, &q, 0, 10);
        for (unsigned int n = 0; step_receive(a, &q, 0, &l); n++) {
                unsigned int id = step_id(l.data, l.size);

                if (n == PATIENCE)
                        return "a peer does not come to an end";
                if (id == STEP_IDS)
                        return "a peer got a torn message";
                if (a->marks[0][id].finished)
                        return "a peer got a message that was acknowledged";
                if (queue_acknowledge(&q, l.slot) < 0)
                        return "a peer lost its lease";
                a->marks[0][id].finish_begun = a->marks[0][id].finished = 1;
        }
        (void)step_send(a, &q, 0, 11);
        return NULL;
}

static const char *see(const struct mark *m, uint32_t before) {
        return before < m->received || before > m->received + 1u ? "a wrong delivery count" : NULL;
}

/** Whatever rests, somebody will look for it when it is due. Let that be now. */
static const char *check_rest(struct arena *a, unsigned int ring) {
        struct queue q;

        arena_open(a, &q, ring, 0);
        for (unsigned int i = 0; i < STEP_SLOTS; i++) {
                uint64_t due = q.due[i];

                q.due[i] = 0;
                if (word_state(atomic_load(&queue_slot(&q, i)->word)) == SLOT_RETURNED && due != 0 &&
                    queue_alarm(&q) > due + USEC_PER_MSEC)
                        return "a message rests, and no alarm is set";
        }
        queue_bump_epoch(&q, UINT64_MAX);
        return NULL;
}

static const char *drain(struct arena *a, unsigned int ring, unsigned int *there) {
        unsigned int last[STEP_IDS / 10 + 1] = { 0 };
        const char *why = NULL;
        struct lease l;
        struct queue q;

        arena_open(a, &q, ring, STEP_JUDGE);
        for (unsigned int n = 0; n < PATIENCE && queue_receive(&q, &l) == 0; n++) {
                unsigned int id = step_id(l.data, l.size);

                if (id == STEP_IDS)
                        return "a torn message";
                if (!why)
                        why = see(&a->marks[ring][id], l.deliveries - 1);
                if (l.deliveries == 1 && last[id / 10] > id)
                        why = "out of order";
                last[id / 10] = l.deliveries == 1 ? id : last[id / 10];
                there[id]++;
                queue_acknowledge(&q, l.slot);
        }
        return why;
}

/** What is wrong with that so many dead letters are there? */
static const char *check_limit(struct arena *a, struct queue *q, unsigned int dead) {
        struct lease l;

        if (a->dead_max == 0)
                return NULL;
        if (a->dead_policy == QUEUE_DEAD_DROP_OLDEST)
                return dead > a->dead_max ? "more dead letters than the limit" : NULL;
        return dead >= a->dead_max && queue_reserve(q, &l) != -EDQUOT ? "too many dead letters, and nobody is refused" : NULL;
}

static const char *bury(struct arena *a, unsigned int ring, unsigned int *there) {
        const char *why;
        unsigned int dead = 0;
        struct queue q;

        arena_open(a, &q, ring, 0);
        for (unsigned int i = 0; i < STEP_SLOTS; i++)
                dead += word_state(atomic_load(&queue_slot(&q, i)->word)) == SLOT_DEAD;
        why = check_limit(a, &q, dead);
        if (why)
                return why;
        for (unsigned int i = 0; i < STEP_SLOTS; i++) {
                struct slot *s = queue_slot(&q, i);
                uint64_t w = atomic_load(&s->word);
                void *data;
                uint32_t size = queue_payload(&q, s, &data);
                unsigned int id = step_id(data, size);

                if (word_owner(w) != 0)
                        return "a dead one owns a slot";
                if (word_state(w) != SLOT_DEAD)
                        continue;
                if (id == STEP_IDS || word_deliveries(w) < STEP_MAX_DELIVERIES)
                        return "a wrong dead letter";
                there[id]++;
                atomic_store(&s->word, word_make(word_lap(w) + 1, 0, 0, SLOT_FREE));
        }
        return NULL;
}

/** Is a message gone that may have been a dead letter? */
static bool was_dropped(const struct arena *a, const struct mark *m) {
        return a->dead_max > 0 && a->dead_policy == QUEUE_DEAD_DROP_OLDEST && m->received + 1 >= STEP_MAX_DELIVERIES;
}

static const char *account(const struct arena *a, unsigned int ring, const unsigned int *there) {
        for (unsigned int id = 0; id < STEP_IDS; id++) {
                const struct mark *m = &a->marks[ring][id];

                if (there[id] > 1)
                        return "duplicated";
                if (there[id] && !m->send_begun)
                        return "there, but nobody sent it";
                if (there[id] && m->finished)
                        return "there again after it was acknowledged";
                if (!there[id] && m->sent && !m->finish_begun && !was_dropped(a, m))
                        return "lost";
        }
        return NULL;
}

static const char *check_forwards(const struct arena *a, const struct count *c) {
        for (unsigned int id = 0; id < STEP_IDS; id++) {
                bool taken = a->marks[0][id].finished && !a->marks[1][id].send_begun; /* by a peer */

                if (a->marks[0][id].sent && !taken && c->there[0][id] + c->there[1][id] != 1)
                        return "not exactly once";
        }
        return NULL;
}

/** What the ring says was accepted is what was. */
static const char *check_sequence(struct arena *a, const struct count *c) {
        uint64_t last = 0;
        struct queue q;

        arena_open(a, &q, 0, STEP_JUDGE);
        if (queue_produce(&q, STEP_KEY, &last) < 0)
                return "a replacement is not let in";
        for (unsigned int id = 1; id <= STEP_SEQUENCE_MAX; id++)
                if ((c->there[0][id] > 0 || a->marks[0][id].finished) != (id <= last))
                        return "a wrong sequence";
        return NULL;
}

static const char *check_waiters(struct arena *a, unsigned int ring) {
        struct queue q;
        uint64_t bits;

        arena_open(a, &q, ring, 0);
        bits = q.control->messages.sleeping[0] | q.control->messages.polling[0] | q.control->space.sleeping[0];
        return bits ? "a dead one waits" : NULL;
}

/** All of the heap is free, in one piece. */
static const char *check_heap(struct queue *q) {
        struct lease l[STEP_HEAP / 64 / 2 + 1];
        unsigned int n = 0;

        while (n < ARRAY_SIZE(l) && queue_reserve_sized(q, q->message_max, &l[n]) == 0)
                n++;
        for (unsigned int i = 0; i < n; i++)
                queue_cancel(q, &l[i]);
        return n < STEP_HEAP / 64 / 2 ? "blocks are lost" : NULL;
}

static const char *check_capacity(struct arena *a, unsigned int ring) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, ring, STEP_JUDGE + 1);
        if (a->heap && check_heap(&q))
                return check_heap(&q);
        for (unsigned int lap = 0; lap < CAPACITY_LAPS; lap++) {
                for (unsigned int i = 0; i < STEP_SLOTS; i++)
                        if (!step_send(a, &q, ring, STEP_JUDGED + i))
                                return "capacity is lost";
                if (queue_reserve(&q, &l) != -EAGAIN)
                        return "more than full";
                for (unsigned int i = 0; i < STEP_SLOTS; i++) {
                        if (queue_receive(&q, &l) < 0 || step_id(l.data, l.size) != STEP_JUDGED + i)
                                return "lost or out of order afterwards";
                        queue_acknowledge(&q, l.slot);
                }
        }
        return NULL;
}

const char *arena_check(struct arena *a, const struct operation *op) {
        struct count c = { 0 };
        const char *why = NULL;

        for (unsigned int ring = 0; !why && ring < STEP_RINGS; ring++) {
                why = check_waiters(a, ring);
                why = why ? why : a->delay_msec ? check_rest(a, ring) : NULL;
                why = why ? why : drain(a, ring, c.there[ring]);
                why = why ? why : bury(a, ring, c.there[ring]);
                why = why ? why : account(a, ring, c.there[ring]);
        }
        if (!why && op->flags & STEP_FORWARDS)
                why = check_forwards(a, &c);
        if (!why && op->flags & STEP_SEQUENCED)
                why = check_sequence(a, &c);
        for (unsigned int ring = 0; !why && ring < STEP_RINGS; ring++)
                why = check_capacity(a, ring);
        return why;
}
