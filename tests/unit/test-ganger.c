/* SPDX-License-Identifier: MIT */
/*
 * The public side of libganger, on rings that the test makes: results, handles, threads, and a process
 * that joins.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "gang-rig.h"
#include "harness.h"
#include "worker/membership.h"

#define SLOTS 8
#define MESSAGE_MAX 48
#define HANDLES 4

static struct rig_ring jobs, results;
static struct rig_member member, stranger;
static struct ganger *g;

static void setup(void) {
        rig_ring_open(&jobs, "jobs", SLOTS, MESSAGE_MAX, 3);
        rig_ring_open(&results, "results", SLOTS, MESSAGE_MAX, 3);
        rig_member_open(&member, "resize", 2);
        rig_member_give(&member, &jobs, GANGER_RECEIVE | GANGER_SEND, HANDLES);
        rig_member_give(&member, &results, GANGER_SEND, HANDLES);
        rig_member_open(&stranger, "", 0);
        rig_member_give(&stranger, &results, GANGER_RECEIVE, HANDLES);
        g = rig_member_join(&member);
}

static void teardown(void) {
        g = ganger_leave(g);
        rig_member_close(&member);
        rig_member_close(&stranger);
        rig_ring_close(&jobs);
        rig_ring_close(&results);
}

static struct ganger_ring *open_ring(const char *name, unsigned int flags) {
        struct ganger_ring *ring = NULL;

        ck_assert_int_eq(ganger_ring_open(g, name, flags, &ring), 0);
        return ring;
}

#define SEND(text) ck_assert_int_eq(ganger_send(g, "jobs", text, strlen(text), 0), 0)
#define RECEIVE(ring, m, text)                                                          \
        do {                                                                            \
                ck_assert_int_eq(ganger_ring_receive(ring, m, 0), 0);                   \
                ck_assert_uint_eq((m)->size, strlen(text));                             \
                ck_assert_mem_eq((m)->data, text, (m)->size);                           \
        } while (0)

/* ---- membership -------------------------------------------------------------------------------- */

START_TEST(it_knows_who_it_is) {
        ck_assert_str_eq(ganger_worker(g), "resize");
        ck_assert_uint_eq(ganger_instance(g), 2);
}
END_TEST

START_TEST(a_damaged_handshake_takes_no_descriptor) {
        int fds[1 + 2 * RIG_RINGS], plain = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct ganger *other = NULL;
        size_t n, size;
        void *blob;

        n = rig_member_handshake(&member, 0, fds, &blob, &size);
        ck_assert_int_eq(ganger_join_descriptors(&other, blob, size - 1, fds, n), -EPROTO);
        ck_assert_int_eq(ganger_join_descriptors(&other, blob, size, fds, n - 1), -EPROTO);
        for (size_t i = 0; i < n; i++) {
                int right = fds[i];

                fds[i] = i % 2 == 0 && i > 0 ? -1 : plain; /* eventfds are only looked at when used */
                ck_assert_int_eq(ganger_join_descriptors(&other, blob, size, fds, n), -EPROTO);
                fds[i] = right;
        }
        ck_assert_ptr_null(other);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_ge(fcntl(fds[i], F_GETFD), 0);
        free(blob);
        close(plain);
}
END_TEST

