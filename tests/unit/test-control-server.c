/* SPDX-License-Identifier: MIT */

/*
 * The control server, and what strangers and fools may send it
 */

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "control-fixture.h"
#include "daemon/control/calls.h"
#include "daemon/control/connection.h"
#include "daemon/words.h"
#include "harness.h"

#define INVALID GANGER__V1__ERROR_CODE__ERROR_INVALID
#define LIMIT GANGER__V1__ERROR_CODE__ERROR_LIMIT
#define NO_SUCH_NAME GANGER__V1__ERROR_CODE__ERROR_NO_SUCH_NAME
#define PERMISSION GANGER__V1__ERROR_CODE__ERROR_PERMISSION

/** For a status of 1,000 instances. The sanitizers' own work is not what is measured. */
#if defined __SANITIZE_ADDRESS__
#define STATUS_LIMIT_USEC 100000
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define STATUS_LIMIT_USEC 100000
#endif
#endif
#ifndef STATUS_LIMIT_USEC
#define STATUS_LIMIT_USEC 5000
#endif

static Ganger__V1__StatusRequest status_request;
static Ganger__V1__Request request;

/** A status request in `request`. */
static Ganger__V1__Request *ask_status(uint64_t id, char **names, size_t n_names, uint32_t log_lines) {
        ganger__v1__request__init(&request);
        ganger__v1__status_request__init(&status_request);
        status_request.names = names;
        status_request.n_names = n_names;
        status_request.log_lines = log_lines;
        request.id = id;
        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &status_request;
        return &request;
}

/* ---- frames ------------------------------------------------------------------------------------ */

START_TEST(garbage_gets_one_error_and_the_end) {
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        client_send(&c, "\0\0\0\5\377\377\377\377\377", 9);
        client_expect_error(&c, 0, INVALID, "no Request");
        client_expect_end(&c);
        client_close(&c);
        server_run(&s);
        ck_assert_uint_eq(s.control->n_connections, 0);
        server_stop(&s);
}
END_TEST

