/* SPDX-License-Identifier: MIT */

/*
 * The operations that stepkill kills, and the states in which they begin
 *
 * Marks are plain stores around each operation: begun before it, sent after it.
 */

#include <string.h>

#include "broadcast/step-world.h"
#include "shm/wait-any.h"

/** A deadline that has passed: a sleep ends at once. */
#define LONG_AGO 1

uint32_t step_size(unsigned int id) {
        return 16 + id % 3 * 8;
}

unsigned int step_id(const void *data, uint32_t size) {
        const volatile uint64_t *d = data;
        unsigned int id = (unsigned int)d[0];

        if (id >= STEP_IDS || size != step_size(id))
                return STEP_IDS;
        for (unsigned int i = 0; i < size / 8; i++)
                if (d[i] != (id | (uint64_t)(id * 7 + i) << 32))
                        return STEP_IDS;
        return id;
}

bool step_append(struct arena *a, struct broadcast *b, bool publish) {
        unsigned int place = a->n_begun, id = place % STEP_IDS;
        uint64_t words[STEP_MESSAGE_MAX / 8];
        void *data;

        if (place == STEP_IDS || broadcast_reserve(b, step_size(id), &data) < 0)
                return false;
        a->order[place] = (uint8_t)id;
        a->n_begun = place + 1;
        for (unsigned int i = 0; i < step_size(id) / 8; i++)
                words[i] = id | (uint64_t)(id * 7 + i) << 32;
        broadcast_write(data, words, step_size(id));
        broadcast_append(b, step_size(id));
        if (publish) {
                broadcast_publish(b);
                a->sent[place] = 1; /* what was appended before is only begun: another writer may have died with it */
        }
        return true;
}

/* ---- states -------------------------------------------------------------------------------------- */

static void setup(struct arena *a, uint32_t policy) {
        struct broadcast witness;

        a->policy = policy;
        if (policy != BROADCAST_WAIT)
                return;
        arena_open(a, &witness, STEP_WITNESS);
        (void)broadcast_subscribe(&witness, true);
}

static void send_some(struct arena *a, unsigned int n) {
        struct broadcast b;

        arena_open(a, &b, STEP_PEER);
        (void)broadcast_claim(&b);
        for (unsigned int i = 0; i < n && step_append(a, &b, true); i++)
                ;
        broadcast_close(&b);
}

static void setup_two(struct arena *a) {
        setup(a, BROADCAST_WAIT);
        send_some(a, 2);
}

static void setup_lossy(struct arena *a) {
        setup(a, BROADCAST_LOSSY);
        send_some(a, 2);
}

/** The writer has come round, and the next record leaves padding or needs room. */
static void setup_lap(struct arena *a) {
        unsigned char data[STEP_MESSAGE_MAX];
        struct broadcast witness;
        struct view v;

        setup(a, BROADCAST_WAIT);
        send_some(a, STEP_IDS / 4);
        arena_witness(a, &witness);
        for (unsigned int i = 0; i < 8; i++)
                (void)broadcast_receive(&witness, data, sizeof data, &v);
}

static void setup_full(struct arena *a) {
        setup(a, BROADCAST_WAIT);
        send_some(a, STEP_IDS);
}

/** The zombie has a place, and stops the writer. */
static void setup_zombie(struct arena *a) {
        unsigned char data[STEP_MESSAGE_MAX];
        struct broadcast b, witness;
        struct view v;

        setup(a, BROADCAST_WAIT);
        arena_open(a, &b, STEP_ZOMBIE);
        (void)broadcast_subscribe(&b, true);
        send_some(a, STEP_IDS);
        arena_witness(a, &witness);
        while (broadcast_receive(&witness, data, sizeof data, &v) == 0)
                ;
}

static void setup_waiter(struct arena *a) {
        struct broadcast b;

        setup_two(a);
        arena_open(a, &b, STEP_WAITER);
        wait_announce(&b.messages, STEP_WAITER);
        wait_announce(&b.space, STEP_WAITER);
        wait_poll_announce(&b.messages, STEP_WAITER);
}