START_TEST(descriptors_that_are_not_needed_are_closed) {
        int fds[2 + 2 * RIG_RINGS];
        struct ganger *other = NULL;
        size_t n, size;
        void *blob;

        n = rig_member_handshake(&member, 0, fds, &blob, &size);
        for (size_t i = 0; i < n; i++)
                fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        fds[n++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(ganger_join_descriptors(&other, blob, size, fds, n), 0);
        for (size_t i = 0; i < n; i++)
                /* The eventfds are kept. */
                ck_assert_int_eq(fcntl(fds[i], F_GETFD), i == 2 || i == 4 ? FD_CLOEXEC : -1);
        ganger_leave(other);
        free(blob);
}
END_TEST

/** What a child that joins by its environment finds; its exit status is the line where it did not. */
static int joins_by_environment(void) {
        struct ganger *mine = NULL, *again = NULL;
        struct ganger_message m, out;

#define NEED(condition) do { if (!(condition)) return __LINE__ % 251 + 1; } while (0)
        NEED(ganger_join(&mine, NULL) == -ENOENT);
        setenv(HANDSHAKE_ENV, "20x", 1);
        NEED(ganger_join(&mine, NULL) == -EPROTO);
        setenv(HANDSHAKE_ENV, "0", 1);
        NEED(ganger_join(&mine, NULL) == -EPROTO);
        rig_member_become(&member);
        NEED(ganger_join(&mine, "x") == -EINVAL);
        NEED(ganger_join(&mine, NULL) == 0);
        NEED(!getenv(HANDSHAKE_ENV));
        NEED(ganger_join(&again, NULL) == -EALREADY && !again);
        for (int i = 0; i < 6; i++)
                NEED(fcntl(RIG_FD + i, F_GETFD) == (i == 3 || i == 5 ? FD_CLOEXEC : -1));
        NEED(strcmp(ganger_worker(mine), "resize") == 0);
        NEED(ganger_receive(mine, "jobs", &m, 0) == 0 && m.size == 5 && memcmp(m.data, "hello", 5) == 0);
        NEED(ganger_send(mine, "results", "done", 4, 0) == 0);
        NEED(ganger_acknowledge(&m) == 0);
        NEED(ganger_receive(mine, NULL, &m, -1) == 0); /* held at its death */
        NEED(ganger_ring_reserve(m.ring, 1, &out, 0) == 0);
#undef NEED
        return 0;
}

START_TEST(a_process_joins_and_dies) {
        struct recovery got = { 0 };
        struct ganger *other;
        struct ganger_message m;
        int status;
        pid_t pid;

        SEND("hello");
        SEND("world");
        ganger_leave(g);
        g = NULL;
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(joins_by_environment());
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        rig_member_recover(&member, "exit status 0", &got);
        ck_assert_uint_eq(got.returned, 1);
        ck_assert_uint_eq(got.cancelled, 1);
        other = rig_member_join(&stranger);
        ck_assert_int_eq(ganger_receive(other, NULL, &m, 0), 0);
        ck_assert_mem_eq(m.data, "done", 4);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
        ganger_leave(other);
        g = rig_member_join(&member);
        ck_assert_int_eq(ganger_receive(g, "jobs", &m, 0), 0);
        ck_assert_mem_eq(m.data, "world", 5);
        ck_assert_uint_eq(m.deliveries, 2);
}
END_TEST

/* ---- names and handles ------------------------------------------------------------------------- */

START_TEST(rings_are_found_by_name) {
        struct ganger_message m;
        struct ganger_ring *ring = NULL;

        ck_assert_int_eq(ganger_receive(g, "results", &m, 0), -ENOENT);
        ck_assert_int_eq(ganger_receive(g, "nothing", &m, 0), -ENOENT);
        ck_assert_int_eq(ganger_send(g, "nothing", "", 0, 0), -ENOENT);
        ck_assert_int_eq(ganger_send(g, NULL, "", 0, 0), -ENOTUNIQ);
        ck_assert_int_eq(ganger_receive(g, NULL, &m, 0), -EAGAIN);
        ck_assert_int_eq(ganger_ring_open(g, "nothing", GANGER_SEND, &ring), -ENOENT);
        ck_assert_int_eq(ganger_ring_open(g, "results", GANGER_RECEIVE, &ring), -EACCES);
        ck_assert_int_eq(ganger_ring_open(g, "results", GANGER_RECEIVE | GANGER_SEND, &ring), -EACCES);
        ck_assert_int_eq(ganger_ring_open(g, NULL, GANGER_SEND, &ring), -ENOTUNIQ);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", 0, &ring), -EINVAL);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", 4, &ring), -EINVAL);
        ck_assert_ptr_null(ring);
        ring = open_ring(NULL, GANGER_RECEIVE);
        ck_assert_str_eq(ganger_ring_name(ring), "jobs");
        ck_assert_uint_eq(ganger_ring_message_max(ring), MESSAGE_MAX);
}
END_TEST

