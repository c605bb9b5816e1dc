/* SPDX-License-Identifier: MIT */

/*
 * Hosts: rings without a daemon, with real processes that join in each of the ways there are, die, and are recovered.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "ganger.h"
#include "harness.h"
#include "host-work.h"

#define MESSAGE_MAX 48
#define LIMIT_USEC (30 * INT64_C(1000000))      /* only ends a hang */

static struct ganger_host *host;
static struct ganger_member *boss;
static struct ganger *mine;             /* joined as the boss */

static const struct ganger_definition queue = {
        .kind = GANGER_QUEUE, .slots = 64, .message_max = MESSAGE_MAX, .max_deliveries = 3,
};
static const struct ganger_grant worker_grants[] = { { "jobs", GANGER_RECEIVE }, { "results", GANGER_SEND } };
static const struct ganger_grant boss_grants[] = { { "jobs", GANGER_SEND }, { "results", GANGER_RECEIVE } };

static void setup(void) {
        ck_assert_int_eq(ganger_host_new(&host, "crawler"), 0);
        ck_assert_int_eq(ganger_host_add(host, "jobs", &queue), 0);
        ck_assert_int_eq(ganger_host_add(host, "results", &queue), 0);
        ck_assert_int_eq(ganger_host_admit(host, boss_grants, 2, 1, &boss), 0);
        ck_assert_int_eq(ganger_member_join(boss, &mine), 0);
}

static void teardown(void) {
        mine = ganger_leave(mine);
        host = ganger_host_free(host);
}

static struct ganger_member *admit(void) {
        struct ganger_member *m = NULL;

        ck_assert_int_eq(ganger_host_admit(host, worker_grants, 2, 1, &m), 0);
        return m;
}

static void give(const char *text) {
        ck_assert_int_eq(ganger_send(mine, "jobs", text, strlen(text), 0), 0);
}

static void expect(const char *text) {
        struct ganger_message m;

        ck_assert_int_eq(ganger_receive(mine, "results", &m, LIMIT_USEC), 0);
        ck_assert_uint_eq(m.size, strlen(text));
        ck_assert_mem_eq(m.data, text, m.size);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}

static int wait_for(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return status;
}

static bool was_killed(pid_t pid) {
        int status = wait_for(pid);

        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int exit_of(pid_t pid) {
        int status = wait_for(pid);

        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/** Its exit status is that of the work. */
static pid_t fork_worker(struct ganger_member *m) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger *g = NULL;
                int r = ganger_member_join(m, &g);

                ganger_host_free(host);
                _exit(r < 0 ? 100 : host_work(g));
        }
        return pid;
}

/* ---- making and admitting ---------------------------------------------------------------------- */

START_TEST(it_refuses_what_makes_no_sense) {
        struct ganger_definition d = queue;
        struct ganger_host *other = NULL;
        struct ganger_member *m = NULL;

        ck_assert_int_eq(ganger_host_new(&other, "no spaces"), -EINVAL);
        ck_assert_int_eq(ganger_host_add(host, "jobs", &queue), -EEXIST);
        ck_assert_int_eq(ganger_host_add(host, "", &queue), -EINVAL);
        ck_assert_int_eq(ganger_host_add(host, "a/b", &queue), -EINVAL);
        d.slots = 3;
        ck_assert_int_eq(ganger_host_add(host, "x", &d), -EINVAL);
        d = queue;
        d.slots = UINT32_C(1) << 31;
        ck_assert_int_eq(ganger_host_add(host, "x", &d), -E2BIG);
        d = queue;
        d.kind = 1000;
        ck_assert_int_eq(ganger_host_add(host, "x", &d), -EINVAL);
        d = queue;
        d.reserved[5] = 1;
        ck_assert_int_eq(ganger_host_add(host, "x", &d), -EINVAL);

        ck_assert_int_eq(ganger_host_admit(host, &(struct ganger_grant){ "x", GANGER_SEND }, 1, 1, &m), -ENOENT);
        ck_assert_int_eq(ganger_host_admit(host, &(struct ganger_grant){ "jobs", 0 }, 1, 1, &m), -EINVAL);
        ck_assert_int_eq(ganger_host_admit(host, &(struct ganger_grant){ "jobs", 4 }, 1, 1, &m), -EINVAL);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 1, 1, &m), -EINVAL);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 65, &m), -EINVAL);
        ck_assert_int_eq(ganger_host_admit(host, (struct ganger_grant[]){ { "jobs", GANGER_SEND }, { "jobs", GANGER_RECEIVE } },
                                           2, 1, &m), -EEXIST);
        ck_assert_ptr_null(other);
        ck_assert_ptr_null(m);
        ck_assert_ptr_null(ganger_host_free(NULL));
        ck_assert_ptr_null(ganger_member_free(NULL));
}
END_TEST

