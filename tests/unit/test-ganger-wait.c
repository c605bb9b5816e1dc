/* SPDX-License-Identifier: MIT */

/*
 * Waiting for any of several rings, in the process and between processes, each as this kernel can and as one before 5.16
 * could.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ganger.h"
#include "harness.h"
#include "shm/wait-any.h"

#define RINGS 3
#define SLOTS 8

static const char *const names[RINGS] = { "a", "b", "c" };
static struct ganger_host *host;
static struct ganger_member *member;
static struct ganger *g;
static struct ganger_ring *rings[RINGS];

static void open_all(struct ganger *gang, struct ganger_ring **ret) {
        for (int i = 0; i < RINGS; i++)
                ck_assert_int_eq(ganger_ring_open(gang, names[i], GANGER_RECEIVE | GANGER_SEND, &ret[i]), 0);
}

static void setup(void) {
        const struct ganger_definition d = { .kind = GANGER_QUEUE, .slots = SLOTS, .message_max = 16, .max_deliveries = 255 };

        ck_assert_int_eq(ganger_host_new(&host, NULL), 0);
        for (int i = 0; i < RINGS; i++)
                ck_assert_int_eq(ganger_host_add(host, names[i], &d), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 2, &member), 0);
        ck_assert_int_eq(ganger_member_join(member, &g), 0);
        open_all(g, rings);
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

static struct ganger_wait item(struct ganger_ring *ring, unsigned int events) {
        return (struct ganger_wait){ .handle = ring, .kind = GANGER_QUEUE, .events = events };
}

static void all_items(struct ganger_ring **from, unsigned int events, struct ganger_wait *ret) {
        for (int i = 0; i < RINGS; i++)
                ret[i] = item(from[i], events);
}

static void give(int ring) {
        ck_assert_int_eq(ganger_ring_send(rings[ring], names[ring], 1, 0), 0);
}

static void take(struct ganger_ring *ring) {
        struct ganger_message m;

        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}

/* ---- results ----------------------------------------------------------------------------------- */

START_TEST(it_refuses_what_makes_no_sense) {
        struct ganger_wait w[WAIT_ITEMS_MAX + 1], one = item(rings[0], GANGER_RECEIVE);
        struct ganger_ring *receives = NULL;

        ck_assert_int_eq(ganger_wait_any(w, 0, 0), -EINVAL);
        one.handle = NULL;
        ck_assert_int_eq(ganger_wait_any(&one, 1, 0), -EINVAL);
        one = item(rings[0], GANGER_RECEIVE);
        one.kind = 0;
        ck_assert_int_eq(ganger_wait_any(&one, 1, 0), -EINVAL);
        one.kind = 1000;
        ck_assert_int_eq(ganger_wait_any(&one, 1, 0), -EINVAL);
        one = item(rings[0], 0);
        ck_assert_int_eq(ganger_wait_any(&one, 1, 0), -EINVAL);
        one = item(rings[0], 4);
        ck_assert_int_eq(ganger_wait_any(&one, 1, 0), -EINVAL);
        ck_assert_int_eq(ganger_ring_open(g, "a", GANGER_RECEIVE, &receives), 0);
        one = item(receives, GANGER_SEND);
        ck_assert_int_eq(ganger_wait_any(&one, 1, 0), -EACCES);
        ganger_ring_close(receives);
        one = item(receives, GANGER_RECEIVE);
        ck_assert_int_eq(ganger_wait_any(&one, 1, 0), -EACCES);
        for (int i = 0; i <= WAIT_ITEMS_MAX; i++)
                w[i] = item(rings[i % RINGS], GANGER_RECEIVE);
        ck_assert_int_eq(ganger_wait_any(w, WAIT_ITEMS_MAX + 1, 0), -E2BIG);
        ck_assert_int_eq(ganger_wait_any(w, WAIT_ITEMS_MAX, 0), -EAGAIN);
        ck_assert_int_eq(ganger_wait_any(w, WAIT_ITEMS_MAX, 1), -ETIMEDOUT);
}
END_TEST

START_TEST(it_says_what_is_there) {
        struct ganger_wait w[RINGS];

        all_items(rings, GANGER_RECEIVE, w);
        w[1].ready = 77;
        ck_assert_int_eq(ganger_wait_any(w, RINGS, 0), -EAGAIN);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, 1000), -ETIMEDOUT);
        ck_assert_uint_eq(w[1].ready, 77);
        give(2);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, 0), 1);
        give(1);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, -1), 2);
        ck_assert_uint_eq(w[0].ready, 0);
        ck_assert_uint_eq(w[1].ready, GANGER_RECEIVE);
        ck_assert_uint_eq(w[2].ready, GANGER_RECEIVE);
        take(rings[1]);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, 0), 1);
        take(rings[2]);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, 0), -EAGAIN);
}
END_TEST

