/* SPDX-License-Identifier: MIT */
/*
 * ganger-bridge, each way of speaking, with small programs that behave and that do not
 *
 * The test sends to `jobs`, receives from `results`, and plays the manager. Programs are lines of shell, or this
 * very program in one of its modes (modes[] below). What must be waited for is told by a ring, or by a pipe that the
 * program has as descriptor 9; it can be held up by one that it has as 8.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "gang-rig.h"
#include "harness.h"

#define BRIDGE "./ganger-bridge"
#define SLOTS 8
#define MESSAGE_MAX 4096
#define MAX_DELIVERIES 3
#define LIMIT_USEC (30 * 1000 * 1000)
#define BIG (1 << 20)

static struct rig_ring jobs, results;
static struct rig_member worker, outside;
static struct ganger *g;
static int log_fd, out_fd, told[2], held[2];
static char self[512];

/** What the worker of the test is given; the test itself sends to `jobs` and receives from `results`. */
enum { BOTH, SINK, SOURCE };

static void make_gang(int kind, uint32_t message_max) {
        rig_ring_open(&jobs, "jobs", SLOTS, message_max, MAX_DELIVERIES);
        rig_ring_open(&results, "results", SLOTS, message_max, MAX_DELIVERIES);
        rig_member_open(&worker, "resize", 0);
        if (kind != SOURCE)
                rig_member_give(&worker, &jobs, GANGER_RECEIVE, 4);
        if (kind != SINK)
                rig_member_give(&worker, &results, GANGER_SEND, 4);
        rig_member_open(&outside, "", 0);
        rig_member_give(&outside, &jobs, GANGER_SEND, 1);
        rig_member_give(&outside, &results, GANGER_RECEIVE, 1);
        g = rig_member_join(&outside);
        log_fd = memfd_create("log", MFD_CLOEXEC);
        out_fd = memfd_create("out", MFD_CLOEXEC);
        ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(held, O_CLOEXEC), 0);
}

static void teardown(void) {
        g = ganger_leave(g);
        rig_member_close(&outside);
        rig_member_close(&worker);
        rig_ring_close(&jobs);
        rig_ring_close(&results);
        close_fd(log_fd);
        close_fd(out_fd);
        for (int i = 0; i < 2; i++) {
                close_fd(told[i]);
                close_fd(held[i]);
        }
}

/* ---- doing ------------------------------------------------------------------------------------- */

static _Noreturn void become_bridge(const char *const *argv) {
        /* First out of the way of each other. */
        int tells = fcntl(told[1], F_DUPFD_CLOEXEC, 200), waits = fcntl(held[0], F_DUPFD_CLOEXEC, 200);

        setsid();
        dup2(out_fd, STDOUT_FILENO);
        dup2(log_fd, STDERR_FILENO);
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
        rig_member_become(&worker);
        dup2(tells, 9);
        dup2(waits, 8);
        execv(BRIDGE, (char *const *)argv);
        _exit(99);
}

static pid_t run(const char *const *argv) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                become_bridge(argv);
        told[1] = close_fd(told[1]);
        return pid;
}

#define RUN(...) run((const char *[]){ BRIDGE, __VA_ARGS__, NULL })
#define RUN_SHELL(io, script) RUN("--io=" io, "--", "sh", "-c", script)
#define RUN_MODE(io, mode) RUN("--io=" io, "--", self, mode)

static void send_bytes(const void *data, size_t size) {
        ck_assert_int_eq(ganger_send(g, "jobs", data, size, LIMIT_USEC), 0);
}

#define SEND(text) send_bytes(text, strlen(text))

/** For whoever looks at a test that failed. */
static void show_log(void) {
        char buf[1024];
        ssize_t n = pread(log_fd, buf, sizeof buf, 0);

        if (n > 0)
                fprintf(stderr, "%.*s", (int)n, buf);
}

static void receive_bytes(const void *data, size_t size) {
        struct ganger_message m;
        int r = ganger_receive(g, "results", &m, LIMIT_USEC);

        if (r < 0)
                show_log();
        ck_assert_int_eq(r, 0);
        ck_assert_uint_eq(m.size, size);
        ck_assert_mem_eq(m.data, data, size);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}

#define RECEIVE(text) receive_bytes(text, strlen(text))

/** The program says that it is so far. */
static void wait_told(void) {
        char byte;

        ck_assert_int_eq(read(told[0], &byte, 1), 1);
}

/** Nobody is left who could say anything. */
static void wait_silence(void) {
        char byte;

        ck_assert_int_eq(read(told[0], &byte, 1), 0);
}

static void let_go(void) {
        ck_assert_int_eq(write(held[1], "\n", 1), 1);
}