START_TEST(a_member_has_what_it_was_granted) {
        struct ganger_member *m = admit(), *all = NULL, *late = NULL;
        struct ganger_ring *ring = NULL;
        struct ganger *g = NULL;

        ck_assert_int_eq(ganger_member_join(m, &g), 0);
        ck_assert_str_eq(ganger_worker(g), "crawler");
        ck_assert_uint_eq(ganger_instance(g), 1);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_SEND, &ring), -EACCES);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_RECEIVE, &ring), 0);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_RECEIVE, &ring), -EUSERS);
        g = ganger_leave(g);

        /* Everything that there is when it is admitted, and not what comes later. */
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 0, &all), 0);
        ck_assert_int_eq(ganger_host_add(host, "more", &queue), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 0, &late), 0);
        ck_assert_int_eq(ganger_member_join(all, &g), 0);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_SEND | GANGER_RECEIVE, &ring), 0);
        ck_assert_int_eq(ganger_ring_open(g, "more", GANGER_SEND, &ring), -ENOENT);
        g = ganger_leave(g);
        ck_assert_int_eq(ganger_member_join(late, &g), 0);
        for (int i = 0; i < 4; i++)
                ck_assert_int_eq(ganger_ring_open(g, "more", GANGER_SEND, &ring), 0);
        ck_assert_int_eq(ganger_ring_open(g, "more", GANGER_SEND, &ring), -EUSERS);
        g = ganger_leave(g);
}
END_TEST

START_TEST(a_replacement_has_the_number_of_the_one_it_replaces) {
        struct ganger_member *m[4];
        struct ganger *g = NULL;

        for (int i = 0; i < 4; i++)
                m[i] = admit();
        ganger_member_free(m[1]);
        ganger_member_free(m[2]);
        m[2] = admit();
        m[1] = admit();
        ck_assert_int_eq(ganger_member_join(m[2], &g), 0);
        ck_assert_uint_eq(ganger_instance(g), 2);
        ganger_leave(g);
        ck_assert_int_eq(ganger_member_join(m[1], &g), 0);
        ck_assert_uint_eq(ganger_instance(g), 3);
        ganger_leave(g);
}
END_TEST

START_TEST(the_seats_of_a_ring_have_an_end) {
        const struct ganger_grant grant = { "jobs", GANGER_RECEIVE };
        struct ganger_member *m[40], *more = NULL;
        int n = 0;

        while (ganger_host_admit(host, &grant, 1, 64, &m[n]) == 0)
                n++;
        ck_assert_int_eq(n, 31); /* of 2,047, the boss has one */
        ck_assert_int_eq(ganger_host_admit(host, &grant, 1, 64, &more), -EUSERS);
        /* What it could not take all of is free again. */
        ck_assert_int_eq(ganger_host_admit(host, (struct ganger_grant[]){ { "results", GANGER_SEND }, grant }, 2, 64, &more),
                         -EUSERS);
        ganger_member_free(m[7]);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 64, &more), 0);
}
END_TEST

START_TEST(two_cannot_join_as_one) {
        struct ganger_member *m = admit();
        struct ganger *g = NULL, *again = NULL;

        ck_assert_int_eq(ganger_member_join(m, &g), 0);
        ck_assert_int_eq(ganger_member_join(m, &again), -EALREADY);
        ck_assert_ptr_null(again);
        ganger_leave(g);
        ck_assert_int_eq(exit_of(fork_worker(m)), 100);
}
END_TEST

/* ---- after fork -------------------------------------------------------------------------------- */

START_TEST(a_forked_child_works) {
        struct ganger_member *m = admit();
        pid_t pid = fork_worker(m);

        give("hello");
        expect("hello");
        give("stop");
        ck_assert_int_eq(exit_of(pid), 0);
        ganger_member_free(m);
}
END_TEST

