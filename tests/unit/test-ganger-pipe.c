/* SPDX-License-Identifier: MIT */
/* Pipes through the public side of libganger, between several processes, some of which die. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "gang-rig.h"
#include "harness.h"

#define CAPACITY 8192u
#define MESSAGE_MAX 2000u
/** Messages of a stream, and of one that is killed before it ends, however slowly its killer comes. */
#define STREAM 40000u
#define STREAM_ENDLESS UINT32_MAX
/** Who writes in place reserves more than it will need. */
#define RESERVE_MORE 3u

static struct rig_ring events;
static struct rig_member source, sink;
static struct ganger *g, *other;
static struct ganger_pipe *in, *out;

static void make_pipe(struct rig_ring *r, const char *name) {
        struct region region;

        *r = (struct rig_ring){
                .name = name,
                .geometry = {
                        .kind = OBJECT_PIPE, .capacity = CAPACITY, .message_max = MESSAGE_MAX,
                        .fences = !region_barrier_is_available(),
                },
                .next_participant = 1,
        };
        r->memory_fd = region_create(name, &r->geometry);
        ck_assert_int_ge(r->memory_fd, 0);
        r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ck_assert_int_ge(r->event_fd, 0);
        ck_assert_int_eq(region_map(&region, r->memory_fd, &r->geometry), 0);
        object_open(&r->judge, &region, r->event_fd);
}

static void setup(void) {
        make_pipe(&events, "events");
        rig_member_open(&source, "source", 0);
        rig_member_give(&source, &events, GANGER_SEND, 2);
        rig_member_open(&sink, "sink", 0);
        rig_member_give(&sink, &events, GANGER_RECEIVE, 2);
        g = rig_member_join(&source);
        other = rig_member_join(&sink);
        in = out = NULL;
}

static void teardown(void) {
        g = ganger_leave(g);
        other = ganger_leave(other);
        rig_member_close(&source);
        rig_member_close(&sink);
        rig_ring_close(&events);
}

static void open_both(void) {
        ck_assert_int_eq(ganger_pipe_open(g, NULL, GANGER_SEND, &out), 0);
        ck_assert_int_eq(ganger_pipe_open(other, "events", GANGER_RECEIVE, &in), 0);
}

#define SEND(text) ck_assert_int_eq(ganger_pipe_send(out, text, strlen(text), 0), 0)
#define PEEK(text)                                                              \
        do {                                                                    \
                const void *_data;                                              \
                size_t _size;                                                   \
                                                                                \
                ck_assert_int_eq(ganger_pipe_peek(in, &_data, &_size, 0), 0);   \
                ck_assert_uint_eq(_size, strlen(text));                         \
                ck_assert_mem_eq(_data, text, _size);                           \
        } while (0)

static void expect_nothing(int expected) {
        size_t size = 12345;
        char buffer[8];

        ck_assert_int_eq(ganger_pipe_receive(in, buffer, sizeof buffer, &size, 0), expected);
        ck_assert_uint_eq(size, 12345);
}

/* ---- one process --------------------------------------------------------------------------------- */

START_TEST(ends_are_opened_once) {
        struct ganger_pipe *p = NULL;
        struct ganger_ring *ring = NULL;

        ck_assert_int_eq(ganger_pipe_open(g, "events", GANGER_SEND | GANGER_RECEIVE, &p), -EINVAL);
        ck_assert_int_eq(ganger_pipe_open(g, "events", 0, &p), -EINVAL);
        ck_assert_int_eq(ganger_pipe_open(g, "events", GANGER_RECEIVE, &p), -EACCES);
        ck_assert_int_eq(ganger_pipe_open(g, "nothing", GANGER_SEND, &p), -ENOENT);
        ck_assert_int_eq(ganger_ring_open(g, "events", GANGER_SEND, &ring), -ENOENT);
        open_both();
        ck_assert_str_eq(ganger_pipe_name(out), "events");
        ck_assert_uint_eq(ganger_pipe_message_max(out), MESSAGE_MAX);
        ck_assert_int_eq(ganger_pipe_open(g, "events", GANGER_SEND, &p), -EBUSY);
        ck_assert_ptr_null(p);
        ck_assert_ptr_null(ganger_pipe_close(out));
        ck_assert_ptr_null(ganger_pipe_close(NULL));
        ck_assert_int_eq(ganger_pipe_open(g, "events", GANGER_SEND, &out), 0);
        SEND("still");
        PEEK("still");
}
END_TEST

