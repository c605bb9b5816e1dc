/* SPDX-License-Identifier: MIT */

/*
 * The operations that stepkill kills, and the states in which they begin
 *
 * Marks are plain stores around each operation: begun before it, done after it.
 */

#include <string.h>

#include "pipe/step-world.h"
#include "shm/wait-any.h"

/** A deadline that has passed: a sleep ends at once. */
#define LONG_AGO 1

/** From this number on they are long, and fill the ring soon. */
#define LONG_ONES 24
#define LONGEST 1000

static uint32_t size_of(unsigned int id) {
        return id < LONG_ONES ? 16 + id % 4 * 8 : LONGEST;
}

static void payload_write(void *data, unsigned int id) {
        volatile uint64_t *d = data;

        for (unsigned int i = 0; i < size_of(id) / 8; i++)
                d[i] = id | (uint64_t)(id * 7 + i) << 32;
}

unsigned int step_id(const void *data, uint32_t size) {
        const volatile uint64_t *d = data;
        unsigned int id = size < 16 ? STEP_BROKEN : (unsigned int)d[0];

        if (id >= STEP_IDS || size != size_of(id))
                return STEP_BROKEN;
        for (unsigned int i = 0; i < size / 8; i++)
                if (d[i] != (id | (uint64_t)(id * 7 + i) << 32))
                        return STEP_BROKEN;
        return id;
}

/** A number for the message that is about to be sent. */
static unsigned int begin(struct arena *a) {
        unsigned int id = a->next;

        a->next = id + 1;
        a->marks[id].send_begun = 1;
        return id;
}

bool step_take(struct arena *a, struct pipe *p, enum pipe_end end, uint32_t participant) {
        arena_open(a, p);
        return pipe_take(p, end, participant, STEP_GENERATION) == 0;
}

bool step_send(struct arena *a, struct pipe *p) {
        _Alignas(8) unsigned char data[LONGEST];
        unsigned int id = begin(a);

        payload_write(data, id);
        if (pipe_send(p, data, size_of(id)) < 0) {
                a->marks[id].send_begun = 0;
                return false;
        }
        a->marks[id].sent = 1;
        return true;
}

unsigned int step_receive(struct arena *a, struct pipe *p, const char **ret_why) {
        _Alignas(8) unsigned char data[LONGEST];
        const void *there;
        unsigned int id;
        uint32_t size;

        if (pipe_look(p, &there, &size) < 0)
                return STEP_BROKEN;
        id = step_id(there, size);
        if (id == STEP_BROKEN) {
                *ret_why = "torn";
                return id;
        }
        if (!a->marks[id].send_begun)
                *ret_why = "there, but nobody sent it";
        if (a->marks[id].consumed)
                *ret_why = "there again after it was consumed";
        a->marks[id].consume_begun = 1;
        if (pipe_receive(p, data, sizeof data, &size) < 0 || step_id(data, size) != id)
                *ret_why = "another one was received than was there";
        a->marks[id].consumed = 1;
        return id;
}

/* ---- states -------------------------------------------------------------------------------------- */

static void setup_empty(struct arena *a) {
        (void)a;
}

/** Records of a writer who has gone. */
static void setup_three(struct arena *a) {
        struct pipe p;

        step_take(a, &p, PIPE_WRITER, STEP_PEER);
        for (unsigned int i = 0; i < 3; i++)
                step_send(a, &p);
        pipe_leave(&p);
}

/** A reader who died, and had looked at a record. */
static void setup_zombie_reader(struct arena *a) {
        struct pipe p;
        const void *data;
        uint32_t size;

        setup_three(a);
        step_take(a, &p, PIPE_READER, STEP_ZOMBIE);
        if (pipe_look(&p, &data, &size) == 0)
                pipe_pass(&p, size);
}

/** A writer who died, and had appended a record. */
static void setup_zombie_writer(struct arena *a) {
        struct pipe p;
        void *data;

        setup_three(a);
        step_take(a, &p, PIPE_WRITER, STEP_ZOMBIE);
        if (pipe_reserve(&p, 16, &data) == 0)
                pipe_append(&p, 16);
}

static void setup_full(struct arena *a) {
        struct pipe p;

        setup_three(a);
        step_take(a, &p, PIPE_WRITER, STEP_PEER);
        a->next = LONG_ONES;
        while (step_send(a, &p))
                ;
        pipe_leave(&p);
}

static void setup_waiters(struct arena *a) {
        struct pipe p;

        setup_three(a);
        arena_open(a, &p);
        for (enum pipe_end end = PIPE_WRITER; end <= PIPE_READER; end++) {
                struct waiting w = pipe_waiting(&p, end);

                wait_announce(&w, STEP_WAITER);
                wait_poll_announce(&w, STEP_WAITER);
        }
}

/* ---- victims ------------------------------------------------------------------------------------- */

static void do_send(struct arena *a) {
        struct pipe p;

        if (!step_take(a, &p, PIPE_WRITER, STEP_VICTIM))
                return;
        for (unsigned int i = 0; i < 3; i++)
                step_send(a, &p);
}

static void do_batch(struct arena *a) {
        unsigned int first = a->next, n = 0;
        struct pipe p;
        void *data;

        if (!step_take(a, &p, PIPE_WRITER, STEP_VICTIM))
                return;
        for (; n < 3 && pipe_reserve(&p, size_of(a->next), &data) == 0; n++) {
                unsigned int id = begin(a);

                payload_write(data, id);
                pipe_append(&p, size_of(id));
        }
        pipe_tell(&p);
        for (unsigned int i = 0; i < n; i++)
                a->marks[first + i].sent = 1;
}

