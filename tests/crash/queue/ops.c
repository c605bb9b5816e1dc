/* SPDX-License-Identifier: MIT */

/*
 * Operations of actors: the real ones, with the history written beside them
 *
 * Compiled with the hooks, so that filling and reading a message are points too. What is begun may have taken effect
 * if the actor dies; what is done must have.
 */

#include <errno.h>

#include "base/time.h"
#include "queue/world.h"
#include "shm/queue-fast.h"
#include "shm/wait-any.h"

uint32_t payload_size(unsigned int id) {
        unsigned int who = id / IDS_PER_SENDER;

        return who <= SETUP && scenario->sizes[who] ? scenario->sizes[who] : PAYLOAD_SIZE;
}

/** The beginning, and if it is long the beginning of each other block too. */
void payload_write(void *data, unsigned int id) {
        volatile uint64_t *d = data;

        d[0] = id | (uint64_t)(id * 7 + 1) << 32;
        d[1] = id | (uint64_t)(id * 7 + 2) << 32;
        for (uint32_t at = BLOCK_SIZE; at < payload_size(id); at += BLOCK_SIZE)
                d[at / sizeof *d] = id;
}

static bool is_whole(const volatile uint64_t *d, unsigned int id, uint32_t size) {
        if (size != payload_size(id) || d[1] != (id | (uint64_t)(id * 7 + 2) << 32))
                return false;
        for (uint32_t at = BLOCK_SIZE; at < size; at += BLOCK_SIZE)
                if (d[at / sizeof *d] != id)
                        return false;
        return true;
}

unsigned int payload_id(const void *data, uint32_t size) {
        const volatile uint64_t *d = data;
        uint64_t first = d[0];
        unsigned int id = (unsigned int)first;

        if (id >= SIM_IDS || first != (id | (uint64_t)(id * 7 + 1) << 32) || !is_whole(d, id, size)) {
                sim_fail("a torn message");
                return 0;
        }
        return id;
}

static int reserve(struct actor *a, unsigned int ring, unsigned int id, struct lease *ret, enum how how) {
        uint32_t size = scenario->reserves[a->who] ? scenario->reserves[a->who] : payload_size(id);
        int r;

        a->wants = size;
        r = how == LOOK ? queue_reserve_sized(&a->queue[ring], size, ret) :
                          queue_reserve_sized_wait(&a->queue[ring], size, ret, UINT64_MAX);

        if (r < 0 && r != -EAGAIN && !(r == -EDQUOT && scenario->dead_max > 0))
                sim_fail("reserve fails");
        return r;
}

int op_send(struct actor *a, unsigned int ring, unsigned int id, enum how how) {
        struct history *h = &history[ring][id];
        struct lease l;

        sim_boundary();
        sim_say("sends", id);
        h->sent = BEGUN;
        if (reserve(a, ring, id, &l, how) < 0) {
                h->sent = NOT;
                return -EAGAIN;
        }
        payload_write(l.data, id);
        queue_commit(&a->queue[ring], &l, payload_size(id));
        h->sent = DONE;
        return 0;
}

/* ---- producers ----------------------------------------------------------------------------------- */

/** Of the messages of a producer: how many have at least been begun, or are done? They are sent in turn. */
static unsigned int count_sent(unsigned int ring, unsigned int who, enum done done) {
        unsigned int k = 0;

        while (k < IDS_PER_SENDER && history[ring][MESSAGE_ID(who, k)].sent >= done)
                k++;
        return k;
}

unsigned int op_produce(struct actor *a, unsigned int ring) {
        uint64_t last = 0;

        sim_boundary();
        if (queue_produce(&a->queue[ring], a->who, &last) < 0)
                sim_fail("a producer is not let in");
        if (last < count_sent(ring, a->who, DONE) || last > count_sent(ring, a->who, BEGUN))
                sim_fail("a producer is told a wrong sequence");
        for (unsigned int k = 0; k < IDS_PER_SENDER; k++)
                history[ring][MESSAGE_ID(a->who, k)].sent = k < last ? DONE : NOT;
        return (unsigned int)last;
}