START_TEST(a_seat_has_so_many_handles) {
        struct ganger_ring *rings[HANDLES], *more = NULL;

        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < HANDLES; i++)
                        rings[i] = open_ring("jobs", GANGER_SEND);
                ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_SEND, &more), -EUSERS);
                ck_assert_ptr_null(more);
                for (int i = 0; i < HANDLES; i++)
                        for (int j = 0; j < i; j++)
                                ck_assert_uint_ne(rings[i]->queue.owner, rings[j]->queue.owner);
                for (int i = 0; i < HANDLES; i++)
                        ck_assert_ptr_null(ganger_ring_close(rings[i]));
        }
        ck_assert_ptr_null(ganger_ring_close(NULL));
}
END_TEST

START_TEST(a_handle_does_what_it_is_for) {
        struct ganger_ring *sender = open_ring("jobs", GANGER_SEND);
        struct ganger_ring *receiver = open_ring("jobs", GANGER_RECEIVE);
        struct ganger_message m = { .data = &m };

        ck_assert_int_eq(ganger_ring_receive(sender, &m, 0), -EACCES);
        ck_assert_int_eq(ganger_ring_fd(sender), -EACCES);
        ck_assert_int_eq(ganger_ring_send(receiver, "", 0, 0), -EACCES);
        ck_assert_int_eq(ganger_ring_reserve(receiver, 0, &m, 0), -EACCES);
        ck_assert_ptr_eq(m.data, &m);
}
END_TEST

START_TEST(closing_gives_everything_back) {
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE | GANGER_SEND), *next;
        struct ganger_message held, written, again;
        char reason[64];

        SEND("a");
        SEND("b");
        RECEIVE(ring, &held, "a");
        ck_assert_int_eq(ganger_ring_reserve(ring, 1, &written, 0), 0);
        ganger_ring_close(ring);
        ck_assert_int_eq(ganger_acknowledge(&held), -EINVAL);
        ck_assert_int_eq(ganger_commit(&written), -EINVAL);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_WRITING) + rig_ring_count(&jobs, SLOT_LEASED), 0);
        next = open_ring("jobs", GANGER_RECEIVE);
        RECEIVE(next, &again, "a");
        ck_assert_uint_eq(again.deliveries, 2);
        rig_ring_reason(&jobs, again.slot, reason, sizeof reason);
        ck_assert_str_eq(reason, "its receiver closed the ring");
        RECEIVE(next, &held, "b");
        ck_assert_int_eq(ganger_ring_receive(next, &held, 0), -EAGAIN);
        ganger_leave(g);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_RETURNED), 2);
        g = rig_member_join(&member);
}
END_TEST

/* ---- messages ---------------------------------------------------------------------------------- */

START_TEST(a_message_is_finished_once) {
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE | GANGER_SEND);
        struct ganger_message m, copy, w;

        SEND("a");
        RECEIVE(ring, &m, "a");
        ck_assert_uint_eq(m.deliveries, 1);
        copy = m;
        ck_assert_int_eq(ganger_commit(&m), -EINVAL);
        ck_assert_int_eq(ganger_cancel(&m), -EINVAL);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
        ck_assert_int_eq(ganger_acknowledge(&m), -EINVAL);
        ck_assert_int_eq(ganger_acknowledge(&copy), -EINVAL);
        ck_assert_int_eq(ganger_reject(&copy, NULL), -EINVAL);

        ck_assert_int_eq(ganger_ring_reserve(ring, 3, &w, 0), 0);
        ck_assert_uint_eq(w.size, 3);
        ck_assert_uint_eq(w.deliveries, 0);
        ck_assert_int_eq(ganger_acknowledge(&w), -EINVAL);
        copy = w;
        ck_assert_int_eq(ganger_cancel(&w), 0);
        ck_assert_int_eq(ganger_cancel(&copy), -EINVAL);
        ck_assert_int_eq(ganger_commit(&copy), -EINVAL);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
}
END_TEST

/* A copy of a finished message must not finish another one that came into its slot. */
START_TEST(an_old_copy_does_not_name_a_new_message) {
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE);
        struct ganger_message old, m;

        SEND("0");
        RECEIVE(ring, &old, "0");
        m = old;
        ganger_acknowledge(&m);
        for (int i = 0; i < SLOTS; i++) {
                SEND("x");
                RECEIVE(ring, &m, "x");
                if (m.slot == old.slot)
                        break;
                ganger_acknowledge(&m);
        }
        ck_assert_uint_eq(m.slot, old.slot);
        ck_assert_int_eq(ganger_acknowledge(&old), -EINVAL);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}
