/* SPDX-License-Identifier: MIT */
/* The control client: calls, lost connections, garbage, streams over a restart. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "fake-control.h"
#include "ganger-control.h"
#include "ganger.h"
#include "harness.h"

struct fixture {
        struct fake fake;
        struct ganger_control *client;
        Ganger__V1__Request request;
        Ganger__V1__VersionRequest version;
        Ganger__V1__RestartRequest restart;
        Ganger__V1__EventsRequest events;
        Ganger__V1__LogsRequest logs;
        Ganger__V1__AttachRequest attach;
        Ganger__V1__Reply *reply;
};

static void set_up(struct fixture *f, void *(*script)(void *)) {
        memset(f, 0, sizeof *f);
        fake_init(&f->fake);
        ck_assert_int_eq(ganger_control_new(&f->client, f->fake.path), 0);
        ganger__v1__request__init(&f->request);
        ganger__v1__version_request__init(&f->version);
        ganger__v1__restart_request__init(&f->restart);
        ganger__v1__events_request__init(&f->events);
        ganger__v1__logs_request__init(&f->logs);
        ganger__v1__attach_request__init(&f->attach);
        f->request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        f->request.version = &f->version;
        if (script)
                fake_run(&f->fake, script);
}

static void tear_down(struct fixture *f) {
        ganger_control_reply_free(f->reply);
        ganger_control_free(f->client);
        fake_done(&f->fake);
}

static int call(struct fixture *f) {
        ganger_control_reply_free(TAKE(f->reply));
        return ganger_control_call(f->client, &f->request, &f->reply);
}

static void answer_version(struct fake *f, const char *version) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__VersionReply v = GANGER__V1__VERSION_REPLY__INIT;

        v.version = (char *)version;
        reply.result_case = GANGER__V1__REPLY__RESULT_VERSION;
        reply.version = &v;
        fake_reply(f, &reply, NULL, 0);
}

/* ---- calls ------------------------------------------------------------------------------------- */

static void *answer_twice(void *fake) {
        fake_accept(fake);
        for (int i = 0; i < 2 && fake_request(fake); i++)
                answer_version(fake, i == 0 ? "1.0" : "2.0");
        return NULL;
}

START_TEST(calls_share_a_connection) {
        struct fixture f;

        set_up(&f, answer_twice);
        ck_assert_int_eq(call(&f), 0);
        ck_assert_str_eq(f.reply->version->version, "1.0");
        ck_assert_int_eq(call(&f), 0);
        ck_assert_str_eq(f.reply->version->version, "2.0");
        ck_assert_str_eq(ganger_control_error(f.client), "");
        tear_down(&f);
}
END_TEST

static const struct {
        Ganger__V1__ErrorCode code;
        int error;
} refusals[] = {
        { GANGER__V1__ERROR_CODE__ERROR_FAILED, -EREMOTEIO },  { GANGER__V1__ERROR_CODE__ERROR_INVALID, -EINVAL },
        { GANGER__V1__ERROR_CODE__ERROR_NO_SUCH_NAME, -ESRCH }, { GANGER__V1__ERROR_CODE__ERROR_PERMISSION, -EPERM },
        { GANGER__V1__ERROR_CODE__ERROR_BUSY, -EBUSY },        { GANGER__V1__ERROR_CODE__ERROR_TIMEOUT, -ETIME },
        { GANGER__V1__ERROR_CODE__ERROR_LIMIT, -E2BIG },       { (Ganger__V1__ErrorCode)99, -EREMOTEIO },
};

static void *refuse_all(void *fake) {
        fake_accept(fake);
        for (size_t i = 0; i < ARRAY_SIZE(refusals) && fake_request(fake); i++)
                fake_error(fake, refusals[i].code, "because");
        return NULL;
}

START_TEST(refusals_come_with_code_and_words) {
        struct fixture f;

        set_up(&f, refuse_all);
        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                ck_assert_int_eq(call(&f), refusals[i].error);
                ck_assert_str_eq(ganger_control_error(f.client), "because");
        }
        tear_down(&f);
}
END_TEST

