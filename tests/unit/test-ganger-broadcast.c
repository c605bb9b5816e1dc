/* SPDX-License-Identifier: MIT */
/*
 * Broadcasts through the public side of libganger, between processes: some of them are killed at their work, and the
 * test, which plays the manager, recovers them.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "gang-rig.h"
#include "harness.h"

#define CAPACITY 4096
#define MESSAGE_MAX 256
#define SLOTS 4
#define HANDLES 4
/** In a child: its exit status tells the line where something was not as it should be. */
#define NEED(condition) do { if (!(condition)) _exit(__LINE__ % 251 + 1); } while (0)

static struct rig_ring ring;
static struct rig_member writer, readers[2];

static void rig_open(uint32_t policy) {
        struct region region;

        ring = (struct rig_ring){
                .name = "news",
                .geometry = { .kind = OBJECT_BROADCAST, .policy = policy, .capacity = CAPACITY, .message_max = MESSAGE_MAX,
                              .slots = policy == BROADCAST_LOSSY ? 0 : SLOTS, .fences = !region_barrier_is_available() },
                .next_participant = 1,
        };
        ring.memory_fd = region_create(ring.name, &ring.geometry);
        ck_assert_int_ge(ring.memory_fd, 0);
        ring.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ck_assert_int_eq(region_map(&region, ring.memory_fd, &ring.geometry), 0);
        object_open(&ring.judge, &region, ring.event_fd);
        rig_member_open(&writer, "writer", 0);
        rig_member_give(&writer, &ring, GANGER_SEND, HANDLES);
        for (uint32_t i = 0; i < 2; i++) {
                rig_member_open(&readers[i], "reader", i);
                rig_member_give(&readers[i], &ring, GANGER_RECEIVE, HANDLES);
        }
}

static void teardown(void) {
        rig_member_close(&writer);
        for (int i = 0; i < 2; i++)
                rig_member_close(&readers[i]);
        rig_ring_close(&ring);
}

static struct ganger_broadcast *open_end(struct ganger *g, unsigned int flags) {
        struct ganger_broadcast *b = NULL;

        ck_assert_int_eq(ganger_broadcast_open(g, "news", flags, &b), 0);
        return b;
}

