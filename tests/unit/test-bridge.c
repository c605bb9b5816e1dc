/* SPDX-License-Identifier: MIT */
/* ganger-bridge and programs that run on: what they say, what they should not, how they end. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "bridge-rig.h"

#define ECHO "while read -r l; do echo \"OK $l\"; done"
#define OBEY "while read -r l; do case $l in good*) echo \"OK $l\";; *) eval \"$l\";; esac; done"

/* ---- lines ------------------------------------------------------------------------------------- */

START_TEST(lines_are_forwarded) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "while IFS= read -r l; do echo \"OK got:$l\"; done");
        SEND("a");
        SEND("b c \n");
        SEND("");
        RECEIVE("got:a");
        RECEIVE("got:b c ");
        RECEIVE("got:");
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
        drain_and_end(pid);
}
END_TEST

START_TEST(ok_alone_sends_nothing) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", OBEY);
        SEND("echo OK");
        SEND("printf 'OK \\n'");
        SEND("good");
        RECEIVE("");
        RECEIVE("good");
        drain_and_end(pid);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
}
END_TEST

START_TEST(without_a_ring_to_send_to_the_text_is_ignored) {
        pid_t pid;

        make_gang(SINK, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "while read -r l; do echo \"OK $l\"; echo >&9; done");
        SEND("a");
        wait_told();
        SEND("b");
        wait_told();
        drain_and_end(pid);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_FREE), SLOTS);
}
END_TEST

/** After each, the program and the bridge must still agree. */
static void is_rejected_and_goes_on(const char *message, const char *reason) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", OBEY);
        SEND("good 1");
        SEND(message);
        SEND("good 2");
        RECEIVE("good 1");
        RECEIVE("good 2");
        left(SLOT_DEAD, 1, reason);
        drain_and_end(pid);
}

START_TEST(fail_rejects_with_the_reason) {
        is_rejected_and_goes_on("echo FAIL no such picture", "no such picture");
}
END_TEST

START_TEST(fail_alone_rejects) {
        is_rejected_and_goes_on("echo FAIL", "");
}
END_TEST

START_TEST(a_newline_cannot_be_in_a_line) {
        is_rejected_and_goes_on("good\ngood", "contains a newline");
}
END_TEST

START_TEST(a_huge_reply_is_rejected) {
        is_rejected_and_goes_on("echo \"OK $(head -c 300000 /dev/zero | tr '\\0' x)\"",
                                "reply longer than 4096 bytes");
}
END_TEST

START_TEST(a_reply_a_little_too_long_is_rejected) {
        is_rejected_and_goes_on("echo \"OK $(head -c 4097 /dev/zero | tr '\\0' x)\"",
                                "reply longer than 4096 bytes");
}
END_TEST

START_TEST(a_ring_that_is_full_holds_the_program_up) {
        char text[16];
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", ECHO);
        /* As many as `results` takes, the one that is out, and one that waits. */
        for (int i = 0; i < SLOTS + 2; i++) {
                snprintf(text, sizeof text, "%d", i);
                SEND(text);
        }
        for (int i = 0; i < SLOTS + 2; i++) {
                snprintf(text, sizeof text, "%d", i);
                RECEIVE(text);
        }
        drain_and_end(pid);
}
END_TEST

START_TEST(io_fds_keep_stdout_free) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN("--io=lines", "--io-fds=3,4", "--", "sh", "-c",
                  "while read -r l <&3; do echo noise; echo \"OK $l\" >&4; done; read -r x && echo stdin");
        SEND("a");
        SEND("b");
        RECEIVE("a");
        RECEIVE("b");
        drain();
        ends_by_exit(pid, 1); /* of the last read, which finds the end of file */
        ck_assert(file_contains(out_fd, "noise\nnoise\n"));
        ck_assert(!file_contains(out_fd, "stdin"));
}
END_TEST

START_TEST(io_fds_may_be_crossed) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN("--io=lines", "--io-fds=1,0", "--", "sh", "-c",
                  "while read -r l <&1; do echo \"OK $l\" >&0; done");
        SEND("a");
        RECEIVE("a");
        drain_and_end(pid);
}
END_TEST

/* ---- programs that do not speak as they should --------------------------------------------------- */

START_TEST(what_is_no_reply_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "while read -r l; do echo \"OKAY $l\"; done");
        SEND("a");
        ends_by_exit(pid, EX_PROTOCOL);
        left(SLOT_RETURNED, 1, "not a reply from the program");
        ck_assert(file_contains(log_fd, "not a reply: OKAY a"));
}
END_TEST

START_TEST(writing_unasked_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "echo Welcome; " ECHO);
        ends_by_exit(pid, EX_PROTOCOL);
        ck_assert(file_contains(log_fd, "without being asked"));
}
END_TEST

START_TEST(a_second_reply_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; printf 'OK 1\\nOK 2\\n'; read -r l");
        SEND("a");
        RECEIVE("1");
        ends_by_exit(pid, EX_PROTOCOL);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_READY), 0);
}
END_TEST

START_TEST(closing_stdout_and_living_on_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; exec 1>&-; read -r l <&8; echo >&9");
        SEND("a");
        ends_by_exit(pid, EX_PROTOCOL);
        left(SLOT_RETURNED, 1, "the program closed its output");
        wait_silence();
}
END_TEST

START_TEST(closing_stdin_and_living_on_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "exec 0<&-; echo >&9; read -r l <&8");
        wait_told();
        SEND("a");
        ends_by_exit(pid, EX_PROTOCOL);
        left(SLOT_RETURNED, 1, "the program closed its input");
        wait_silence();
}
END_TEST