START_TEST(a_child_that_is_killed_loses_nothing) {
        struct ganger_recovery found;
        struct ganger_member *m = admit(), *next = admit();
        pid_t pid = fork_worker(m);

        give("die");
        ck_assert(was_killed(pid));
        ck_assert_int_eq(ganger_member_recover(m, "killed", &found), 0);
        ck_assert_uint_eq(found.returned, 1);
        ck_assert_uint_eq(found.dead + found.cancelled + found.redone, 0);
        ck_assert_int_eq(ganger_member_recover(m, "killed", &found), 0);
        ck_assert_uint_eq(found.returned, 0);
        ganger_member_free(m);

        pid = fork_worker(next);
        expect("die");
        give("stop");
        ck_assert_int_eq(exit_of(pid), 0);
}
END_TEST

/** As a member may that has the descriptor: overwrite some of the memory of a ring. */
static void scribble(const char *name, off_t from, size_t size) {
        static const char bytes[4096] = { [0 ... 4095] = 'A' };
        char path[64], target[64], wanted[64];

        snprintf(wanted, sizeof wanted, "/memfd:%s (deleted)", name);
        for (int fd = 0; fd < 1024; fd++) {
                ssize_t n;

                snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
                n = readlink(path, target, sizeof target - 1);
                target[n > 0 ? n : 0] = '\0';
                if (strcmp(target, wanted) != 0)
                        continue;
                for (; size > 0; size -= MIN(size, sizeof bytes), from += (off_t)sizeof bytes)
                        ck_assert_int_gt(pwrite(fd, bytes, MIN(size, sizeof bytes), from), 0);
                return;
        }
        ck_abort_msg("no memory of %s", name);
}

START_TEST(what_a_member_spoils_is_told_and_the_others_go_on) {
        char text[GANGER_DAMAGE_MAX] = "before";
        struct ganger_member *m = admit(), *next = admit();
        struct ganger_recovery found;
        pid_t pid = fork_worker(m);

        give("die");
        ck_assert(was_killed(pid));
        ck_assert_int_eq(ganger_host_inspect(host, "results", text, sizeof text), 0);
        ck_assert_str_eq(text, "");
        ck_assert_int_eq(ganger_host_inspect(host, "nothing", text, sizeof text), -ENOENT);
        ck_assert_int_eq(ganger_member_recover(m, "killed", &found), 0);
        ck_assert_uint_eq(found.damaged, 0);
        /* Another: its first slot. */
        ck_assert_int_eq(ganger_host_add(host, "spoilt", &queue), 0);
        scribble("spoilt", 4096, 64);
        ck_assert_int_eq(ganger_host_inspect(host, "spoilt", text, sizeof text), -EBADMSG);
        ck_assert_msg(strstr(text, "its word (0x4141414141414141)"), "%s", text);
        ck_assert_int_eq(ganger_host_inspect(host, "spoilt", text, 5), -EBADMSG);
        ck_assert_uint_eq(strlen(text), 4);
        ck_assert_int_eq(ganger_host_inspect(host, "spoilt", NULL, 0), -EBADMSG);
        ganger_member_free(m);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &m), 0);
        ck_assert_int_eq(ganger_member_recover(m, NULL, &found), 0);
        ck_assert_uint_eq(found.damaged, 1);
        pid = fork_worker(next);
        expect("die");
        give("stop");
        ck_assert_int_eq(exit_of(pid), 0);
}
END_TEST

START_TEST(free_recovers) {
        struct ganger_member *m = admit(), *next = admit();
        pid_t pid = fork_worker(m);

        give("die");
        ck_assert(was_killed(pid));
        ganger_member_free(m);
        pid = fork_worker(next);
        expect("die");
        give("stop");
        ck_assert_int_eq(exit_of(pid), 0);
}
END_TEST

START_TEST(one_that_waits_gets_what_another_held) {
        struct ganger_member *first = admit(), *second = admit();
        pid_t pid[2] = { fork_worker(first), -1 };
        struct ganger_message m;

        give("hold");
        expect("held");
        pid[1] = fork_worker(second);
        give("ping");
        expect("ping"); /* so the second waits, or will */
        kill(pid[0], SIGKILL);
        ck_assert(was_killed(pid[0]));
        ck_assert_int_eq(ganger_member_recover(first, NULL, NULL), 0);
        ck_assert_int_eq(ganger_receive(mine, "results", &m, LIMIT_USEC), 0);
        ck_assert_mem_eq(m.data, "held", 4);
        kill(pid[1], SIGKILL);
        ck_assert(was_killed(pid[1]));
}
END_TEST

