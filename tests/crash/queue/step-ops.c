/* SPDX-License-Identifier: MIT */

/*
 * The operations that stepkill kills, and the states in which they begin
 *
 * Marks are plain stores around each operation: begun before it, done after it.
 */

#include <string.h>

#include "queue/step-world.h"
#include "shm/queue-fast.h"
#include "shm/wait-any.h"

#define BROKEN STEP_IDS

/** A deadline that has passed: a sleep ends at once. */
#define LONG_AGO 1

uint32_t step_size(const struct arena *a, unsigned int id) {
        return a->heap && id < 10 ? STEP_LONG : STEP_SHORT;
}

static void payload_write(void *data, unsigned int id, uint32_t size) {
        volatile uint64_t *d = data;

        d[0] = id | (uint64_t)(id * 7 + 1) << 32;
        d[1] = id | (uint64_t)(id * 7 + 2) << 32;
        if (size > STEP_SHORT)
                d[STEP_LONG / sizeof *d - 1] = id;
}

/** @return the number of a message; BROKEN if it is torn. */
unsigned int step_id(const void *data, uint32_t size) {
        const volatile uint64_t *d = data;
        unsigned int id = (unsigned int)d[0];

        if ((size != STEP_SHORT && (size != STEP_LONG || d[STEP_LONG / sizeof *d - 1] != id)) || id >= STEP_IDS ||
            d[0] != (id | (uint64_t)(id * 7 + 1) << 32) ||
            d[1] != (id | (uint64_t)(id * 7 + 2) << 32))
                return BROKEN;
        return id;
}

bool step_send(struct arena *a, struct queue *q, unsigned int ring, unsigned int id) {
        struct mark *m = &a->marks[ring][id];
        struct lease l;

        m->send_begun = 1;
        if (queue_reserve_sized(q, step_size(a, id), &l) < 0) {
                m->send_begun = 0;
                return false;
        }
        payload_write(l.data, id, step_size(a, id));
        queue_commit(q, &l, step_size(a, id));
        m->sent = 1;
        return true;
}

bool step_receive(struct arena *a, struct queue *q, unsigned int ring, struct lease *ret) {
        unsigned int id;

        if (queue_receive(q, ret) < 0)
                return false;
        id = step_id(ret->data, ret->size);
        if (id < STEP_IDS)
                a->marks[ring][id].received = (uint8_t)ret->deliveries;
        return true;
}

static void step_acknowledge(struct arena *a, struct queue *q, unsigned int ring, const struct lease *l) {
        struct mark *m = &a->marks[ring][step_id(l->data, l->size)];

        m->finish_begun = 1;
        queue_acknowledge(q, l->slot);
        m->finished = 1;
}

/* ---- states -------------------------------------------------------------------------------------- */

static void setup_messages(struct arena *a, unsigned int n) {
        struct queue q;

        arena_open(a, &q, 0, STEP_PEER);
        for (unsigned int i = 0; i < n; i++)
                step_send(a, &q, 0, 20 + i);
}

static void setup_empty(struct arena *a) {
        setup_messages(a, 0);
}

static void setup_three(struct arena *a) {
        setup_messages(a, 3);
}

static void setup_full(struct arena *a) {
        setup_messages(a, STEP_SLOTS);
}

/** The first slot is held by the zombie, the frontier has come round to it. */
static void setup_lap(struct arena *a) {
        struct queue zombie, q;
        struct lease l;

        setup_full(a);
        arena_open(a, &zombie, 0, STEP_ZOMBIE);
        arena_open(a, &q, 0, STEP_PEER);
        step_receive(a, &zombie, 0, &l);
        while (step_receive(a, &q, 0, &l))
                step_acknowledge(a, &q, 0, &l);
}

static void setup_rejected(struct arena *a) {
        struct queue q;
        struct lease l;

        setup_messages(a, 2);
        arena_open(a, &q, 0, STEP_PEER);
        step_receive(a, &q, 0, &l);
        queue_reject(&q, l.slot, "once");
}

/** One dead letter is there, and two messages that would be the next. */
static void setup_letter(struct arena *a) {
        struct lease l[3];
        struct queue q;

        a->dead_max = 1;
        setup_messages(a, 3);
        arena_open(a, &q, 0, STEP_PEER);
        for (unsigned int i = 0; i < 3; i++)
                step_receive(a, &q, 0, &l[i]);
        for (unsigned int i = 0; i < 3; i++)
                queue_reject(&q, l[i].slot, "once");
        step_receive(a, &q, 0, &l[0]);
        queue_reject(&q, l[0].slot, "twice");
}