static void *refuse_connection(void *fake) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__Error error = GANGER__V1__ERROR__INIT;

        error.code = GANGER__V1__ERROR_CODE__ERROR_LIMIT;
        error.message = (char *)"too many clients";
        reply.error = &error;
        fake_accept(fake);
        fake_reply(fake, &reply, NULL, 0); /* before any request: no id */
        fake_request(fake);
        return NULL;
}

START_TEST(a_refused_connection_says_why) {
        struct fixture f;

        set_up(&f, refuse_connection);
        ck_assert_int_eq(call(&f), -E2BIG);
        ck_assert_str_eq(ganger_control_error(f.client), "too many clients");
        tear_down(&f);
}
END_TEST

START_TEST(no_daemon_is_told_at_once) {
        uint64_t start = now_usec();
        struct fixture f;

        set_up(&f, NULL);
        f.fake.listener = close_fd(f.fake.listener);
        ck_assert_int_eq(call(&f), -ECONNREFUSED);
        unlink(f.fake.path);
        ck_assert_int_eq(call(&f), -ENOENT);
        ck_assert_ptr_nonnull(strstr(ganger_control_error(f.client), f.fake.path));
        ck_assert_uint_lt(now_usec() - start, USEC_PER_SEC);
        tear_down(&f);
}
END_TEST

static void *die_at_each_point(void *fake) {
        static const uint8_t half[] = { 0, 0, 0, 100, 'x' };
        struct fake *f = fake;

        fake_accept(f); /* after the connection */
        fake_hang_up(f);
        fake_accept(f); /* after the request */
        fake_request(f);
        fake_hang_up(f);
        fake_accept(f); /* within the reply */
        fake_request(f);
        fake_raw(f, half, sizeof half);
        fake_hang_up(f);
        fake_accept(f);
        if (fake_request(f))
                answer_version(f, "next");
        return NULL;
}

START_TEST(a_call_survives_managers_that_die) {
        struct fixture f;

        set_up(&f, die_at_each_point);
        ck_assert_int_eq(call(&f), 0);
        ck_assert_str_eq(f.reply->version->version, "next");
        tear_down(&f);
}
END_TEST

static void *die_between_calls(void *fake) {
        for (int i = 0; i < 2; i++) {
                fake_accept(fake);
                if (fake_request(fake))
                        answer_version(fake, "x");
        }
        return NULL;
}

START_TEST(a_connection_that_died_between_calls_is_made_again) {
        struct fixture f;

        set_up(&f, die_between_calls);
        ck_assert_int_eq(call(&f), 0);
        /* The script closes this connection only when it accepts the next: shut ours as a death would. */
        shutdown(f.fake.peer, SHUT_RDWR);
        ck_assert_int_eq(call(&f), 0);
        tear_down(&f);
}
END_TEST

static void *die_for_good(void *fake) {
        fake_accept(fake);
        fake_request(fake);
        fake_unlisten(fake);
        fake_hang_up(fake);
        return NULL;
}

START_TEST(a_daemon_that_does_not_come_back_is_given_up) {
        struct fixture f;

        set_up(&f, die_for_good);
        ck_assert_int_eq(call(&f), -ECONNRESET);
        ck_assert_ptr_nonnull(strstr(ganger_control_error(f.client), "did not come back"));
        ck_assert_int_eq(ganger_control_wait_end(f.client), 0);
        tear_down(&f);
}
END_TEST

static void *restart_twice(void *fake) {
        static uint64_t before[2];
        struct fake *f = fake;

        for (int i = 0; i < 2; i++) {
                fake_accept(f);
                if (fake_request(f))
                        before[i] = f->request->restart->before_usec;
                if (i == 0)
                        fake_hang_up(f);
        }
        if (before[0] > 0 && before[0] == before[1]) {
                Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
                Ganger__V1__ChangeReply change = GANGER__V1__CHANGE_REPLY__INIT;

                reply.result_case = GANGER__V1__REPLY__RESULT_CHANGE;
                reply.change = &change;
                fake_reply(f, &reply, NULL, 0);
        }
        return NULL;
}

