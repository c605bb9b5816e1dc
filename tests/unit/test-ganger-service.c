/* SPDX-License-Identifier: MIT */
/*
 * Services through the public API: results and errors on both sides, and processes that call, serve and die.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "gang-rig.h"
#include "harness.h"
#include "shm/service.h"

#define SLOTS 8
#define MESSAGE_MAX 64
#define HANDLES 4
#define PATIENCE_USEC (60 * 1000000)

static struct rig_ring lookup, charge;  /* idempotent; at most once */
static struct rig_member client, server, server_2;
static struct ganger *g;

static void open_service(struct rig_ring *r, const char *name, enum service_policy policy, uint32_t max_deliveries) {
        struct region region;

        *r = (struct rig_ring){
                .name = name,
                .geometry = { .kind = OBJECT_SERVICE, .slots = SLOTS, .message_max = MESSAGE_MAX, .policy = policy,
                              .max_deliveries = max_deliveries, .fences = !region_barrier_is_available() },
                .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                .next_participant = 1,
        };
        r->memory_fd = region_create(name, &r->geometry);
        ck_assert_int_ge(r->memory_fd, 0);
        ck_assert_int_eq(region_map(&region, r->memory_fd, &r->geometry), 0);
        object_open(&r->judge, &region, r->event_fd);
}

static void setup(void) {
        open_service(&lookup, "lookup", SERVICE_IDEMPOTENT, 255);
        open_service(&charge, "charge", SERVICE_AT_MOST_ONCE, 0);
        rig_member_open(&client, "client", 0);
        rig_member_give(&client, &lookup, GANGER_SEND | GANGER_RECEIVE, HANDLES);
        rig_member_give(&client, &charge, GANGER_SEND, HANDLES);
        rig_member_open(&server, "server", 0);
        rig_member_give(&server, &lookup, GANGER_RECEIVE, HANDLES);
        rig_member_give(&server, &charge, GANGER_RECEIVE, HANDLES);
        rig_member_open(&server_2, "server", 1);
        rig_member_give(&server_2, &lookup, GANGER_RECEIVE, HANDLES);
        rig_member_give(&server_2, &charge, GANGER_RECEIVE, HANDLES);
        g = rig_member_join(&client);
}

static void teardown(void) {
        g = ganger_leave(g);
        rig_member_close(&client);
        rig_member_close(&server);
        rig_member_close(&server_2);
        rig_ring_close(&lookup);
        rig_ring_close(&charge);
}

static struct ganger_service *open_handle(struct ganger *of, const char *name, unsigned int flags) {
        struct ganger_service *s = NULL;

        ck_assert_int_eq(ganger_service_open(of, name, flags, &s), 0);
        return s;
}

static uint32_t free_slots(struct rig_ring *r) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < SLOTS; i++)
                n += call_state(atomic_load(&service_slot(&r->judge.service, i)->word)) == CALL_FREE;
        return n;
}

#define RECEIVE(s, r, text)                                                     \
        do {                                                                    \
                ck_assert_int_eq(ganger_service_receive(s, r, 0), 0);           \
                ck_assert_uint_eq((r)->size, strlen(text));                     \
                ck_assert_mem_eq((r)->data, text, (r)->size);                   \
        } while (0)

#define BEGIN(s, text, call) ck_assert_int_eq(ganger_service_begin(s, text, strlen(text), -1, call), 0)

/* ---- in one process ------------------------------------------------------------------------------ */

START_TEST(handles_are_found_by_name) {
        struct ganger_service *s = NULL, *all[HANDLES];

        ck_assert_int_eq(ganger_service_open(g, "nothing", GANGER_SEND, &s), -ENOENT);
        ck_assert_int_eq(ganger_service_open(g, "charge", GANGER_RECEIVE, &s), -EACCES);
        ck_assert_int_eq(ganger_service_open(g, NULL, GANGER_SEND, &s), -ENOTUNIQ);
        ck_assert_int_eq(ganger_service_open(g, "lookup", 0, &s), -EINVAL);
        ck_assert_int_eq(ganger_service_open(g, "lookup", 4, &s), -EINVAL);
        ck_assert_ptr_null(s);
        for (int i = 0; i < HANDLES; i++)
                all[i] = open_handle(g, NULL, GANGER_RECEIVE);
        ck_assert_str_eq(ganger_service_name(all[0]), "lookup");
        ck_assert_uint_eq(ganger_service_message_max(all[0]), MESSAGE_MAX);
        ck_assert_int_eq(ganger_service_open(g, "lookup", GANGER_SEND, &s), -EUSERS);
        for (int i = 0; i < HANDLES; i++)
                ck_assert_ptr_null(ganger_service_close(all[i]));
        ck_assert_ptr_null(ganger_service_close(NULL));
}
END_TEST

