/* SPDX-License-Identifier: MIT */

/*
 * Waiting for any of several handles of different kinds, in the process and between processes, each as this kernel can and
 * as one before 5.16 could. What queues alone can is in test-ganger-wait.c.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ganger.h"
#include "harness.h"
#include "shm/wait-any.h"

#define BOTH (GANGER_RECEIVE | GANGER_SEND)
#define REST_MSEC 20
/** A deadline of a call that comes soon, in microseconds. */
#define SOON 2000

static struct ganger_host *host;
static struct ganger_member *member;
static struct ganger *g;

static const struct {
        const char *name;
        struct ganger_definition definition;
} objects[] = {
        { "jobs", { .kind = GANGER_QUEUE, .slots = 8, .message_max = 16, .max_deliveries = 255, .delay_msec = REST_MSEC } },
        { "stream", { .kind = GANGER_PIPE, .capacity = 4096, .message_max = 1000 } },
        { "ticks", { .kind = GANGER_BROADCAST, .capacity = 512, .message_max = 64, .slots = 2,
                     .policy = GANGER_BROADCAST_WAIT } },
        { "lossy", { .kind = GANGER_BROADCAST, .capacity = 512, .message_max = 64, .policy = GANGER_BROADCAST_LOSSY } },
        { "refuse", { .kind = GANGER_BROADCAST, .capacity = 512, .message_max = 64, .slots = 2,
                      .policy = GANGER_BROADCAST_REFUSE } },
        { "drop", { .kind = GANGER_BROADCAST, .capacity = 512, .message_max = 64, .slots = 2,
                    .policy = GANGER_BROADCAST_DROP } },
        { "square", { .kind = GANGER_SERVICE, .slots = 2, .message_max = 16 } },
        { "ports", { .kind = GANGER_SEMAPHORE, .slots = 1 } },
        { "files", { .kind = GANGER_MONITOR } },
        { "sums", { .kind = GANGER_COUNTER, .slots = 1 } },
};

static void setup(void) {
        ck_assert_int_eq(ganger_host_new(&host, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
                ck_assert_int_eq(ganger_host_add(host, objects[i].name, &objects[i].definition), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 4, &member), 0);
        ck_assert_int_eq(ganger_member_join(member, &g), 0);
}

static void setup_by_descriptors(void) {
        setup();
        wait_any_by_descriptors(true);
}

static void teardown(void) {
        wait_any_by_descriptors(false);
        g = ganger_leave(g);
        host = ganger_host_free(host);
}

static struct ganger_wait item(uint32_t kind, void *handle, unsigned int events) {
        return (struct ganger_wait){ .handle = handle, .kind = kind, .events = events };
}

static int wait_one(struct ganger_wait w, int64_t timeout_usec) {
        return ganger_wait_any(&w, 1, timeout_usec);
}

/** It is not there, and nothing makes it so. */
static void check_not_there(struct ganger_wait w) {
        ck_assert_int_eq(wait_one(w, 0), -EAGAIN);
        ck_assert_int_eq(wait_one(w, 1000), -ETIMEDOUT);
}

static void check_there(struct ganger_wait w) {
        ck_assert_int_eq(wait_one(w, 0), 1);
        ck_assert_int_eq(wait_one(w, -1), 1);
}

/* ---- each kind ----------------------------------------------------------------------------------- */

START_TEST(a_pipe_has_a_message_or_room) {
        struct ganger_pipe *writer, *reader;
        struct ganger_wait room, message;
        char buffer[1000] = { 0 };
        size_t size;

        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_SEND, &writer), 0);
        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_RECEIVE, &reader), 0);
        room = item(GANGER_PIPE, writer, GANGER_SEND);
        message = item(GANGER_PIPE, reader, GANGER_RECEIVE);
        ck_assert_int_eq(wait_one(item(GANGER_PIPE, writer, GANGER_RECEIVE), 0), -EACCES);
        ck_assert_int_eq(wait_one(item(GANGER_PIPE, reader, GANGER_SEND), 0), -EACCES);
        ck_assert_int_eq(wait_one(item(GANGER_PIPE, reader, BOTH), 0), -EACCES);
        check_not_there(message);
        for (int lap = 0; lap < 5; lap++) {
                unsigned int n = 0;

                for (; wait_one(room, 0) == 1; n++)
                        ck_assert_int_eq(ganger_pipe_send(writer, buffer, sizeof buffer, 0), 0);
                ck_assert_uint_ge(n, 3);
                ck_assert_int_eq(ganger_pipe_send(writer, buffer, sizeof buffer, 0), -EAGAIN);
                check_not_there(room);
                while (wait_one(message, 0) == 1)
                        ck_assert_int_eq(ganger_pipe_receive(reader, buffer, sizeof buffer, &size, 0), 0);
                check_not_there(message);
                check_there(room);
        }
        ganger_pipe_close(reader);
        ganger_pipe_close(writer);
}
END_TEST