/** In a child nothing is mapped: what needs it must say so, not crash. */
START_TEST(in_a_child_the_host_is_its_parents) {
        struct ganger_member *m = admit(), *other = NULL;
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger *g = NULL;
                bool ok = ganger_host_add(host, "x", &queue) == -EPERM &&
                          ganger_host_admit(host, NULL, 0, 0, &other) == -EPERM && ganger_member_drain(m) == -EPERM &&
                          ganger_member_stopped(m, 1) == -EPERM && ganger_member_recover(m, NULL, NULL) == -EPERM &&
                          ganger_member_join(m, &g) == 0;

                /* Its mappings may lie where its parent's lay: freeing the host must leave them alone. */
                ganger_host_free(host);
                if (ok)
                        ok = host_work(g) == 0;
                for (int fd = 3; ok && fd < 256; fd++)
                        ok = fcntl(fd, F_GETFD) < 0 || fcntl(fd, F_GET_SEALS) < 0;
                _exit(ok ? 0 : 1);
        }
        give("stop");
        ck_assert_int_eq(exit_of(pid), 0);
}
END_TEST

/* ---- over execve, over a socket ---------------------------------------------------------------- */

static pid_t spawn(posix_spawn_file_actions_t *actions, const char *how, const char *environment) {
        const char *const argv[] = { "host-member", how, NULL }, *const envp[] = { environment, NULL };
        pid_t pid;

        ck_assert_int_eq(posix_spawn(&pid, HOST_MEMBER, actions, NULL, (char *const *)argv, (char *const *)envp), 0);
        posix_spawn_file_actions_destroy(actions);
        return pid;
}

START_TEST(a_program_that_is_spawned_joins_by_its_environment) {
        struct ganger_member *m = admit();
        posix_spawn_file_actions_t actions;
        const char *environment = NULL, *again = NULL;
        int fds[16], n;
        pid_t pid;

        ck_assert_int_eq(ganger_member_environment(m, &environment), 0);
        ck_assert_int_eq(ganger_member_environment(m, &again), 0);
        ck_assert_ptr_eq(environment, again);
        n = ganger_member_descriptors(m, NULL, 0);
        ck_assert_int_eq(n, 6);
        ck_assert_int_eq(ganger_member_descriptors(m, fds, 16), n);
        posix_spawn_file_actions_init(&actions);
        for (int i = 0; i < n; i++)
                posix_spawn_file_actions_adddup2(&actions, fds[i], fds[i]);
        pid = spawn(&actions, "environment", environment);
        give("hello");
        expect("hello");
        give("die");
        ck_assert(was_killed(pid));
        ck_assert_int_eq(ganger_member_recover(m, NULL, NULL), 0);
}
END_TEST

static pid_t fork_and_exec(struct ganger_member *m) {
        const char *environment = NULL;
        pid_t pid;

        ck_assert_int_eq(ganger_member_inherit(m), -EINVAL);
        ck_assert_int_eq(ganger_member_environment(m, &environment), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                if (ganger_member_inherit(m) < 0)
                        _exit(101);
                execle(HOST_MEMBER, "host-member", "environment", NULL, (char *[]){ (char *)environment, NULL });
                _exit(102);
        }
        return pid;
}

START_TEST(a_program_that_is_executed_joins_by_its_environment) {
        pid_t pid = fork_and_exec(admit());

        give("hello");
        expect("hello");
        give("stop");
        ck_assert_int_eq(exit_of(pid), 0);
}
END_TEST

/** Where 64 and more may not be open, lower numbers do. */
START_TEST(few_descriptors_do) {
        struct rlimit few, before;
        struct ganger_member *m;
        pid_t pid;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        few = before;
        few.rlim_cur = 60;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        m = admit();
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        pid = fork_and_exec(m);
        give("stop");
        ck_assert_int_eq(exit_of(pid), 0);
}
END_TEST

static pid_t spawn_stranger(int socket) {
        posix_spawn_file_actions_t actions;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, socket, 0);
        return spawn(&actions, "socket", "X=");
}

static void joins_over(int type) {
        struct ganger_member *m = admit();
        int pair[2];
        pid_t pid;

        ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
        pid = spawn_stranger(pair[1]);
        ck_assert_int_eq(ganger_member_send(m, pair[0]), 0);
        give("hello");
        expect("hello");
        give("die");
        ck_assert(was_killed(pid));
        ganger_member_free(m);

        pid = spawn_stranger(pair[1]);
        m = admit();
        ck_assert_int_eq(ganger_member_send(m, pair[0]), 0);
        expect("die");
        ck_assert_int_eq(ganger_member_drain(m), 0);
        ck_assert_int_eq(exit_of(pid), HOST_WORK_DRAINED);
        close(pair[0]);
        close(pair[1]);
}

