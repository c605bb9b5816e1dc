/* SPDX-License-Identifier: MIT */
/* The service, one thread at a time: what each operation does to a call, and what recovery makes of it. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "harness.h"
#include "shm/recover.h"
#include "shm/service.h"

#define SLOTS 4
#define MESSAGE_MAX 48
#define MAX_DELIVERIES 3
#define NEVER UINT64_MAX

static struct region region;
static struct service caller, other, server, server_2;
static struct object object;            /* as one sees it who recovers */
static int event_fd;

static void setup_policy(enum service_policy policy) {
        const struct geometry g = {
                .kind = OBJECT_SERVICE, .slots = SLOTS, .message_max = MESSAGE_MAX, .policy = policy,
                .max_deliveries = policy == SERVICE_IDEMPOTENT ? MAX_DELIVERIES : 0,
                .fences = !region_barrier_is_available(),
        };
        _cleanup_(closep) int fd = region_create("test", &g);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        service_open(&caller, &region, 1, 1, event_fd);
        service_open(&other, &region, 2, 1, event_fd);
        service_open(&server, &region, 3, 1, event_fd);
        service_open(&server_2, &region, 4, 1, event_fd);
        object_open(&object, &region, event_fd);
}

static void setup(void) {
        setup_policy(SERVICE_IDEMPOTENT);
}

static void setup_once(void) {
        setup_policy(SERVICE_AT_MOST_ONCE);
}

static void teardown(void) {
        region_unmap(&region);
        close(event_fd);
}

static int call_until(struct service *s, const char *text, struct call *ret, uint64_t deadline_usec) {
        int r = service_reserve(s, ret);

        if (r < 0)
                return r;
        memcpy(ret->request, text, strlen(text));
        service_submit(s, ret, (uint32_t)strlen(text), deadline_usec);
        return 0;
}

static int call(struct service *s, const char *text, struct call *ret) {
        return call_until(s, text, ret, NEVER);
}

#define RECEIVE(s, r, text)                                                     \
        do {                                                                    \
                ck_assert_int_eq(service_receive(s, r), 0);                     \
                ck_assert_uint_eq((r)->size, strlen(text));                     \
                ck_assert_mem_eq((r)->request, text, (r)->size);                \
        } while (0)

static int reply(struct service *s, const struct served *r, const char *text) {
        memcpy(r->reply, text, strlen(text));
        return service_reply(s, r, (uint32_t)strlen(text));
}

#define RESULT(s, c, expected, text)                                            \
        do {                                                                    \
                struct call_result _result;                                     \
                                                                                \
                ck_assert_int_eq(service_result(s, c, &_result), expected);     \
                ck_assert_uint_eq(_result.size, strlen(text));                  \
                ck_assert_mem_eq(_result.data, text, _result.size);             \
        } while (0)

static void die(uint32_t participant, struct recovery *ret) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = 1 };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", ret);
}

static uint32_t count(enum call_state state) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < SLOTS; i++)
                n += call_state(atomic_load(&service_slot(&caller, i)->word)) == state;
        return n;
}

START_TEST(each_reply_reaches_its_caller) {
        struct call_result result;
        struct served r, q;
        struct call c, d;

        for (int round = 0; round < 3 * SLOTS; round++) {
                ck_assert_int_eq(call(&caller, "one", &c), 0);
                ck_assert_int_eq(call(&other, "another", &d), 0);
                RECEIVE(&server, &r, "one");
                ck_assert_uint_eq(r.deliveries, 1);
                RECEIVE(&server_2, &q, "another");
                ck_assert_int_eq(service_receive(&server, &q), -EAGAIN);
                ck_assert_int_eq(service_result(&caller, &c, &result), -EAGAIN);
                ck_assert_int_eq(reply(&server_2, &q, "second"), 0);
                ck_assert_int_eq(service_result(&caller, &c, &result), -EAGAIN);
                ck_assert_int_eq(reply(&server, &r, "first"), 0);
                RESULT(&caller, &c, 0, "first");
                RESULT(&other, &d, 0, "second");
                service_release(&caller, &c);
                service_release(&other, &d);
                server.serve_cursor = 0; /* in the order of slots again */
        }
        ck_assert_uint_eq(count(CALL_FREE), SLOTS);
}
END_TEST