/** Start a process that is that member; it says when it is ready, and then works. */
static pid_t start(struct rig_member *m, int (*work)(struct ganger *g, int ready_fd)) {
        int ready[2];
        char c;
        pid_t pid;

        ck_assert_int_eq(pipe(ready), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(work(rig_member_join(m), ready[1]));
        close(ready[1]);
        ck_assert_int_eq(read(ready[0], &c, 1), 1);
        close(ready[0]);
        return pid;
}

static void kill_member(struct rig_member *m, pid_t pid) {
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        rig_member_recover(m, "killed by SIGKILL", NULL);
}

static void end_member(struct rig_member *m, pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        rig_member_recover(m, "exit status 0", NULL);
}

/* ---- results ------------------------------------------------------------------------------------- */

START_TEST(handles_do_what_they_are_for) {
        struct ganger *gw, *gr;
        struct ganger_broadcast *w, *r, *other = NULL;
        unsigned char buffer[MESSAGE_MAX];
        const void *data = NULL;
        uint64_t missed = 9;
        size_t size = 9;
        void *to;

        rig_open((uint32_t)_i);
        gw = rig_member_join(&writer);
        gr = rig_member_join(&readers[0]);
        ck_assert_int_eq(ganger_broadcast_open(gw, "news", GANGER_RECEIVE, &other), -EACCES);
        ck_assert_int_eq(ganger_broadcast_open(gw, "olds", GANGER_SEND, &other), -ENOENT);
        ck_assert_int_eq(ganger_broadcast_open(gw, NULL, GANGER_SEND | GANGER_OLDEST, &other), -EINVAL);
        ck_assert_int_eq(ganger_broadcast_open(gw, NULL, GANGER_SEND | GANGER_RECEIVE, &other), -EINVAL);
        ck_assert_int_eq(ganger_broadcast_open(gw, NULL, GANGER_OLDEST, &other), -EINVAL);
        ck_assert_int_eq(ganger_broadcast_open(gw, NULL, 0, &other), -EINVAL);
        w = open_end(gw, GANGER_SEND);
        ck_assert_int_eq(ganger_broadcast_open(gw, NULL, GANGER_SEND, &other), -EBUSY);
        ck_assert_ptr_null(other);
        ck_assert_str_eq(ganger_broadcast_name(w), "news");
        ck_assert_uint_eq(ganger_broadcast_message_max(w), MESSAGE_MAX);
        r = open_end(gr, GANGER_RECEIVE);

        ck_assert_int_eq(ganger_broadcast_receive(r, buffer, sizeof buffer, &size, &missed, 0), -EAGAIN);
        ck_assert_int_eq(ganger_broadcast_receive(r, buffer, sizeof buffer, &size, &missed, 1000), -ETIMEDOUT);
        ck_assert_uint_eq(size, 9);
        ck_assert_int_eq(ganger_broadcast_send(w, buffer, MESSAGE_MAX + 1, 0), -EMSGSIZE);
        ck_assert_int_eq(ganger_broadcast_send(w, "one", 3, -1), 0);
        ck_assert_int_eq(ganger_broadcast_receive(r, buffer, 2, &size, &missed, -1), -EMSGSIZE);
        ck_assert_int_eq(ganger_broadcast_receive(r, buffer, 3, &size, &missed, -1), 0);
        ck_assert_uint_eq(size, 3);
        ck_assert_uint_eq(missed, 0);
        ck_assert_mem_eq(buffer, "one", 3);

        ck_assert_int_eq(ganger_broadcast_append(w, "two", 3, 0), 0);
        ck_assert_int_eq(ganger_broadcast_receive(r, buffer, 3, NULL, NULL, 0), -EAGAIN);
        ck_assert_int_eq(ganger_broadcast_commit(w, 3), -EINVAL);
        ck_assert_int_eq(ganger_broadcast_reserve(w, 5, &to, 0), 0);
        memcpy(to, "three", 5);
        ck_assert_int_eq(ganger_broadcast_commit(w, 6), -EMSGSIZE);
        ck_assert_int_eq(ganger_broadcast_commit(w, 5), 0);
        ck_assert_int_eq(ganger_broadcast_commit(w, 5), -EINVAL);
        ck_assert_int_eq(ganger_broadcast_receive(r, buffer, 3, NULL, NULL, 0), 0);
        ck_assert_mem_eq(buffer, "two", 3);
        ck_assert_int_eq(ganger_broadcast_consume(r), -EINVAL);
        if (_i == BROADCAST_LOSSY) {
                ck_assert_int_eq(ganger_broadcast_peek(r, &data, &size, 0), -EOPNOTSUPP);
        } else {
                ck_assert_int_eq(ganger_broadcast_peek(r, &data, &size, 0), 0);
                ck_assert_uint_eq(size, 5);
                ck_assert_mem_eq(data, "three", 5);
                ck_assert_int_eq(ganger_broadcast_consume(r), 0);
                ck_assert_int_eq(ganger_broadcast_consume(r), -EINVAL);
                ck_assert_int_eq(ganger_broadcast_peek(r, &data, &size, 0), -EAGAIN);
        }
        ck_assert_int_eq(ganger_broadcast_subscribe(r, 0, &missed), -EISCONN);
        ck_assert_int_eq(ganger_broadcast_subscribe(r, 1, &missed), -EINVAL);
        ck_assert_int_eq(ganger_broadcast_send(r, "x", 1, 0), -EACCES);
        ck_assert_int_eq(ganger_broadcast_publish(r), -EACCES);
        ck_assert_int_eq(ganger_broadcast_receive(w, buffer, 3, NULL, NULL, 0), -EACCES);
        ck_assert_int_eq(ganger_broadcast_fd(w), -EACCES);
        ck_assert_ptr_null(ganger_broadcast_close(NULL));

        /* What was appended is published at the close; another may write then. */
        ck_assert_int_eq(ganger_broadcast_append(w, "four", 4, 0), 0);
        ganger_broadcast_close(w);
        w = open_end(gw, GANGER_SEND);
        other = open_end(gr, GANGER_RECEIVE | GANGER_OLDEST);
        ck_assert_int_eq(ganger_broadcast_receive(other, buffer, sizeof buffer, &size, NULL, 0), 0);
        ck_assert_mem_eq(buffer, "one", 3);
        ganger_interrupt(gr);
        ck_assert_int_eq(ganger_broadcast_receive(other, buffer, sizeof buffer, &size, NULL, -1), -ESHUTDOWN);
        ganger_leave(gr); /* closes both */
        ck_assert_int_eq(ganger_broadcast_send(w, "five", 4, 0), 0);
        ganger_leave(gw);
}
END_TEST

START_TEST(the_descriptor_becomes_readable) {
        struct ganger *gw, *gr;
        struct ganger_broadcast *w, *r[2];
        unsigned char buffer[MESSAGE_MAX];
        struct pollfd p[2];

        rig_open(BROADCAST_LOSSY);
        gw = rig_member_join(&writer);
        gr = rig_member_join(&readers[0]);
        w = open_end(gw, GANGER_SEND);
        for (int i = 0; i < 2; i++) {
                r[i] = open_end(gr, GANGER_RECEIVE);
                p[i] = (struct pollfd){ .fd = ganger_broadcast_fd(r[i]), .events = POLLIN };
                ck_assert_int_eq(ganger_broadcast_fd(r[i]), p[i].fd);
                ck_assert_int_eq(poll(&p[i], 1, 0), 1);
        }
        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 2; i++) {
                        ck_assert_int_eq(ganger_broadcast_receive(r[i], buffer, sizeof buffer, NULL, NULL, 0), -EAGAIN);
                        ck_assert_int_eq(poll(&p[i], 1, 0), 0);
                }
                ck_assert_int_eq(ganger_broadcast_send(w, "x", 1, 0), 0);
                for (int i = 0; i < 2; i++) {
                        ck_assert_int_eq(poll(&p[i], 1, -1), 1);
                        ck_assert_int_eq(ganger_broadcast_receive(r[i], buffer, sizeof buffer, NULL, NULL, 0), 0);
                }
        }
        ganger_leave(gw);
        ganger_leave(gr);
}
END_TEST