START_TEST(room_is_for_so_many_bytes) {
        struct ganger_pipe *writer;
        struct ganger_broadcast *b, *reader;
        struct ganger_wait w;
        char buffer[1000] = { 0 };

        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_SEND, &writer), 0);
        w = item(GANGER_PIPE, writer, GANGER_SEND);
        w.size = 1001;
        ck_assert_int_eq(wait_one(w, 0), -EMSGSIZE);
        for (int i = 0; i < 4; i++)
                ck_assert_int_eq(ganger_pipe_send(writer, buffer, sizeof buffer, 0), 0);
        w.size = 0;
        check_not_there(w);
        w.size = 8;
        check_there(w);
        ck_assert_int_eq(ganger_pipe_send(writer, buffer, 8, 0), 0);
        ganger_pipe_close(writer);

        ck_assert_int_eq(ganger_broadcast_open(g, "ticks", GANGER_SEND, &b), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "ticks", GANGER_RECEIVE, &reader), 0);
        w = item(GANGER_BROADCAST, b, GANGER_SEND);
        w.size = 65;
        ck_assert_int_eq(wait_one(w, 0), -EMSGSIZE);
        w.size = 0;
        while (wait_one(w, 0) == 1)
                ck_assert_int_eq(ganger_broadcast_send(b, buffer, 40, 0), 0);
        w.size = 1;
        check_there(w);
        ck_assert_int_eq(ganger_broadcast_send(b, buffer, 1, 0), 0);
        ganger_broadcast_close(reader);
        ganger_broadcast_close(b);
}
END_TEST

/** What was reserved stays so, and what was appended is there for the reader, once the writer has to wait. */
START_TEST(a_writer_publishes_before_it_waits) {
        struct ganger_pipe *writer, *reader;
        char buffer[1000] = { 0 };
        const void *data;
        size_t size;
        void *to;

        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_SEND, &writer), 0);
        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_RECEIVE, &reader), 0);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(ganger_pipe_append(writer, buffer, sizeof buffer, 0), 0);
        ck_assert_int_eq(ganger_pipe_reserve(writer, 500, &to, 0), 0);
        strcpy(to, "reserved");
        check_there(item(GANGER_PIPE, writer, GANGER_SEND));
        check_not_there(item(GANGER_PIPE, reader, GANGER_RECEIVE));
        ck_assert_int_eq(ganger_pipe_commit(writer, 9), 0);
        ck_assert_int_eq(ganger_pipe_append(writer, buffer, 600, 0), 0);
        check_not_there(item(GANGER_PIPE, writer, GANGER_SEND));
        for (int i = 0; i < 5; i++)
                ck_assert_int_eq(ganger_pipe_peek(reader, &data, &size, 0), 0);
        ck_assert_uint_eq(size, 600);
        ganger_pipe_close(reader);
        ganger_pipe_close(writer);
}
END_TEST

START_TEST(a_broadcast_has_a_message_or_room) {
        struct ganger_broadcast *writer, *reader;
        struct ganger_wait room, message;
        char buffer[64] = { 0 };

        ck_assert_int_eq(ganger_broadcast_open(g, "ticks", GANGER_SEND, &writer), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "ticks", GANGER_RECEIVE, &reader), 0);
        room = item(GANGER_BROADCAST, writer, GANGER_SEND);
        message = item(GANGER_BROADCAST, reader, GANGER_RECEIVE);
        ck_assert_int_eq(wait_one(item(GANGER_BROADCAST, writer, GANGER_RECEIVE), 0), -EACCES);
        ck_assert_int_eq(wait_one(item(GANGER_BROADCAST, reader, GANGER_SEND), 0), -EACCES);
        for (int lap = 0; lap < 5; lap++) {
                check_not_there(message);
                while (wait_one(room, 0) == 1)
                        ck_assert_int_eq(ganger_broadcast_append(writer, buffer, sizeof buffer, 0), 0);
                ck_assert_int_eq(ganger_broadcast_send(writer, buffer, sizeof buffer, 0), -EAGAIN);
                check_not_there(room);
                while (wait_one(message, 0) == 1)
                        ck_assert_int_eq(ganger_broadcast_receive(reader, buffer, sizeof buffer, NULL, NULL, 0), 0);
                check_there(room);
        }
        ganger_broadcast_close(reader);
        ganger_broadcast_close(writer);
}
END_TEST