START_TEST(only_the_server_may_finish_and_only_once) {
        struct served r, again;
        struct call c;

        call(&caller, "a", &c);
        RECEIVE(&server, &r, "a");
        ck_assert_int_eq(service_reply(&server_2, &r, 0), -EINVAL);
        ck_assert_int_eq(service_fail(&caller, &r, 0), -EINVAL);
        ck_assert_int_eq(reply(&server, &r, "x"), 0);
        ck_assert_int_eq(service_reply(&server, &r, 0), -EINVAL);
        RESULT(&caller, &c, 0, "x");
        service_release(&caller, &c);
        /* Nor the next call in the same slot. */
        call(&caller, "b", &c);
        RECEIVE(&server, &again, "b");
        ck_assert_uint_eq(again.slot, r.slot);
        ck_assert_uint_ne(again.id, r.id);
        ck_assert_int_eq(service_reply(&server, &r, 0), -EINVAL);
        ck_assert_int_eq(reply(&server, &again, "y"), 0);
        RESULT(&caller, &c, 0, "y");
        service_release(&caller, &c);
}
END_TEST

START_TEST(a_call_that_is_over_is_nobodys) {
        struct call_result result;
        struct call old, c;
        struct served r;

        call(&caller, "a", &old);
        ck_assert_int_eq(service_give_up(&caller, &old), 0);
        ck_assert_int_eq(service_give_up(&caller, &old), -EBADMSG);
        ck_assert_int_eq(service_receive(&server, &r), -EAGAIN);
        call(&caller, "b", &c);
        ck_assert_uint_eq(c.slot, old.slot);
        ck_assert_int_eq(service_result(&caller, &old, &result), -EBADMSG);
        ck_assert_int_eq(service_give_up(&caller, &old), -EBADMSG);
        ck_assert_int_eq(service_give_up(&other, &c), -EBADMSG);
        RECEIVE(&server, &r, "b");
}
END_TEST

START_TEST(a_call_that_is_served_can_be_given_up) {
        struct served r, next;
        struct call c, d;

        call(&caller, "a", &c);
        RECEIVE(&server, &r, "a");
        ck_assert_int_eq(service_give_up(&caller, &c), 0);
        ck_assert_uint_eq(count(CALL_ABANDONED), 1);
        ck_assert(service_holds(&server, &r)); /* its slot is not another call's yet */
        call(&caller, "b", &d);
        ck_assert_uint_ne(d.slot, c.slot);
        ck_assert_int_eq(reply(&server, &r, "x"), 1);
        RECEIVE(&server, &next, "b");
        ck_assert_int_eq(service_fail(&server, &next, 0), 0);
        ck_assert_int_eq(service_give_up(&caller, &d), 1);
        RESULT(&caller, &d, -EREMOTEIO, "");
        service_release(&caller, &d);
        ck_assert_uint_eq(count(CALL_FREE), SLOTS);
}
END_TEST

START_TEST(nobody_serves_a_call_whose_time_is_over) {
        struct call_result result;
        struct served r;
        struct call c, d;

        call_until(&caller, "late", &c, now_usec());
        call_until(&other, "in time", &d, usec_add(now_usec(), 600 * USEC_PER_SEC));
        RECEIVE(&server, &r, "in time");
        ck_assert_uint_eq(r.deadline_usec, d.deadline_usec);
        ck_assert_int_eq(service_receive(&server, &r), -EAGAIN);
        ck_assert_int_eq(service_result_wait(&caller, &c, &result, c.deadline_usec), -ETIMEDOUT);
        ck_assert_int_eq(service_end(&caller, &c, &result, -ETIMEDOUT), -ETIMEDOUT);
        ck_assert_uint_eq(count(CALL_READY), 0);
}
END_TEST

START_TEST(slots_are_as_many_as_were_asked_for) {
        struct call c[SLOTS], more;
        struct served r;

        for (int i = 0; i < SLOTS; i++)
                ck_assert_int_eq(call(i % 2 ? &caller : &other, "x", &c[i]), 0);
        ck_assert_int_eq(service_reserve(&caller, &more), -EAGAIN);
        ck_assert_int_eq(service_reserve_wait(&caller, &more, now_usec()), -ETIMEDOUT);
        RECEIVE(&server, &r, "x");
        ck_assert_int_eq(service_reserve(&caller, &more), -EAGAIN);
        ck_assert_int_eq(service_give_up(&caller, &c[1]), 0);
        ck_assert_int_eq(call(&other, "y", &more), 0);
}
END_TEST

/* A server looks on from where it was: who calls all the time stops nobody. */
START_TEST(no_call_is_passed_over_twice_by_one_slot) {
        struct call eager, patient;
        struct served r;

        other.call_cursor = 0;
        caller.call_cursor = 2;
        call(&other, "eager", &eager);
        call(&caller, "patient", &patient);
        RECEIVE(&server, &r, "eager");
        reply(&server, &r, "");
        service_release(&other, &eager);
        call(&other, "eager", &eager);
        ck_assert_uint_eq(eager.slot, r.slot);
        RECEIVE(&server, &r, "patient");
}
END_TEST