START_TEST(a_restart_that_is_asked_again_is_the_same_restart) {
        struct fixture f;

        set_up(&f, restart_twice);
        f.request.call_case = GANGER__V1__REQUEST__CALL_RESTART;
        f.request.restart = &f.restart;
        ck_assert_int_eq(call(&f), 0);
        tear_down(&f);
}
END_TEST

static void *say_nothing(void *fake) {
        fake_accept(fake);
        while (fake_request(fake))
                ;
        return NULL;
}

START_TEST(silence_ends_at_the_timeout) {
        uint64_t start = now_usec();
        struct fixture f;

        set_up(&f, say_nothing);
        ganger_control_set_timeout(f.client, 50 * USEC_PER_MSEC);
        ck_assert_int_eq(call(&f), -ETIMEDOUT);
        ck_assert_uint_ge(now_usec() - start, 50 * USEC_PER_MSEC);
        tear_down(&f);
}
END_TEST

/* ---- what is no reply -------------------------------------------------------------------------- */

static void *talk_garbage(void *fake) {
        static const uint8_t garbage[] = { 0, 0, 0, 3, 0xff, 0xff, 0xff }, huge[] = { 0xff, 0, 0, 0 };
        Ganger__V1__Reply wrong = GANGER__V1__REPLY__INIT, empty = GANGER__V1__REPLY__INIT, late = GANGER__V1__REPLY__INIT;
        Ganger__V1__ShutdownReply shutdown = GANGER__V1__SHUTDOWN_REPLY__INIT;

        fake_accept(fake);
        fake_request(fake);
        fake_raw(fake, garbage, sizeof garbage);
        fake_accept(fake);
        fake_request(fake);
        fake_raw(fake, huge, sizeof huge);
        fake_accept(fake);
        fake_request(fake);
        wrong.result_case = GANGER__V1__REPLY__RESULT_SHUTDOWN;
        wrong.shutdown = &shutdown;
        fake_reply(fake, &wrong, NULL, 0);
        fake_accept(fake);
        fake_request(fake);
        fake_reply(fake, &empty, NULL, 0);
        fake_accept(fake);
        fake_request(fake);
        late.id = 12345; /* of nobody: passed over */
        fake_reply(fake, &late, NULL, 0);
        answer_version(fake, "right");
        return NULL;
}

START_TEST(garbage_is_an_error_and_the_next_call_works) {
        struct fixture f;

        set_up(&f, talk_garbage);
        ck_assert_int_eq(call(&f), -EPROTO);
        ck_assert_int_eq(call(&f), -EMSGSIZE);
        ck_assert_int_eq(call(&f), -EPROTO);
        ck_assert_int_eq(call(&f), -EPROTO);
        ck_assert_int_eq(call(&f), 0);
        ck_assert_str_eq(f.reply->version->version, "right");
        tear_down(&f);
}
END_TEST

static void *hang_up_always(void *fake) {
        struct fake *f = fake;

        for (;;) {
                fake_accept(f);
                if (!fake_request(f))
                        return NULL;
                if (f->request->call_case == GANGER__V1__REQUEST__CALL_SHUTDOWN)
                        return NULL;
                fake_hang_up(f);
        }
}