START_TEST(policies_of_a_broadcast_differ) {
        struct ganger_broadcast *writer, *reader;
        char buffer[64] = { 0 };

        ck_assert_int_eq(ganger_broadcast_open(g, "lossy", GANGER_SEND, &writer), 0);
        for (int i = 0; i < 20; i++) {
                check_there(item(GANGER_BROADCAST, writer, GANGER_SEND));
                ck_assert_int_eq(ganger_broadcast_send(writer, buffer, sizeof buffer, 0), 0);
        }
        ganger_broadcast_close(writer);
        ck_assert_int_eq(ganger_broadcast_open(g, "refuse", GANGER_SEND, &writer), 0);
        ck_assert_int_eq(wait_one(item(GANGER_BROADCAST, writer, GANGER_SEND), 0), -EOPNOTSUPP);
        ganger_broadcast_close(writer);
        /* One that is dropped must come to know it. */
        ck_assert_int_eq(ganger_broadcast_open(g, "drop", GANGER_SEND, &writer), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "drop", GANGER_RECEIVE, &reader), 0);
        check_not_there(item(GANGER_BROADCAST, reader, GANGER_RECEIVE));
        for (int i = 0; i < 20; i++)
                ck_assert_int_eq(ganger_broadcast_send(writer, buffer, sizeof buffer, 0), 0);
        check_there(item(GANGER_BROADCAST, reader, GANGER_RECEIVE));
        ck_assert_int_eq(ganger_broadcast_receive(reader, buffer, sizeof buffer, NULL, NULL, 0), -ENOTCONN);
        ganger_broadcast_close(reader);
        ganger_broadcast_close(writer);
}
END_TEST

START_TEST(a_service_has_a_call_or_a_slot_or_a_reply) {
        struct ganger_service *caller, *server;
        struct ganger_call calls[2];
        struct ganger_request request;
        char reply[16];

        ck_assert_int_eq(ganger_service_open(g, "square", GANGER_SEND, &caller), 0);
        ck_assert_int_eq(ganger_service_open(g, "square", GANGER_RECEIVE, &server), 0);
        ck_assert_int_eq(wait_one(item(GANGER_SERVICE, caller, GANGER_RECEIVE), 0), -EACCES);
        ck_assert_int_eq(wait_one(item(GANGER_SERVICE, server, GANGER_SEND), 0), -EACCES);
        check_not_there(item(GANGER_SERVICE, server, GANGER_RECEIVE));
        for (int i = 0; i < 2; i++) {
                check_there(item(GANGER_SERVICE, caller, GANGER_SEND));
                ck_assert_int_eq(ganger_service_begin(caller, "7", 1, -1, &calls[i]), 0);
                check_not_there(item(GANGER_CALL, &calls[i], GANGER_RECEIVE));
        }
        check_not_there(item(GANGER_SERVICE, caller, GANGER_SEND));
        check_there(item(GANGER_SERVICE, server, GANGER_RECEIVE));
        ck_assert_int_eq(ganger_service_receive(server, &request, 0), 0);
        check_not_there(item(GANGER_CALL, &calls[0], GANGER_RECEIVE));
        ck_assert_int_eq(ganger_service_reply(&request, "49", 2), 0);
        {
                struct ganger_wait both[2] = {
                        item(GANGER_CALL, &calls[0], GANGER_RECEIVE), item(GANGER_CALL, &calls[1], GANGER_RECEIVE),
                };
                unsigned int first;

                ck_assert_int_eq(ganger_wait_any(both, 2, -1), 1);
                first = both[0].ready ? 0 : 1;
                ck_assert_int_eq(ganger_service_finish(&calls[first], reply, sizeof reply, NULL, 0), 0);
                ck_assert_int_eq(wait_one(both[first], 0), -EINVAL); /* it is over */
                check_not_there(both[!first]);
                ck_assert_int_eq(ganger_service_abandon(&calls[!first]), 0);
        }
        check_there(item(GANGER_SERVICE, caller, GANGER_SEND));
        ck_assert_int_eq(wait_one(item(GANGER_CALL, &calls[0], GANGER_SEND), 0), -EINVAL);
        ganger_service_close(server);
        ganger_service_close(caller);
}
END_TEST