/* ---- death --------------------------------------------------------------------------------------- */

START_TEST(an_idempotent_call_is_tried_again) {
        struct recovery got = { 0 };
        struct call_result result;
        struct served r;
        struct call c;

        call(&caller, "a", &c);
        for (uint32_t i = 1; i <= MAX_DELIVERIES; i++) {
                ck_assert_int_eq(service_result(&caller, &c, &result), -EAGAIN);
                RECEIVE(&server, &r, "a");
                ck_assert_uint_eq(r.deliveries, i);
                memset(r.reply, 'x', MESSAGE_MAX); /* half written */
                die(3, &got);
                ck_assert_uint_eq(got.returned, i < MAX_DELIVERIES ? i : MAX_DELIVERIES - 1);
        }
        ck_assert_uint_eq(got.dead, 1);
        RESULT(&caller, &c, -ECONNRESET, "killed by SIGKILL");
        service_release(&caller, &c);
        ck_assert_int_eq(service_receive(&server_2, &r), -EAGAIN);
}
END_TEST

START_TEST(another_server_replies) {
        struct served r;
        struct call c;

        call(&caller, "a", &c);
        RECEIVE(&server, &r, "a");
        die(3, NULL);
        RECEIVE(&server_2, &r, "a");
        die(3, NULL); /* once more does nothing */
        ck_assert_int_eq(reply(&server_2, &r, "done"), 0);
        RESULT(&caller, &c, 0, "done");
}
END_TEST

START_TEST(the_dead_caller_leaves_nothing) {
        struct recovery got = { 0 };
        struct call c[3], own, writing;
        struct served r[2], mine;

        for (int i = 0; i < 3; i++)
                call(&caller, "a", &c[i]);
        ck_assert_int_eq(service_reserve(&caller, &writing), 0);
        RECEIVE(&server, &r[0], "a");
        RECEIVE(&server, &r[1], "a");
        reply(&server, &r[0], "b");
        die(1, &got);
        ck_assert_uint_eq(got.cancelled, 4);
        ck_assert_uint_eq(count(CALL_FREE), SLOTS - 1);
        ck_assert_uint_eq(count(CALL_ABANDONED), 1);
        ck_assert_int_eq(reply(&server, &r[1], "b"), 1);
        ck_assert_uint_eq(count(CALL_FREE), SLOTS);
        /* Who serves himself. */
        call(&server, "own", &own);
        RECEIVE(&server, &mine, "own");
        die(3, NULL);
        ck_assert_uint_eq(count(CALL_FREE), SLOTS);
}
END_TEST

START_TEST(both_may_die) {
        struct served r;
        struct call c;

        for (int first = 0; first < 2; first++) {
                call(&caller, "a", &c);
                RECEIVE(&server, &r, "a");
                die(first ? 1 : 3, NULL);
                ck_assert_uint_eq(count(CALL_FREE), SLOTS - 1);
                die(first ? 3 : 1, NULL);
                ck_assert_uint_eq(count(CALL_FREE), SLOTS);
                ck_assert_int_eq(service_receive(&server_2, &r), -EAGAIN);
        }
}
END_TEST

START_TEST(recovery_knows_generations_apart) {
        const struct seat seat = { .object = &object, .first = 1, .count = 4, .generation = 2 };
        struct recovery got = { 0 };
        struct served r;
        struct call c;

        call(&caller, "a", &c);
        RECEIVE(&server, &r, "a");
        recover_process(NULL, &seat, 1, "killed", &got);
        ck_assert_uint_eq(got.returned + got.dead + got.cancelled, 0);
        ck_assert_int_eq(reply(&server, &r, "b"), 0);
}
END_TEST

START_TEST(at_most_once_is_served_once) {
        struct served r;
        struct call c;

        call(&caller, "a", &c);
        RECEIVE(&server, &r, "a");
        die(3, NULL);
        ck_assert_int_eq(service_receive(&server_2, &r), -EAGAIN);
        RESULT(&caller, &c, -ECONNRESET, "killed by SIGKILL");
}
END_TEST

/* ---- waiting ------------------------------------------------------------------------------------- */