START_TEST(a_daemon_that_only_hangs_up_is_given_up) {
        struct ganger_control_stream *s;
        struct fixture f;
        Ganger__V1__ShutdownRequest stop = GANGER__V1__SHUTDOWN_REQUEST__INIT;

        set_up(&f, hang_up_always);
        ganger_control_set_timeout(f.client, 200 * USEC_PER_MSEC);
        ck_assert_int_eq(call(&f), -ECONNRESET);

        f.request.call_case = GANGER__V1__REQUEST__CALL_EVENTS;
        f.request.events = &f.events;
        f.events.follow = true;
        ck_assert_int_eq(ganger_control_stream(f.client, &f.request, &s), 0);
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, -1), -ECONNRESET);
        ganger_control_stream_free(s);

        f.request.call_case = GANGER__V1__REQUEST__CALL_SHUTDOWN;
        f.request.shutdown = &stop;
        ck_assert_int_eq(call(&f), -ETIMEDOUT);
        tear_down(&f);
}
END_TEST

/* ---- descriptors ------------------------------------------------------------------------------- */

static void *pass_descriptors(void *fake) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__AttachReply attach = GANGER__V1__ATTACH_REPLY__INIT;
        const int fds[] = { 0, 1, 2 };

        fake_accept(fake);
        reply.result_case = GANGER__V1__REPLY__RESULT_ATTACH;
        reply.attach = &attach;
        for (int i = 0; i < 2 && fake_request(fake); i++) {
                reply.id = 0;
                fake_reply(fake, &reply, fds, 3);
        }
        return NULL;
}

START_TEST(descriptors_come_with_the_reply_or_are_closed) {
        int fds[GANGER_CONTROL_FDS_MAX];
        struct stat a, b;
        size_t n = 0;
        struct fixture f;

        set_up(&f, pass_descriptors);
        f.request.call_case = GANGER__V1__REQUEST__CALL_ATTACH;
        f.request.attach = &f.attach;
        ck_assert_int_eq(ganger_control_call_fds(f.client, &f.request, &f.reply, fds, &n), 0);
        ck_assert_uint_eq(n, 3);
        ck_assert_int_eq(fstat(fds[2], &a), 0);
        ck_assert_int_eq(fstat(2, &b), 0);
        ck_assert_uint_eq(a.st_ino, b.st_ino);
        for (size_t i = 0; i < n; i++)
                close(fds[i]);
        ck_assert_int_eq(call(&f), 0); /* not wanted: the harness counts */
        tear_down(&f);
}
END_TEST

static bool asks_to(const struct fake *f, bool receive, bool send) {
        const Ganger__V1__AttachRequest *attach = f->request->attach;

        return strcmp(attach->ring, "jobs") == 0 && attach->receive == receive && attach->send == send;
}

static void *attach_to_another_version(void *fake) {
        const int fds[] = { 0, 1, 2 };
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__AttachReply attach = GANGER__V1__ATTACH_REPLY__INIT;

        attach.ring = (char *)"jobs";
        attach.handshake.data = (uint8_t *)"from the future";
        attach.handshake.len = 15;
        reply.result_case = GANGER__V1__REPLY__RESULT_ATTACH;
        reply.attach = &attach;
        fake_accept(fake);
        if (fake_request(fake) && asks_to(fake, true, false))
                fake_reply(fake, &reply, fds, 3);
        if (fake_request(fake) && asks_to(fake, false, true))
                fake_error(fake, GANGER__V1__ERROR_CODE__ERROR_PERMISSION, "you may not produce");
        return NULL;
}

/** What works is in tests/scenario/b155-attach.py. The harness sees that no descriptor is left. */
START_TEST(attaching_fails_in_words) {
        struct ganger *g = NULL;
        struct fixture f;

        set_up(&f, attach_to_another_version);
        ck_assert_int_eq(ganger_control_attach(f.client, "jobs", 0, &g), -EINVAL);
        ck_assert_int_eq(ganger_control_attach(f.client, "jobs", 4, &g), -EINVAL);
        ck_assert_int_eq(ganger_control_attach(f.client, "jobs", GANGER_RECEIVE, &g), -EPROTO);
        ck_assert_str_eq(ganger_control_error(f.client),
                         "ring 'jobs': libganger and the gangerd that runs are of different versions");
        ck_assert_int_eq(ganger_control_attach(f.client, "jobs", GANGER_SEND, &g), -EPERM);
        ck_assert_str_eq(ganger_control_error(f.client), "you may not produce");
        ck_assert_ptr_null(ganger_leave(g));
        tear_down(&f);
}
END_TEST