START_TEST(each_end_does_its_own) {
        const void *data;
        char buffer[8];
        size_t size;
        void *to;

        open_both();
        ck_assert_int_eq(ganger_pipe_send(in, "x", 1, 0), -EACCES);
        ck_assert_int_eq(ganger_pipe_append(in, "x", 1, -1), -EACCES);
        ck_assert_int_eq(ganger_pipe_reserve(in, 1, &to, 0), -EACCES);
        ck_assert_int_eq(ganger_pipe_publish(in), -EACCES);
        ck_assert_int_eq(ganger_pipe_commit(in, 1), -EINVAL);
        ck_assert_int_eq(ganger_pipe_peek(out, &data, &size, -1), -EACCES);
        ck_assert_int_eq(ganger_pipe_receive(out, buffer, sizeof buffer, &size, 0), -EACCES);
        ck_assert_int_eq(ganger_pipe_consume(out), -EACCES);
        ck_assert_int_eq(ganger_pipe_fd(out), -EACCES);
}
END_TEST

START_TEST(single_and_in_batches) {
        char buffer[8];
        size_t size;

        open_both();
        ck_assert_int_eq(ganger_pipe_append(out, "a", 1, 0), 0);
        ck_assert_int_eq(ganger_pipe_append(out, "b", 1, 0), 0);
        expect_nothing(-EAGAIN);
        ck_assert_int_eq(ganger_pipe_publish(out), 0);
        ck_assert_int_eq(ganger_pipe_append(out, "c", 1, 0), 0);
        SEND("d");
        PEEK("a");
        PEEK("b");
        ck_assert_int_eq(ganger_pipe_consume(out), -EACCES);
        ck_assert_int_eq(ganger_pipe_consume(in), 0);
        ck_assert_int_eq(ganger_pipe_receive(in, buffer, 0, &size, 0), -EMSGSIZE);
        ck_assert_int_eq(ganger_pipe_receive(in, buffer, 1, &size, 0), 0);
        ck_assert_uint_eq(size, 1);
        ck_assert_int_eq(buffer[0], 'c');
        PEEK("d");
        expect_nothing(-EAGAIN);
        /* Not consumed: the next one gets it. */
        ganger_pipe_close(in);
        ck_assert_int_eq(ganger_pipe_open(other, NULL, GANGER_RECEIVE, &in), 0);
        PEEK("d");
}
END_TEST

START_TEST(many_with_one_call) {
        struct iovec messages[] = { { (void *)"one", 3 }, { (void *)"two", 3 }, { NULL, 0 } }, there[4];
        char big[MESSAGE_MAX] = { 0 };
        struct iovec much[8];
        int r;

        open_both();
        ck_assert_int_eq(ganger_pipe_send_many(in, messages, 3, 0), -EACCES);
        ck_assert_int_eq(ganger_pipe_peek_many(out, there, 3, 0), -EACCES);
        ck_assert_int_eq(ganger_pipe_send_many(out, messages, 0, 0), -EINVAL);
        ck_assert_int_eq(ganger_pipe_peek_many(in, there, 0, 0), -EINVAL);
        ck_assert_int_eq(ganger_pipe_peek_many(in, there, 4, 0), -EAGAIN);
        ck_assert_int_eq(ganger_pipe_send_many(out, messages, 3, 0), 3);
        ck_assert_int_eq(ganger_pipe_peek_many(in, there, 4, -1), 3);
        ck_assert_mem_eq(there[1].iov_base, "two", 3);
        ck_assert_uint_eq(there[2].iov_len, 0);
        ck_assert_int_eq(ganger_pipe_consume(in), 0);

        for (size_t i = 0; i < ARRAY_SIZE(much); i++)
                much[i] = (struct iovec){ big, sizeof big };
        r = ganger_pipe_send_many(out, much, ARRAY_SIZE(much), -1);
        ck_assert(r > 0 && r < (int)ARRAY_SIZE(much));
        ck_assert_int_eq(ganger_pipe_send_many(out, much, ARRAY_SIZE(much), 0), -EAGAIN);
        ck_assert_int_eq(ganger_pipe_send_many(out, much, ARRAY_SIZE(much), 2000), -ETIMEDOUT);
        ck_assert_int_eq(ganger_pipe_peek_many(in, there, 4, 0), r);
}
END_TEST