START_TEST(waiting_ends_in_time_and_by_draining) {
        const _Atomic uint32_t drain = 1;
        struct call_result result;
        struct served r;
        struct call c;

        ck_assert_int_eq(service_receive_wait(&server, &r, now_usec(), NULL), -ETIMEDOUT);
        call(&caller, "a", &c);
        ck_assert_int_eq(service_result_wait(&caller, &c, &result, now_usec()), -ETIMEDOUT);
        ck_assert_int_eq(service_receive_wait(&server, &r, NEVER, &drain), -ESHUTDOWN);
        ck_assert_int_eq(service_receive_wait(&server, &r, NEVER, NULL), 0);
        ck_assert_uint_eq(atomic_load(&service_slot(&caller, c.slot)->sleeping), 0);
}
END_TEST

START_TEST(the_descriptor_becomes_readable) {
        struct pollfd p = { .fd = event_fd, .events = POLLIN };
        struct served r;
        struct call c;

        call(&caller, "a", &c);
        ck_assert_int_eq(poll(&p, 1, 0), 0); /* nobody polls: no system call */
        ck_assert_int_eq(service_receive_poll(&server, &r), 0);
        ck_assert_int_eq(service_receive_poll(&server, &r), -EAGAIN);
        call(&other, "b", &c);
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        ck_assert_int_eq(service_receive_poll(&server, &r), 0);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
}
END_TEST

/* ---- memory -------------------------------------------------------------------------------------- */

START_TEST(geometry_is_checked) {
        const struct geometry good = { .kind = OBJECT_SERVICE, .slots = 8, .message_max = 100 };
        struct geometry g = good;

        ck_assert_int_eq(geometry_check(&g), 0);
        g.slots = 12;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.slots = 1;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.slots = 8192;
        ck_assert_int_eq(geometry_check(&g), -E2BIG);
        g = good;
        g.message_max = 0;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g = good;
        g.policy = _SERVICE_POLICY_N;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.policy = SERVICE_IDEMPOTENT;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.max_deliveries = DELIVERIES_MAX + 1;
        ck_assert_int_eq(geometry_check(&g), -E2BIG);
        g.policy = SERVICE_AT_MOST_ONCE;
        g.max_deliveries = 2;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
}
END_TEST

/* Whatever is in the memory, each operation ends, and stays within it. */
START_TEST(hostile_memory_harms_nobody) {
        const size_t from = sizeof(struct region_header);
        uint64_t seed = 1;

        for (int round = 0; round < 2000; round++) {
                struct call_result result = { 0 };
                struct served r;
                struct call c;

                for (size_t i = from; i < region.size; i++) {
                        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
                        ((unsigned char *)region.base)[i] = (unsigned char)(round % 3 ? seed >> 56 : (uint64_t)round);
                }
                /* The states come up often enough only if most of a word is as it should be. */
                for (uint32_t i = 0; i < SLOTS; i++) {
                        uint32_t owner = round & 1 ? owner_make(1 + i, 1) : (uint32_t)seed & WORD_OWNER_MASK;
                        uint64_t w = call_word(0, owner, 1, (enum call_state)((seed >> (8 * i)) & 7));

                        if (round % 5)
                                atomic_store(&service_slot(&caller, i)->word, w);
                }
                if (call(&caller, "a", &c) == 0) {
                        (void)service_result(&caller, &c, &result);
                        ck_assert_uint_le(result.size, MESSAGE_MAX);
                        (void)service_give_up(&caller, &c);
                }
                while (service_receive(&server, &r) == 0) {
                        ck_assert_uint_le(r.size, MESSAGE_MAX);
                        ck_assert_uint_lt(r.slot, SLOTS);
                        ck_assert_int_ge(reply(&server, &r, "x"), 0);
                }
                for (uint32_t p = 1; p <= 4; p++)
                        die(p, NULL);
                object.ops->wake_all(&object);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("service");
        TCase *c = tcase_create("idempotent"), *once = tcase_create("at most once");
        const TTest *tests[] = {
                each_reply_reaches_its_caller, only_the_server_may_finish_and_only_once, a_call_that_is_over_is_nobodys,
                a_call_that_is_served_can_be_given_up, nobody_serves_a_call_whose_time_is_over,
                slots_are_as_many_as_were_asked_for, no_call_is_passed_over_twice_by_one_slot,
                an_idempotent_call_is_tried_again, another_server_replies, the_dead_caller_leaves_nothing, both_may_die,
                recovery_knows_generations_apart, waiting_ends_in_time_and_by_draining, the_descriptor_becomes_readable,
                geometry_is_checked, hostile_memory_harms_nobody,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        tcase_add_checked_fixture(once, setup_once, teardown);
        tcase_add_test(once, at_most_once_is_served_once);
        suite_add_tcase(suite, once);
        return harness_run(suite);
}