START_TEST(a_stranger_joins_over_a_stream) {
        joins_over(SOCK_STREAM);
}
END_TEST

START_TEST(a_stranger_joins_over_packets) {
        joins_over(SOCK_SEQPACKET);
}
END_TEST

static unsigned int count_descriptors(void) {
        unsigned int n = 0;

        for (int fd = 0; fd < 1024; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

START_TEST(what_is_no_handshake_is_refused) {
        const uint64_t magic = UINT64_C(0x0a6e696f6a676e67);
        struct ganger *g = NULL;
        unsigned int before;
        int pair[2], null, text;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        text = fd_memfd_sealed("text", "hello", 5);
        before = count_descriptors();
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], 0), -EAGAIN);
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], 1), -ETIMEDOUT);
        ck_assert_int_eq(ganger_join_socket(&g, null, 0), -ENOTSOCK);
        ck_assert_int_eq(fd_send(pair[0], "hello", 5, &null, 1), 5);
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], -1), -EPROTO);
        ck_assert_int_eq(fd_send(pair[0], &magic, sizeof magic, NULL, 0), sizeof magic);
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], -1), -EPROTO);
        ck_assert_int_eq(fd_send(pair[0], &magic, sizeof magic, &null, 1), sizeof magic);
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], -1), -EPROTO);
        ck_assert_int_eq(fd_send(pair[0], &magic, sizeof magic, (int[]){ text, null }, 2), sizeof magic);
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], -1), -EPROTO);
        ck_assert_int_eq(fd_send(pair[0], "much longer than that", 21, &null, 1), 21);
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], -1), -EPROTO);
        ck_assert_uint_eq(count_descriptors(), before);
        close(pair[0]);
        ck_assert_int_eq(ganger_join_socket(&g, pair[1], -1), -ECONNRESET);
        ck_assert_int_eq(ganger_member_send(boss, pair[1]), -EPIPE);
        ck_assert_ptr_null(g);
        close(pair[1]);
        close(null);
        close(text);
}
END_TEST

/* ---- draining, stopping ------------------------------------------------------------------------ */

START_TEST(a_member_drains_before_it_joins_and_after) {
        struct ganger_member *early = admit(), *late = admit();
        pid_t pid = fork_worker(late);

        ck_assert_int_eq(ganger_member_drain(early), 0);
        ck_assert_int_eq(exit_of(fork_worker(early)), HOST_WORK_DRAINED);
        give("ping");
        expect("ping");
        ck_assert_int_eq(ganger_member_drain(late), 0);
        ck_assert_int_eq(exit_of(pid), HOST_WORK_DRAINED);
}
END_TEST

/** One sleeps and is stopped; the other must get the message, though the first is woken for it. */
START_TEST(a_stopped_member_swallows_no_wake_up) {
        struct ganger_member *m[2] = { admit(), admit() };
        pid_t pid[2] = { fork_worker(m[0]), fork_worker(m[1]) };
        int status;

        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(kill(pid[i], SIGSTOP), 0);
                ck_assert_int_eq(waitpid(pid[i], &status, WUNTRACED), pid[i]);
                ck_assert(WIFSTOPPED(status));
                ck_assert_int_eq(ganger_member_stopped(m[i], 1), 0);
                give("ping");
                expect("ping");
                ck_assert_int_eq(kill(pid[i], SIGCONT), 0);
                ck_assert_int_eq(ganger_member_stopped(m[i], 0), 0);
        }
        give("stop");
        give("stop");
        ck_assert_int_eq(exit_of(pid[0]), 0);
        ck_assert_int_eq(exit_of(pid[1]), 0);
}
END_TEST

/* ---- every kind -------------------------------------------------------------------------------- */

/** POSIX semaphores have names that all of the machine shares. */
static char kind_name[32] = "it";

/** A host of one object besides, and two who may do everything with it: ourselves, and a child that will be killed. */
static struct ganger_member *add_kind(const struct ganger_definition *d, unsigned int flags, struct ganger **ret) {
        const struct ganger_grant grant = { kind_name, flags };
        struct ganger_member *us = NULL, *m = NULL;