END_TEST

START_TEST(what_is_rejected_comes_again_and_then_is_dead) {
        static const char long_reason[] = "disk: a reason that is much longer than what is kept of it";
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE);
        struct ganger_message m;
        char reason[64];
        uint64_t id = 0;
        uint32_t slot = 0;

        SEND("a");
        for (uint32_t i = 1; i <= 3; i++) {
                RECEIVE(ring, &m, "a");
                ck_assert_uint_eq(m.deliveries, i);
                ck_assert(i == 1 || m.id == id);
                id = m.id;
                slot = m.slot;
                ck_assert_int_eq(ganger_reject(&m, long_reason), i == 3);
                ck_assert_int_eq(ganger_reject(&m, "twice"), -EINVAL);
        }
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_DEAD), 1);
        rig_ring_reason(&jobs, slot, reason, sizeof reason);
        ck_assert_uint_eq(strlen(reason), GANGER_REASON_MAX);
        ck_assert_int_eq(strncmp(reason, "disk: a reason", 14), 0);
}
END_TEST

START_TEST(too_long_is_refused) {
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE | GANGER_SEND);
        char big[MESSAGE_MAX + 1] = { 0 };
        struct ganger_message m;

        ck_assert_int_eq(ganger_ring_send(ring, big, sizeof big, 0), -EMSGSIZE);
        ck_assert_int_eq(ganger_ring_reserve(ring, sizeof big, &m, 0), -EMSGSIZE);
        ck_assert_int_eq(ganger_ring_send(ring, big, MESSAGE_MAX, 0), 0);
        ck_assert_int_eq(ganger_ring_send(ring, NULL, 0, 0), 0);
        ck_assert_int_eq(ganger_ring_reserve(ring, 0, &m, 0), 0);
        ck_assert_uint_eq((uintptr_t)m.data % 16, 0);
        m.size = sizeof big;
        ck_assert_int_eq(ganger_commit(&m), -EMSGSIZE);
        m.size = 2;
        memcpy(m.data, "ok", 2);
        ck_assert_int_eq(ganger_commit(&m), 0);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_uint_eq(m.size, MESSAGE_MAX);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_uint_eq(m.size, 0);
        RECEIVE(ring, &m, "ok");
}
END_TEST

START_TEST(a_full_ring_says_so) {
        struct ganger_ring *ring = open_ring("jobs", GANGER_SEND);

        for (int i = 0; i < SLOTS; i++)
                SEND("x");
        ck_assert_int_eq(ganger_ring_send(ring, "x", 1, 0), -EAGAIN);
        ck_assert_int_eq(ganger_ring_send(ring, "x", 1, 2000), -ETIMEDOUT);
}
END_TEST

/* ---- forwarding -------------------------------------------------------------------------------- */

START_TEST(forwarding_is_exactly_once) {
        struct ganger_ring *in = open_ring("jobs", GANGER_RECEIVE), *out = open_ring("results", GANGER_SEND);
        struct ganger *other = rig_member_join(&stranger);
        struct ganger_message a, b, copy;

        SEND("a");
        RECEIVE(in, &a, "a");
        ck_assert_int_eq(ganger_ring_reserve(out, MESSAGE_MAX, &b, 0), 0);
        memcpy(b.data, "A", 1);
        b.size = MESSAGE_MAX + 1;
        ck_assert_int_eq(ganger_forward(&a, &b), -EMSGSIZE);
        b.size = 1;
        ck_assert_int_eq(ganger_forward(&b, &a), -EINVAL);
        ck_assert_int_eq(ganger_forward(&a, &a), -EINVAL);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_READY), 0);
        copy = a;
        ck_assert_int_eq(ganger_forward(&a, &b), 0);
        ck_assert_int_eq(ganger_forward(&copy, &b), -EINVAL);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
        ck_assert_int_eq(ganger_receive(other, NULL, &b, 0), 0);
        ck_assert_mem_eq(b.data, "A", 1);
        ck_assert_int_eq(ganger_acknowledge(&b), 0);
        ck_assert_int_eq(ganger_receive(other, NULL, &b, 0), -EAGAIN);
        ganger_leave(other);
}
END_TEST

