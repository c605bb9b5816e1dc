/* SPDX-License-Identifier: MIT */

/*
 * What must hold in an arena after its dead were recovered
 *
 * As in crashsim: nobody dead has the writing end, a place, or a waiter's bit; the witness sees each message that was
 * sent, whole, once and in order, and of those that were only begun none out of order; the ring has its full capacity
 * for several laps.
 */

#include <errno.h>
#include <string.h>

#include "broadcast/step-world.h"

#define PATIENCE (2 * STEP_IDS)

const size_t arena_size = sizeof(struct arena);

static struct region region_of(struct arena *a) {
        return (struct region){
                .base = a->ring,
                .size = STEP_RING_BYTES,
                .geometry = { .kind = OBJECT_BROADCAST, .policy = a->policy, .capacity = STEP_CAPACITY,
                              .message_max = STEP_MESSAGE_MAX,
                              .slots = a->policy == BROADCAST_LOSSY ? 0 : STEP_SLOTS },
        };
}

void arena_open(struct arena *a, struct broadcast *b, uint32_t participant) {
        struct region r = region_of(a);

        broadcast_open(b, &r, participant, participant ? STEP_GENERATION : 0, -1);
        b->patience.spin = 0;
}

void arena_witness(struct arena *a, struct broadcast *b) {
        arena_open(a, b, STEP_WITNESS);
        b->subscriber = &b->control->subscribers[0];
        b->tail = b->position = b->subscriber->position & ~SUBSCRIBED;
        b->sequence = ((struct record *)(void *)(b->records + (b->position & b->mask)))->sequence;
}

size_t arena_regions(struct arena *a, struct region ret[STEP_REGIONS_MAX]) {
        ret[0] = region_of(a);
        return 1;
}

void arena_reset(struct arena *a) {
        memset(a, 0, sizeof *a);
}

void arena_recover(struct arena *a, uint32_t participant) {
        struct region r = region_of(a);
        struct object object;
        const struct seat seat = { &object, 0, participant, 1, STEP_GENERATION };

        object_open(&object, &r, -1);
        recover_process(NULL, &seat, 1, "killed", NULL);
}

/** Read to the end. What is seen must be what was sent, from some message on. */
static const char *read_all(struct arena *a, struct broadcast *b) {
        unsigned char data[STEP_MESSAGE_MAX] __attribute__((__aligned__(8)));
        unsigned int place = 0, n = 0;
        bool first = true;
        struct view v;

        for (; n < PATIENCE && broadcast_receive(b, data, sizeof data, &v) == 0; n++) {
                unsigned int id = step_id(data, v.size);

                if (id == STEP_IDS)
                        return "a torn message";
                if (v.missed != 0)
                        return "a message was missed";
                /* The next one that was sent; or one that was begun, and whose writer died just after it had published. */
                for (; place < a->n_begun && a->order[place] != id; place++)
                        if (!first && a->sent[place])
                                return "a message that was sent was lost";
                if (place == a->n_begun)
                        return "a phantom, or out of order";
                place++;
                first = false;
        }
        if (n == PATIENCE)
                return "does not come to an end";
        for (; !first && place < a->n_begun; place++)
                if (a->sent[place])
                        return "a message that was sent is hidden";
        return NULL;
}

const char *arena_peer(struct arena *a) {
        const char *why = NULL;
        struct broadcast b;

        arena_open(a, &b, STEP_PEER);
        if (broadcast_subscribe(&b, true) < 0)
                return "a peer cannot subscribe";
        why = read_all(a, &b);
        broadcast_close(&b);
        if (why)
                return why;
        arena_open(a, &b, STEP_PEER);
        if (broadcast_claim(&b) == 0)
                (void)step_append(a, &b, true);
        broadcast_close(&b);
        return NULL;
}

static const char *check_owners(struct arena *a) {
        struct broadcast b;

        arena_open(a, &b, 0);
        if (b.published->writer != 0)
                return "a dead one is the writer";
        for (uint32_t i = 0; i < b.slots; i++) {
                const struct subscriber *s = &b.control->subscribers[i];
                bool witness = a->policy == BROADCAST_WAIT && i == 0;

                if (!witness && (s->owner != 0 || s->position != 0))
                        return "a dead one has a place";
        }
        if (b.control->messages.sleeping[0] | b.control->messages.polling[0] | b.control->space.sleeping[0])
                return "a dead one waits";
        return NULL;
}

/** The witness sees all that it has not seen; whoever comes now, a part of it. */
static const char *check_sight(struct arena *a) {
        const char *why = NULL;
        struct broadcast b;

        if (a->policy == BROADCAST_WAIT) {
                arena_witness(a, &b);
                why = read_all(a, &b);
                broadcast_close(&b);
        }
        arena_open(a, &b, STEP_PEER);
        if (broadcast_subscribe(&b, true) < 0)
                return "nobody can subscribe any more";
        why = why ? why : read_all(a, &b);
        broadcast_close(&b);
        return why;
}

static const char *check_capacity(struct arena *a) {
        unsigned char data[STEP_MESSAGE_MAX];
        struct broadcast w, r;
        struct view v;

        arena_open(a, &w, STEP_VICTIM);
        arena_open(a, &r, STEP_PEER);
        if (broadcast_claim(&w) < 0 || broadcast_subscribe(&r, false) < 0)
                return "the writing end or a place is lost";
        for (unsigned int i = 0; i < 40; i++) {
                uint32_t size = i % (STEP_MESSAGE_MAX + 1);
                void *to;

                for (unsigned int k = 0; k < 4; k++) {
                        if (broadcast_reserve(&w, size, &to) < 0)
                                return "capacity is lost";
                        broadcast_append(&w, size);
                        broadcast_publish(&w);
                }
                for (unsigned int k = 0; k < 4; k++)
                        if (broadcast_receive(&r, data, sizeof data, &v) < 0 || v.size != size || v.missed != 0)
                                return "lost afterwards";
                if (broadcast_receive(&r, data, sizeof data, &v) != -EAGAIN)
                        return "more than was sent";
        }
        return NULL;
}

const char *arena_check(struct arena *a, const struct operation *op) {
        const char *why = check_owners(a);

        (void)op;
        why = why ? why : check_sight(a);
        return why ? why : check_capacity(a);
}