        ck_assert_int_eq(ganger_host_add(host, kind_name, d), 0);
        ck_assert_int_eq(ganger_host_admit(host, &grant, 1, 2, &us), 0);
        ck_assert_int_eq(ganger_member_join(us, ret), 0);
        ck_assert_int_eq(ganger_host_admit(host, &grant, 1, 2, &m), 0);
        return m;
}

/** A child joins, does that, and is killed. */
static void die_after(struct ganger_member *m, bool (*act)(struct ganger *), struct ganger_recovery *ret) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger *g;

                if (ganger_member_join(m, &g) == 0 && act(g))
                        kill(getpid(), SIGKILL);
                _exit(1);
        }
        ck_assert(was_killed(pid));
        ck_assert_int_eq(ganger_member_recover(m, "killed", ret), 0);
}

#define BOTH (GANGER_RECEIVE | GANGER_SEND)

static bool sends_and_appends(struct ganger *g) {
        struct ganger_pipe *p;

        return ganger_pipe_open(g, "it", GANGER_SEND, &p) == 0 && ganger_pipe_send(p, "one", 3, 0) == 0 &&
               ganger_pipe_append(p, "two", 3, 0) == 0;
}

START_TEST(a_pipe_keeps_what_a_dead_writer_published) {
        const struct ganger_definition d = { .kind = GANGER_PIPE, .capacity = 4096, .message_max = 64 };
        struct ganger_pipe *reader = NULL, *writer = NULL;
        struct ganger *g = NULL;
        char text[64];
        size_t n = 0;

        die_after(add_kind(&d, BOTH, &g), sends_and_appends, NULL);
        ck_assert_int_eq(ganger_pipe_open(g, "it", GANGER_RECEIVE, &reader), 0);
        ck_assert_int_eq(ganger_pipe_open(g, "it", GANGER_SEND, &writer), 0);
        ck_assert_int_eq(ganger_pipe_send(writer, "three", 5, 0), 0);
        ck_assert_int_eq(ganger_pipe_receive(reader, text, sizeof text, &n, 0), 0);
        ck_assert_uint_eq(n, 3);
        ck_assert_int_eq(ganger_pipe_receive(reader, text, sizeof text, &n, 0), 0);
        ck_assert_uint_eq(n, 5);
        ganger_leave(g);
}
END_TEST

static bool subscribes(struct ganger *g) {
        struct ganger_broadcast *b;

        return ganger_broadcast_open(g, "it", GANGER_RECEIVE, &b) == 0;
}

START_TEST(a_broadcast_forgets_a_dead_reader) {
        const struct ganger_definition d = {
                .kind = GANGER_BROADCAST, .capacity = 128, .message_max = 16, .slots = 1, .policy = GANGER_BROADCAST_WAIT,
        };
        struct ganger_broadcast *b = NULL;
        struct ganger *g = NULL;

        die_after(add_kind(&d, BOTH, &g), subscribes, NULL);
        ck_assert_int_eq(ganger_broadcast_open(g, "it", GANGER_SEND, &b), 0);
        for (int i = 0; i < 64; i++)
                ck_assert_int_eq(ganger_broadcast_send(b, "x", 1, 0), 0);
        ganger_leave(g);
}
END_TEST

static bool takes_a_call(struct ganger *g) {
        struct ganger_request request;
        struct ganger_service *s;

        return ganger_service_open(g, "it", GANGER_RECEIVE, &s) == 0 && ganger_service_receive(s, &request, 0) == 0;
}

START_TEST(a_caller_is_told_that_its_server_died) {
        const struct ganger_definition d = { .kind = GANGER_SERVICE, .slots = 2, .message_max = 64 };
        struct ganger_service *s = NULL;
        struct ganger_member *m;
        struct ganger_call call;
        struct ganger *g = NULL;
        char text[64];

        m = add_kind(&d, BOTH, &g);
        ck_assert_int_eq(ganger_service_open(g, "it", GANGER_SEND, &s), 0);
        ck_assert_int_eq(ganger_service_begin(s, "x", 1, -1, &call), 0);
        die_after(m, takes_a_call, NULL);
        ck_assert_int_eq(ganger_service_finish(&call, text, sizeof text, NULL, LIMIT_USEC), -ECONNRESET);
        ganger_leave(g);
}
END_TEST

static bool acquires(struct ganger *g) {
        struct ganger_semaphore *s;

        return ganger_semaphore_open(g, NULL, &s) == 0 && ganger_semaphore_acquire(s, 0) == 0;
}