START_TEST(forwarding_many) {
        struct ganger_ring *in = open_ring("jobs", GANGER_RECEIVE | GANGER_SEND);
        struct ganger_ring *out = open_ring("results", GANGER_SEND);
        struct ganger_message i[2], o[3], *ins[] = { &i[0], &i[1] }, *outs[] = { &o[0], &o[1], &o[2] };
        struct ganger_message *twice[] = { &i[0], &i[0] }, *far_too_many[GANGER_FORWARD_MAX + 1];

        SEND("a");
        SEND("b");
        RECEIVE(in, &i[0], "a");
        RECEIVE(in, &i[1], "b");
        ck_assert_int_eq(ganger_ring_reserve(out, 0, &o[0], 0), 0);
        ck_assert_int_eq(ganger_ring_reserve(out, 0, &o[1], 0), 0);
        ck_assert_int_eq(ganger_ring_reserve(in, 0, &o[2], 0), 0);
        for (size_t n = 0; n < ARRAY_SIZE(far_too_many); n++)
                far_too_many[n] = &i[0];
        ck_assert_int_eq(ganger_forward_many(far_too_many, ARRAY_SIZE(far_too_many), NULL, 0), -E2BIG);
        ck_assert_int_eq(ganger_forward_many(far_too_many, GANGER_FORWARD_MAX, outs, 1), -E2BIG);
        ck_assert_int_eq(ganger_forward_many(ins, 1, outs, SIZE_MAX), -E2BIG);
        ck_assert_int_eq(ganger_forward_many(twice, 2, outs, 1), -EINVAL);
        ck_assert_int_eq(ganger_forward_many(NULL, 0, NULL, 0), -EINVAL);
        ck_assert_int_eq(ganger_forward_many(ins, 2, outs, 3), 0);
        ck_assert_int_eq(ganger_forward_many(ins, 2, outs, 3), -EINVAL);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_READY), 2);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_READY), 1);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_LEASED), 0);
}
END_TEST

START_TEST(forwarding_between_memberships_is_refused) {
        struct ganger_ring *out = open_ring("results", GANGER_SEND);
        struct ganger *other = rig_member_join(&stranger);
        struct ganger_message a, b;

        ck_assert_int_eq(ganger_ring_send(out, "x", 1, 0), 0);
        ck_assert_int_eq(ganger_receive(other, NULL, &a, 0), 0);
        ck_assert_int_eq(ganger_ring_reserve(out, 1, &b, 0), 0);
        ck_assert_int_eq(ganger_forward(&a, &b), -EXDEV);
        ck_assert_int_eq(ganger_acknowledge(&a), 0);
        ck_assert_int_eq(ganger_cancel(&b), 0);
        ganger_leave(other);
}
END_TEST

/* ---- waiting, draining, event loops ------------------------------------------------------------- */

static bool is_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

START_TEST(the_descriptor_tells_of_messages) {
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE);
        struct ganger_message m;
        int fd = ganger_ring_fd(ring);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ganger_ring_fd(ring), fd);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ck_assert(is_readable(fd)); /* at first always */
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), -EAGAIN);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), -EAGAIN);
        ck_assert(!is_readable(fd));
        for (int i = 0; i < 3; i++) {
                SEND("x");
                ck_assert(is_readable(fd));
                RECEIVE(ring, &m, "x");
                ganger_acknowledge(&m);
                ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), -EAGAIN);
                ck_assert(!is_readable(fd));
        }
        /* A wait on such a handle is one like any other, and nobody is told in vain meanwhile. */
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 2000), -ETIMEDOUT);
        ck_assert_uint_eq((uint32_t)jobs.judge.queue.control->messages.pollers, 0);
}
END_TEST