START_TEST(one_that_writes_before_it_reads_blocks_nobody) {
        char *big;
        pid_t pid;

        make_gang(BOTH, BIG);
        big = malloc(BIG);
        memset(big, 'y', BIG);
        send_bytes(big, BIG);
        pid = RUN_MODE("lines", "lines-stubborn");
        memset(big, 'x', BIG);
        receive_bytes(big, BIG - 3);
        drain_and_end(pid);
        free(big);
}
END_TEST

/* ---- programs that die ------------------------------------------------------------------------- */

START_TEST(a_program_that_exits_with_a_message_gives_it_back) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; exit 3");
        SEND("a");
        ends_by_exit(pid, 3);
        left(SLOT_RETURNED, 1, "exit status 3");
}
END_TEST

START_TEST(a_program_that_crashes_is_told_of_as_it_was) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "ulimit -c 0; read -r l; kill -SEGV $$");
        SEND("a");
        ends_by_signal(pid, SIGSEGV);
        left(SLOT_RETURNED, 1, "killed by SIGSEGV");
}
END_TEST

START_TEST(a_reply_before_the_end_counts) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; echo OK done; exit 5");
        SEND("a");
        RECEIVE("done");
        ends_by_exit(pid, 5);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
}
END_TEST

START_TEST(a_program_that_ends_idle_ends_the_bridge) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "exit 4");
        ends_by_exit(pid, 4);
}
END_TEST

START_TEST(a_program_that_is_not_there) {
        make_gang(BOTH, MESSAGE_MAX);
        ends_by_exit(RUN("--io=lines", "/does/not/exist"), 127);
        ck_assert(file_contains(log_fd, "cannot run /does/not/exist: No such file or directory"));
        ends_by_exit(RUN("--io=frames", "/etc/passwd"), 126);
        ends_by_exit(RUN("--io=exec", "no-such-program-anywhere"), 127);
        ends_by_exit(RUN("--io=exec", "/etc/passwd"), 126);
        ends_by_exit(RUN("--io=exec", "/etc"), 126);
}
END_TEST

START_TEST(killing_the_bridge_kills_the_program_and_loses_nothing) {
        struct recovery got = { 0 };
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; echo >&9; read -r l <&8");
        SEND("a");
        wait_told();
        kill(pid, SIGKILL);
        ends_by_signal(pid, SIGKILL);
        wait_silence(); /* the program is dead too */
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_LEASED), 1);
        rig_member_recover(&worker, "killed by SIGKILL", &got);
        ck_assert_uint_eq(got.returned, 1);
        left(SLOT_RETURNED, 1, "killed by SIGKILL");
}
END_TEST

/* ---- stopping ---------------------------------------------------------------------------------- */

START_TEST(asked_to_stop_it_finishes_what_it_has) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "while read -r l; do echo >&9; read -r x <&8; echo \"OK $l\"; done; exit 0");
        SEND("a");
        wait_told();
        SEND("b");
        kill(pid, SIGTERM);
        let_go();
        RECEIVE("a");
        ends_by_exit(pid, 0);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_READY), 1);
}
END_TEST

START_TEST(asked_by_the_daemon_it_finishes_what_it_has) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "while read -r l; do echo >&9; read -r x <&8; echo \"OK $l\"; done; exit 0");
        SEND("a");
        wait_told();
        drain();
        let_go();
        RECEIVE("a");
        ends_by_exit(pid, 0);
}
END_TEST

START_TEST(a_signal_to_all_of_them_is_a_clean_end) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "echo >&9; " ECHO);
        wait_told();
        SEND("a");
        RECEIVE("a");
        kill(-pid, SIGTERM);
        ends_by_exit(pid, 0);
}
END_TEST

START_TEST(one_that_never_replies_is_left_to_sigkill) {
        struct recovery got = { 0 };
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; echo >&9; read -r l <&8");
        SEND("a");
        wait_told();
        kill(pid, SIGTERM);
        drain();
        kill(-pid, SIGKILL);
        ends_by_signal(pid, SIGKILL);
        rig_member_recover(&worker, "killed by SIGKILL", &got);
        ck_assert_uint_eq(got.returned, 1);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                lines_are_forwarded, ok_alone_sends_nothing, without_a_ring_to_send_to_the_text_is_ignored,
                fail_rejects_with_the_reason, fail_alone_rejects, a_newline_cannot_be_in_a_line,
                a_huge_reply_is_rejected, a_reply_a_little_too_long_is_rejected,
                a_ring_that_is_full_holds_the_program_up, io_fds_keep_stdout_free, io_fds_may_be_crossed,
                what_is_no_reply_ends_it, writing_unasked_ends_it, a_second_reply_ends_it,
                closing_stdout_and_living_on_ends_it, closing_stdin_and_living_on_ends_it,
                one_that_writes_before_it_reads_blocks_nobody,
                a_program_that_exits_with_a_message_gives_it_back,
                a_program_that_crashes_is_told_of_as_it_was, a_reply_before_the_end_counts,
                a_program_that_ends_idle_ends_the_bridge, a_program_that_is_not_there,
                killing_the_bridge_kills_the_program_and_loses_nothing,
                asked_to_stop_it_finishes_what_it_has, asked_by_the_daemon_it_finishes_what_it_has,
                a_signal_to_all_of_them_is_a_clean_end, one_that_never_replies_is_left_to_sigkill,
        };

        return bridge_rig_main("bridge", tests, ARRAY_SIZE(tests));
}
