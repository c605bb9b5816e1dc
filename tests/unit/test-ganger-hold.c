/* SPDX-License-Identifier: MIT */

/*
 * A process that is held (drained, or a spare) receives nothing, whatever it receives from and however it waits; and goes on
 * as soon as it is held no more.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "base/cleanup.h"
#include "ganger.h"
#include "harness.h"
#include "shm/member.h"
#include "shm/object.h"
#include "shm/wait-any.h"
#include "worker/membership.h"

static struct ganger_host *host;
static struct ganger_member *member;
static struct ganger *g;

/* ---- what there is to receive from ------------------------------------------------------------- */

static struct ganger_ring *queue;
static struct ganger_pipe *writer, *reader;
static struct ganger_broadcast *speaker, *listener;
static struct ganger_service *service;

static void send_queue(void) {
        ck_assert_int_eq(ganger_ring_send(queue, "x", 1, 0), 0);
}

static void send_pipe(void) {
        ck_assert_int_eq(ganger_pipe_send(writer, "x", 1, 0), 0);
}

static void send_broadcast(void) {
        ck_assert_int_eq(ganger_broadcast_send(speaker, "x", 1, 0), 0);
}

static struct ganger_call call;

static void send_service(void) {
        ck_assert_int_eq(ganger_service_begin(service, "x", 1, -1, &call), 0);
}

static int receive_queue(int64_t timeout_usec) {
        struct ganger_message m;
        int r = ganger_ring_receive(queue, &m, timeout_usec);

        if (r == 0)
                ck_assert_int_eq(ganger_acknowledge(&m), 0);
        return r;
}

static int receive_pipe(int64_t timeout_usec) {
        size_t size;
        char c;

        return ganger_pipe_receive(reader, &c, 1, &size, timeout_usec);
}

static int receive_broadcast(int64_t timeout_usec) {
        size_t size;
        char c;

        return ganger_broadcast_receive(listener, &c, 1, &size, NULL, timeout_usec);
}

static int receive_service(int64_t timeout_usec) {
        struct ganger_request request;
        int r = ganger_service_receive(service, &request, timeout_usec);

        if (r == 0) {
                ck_assert_int_eq(ganger_service_reply(&request, NULL, 0), 0);
                ck_assert_int_eq(ganger_service_abandon(&call), 0);
        }
        return r;
}

static int fd_queue(void) {
        return ganger_ring_fd(queue);
}

static int fd_pipe(void) {
        return ganger_pipe_fd(reader);
}

static int fd_broadcast(void) {
        return ganger_broadcast_fd(listener);
}

static int fd_service(void) {
        return ganger_service_fd(service);
}

static const struct {
        uint32_t kind;
        void **handle;
        void (*send)(void);
        int (*receive)(int64_t timeout_usec);
        int (*fd)(void);
} kinds[] = {
        { GANGER_QUEUE, (void **)&queue, send_queue, receive_queue, fd_queue },
        { GANGER_PIPE, (void **)&reader, send_pipe, receive_pipe, fd_pipe },
        { GANGER_BROADCAST, (void **)&listener, send_broadcast, receive_broadcast, fd_broadcast },
        { GANGER_SERVICE, (void **)&service, send_service, receive_service, fd_service },
};

