/* SPDX-License-Identifier: MIT */
/* ganger-bridge: frames, a process a message, sources, and how it is called. */

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "bridge-rig.h"

/* ---- frames ------------------------------------------------------------------------------------ */

START_TEST(frames_of_any_bytes) {
        static const char bytes[] = "a\nb\0c\n";
        char *big;
        pid_t pid;

        make_gang(BOTH, BIG);
        big = malloc(BIG);
        for (size_t i = 0; i < BIG; i++)
                big[i] = (char)(i * 7 + i / 4096);
        pid = RUN_MODE("frames", "frames-stream");
        send_bytes(bytes, sizeof bytes);
        send_bytes("", 0);
        receive_bytes(bytes, sizeof bytes);
        receive_bytes("", 0);
        for (int i = 0; i < 4; i++) {
                send_bytes(big, BIG);
                receive_bytes(big, BIG);
        }
        drain_and_end(pid);
        free(big);
}
END_TEST

START_TEST(frames_reply_as_lines_do) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_MODE("frames", "frames-obey");
        SEND("FAIL because\nof it");
        SEND("OK");
        SEND("OK fine");
        RECEIVE("fine");
        left(SLOT_DEAD, 1, "because\nof it");
        drain_and_end(pid);
}
END_TEST

START_TEST(a_long_frame_is_rejected) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_MODE("frames", "frames-obey");
        SEND("long");
        SEND("OK fine");
        RECEIVE("fine");
        left(SLOT_DEAD, 1, "reply longer than 4096 bytes");
        drain_and_end(pid);
}
END_TEST

START_TEST(what_is_no_frame_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_MODE("frames", "frames-obey");
        SEND("garbage");
        ends_by_exit(pid, EX_PROTOCOL);
        left(SLOT_RETURNED, 1, "not a frame from the program");
}
END_TEST

/* ---- exec -------------------------------------------------------------------------------------- */

START_TEST(exec_runs_a_process_a_message) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN("--io=exec", "--", "tr", "a-z", "A-Z");
        SEND("hello\nworld");
        SEND("");
        SEND("x\n");
        RECEIVE("HELLO\nWORLD");
        RECEIVE("X\n");
        drain_and_end(pid);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
}
END_TEST

static void exec_rejects(const char *message, const char *reason) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN("--io=exec", "--", "sh");
        SEND(message);
        SEND("echo good");
        RECEIVE("good\n");
        left(SLOT_DEAD, 1, reason);
        drain_and_end(pid);
}

START_TEST(exec_rejects_by_exit_status) {
        exec_rejects("echo half; exit 3", "exit status 3");
}
END_TEST

START_TEST(exec_rejects_what_is_killed) {
        exec_rejects("ulimit -c 0; kill -SEGV $$", "killed by SIGSEGV");
}
END_TEST

START_TEST(exec_ends_an_endless_reply) {
        exec_rejects("exec yes", "reply longer than 4096 bytes");
}
END_TEST

START_TEST(exec_need_not_read_its_input) {
        char *big;
        pid_t pid;

        make_gang(BOTH, BIG);
        big = calloc(1, BIG);
        pid = RUN("--io=exec", "--", "echo", "fine");
        send_bytes(big, BIG);
        RECEIVE("fine\n");
        drain_and_end(pid);
        free(big);
}
END_TEST

START_TEST(exec_finishes_when_asked_to_stop) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("exec", "echo >&9; read -r x <&8; cat");
        SEND("slow");
        wait_told();
        SEND("next");
        kill(pid, SIGTERM);
        let_go();
        RECEIVE("slow");
        ends_by_exit(pid, 0);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_READY), 1);
}
END_TEST

START_TEST(exec_without_a_ring_to_send_to_writes_to_the_log) {
        pid_t pid;

        make_gang(SINK, MESSAGE_MAX);
        pid = RUN_SHELL("exec", "cat; echo >&9");
        SEND("to the log");
        wait_told();
        drain_and_end(pid);
        ck_assert(file_contains(out_fd, "to the log"));
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
}
END_TEST

/* ---- sources ----------------------------------------------------------------------------------- */

START_TEST(a_source_sends_what_it_writes) {
        pid_t pid;

        make_gang(SOURCE, MESSAGE_MAX);
        pid = RUN_SHELL("lines",
                        "printf 'a\\n\\n'; head -c 5000 /dev/zero | tr '\\0' x; printf '\\nb\\nlast'");
        RECEIVE("a");
        RECEIVE("");
        RECEIVE("b");
        RECEIVE("last");
        ends_by_exit(pid, 0);
        ck_assert(file_contains(log_fd, "dropped a message"));
}
END_TEST

START_TEST(a_source_that_fails_in_a_line) {
        pid_t pid;

        make_gang(SOURCE, MESSAGE_MAX);
        pid = RUN_SHELL("lines",
                        "printf 'a\\nhal'; exit 9");
        RECEIVE("a");
        ends_by_exit(pid, 9);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_READY), 0);
        ck_assert(file_contains(log_fd, "in the middle of it"));
}
END_TEST