/* ---- streams ----------------------------------------------------------------------------------- */

static void send_event(struct fake *f, uint64_t sequence, uint64_t usec) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__Event event = GANGER__V1__EVENT__INIT;

        event.sequence = sequence;
        event.monotonic_usec = usec;
        event.realtime_usec = now_realtime_usec();
        reply.more = true;
        reply.result_case = GANGER__V1__REPLY__RESULT_EVENT;
        reply.event = &event;
        fake_reply(f, &reply, NULL, 0);
}

static void send_end(struct fake *f) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;

        fake_reply(f, &reply, NULL, 0);
}

/* The second manager numbers its events anew, and has the last one of the first, as it were, too. */
static void *events_over_a_death(void *fake) {
        struct fake *f = fake;

        fake_accept(f);
        fake_request(f);
        send_event(f, 7, 100);
        send_event(f, 8, 200);
        fake_hang_up(f);
        fake_accept(f);
        fake_request(f);
        if (f->request->events->past < 10)
                return NULL;
        send_event(f, 1, 200);
        send_event(f, 2, 300);
        send_event(f, 3, 300);
        send_end(f);
        return NULL;
}

START_TEST(events_go_on_without_repeats_over_a_death) {
        static const uint64_t expected[] = { 7, 8, 2, 3 };
        struct ganger_control_stream *s;
        struct fixture f;

        set_up(&f, events_over_a_death);
        f.request.call_case = GANGER__V1__REQUEST__CALL_EVENTS;
        f.request.events = &f.events;
        f.events.follow = true;
        ck_assert_int_eq(ganger_control_call(f.client, &f.request, &f.reply), -EINVAL);
        ck_assert_int_eq(ganger_control_stream(f.client, &f.request, &s), 0);
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
                ganger_control_reply_free(TAKE(f.reply));
                ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, -1), 0);
                ck_assert_uint_eq(f.reply->event->sequence, expected[i]);
        }
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, -1), -ENODATA);
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, 0), -ENODATA);
        ganger_control_stream_free(s);
        tear_down(&f);
}
END_TEST

static void send_log(struct fake *f, const char *key, uint64_t usec, const char *text) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__LogLine line = GANGER__V1__LOG_LINE__INIT;

        line.key = (char *)key;
        line.realtime_usec = usec;
        line.text = (char *)text;
        reply.more = true;
        reply.result_case = GANGER__V1__REPLY__RESULT_LOG;
        reply.log = &line;
        fake_reply(f, &reply, NULL, 0);
}

/* The connection is lost after a/0's past and before b/0's, which is older. */
static void *logs_over_a_death(void *fake) {
        fake_accept(fake);
        fake_request(fake);
        send_log(fake, "a/0", 500, "one");
        send_log(fake, "a/0", 600, "two");
        fake_accept(fake);
        fake_request(fake);
        send_log(fake, "a/0", 500, "one");
        send_log(fake, "a/0", 600, "two");
        send_log(fake, "a/0", 600, "three");
        send_log(fake, "b/0", 100, "four");
        send_log(fake, "a/0", 50, "five"); /* the clock was set back */
        send_end(fake);
        return NULL;
}

START_TEST(logs_go_on_by_instance) {
        static const char *const expected[] = { "one", "two", "three", "four", "five" };
        struct ganger_control_stream *s;
        struct fixture f;

        set_up(&f, NULL);
        f.request.call_case = GANGER__V1__REQUEST__CALL_LOGS;
        f.request.logs = &f.logs;
        f.logs.lines = 10;
        fake_run(&f.fake, logs_over_a_death);
        ck_assert_int_eq(ganger_control_stream(f.client, &f.request, &s), 0);
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
                ganger_control_reply_free(TAKE(f.reply));
                if (i == 2)
                        shutdown(ganger_control_stream_fd(s), SHUT_RDWR);
                ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, -1), 0);
                ck_assert_str_eq(f.reply->log->text, expected[i]);
        }
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, -1), -ENODATA);
        ganger_control_stream_free(s);
        tear_down(&f);
}
END_TEST