/** The same with one call, of messages that lie elsewhere. */
static void do_append_many(struct arena *a) {
        static uint64_t data[3][LONGEST / 8];
        unsigned int first = a->next;
        struct iovec messages[3];
        struct pipe p;
        int n;

        if (!step_take(a, &p, PIPE_WRITER, STEP_VICTIM))
                return;
        for (unsigned int i = 0; i < 3; i++) {
                unsigned int id = begin(a);

                payload_write(data[i], id);
                messages[i] = (struct iovec){ data[i], size_of(id) };
        }
        n = pipe_append_many(&p, messages, 3);
        pipe_tell(&p);
        for (int i = 0; i < n; i++)
                a->marks[first + (unsigned int)i].sent = 1;
}

static void do_append_and_leave(struct arena *a) {
        unsigned int id;
        struct pipe p;
        void *data;

        if (!step_take(a, &p, PIPE_WRITER, STEP_VICTIM) || pipe_reserve(&p, size_of(a->next), &data) < 0)
                return;
        id = begin(a);
        payload_write(data, id);
        pipe_append(&p, size_of(id));
        pipe_leave(&p);
        a->marks[id].sent = 1;
}

static void do_receive(struct arena *a) {
        const char *why = NULL;
        struct pipe p;

        if (!step_take(a, &p, PIPE_READER, STEP_VICTIM))
                return;
        for (unsigned int i = 0; i < 3; i++)
                (void)step_receive(a, &p, &why);
}

static void do_peek(struct arena *a) {
        unsigned int ids[3], n = 0;
        const void *data;
        struct pipe p;
        uint32_t size;

        if (!step_take(a, &p, PIPE_READER, STEP_VICTIM))
                return;
        for (; n < 3 && pipe_look(&p, &data, &size) == 0; n++) {
                ids[n] = step_id(data, size);
                if (ids[n] == STEP_BROKEN)
                        break;
                pipe_pass(&p, size);
        }
        for (unsigned int i = 0; i < n; i++)
                a->marks[ids[i]].consume_begun = 1;
        pipe_tell(&p);
        for (unsigned int i = 0; i < n; i++)
                a->marks[ids[i]].consumed = 1;
        pipe_leave(&p);
}

/** The same with one call. */
static void do_peek_many(struct arena *a) {
        struct iovec there[3];
        unsigned int ids[3];
        struct pipe p;
        int n;

        if (!step_take(a, &p, PIPE_READER, STEP_VICTIM))
                return;
        n = pipe_peek_many(&p, there, 3);
        for (int i = 0; i < n; i++) {
                ids[i] = step_id(there[i].iov_base, (uint32_t)there[i].iov_len);
                if (ids[i] == STEP_BROKEN)
                        return;
        }
        for (int i = 0; i < n; i++)
                a->marks[ids[i]].consume_begun = 1;
        pipe_tell(&p);
        for (int i = 0; i < n; i++)
                a->marks[ids[i]].consumed = 1;
}

static void do_wake(struct arena *a) {
        const char *why = NULL;
        struct pipe writer, reader;

        if (step_take(a, &writer, PIPE_WRITER, STEP_VICTIM))
                step_send(a, &writer);
        if (step_take(a, &reader, PIPE_READER, STEP_VICTIM))
                (void)step_receive(a, &reader, &why);
}

static void do_wait(struct arena *a) {
        const void *data;
        struct pipe p;
        uint32_t size;

        if (!step_take(a, &p, PIPE_READER, STEP_VICTIM))
                return;
        (void)pipe_look_wait(&p, &data, &size, LONG_AGO, NULL);
        (void)pipe_look_poll(&p, &data, &size);
}

static void do_wait_for_space(struct arena *a) {
        struct pipe p;
        void *data;

        if (step_take(a, &p, PIPE_WRITER, STEP_VICTIM))
                (void)pipe_reserve_wait(&p, STEP_CAPACITY / 2 - PIPE_HEADER, &data, LONG_AGO);
}

static void wait_any_once(struct pipe *p) {
        struct wait_item item = p->end == PIPE_WRITER ? pipe_room_item(p, p->message_max) : pipe_record_item(p, NULL);

        (void)wait_any(&item, 1, LONG_AGO);
}

static void do_wait_any(struct arena *a) {
        struct pipe p;

        if (step_take(a, &p, PIPE_READER, STEP_VICTIM))
                wait_any_once(&p);
}

static void do_wait_any_for_space(struct arena *a) {
        struct pipe p;

        if (step_take(a, &p, PIPE_WRITER, STEP_VICTIM))
                wait_any_once(&p);
}

const struct operation operations[] = {
        { .name = "send", .setup = setup_empty, .victim = do_send },
        { .name = "send, dead reader", .setup = setup_zombie_reader, .victim = do_send },
        { .name = "append, publish", .setup = setup_three, .victim = do_batch },
        { .name = "append many, publish", .setup = setup_three, .victim = do_append_many },
        { .name = "append, close", .setup = setup_zombie_reader, .victim = do_append_and_leave },
        { .name = "receive", .setup = setup_three, .victim = do_receive },
        { .name = "receive, dead writer", .setup = setup_zombie_writer, .victim = do_receive },
        { .name = "peek, consume, close", .setup = setup_three, .victim = do_peek },
        { .name = "peek many, consume", .setup = setup_three, .victim = do_peek_many },
        { .name = "wake", .setup = setup_waiters, .victim = do_wake },
        { .name = "wait", .setup = setup_empty, .victim = do_wait },
        { .name = "wait for space", .setup = setup_full, .victim = do_wait_for_space },
        { .name = "wait for any", .setup = setup_empty, .victim = do_wait_any },
        { .name = "wait for any space", .setup = setup_full, .victim = do_wait_any_for_space },
};
const unsigned int n_operations = sizeof operations / sizeof operations[0];
