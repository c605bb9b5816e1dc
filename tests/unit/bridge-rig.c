/* SPDX-License-Identifier: MIT */

#include "bridge-rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/** Nothing takes so long: a test that waits in vain ends. */
#define LIMIT_USEC (30 * 1000 * 1000)

struct rig_ring jobs, results;
struct rig_member worker;
int log_fd, out_fd;

static struct rig_member outside;
static struct ganger *g;
static int told[2], held[2];

void make_gang(enum gang_kind kind, uint32_t message_max) {
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

pid_t run(const char *const *argv) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                become_bridge(argv);
        told[1] = close_fd(told[1]);
        return pid;
}

void send_bytes(const void *data, size_t size) {
        ck_assert_int_eq(ganger_send(g, "jobs", data, size, LIMIT_USEC), 0);
}

/** For whoever looks at a test that failed. */
static void show_log(void) {
        char buf[1024];
        ssize_t n = pread(log_fd, buf, sizeof buf, 0);

        if (n > 0)
                fprintf(stderr, "%.*s", (int)n, buf);
}

void receive_bytes(const void *data, size_t size) {
        struct ganger_message m;
        int r = ganger_receive(g, "results", &m, LIMIT_USEC);

        if (r < 0)
                show_log();
        ck_assert_int_eq(r, 0);
        ck_assert_uint_eq(m.size, size);
        ck_assert_mem_eq(m.data, data, size);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}

void wait_told(void) {
        char byte;

        ck_assert_int_eq(read(told[0], &byte, 1), 1);
}

void wait_silence(void) {
        char byte;

        ck_assert_int_eq(read(told[0], &byte, 1), 0);
}

void let_go(void) {
        ck_assert_int_eq(write(held[1], "\n", 1), 1);
}

void drain(void) {
        atomic_store(&worker.memory.memory->drain, 1);
        wait_wake_all(&jobs.judge.queue.messages);
}

void ends_by_exit(pid_t pid, int code) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
                show_log();
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), code);
}

void ends_by_signal(pid_t pid, int signal) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_eq(WTERMSIG(status), signal);
}

void drain_and_end(pid_t pid) {
        drain();
        ends_by_exit(pid, 0);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_LEASED), 0);
        ck_assert_uint_eq(rig_ring_count(&results, SLOT_WRITING), 0);
}

void left(enum slot_state state, uint32_t n, const char *reason) {
        char text[64];

        ck_assert_uint_eq(rig_ring_count(&jobs, state), n);
        for (uint32_t i = 0; i < SLOTS; i++)
                if (word_state(atomic_load(&queue_slot(&jobs.judge.queue, i)->word)) == state)
                        ck_assert_str_eq(rig_ring_reason(&jobs, i, text, sizeof text), reason);
}

bool file_contains(int fd, const char *text) {
        char buf[8192];
        ssize_t n = pread(fd, buf, sizeof buf - 1, 0);

        ck_assert_int_ge(n, 0);
        buf[n] = '\0';
        return strstr(buf, text) != NULL;
}

int bridge_rig_main(const char *name, const TTest *const *tests, size_t n) {
        Suite *suite = suite_create(name);
        TCase *c = tcase_create(name);

        tcase_add_checked_fixture(c, NULL, teardown);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