START_TEST(a_call_ends_with_its_time_and_is_served_no_more) {
        struct ganger_service *both;
        struct ganger_wait w[2];
        struct ganger_call call;

        ck_assert_int_eq(ganger_service_open(g, "square", BOTH, &both), 0);
        ck_assert_int_eq(ganger_service_begin(both, "7", 1, SOON, &call), 0);
        w[0] = item(GANGER_SERVICE, both, GANGER_RECEIVE);
        w[1] = item(GANGER_CALL, &call, GANGER_RECEIVE);
        ck_assert_int_eq(ganger_wait_any(&w[1], 1, -1), 1);
        ck_assert_int_eq(ganger_wait_any(w, 2, 0), 1);
        ck_assert_uint_eq(w[0].ready, 0);
        ck_assert_uint_eq(w[1].ready, GANGER_RECEIVE);
        ck_assert_int_eq(ganger_service_finish(&call, NULL, 0, NULL, 0), -ETIMEDOUT);
        ganger_service_close(both);
}
END_TEST

START_TEST(a_lock_can_be_had_or_not) {
        struct ganger_semaphore *s, *s2;
        struct ganger_mutex *m, *m2;
        struct ganger_monitor *n;

        ck_assert_int_eq(ganger_semaphore_open(g, "ports", &s), 0);
        ck_assert_int_eq(ganger_semaphore_open(g, "ports", &s2), 0);
        ck_assert_int_eq(ganger_mutex_open(g, "files", &m), 0);
        ck_assert_int_eq(ganger_mutex_open(g, "files", &m2), 0);
        ck_assert_int_eq(ganger_monitor_open(g, "files", &n), 0);
        for (int i = 0; i < 3; i++) {
                check_there(item(GANGER_SEMAPHORE, s2, GANGER_RECEIVE));
                ck_assert_int_eq(ganger_semaphore_acquire(s, 0), 0);
                check_not_there(item(GANGER_SEMAPHORE, s2, GANGER_RECEIVE));
                ck_assert_int_eq(ganger_semaphore_release(s), 0);
                check_there(item(GANGER_MONITOR, m2, GANGER_RECEIVE));
                check_there(item(GANGER_MONITOR, n, GANGER_RECEIVE));
                ck_assert_int_eq(ganger_mutex_lock(m, 0), 0);
                check_not_there(item(GANGER_MONITOR, m2, GANGER_RECEIVE));
                check_not_there(item(GANGER_MONITOR, n, GANGER_RECEIVE));
                ck_assert_int_eq(ganger_mutex_unlock(m), 0);
        }
        ck_assert_int_eq(wait_one(item(GANGER_SEMAPHORE, s, GANGER_SEND), 0), -EINVAL);
        ck_assert_int_eq(wait_one(item(GANGER_MONITOR, m, BOTH), 0), -EINVAL);
        /* Closed while it holds the lock, as one that died: the next one is told, and makes it one that nobody can have. */
        ck_assert_int_eq(ganger_mutex_lock(m, 0), 0);
        ganger_mutex_close(m);
        check_there(item(GANGER_MONITOR, m2, GANGER_RECEIVE));
        ck_assert_int_eq(ganger_mutex_lock(m2, 0), -EOWNERDEAD);
        ck_assert_int_eq(ganger_mutex_unlock(m2), 0);
        check_there(item(GANGER_MONITOR, m2, GANGER_RECEIVE));
        ck_assert_int_eq(ganger_mutex_lock(m2, 0), -ENOTRECOVERABLE);
}
END_TEST

START_TEST(what_nobody_tells_of_is_not_waited_for) {
        const struct ganger_definition d = { .kind = GANGER_SEMAPHORE, .slots = 1, .policy = GANGER_SEMAPHORE_POSIX };
        struct ganger_semaphore *s;
        struct ganger_member *other;
        struct ganger_counter *c;
        struct ganger *og;
        char name[64];

        ck_assert_int_eq(ganger_counter_open(g, "sums", &c), 0);
        ck_assert_int_eq(wait_one(item(GANGER_COUNTER, c, GANGER_RECEIVE), 0), -EOPNOTSUPP);
        snprintf(name, sizeof name, "ganger-test-%d", getpid());
        ck_assert_int_eq(ganger_host_add(host, name, &d), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &other), 0);
        ck_assert_int_eq(ganger_member_join(other, &og), 0);
        ck_assert_int_eq(ganger_semaphore_open(og, name, &s), 0);
        ck_assert_int_eq(wait_one(item(GANGER_SEMAPHORE, s, GANGER_RECEIVE), 0), -EOPNOTSUPP);
        ganger_leave(og);
        ganger_member_free(other);
}
END_TEST