START_TEST(in_place) {
        void *to;

        open_both();
        ck_assert_int_eq(ganger_pipe_commit(out, 0), -EINVAL);
        ck_assert_int_eq(ganger_pipe_reserve(out, MESSAGE_MAX + 1, &to, 0), -EMSGSIZE);
        ck_assert_int_eq(ganger_pipe_reserve(out, 10, &to, 0), 0);
        ck_assert_uint_eq((uintptr_t)to % 16, 0);
        ck_assert_int_eq(ganger_pipe_commit(out, 11), -EMSGSIZE);
        memcpy(to, "hello", 5);
        ck_assert_int_eq(ganger_pipe_commit(out, 5), 0);
        ck_assert_int_eq(ganger_pipe_commit(out, 5), -EINVAL);
        ck_assert_int_eq(ganger_pipe_reserve(out, 10, &to, 0), 0);
        SEND("given up");
        ck_assert_int_eq(ganger_pipe_commit(out, 1), -EINVAL);
        PEEK("hello");
        PEEK("given up");
}
END_TEST

/** So that 1,000 bytes do not fit before the end of the ring, and 10 do. */
static void come_near_the_end(void) {
        static const char much[1000];
        char there[sizeof much];
        size_t size;

        for (size_t n = CAPACITY / sizeof much - 1; n > 0; n--) {
                ck_assert_int_eq(ganger_pipe_send(out, much, sizeof much, 0), 0);
                ck_assert_int_eq(ganger_pipe_receive(in, there, sizeof there, &size, 0), 0);
        }
        ck_assert_int_eq(ganger_pipe_send(out, much, sizeof much / 2, 0), 0);
        ck_assert_int_eq(ganger_pipe_receive(in, there, sizeof there, &size, 0), 0);
}

START_TEST(what_was_reserved_elsewhere_is_given_up) {
        void *far, *near, *to;

        open_both();
        come_near_the_end();
        ck_assert_int_eq(ganger_pipe_reserve(out, 1000, &far, 0), 0);
        ck_assert_int_eq(ganger_pipe_reserve(out, 10, &near, 0), 0);
        ck_assert(near > far); /* the one at the beginning, the other before the end */
        memcpy(near, "near", 4);
        ck_assert_int_eq(ganger_pipe_commit(out, 4), 0);
        PEEK("near");
        ck_assert_int_eq(ganger_pipe_reserve(out, 1000, &to, 0), 0);
        ck_assert(to == far);
        SEND("given up");
        ck_assert_int_eq(ganger_pipe_commit(out, 1), -EINVAL);
        ck_assert_int_eq(ganger_pipe_reserve(out, 10, &near, 0), 0);
        ck_assert(near > far);
        memcpy(near, "near", 4);
        ck_assert_int_eq(ganger_pipe_commit(out, 4), 0);
        ck_assert_int_eq(ganger_pipe_reserve(out, 1000, &to, 0), 0);
        memcpy(to, "far", 3);
        ck_assert_int_eq(ganger_pipe_commit(out, 3), 0);
        PEEK("given up");
        PEEK("near");
        PEEK("far");
}
END_TEST