START_TEST(a_handle_does_what_it_is_for) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND), *s = open_handle(g, "lookup", GANGER_RECEIVE);
        static const char too_long[MESSAGE_MAX + 1];
        struct ganger_request r = { .size = 77 };
        struct ganger_call call = { .id = 77 };

        ck_assert_int_eq(ganger_service_receive(c, &r, 0), -EACCES);
        ck_assert_int_eq(ganger_service_fd(c), -EACCES);
        ck_assert_int_eq(ganger_service_begin(s, "", 0, -1, &call), -EACCES);
        ck_assert_int_eq(ganger_service_call(s, "", 0, NULL, 0, NULL, -1), -EACCES);
        ck_assert_int_eq(ganger_service_call(c, "", 0, NULL, 0, NULL, 0), -EINVAL);
        ck_assert_int_eq(ganger_service_call(c, too_long, sizeof too_long, NULL, 0, NULL, -1), -EMSGSIZE);
        ck_assert_int_eq(ganger_service_receive(s, &r, 0), -EAGAIN);
        ck_assert_int_eq(ganger_service_receive(s, &r, 1), -ETIMEDOUT);
        ck_assert_uint_eq(r.size, 77);
        ck_assert_uint_eq(call.id, 77);
}
END_TEST

START_TEST(several_calls_may_be_open) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND), *s = open_handle(g, "lookup", GANGER_RECEIVE);
        struct ganger_call calls[3], copy;
        struct ganger_request r[3];
        char reply[MESSAGE_MAX];
        size_t size = 77;

        BEGIN(c, "a", &calls[0]);
        BEGIN(c, "b", &calls[1]);
        BEGIN(c, "c", &calls[2]);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(ganger_service_receive(s, &r[i], 0), 0);
        ck_assert_int_eq(ganger_service_finish(&calls[1], reply, sizeof reply, &size, 0), -EAGAIN);
        ck_assert_int_eq(ganger_service_finish(&calls[1], reply, sizeof reply, &size, 1), -EAGAIN);
        ck_assert_uint_eq(size, 77);
        for (int i = 2; i >= 0; i--) {
                memcpy(r[i].reply, r[i].data, r[i].size);
                ck_assert_int_eq(ganger_service_reply(&r[i], r[i].reply, r[i].size), 0); /* in place */
        }
        copy = calls[1];
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(ganger_service_finish(&calls[i], reply, sizeof reply, &size, -1), 0);
                ck_assert_uint_eq(size, 1);
                ck_assert_int_eq(reply[0], 'a' + i);
                ck_assert_int_eq(ganger_service_finish(&calls[i], reply, sizeof reply, &size, -1), -EINVAL);
                ck_assert_int_eq(ganger_service_abandon(&calls[i]), -EINVAL);
        }
        ck_assert_ptr_nonnull(copy.service);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS);
}
END_TEST

START_TEST(a_request_is_finished_once) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND), *s = open_handle(g, "lookup", GANGER_RECEIVE);
        static const char too_long[MESSAGE_MAX + 1];
        struct ganger_request r, copy, next;
        struct ganger_call call;

        BEGIN(c, "a", &call);
        RECEIVE(s, &r, "a");
        ck_assert_uint_eq(r.deliveries, 1);
        ck_assert_uint_eq(r.deadline_usec, UINT64_MAX);
        ck_assert_uint_eq(r.id, call.id);
        copy = r;
        ck_assert_int_eq(ganger_service_reply(&r, too_long, sizeof too_long), -EMSGSIZE);
        ck_assert_int_eq(ganger_service_reply(&r, "x", 1), 0);
        ck_assert_int_eq(ganger_service_reply(&r, "x", 1), -EINVAL);
        ck_assert_int_eq(ganger_service_reply(&copy, "y", 1), -EINVAL);
        ck_assert_int_eq(ganger_service_finish(&call, NULL, 0, NULL, 0), -ENOBUFS);
        /* Nor does an old copy name the next call, which has the same slot. */
        BEGIN(c, "b", &call);
        RECEIVE(s, &next, "b");
        ck_assert_int_eq(ganger_service_fail(&copy, "y"), -EINVAL);
        ck_assert_int_eq(ganger_service_fail(&next, NULL), 0);
        ck_assert_int_eq(ganger_service_finish(&call, NULL, 0, NULL, 0), -EREMOTEIO);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS);
}
END_TEST