static void setup(void) {
        static const struct {
                const char *name;
                struct ganger_definition definition;
        } objects[] = {
                { "q", { .kind = GANGER_QUEUE, .slots = 8, .message_max = 16, .max_deliveries = 255 } },
                { "p", { .kind = GANGER_PIPE, .message_max = 16, .capacity = 4096 } },
                { "b", { .kind = GANGER_BROADCAST, .message_max = 16, .capacity = 4096 } },
                { "s", { .kind = GANGER_SERVICE, .slots = 4, .message_max = 16 } },
        };

        ck_assert_int_eq(ganger_host_new(&host, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
                ck_assert_int_eq(ganger_host_add(host, objects[i].name, &objects[i].definition), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 2, &member), 0);
        ck_assert_int_eq(ganger_member_join(member, &g), 0);
        ck_assert_int_eq(ganger_ring_open(g, "q", GANGER_RECEIVE | GANGER_SEND, &queue), 0);
        ck_assert_int_eq(ganger_pipe_open(g, "p", GANGER_SEND, &writer), 0);
        ck_assert_int_eq(ganger_pipe_open(g, "p", GANGER_RECEIVE, &reader), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "b", GANGER_SEND, &speaker), 0);
        ck_assert_int_eq(ganger_broadcast_open(g, "b", GANGER_RECEIVE, &listener), 0);
        ck_assert_int_eq(ganger_service_open(g, "s", GANGER_RECEIVE | GANGER_SEND, &service), 0);
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

/** As the daemon does it. */
static void hold(uint32_t bits, bool on) {
        ck_assert(member_flag(g->member.memory, bits, on));
        for (size_t i = 0; i < g->n_objects; i++)
                object_wake_held(&g->objects[i].object);
}

/* ---- receiving ----------------------------------------------------------------------------------- */

START_TEST(who_is_held_receives_nothing) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                kinds[i].send();
                hold(MEMBER_HELD, true);
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert_int_eq(kinds[i].receive(1000), -ETIMEDOUT);
                hold(MEMBER_STANDBY, true);
                hold(MEMBER_HELD, false);
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert_int_eq(kinds[i].receive(1000), -ETIMEDOUT);
                hold(MEMBER_STANDBY, false);
                ck_assert_int_eq(kinds[i].receive(0), 0);
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert_int_eq(kinds[i].receive(1000), -ETIMEDOUT);
        }
}
END_TEST

static bool is_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

START_TEST(its_descriptor_is_not_readable) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                int fd = kinds[i].fd();

                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                hold(MEMBER_HELD, true);
                /* It is told, looks, and is not told again of what comes. */
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert(!is_readable(fd));
                kinds[i].send();
                ck_assert(!is_readable(fd));
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert(!is_readable(fd));
                hold(MEMBER_HELD, false);
                ck_assert(is_readable(fd));
                ck_assert_int_eq(kinds[i].receive(0), 0);
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert(!is_readable(fd));
                kinds[i].send();
                ck_assert(is_readable(fd));
                ck_assert_int_eq(kinds[i].receive(0), 0);
        }
}
END_TEST

START_TEST(its_descriptor_tells_that_it_is_to_end) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                (void)kinds[i].fd();
        hold(MEMBER_HELD, true);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                ck_assert_int_eq(kinds[i].receive(0), -EAGAIN);
                ck_assert(!is_readable(kinds[i].fd()));
        }
        ganger_interrupt(g);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                ck_assert(is_readable(kinds[i].fd()));
                ck_assert_int_eq(kinds[i].receive(0), -ESHUTDOWN);
        }
}
END_TEST

START_TEST(to_end_comes_first) {
        hold(MEMBER_HELD | MEMBER_STANDBY, true);
        ganger_interrupt(g);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                ck_assert_int_eq(kinds[i].receive(0), -ESHUTDOWN);
                ck_assert_int_eq(kinds[i].receive(-1), -ESHUTDOWN);
        }
        hold(MEMBER_HELD | MEMBER_STANDBY, false);
        ck_assert_int_eq(kinds[0].receive(-1), -ESHUTDOWN);
}
END_TEST

START_TEST(sending_goes_on) {
        hold(MEMBER_HELD, true);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                kinds[i].send();
        ck_assert_int_eq(ganger_service_abandon(&call), 0);
}
END_TEST

/* ---- somebody lets it go on ----------------------------------------------------------------------- */

static atomic_bool asleep;

/** Some time after the other thread has begun to wait: it sleeps, or is about to. Either way it must go on. */
static void *let_go_on(void *arg) {
        const struct timespec brief = { .tv_nsec = 2000000 };

        (void)arg;
        while (!atomic_load(&asleep))
                ;
        nanosleep(&brief, NULL);
        hold(MEMBER_HELD, false);
        return NULL;
}

START_TEST(it_is_woken_when_it_may_go_on) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                pthread_t other;

                kinds[i].send();
                hold(MEMBER_HELD, true);
                atomic_store(&asleep, false);
                ck_assert_int_eq(pthread_create(&other, NULL, let_go_on, NULL), 0);
                atomic_store(&asleep, true);
                ck_assert_int_eq(kinds[i].receive(i % 2 ? -1 : 60000000), 0);
                ck_assert_int_eq(pthread_join(other, NULL), 0);
        }
}
END_TEST