START_TEST(a_huge_frame_is_refused_before_it_comes) {
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        client_send(&c, "\377\377\377\377", 4);
        client_expect_error(&c, 0, LIMIT, "1 MiB");
        client_expect_end(&c);
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(a_byte_at_a_time_is_enough) {
        static const unsigned char version[] = { 0, 0, 0, 4, 0x08, 42, 0x52, 0 };
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        for (size_t i = 0; i < sizeof version; i++) {
                client_send(&c, version + i, 1);
                server_run(&s);
        }
        client_expect_version(&c, 42);
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(an_unknown_call_leaves_the_connection_alone) {
        static const unsigned char unknown[] = { 0, 0, 0, 6, 0x08, 9, 0xfa, 0x3e, 1, 'x' };
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        client_send(&c, unknown, sizeof unknown);
        client_expect_error(&c, 9, INVALID, "does not know");
        client_send(&c, "\0\0\0", 4); /* an empty frame is a request without a call */
        client_expect_error(&c, 0, INVALID, "does not know");
        client_ask_version(&c, 10);
        client_expect_version(&c, 10);
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(descriptors_are_not_kept) {
        int fds[16];
        struct server s;
        struct client c;

        server_start(&s);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = 0;
        client_open(&c, &s); /* with a whole frame */
        ck_assert_int_eq(fd_send(c.fd, "\0\0\0\4\10\52\122", 8, fds, 1), 8);
        client_expect_error(&c, 0, INVALID, "descriptors");
        client_expect_end(&c);
        client_close(&c);

        client_open(&c, &s); /* with one that never ends */
        ck_assert_int_eq(fd_send(c.fd, "\0", 1, fds, ARRAY_SIZE(fds)), 1);
        client_expect_error(&c, 0, INVALID, "descriptors");
        client_expect_end(&c);
        client_close(&c);
        server_stop(&s); /* the harness counts descriptors */
}
END_TEST

/** A status request with that many empty names. @return its bytes with the length. */
static size_t tiny_names(unsigned char *frame, size_t n) {
        size_t body = 2 * n;
        unsigned char *p = frame + 4;

        *p++ = 0x5a;
        *p++ = (unsigned char)(0x80 | (body & 0x7f));
        *p++ = (unsigned char)(0x80 | (body >> 7 & 0x7f));
        *p++ = (unsigned char)(body >> 14);
        for (size_t i = 0; i < n; i++) {
                *p++ = 0x0a;
                *p++ = 0;
        }
        body = (size_t)(p - frame) - 4;
        frame[0] = 0;
        frame[1] = (unsigned char)(body >> 16);
        frame[2] = (unsigned char)(body >> 8);
        frame[3] = (unsigned char)body;
        return body + 4;
}

START_TEST(many_tiny_parts_are_refused) {
        _cleanup_(freep) unsigned char *frame = malloc(FRAME_SIZE_MAX + 4);
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        client_send(&c, frame, tiny_names(frame, 50000));
        client_expect_error(&c, 0, LIMIT, "names");
        client_send(&c, frame, tiny_names(frame, 500000));
        client_expect_error(&c, 0, INVALID, "too many parts");
        client_expect_end(&c);
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(half_closed_is_answered) {
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        client_ask_version(&c, 1);
        client_ask_version(&c, 2);
        ck_assert_int_eq(shutdown(c.fd, SHUT_WR), 0);
        client_expect_version(&c, 1);
        client_expect_version(&c, 2);
        client_expect_end(&c);
        client_close(&c);
        server_stop(&s);
}
END_TEST

/* ---- many connections -------------------------------------------------------------------------- */

START_TEST(connections_up_to_the_limit) {
        static struct client clients[CONTROL_CONNECTIONS_PER_UID_MAX + 1];
        struct rlimit limit;
        struct server s;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = limit.rlim_max;
        if (limit.rlim_cur < 3 * ARRAY_SIZE(clients) || setrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        server_start(&s);
        for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
                client_open(&clients[i], &s);
                if (i % 100 == 99)
                        server_run(&s);
        }
        for (size_t i = 0; i < ARRAY_SIZE(clients) - 1; i++)
                client_ask_version(&clients[i], i);
        for (size_t i = 0; i < ARRAY_SIZE(clients) - 1; i++)
                client_expect_version(&clients[i], i);
        client_expect_error(&clients[ARRAY_SIZE(clients) - 1], 0, LIMIT, "too many connections");
        client_expect_end(&clients[ARRAY_SIZE(clients) - 1]);
        for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
                client_close(&clients[i]);
        server_run(&s);
        ck_assert_uint_eq(s.control->n_connections, 0);
        server_stop(&s);
}
END_TEST

START_TEST(without_descriptors_it_waits_and_does_not_spin) {
        struct rlimit saved, low;
        struct client a, b;
        struct server s;

        server_start(&s);
        client_open(&a, &s);
        client_ask_version(&a, 1);
        client_expect_version(&a, 1);
        client_open(&b, &s);
        client_ask_version(&b, 2);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &saved), 0);
        low = saved;
        low.rlim_cur = 3;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
        ck_assert_uint_lt(server_run(&s), 10);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &saved), 0);
        ck_assert_uint_eq(s.control->n_connections, 1);
        client_close(&a); /* a connection ends, so there is room */
        client_expect_version(&b, 2);
        client_close(&b);
        server_stop(&s);
}
END_TEST

/** Connect as somebody else. */
static void client_open_as(struct client *c, struct server *s, uid_t uid) {
        ck_assert_int_eq(seteuid(uid), 0);
        client_open(c, s);
        ck_assert_int_eq(seteuid(0), 0);
}

static void ask_attach(struct client *c, uint64_t id) {
        Ganger__V1__AttachRequest attach = GANGER__V1__ATTACH_REQUEST__INIT;
        Ganger__V1__Request r = GANGER__V1__REQUEST__INIT;

        attach.ring = (char *)"jobs";
        attach.send = true;
        r.id = id;
        r.call_case = GANGER__V1__REQUEST__CALL_ATTACH;
        r.attach = &attach;
        client_ask(c, &r);
}