static void setup_letter_to_drop(struct arena *a) {
        a->dead_policy = QUEUE_DEAD_DROP_OLDEST;
        setup_letter(a);
}

/** What comes back rests, so long that it does not become due while it is looked at. */
static void setup_rest(struct arena *a) {
        a->delay_msec = 3600 * 1000;
        setup_messages(a, 2);
}

/** The heap was in use before. */
static void setup_heap(struct arena *a) {
        struct queue q;
        struct lease l;

        a->heap = STEP_HEAP;
        arena_open(a, &q, 0, STEP_PEER);
        if (queue_reserve_sized(&q, STEP_LONG, &l) == 0)
                queue_cancel(&q, &l);
}

static void setup_waiter(struct arena *a) {
        struct queue q;

        setup_messages(a, 1);
        arena_open(a, &q, 0, STEP_WAITER);
        wait_announce(&q.messages, STEP_WAITER);
        wait_announce(&q.space, STEP_WAITER);
        wait_poll_announce(&q.messages, STEP_WAITER);
}

/* ---- victims ------------------------------------------------------------------------------------- */

static void do_send(struct arena *a) {
        struct queue q;

        arena_open(a, &q, 0, STEP_VICTIM);
        step_send(a, &q, 0, 1);
        step_send(a, &q, 0, 2);
        step_send(a, &q, 0, 3);
}

/** One is cancelled, of one less is sent than was reserved, and one has what is left of the heap. */
static void do_send_long(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        if (queue_reserve_sized(&q, STEP_LONG, &l) == 0)
                queue_cancel(&q, &l);
        if (queue_reserve_sized(&q, STEP_LONG, &l) == 0) {
                payload_write(l.data, 1, STEP_SHORT);
                a->marks[0][1].send_begun = 1;
                queue_commit(&q, &l, STEP_SHORT);
                a->marks[0][1].sent = 1;
        }
        step_send(a, &q, 0, 2);
}

static void do_send_sequenced(struct arena *a) {
        uint64_t last = 0;
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        if (queue_produce(&q, STEP_KEY, &last) < 0)
                return;
        for (unsigned int id = (unsigned int)last + 1; id <= STEP_SEQUENCE_MAX && queue_reserve(&q, &l) == 0; id++) {
                payload_write(l.data, id, STEP_SHORT);
                a->marks[0][id].send_begun = 1;
                queue_commit_sequenced(&q, &l, 16, id);
                a->marks[0][id].sent = 1;
        }
}

static void do_cancel(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        if (queue_reserve(&q, &l) == 0)
                queue_cancel(&q, &l);
        step_send(a, &q, 0, 1);
}

static void do_take(struct arena *a) {
        struct lease first, second;
        struct queue q;

        arena_open(a, &q, 0, STEP_VICTIM);
        if (!step_receive(a, &q, 0, &first))
                return;
        if (step_receive(a, &q, 0, &second))
                step_acknowledge(a, &q, 0, &second);
        step_acknowledge(a, &q, 0, &first);
}

static void do_reject(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        if (step_receive(a, &q, 0, &l))
                queue_reject(&q, l.slot, "not today");
        if (step_receive(a, &q, 0, &l))
                queue_reject(&q, l.slot, "nor tomorrow");
}

static void do_reject_one(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        if (step_receive(a, &q, 0, &l))
                queue_reject(&q, l.slot, "never");
}

static void do_batch(struct arena *a) {
        struct mark *m[2];
        struct lease l[2];
        struct queue q;
        unsigned int n;

        arena_open(a, &q, 0, STEP_VICTIM);
        for (n = 0; n < 2 && queue_reserve(&q, &l[n]) == 0; n++) {
                payload_write(l[n].data, 1 + n, STEP_SHORT);
                a->marks[0][1 + n].send_begun = 1;
        }
        for (unsigned int i = 0; i < n; i++) {
                queue_publish(queue_slot(&q, l[i].slot), queue_lap_bits(&q, l[i].id), 16);
                a->marks[0][1 + i].sent = 1;
        }
        queue_published(&q, n);
        for (n = 0; n < 2 && step_receive(a, &q, 0, &l[n]); n++) {
                m[n] = &a->marks[0][step_id(l[n].data, l[n].size)];
                m[n]->finish_begun = 1;
        }
        for (unsigned int i = 0; i < n; i++) {
                queue_free(queue_slot(&q, l[i].slot), queue_lap_bits(&q, l[i].id));
                m[i]->finished = 1;
        }
        queue_freed(&q);
}