static void gives_permits_back(uint32_t policy) {
        const struct ganger_definition d = { .kind = GANGER_SEMAPHORE, .slots = 1, .policy = policy };
        struct ganger_semaphore *s = NULL;
        struct ganger *g = NULL;

        die_after(add_kind(&d, 0, &g), acquires, NULL);
        ck_assert_int_eq(ganger_semaphore_open(g, NULL, &s), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), -EAGAIN);
        ganger_leave(g);
}

START_TEST(a_semaphore_has_the_permits_of_the_dead_again) {
        gives_permits_back(GANGER_SEMAPHORE_PLAIN);
}
END_TEST

START_TEST(a_posix_semaphore_has_them_again_and_loses_its_name) {
        const struct ganger_definition d = { .kind = GANGER_SEMAPHORE, .slots = 1, .policy = GANGER_SEMAPHORE_POSIX };
        char path[64];

        snprintf(kind_name, sizeof kind_name, "ganger-test-%d", (int)getpid());
        snprintf(path, sizeof path, "/dev/shm/sem.%s", kind_name);
        gives_permits_back(GANGER_SEMAPHORE_POSIX);
        ck_assert_int_eq(access(path, F_OK), 0);
        ck_assert_int_eq(ganger_host_add(host, kind_name, &d), -EEXIST);
        ck_assert_int_eq(access(path, F_OK), 0);
        mine = ganger_leave(mine);
        host = ganger_host_free(host);
        ck_assert_int_eq(access(path, F_OK), -1);
        snprintf(kind_name, sizeof kind_name, "it");
}
END_TEST

static bool adds(struct ganger *g) {
        struct ganger_counter *c;
        int64_t value;

        return ganger_counter_open(g, "it", &c) == 0 && ganger_counter_add(c, 0, 5, &value) == 0;
}

START_TEST(a_counter_keeps_what_a_dead_one_added) {
        const struct ganger_definition d = { .kind = GANGER_COUNTER, .slots = 2 };
        struct ganger_counter *c = NULL;
        struct ganger *g = NULL;
        int64_t value = 0;

        die_after(add_kind(&d, BOTH, &g), adds, NULL);
        ck_assert_int_eq(ganger_counter_open(g, "it", &c), 0);
        ck_assert_int_eq(ganger_counter_get(c, 0, &value), 0);
        ck_assert_int_eq(value, 5);
        ganger_leave(g);
}
END_TEST

static bool locks(struct ganger *g) {
        struct ganger_mutex *m;

        return ganger_mutex_open(g, "it", &m) == 0 && ganger_mutex_lock(m, 0) == 0;
}

START_TEST(a_mutex_tells_that_its_owner_died) {
        const struct ganger_definition d = { .kind = GANGER_MONITOR };
        struct ganger_recovery found = { 0 };
        struct ganger_mutex *m = NULL;
        struct ganger *g = NULL;

        die_after(add_kind(&d, BOTH, &g), locks, &found);
        ck_assert_uint_eq(found.locks, 1);
        ck_assert_int_eq(ganger_mutex_open(g, "it", &m), 0);
        ck_assert_int_eq(ganger_mutex_lock(m, 0), -EOWNERDEAD);
        ganger_leave(g);
}
END_TEST

START_TEST(a_lock_is_granted_in_full_or_not) {
        const struct ganger_definition d = { .kind = GANGER_COUNTER, .slots = 1 };
        struct ganger_member *m = NULL;

        ck_assert_int_eq(ganger_host_add(host, "it", &d), 0);
        ck_assert_int_eq(ganger_host_admit(host, &(struct ganger_grant){ "it", GANGER_SEND }, 1, 1, &m), -EINVAL);
        ck_assert_int_eq(ganger_host_admit(host, &(struct ganger_grant){ "it", 0 }, 1, 1, &m), 0);
}
END_TEST

/* ---- all of it --------------------------------------------------------------------------------- */

#define STORM_MESSAGES 400
#define STORM_WORKERS 3
#define STORM_DEATHS 40
#define STORM_AHEAD 32

static struct storm_worker {
        struct ganger_member *member;
        pid_t pid;
        int pidfd;
} storm_workers[STORM_WORKERS];
static unsigned int storm_seen[STORM_MESSAGES], storm_received, storm_given, storm_sent, storm_deaths;

static void storm_start(struct storm_worker *w) {
        w->member = admit();
        w->pid = fork_worker(w->member);
        w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
        ck_assert_int_ge(w->pidfd, 0);
}

