/* SPDX-License-Identifier: MIT */
/* Core files: the pattern of the kernel is filled in as far as it can be. */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/core-file.h"
#include "harness.h"

START_TEST(patterns_are_filled_in) {
        static const struct {
                const char *pattern;
                bool uses_pid;
                int result;
                const char *expected;
        } cases[] = {
                { "core", false, 0, "/srv/app/core" },
                { "core", true, 0, "/srv/app/core.4711" },
                { "core.%p", true, 0, "/srv/app/core.4711" },
                { "/var/crash/%e.%p.%s.core", false, 0, "/var/crash/*.4711.11.core" },
                { "/c/%P-%i-%I-%t-%u-%g-%h-%E", true, 0, "/c/4711-4711-4711-*-*-*-*-*" },
                { "/c/100%%-%", false, 0, "/c/100%-%" },
                { "/c/[a]*?\\x", false, 0, "/c/\\[a]\\*\\?\\\\x" },
                { "|/usr/lib/systemd/systemd-coredump %P %u", true, -ENXIO, NULL },
                { "/a-path-that-is-much-too-long-for-the-buffer-of-this-test/core", false, -ENAMETOOLONG, NULL },
        };
        const struct core_process process = { .pid = 4711, .signal = SIGSEGV, .directory = "/srv/app" };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char buf[48];

                ck_assert_msg(core_file_pattern(buf, sizeof buf, cases[i].pattern, cases[i].uses_pid, &process) ==
                                      cases[i].result, "%s", cases[i].pattern);
                if (cases[i].result == 0)
                        ck_assert_str_eq(buf, cases[i].expected);
        }
}
END_TEST

/* In a namespace of its own: the number that it has there is not known. */
START_TEST(another_number_is_left_open) {
        const struct core_process process = { .pid = 4711, .own_pids = true, .signal = SIGSEGV, .directory = "/srv/app" };
        char buf[48];

        ck_assert_int_eq(core_file_pattern(buf, sizeof buf, "/c/%p-%P-%i-%I", true, &process), 0);
        ck_assert_str_eq(buf, "/c/*-4711-*-4711");
        ck_assert_int_eq(core_file_pattern(buf, sizeof buf, "core", true, &process), 0);
        ck_assert_str_eq(buf, "/srv/app/core.*");
}
END_TEST

/* So it is with the number outside, where gangerd itself is in a namespace: in a container. */
START_TEST(a_number_outside_is_left_open) {
        const struct core_process process = { .pid = 4711, .inside = true, .signal = SIGSEGV, .directory = "/srv/app" };
        char buf[48];

        ck_assert_int_eq(core_file_pattern(buf, sizeof buf, "/c/%p-%P-%i-%I", true, &process), 0);
        ck_assert_str_eq(buf, "/c/4711-*-4711-*");
}
END_TEST

/* We may be in a namespace ourselves; who begins in a new one is, and knows it. */
START_TEST(who_is_in_a_namespace_knows_it) {
        int status;
        pid_t pid;

        fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                if (unshare(CLONE_NEWPID) < 0)
                        _exit(77);
                pid = fork();
                if (pid == 0)
                        _exit(!core_file_is_inside());
                _exit(waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(status == 0 || WEXITSTATUS(status) == 77);
}
END_TEST

/* Whatever the machine does with core files, the buffer is never overrun, and something is said. */
START_TEST(something_is_said_in_any_room) {
        const struct core_process process = { .pid = 4711, .signal = SIGSEGV, .directory = "/srv/app" };

        for (size_t size = 1; size < 200; size++) {
                _cleanup_(freep) char *buf = malloc(size);

                ck_assert_uint_lt(strlen(core_file_tell(buf, size, &process)), size);
        }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("core-file", patterns_are_filled_in, another_number_is_left_open,
                                         a_number_outside_is_left_open,
                                         who_is_in_a_namespace_knows_it, something_is_said_in_any_room));
}