static void drain(void) {
        atomic_store(&worker.memory.memory->drain, 1);
        wait_wake_all(&jobs.judge.messages);
}

static void ends(pid_t pid, int expected) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status))
                status = WTERMSIG(status);
        ck_assert_int_eq(status, expected);
}

#define ENDS_BY_EXIT(pid, code) ends(pid, W_EXITCODE(code, 0))
#define ENDS_BY_SIGNAL(pid, signal) ends(pid, signal)

/** Ask it to end, and see that it ends well and holds nothing. */
static void drain_and_end(pid_t pid) {
        drain();
        ENDS_BY_EXIT(pid, 0);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_LEASED), 0);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_WRITING), 0);
}

/** The messages in a state are so many, and this is why they came back. */
static void left(enum slot_state state, uint32_t n, const char *reason) {
        char text[64];

        ck_assert_uint_eq(rig_ring_count(&jobs, state), n);
        for (uint32_t i = 0; i < SLOTS; i++)
                if (word_state(atomic_load(&queue_slot(&jobs.judge, i)->word)) == state)
                        ck_assert_str_eq(rig_ring_reason(&jobs, i, text, sizeof text), reason);
}

static bool file_contains(int fd, const char *text) {
        char buf[8192];
        ssize_t n = pread(fd, buf, sizeof buf - 1, 0);

        ck_assert_int_ge(n, 0);
        buf[n] = '\0';
        return strstr(buf, text) != NULL;
}

/* ---- programs ---------------------------------------------------------------------------------- */

static bool read_all(void *data, size_t size) {
        for (size_t n = 0; n < size;) {
                ssize_t r = read(STDIN_FILENO, (char *)data + n, size - n);

                if (r <= 0)
                        return false;
                n += (size_t)r;
        }
        return true;
}

static void write_frame_head(size_t size, const char *word) {
        uint32_t length = htonl((uint32_t)(size + strlen(word)));

        fd_write_all(STDOUT_FILENO, &length, sizeof length);
        fd_write_all(STDOUT_FILENO, word, strlen(word));
}

/** Replies while it still reads: whoever writes all before reading would wait for ever. */
static int mode_frames_stream(void) {
        char piece[4096];
        uint32_t length;

        while (read_all(&length, sizeof length)) {
                size_t left_over = ntohl(length);

                write_frame_head(left_over, "OK ");
                while (left_over > 0) {
                        size_t n = MIN(left_over, sizeof piece);

                        if (!read_all(piece, n))
                                return 1;
                        fd_write_all(STDOUT_FILENO, piece, n);
                        left_over -= n;
                }
        }
        return 0;
}

/** Does what the message says. */
static int mode_frames_obey(void) {
        static char zeros[2 * MESSAGE_MAX];
        char text[MESSAGE_MAX + 1] = "";
        uint32_t length;

        while (read_all(&length, sizeof length) && read_all(text, ntohl(length))) {
                text[ntohl(length)] = '\0';
                if (strcmp(text, "long") == 0) {
                        write_frame_head(sizeof zeros, "OK ");
                        fd_write_all(STDOUT_FILENO, zeros, sizeof zeros);
                } else if (strcmp(text, "garbage") == 0)
                        fd_write_all(STDOUT_FILENO, "hello there\n", 12);
                else
                        write_frame_head(0, text);
        }
        return 0;
}

/** Writes everything before it reads anything, a pipe full and more, then replies. */
static int mode_lines_stubborn(void) {
        static char line[BIG];

        memset(line, 'x', sizeof line);
        memcpy(line, "OK ", 3);
        fd_write_all(STDOUT_FILENO, line, sizeof line);
        fd_write_all(STDOUT_FILENO, "\n", 1);
        while (read(STDIN_FILENO, line, sizeof line) > 0)
                ;
        return 0;
}

static int mode_source_until_term(void) {
        sigset_t set;
        int signal;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd_write_all(STDOUT_FILENO, "up\n", 3);
        sigwait(&set, &signal);
        fd_write_all(STDOUT_FILENO, "bye\n", 4);
        return 0;
}

static const struct {
        const char *name;
        int (*run)(void);
} modes[] = {
        { "frames-stream", mode_frames_stream },
        { "frames-obey", mode_frames_obey },
        { "lines-stubborn", mode_lines_stubborn },
        { "source-until-term", mode_source_until_term },
};

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
        is_rejected_and_goes_on("echo \"OK $(head -c 300000 /dev/zero | tr '\\0' x)\"", "reply longer than 4096 bytes");
}
END_TEST