START_TEST(strangers_have_nothing_and_little_room) {
        struct client strangers[CONTROL_STRANGERS_PER_UID_MAX + 1], root;
        struct server s;

        if (geteuid() != 0 || seteuid(65533) < 0 || seteuid(0) < 0)
                return; /* not root, or root of a namespace that has nobody else */
        server_start(&s);
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
                client_open_as(&strangers[i], &s, 65533);
        for (size_t i = 0; i < ARRAY_SIZE(strangers) - 1; i++)
                client_ask_version(&strangers[i], i);
        for (size_t i = 0; i < ARRAY_SIZE(strangers) - 1; i++)
                client_expect_error(&strangers[i], i, PERMISSION, "uid 65533 (pid ");
        client_expect_error(&strangers[ARRAY_SIZE(strangers) - 1], 0, LIMIT, "too many");
        ask_attach(&strangers[0], 3);
        client_expect_error(&strangers[0], 3, PERMISSION, "that needs the class 'produce'");
        client_open(&root, &s);
        client_ask_version(&root, 5);
        client_expect_version(&root, 5);
        client_close(&root);
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
                client_close(&strangers[i]);
        server_stop(&s);
}
END_TEST

/* ---- many requests ----------------------------------------------------------------------------- */

START_TEST(answers_that_are_not_read_hold_up_the_asker_only) {
        enum { N = 150 };
        struct client fool, other;
        struct connection *c;
        struct server s;

        server_start(&s);
        server_grow(&s, 200);
        client_open(&fool, &s);
        for (unsigned int i = 0; i < N; i++)
                client_ask(&fool, ask_status(i + 1, NULL, 0, 0));
        server_run(&s);
        c = server_connection(&s);
        ck_assert_uint_ge(c->writer.queued, CONNECTION_PAUSE);
        ck_assert_uint_lt(c->writer.queued, CONNECTION_PAUSE + 64 * 1024);
        ck_assert(c->stalling);
        client_open(&other, &s);
        client_ask_version(&other, 1);
        client_expect_version(&other, 1);
        for (unsigned int i = 0; i < N; i++) {
                _cleanup_(replyp) Ganger__V1__Reply *reply = client_reply(&fool);

                ck_assert_uint_eq(reply->id, i + 1);
                ck_assert_uint_eq(reply->status->workers[0]->n_instances, 200);
        }
        ck_assert(!c->stalling);
        client_close(&fool);
        client_close(&other);
        server_stop(&s);
}
END_TEST

static void ask_events(struct client *c, uint64_t id, uint32_t past, bool follow) {
        Ganger__V1__EventsRequest events = GANGER__V1__EVENTS_REQUEST__INIT;
        Ganger__V1__Request r = GANGER__V1__REQUEST__INIT;

        events.past = past;
        events.follow = follow;
        r.id = id;
        r.call_case = GANGER__V1__REQUEST__CALL_EVENTS;
        r.events = &events;
        client_ask(c, &r);
}

START_TEST(streams_of_one_connection_are_limited) {
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        for (unsigned int i = 0; i <= CONNECTION_REQUESTS_MAX; i++)
                ask_events(&c, i, 0, true);
        client_expect_error(&c, CONNECTION_REQUESTS_MAX, LIMIT, "wait for their answers");
        client_ask_version(&c, 99); /* what is answered at once still goes */
        client_expect_version(&c, 99);
        client_close(&c);
        server_run(&s);
        ck_assert(list_is_empty(&s.gang.events.listeners));
        server_stop(&s);
}
END_TEST

/* ---- streams ----------------------------------------------------------------------------------- */

static const struct event state_event = { .kind = EVENT_STATE, .state = "ready", .pid = 7 };