/* ---- processes ----------------------------------------------------------------------------------- */

#define MESSAGES 20000

static struct ganger_broadcast *child_open(struct ganger *g, unsigned int flags, int ready_fd) {
        struct ganger_broadcast *b = NULL;

        NEED(ganger_broadcast_open(g, NULL, flags, &b) == 0);
        NEED(write(ready_fd, "", 1) == 1);
        return b;
}

/** Numbers from 0 on, one after the other, or the count of those that are missed between. */
static int read_all(struct ganger *g, int ready_fd) {
        struct ganger_broadcast *b = child_open(g, GANGER_RECEIVE, ready_fd);
        uint64_t n, missed, next = 0;
        size_t size;

        while (next < MESSAGES) {
                NEED(ganger_broadcast_receive(b, &n, sizeof n, &size, &missed, -1) == 0);
                NEED(size == sizeof n && n == next + missed);
                next = n + 1;
        }
        return 0;
}

static int subscribe_and_stay(struct ganger *g, int ready_fd) {
        (void)child_open(g, GANGER_RECEIVE, ready_fd);
        return pause();
}

START_TEST(all_processes_see_all_of_it) {
        struct ganger *g;
        struct ganger_broadcast *w;
        pid_t pids[2];

        rig_open((uint32_t)_i);
        for (int i = 0; i < 2; i++)
                pids[i] = start(&readers[i], read_all);
        g = rig_member_join(&writer);
        w = open_end(g, GANGER_SEND);
        for (uint64_t n = 0; n < MESSAGES; n++)
                ck_assert_int_eq(ganger_broadcast_send(w, &n, sizeof n, -1), 0);
        for (int i = 0; i < 2; i++)
                end_member(&readers[i], pids[i]);
        ganger_leave(g);
}
END_TEST

