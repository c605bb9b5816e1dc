/* SPDX-License-Identifier: MIT */
/* Probes: what is an address, and that each is answered once, from the loop. */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/probe.h"
#include "harness.h"

START_TEST(addresses_are_read) {
        struct probe_address a;

        ck_assert_int_eq(probe_address_parse(PROBE_TCP, "80", &a), 0);
        ck_assert_int_eq(a.in.sin_port, htons(80));
        ck_assert_uint_eq(a.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
        ck_assert_int_eq(probe_address_parse(PROBE_TCP, ":81", &a), 0);
        ck_assert_int_eq(probe_address_parse(PROBE_TCP, "10.0.0.1:65535", &a), 0);
        ck_assert_uint_eq(a.in.sin_addr.s_addr, htonl(0x0a000001));
        ck_assert_int_eq(probe_address_parse(PROBE_TCP, "[::1]:8080", &a), 0);
        ck_assert_int_eq(a.any.sa_family, AF_INET6);
        ck_assert_int_eq(a.in6.sin6_port, htons(8080));
        ck_assert_int_eq(probe_address_parse(PROBE_UNIX, "/run/x", &a), 0);
        ck_assert_str_eq(a.un.sun_path, "/run/x");
        ck_assert_int_eq(probe_address_parse(PROBE_HTTP, "http://localhost", &a), 0);
        ck_assert_int_eq(a.in.sin_port, htons(80));
        ck_assert_str_eq(a.path, "/");
        ck_assert_int_eq(probe_address_parse(PROBE_HTTP, "http://[::1]:90/a/b?c=d", &a), 0);
        ck_assert_str_eq(a.path, "/a/b?c=d");
        ck_assert_str_eq(a.host, "[::1]:90");
}
END_TEST

START_TEST(what_is_none_is_refused) {
        static const struct {
                enum probe_kind kind;
                const char *text;
        } cases[] = {
                { PROBE_TCP, "" }, { PROBE_TCP, "0" }, { PROBE_TCP, "65536" }, { PROBE_TCP, "host:80" }, { PROBE_TCP, "1.2.3.4" },
                { PROBE_TCP, "[::1]" }, { PROBE_TCP, "[::1" }, { PROBE_TCP, "[::1]x80" }, { PROBE_TCP, "::1" }, { PROBE_TCP, "80x" },
                { PROBE_UNIX, "run/x" }, { PROBE_UNIX, "" }, { PROBE_HTTP, "localhost/" }, { PROBE_HTTP, "https://localhost/" },
                { PROBE_HTTP, "http:///x" }, { PROBE_HTTP, "http://localhost/a b" }, { PROBE_HTTP, "http://example.org/" },
                { PROBE_HTTP, "http://localhost/\r\nX: y" }, { PROBE_NONE, "80" },
        };
        char longest[PROBE_PATH_MAX + 32] = "http://localhost/";
        struct probe_address a;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_msg(probe_address_parse(cases[i].kind, cases[i].text, &a) == -EINVAL, "%s", cases[i].text);
        memset(longest + strlen(longest), 'x', PROBE_PATH_MAX);
        ck_assert_int_eq(probe_address_parse(PROBE_HTTP, longest, &a), -EINVAL);
        ck_assert_int_eq(probe_address_parse(PROBE_UNIX, longest + 16, &a), -EINVAL);
}
END_TEST

struct answer {
        int n;
        bool succeeded;
};

static void on_answer(void *userdata, bool succeeded, const char *why) {
        struct answer *answer = userdata;

        ck_assert(succeeded || (why && *why));
        answer->n++;
        answer->succeeded = succeeded;
}

START_TEST(an_answer_comes_from_the_loop_and_once) {
        struct probe probe = PROBE_NULL;
        struct answer answer = { 0 };
        sd_event *event;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(probe_start(&probe, event, PROBE_UNIX, "/nowhere/at/all", USEC_PER_SEC, on_answer, &answer), 0);
        ck_assert_int_eq(answer.n, 0);
        while (answer.n == 0)
                ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
        ck_assert(!answer.succeeded);
        ck_assert_int_eq(sd_event_run(event, 0), 0);
        ck_assert_int_eq(answer.n, 1);
        /* One that is given up is never answered. */
        ck_assert_int_eq(probe_start(&probe, event, PROBE_UNIX, "/nowhere/at/all", USEC_PER_SEC, on_answer, &answer), 0);
        probe_stop(&probe);
        ck_assert_int_eq(sd_event_run(event, 0), 0);
        ck_assert_int_eq(answer.n, 1);
        ck_assert_int_eq(probe_start(&probe, event, PROBE_TCP, "nonsense", USEC_PER_SEC, on_answer, &answer), -EINVAL);
        probe_stop(&probe);
        sd_event_unref(event);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("probe", addresses_are_read, what_is_none_is_refused,
                                         an_answer_comes_from_the_loop_and_once));
}