START_TEST(past_events_then_the_end) {
        struct server s;
        struct client c;

        server_start(&s);
        for (unsigned int i = 1; i <= 5; i++)
                events_add(&s.gang.events, "w/0", &state_event, "event %u", i);
        client_open(&c, &s);
        ask_events(&c, 3, 2, false);
        for (unsigned int i = 4; i <= 6; i++) {
                _cleanup_(replyp) Ganger__V1__Reply *reply = client_reply(&c);

                ck_assert_uint_eq(reply->id, 3);
                ck_assert(reply->more == (i < 6));
                if (i == 6)
                        break;
                ck_assert_uint_eq(reply->event->sequence, i);
                ck_assert_str_eq(reply->event->kind, "state");
                ck_assert_str_eq(reply->event->state, "ready");
        }
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(a_slow_reader_of_events_finds_a_gap) {
        enum { N = 100000 };
        uint64_t last = 0, gaps = 0;
        struct connection *connection;
        struct server s;
        struct client c;

        server_start(&s);
        client_open(&c, &s);
        ask_events(&c, 1, 0, true);
        server_run(&s);
        connection = server_connection(&s);
        for (unsigned int i = 1; i <= N; i++) {
                events_add(&s.gang.events, "w/0", &state_event, "event %u of a flood that nobody reads", i);
                if (i % 500 == 0)
                        server_run(&s);
                ck_assert_uint_le(connection->writer.queued, CONNECTION_STREAM + 1024);
        }
        while (last < N) {
                _cleanup_(replyp) Ganger__V1__Reply *reply = client_reply(&c);

                ck_assert(reply->more);
                ck_assert_uint_gt(reply->event->sequence, last);
                gaps += reply->event->sequence != last + 1;
                last = reply->event->sequence;
        }
        ck_assert_uint_ge(gaps, 1);
        ck_assert(!connection->broken);
        client_close(&c);
        server_stop(&s);
}
END_TEST

static void ask_logs(struct client *c, uint64_t id, char **names, size_t n_names, uint32_t lines,
                     bool follow) {
        Ganger__V1__LogsRequest logs = GANGER__V1__LOGS_REQUEST__INIT;
        Ganger__V1__Request r = GANGER__V1__REQUEST__INIT;

        logs.names = names;
        logs.n_names = n_names;
        logs.lines = lines;
        logs.follow = follow;
        r.id = id;
        r.call_case = GANGER__V1__REQUEST__CALL_LOGS;
        r.logs = &logs;
        client_ask(c, &r);
}

static void expect_line(struct client *c, const char *key, const char *text) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = client_reply(c);

        ck_assert_ptr_nonnull(reply->log);
        ck_assert(reply->more);
        ck_assert_str_eq(reply->log->key, key);
        ck_assert_str_eq(reply->log->text, text);
        ck_assert_str_eq(reply->log->stream, "stderr");
        ck_assert_int_eq(reply->log->pid, 4711);
}