/* One that polls must not take the news from another: not of messages, and not that it is to drain. */
START_TEST(each_poller_is_told) {
        struct rig_member second;
        struct ganger *other;
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE), *theirs = NULL;
        struct ganger_message m;

        rig_member_open(&second, "resize", 3);
        rig_member_give(&second, &jobs, GANGER_RECEIVE, 1);
        other = rig_member_join(&second);
        ck_assert_int_eq(ganger_ring_open(other, NULL, GANGER_RECEIVE, &theirs), 0);
        ck_assert_int_ge(ganger_ring_fd(ring), 0);
        ck_assert_int_ge(ganger_ring_fd(theirs), 0);
        ck_assert_int_eq(ganger_ring_receive(theirs, &m, 0), -EAGAIN);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), -EAGAIN);
        ck_assert(!is_readable(ganger_ring_fd(ring)) && !is_readable(ganger_ring_fd(theirs)));
        ganger_interrupt(g);
        ck_assert(is_readable(ganger_ring_fd(theirs)));
        ck_assert_int_eq(ganger_ring_receive(theirs, &m, 0), -EAGAIN);
        ck_assert(is_readable(ganger_ring_fd(ring)));
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), -ESHUTDOWN);
        ganger_leave(other);
        rig_member_close(&second);
}
END_TEST

START_TEST(draining_ends_receiving_but_not_sending) {
        struct ganger_ring *ring = open_ring("jobs", GANGER_RECEIVE);
        struct ganger_message m;

        SEND("a");
        RECEIVE(ring, &m, "a");
        atomic_store(&member.memory.memory->drain, 1); /* as the daemon does */
        SEND("b");
        ck_assert_int_eq(ganger_ring_receive(ring, &m, -1), -ESHUTDOWN);
        ck_assert_int_eq(ganger_receive(g, "jobs", &m, 0), -ESHUTDOWN);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}
END_TEST

static void on_alarm(int signal) {
        ganger_interrupt(g);
}

START_TEST(interrupting_ends_a_wait) {
        const struct sigaction action = { .sa_handler = on_alarm };
        struct ganger_message m;
        struct sigaction before;
        timer_t timer;
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
        int r;

        sigaction(SIGUSR1, &action, &before);
        ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
        timer_settime(timer, 0, &(struct itimerspec){ .it_value = { 0, 20 * 1000 * 1000 } }, NULL);
        r = ganger_receive(g, "jobs", &m, -1);
        ck_assert(r == -ESHUTDOWN || r == -EINTR);
        ck_assert_int_eq(ganger_receive(g, "jobs", &m, -1), -ESHUTDOWN);
        timer_delete(timer);
        sigaction(SIGUSR1, &before, NULL);
}
END_TEST

static void *waits_for_drain(void *ring) {
        struct ganger_message m;

        return (void *)(intptr_t)ganger_ring_receive(ring, &m, -1);
}

START_TEST(interrupting_wakes_other_threads) {
        pthread_t threads[3];
        void *result;

        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                ck_assert_int_eq(pthread_create(&threads[i], NULL, waits_for_drain,
                                                open_ring("jobs", GANGER_RECEIVE)), 0);
        ganger_interrupt(g);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
                pthread_join(threads[i], &result);
                ck_assert_int_eq((intptr_t)result, -ESHUTDOWN);
        }
}
END_TEST

#define BEATS 1000

static void *beats(void *unused) {
        for (size_t i = 0; i < BEATS; i++)
                ganger_heartbeat(g);
        return NULL;
}