static int storm_end(struct storm_worker *w) {
        int status = wait_for(w->pid);

        close(w->pidfd);
        w->member = ganger_member_free(w->member);
        return status;
}

/** Some ahead of what came out. */
static void storm_send(void) {
        char text[16];

        for (; storm_sent < STORM_MESSAGES && storm_given < storm_received + STORM_AHEAD; storm_sent++) {
                bool deadly = storm_sent % (STORM_MESSAGES / STORM_DEATHS) == 0;

                snprintf(text, sizeof text, "%u", storm_sent);
                give(text);
                if (deadly)
                        give("die");
                storm_given += 1 + deadly;
        }
}

static void storm_receive(struct ganger_ring *results) {
        struct ganger_message m;
        char text[MESSAGE_MAX + 1];
        int r;

        while ((r = ganger_ring_receive(results, &m, 0)) == 0) {
                storm_received++;
                memcpy(text, m.data, m.size);
                text[m.size] = '\0';
                if (strcmp(text, "die") != 0)
                        storm_seen[strtoul(text, NULL, 10) % STORM_MESSAGES]++;
                ck_assert_int_eq(ganger_acknowledge(&m), 0);
        }
        ck_assert_int_eq(r, -EAGAIN);
}

/** Each tenth message kills whoever receives it first. Every one comes out, exactly once. */
START_TEST(nothing_is_lost_in_a_storm) {
        struct pollfd fds[1 + STORM_WORKERS];
        struct ganger_ring *results;

        ck_assert_int_eq(ganger_ring_open(mine, "results", GANGER_RECEIVE, &results), 0);
        fds[0] = (struct pollfd){ .fd = ganger_ring_fd(results), .events = POLLIN };
        for (int i = 0; i < STORM_WORKERS; i++)
                storm_start(&storm_workers[i]);
        while (storm_received < STORM_MESSAGES + STORM_DEATHS) {
                storm_send();
                for (int i = 0; i < STORM_WORKERS; i++)
                        fds[1 + i] = (struct pollfd){ .fd = storm_workers[i].pidfd, .events = POLLIN };
                ck_assert_int_gt(poll(fds, 1 + STORM_WORKERS, -1), 0);
                for (int i = 0; i < STORM_WORKERS; i++)
                        if (fds[1 + i].revents) {
                                storm_deaths++;
                                storm_end(&storm_workers[i]);
                                storm_start(&storm_workers[i]);
                        }
                storm_receive(results);
        }
        ck_assert_uint_eq(storm_deaths, STORM_DEATHS);
        for (unsigned int i = 0; i < STORM_MESSAGES; i++)
                ck_assert_uint_eq(storm_seen[i], 1);
        for (int i = 0; i < STORM_WORKERS; i++)
                ck_assert_int_eq(ganger_member_drain(storm_workers[i].member), 0);
        for (int i = 0; i < STORM_WORKERS; i++)
                ck_assert_int_eq(WEXITSTATUS(storm_end(&storm_workers[i])), HOST_WORK_DRAINED);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger-host");
        TCase *c = tcase_create("ganger-host");
        const TTest *tests[] = {
                it_refuses_what_makes_no_sense, a_member_has_what_it_was_granted,
                a_replacement_has_the_number_of_the_one_it_replaces, the_seats_of_a_ring_have_an_end, two_cannot_join_as_one,
                a_forked_child_works, a_child_that_is_killed_loses_nothing, free_recovers,
                what_a_member_spoils_is_told_and_the_others_go_on,
                one_that_waits_gets_what_another_held, in_a_child_the_host_is_its_parents,
                a_program_that_is_spawned_joins_by_its_environment, a_program_that_is_executed_joins_by_its_environment,
                few_descriptors_do, a_stranger_joins_over_a_stream, a_stranger_joins_over_packets,
                what_is_no_handshake_is_refused, a_member_drains_before_it_joins_and_after,
                a_stopped_member_swallows_no_wake_up, a_pipe_keeps_what_a_dead_writer_published,
                a_broadcast_forgets_a_dead_reader, a_caller_is_told_that_its_server_died,
                a_semaphore_has_the_permits_of_the_dead_again, a_mutex_tells_that_its_owner_died,
                a_posix_semaphore_has_them_again_and_loses_its_name, a_counter_keeps_what_a_dead_one_added,
                a_lock_is_granted_in_full_or_not, nothing_is_lost_in_a_storm,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