START_TEST(lines_of_the_past_and_those_that_come) {
        char *one[] = { (char *)"w/1" };
        struct server s;
        struct client c;

        server_start(&s);
        server_grow(&s, 3);
        server_line(&s, 0, "a", 0);
        server_line(&s, 1, "b", 0);
        server_line(&s, 1, "c", 0);
        client_open(&c, &s);
        ask_logs(&c, 1, NULL, 0, 1, false);
        expect_line(&c, "w/0", "a");
        expect_line(&c, "w/1", "c");
        replyp(&(Ganger__V1__Reply *){ client_reply(&c) });
        ask_logs(&c, 2, one, 1, 0, true);
        server_run(&s);
        server_line(&s, 0, "d", 0);
        server_line(&s, 1, "e", 0);
        expect_line(&c, "w/1", "e");
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(a_slow_reader_of_logs_is_told_how_much_it_missed) {
        enum { N = 50000 };
        uint64_t seen = 0, dropped = 0;
        struct connection *connection;
        Ganger__V1__Reply *reply;
        struct server s;
        struct client c;

        server_start(&s);
        server_grow(&s, 1);
        client_open(&c, &s);
        ask_logs(&c, 1, NULL, 0, 0, true);
        server_run(&s);
        connection = server_connection(&s);
        for (unsigned int i = 0; i < N; i++) {
                server_line(&s, 0, "a line of a flood, one of very many that nobody has the time to read", 0);
                ck_assert_uint_le(connection->writer.queued, CONNECTION_STREAM + 1024);
        }
        for (; client_reply_try(&c, &reply); replyp(&reply))
                seen += 1 + reply->log->dropped;
        server_line(&s, 0, "the last", 5);
        reply = client_reply(&c);
        dropped = reply->log->dropped;
        replyp(&reply);
        ck_assert_uint_gt(dropped, 5);
        ck_assert_uint_eq(seen + dropped - 5, N);
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(a_past_that_is_longer_than_the_queue_comes_whole) {
        enum { INSTANCES = 200, LINES = 50 };
        size_t n = 0;
        Ganger__V1__Reply *reply;
        struct server s;
        struct client c;

        server_start(&s);
        server_grow(&s, INSTANCES);
        for (size_t i = 0; i < INSTANCES; i++)
                for (size_t k = 0; k < LINES; k++)
                        server_line(&s, i, "a line long enough to fill, with many others, a queue", 0);
        client_open(&c, &s);
        ask_logs(&c, 1, NULL, 0, LINES, true);
        server_run(&s);
        server_line(&s, INSTANCES - 1, "in the tail by then", 0);
        ck_assert_uint_le(server_connection(&s)->writer.queued, CONNECTION_STREAM + 1024);
        for (; client_reply_try(&c, &reply); replyp(&reply), n++)
                ck_assert_uint_eq(reply->log->dropped, 0);
        ck_assert_uint_eq(n, INSTANCES * LINES);
        client_close(&c);
        server_stop(&s);
}
END_TEST

/* ---- status ------------------------------------------------------------------------------------ */

START_TEST(status_by_name) {
        char *names[] = { (char *)"w/1", (char *)"w/1", (char *)"w/0" };
        char *typo[] = { (char *)"v" }, *beyond[] = { (char *)"w/9" };
        _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;
        struct server s;
        struct client c;

        server_start(&s);
        server_grow(&s, 3);
        client_open(&c, &s);
        client_ask(&c, ask_status(1, names, 3, 0));
        reply = client_reply(&c);
        ck_assert_uint_eq(reply->status->n_workers, 1);
        ck_assert_uint_eq(reply->status->workers[0]->n_instances, 2);
        ck_assert_str_eq(reply->status->workers[0]->instances[0]->key, "w/0");
        ck_assert_str_eq(reply->status->workers[0]->exec[1], "--fast");
        client_ask(&c, ask_status(2, typo, 1, 0));
        client_expect_error(&c, 2, NO_SUCH_NAME, "did you mean 'w'?");
        client_ask(&c, ask_status(3, beyond, 1, 0));
        client_expect_error(&c, 3, NO_SUCH_NAME, "worker 'w' has 3");
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_repaired) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;
        char *name[] = { (char *)"\377\300" };
        struct server s;
        struct client c;

        server_start(&s);
        server_grow(&s, 1);
        words_set(&s.worker.instances[0]->status_text, 64, "gr\303\274n \377\355\240\200 cut \342\202");
        s.worker.instances[0]->last_valid = true;
        s.worker.instances[0]->last_status = 9;
        client_open(&c, &s);
        client_ask(&c, ask_status(1, NULL, 0, 0));
        reply = client_reply(&c);
        ck_assert_str_eq(reply->status->workers[0]->instances[0]->status_text, "gr\303\274n ???? cut ??");
        ck_assert_str_eq(reply->status->workers[0]->instances[0]->last_exit, "killed by SIGKILL");
        client_ask(&c, ask_status(2, name, 1, 0));
        client_expect_error(&c, 2, NO_SUCH_NAME, "'\?\?'");
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(status_of_a_thousand_is_quick) {
        uint64_t best = USEC_INFINITY;
        struct server s;
        struct client c;

        server_start(&s);
        server_grow(&s, 1000);
        client_open(&c, &s);
        for (unsigned int i = 0; i < 10; i++) {
                uint64_t start = now_usec();
                _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;

                client_ask(&c, ask_status(i, NULL, 0, 0));
                reply = client_reply(&c);
                best = MIN(best, now_usec() - start);
                ck_assert_uint_eq(reply->status->workers[0]->n_instances, 1000);
        }
        printf("status of 1,000 instances, packed, sent and unpacked: %u us\n", (unsigned int)best);
        ck_assert_uint_le(best, STATUS_LIMIT_USEC);
        client_close(&c);
        server_stop(&s);
}
END_TEST

START_TEST(an_answer_that_does_not_fit_a_frame_is_an_error) {
        struct server s;
        struct client c;

        server_start(&s);
        server_grow(&s, 400);
        for (size_t i = 0; i < 400; i++)
                for (size_t k = 0; k < 100; k++)
                        server_line(&s, i, "a line of some length, one hundred for each of the instances", 0);
        client_open(&c, &s);
        client_ask(&c, ask_status(1, NULL, 0, 100));
        client_expect_error(&c, 1, LIMIT, "does not fit");
        client_ask_version(&c, 2);
        client_expect_version(&c, 2);
        client_close(&c);
        server_stop(&s);
}
END_TEST

/* ---- the socket -------------------------------------------------------------------------------- */

/* ---- grants ------------------------------------------------------------------------------------ */

/** A group that nobody has on this machine. */
#define GROUP 64242
#define GUEST 65533

static bool is_root_of_all(void) {
        return geteuid() == 0 && seteuid(GUEST) == 0 && seteuid(0) == 0;
}

/* A server with `w`, of which `allow` holds, and `hidden`, of which it does not. */
struct guarded {
        struct server s;
        struct worker_definition allowing, plain;
        struct worker hidden;
        char *allow[2];
};

static void guarded_start(struct guarded *g, const char *allow) {
        *g = (struct guarded){ .allow = { (char *)(uintptr_t)allow, NULL } };
        server_start(&g->s);
        server_grow(&g->s, 1);
        g->plain = g->allowing = *g->s.worker.definition;
        g->allowing.allow = g->allow;
        g->s.worker.definition = &g->allowing;
        g->hidden = (struct worker){ .gang = &g->s.gang, .name = (char *)"hidden", .definition = &g->plain };
        list_append(&g->s.gang.workers, &g->hidden.link);
        ck_assert_int_eq(map_add(&g->s.gang.workers_by_name, &g->hidden.node, "hidden"), 0);
}

static void guarded_stop(struct guarded *g) {
        map_remove(&g->s.gang.workers_by_name, &g->hidden.node);
        server_stop(&g->s);
}

static void ask_stop(struct client *c, uint64_t id, const char *name) {
        Ganger__V1__StopRequest stop = GANGER__V1__STOP_REQUEST__INIT;
        Ganger__V1__Request r = GANGER__V1__REQUEST__INIT;
        char *names[] = { (char *)(uintptr_t)name };

        stop.names = names;
        stop.n_names = name != NULL;
        stop.all = !name;
        r.id = id;
        r.call_case = GANGER__V1__REQUEST__CALL_STOP;
        r.stop = &stop;
        client_ask(c, &r);
}

static void expect_workers(struct client *c, uint64_t id, size_t n) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;

        client_ask(c, ask_status(id, NULL, 0, 0));
        reply = client_reply(c);
        ck_assert_ptr_nonnull(reply);
        ck_assert_msg(!reply->error, "%s", reply->error ? reply->error->message : "");
        ck_assert_uint_eq(reply->status->n_workers, n);
        if (n > 0)
                ck_assert_str_eq(reply->status->workers[0]->name, "w");
}

START_TEST(guests_see_what_is_theirs) {
        struct client guest, root;
        struct guarded g;

        if (!is_root_of_all())
                return;
        guarded_start(&g, "65533:view");
        client_open_as(&guest, &g.s, GUEST);
        client_open(&root, &g.s);
        client_ask_version(&guest, 1);
        client_expect_version(&guest, 1);
        expect_workers(&guest, 2, 1);
        expect_workers(&root, 3, 2);
        ask_stop(&guest, 4, "w");
        client_expect_error(&guest, 4, PERMISSION, "may not ask for 'stop' of 'w': that needs the class 'operate' on it");
        ask_stop(&guest, 5, NULL);
        client_expect_error(&guest, 5, PERMISSION, "'stop': that needs the class 'operate' on any worker");
        client_close(&guest);
        client_close(&root);
        guarded_stop(&g);
}
END_TEST

/* What is hidden and what is not there are denied in the same words. */
START_TEST(guests_do_not_learn_names) {
        static const char *const there[] = { "hidden", "hidden/0" }, *const not_there[] = { "hiddem", "hiddem/0" };
        struct client guest;
        struct guarded g;

        if (!is_root_of_all())
                return;
        guarded_start(&g, "65533:admin");
        client_open_as(&guest, &g.s, GUEST);
        for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
                _cleanup_(replyp) Ganger__V1__Reply *one = NULL, *other = NULL;
                char *mark;

                client_ask(&guest, ask_status(1, (char *[]){ (char *)(uintptr_t)there[i] }, 1, 0));
                one = client_reply(&guest);
                client_ask(&guest, ask_status(1, (char *[]){ (char *)(uintptr_t)not_there[i] }, 1, 0));
                other = client_reply(&guest);
                ck_assert(one->error && other->error && one->error->code == PERMISSION && other->error->code == PERMISSION);
                mark = strstr(other->error->message, "hiddem");
                ck_assert_ptr_nonnull(mark);
                mark[5] = 'n';
                ck_assert_str_eq(one->error->message, other->error->message);
        }
        /* Of what he may see, he is told. */
        client_ask(&guest, ask_status(2, (char *[]){ (char *)"w/7" }, 1, 0));
        client_expect_error(&guest, 2, NO_SUCH_NAME, "worker 'w' has 1");
        client_close(&guest);
        guarded_stop(&g);
}
END_TEST