/** Among other kinds too; nobody else would wake it. */
START_TEST(a_message_that_rests_is_there_in_time) {
        struct ganger_semaphore *s, *held;
        struct ganger_wait w[2];
        struct ganger_message m;
        struct ganger_ring *ring;

        ck_assert_int_eq(ganger_ring_open(g, "jobs", BOTH, &ring), 0);
        ck_assert_int_eq(ganger_semaphore_open(g, "ports", &s), 0);
        ck_assert_int_eq(ganger_semaphore_open(g, "ports", &held), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(held, 0), 0);
        ck_assert_int_eq(ganger_ring_send(ring, "x", 1, 0), 0);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_int_eq(ganger_reject(&m, NULL), 0);
        w[0] = item(GANGER_SEMAPHORE, s, GANGER_RECEIVE);
        w[1] = item(GANGER_QUEUE, ring, GANGER_RECEIVE);
        ck_assert_int_eq(ganger_wait_any(w, 2, -1), 1);
        ck_assert_uint_eq(w[0].ready, 0);
        ck_assert_uint_eq(w[1].ready, GANGER_RECEIVE);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_uint_eq(m.deliveries, 2);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}
END_TEST

START_TEST(draining_ends_a_wait_for_what_is_received) {
        struct ganger_semaphore *s;
        struct ganger_service *service;
        struct ganger_broadcast *b;
        struct ganger_pipe *pipe;
        struct ganger_call call;

        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_RECEIVE, &pipe), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "ticks", GANGER_RECEIVE, &b), 0);
        ck_assert_int_eq(ganger_service_open(g, "square", BOTH, &service), 0);
        ck_assert_int_eq(ganger_semaphore_open(g, "ports", &s), 0);
        ck_assert_int_eq(ganger_service_begin(service, "7", 1, SOON, &call), 0);
        ganger_interrupt(g);
        ck_assert_int_eq(wait_one(item(GANGER_PIPE, pipe, GANGER_RECEIVE), -1), -ESHUTDOWN);
        ck_assert_int_eq(wait_one(item(GANGER_BROADCAST, b, GANGER_RECEIVE), -1), -ESHUTDOWN);
        ck_assert_int_eq(wait_one(item(GANGER_SERVICE, service, GANGER_RECEIVE), -1), -ESHUTDOWN);
        /* Locks, calls and sending go on. */
        check_there(item(GANGER_SEMAPHORE, s, GANGER_RECEIVE));
        check_there(item(GANGER_SERVICE, service, GANGER_SEND));
        ck_assert_int_eq(wait_one(item(GANGER_CALL, &call, GANGER_RECEIVE), -1), 1);
        ck_assert_int_eq(ganger_service_abandon(&call), 0);
}
END_TEST

/** In an event loop, and here. */
START_TEST(armed_handles_stay_armed) {
        struct ganger_service *service;
        struct ganger_broadcast *b;
        struct ganger_request request;
        struct ganger_pipe *pipe;
        struct ganger_wait w[3];
        char buffer[1000];
        size_t size;

        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_RECEIVE, &pipe), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "ticks", GANGER_RECEIVE, &b), 0);
        ck_assert_int_eq(ganger_service_open(g, "square", GANGER_RECEIVE, &service), 0);
        ck_assert_int_ge(ganger_pipe_fd(pipe), 0);
        ck_assert_int_ge(ganger_broadcast_fd(b), 0);
        ck_assert_int_ge(ganger_service_fd(service), 0);
        w[0] = item(GANGER_PIPE, pipe, GANGER_RECEIVE);
        w[1] = item(GANGER_BROADCAST, b, GANGER_RECEIVE);
        w[2] = item(GANGER_SERVICE, service, GANGER_RECEIVE);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(ganger_pipe_receive(pipe, buffer, sizeof buffer, &size, 0), -EAGAIN);
                ck_assert_int_eq(ganger_broadcast_receive(b, buffer, sizeof buffer, NULL, NULL, 0), -EAGAIN);
                ck_assert_int_eq(ganger_service_receive(service, &request, 0), -EAGAIN);
                ck_assert_int_eq(ganger_wait_any(w, 3, 1000), -ETIMEDOUT);
        }
}
END_TEST

/* ---- between processes --------------------------------------------------------------------------- */

/** All that one waits for, in this order. */
enum { JOBS, STREAM, TICKS, REPLY, PORTS, FILES, WAITED };

struct handles {
        struct ganger_ring *jobs;
        struct ganger_pipe *stream;
        struct ganger_broadcast *ticks;
        struct ganger_service *square;
        struct ganger_call call;
        struct ganger_semaphore *ports;
        struct ganger_mutex *files;
};

