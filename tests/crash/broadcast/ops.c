/* SPDX-License-Identifier: MIT */

/*
 * Operations of actors: the real ones, with the stream written beside them
 *
 * Compiled with the hooks, so that each look and each copied word is a point. What is begun may have been published if the
 * writer dies; what is sent must have.
 */

#include <errno.h>

#include "broadcast/world.h"
#include "shm/wait-any.h"

/** Of two sizes, so that the ring is padded at its end now and then. */
uint32_t payload_size(unsigned int id) {
        return id % 3 == 2 ? 24 : 16;
}

void payload_fill(uint64_t *words, unsigned int id) {
        for (unsigned int i = 0; i < payload_size(id) / 8; i++)
                words[i] = id | (uint64_t)(id * 7 + i) << 32;
}

unsigned int payload_id(const void *data, uint32_t size) {
        const volatile uint64_t *d = data;
        unsigned int id = (unsigned int)d[0];

        if (id >= SIM_IDS || size != payload_size(id)) {
                sim_fail("a torn message");
                return 0;
        }
        for (unsigned int i = 0; i < size / 8; i++)
                if (d[i] != (id | (uint64_t)(id * 7 + i) << 32))
                        sim_fail("a torn message");
        return id;
}

/* ---- the writer ---------------------------------------------------------------------------------- */

int op_claim(struct actor *a) {
        int r;

        sim_boundary();
        r = broadcast_claim(&a->b);
        if (r < 0)
                return r;
        sim_say("is the writer, after", n_sent);
        if (a->b.sequence < n_sent || a->b.sequence > n_begun)
                sim_fail("a writer does not go on where the last one stopped");
        /* What the dead one published it had sent; the rest was never there. */
        for (unsigned int i = (unsigned int)a->b.sequence; i < n_begun; i++)
                if (stream[i].seen)
                        sim_fail("a message that was seen is taken back");
        n_sent = n_begun = (unsigned int)a->b.sequence;
        return 0;
}

static int reserve(struct actor *a, uint32_t size, void **ret, enum how how) {
        int r;

        a->wanted = size;
        r = how == LOOK ? broadcast_reserve(&a->b, size, ret) : broadcast_reserve_wait(&a->b, size, ret, UINT64_MAX);
        a->wanted = 0;
        if (r < 0 && (r != -EAGAIN || scenario->policy == BROADCAST_LOSSY || scenario->policy == BROADCAST_DROP))
                sim_fail("reserve fails");
        return r;
}

int op_append(struct actor *a, enum how how) {
        uint64_t words[PAYLOAD_MAX / 8];
        unsigned int id = next_id;
        void *data;

        sim_boundary();
        sim_say("sends", id);
        if (reserve(a, payload_size(id), &data, how) < 0)
                return -EAGAIN;
        next_id++;
        stream[n_begun++] = (struct sent){ .id = id };
        payload_fill(words, id);
        broadcast_write(data, words, payload_size(id));
        broadcast_append(&a->b, payload_size(id));
        if (a->b.sequence != n_begun)
                sim_fail("the writer has lost count");
        return 0;
}

void op_publish(struct actor *a) {
        broadcast_publish(&a->b);
        n_sent = n_begun;
}

int op_send(struct actor *a, enum how how) {
        int r = op_append(a, how);

        if (r == 0)
                op_publish(a);
        return r;
}

/* ---- readers ------------------------------------------------------------------------------------- */

/** The first time, or again after having been dropped: then it is told how many it missed. */
static int subscribe(struct actor *a, bool oldest) {
        uint64_t missed;
        int r;

        if (!a->b.subscriber || scenario->policy != BROADCAST_DROP)
                return broadcast_subscribe(&a->b, oldest);
        r = broadcast_subscribe_again(&a->b, oldest, &missed);
        if (r == 0 && (missed == 0 || a->next + missed != a->b.sequence))
                sim_fail("a wrong number of messages missed while dropped");
        return r;
}

int op_subscribe(struct actor *a, bool oldest) {
        unsigned int sent;
        int r;

        sim_boundary();
        sim_flush_all(); /* what was sent before, even if that is still in a store buffer */
        sent = n_sent;
        r = subscribe(a, oldest);
        if (r == -EUSERS)
                return r;
        if (r < 0)
                sim_fail("subscribe fails");
        sim_say("reads from", (unsigned int)a->b.sequence);
        if (a->b.sequence > n_begun || (!oldest && a->b.sequence < sent))
                sim_fail("a subscriber begins at the wrong message");
        a->next = a->b.sequence;
        a->reads = true;
        return 0;
}