START_TEST(a_reply_a_little_too_long_is_rejected) {
        is_rejected_and_goes_on("echo \"OK $(head -c 4097 /dev/zero | tr '\\0' x)\"", "reply longer than 4096 bytes");
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
        ENDS_BY_EXIT(pid, 1); /* of the last read, which finds the end of file */
        ck_assert(file_contains(out_fd, "noise\nnoise\n"));
        ck_assert(!file_contains(out_fd, "stdin"));
}
END_TEST

START_TEST(io_fds_may_be_crossed) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN("--io=lines", "--io-fds=1,0", "--", "sh", "-c", "while read -r l <&1; do echo \"OK $l\" >&0; done");
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
        ENDS_BY_EXIT(pid, EX_PROTOCOL);
        left(SLOT_RETURNED, 1, "not a reply from the program");
        ck_assert(file_contains(log_fd, "not a reply: OKAY a"));
}
END_TEST

START_TEST(writing_unasked_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "echo Welcome; " ECHO);
        ENDS_BY_EXIT(pid, EX_PROTOCOL);
        ck_assert(file_contains(log_fd, "without being asked"));
}
END_TEST

START_TEST(a_second_reply_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; printf 'OK 1\\nOK 2\\n'; read -r l");
        SEND("a");
        RECEIVE("1");
        ENDS_BY_EXIT(pid, EX_PROTOCOL);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_READY), 0);
}
END_TEST

START_TEST(closing_stdout_and_living_on_ends_it) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; exec 1>&-; read -r l <&8; echo >&9");
        SEND("a");
        ENDS_BY_EXIT(pid, EX_PROTOCOL);
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
        ENDS_BY_EXIT(pid, EX_PROTOCOL);
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
        ENDS_BY_EXIT(pid, 3);
        left(SLOT_RETURNED, 1, "exit status 3");
}
END_TEST

START_TEST(a_program_that_crashes_is_told_of_as_it_was) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "ulimit -c 0; read -r l; kill -SEGV $$");
        SEND("a");
        ENDS_BY_SIGNAL(pid, SIGSEGV);
        left(SLOT_RETURNED, 1, "killed by SIGSEGV");
}
END_TEST

START_TEST(a_reply_before_the_end_counts) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "read -r l; echo OK done; exit 5");
        SEND("a");
        RECEIVE("done");
        ENDS_BY_EXIT(pid, 5);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
}
END_TEST

START_TEST(a_program_that_ends_idle_ends_the_bridge) {
        pid_t pid;

        make_gang(BOTH, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "exit 4");
        ENDS_BY_EXIT(pid, 4);
}
END_TEST

START_TEST(a_program_that_is_not_there) {
        make_gang(BOTH, MESSAGE_MAX);
        ENDS_BY_EXIT(RUN("--io=lines", "/does/not/exist"), 127);
        ck_assert(file_contains(log_fd, "cannot run /does/not/exist: No such file or directory"));
        ENDS_BY_EXIT(RUN("--io=frames", "/etc/passwd"), 126);
        ENDS_BY_EXIT(RUN("--io=exec", "no-such-program-anywhere"), 127);
        ENDS_BY_EXIT(RUN("--io=exec", "/etc/passwd"), 126);
        ENDS_BY_EXIT(RUN("--io=exec", "/etc"), 126);
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
        ENDS_BY_SIGNAL(pid, SIGKILL);
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
        ENDS_BY_EXIT(pid, 0);
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
        ENDS_BY_EXIT(pid, 0);
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
        ENDS_BY_EXIT(pid, 0);
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
        ENDS_BY_SIGNAL(pid, SIGKILL);
        rig_member_recover(&worker, "killed by SIGKILL", &got);
        ck_assert_uint_eq(got.returned, 1);
}
END_TEST

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
        ENDS_BY_EXIT(pid, EX_PROTOCOL);
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
        ENDS_BY_EXIT(pid, 0);
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
        pid = RUN_SHELL("lines", "printf 'a\\n\\n'; head -c 5000 /dev/zero | tr '\\0' x; printf '\\nb\\nlast'");
        RECEIVE("a");
        RECEIVE("");
        RECEIVE("b");
        RECEIVE("last");
        ENDS_BY_EXIT(pid, 0);
        ck_assert(file_contains(log_fd, "dropped a message"));
}
END_TEST

START_TEST(a_source_that_fails_in_a_line) {
        pid_t pid;

        make_gang(SOURCE, MESSAGE_MAX);
        pid = RUN_SHELL("lines", "printf 'a\\nhal'; exit 9");
        RECEIVE("a");
        ENDS_BY_EXIT(pid, 9);
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
        ENDS_BY_EXIT(pid, 0);
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
        ENDS_BY_EXIT(pid, 0);
}
END_TEST