/** Shared with the children. */
static struct board {
        _Atomic uint32_t seen[WAITED];  /* how often each was there, and was had */
        _Atomic uint32_t inside;        /* who has a lock just now */
        _Atomic uint32_t done;          /* times that it was had */
} *board;

static int open_waited(struct ganger *gang, struct handles *h) {
        if (ganger_ring_open(gang, "jobs", GANGER_RECEIVE, &h->jobs) < 0 ||
            ganger_pipe_open(gang, "stream", GANGER_RECEIVE, &h->stream) < 0 ||
            ganger_broadcast_open(gang, "ticks", GANGER_RECEIVE | GANGER_OLDEST, &h->ticks) < 0 ||
            ganger_service_open(gang, "square", GANGER_SEND, &h->square) < 0 ||
            ganger_service_begin(h->square, "mine", 4, -1, &h->call) < 0 ||
            ganger_semaphore_open(gang, "ports", &h->ports) < 0 || ganger_mutex_open(gang, "files", &h->files) < 0)
                return -1;
        return 0;
}

/** Have what is there. @return 0; -EAGAIN: it was gone; or what went wrong. */
static int have(struct handles *h, int what) {
        struct ganger_message m;
        char buffer[1000];
        size_t size;
        int r;

        switch (what) {
        case JOBS:
                r = ganger_ring_receive(h->jobs, &m, 0);
                return r < 0 ? r : ganger_acknowledge(&m);
        case STREAM: return ganger_pipe_receive(h->stream, buffer, sizeof buffer, &size, 0);
        case TICKS: return ganger_broadcast_receive(h->ticks, buffer, sizeof buffer, NULL, NULL, 0);
        case REPLY: return ganger_service_finish(&h->call, buffer, sizeof buffer, &size, 0);
        case PORTS:
                r = ganger_semaphore_acquire(h->ports, 0);
                return r < 0 ? r : ganger_semaphore_release(h->ports);
        default:
                r = ganger_mutex_lock(h->files, 0);
                return r < 0 ? r : ganger_mutex_unlock(h->files);
        }
}

/** Each once, whichever comes. */
static int have_each(struct ganger *gang) {
        struct handles h;
        struct ganger_wait w[WAITED];
        int kind_of[WAITED], n = 0;

        if (open_waited(gang, &h) < 0)
                return 1;
        w[n] = item(GANGER_QUEUE, h.jobs, GANGER_RECEIVE), kind_of[n++] = JOBS;
        w[n] = item(GANGER_PIPE, h.stream, GANGER_RECEIVE), kind_of[n++] = STREAM;
        w[n] = item(GANGER_BROADCAST, h.ticks, GANGER_RECEIVE), kind_of[n++] = TICKS;
        w[n] = item(GANGER_CALL, &h.call, GANGER_RECEIVE), kind_of[n++] = REPLY;
        w[n] = item(GANGER_SEMAPHORE, h.ports, GANGER_RECEIVE), kind_of[n++] = PORTS;
        w[n] = item(GANGER_MONITOR, h.files, GANGER_RECEIVE), kind_of[n++] = FILES;
        while (n > 0) {
                int first = 0, r = ganger_wait_any(w, (size_t)n, -1);

                if (r < 1)
                        return 2;
                while (!w[first].ready)
                        first++;
                r = have(&h, kind_of[first]);
                if (r == -EAGAIN)
                        continue;
                if (r < 0)
                        return 3;
                atomic_fetch_add(&board->seen[kind_of[first]], 1);
                --n;
                w[first] = w[n];
                kind_of[first] = kind_of[n];
        }
        ganger_leave(gang);
        return 0;
}

static pid_t fork_as(struct ganger_member *m, int (*run)(struct ganger *gang), bool by_descriptors) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger *gang;
                int r = ganger_member_join(m, &gang);

                ganger_host_free(host);
                wait_any_by_descriptors(by_descriptors);
                _exit(r < 0 ? 100 : run(gang));
        }
        return pid;
}