START_TEST(it_sees_what_came_back) {
        struct ganger_wait w = item(rings[0], GANGER_RECEIVE);
        struct ganger_message m;

        give(0);
        ck_assert_int_eq(ganger_ring_receive(rings[0], &m, 0), 0);
        ck_assert_int_eq(ganger_wait_any(&w, 1, 0), -EAGAIN);
        ck_assert_int_eq(ganger_reject(&m, NULL), 0);
        ck_assert_int_eq(ganger_wait_any(&w, 1, 0), 1);
        take(rings[0]);
        ck_assert_int_eq(ganger_wait_any(&w, 1, 0), -EAGAIN);
}
END_TEST

START_TEST(it_sees_space) {
        struct ganger_wait w[2] = { item(rings[0], GANGER_SEND), item(rings[1], GANGER_RECEIVE) };

        for (int lap = 0; lap < 3; lap++) {
                for (int i = 0; i < SLOTS; i++) {
                        ck_assert_int_eq(ganger_wait_any(w, 2, 0), 1);
                        ck_assert_uint_eq(w[0].ready, GANGER_SEND);
                        give(0);
                }
                ck_assert_int_eq(ganger_wait_any(w, 2, 0), -EAGAIN);
                ck_assert_int_eq(ganger_wait_any(w, 2, 1), -ETIMEDOUT);
                w[0].events = GANGER_SEND | GANGER_RECEIVE;
                ck_assert_int_eq(ganger_wait_any(w, 2, 0), 1);
                ck_assert_uint_eq(w[0].ready, GANGER_RECEIVE);
                take(rings[0]);
                ck_assert_int_eq(ganger_wait_any(w, 2, 0), 1);
                ck_assert_uint_eq(w[0].ready, GANGER_RECEIVE | GANGER_SEND);
                w[0].events = GANGER_SEND;
                ck_assert_int_eq(ganger_wait_any(w, 2, -1), 1);
                for (int i = 1; i < SLOTS; i++)
                        take(rings[0]);
        }
}
END_TEST

START_TEST(a_lease_stops_no_sender_and_a_ready_message_does) {
        struct ganger_wait w = item(rings[0], GANGER_SEND);
        struct ganger_message m;

        for (int i = 0; i < SLOTS; i++)
                give(0);
        ck_assert_int_eq(ganger_ring_receive(rings[0], &m, 0), 0);
        ck_assert_int_eq(ganger_wait_any(&w, 1, 0), -EAGAIN);
        for (int i = 1; i < SLOTS; i++)
                take(rings[0]);
        ck_assert_int_eq(ganger_wait_any(&w, 1, 0), 1);
        give(0);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}
END_TEST

START_TEST(draining_ends_it) {
        struct ganger_wait w[2] = { item(rings[0], GANGER_RECEIVE), item(rings[1], GANGER_SEND) };

        ganger_interrupt(g);
        ck_assert_int_eq(ganger_wait_any(w, 2, -1), -ESHUTDOWN);
        ck_assert_int_eq(ganger_wait_any(w, 2, 0), -ESHUTDOWN);
        /* Sending goes on. */
        ck_assert_int_eq(ganger_wait_any(&w[1], 1, -1), 1);
}
END_TEST

static void on_alarm(int number) {
        (void)number;
}

/** The alarm comes again, should it have come too soon once. */
START_TEST(a_signal_ends_it) {
        const struct itimerval soon = { { .tv_usec = 10000 }, { .tv_usec = 10000 } }, never = { 0 };
        struct sigaction action = { .sa_handler = on_alarm }, before;
        struct ganger_wait w[RINGS];

        all_items(rings, GANGER_RECEIVE, w);
        sigaction(SIGALRM, &action, &before);
        setitimer(ITIMER_REAL, &soon, NULL);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, -1), -EINTR);
        setitimer(ITIMER_REAL, &never, NULL);
        sigaction(SIGALRM, &before, NULL);
}
END_TEST

/** A handle in an event loop, armed, is still told after it was waited for here. */
START_TEST(an_armed_handle_stays_armed) {
        struct ganger_wait w[RINGS];
        struct ganger_message m;
        int fd = ganger_ring_fd(rings[0]);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ganger_ring_receive(rings[0], &m, 0), -EAGAIN);
        all_items(rings, GANGER_RECEIVE, w);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, 1000), -ETIMEDOUT);
        ck_assert_int_eq(ganger_ring_receive(rings[0], &m, 0), -EAGAIN);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, 1000), -ETIMEDOUT);
        give(0);
        ck_assert_int_eq(ganger_wait_any(w, RINGS, -1), 1);
        take(rings[0]);
}
END_TEST

/* ---- between processes ------------------------------------------------------------------------- */