START_TEST(a_source_of_frames) {
        pid_t pid;

        make_gang(SOURCE, MESSAGE_MAX);
        pid = RUN_SHELL("frames", "printf '\\0\\0\\0\\003a\\nb\\0\\0\\0\\0'");
        RECEIVE("a\nb");
        RECEIVE("");
        ENDS_BY_EXIT(pid, 0);
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
        pid = RUN_SHELL("lines", "read -r l; echo \"OK ${NOTIFY_SOCKET-none} ${GANGER_HANDSHAKE-none} $GANGER_WORKER\"; "
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
        ENDS_BY_EXIT(RUN("--io=line", "cat"), 2);
        ck_assert(file_contains(log_fd, "did you mean lines?"));
        ENDS_BY_EXIT(RUN("--io=lines"), 2);
        ENDS_BY_EXIT(RUN("cat"), 2);
        ENDS_BY_EXIT(RUN("--frobnicate", "cat"), 2);
        ENDS_BY_EXIT(RUN("--io=lines", "--io-fds=3", "cat"), 2);
        ENDS_BY_EXIT(RUN("--io=lines", "--io-fds=3,3", "cat"), 2);
        ENDS_BY_EXIT(RUN("--io=lines", "--io-fds=3,2", "cat"), 2);
        ENDS_BY_EXIT(RUN("--io=lines", "--io-fds=3,4x", "cat"), 2);
        ENDS_BY_EXIT(RUN("--io=lines", "--io-fds=-1,4", "cat"), 2);
        ENDS_BY_EXIT(RUN("--version"), 0);
        ck_assert(file_contains(out_fd, "ganger-bridge "));
}
END_TEST

START_TEST(rings_that_do_not_fit) {
        make_gang(SOURCE, MESSAGE_MAX);
        ENDS_BY_EXIT(RUN("--io=exec", "cat"), 1);
        ck_assert(file_contains(log_fd, "io = exec needs a ring to receive from"));
        rig_member_give(&worker, &jobs, GANGER_SEND, 1);
        ENDS_BY_EXIT(RUN("--io=lines", "cat"), 1);
        ck_assert(file_contains(log_fd, "there are several rings to send to"));
        worker.n_rings = 0;
        ENDS_BY_EXIT(RUN("--io=lines", "cat"), 1);
        ck_assert(file_contains(log_fd, "no ring to receive from or send to"));
}
END_TEST

int main(int argc, char *argv[]) {
        Suite *suite = suite_create("bridge");
        TCase *c = tcase_create("bridge");
        const TTest *tests[] = {
                lines_are_forwarded, ok_alone_sends_nothing, without_a_ring_to_send_to_the_text_is_ignored,
                fail_rejects_with_the_reason, fail_alone_rejects, a_newline_cannot_be_in_a_line, a_huge_reply_is_rejected,
                a_reply_a_little_too_long_is_rejected, a_ring_that_is_full_holds_the_program_up, io_fds_keep_stdout_free,
                io_fds_may_be_crossed, what_is_no_reply_ends_it, writing_unasked_ends_it, a_second_reply_ends_it,
                closing_stdout_and_living_on_ends_it, closing_stdin_and_living_on_ends_it,
                one_that_writes_before_it_reads_blocks_nobody, a_program_that_exits_with_a_message_gives_it_back,
                a_program_that_crashes_is_told_of_as_it_was, a_reply_before_the_end_counts,
                a_program_that_ends_idle_ends_the_bridge, a_program_that_is_not_there,
                killing_the_bridge_kills_the_program_and_loses_nothing, asked_to_stop_it_finishes_what_it_has,
                asked_by_the_daemon_it_finishes_what_it_has, a_signal_to_all_of_them_is_a_clean_end,
                one_that_never_replies_is_left_to_sigkill, frames_of_any_bytes, frames_reply_as_lines_do,
                a_long_frame_is_rejected, what_is_no_frame_ends_it, exec_runs_a_process_a_message, exec_rejects_by_exit_status,
                exec_rejects_what_is_killed, exec_ends_an_endless_reply, exec_need_not_read_its_input,
                exec_finishes_when_asked_to_stop, exec_without_a_ring_to_send_to_writes_to_the_log,
                a_source_sends_what_it_writes, a_source_that_fails_in_a_line, a_source_is_asked_to_stop,
                a_source_waits_for_space, a_source_of_frames, it_tells_that_it_is_ready_and_keeps_the_program_out_of_it,
                mistakes_in_the_command_line, rings_that_do_not_fit,
        };

        for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run();
        if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
                return EXIT_FAILURE;
        tcase_add_checked_fixture(c, NULL, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