void op_send_sequenced(struct actor *a, unsigned int ring, unsigned int k) {
        struct history *h = &history[ring][MESSAGE_ID(a->who, k)];
        struct lease l;

        sim_boundary();
        h->sent = BEGUN;
        (void)reserve(a, ring, MESSAGE_ID(a->who, k), &l, WAIT);
        payload_write(l.data, MESSAGE_ID(a->who, k));
        if (queue_commit_sequenced(&a->queue[ring], &l, payload_size(MESSAGE_ID(a->who, k)), k + 1) < 0)
                sim_fail("a new message is taken for an old one");
        h->sent = DONE;
}

unsigned int op_sequence(struct actor *a, unsigned int ring, unsigned int who) {
        uint64_t last = 0;

        sim_boundary();
        if (queue_sequence(&a->queue[ring], who, &last) < 0)
                last = 0;
        /* It may be less than what is done: stores may come late. */
        if (last > count_sent(ring, who, BEGUN))
                sim_fail("who asks is told a wrong sequence");
        return (unsigned int)last;
}

/* ---- receiving ----------------------------------------------------------------------------------- */

static void check_order(struct actor *a, unsigned int ring, unsigned int id) {
        unsigned int *last = &a->last[ring][id / IDS_PER_SENDER];

        if (*last > id)
                sim_fail("messages of one sender out of order");
        *last = id;
}

static void note_received(struct actor *a, unsigned int ring, const struct lease *l) {
        unsigned int id = payload_id(l->data, l->size), before = l->deliveries - 1;
        struct history *h = &history[ring][id];

        sim_say("received", id);
        if (h->sent == NOT)
                sim_fail("a message that nobody sent");
        if (h->acknowledged == DONE)
                sim_fail("delivered again after it was acknowledged");
        if (sim_now() < h->due)
                sim_fail("delivered again too early");
        if (h->holder_known)
                sim_fail("two hold one message");
        if (before < h->received || before > h->received + sim_deaths())
                sim_fail("a wrong delivery count");
        /* The other rings are fed by many hands. */
        if (before == 0 && ring == 0)
                check_order(a, ring, id);
        h->received = l->deliveries;
        h->position = l->id;
        h->holder = a->who;
        h->holder_known = true;
}

int op_receive(struct actor *a, unsigned int ring, struct lease *ret, enum how how) {
        struct queue *q = &a->queue[ring];
        int r;

        sim_boundary();
        if (how == POLL)
                while ((r = queue_receive_poll(q, ret)) == -EAGAIN)
                        sim_event_wait((int)ring, queue_alarm(q));
        else
                r = how == WAIT ? queue_receive_wait(q, ret, UINT64_MAX, NULL) : queue_receive(q, ret);
        if (r == 0)
                note_received(a, ring, ret);
        else if (r != -EAGAIN)
                sim_fail("receive fails");
        return r;
}

int op_receive_drain(struct actor *a, unsigned int ring, struct lease *ret) {
        int r;

        sim_boundary();
        r = queue_receive_wait(&a->queue[ring], ret, UINT64_MAX, &sim_members[a->who].drain);
        if (r == 0)
                note_received(a, ring, ret);
        return r;
}

int op_wait_any(struct actor *a, bool space, enum how how) {
        const _Atomic uint32_t *drain = &sim_members[a->who].drain;
        struct wait_item items[2] = {
                space ? queue_space_item(&a->queue[0]) : queue_message_item(&a->queue[0], drain),
                queue_message_item(&a->queue[1], drain),
        };
        int r;

        sim_boundary();
        wait_any_by_descriptors(how == POLL);
        r = wait_any(items, 2, UINT64_MAX);
        if (r == -ESHUTDOWN)
                return r;
        if (r < 1 || r > 2 || r != items[0].ready + items[1].ready)
                sim_fail("waiting for any fails");
        return items[0].ready ? 0 : 1;
}

void op_acknowledge(struct actor *a, unsigned int ring, const struct lease *l) {
        unsigned int id = payload_id(l->data, l->size);
        struct history *h = &history[ring][id];

        sim_boundary();
        sim_say("acknowledges", id);
        h->acknowledged = BEGUN;
        if (queue_acknowledge(&a->queue[ring], l->slot) < 0)
                sim_fail("a lease was lost");
        h->acknowledged = DONE;
        h->holder_known = false;
}