#define WORKERS 3
#define MESSAGES 1200

/** Shared with the children: how many each has taken, of which ring. */
static struct board { _Atomic unsigned int taken[RINGS], total; } *board;

/** Take one at a time, wherever it is, until drained. @return an exit status. */
static int take_any(struct ganger *gang, bool by_descriptors) {
        struct ganger_ring *mine[RINGS];
        struct ganger_wait w[RINGS];
        struct ganger_message m;
        int r;

        wait_any_by_descriptors(by_descriptors);
        open_all(gang, mine);
        all_items(mine, GANGER_RECEIVE, w);
        while ((r = ganger_wait_any(w, RINGS, -1)) > 0)
                for (int i = 0; i < RINGS; i++) {
                        if (!w[i].ready || ganger_ring_receive(mine[i], &m, 0) < 0)
                                continue;
                        if (((char *)m.data)[0] != names[i][0])
                                return 1;
                        atomic_fetch_add(&board->taken[i], 1);
                        atomic_fetch_add(&board->total, 1);
                        if (ganger_acknowledge(&m) < 0)
                                return 2;
                }
        ganger_leave(gang);
        return r == -ESHUTDOWN ? 0 : 3;
}

static pid_t fork_taker(struct ganger_member *m, bool by_descriptors) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger *gang;
                int r = ganger_member_join(m, &gang);

                ganger_host_free(host);
                _exit(r < 0 ? 100 : take_any(gang, by_descriptors));
        }
        return pid;
}

static int exit_of(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/** All that is sent is taken, by any of them, or this hangs. `modes`: a bit for each that waits by descriptors. */
static void passes_all(unsigned int modes, bool deadly) {
        struct ganger_wait w[RINGS];
        struct ganger_member *m[WORKERS];
        pid_t pid[WORKERS];

        board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(board, MAP_FAILED);
        for (int i = 0; i < WORKERS; i++) {
                ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &m[i]), 0);
                pid[i] = fork_taker(m[i], modes >> i & 1);
        }
        all_items(rings, GANGER_SEND, w);
        for (unsigned int sent = 0; sent < MESSAGES; sent++) {
                unsigned int i = sent * 7 % RINGS;

                ck_assert_int_gt(ganger_wait_any(&w[i], 1, -1), 0);
                give((int)i);
                if (deadly && sent % (MESSAGES / 8) == 7) {
                        unsigned int victim = sent % WORKERS;

                        kill(pid[victim], SIGKILL);
                        ck_assert_int_eq(exit_of(pid[victim]), -1);
                        ganger_member_free(m[victim]);
                        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &m[victim]), 0);
                        pid[victim] = fork_taker(m[victim], modes >> victim & 1);
                }
        }
        /* All are empty again when there is space for as many as they hold. */
        for (int i = 0; i < RINGS; i++)
                for (int k = 0; k < SLOTS; k++) {
                        struct ganger_message keep;

                        ck_assert_int_eq(ganger_ring_reserve(rings[i], 1, &keep, -1), 0);
                        ck_assert_int_eq(ganger_cancel(&keep), 0);
                }
        for (int i = 0; i < WORKERS; i++)
                ck_assert_int_eq(ganger_member_drain(m[i]), 0);
        for (int i = 0; i < WORKERS; i++)
                ck_assert_int_eq(exit_of(pid[i]), 0);
        /* Whoever was killed after its note and before its acknowledgement has it noted twice. */
        ck_assert_uint_ge(board->total, MESSAGES);
        ck_assert_uint_le(board->total, MESSAGES + (deadly ? 8 : 0));
        for (int i = 0; i < RINGS; i++)
                ck_assert_uint_ge(board->taken[i], MESSAGES / RINGS);
        munmap(board, sizeof *board);
}

START_TEST(several_take_all_that_comes) {
        passes_all(0, false);
}
END_TEST

START_TEST(several_take_all_that_comes_by_descriptors) {
        passes_all(7, false);
}
END_TEST

START_TEST(several_take_all_that_comes_each_in_its_way) {
        passes_all(2, false);
}
END_TEST

START_TEST(several_are_killed_and_take_all_that_comes) {
        passes_all(2, true);
}
END_TEST

int main(void) {
        const TTest *both_ways[] = {
                it_refuses_what_makes_no_sense, it_says_what_is_there, it_sees_what_came_back, it_sees_space,
                a_lease_stops_no_sender_and_a_ready_message_does, draining_ends_it, a_signal_ends_it,
                an_armed_handle_stays_armed,
        };
        const TTest *once[] = {
                several_take_all_that_comes, several_take_all_that_comes_by_descriptors,
                several_take_all_that_comes_each_in_its_way, several_are_killed_and_take_all_that_comes,
        };
        Suite *suite = suite_create("ganger-wait");
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