START_TEST(full_and_empty) {
        char big[MESSAGE_MAX + 1] = { 0 };

        open_both();
        expect_nothing(-EAGAIN);
        ck_assert_int_eq(ganger_pipe_send(out, big, sizeof big, -1), -EMSGSIZE);
        while (ganger_pipe_append(out, big, MESSAGE_MAX, 0) == 0)
                ;
        ck_assert_int_eq(ganger_pipe_send(out, big, MESSAGE_MAX, 0), -EAGAIN);
        ck_assert_int_eq(ganger_pipe_send(out, big, MESSAGE_MAX, 2000), -ETIMEDOUT);
        expect_nothing(-EMSGSIZE); /* published all the same */
        ganger_interrupt(other);
        expect_nothing(-ESHUTDOWN);
}
END_TEST

START_TEST(the_descriptor_tells) {
        struct pollfd p = { .events = POLLIN };

        open_both();
        p.fd = ganger_pipe_fd(in);
        ck_assert_int_ge(p.fd, 0);
        ck_assert_int_eq(ganger_pipe_fd(in), p.fd);
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        expect_nothing(-EAGAIN);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
        SEND("x");
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        PEEK("x");
        expect_nothing(-EAGAIN);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
        ganger_interrupt(other);
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        expect_nothing(-ESHUTDOWN);
}
END_TEST

/* ---- several processes --------------------------------------------------------------------------- */

static uint32_t stream_size(uint32_t n) {
        return 4 + n * 7919 % (n % 64 == 0 ? MESSAGE_MAX - RESERVE_MORE - 3 : 200);
}

/** A message of the stream tells its number, at both of its ends where it is long enough. */
static void stream_write(unsigned char *data, uint32_t n) {
        memset(data, (int)n, stream_size(n));
        memcpy(data, &n, 4);
}

static bool stream_is(const unsigned char *data, size_t size, uint32_t n) {
        return size == stream_size(n) && memcmp(data, &n, 4) == 0 && (size == 4 || data[size - 1] == (n & 0xff));
}

/** Send the stream from a number to before another, in all ways. @return a line that failed, or 0. */
static int send_stream(uint32_t first, uint32_t end) {
        struct ganger *mine = rig_member_join(&source);
        unsigned char data[MESSAGE_MAX];
        struct ganger_pipe *p;
        void *to;

#define NEED(condition) do { if (!(condition)) return __LINE__ % 251 + 1; } while (0)
        NEED(ganger_pipe_open(mine, NULL, GANGER_SEND, &p) == 0);
        for (uint32_t n = first; n < end; n++) {
                stream_write(data, n);
                if (n % 3 == 0) {
                        NEED(ganger_pipe_send(p, data, stream_size(n), -1) == 0);
                } else if (n % 3 == 1) {
                        NEED(ganger_pipe_append(p, data, stream_size(n), -1) == 0);
                } else {
                        NEED(ganger_pipe_reserve(p, stream_size(n) + RESERVE_MORE, &to, -1) == 0);
                        memcpy(to, data, stream_size(n));
                        NEED(ganger_pipe_commit(p, stream_size(n)) == 0);
                }
        }
        ganger_leave(mine);
        return 0;
}

static pid_t start_sender(uint32_t first, uint32_t end) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(send_stream(first, end));
        return pid;
}

static int reap(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return status;
}

static uint32_t receive_one(uint32_t n) {
        unsigned char data[MESSAGE_MAX];
        size_t size;

        ck_assert_int_eq(ganger_pipe_receive(in, data, sizeof data, &size, -1), 0);
        ck_assert(stream_is(data, size, n));
        return n + 1;
}