/** May messages be missed? Else every one must be seen. */
static bool may_miss(void) {
        return scenario->policy == BROADCAST_LOSSY;
}

static void note_received(struct actor *a, const struct view *v) {
        unsigned int id = payload_id(v->data, v->size);
        uint64_t sequence = a->next + v->missed;

        sim_say("received", id);
        if (v->missed > 0 && !may_miss())
                sim_fail("a message was missed");
        if (v->missed > n_begun || sequence >= n_begun)
                sim_fail("a wrong number of missed messages, or one that nobody sent");
        if (stream[sequence].id != id)
                sim_fail("another message than the one that comes next");
        stream[sequence].seen = true;
        a->next = sequence + 1;
}

static int peek(struct actor *a, struct view *ret) {
        struct view v;
        int r;

        r = broadcast_peek_wait(&a->b, &v, UINT64_MAX, NULL);
        if (r < 0)
                return r;
        if (scenario->policy == BROADCAST_DROP) {
                static _Alignas(8) unsigned char copies[SIM_WORKERS][PAYLOAD_MAX];

                /* It may be overwritten while we look: only consume tells. */
                for (uint32_t i = 0; i < v.size && i < PAYLOAD_MAX; i++)
                        copies[a->who][i] = ((const volatile unsigned char *)v.data)[i];
                r = broadcast_consume(&a->b, &v);
                *ret = (struct view){ copies[a->who], v.size, v.missed };
                return r;
        }
        *ret = v;
        (void)payload_id(v.data, v.size);
        sim_boundary();
        note_received(a, &v);
        r = broadcast_consume(&a->b, &v);
        return r < 0 ? r : 1;
}

/** An edge-triggered watch of the descriptor: a post counts if it came after the last look. */
static int poll_for(struct actor *a, void *buffer, struct view *ret) {
        for (;;) {
                uint64_t seen = sim_events[0];
                int r = broadcast_receive_poll(&a->b, buffer, PAYLOAD_MAX, ret);

                if (r != -EAGAIN)
                        return r;
                while (sim_events[0] == seen)
                        sim_sleep(&sim_events[0], UINT64_MAX);
        }
}

int op_receive(struct actor *a, enum how how) {
        _Alignas(8) unsigned char buffer[PAYLOAD_MAX];
        struct view v;
        int r;

        sim_boundary();
        switch (how) {
        case LOOK: r = broadcast_receive(&a->b, buffer, sizeof buffer, &v); break;
        case WAIT: r = broadcast_receive_wait(&a->b, buffer, sizeof buffer, &v, UINT64_MAX, NULL); break;
        case POLL: r = poll_for(a, buffer, &v); break;
        default: r = peek(a, &v); break;
        }
        if (r == 0)
                note_received(a, &v);
        else if (r == -ENOTCONN && scenario->policy == BROADCAST_DROP)
                a->reads = false;
        else if (r < 0 && r != -EAGAIN)
                sim_fail("receive fails");
        return r < 0 ? r : 0;
}

int op_receive_drain(struct actor *a) {
        _Alignas(8) unsigned char buffer[PAYLOAD_MAX];
        struct view v;
        int r;

        sim_boundary();
        r = broadcast_receive_wait(&a->b, buffer, sizeof buffer, &v, UINT64_MAX, &sim_members[a->who].drain);
        if (r == 0)
                note_received(a, &v);
        return r;
}

void op_close(struct actor *a) {
        sim_boundary();
        sim_say("closes", 0);
        a->reads = false;
        broadcast_close(&a->b);
}

/* ---- both ---------------------------------------------------------------------------------------- */

void op_wait_any(struct actor *a, enum how how) {
        struct wait_item item;

        sim_boundary();
        a->wanted = a->b.writes ? payload_size(next_id) : 0;
        item = a->b.writes ? broadcast_room_item(&a->b, a->wanted) : broadcast_message_item(&a->b, NULL);
        wait_any_by_descriptors(how == POLL);
        if (wait_any(&item, 1, UINT64_MAX) != 1 || !item.ready)
                sim_fail("waiting for any fails");
        a->wanted = 0;
}