static int exit_of(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void board_open(void) {
        board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(board, MAP_FAILED);
}

static void board_close(void) {
        munmap(board, sizeof *board);
}

/** Until the other process has had it: it sleeps, or is about to, when the next one comes. */
static void await_seen(int what) {
        while (atomic_load(&board->seen[what]) == 0)
                sched_yield();
}

/** One sleeps on all kinds at once, and each of them wakes it. */
static void each_wakes_it(bool by_descriptors) {
        struct ganger_semaphore *ports;
        struct ganger_service *square;
        struct ganger_broadcast *ticks;
        struct ganger_request request;
        struct ganger_mutex *files;
        struct ganger_pipe *stream;
        struct ganger_ring *jobs;
        struct ganger_member *m;
        pid_t pid;

        board_open();
        ck_assert_int_eq(ganger_semaphore_open(g, "ports", &ports), 0);
        ck_assert_int_eq(ganger_mutex_open(g, "files", &files), 0);
        ck_assert_int_eq(ganger_pipe_open(g, "stream", GANGER_SEND, &stream), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "ticks", GANGER_SEND, &ticks), 0);
        ck_assert_int_eq(ganger_service_open(g, "square", GANGER_RECEIVE, &square), 0);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_SEND, &jobs), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(ports, 0), 0);
        ck_assert_int_eq(ganger_mutex_lock(files, 0), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &m), 0);
        pid = fork_as(m, have_each, by_descriptors);
        ck_assert_int_eq(ganger_service_receive(square, &request, -1), 0); /* it has begun */
        ck_assert_int_eq(ganger_semaphore_release(ports), 0);
        await_seen(PORTS);
        ck_assert_int_eq(ganger_pipe_send(stream, "x", 1, 0), 0);
        await_seen(STREAM);
        ck_assert_int_eq(ganger_broadcast_send(ticks, "x", 1, 0), 0);
        await_seen(TICKS);
        ck_assert_int_eq(ganger_mutex_unlock(files), 0);
        await_seen(FILES);
        ck_assert_int_eq(ganger_service_reply(&request, "49", 2), 0);
        await_seen(REPLY);
        ck_assert_int_eq(ganger_ring_send(jobs, "x", 1, 0), 0);
        ck_assert_int_eq(exit_of(pid), 0);
        ganger_member_free(m);
        board_close();
}

START_TEST(each_kind_wakes_who_sleeps_on_all) {
        each_wakes_it(false);
}
END_TEST

START_TEST(each_kind_wakes_who_polls_all) {
        each_wakes_it(true);
}
END_TEST

static int hold_both(struct ganger *gang) {
        struct ganger_semaphore *ports;
        struct ganger_mutex *files;

        if (ganger_semaphore_open(gang, "ports", &ports) < 0 || ganger_mutex_open(gang, "files", &files) < 0 ||
            ganger_semaphore_acquire(ports, 0) < 0 || ganger_mutex_lock(files, 0) < 0)
                return 1;
        atomic_store(&board->inside, 1);
        for (;;)
                pause();
}

/** Both must come, from one who dies. */
static int inherit_both(struct ganger *gang) {
        struct ganger_semaphore *ports;
        struct ganger_mutex *files;
        struct ganger_wait w[2];
        bool permit = false, lock = false;

        if (ganger_semaphore_open(gang, "ports", &ports) < 0 || ganger_mutex_open(gang, "files", &files) < 0)
                return 1;
        while (!permit || !lock) {
                int n = 0, r;

                if (!permit)
                        w[n++] = item(GANGER_SEMAPHORE, ports, GANGER_RECEIVE);
                if (!lock)
                        w[n++] = item(GANGER_MONITOR, files, GANGER_RECEIVE);
                atomic_store(&board->done, 1);
                if (ganger_wait_any(w, (size_t)n, -1) < 1)
                        return 2;
                if (w[0].ready && w[0].kind == GANGER_SEMAPHORE) {
                        permit = ganger_semaphore_acquire(ports, 0) == 0;
                        continue;
                }
                r = ganger_mutex_lock(files, 0);
                if (r != -EAGAIN && r != -EOWNERDEAD)
                        return 3;
                lock = r == -EOWNERDEAD;
        }
        return ganger_mutex_consistent(files) < 0 || ganger_mutex_unlock(files) < 0 ? 4 : 0;
}

static void the_dead_wake_it(bool by_descriptors) {
        struct ganger_member *dead, *heir;
        pid_t holder, pid;

        board_open();
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &dead), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &heir), 0);
        holder = fork_as(dead, hold_both, false);
        while (atomic_load(&board->inside) == 0)
                sched_yield();
        pid = fork_as(heir, inherit_both, by_descriptors);
        while (atomic_load(&board->done) == 0)
                sched_yield();
        kill(holder, SIGKILL);
        ck_assert_int_eq(exit_of(holder), -1);
        ck_assert_int_eq(ganger_member_recover(dead, "killed", NULL), 0);
        ck_assert_int_eq(exit_of(pid), 0);
        ganger_member_free(dead);
        ganger_member_free(heir);
        board_close();
}