/* ---- victims ------------------------------------------------------------------------------------- */

static void do_send(struct arena *a) {
        struct broadcast b;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_claim(&b) < 0)
                return;
        for (int i = 0; i < 3; i++)
                (void)step_append(a, &b, true);
        broadcast_close(&b);
}

static void do_batch(struct arena *a) {
        struct broadcast b;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_claim(&b) < 0)
                return;
        for (int i = 0; i < 2; i++)
                (void)step_append(a, &b, false);
        (void)step_append(a, &b, true);
        broadcast_close(&b);
}

static void do_receive(struct arena *a) {
        unsigned char data[STEP_MESSAGE_MAX];
        struct broadcast b;
        struct view v;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_subscribe(&b, true) < 0)
                return;
        (void)broadcast_receive(&b, data, sizeof data, &v);
        (void)broadcast_receive(&b, data, sizeof data, &v);
        broadcast_close(&b);
}

static void do_peek(struct arena *a) {
        struct broadcast b;
        struct view v;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_subscribe(&b, true) < 0)
                return;
        if (broadcast_peek(&b, &v) == 0)
                (void)broadcast_consume(&b, &v);
        broadcast_close(&b);
}

static void do_wait(struct arena *a) {
        unsigned char data[STEP_MESSAGE_MAX];
        struct broadcast b;
        struct view v;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_subscribe(&b, false) < 0)
                return;
        (void)broadcast_receive_wait(&b, data, sizeof data, &v, LONG_AGO, NULL);
        (void)broadcast_receive_poll(&b, data, sizeof data, &v);
}

static void do_wait_for_room(struct arena *a) {
        struct broadcast b;
        void *data;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_claim(&b) == 0)
                (void)broadcast_reserve_wait(&b, STEP_MESSAGE_MAX, &data, LONG_AGO);
}

static void do_wake(struct arena *a) {
        struct broadcast b;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_claim(&b) == 0)
                (void)step_append(a, &b, true);
        broadcast_close(&b);
        do_peek(a);
}

static void do_wait_any(struct arena *a) {
        struct wait_item item;
        struct broadcast b;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_subscribe(&b, false) < 0)
                return;
        item = broadcast_message_item(&b, NULL);
        (void)wait_any(&item, 1, LONG_AGO);
}

static void do_wait_any_for_room(struct arena *a) {
        struct wait_item item;
        struct broadcast b;

        arena_open(a, &b, STEP_VICTIM);
        if (broadcast_claim(&b) < 0)
                return;
        item = broadcast_room_item(&b, STEP_MESSAGE_MAX);
        (void)wait_any(&item, 1, LONG_AGO);
}

const struct operation operations[] = {
        { .name = "send", .setup = setup_two, .victim = do_send },
        { .name = "send, lossy", .setup = setup_lossy, .victim = do_send },
        { .name = "make room", .setup = setup_lap, .victim = do_send },
        { .name = "append, publish", .setup = setup_lap, .victim = do_batch },
        { .name = "receive", .setup = setup_two, .victim = do_receive },
        { .name = "receive, lossy", .setup = setup_lossy, .victim = do_receive },
        { .name = "peek, consume", .setup = setup_two, .victim = do_peek },
        { .name = "wait", .setup = setup_two, .victim = do_wait },
        { .name = "wait for room", .setup = setup_full, .victim = do_wait_for_room },
        { .name = "slow subscriber", .setup = setup_zombie, .victim = do_send },
        { .name = "wake", .setup = setup_waiter, .victim = do_wake },
        { .name = "wait for any", .setup = setup_two, .victim = do_wait_any },
        { .name = "wait for any room", .setup = setup_full, .victim = do_wait_any_for_room },
};
const unsigned int n_operations = sizeof operations / sizeof operations[0];