START_TEST(a_failure_says_why) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND), *s = open_handle(g, "lookup", GANGER_RECEIVE);
        struct ganger_request r;
        struct ganger_call call;
        char text[7];

        BEGIN(c, "a", &call);
        RECEIVE(s, &r, "a");
        ck_assert_int_eq(ganger_service_fail(&r, "no such thing"), 0);
        ck_assert_int_eq(ganger_service_finish(&call, text, sizeof text, NULL, 0), -EREMOTEIO);
        ck_assert_str_eq(text, "no suc");
}
END_TEST

START_TEST(a_call_has_its_time) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND), *s = open_handle(g, "lookup", GANGER_RECEIVE);
        struct ganger_request r;
        struct ganger_call call;
        char reply[MESSAGE_MAX];

        ck_assert_int_eq(ganger_service_call(c, "a", 1, reply, sizeof reply, NULL, 1), -ETIMEDOUT);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS);
        ck_assert_int_eq(ganger_service_begin(c, "a", 1, 1, &call), 0);
        ck_assert_int_eq(ganger_service_finish(&call, reply, sizeof reply, NULL, -1), -ETIMEDOUT);
        ck_assert_ptr_null(call.service);
        ck_assert_int_eq(ganger_service_receive(s, &r, 0), -EAGAIN);
        /* Given up while it is served. */
        BEGIN(c, "b", &call);
        RECEIVE(s, &r, "b");
        ck_assert_int_eq(ganger_service_abandon(&call), 0);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS - 1);
        ck_assert_int_eq(ganger_service_reply(&r, "x", 1), 1);
        ck_assert_int_eq(ganger_service_reply(&r, "x", 1), -EINVAL);
        /* Given up when it is over. */
        BEGIN(c, "c", &call);
        RECEIVE(s, &r, "c");
        ck_assert_int_eq(ganger_service_reply(&r, "x", 1), 0);
        ck_assert_int_eq(ganger_service_abandon(&call), 0);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS);
}
END_TEST

START_TEST(slots_run_out) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND);
        struct ganger_call calls[SLOTS], more;

        for (int i = 0; i < SLOTS; i++)
                BEGIN(c, "a", &calls[i]);
        ck_assert_int_eq(ganger_service_begin(c, "b", 1, -1, &more), -EAGAIN);
        ck_assert_int_eq(ganger_service_call(c, "b", 1, NULL, 0, NULL, 1), -ETIMEDOUT);
        ck_assert_int_eq(ganger_service_abandon(&calls[3]), 0);
        BEGIN(c, "b", &more);
}
END_TEST

START_TEST(closing_gives_everything_back) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND), *s = open_handle(g, "lookup", GANGER_RECEIVE);
        struct ganger_service *both = open_handle(g, "lookup", GANGER_SEND | GANGER_RECEIVE);
        struct ganger_call call, other;
        struct ganger_request r;
        char reply[MESSAGE_MAX];

        BEGIN(c, "a", &call);
        RECEIVE(s, &r, "a");
        ganger_service_close(s);
        RECEIVE(both, &r, "a");
        ck_assert_uint_eq(r.deliveries, 2);
        BEGIN(both, "b", &other);
        ganger_service_close(both);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS - 1);
        ganger_service_close(c);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS);
        /* At most once: the caller is told. */
        c = open_handle(g, "charge", GANGER_SEND);
        {
                struct ganger *theirs = rig_member_join(&server);

                s = open_handle(theirs, "charge", GANGER_RECEIVE);
                BEGIN(c, "c", &call);
                RECEIVE(s, &r, "c");
                ganger_leave(theirs);
        }
        ck_assert_int_eq(ganger_service_finish(&call, reply, sizeof reply, NULL, -1), -ECONNRESET);
        ck_assert_str_eq(reply, "its server closed the service");
        ck_assert_uint_eq(free_slots(&charge), SLOTS);
}
END_TEST

START_TEST(an_event_loop_can_serve) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND), *s = open_handle(g, "lookup", GANGER_RECEIVE);
        struct pollfd p = { .fd = ganger_service_fd(s), .events = POLLIN };
        struct ganger_request r;
        struct ganger_call call;

        ck_assert_int_ge(p.fd, 0);
        ck_assert_int_eq(ganger_service_fd(s), p.fd);
        ck_assert_int_eq(poll(&p, 1, 0), 1); /* at first always */
        ck_assert_int_eq(ganger_service_receive(s, &r, 0), -EAGAIN);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
        BEGIN(c, "a", &call);
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        RECEIVE(s, &r, "a");
        ck_assert_int_eq(ganger_service_receive(s, &r, 0), -EAGAIN);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
        ganger_interrupt(g);
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        ck_assert_int_eq(ganger_service_receive(s, &r, 0), -ESHUTDOWN);
}
END_TEST