START_TEST(a_stream_can_be_asked_without_waiting) {
        struct ganger_control_stream *s;
        struct fixture f;

        set_up(&f, say_nothing);
        f.request.call_case = GANGER__V1__REQUEST__CALL_EVENTS;
        f.request.events = &f.events;
        ck_assert_int_eq(ganger_control_stream(f.client, &f.request, &s), 0);
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, 0), -EAGAIN);
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, 10 * (int64_t)USEC_PER_MSEC), -ETIMEDOUT);
        ck_assert_int_ge(ganger_control_stream_fd(s), 0);
        ganger_control_stream_free(s);
        tear_down(&f);
}
END_TEST

static void *refuse_stream(void *fake) {
        fake_accept(fake);
        fake_request(fake);
        fake_error(fake, GANGER__V1__ERROR_CODE__ERROR_NO_SUCH_NAME, "no worker 'x'");
        return NULL;
}

START_TEST(a_refused_stream_says_why_and_stays_ended) {
        struct ganger_control_stream *s;
        struct fixture f;

        set_up(&f, refuse_stream);
        f.request.call_case = GANGER__V1__REQUEST__CALL_LOGS;
        f.request.logs = &f.logs;
        ck_assert_int_eq(ganger_control_stream(f.client, &f.request, &s), 0);
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, -1), -ESRCH);
        ck_assert_int_eq(ganger_control_stream_next(s, &f.reply, -1), -ESRCH);
        ck_assert_str_eq(ganger_control_stream_error(s), "no worker 'x'");
        ganger_control_stream_free(s);
        tear_down(&f);
}
END_TEST

/* ---- where the daemon is ----------------------------------------------------------------------- */

START_TEST(the_runtime_directory_follows_the_environment) {
        char *saved = getenv("GANGER_RUNTIME_DIR"), *dir;
        struct ganger_control *c;
        char long_path[200];

        saved = saved ? strdup(saved) : NULL;
        setenv("GANGER_RUNTIME_DIR", "/some/where", 1);
        ck_assert_int_eq(ganger_control_runtime_dir(&dir), 0);
        ck_assert_str_eq(dir, "/some/where");
        free(dir);
        ck_assert_int_eq(ganger_control_new(&c, NULL), 0);
        ck_assert_str_eq(ganger_control_path(c), "/some/where/control");
        ganger_control_free(c);
        if (saved)
                setenv("GANGER_RUNTIME_DIR", saved, 1);
        else
                unsetenv("GANGER_RUNTIME_DIR");
        free(saved);

        memset(long_path, 'x', sizeof long_path);
        long_path[sizeof long_path - 1] = '\0';
        ck_assert_int_eq(ganger_control_new(&c, long_path), -ENAMETOOLONG);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE(
                "control-client", calls_share_a_connection, refusals_come_with_code_and_words, a_refused_connection_says_why,
                no_daemon_is_told_at_once,
                a_call_survives_managers_that_die, a_connection_that_died_between_calls_is_made_again,
                a_daemon_that_does_not_come_back_is_given_up, a_restart_that_is_asked_again_is_the_same_restart,
                silence_ends_at_the_timeout, garbage_is_an_error_and_the_next_call_works,
                a_daemon_that_only_hangs_up_is_given_up, descriptors_come_with_the_reply_or_are_closed,
                attaching_fails_in_words, events_go_on_without_repeats_over_a_death, logs_go_on_by_instance,
                a_stream_can_be_asked_without_waiting,
                a_refused_stream_says_why_and_stays_ended, the_runtime_directory_follows_the_environment));
}