START_TEST(a_stream_between_two_processes) {
        pid_t pid = start_sender(0, STREAM);
        const void *data;
        size_t size;

        ck_assert_int_eq(ganger_pipe_open(other, NULL, GANGER_RECEIVE, &in), 0);
        for (uint32_t n = 0; n < STREAM;) {
                if (n % 100 == 0) {
                        n = receive_one(n);
                        continue;
                }
                ck_assert_int_eq(ganger_pipe_peek(in, &data, &size, -1), 0);
                ck_assert(stream_is(data, size, n++));
                if (n % 5 == 0)
                        ck_assert_int_eq(ganger_pipe_consume(in), 0);
        }
        ck_assert_int_eq(reap(pid), 0);
        expect_nothing(-EAGAIN);
}
END_TEST

/** Whatever the writer published before it died is there, in order and whole; the next one goes on from it. */
START_TEST(writers_that_are_killed) {
        uint32_t n = 0;

        ck_assert_int_eq(ganger_pipe_open(other, NULL, GANGER_RECEIVE, &in), 0);
        for (unsigned int life = 1; life <= 20; life++) {
                pid_t pid = start_sender(n, STREAM_ENDLESS);
                struct ganger_pipe *p = NULL;
                unsigned char data[MESSAGE_MAX];
                size_t size;

                for (unsigned int i = 0; i < life * 37; i++)
                        n = receive_one(n);
                /* Its end is busy until it is dead and recovered. */
                ck_assert_int_eq(ganger_pipe_open(g, NULL, GANGER_SEND, &p), -EBUSY);
                kill(pid, SIGKILL);
                reap(pid);
                ck_assert_int_eq(ganger_pipe_open(g, NULL, GANGER_SEND, &p), -EBUSY);
                rig_member_recover(&source, "killed", NULL);
                while (ganger_pipe_receive(in, data, sizeof data, &size, 0) == 0)
                        ck_assert(stream_is(data, size, n++));
        }
}
END_TEST

/** Peek, consume, and tell the parent after each. */
static int receive_and_tell(int fd) {
        struct ganger *mine = rig_member_join(&sink);
        struct ganger_pipe *p;
        const void *data;
        uint32_t n;
        size_t size;

        NEED(ganger_pipe_open(mine, NULL, GANGER_RECEIVE, &p) == 0);
        for (;;) {
                NEED(ganger_pipe_peek(p, &data, &size, -1) == 0);
                memcpy(&n, data, sizeof n);
                NEED(stream_is(data, size, n));
                NEED(ganger_pipe_consume(p) == 0);
                NEED(write(fd, &n, sizeof n) == sizeof n);
        }
#undef NEED
}

/** A reader that dies between consuming and telling has consumed one more; else each comes once. */
START_TEST(readers_that_are_killed) {
        pid_t sender = start_sender(0, STREAM_ENDLESS);
        uint32_t n, next = 0;
        int pair[2];

        for (unsigned int life = 1; life <= 10; life++) {
                uint32_t first = UINT32_MAX;
                pid_t pid;

                ck_assert_int_eq(pipe(pair), 0);
                pid = fork();
                ck_assert_int_ge(pid, 0);
                if (pid == 0)
                        _exit(receive_and_tell(pair[1]));
                close(pair[1]);
                for (unsigned int i = 0; i < life * 23; i++) {
                        ck_assert_int_eq(read(pair[0], &n, sizeof n), sizeof n);
                        first = MIN(first, n);
                        ck_assert_uint_eq(n, first + i);
                }
                ck_assert_uint_ge(first, next);
                ck_assert_uint_le(first, next + 1);
                kill(pid, SIGKILL);
                reap(pid);
                while (read(pair[0], &n, sizeof n) == sizeof n)
                        ;
                close(pair[0]);
                next = n + 1;
                rig_member_recover(&sink, "killed", NULL);
        }
        kill(sender, SIGKILL);
        reap(sender);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger-pipe");
        TCase *c = tcase_create("ganger-pipe");
        const TTest *tests[] = {
                ends_are_opened_once, each_end_does_its_own, single_and_in_batches, many_with_one_call, in_place,
                what_was_reserved_elsewhere_is_given_up, full_and_empty,
                the_descriptor_tells, a_stream_between_two_processes, writers_that_are_killed, readers_that_are_killed,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        tcase_set_timeout(c, 60);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