/* ---- several processes ----------------------------------------------------------------------------- */

static pid_t spawn(int (*fn)(void)) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(fn());
        return pid;
}

static void reap(pid_t pid, int expected) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), expected);
}

/** Ask a member to drain, as the manager does. */
static void drain(struct rig_member *m) {
        atomic_store(&m->memory.memory->drain, 1);
        for (size_t i = 0; i < m->n_rings; i++)
                m->of[i]->judge.ops->wake_receivers(&m->of[i]->judge);
}

/** Which of the two servers a child is; and through what it tells that it holds a request. */
static struct rig_member *role;
static int told[2];

#define NEED(condition) do { if (!(condition)) return __LINE__ % 251 + 1; } while (0)

/** Serve until drained: the reply is the request, and who served. */
static int serves(void) {
        struct ganger *mine = rig_member_join(role);
        struct ganger_service *s = open_handle(mine, "lookup", GANGER_RECEIVE);
        struct ganger_request r;
        int n;

        while ((n = ganger_service_receive(s, &r, -1)) == 0) {
                memcpy(r.reply, r.data, r.size);
                memcpy((char *)r.reply + r.size, "!", 1);
                NEED(ganger_service_reply(&r, r.reply, r.size + 1) >= 0);
        }
        NEED(n == -ESHUTDOWN);
        return 0;
}

static int serves_and_holds(const char *name) {
        struct ganger *mine = rig_member_join(role);
        struct ganger_service *s = open_handle(mine, name, GANGER_RECEIVE);
        struct ganger_request r;

        NEED(ganger_service_receive(s, &r, -1) == 0);
        NEED(write(told[1], "", 1) == 1);
        for (;;)
                pause();
}

static int holds_lookup(void) {
        return serves_and_holds("lookup");
}

static int holds_charge(void) {
        return serves_and_holds("charge");
}

static void await_told(void) {
        char c;

        ck_assert_int_eq(read(told[0], &c, 1), 1);
}

static void kill_and_recover(pid_t pid, struct rig_member *m) {
        kill(pid, SIGKILL);
        reap(pid, -SIGKILL);
        rig_member_recover(m, "killed by SIGKILL", NULL);
}

START_TEST(another_process_serves) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND);
        char reply[MESSAGE_MAX], text[16];
        size_t size;
        pid_t pid;

        role = &server;
        pid = spawn(serves);
        for (int i = 0; i < 1000; i++) {
                size_t length = (size_t)snprintf(text, sizeof text, "call %d", i);

                ck_assert_int_eq(ganger_service_call(c, text, length, reply, sizeof reply, &size, PATIENCE_USEC), 0);
                ck_assert_uint_eq(size, length + 1);
                ck_assert_mem_eq(reply, text, length);
        }
        drain(&server);
        reap(pid, 0);
}
END_TEST

/** Waits for the reply in its sleep: it is told at once. */
static int calls_a_server_that_dies(void) {
        struct ganger *mine = rig_member_join(&client);
        struct ganger_service *c = open_handle(mine, "charge", GANGER_SEND);
        char text[MESSAGE_MAX];

        NEED(ganger_service_call(c, "a", 1, text, sizeof text, NULL, -1) == -ECONNRESET);
        NEED(strcmp(text, "killed by SIGKILL") == 0);
        return 0;
}

START_TEST(a_caller_is_told_that_its_server_died) {
        pid_t holder, caller;

        g = ganger_leave(g);
        ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
        role = &server;
        holder = spawn(holds_charge);
        caller = spawn(calls_a_server_that_dies);
        await_told();
        kill_and_recover(holder, &server);
        reap(caller, 0);
        ck_assert_uint_eq(free_slots(&charge), SLOTS);
        close(told[0]);
        close(told[1]);
}
END_TEST

START_TEST(another_server_replies) {
        struct ganger_service *c = open_handle(g, "lookup", GANGER_SEND);
        struct ganger_call call;
        char reply[MESSAGE_MAX];
        pid_t holder, second;
        size_t size;

        ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
        BEGIN(c, "a", &call);
        role = &server;
        holder = spawn(holds_lookup);
        await_told();
        role = &server_2;
        second = spawn(serves);
        kill_and_recover(holder, &server);
        ck_assert_int_eq(ganger_service_finish(&call, reply, sizeof reply, &size, PATIENCE_USEC), 0);
        ck_assert_uint_eq(size, 2);
        ck_assert_mem_eq(reply, "a!", 2);
        drain(&server_2);
        reap(second, 0);
        close(told[0]);
        close(told[1]);
}
END_TEST