START_TEST(a_source_is_asked_to_stop) {
        pid_t pid;

        make_gang(SOURCE, MESSAGE_MAX);
        pid = RUN_MODE("lines", "source-until-term");
        RECEIVE("up");
        kill(pid, SIGTERM);
        RECEIVE("bye");
        ends_by_exit(pid, 0);
}
END_TEST

START_TEST(a_source_waits_for_space) {
        char text[16];
        pid_t pid;

        make_gang(SOURCE, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "seq 0 99");
        for (int i = 0; i < 100; i++) {
                snprintf(text, sizeof text, "%d", i);
                RECEIVE(text);
        }
        ends_by_exit(pid, 0);
}
END_TEST

START_TEST(a_source_of_frames) {
        pid_t pid;

        make_gang(SOURCE, MESSAGE_MAX);
        pid = RUN_SHELL("frames", "printf '\\0\\0\\0\\003a\\nb\\0\\0\\0\\0'");
        RECEIVE("a\nb");
        RECEIVE("");
        ends_by_exit(pid, 0);
}
END_TEST

/* ---- the rest ---------------------------------------------------------------------------------- */

START_TEST(it_tells_that_it_is_ready_and_keeps_the_program_out_of_it) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        char name[64], said[64] = "";
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        snprintf(name, sizeof name, "@ganger-test-bridge-%d", (int)getpid());
        memcpy(address.sun_path, name, strlen(name));
        address.sun_path[0] = '\0';
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
        setenv("NOTIFY_SOCKET", name, 1);
        pid = RUN_SHELL("lines", "read -r l; "
                                 "echo \"OK ${NOTIFY_SOCKET-none} ${GANGER_HANDSHAKE-none} $GANGER_WORKER\"; "
                                 "read -r l; exit 0");
        unsetenv("NOTIFY_SOCKET");
        ck_assert_int_gt(recv(fd, said, sizeof said - 1, 0), 0);
        ck_assert_str_eq(said, "READY=1");
        SEND("a");
        RECEIVE("none none resize");
        drain_and_end(pid);
}
END_TEST

START_TEST(mistakes_in_the_command_line) {
        make_gang(BOTH, MESSAGE_MAX);
        ends_by_exit(RUN("--io=line", "cat"), 2);
        ck_assert(file_contains(log_fd, "did you mean lines?"));
        ends_by_exit(RUN("--io=lines"), 2);
        ends_by_exit(RUN("cat"), 2);
        ends_by_exit(RUN("--frobnicate", "cat"), 2);
        ends_by_exit(RUN("--io=lines", "--io-fds=3", "cat"), 2);
        ends_by_exit(RUN("--io=lines", "--io-fds=3,3", "cat"), 2);
        ends_by_exit(RUN("--io=lines", "--io-fds=3,2", "cat"), 2);
        ends_by_exit(RUN("--io=lines", "--io-fds=3,4x", "cat"), 2);
        ends_by_exit(RUN("--io=lines", "--io-fds=-1,4", "cat"), 2);
        ends_by_exit(RUN("--version"), 0);
        ck_assert(file_contains(out_fd, "ganger-bridge "));
}
END_TEST

START_TEST(rings_that_do_not_fit) {
        make_gang(SOURCE, MESSAGE_MAX);
        ends_by_exit(RUN("--io=exec", "cat"), 1);
        ck_assert(file_contains(log_fd, "io = exec needs a ring to receive from"));
        rig_member_give(&worker, &jobs, GANGER_SEND, 1);
        ends_by_exit(RUN("--io=lines", "cat"), 1);
        ck_assert(file_contains(log_fd, "there are several rings to send to"));
        worker.n_rings = 0;
        ends_by_exit(RUN("--io=lines", "cat"), 1);
        ck_assert(file_contains(log_fd, "no ring to receive from or send to"));
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                frames_of_any_bytes, frames_reply_as_lines_do, a_long_frame_is_rejected,
                what_is_no_frame_ends_it, exec_runs_a_process_a_message, exec_rejects_by_exit_status,
                exec_rejects_what_is_killed, exec_ends_an_endless_reply, exec_need_not_read_its_input,
                exec_finishes_when_asked_to_stop, exec_without_a_ring_to_send_to_writes_to_the_log,
                a_source_sends_what_it_writes, a_source_that_fails_in_a_line, a_source_is_asked_to_stop,
                a_source_waits_for_space, a_source_of_frames,
                it_tells_that_it_is_ready_and_keeps_the_program_out_of_it, mistakes_in_the_command_line,
                rings_that_do_not_fit,
        };

        return bridge_rig_main("bridge-io", tests, ARRAY_SIZE(tests));
}