START_TEST(a_dead_reader_stops_nobody) {
        struct ganger *g;
        struct ganger_broadcast *w;
        pid_t pid;
        int r;

        rig_open(BROADCAST_WAIT);
        g = rig_member_join(&writer);
        w = open_end(g, GANGER_SEND);
        for (int round = 0; round < 3; round++) {
                pid = start(&readers[0], subscribe_and_stay);
                while ((r = ganger_broadcast_send(w, "x", 1, 0)) == 0)
                        ;
                ck_assert_int_eq(r, -EAGAIN);
                ck_assert_int_eq(ganger_broadcast_send(w, "x", 1, 1000), -ETIMEDOUT);
                kill_member(&readers[0], pid);
                ck_assert_int_eq(ganger_broadcast_send(w, "x", 1, 0), 0);
        }
        ganger_leave(g);
}
END_TEST

/** Fill the ring, say so, and go on: the last one waits. */
static int fill_and_wait(struct ganger *g, int ready_fd) {
        struct ganger_broadcast *b = NULL;

        NEED(ganger_broadcast_open(g, NULL, GANGER_SEND, &b) == 0);
        while (ganger_broadcast_send(b, "x", 1, 0) == 0)
                ;
        NEED(write(ready_fd, "", 1) == 1);
        for (int i = 0; i < MESSAGES; i++)
                NEED(ganger_broadcast_send(b, "y", 1, -1) == 0);
        return 0;
}

START_TEST(recovery_wakes_a_writer_that_waits) {
        pid_t reader, sender;

        rig_open(BROADCAST_WAIT);
        reader = start(&readers[0], subscribe_and_stay);
        sender = start(&writer, fill_and_wait);
        kill_member(&readers[0], reader);
        end_member(&writer, sender);
}
END_TEST

/** For ever: numbers from 0 on, in each life again. */
static int write_for_ever(struct ganger *g, int ready_fd) {
        struct ganger_broadcast *b = child_open(g, GANGER_SEND, ready_fd);
        uint64_t n = 0;

        while (ganger_broadcast_send(b, &n, sizeof n, -1) == 0)
                n++;
        return 1;
}

/* Killed wherever it is: what was published is whole, in order, and the next one goes on. */
START_TEST(writers_are_killed_at_their_work) {
        struct ganger *g;
        struct ganger_broadcast *b;

        rig_open((uint32_t)_i);
        g = rig_member_join(&readers[0]);
        b = open_end(g, GANGER_RECEIVE);
        for (uint64_t life = 0; life < 30; life++) {
                pid_t pid = start(&writer, write_for_ever);
                uint64_t n, missed, next = 0;
                size_t size;
                int r;

                for (uint64_t i = 0; i < 100 + life * 37; i++) {
                        ck_assert_int_eq(ganger_broadcast_receive(b, &n, sizeof n, &size, &missed, -1), 0);
                        ck_assert_uint_eq(size, sizeof n);
                        ck_assert_uint_eq(n, next + missed);
                        next = n + 1;
                }
                kill_member(&writer, pid);
                while ((r = ganger_broadcast_receive(b, &n, sizeof n, &size, &missed, 0)) == 0) {
                        ck_assert_uint_eq(n, next + missed);
                        next = n + 1;
                }
                ck_assert_int_eq(r, -EAGAIN);
        }
        ganger_leave(g);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger-broadcast");
        TCase *c = tcase_create("ganger-broadcast");

        tcase_add_checked_fixture(c, NULL, teardown);
        tcase_set_timeout(c, 60);
        tcase_add_loop_test(c, handles_do_what_they_are_for, 0, _BROADCAST_POLICY_N);
        tcase_add_test(c, the_descriptor_becomes_readable);
        tcase_add_loop_test(c, all_processes_see_all_of_it, BROADCAST_LOSSY, BROADCAST_WAIT + 1);
        tcase_add_test(c, a_dead_reader_stops_nobody);
        tcase_add_test(c, recovery_wakes_a_writer_that_waits);
        tcase_add_loop_test(c, writers_are_killed_at_their_work, BROADCAST_LOSSY, BROADCAST_WAIT + 1);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