static int calls_for_ever(void) {
        struct ganger *mine = rig_member_join(&client);
        struct ganger_service *c = open_handle(mine, "charge", GANGER_SEND);

        return ganger_service_call(c, "a", 1, NULL, 0, NULL, -1) == 0;
}

START_TEST(a_server_learns_that_its_caller_died) {
        struct ganger *mine = rig_member_join(&server);
        struct ganger_service *s = open_handle(mine, "charge", GANGER_RECEIVE);
        struct ganger_request r;
        pid_t caller;

        g = ganger_leave(g);
        caller = spawn(calls_for_ever);
        ck_assert_int_eq(ganger_service_receive(s, &r, PATIENCE_USEC), 0);
        kill_and_recover(caller, &client);
        ck_assert_uint_eq(free_slots(&charge), SLOTS - 1);
        ck_assert_int_eq(ganger_service_reply(&r, "x", 1), 1);
        ck_assert_uint_eq(free_slots(&charge), SLOTS);
        ganger_leave(mine);
}
END_TEST

/* ---- many of them, of which servers die all the time ------------------------------------------------ */

#define CALLERS 3
#define CALLS 400
#define SERVES 40

static struct rig_member callers[CALLERS];
static int which;

static int calls_many(void) {
        struct ganger *mine = rig_member_join(&callers[which]);
        struct ganger_service *c = open_handle(mine, "lookup", GANGER_SEND);
        char text[16], reply[MESSAGE_MAX];
        size_t size;

        for (int i = 0; i < CALLS; i++) {
                size_t length = (size_t)snprintf(text, sizeof text, "%d/%d", which, i);

                NEED(ganger_service_call(c, text, length, reply, sizeof reply, &size, PATIENCE_USEC) == 0);
                NEED(size == length + 1 && memcmp(reply, text, length) == 0 && reply[length] == '!');
        }
        return 0;
}

/** Replies so many times, and dies over the next one. */
static int serves_and_dies(void) {
        struct ganger *mine = rig_member_join(role);
        struct ganger_service *s = open_handle(mine, "lookup", GANGER_RECEIVE);
        struct ganger_request r;

        for (int i = 0; i < SERVES; i++) {
                NEED(ganger_service_receive(s, &r, -1) == 0);
                memcpy(r.reply, r.data, r.size);
                memcpy((char *)r.reply + r.size, "!", 1);
                NEED(ganger_service_reply(&r, r.reply, r.size + 1) == 0);
        }
        NEED(ganger_service_receive(s, &r, -1) == 0);
        return kill(getpid(), SIGKILL);
}

static pid_t spawn_server(struct rig_member *m) {
        role = m;
        return spawn(serves_and_dies);
}

START_TEST(servers_die_and_no_call_is_lost) {
        pid_t pids[CALLERS], first, second;
        int left = CALLERS, status;

        for (which = 0; which < CALLERS; which++) {
                rig_member_open(&callers[which], "client", 1 + (uint32_t)which);
                rig_member_give(&callers[which], &lookup, GANGER_SEND, 1);
                pids[which] = spawn(calls_many);
        }
        first = spawn_server(&server);
        second = spawn_server(&server_2);
        while (left > 0) {
                pid_t pid = waitpid(-1, &status, 0);

                if (pid == first || pid == second) {
                        struct rig_member *m = pid == first ? &server : &server_2;

                        ck_assert(WIFSIGNALED(status));
                        rig_member_recover(m, "killed by SIGKILL", NULL);
                        *(pid == first ? &first : &second) = spawn_server(m);
                        continue;
                }
                ck_assert_int_eq(status, 0);
                for (int i = 0; i < CALLERS; i++)
                        left -= pids[i] == pid;
        }
        kill_and_recover(first, &server);
        kill_and_recover(second, &server_2);
        ck_assert_uint_eq(free_slots(&lookup), SLOTS);
        ck_assert_uint_gt(atomic_load(&lookup.judge.service.control->redelivered), 0);
        for (int i = 0; i < CALLERS; i++)
                rig_member_close(&callers[i]);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger-service");
        TCase *c = tcase_create("ganger-service");
        const TTest *tests[] = {
                handles_are_found_by_name, a_handle_does_what_it_is_for, several_calls_may_be_open,
                a_request_is_finished_once, a_failure_says_why, a_call_has_its_time, slots_run_out,
                closing_gives_everything_back, an_event_loop_can_serve, another_process_serves,
                a_caller_is_told_that_its_server_died, another_server_replies, a_server_learns_that_its_caller_died,
                servers_die_and_no_call_is_lost,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        tcase_set_timeout(c, 120);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