/** `n` inputs to one output. */
static void forward(struct arena *a, unsigned int n) {
        struct settlement s[3];
        struct queue in, out;
        unsigned int ids[2];
        struct lease l, o;

        arena_open(a, &in, 0, STEP_VICTIM);
        arena_open(a, &out, 1, STEP_VICTIM);
        for (unsigned int i = 0; i < n; i++) {
                if (!step_receive(a, &in, 0, &l)) {
                        /* A peer was faster. What we hold goes back. */
                        while (i > 0)
                                queue_reject(&in, s[--i].slot, "alone");
                        return;
                }
                ids[i] = step_id(l.data, l.size);
                s[i] = (struct settlement){ .queue = &in, .ring = 0, .slot = l.slot, .acknowledge = true };
        }
        if (queue_reserve(&out, &o) < 0)
                return;
        payload_write(o.data, ids[0], STEP_SHORT);
        queue_commit_prepare(&out, &o, 16);
        s[n] = (struct settlement){ .queue = &out, .ring = 1, .slot = o.slot };
        for (unsigned int i = 0; i < n; i++)
                a->marks[0][ids[i]].finish_begun = 1;
        a->marks[1][ids[0]].send_begun = 1;
        journal_settle(&a->member.journals[0], s, n + 1);
        a->marks[1][ids[0]].sent = 1;
        for (unsigned int i = 0; i < n; i++)
                a->marks[0][ids[i]].finished = 1;
}

static void do_forward(struct arena *a) {
        forward(a, 1);
        forward(a, 1);
}

static void do_join(struct arena *a) {
        forward(a, 2);
}

static void do_pass_over(struct arena *a) {
        do_send(a);
}

static void do_wake(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        step_send(a, &q, 0, 1);
        if (step_receive(a, &q, 0, &l))
                step_acknowledge(a, &q, 0, &l);
}

static void do_wait(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        (void)queue_receive_wait(&q, &l, LONG_AGO, NULL);
        (void)queue_receive_poll(&q, &l);
}

static void do_wait_for_space(struct arena *a) {
        struct queue q;
        struct lease l;

        arena_open(a, &q, 0, STEP_VICTIM);
        (void)queue_reserve_wait(&q, &l, LONG_AGO);
}

static void do_wait_any(struct arena *a) {
        struct wait_item items[STEP_RINGS];
        struct queue q[STEP_RINGS];

        for (unsigned int ring = 0; ring < STEP_RINGS; ring++) {
                arena_open(a, &q[ring], ring, STEP_VICTIM);
                items[ring] = queue_message_item(&q[ring], NULL);
        }
        (void)wait_any(items, STEP_RINGS, LONG_AGO);
}

const struct operation operations[] = {
        { .name = "send", .setup = setup_empty, .victim = do_send },
        { .name = "send, numbered", .setup = setup_empty, .victim = do_send_sequenced, .flags = STEP_SEQUENCED },
        { .name = "send, long", .setup = setup_heap, .victim = do_send_long },
        { .name = "cancel", .setup = setup_three, .victim = do_cancel },
        { .name = "receive, acknowledge", .setup = setup_three, .victim = do_take },
        { .name = "batch", .setup = setup_empty, .victim = do_batch },
        { .name = "reject", .setup = setup_three, .victim = do_reject },
        { .name = "reject to death", .setup = setup_rejected, .victim = do_reject },
        { .name = "reject, refuse", .setup = setup_letter, .victim = do_reject_one },
        { .name = "reject, drop the oldest", .setup = setup_letter_to_drop, .victim = do_reject_one },
        { .name = "reject, rest", .setup = setup_rest, .victim = do_reject },
        { .name = "forward", .setup = setup_three, .victim = do_forward, .flags = STEP_FORWARDS },
        { .name = "join", .setup = setup_three, .victim = do_join },
        { .name = "pass over", .setup = setup_lap, .victim = do_pass_over },
        { .name = "wake", .setup = setup_waiter, .victim = do_wake },
        { .name = "wait", .setup = setup_empty, .victim = do_wait },
        { .name = "wait for space", .setup = setup_full, .victim = do_wait_for_space },
        { .name = "wait for any", .setup = setup_empty, .victim = do_wait_any },
};
const unsigned int n_operations = sizeof operations / sizeof operations[0];