START_TEST(a_heartbeat_counts_and_ends_with_the_membership) {
        struct member_memory *memory = member.memory.memory;
        pthread_t threads[3];

        ck_assert_uint_eq(atomic_load(&memory->joined), 1);
        ck_assert_uint_eq(atomic_load(&memory->heartbeat), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                ck_assert_int_eq(pthread_create(&threads[i], NULL, beats, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                pthread_join(threads[i], NULL);
        ck_assert_uint_eq(atomic_load(&memory->heartbeat), BEATS * ARRAY_SIZE(threads));
        g = ganger_leave(g);
        ck_assert_uint_eq(atomic_load(&memory->heartbeat), HEARTBEAT_LEFT);
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------------- */

#define PER_THREAD 20000

static _Atomic uint64_t sum, received;

static void *sends(void *unused) {
        struct ganger_ring *ring = NULL;

        if (ganger_ring_open(g, "jobs", GANGER_SEND, &ring) < 0)
                return NULL;
        for (uint64_t i = 1; i <= PER_THREAD; i++)
                if (ganger_ring_send(ring, &i, sizeof i, -1) < 0)
                        return NULL;
        ganger_ring_close(ring);
        return (void *)1;
}

static void *receives(void *unused) {
        struct ganger_ring *ring = NULL;
        struct ganger_message m;
        uint64_t n;

        if (ganger_ring_open(g, "jobs", GANGER_RECEIVE, &ring) < 0)
                return NULL;
        while (atomic_load(&received) < 2 * PER_THREAD) {
                if (ganger_ring_receive(ring, &m, 1000) < 0)
                        continue;
                memcpy(&n, m.data, sizeof n);
                atomic_fetch_add(&sum, n);
                if (ganger_acknowledge(&m) < 0)
                        return NULL;
                atomic_fetch_add(&received, 1);
        }
        ganger_ring_close(ring);
        return (void *)1;
}

START_TEST(threads_use_handles_of_their_own) {
        pthread_t threads[4];
        void *result;

        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                ck_assert_int_eq(pthread_create(&threads[i], NULL, i % 2 ? sends : receives, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
                pthread_join(threads[i], &result);
                ck_assert_ptr_nonnull(result);
        }
        ck_assert_uint_eq(received, 2 * PER_THREAD);
        ck_assert_uint_eq(sum, (uint64_t)PER_THREAD * (PER_THREAD + 1));
}
END_TEST

/* ---- telling the daemon ------------------------------------------------------------------------ */

static int notify_socket(const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        size_t n = strlen(name);

        memcpy(address.sun_path, name, n);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
        return fd;
}

static void told(int fd, const char *expected) {
        char buf[1024] = "";

        ck_assert_int_ge(recv(fd, buf, sizeof buf - 1, MSG_DONTWAIT), 0);
        ck_assert_str_eq(buf, expected);
}

START_TEST(the_daemon_is_told) {
        char path[64], text[514], said[600];

        ck_assert_int_eq(ganger_ready(g), 0);
        for (int abstract = 0; abstract < 2; abstract++) {
                _cleanup_(closep) int fd = -1;

                snprintf(path, sizeof path, "%sganger-test-%d", abstract ? "@" : "./", (int)getpid());
                fd = notify_socket(path);
                if (!abstract)
                        ck_assert_ptr_nonnull(realpath(path, said));
                setenv("NOTIFY_SOCKET", abstract ? path : said, 1);
                ck_assert_int_eq(ganger_ready(g), 0);
                told(fd, "READY=1");
                ck_assert_int_eq(ganger_status(g, "42 messages; größer"), 0);
                told(fd, "STATUS=42 messages; größer");
                if (!abstract)
                        unlink(path);
        }
        ck_assert_int_eq(ganger_ready(g), -ECONNREFUSED);
        setenv("NOTIFY_SOCKET", "relative", 1);
        ck_assert_int_eq(ganger_ready(g), -EINVAL);
        unsetenv("NOTIFY_SOCKET");
        memset(text, 'x', 513);
        text[513] = '\0';
        ck_assert_int_eq(ganger_status(g, text), -EINVAL);
        ck_assert_int_eq(ganger_status(g, text + 1), 0);
        ck_assert_int_eq(ganger_status(g, "two\nlines"), -EINVAL);
        ck_assert_int_eq(ganger_status(g, "caf\xe9"), -EINVAL);
        ck_assert_int_eq(ganger_status(g, "\xed\xa0\x80"), -EINVAL);
        ck_assert_int_eq(ganger_status(g, "\xc0\xaf"), -EINVAL);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger");
        TCase *c = tcase_create("ganger");
        const TTest *tests[] = {
                it_knows_who_it_is, a_damaged_handshake_takes_no_descriptor,
                descriptors_that_are_not_needed_are_closed,
                a_process_joins_and_dies, rings_are_found_by_name, a_seat_has_so_many_handles,
                a_handle_does_what_it_is_for, closing_gives_everything_back, a_message_is_finished_once,
                an_old_copy_does_not_name_a_new_message, what_is_rejected_comes_again_and_then_is_dead,
                too_long_is_refused, a_full_ring_says_so, forwarding_is_exactly_once, forwarding_many,
                forwarding_between_memberships_is_refused, the_descriptor_tells_of_messages,
                each_poller_is_told, draining_ends_receiving_but_not_sending, interrupting_ends_a_wait,
                interrupting_wakes_other_threads, a_heartbeat_counts_and_ends_with_the_membership,
                threads_use_handles_of_their_own, the_daemon_is_told,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