START_TEST(a_dead_holder_wakes_who_sleeps) {
        the_dead_wake_it(false);
}
END_TEST

START_TEST(a_dead_holder_wakes_who_polls) {
        the_dead_wake_it(true);
}
END_TEST

/* ---- contention ---------------------------------------------------------------------------------- */

#define SHARERS 3
#define TURNS 400

/** In and out, with whichever lock; nobody else is inside of the one meanwhile. */
static int enter_often(struct ganger *gang) {
        struct ganger_semaphore *ports;
        struct ganger_mutex *files;
        struct ganger_wait w[2];

        if (ganger_semaphore_open(gang, "ports", &ports) < 0 || ganger_mutex_open(gang, "files", &files) < 0)
                return 1;
        w[0] = item(GANGER_SEMAPHORE, ports, GANGER_RECEIVE);
        w[1] = item(GANGER_MONITOR, files, GANGER_RECEIVE);
        for (unsigned int turns = 0; turns < TURNS;) {
                bool permit, lock;

                if (ganger_wait_any(w, 2, -1) < 1)
                        return 2;
                permit = w[0].ready && ganger_semaphore_acquire(ports, 0) == 0;
                lock = w[1].ready && ganger_mutex_lock(files, 0) == 0;
                turns += permit || lock;
                if (permit) {
                        if (atomic_fetch_add(&board->inside, 1) != 0)
                                return 3;
                        atomic_fetch_sub(&board->inside, 1);
                        if (ganger_semaphore_release(ports) < 0)
                                return 4;
                }
                if (lock && ganger_mutex_unlock(files) < 0)
                        return 5;
        }
        ganger_leave(gang);
        return 0;
}

/** Those who wait for nothing else lose nothing to those who do. */
static int enter_plainly(struct ganger *gang) {
        struct ganger_semaphore *ports;
        struct ganger_mutex *files;

        if (ganger_semaphore_open(gang, "ports", &ports) < 0 || ganger_mutex_open(gang, "files", &files) < 0)
                return 1;
        for (unsigned int turns = 0; turns < TURNS; turns++) {
                if (ganger_semaphore_acquire(ports, -1) < 0 || atomic_fetch_add(&board->inside, 1) != 0)
                        return 2;
                atomic_fetch_sub(&board->inside, 1);
                if (ganger_semaphore_release(ports) < 0 || ganger_mutex_lock(files, -1) < 0 ||
                    ganger_mutex_unlock(files) < 0)
                        return 3;
        }
        ganger_leave(gang);
        return 0;
}

START_TEST(several_share_locks_each_in_its_way) {
        struct ganger_member *m[SHARERS];
        pid_t pid[SHARERS];

        board_open();
        for (int i = 0; i < SHARERS; i++) {
                ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &m[i]), 0);
                pid[i] = fork_as(m[i], i == 0 ? enter_plainly : enter_often, i == 1);
        }
        for (int i = 0; i < SHARERS; i++)
                ck_assert_int_eq(exit_of(pid[i]), 0);
        for (int i = 0; i < SHARERS; i++)
                ganger_member_free(m[i]);
        board_close();
}
END_TEST

int main(void) {
        const TTest *both_ways[] = {
                a_pipe_has_a_message_or_room, room_is_for_so_many_bytes, a_writer_publishes_before_it_waits,
                a_broadcast_has_a_message_or_room, policies_of_a_broadcast_differ, a_service_has_a_call_or_a_slot_or_a_reply,
                a_call_ends_with_its_time_and_is_served_no_more, a_lock_can_be_had_or_not,
                what_nobody_tells_of_is_not_waited_for, a_message_that_rests_is_there_in_time,
                draining_ends_a_wait_for_what_is_received, armed_handles_stay_armed,
        };
        const TTest *once[] = {
                each_kind_wakes_who_sleeps_on_all, each_kind_wakes_who_polls_all, a_dead_holder_wakes_who_sleeps,
                a_dead_holder_wakes_who_polls, several_share_locks_each_in_its_way,
        };
        Suite *suite = suite_create("ganger-wait-kinds");
        TCase *futex = tcase_create("futex_waitv"), *descriptors = tcase_create("descriptors");

        tcase_add_checked_fixture(futex, setup, teardown);
        tcase_add_checked_fixture(descriptors, setup_by_descriptors, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(both_ways); i++) {
                tcase_add_test(futex, both_ways[i]);
                tcase_add_test(descriptors, both_ways[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(once); i++)
                tcase_add_test(futex, once[i]);
        suite_add_tcase(suite, futex);
        suite_add_tcase(suite, descriptors);
        return harness_run(suite);
}