static void expect_event(struct client *c, const char *key, bool more) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = client_reply(c);

        ck_assert_ptr_nonnull(reply);
        ck_assert(reply->more == more);
        if (more)
                ck_assert_str_eq(reply->event->key, key);
}

START_TEST(guests_are_told_of_what_is_theirs) {
        char *hidden[] = { (char *)"hidden" };
        struct client guest;
        struct guarded g;

        if (!is_root_of_all())
                return;
        guarded_start(&g, "65533:view");
        events_add(&g.s.gang.events, "hidden/0", &state_event, "one");
        events_add(&g.s.gang.events, "w/0", &state_event, "two");
        events_add(&g.s.gang.events, "", &(struct event){ .kind = EVENT_RELOAD }, "three");
        events_add(&g.s.gang.events, "", &(struct event){ .kind = EVENT_MANAGER }, "four");
        events_add(&g.s.gang.events, "w", &(struct event){ .kind = EVENT_QUARANTINE }, "of a ring of that name");
        client_open_as(&guest, &g.s, GUEST);
        ask_events(&guest, 1, 10, false);
        expect_event(&guest, "w/0", true);
        expect_event(&guest, "", true);
        expect_event(&guest, NULL, false);
        ask_logs(&guest, 2, hidden, 1, 10, true);
        client_expect_error(&guest, 2, PERMISSION, "that needs the class 'view' on it");
        ask_logs(&guest, 3, NULL, 0, 0, true);
        server_run(&g.s);
        server_line(&g.s, 0, "seen", 0);
        expect_line(&guest, "w/0", "seen");
        /* A reload takes it away: from the streams that are open too. */
        g.allow[0] = (char *)"65532:view";
        server_line(&g.s, 0, "not seen", 0);
        client_ask_version(&guest, 4);
        client_expect_error(&guest, 4, PERMISSION, "on anything");
        client_close(&guest);
        guarded_stop(&g);
}
END_TEST