static struct ganger_wait item(size_t i) {
        return (struct ganger_wait){ .handle = *kinds[i].handle, .kind = kinds[i].kind, .events = GANGER_RECEIVE };
}

START_TEST(waiting_for_any_is_held_too) {
        struct ganger_wait w[ARRAY_SIZE(kinds) + 1];
        pthread_t other;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                w[i] = item(i);
                kinds[i].send();
        }
        w[ARRAY_SIZE(kinds)] = (struct ganger_wait){ .handle = queue, .kind = GANGER_QUEUE, .events = GANGER_SEND };
        hold(MEMBER_HELD, true);
        ck_assert_int_eq(ganger_wait_any(w, ARRAY_SIZE(kinds), 0), -EAGAIN);
        ck_assert_int_eq(ganger_wait_any(w, ARRAY_SIZE(kinds), 1000), -ETIMEDOUT);
        /* What is not received is not held. */
        ck_assert_int_eq(ganger_wait_any(w, ARRAY_SIZE(kinds) + 1, -1), 1);
        ck_assert_uint_eq(w[ARRAY_SIZE(kinds)].ready, GANGER_SEND);
        atomic_store(&asleep, false);
        ck_assert_int_eq(pthread_create(&other, NULL, let_go_on, NULL), 0);
        atomic_store(&asleep, true);
        ck_assert_int_eq(ganger_wait_any(w, ARRAY_SIZE(kinds), -1), ARRAY_SIZE(kinds));
        ck_assert_int_eq(pthread_join(other, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                ck_assert_int_eq(kinds[i].receive(0), 0);
}
END_TEST

/* ---- spares that receive nothing ------------------------------------------------------------------ */

static void *take_over(void *arg) {
        (void)arg;
        hold(MEMBER_STANDBY, false);
        return NULL;
}

START_TEST(a_spare_waits_until_it_is_active) {
        pthread_t other;

        ck_assert_int_eq(ganger_is_standby(g), 0);
        ck_assert_int_eq(ganger_wait_active(g, 0), 0);
        ck_assert_int_eq(ganger_wait_active(g, -1), 0);
        /* One that is only drained is no spare. */
        hold(MEMBER_HELD, true);
        ck_assert_int_eq(ganger_is_standby(g), 0);
        ck_assert_int_eq(ganger_wait_active(g, -1), 0);
        hold(MEMBER_STANDBY, true);
        ck_assert_int_eq(ganger_is_standby(g), 1);
        ck_assert_int_eq(ganger_wait_active(g, 0), -EAGAIN);
        ck_assert_int_eq(ganger_wait_active(g, 1000), -ETIMEDOUT);
        ck_assert_int_eq(pthread_create(&other, NULL, take_over, NULL), 0);
        ck_assert_int_eq(ganger_wait_active(g, -1), 0);
        ck_assert_int_eq(pthread_join(other, NULL), 0);
        hold(MEMBER_STANDBY, true);
        ganger_interrupt(g);
        ck_assert_int_eq(ganger_wait_active(g, 0), -ESHUTDOWN);
        ck_assert_int_eq(ganger_wait_active(g, -1), -ESHUTDOWN);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                who_is_held_receives_nothing, its_descriptor_is_not_readable,
                its_descriptor_tells_that_it_is_to_end, to_end_comes_first, sending_goes_on,
                it_is_woken_when_it_may_go_on, waiting_for_any_is_held_too, a_spare_waits_until_it_is_active,
        };
        Suite *suite = suite_create("ganger-hold");
        TCase *futex = tcase_create("hold"), *descriptors = tcase_create("descriptors");

        tcase_add_checked_fixture(futex, setup, teardown);
        tcase_add_checked_fixture(descriptors, setup_by_descriptors, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(futex, tests[i]);
        tcase_add_test(descriptors, waiting_for_any_is_held_too);
        suite_add_tcase(suite, futex);
        suite_add_tcase(suite, descriptors);
        return harness_run(suite);
}