void op_reject(struct actor *a, unsigned int ring, const struct lease *l) {
        unsigned int id = payload_id(l->data, l->size);
        struct history *h = &history[ring][id];
        int r;

        sim_boundary();
        sim_say("rejects", id);
        h->holder_known = false;
        h->due = sim_now() + scenario->delay_msec * USEC_PER_MSEC;
        r = queue_reject(&a->queue[ring], l->slot, "why not");
        if (r < 0)
                sim_fail("a lease was lost");
        if (r != (l->deliveries >= scenario->max_deliveries))
                sim_fail("dead too early or too late");
}

void op_bury(struct actor *a, unsigned int ring) {
        struct queue *q = &a->queue[ring];

        sim_boundary();
        for (uint32_t i = 0; i < q->n; i++) {
                struct slot *s = queue_slot(q, i);
                uint64_t w = atomic_load(&s->word);
                struct history *h;
                uint32_t size;
                void *data;

                if (word_state(w) != SLOT_DEAD)
                        continue;
                size = queue_payload(q, s, &data);
                h = &history[ring][payload_id(data, size)];
                h->acknowledged = BEGUN;
                if (queue_dead_drop(q, i, w))
                        h->acknowledged = DONE;
        }
        queue_dead_settled(q);
}

int op_take(struct actor *a, unsigned int ring, enum how how) {
        struct lease l;
        int r = op_receive(a, ring, &l, how);

        if (r == 0)
                op_acknowledge(a, ring, &l);
        return r;
}

void op_forward(struct actor *a, const struct lease *l, size_t n, unsigned int outputs) {
        struct settlement s[SIM_RINGS + 2];
        struct lease out;
        unsigned int id = payload_id(l[0].data, l[0].size), inputs[2];
        size_t k = 0;

        for (unsigned int ring = 1; ring <= outputs; ring++) {
                (void)reserve(a, ring, id, &out, WAIT);
                payload_write(out.data, id);
                queue_commit_prepare(&a->queue[ring], &out, payload_size(id));
                s[k++] = (struct settlement){ .queue = &a->queue[ring], .ring = ring, .slot = out.slot };
                history[ring][id].sent = BEGUN;
        }
        for (size_t i = 0; i < n; i++) {
                inputs[i] = payload_id(l[i].data, l[i].size);
                history[0][inputs[i]].acknowledged = BEGUN;
                s[k++] = (struct settlement){ .queue = &a->queue[0], .slot = l[i].slot, .acknowledge = true };
        }
        sim_say("forwards", id);
        journal_settle(a->journal, s, k);
        for (unsigned int ring = 1; ring <= outputs; ring++)
                history[ring][id].sent = DONE;
        for (size_t i = 0; i < n; i++) {
                history[0][inputs[i]].acknowledged = DONE;
                history[0][inputs[i]].holder_known = false;
        }
}

void op_send_batch(struct actor *a, unsigned int ring) {
        struct queue *q = &a->queue[ring];
        struct lease l[2];
        unsigned int id[2];

        for (unsigned int i = 0; i < 2; i++) {
                id[i] = op_next(a, ring);
                history[ring][id[i]].sent = BEGUN;
                (void)reserve(a, ring, id[i], &l[i], WAIT);
                payload_write(l[i].data, id[i]);
        }
        for (unsigned int i = 0; i < 2; i++) {
                struct slot *s = queue_slot(q, l[i].slot);

                queue_publish(s, queue_lap_bits(q, l[i].id), queue_fit(q, s, l[i].id, payload_size(id[i])));
                history[ring][id[i]].sent = DONE;
        }
        queue_published(q, 2);
}

void op_take_batch(struct actor *a, unsigned int ring) {
        struct queue *q = &a->queue[ring];
        struct history *h[2];
        struct lease l[2];

        for (unsigned int i = 0; i < 2; i++) {
                (void)op_receive(a, ring, &l[i], WAIT);
                h[i] = &history[ring][payload_id(l[i].data, l[i].size)];
        }
        for (unsigned int i = 0; i < 2; i++) {
                h[i]->acknowledged = BEGUN;
                queue_free(queue_slot(q, l[i].slot), atomic_load(&queue_slot(q, l[i].slot)->word));
                h[i]->acknowledged = DONE;
                h[i]->holder_known = false;
        }
        queue_freed(q);
}

unsigned int op_next(const struct actor *a, unsigned int ring) {
        unsigned int k = 0;

        while (k < IDS_PER_SENDER - 1 && history[ring][MESSAGE_ID(a->who, k)].sent != NOT)
                k++;
        return MESSAGE_ID(a->who, k);
}