START_TEST(groups_are_those_of_the_connect) {
        const gid_t groups[] = { 3, GROUP };
        struct client in, out;
        struct guarded g;

        if (!is_root_of_all() || setgroups(2, groups) < 0)
                return;
        guarded_start(&g, "@64242:view");
        client_open_as(&in, &g.s, GUEST);
        ck_assert_int_eq(setgroups(1, groups), 0);
        client_open_as(&out, &g.s, GUEST);
        expect_workers(&in, 1, 1);
        client_ask(&out, ask_status(2, NULL, 0, 0));
        client_expect_error(&out, 2, PERMISSION, "on anything");
        client_close(&in);
        client_close(&out);
        guarded_stop(&g);
}
END_TEST

static struct gang_object *add_object(struct guarded *g, struct gang_object *object, const struct object_definition *definition) {
        *object = (struct gang_object){ .gang = &g->s.gang, .name = definition->name, .definition = definition,
                                        .geometry = { .kind = definition->kind } };
        list_append(&g->s.gang.objects.list, &object->link);
        ck_assert_int_eq(map_add(&g->s.gang.objects.by_name, &object->node, object->name), 0);
        return object;
}

static void remove_object(struct guarded *g, struct gang_object *object) {
        list_unlink(&object->link);
        map_remove(&g->s.gang.objects.by_name, &object->node);
}

/* Whoever may send may not receive; and to hold a lock is no less than to operate it. */
START_TEST(objects_are_had_by_class) {
        char *produce[] = { (char *)"65533:produce", NULL }, *both[] = { (char *)"65533:produce", (char *)"65533:consume", NULL };
        const struct object_definition ring = { .name = (char *)"jobs", .kind = OBJECT_QUEUE, .allow = produce };
        const struct object_definition lock = { .name = (char *)"gate", .kind = OBJECT_MONITOR, .allow = both };
        static const struct { const char *name; bool receive, send; const char *told; } wishes[] = {
                { "jobs", true, false, "'attach' of 'jobs': that needs the class 'consume' on it" },
                { "jobs", true, true, "'attach' of 'jobs': that needs the class 'consume' on it" },
                { "jobs", false, false, "'attach' of 'jobs': that needs the class 'consume' on it" },
                { "gate", true, true, "'attach' of 'gate': that needs the class 'operate' on it" },
                { "gone", false, true, "'attach' of 'gone': that needs the class 'produce' on it" },
        };
        struct gang_object objects[2];
        struct client guest;
        struct guarded g;

        if (!is_root_of_all())
                return;
        guarded_start(&g, "65532:view");
        add_object(&g, &objects[0], &ring);
        add_object(&g, &objects[1], &lock);
        client_open_as(&guest, &g.s, GUEST);
        for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
                Ganger__V1__AttachRequest attach = GANGER__V1__ATTACH_REQUEST__INIT;
                Ganger__V1__Request r = GANGER__V1__REQUEST__INIT;

                attach.ring = (char *)(uintptr_t)wishes[i].name;
                attach.receive = wishes[i].receive;
                attach.send = wishes[i].send;
                r.id = i + 1;
                r.call_case = GANGER__V1__REQUEST__CALL_ATTACH;
                r.attach = &attach;
                client_ask(&guest, &r);
                client_expect_error(&guest, i + 1, PERMISSION, wishes[i].told);
        }
        client_close(&guest);
        remove_object(&g, &objects[0]);
        remove_object(&g, &objects[1]);
        map_done(&g.s.gang.objects.by_name);
        guarded_stop(&g);
}
END_TEST

/* Whoever anybody may be: there is room for root. */
START_TEST(guests_have_a_room_of_their_own) {
        struct client guests[CONTROL_GUESTS_PER_UID_MAX + 1], root;
        struct guarded g;

        if (!is_root_of_all())
                return;
        guarded_start(&g, "*:view");
        for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
                client_open_as(&guests[i], &g.s, GUEST);
                server_run(&g.s);
        }
        client_expect_error(&guests[ARRAY_SIZE(guests) - 1], 0, LIMIT, "too many");
        for (size_t i = 0; i < ARRAY_SIZE(guests) - 1; i++)
                expect_workers(&guests[i], i, 1);
        client_open(&root, &g.s);
        expect_workers(&root, 1, 2);
        client_close(&root);
        for (size_t i = 0; i < ARRAY_SIZE(guests); i++)
                client_close(&guests[i]);
        guarded_stop(&g);
}
END_TEST

START_TEST(the_next_manager_takes_the_socket_over) {
        struct server s;
        struct client c;
        struct stat st;
        char path[64];
        bool made = true;
        int fd;

        server_start(&s);
        snprintf(path, sizeof path, "%s/control", s.directory);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0666);
        fd = dup(control_fd(s.control)); /* as the keeper has it */
        s.control = control_done(s.control);
        client_open(&c, &s); /* while there is no manager */
        client_ask_version(&c, 1);
        ck_assert_int_eq(control_init(&s.control, &s.gang, fd, &made), 0);
        ck_assert(!made);
        client_expect_version(&c, 1);
        client_close(&c);
        ck_assert_int_eq(control_init(&s.control, &s.gang, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                                      &made),
                         -EINVAL);
        server_stop(&s);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("control-server", garbage_gets_one_error_and_the_end,
                                         a_huge_frame_is_refused_before_it_comes, a_byte_at_a_time_is_enough,
                                         an_unknown_call_leaves_the_connection_alone,
                                         descriptors_are_not_kept,
                                         many_tiny_parts_are_refused, half_closed_is_answered,
                                         connections_up_to_the_limit,
                                         without_descriptors_it_waits_and_does_not_spin,
                                         strangers_have_nothing_and_little_room,
                                         answers_that_are_not_read_hold_up_the_asker_only,
                                         streams_of_one_connection_are_limited, past_events_then_the_end,
                                         a_slow_reader_of_events_finds_a_gap,
                                         lines_of_the_past_and_those_that_come,
                                         a_slow_reader_of_logs_is_told_how_much_it_missed,
                                         a_past_that_is_longer_than_the_queue_comes_whole, status_by_name,
                                         text_that_is_not_utf8_is_repaired, status_of_a_thousand_is_quick,
                                         an_answer_that_does_not_fit_a_frame_is_an_error, guests_see_what_is_theirs,
                                         guests_do_not_learn_names, guests_are_told_of_what_is_theirs,
                                         groups_are_those_of_the_connect, objects_are_had_by_class, guests_have_a_room_of_their_own,
                                         the_next_manager_takes_the_socket_over));
}
