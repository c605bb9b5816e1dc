/* SPDX-License-Identifier: MIT */
/* A keeper, with the test as its manager: what it keeps, what it tells, when it ends. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/protocol.h"
#include "harness.h"
#include "keeper-fixture.h"

/** For what must not come: if it came, it would have been there long before. */
#define NOTHING_MSEC 50

static void expect_exit(struct fixture *f, const char *key, int status) {
        Event *event = fixture_event(f);

        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_EXITED);
        ck_assert_str_eq(event->exited->key, key);
        ck_assert_int_eq(event->exited->status, status);
        event_free(event);
}

static void expect_stopped(struct fixture *f, const char *key, bool stopped) {
        Event *event = fixture_event(f);

        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_STOPPED);
        ck_assert_str_eq(event->stopped->key, key);
        ck_assert_int_eq(event->stopped->stopped, stopped);
        event_free(event);
}

static void expect_caught(struct fixture *f, int signal) {
        Event *event = fixture_event(f);

        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_CAUGHT);
        ck_assert_int_eq(event->caught->signal, signal);
        event_free(event);
}

/* The keeper has served all that was sent before. */
static void synchronise(struct fixture *f) {
        Event *event = fixture_spawn(f, "", spec_shell(""), NULL, 0, -1);

        ck_assert_int_eq(event->spawned->error, EINVAL);
        event_free(event);
}

/* ---- promises -------------------------------------------------------------------------------------- */

START_TEST(a_key_never_has_two_processes) {
        ck_assert(promise_never_two());
}
END_TEST

START_TEST(an_exit_is_told_until_it_is_acknowledged) {
        ck_assert(promise_exit_is_repeated());
}
END_TEST

START_TEST(nobody_outlives_the_keeper) {
        ck_assert(promise_death_with_keeper());
}
END_TEST

START_TEST(whoever_dies_keeps_it_from_nothing_else) {
        ck_assert(promise_reaping_yields());
}
END_TEST

/* ---- one manager after the other ------------------------------------------------------------------- */

START_TEST(the_next_manager_finds_everything) {
        _cleanup_(closep) int memory = fd_memfd_sealed("memory", "abc", 3);
        struct fixture f;
        pid_t living, dead;

        fixture_start(&f);
        ck_assert_uint_eq(f.incarnation, 1);
        ck_assert_uint_eq(f.welcome->n_children + f.welcome->n_exits + f.n_stored, 0);
        ck_assert(!f.welcome->stopping);
        fixture_ready(&f, false);
        fixture_store(&f, "ring/jobs/memory", memory);
        living = fixture_shell(&f, "a/0", "exec sleep 1000", -1);
        dead = fixture_shell(&f, "a/1", "kill -9 $$", -1);
        expect_exit(&f, "a/1", SIGKILL);

        fixture_next_manager(&f);
        ck_assert_uint_eq(f.incarnation, 2);
        ck_assert_uint_eq(f.welcome->n_children, 1);
        ck_assert_str_eq(f.welcome->children[0]->key, "a/0");
        ck_assert_int_eq(f.welcome->children[0]->pid, living);
        ck_assert_uint_gt(f.welcome->children[0]->started_usec, 0);
        ck_assert_str_eq((char *)f.welcome->children[0]->cookie.data, "cookie");
        ck_assert_uint_eq(f.welcome->n_exits, 1);
        ck_assert_int_eq(f.welcome->exits[0]->pid, dead);
        ck_assert_int_eq(f.welcome->exits[0]->status, SIGKILL);
        ck_assert_str_eq((char *)f.welcome->exits[0]->cookie.data, "cookie");
        ck_assert_uint_eq(f.n_stored, 1);
        ck_assert_str_eq(f.stored_names[0], "ring/jobs/memory");
        ck_assert(same_file(f.stored_fds[0], memory));
        ck_assert(!fixture_has_event(&f, NOTHING_MSEC));        /* the welcome said it all */
        ck_assert_int_eq(kill(living, 0), 0);
        fixture_stop(&f);
}
END_TEST

START_TEST(what_a_manager_sent_before_it_died_is_done) {
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        ck_assert_int_eq(kill(f.keeper, SIGSTOP), 0);
        fixture_store(&f, "one", STDIN_FILENO);
        fixture_ask(&f, "a/0", spec_shell("exec sleep 1000"), NULL, 0, -1);
        fixture_kill_manager(&f);
        ck_assert_int_eq(kill(f.keeper, SIGCONT), 0);
        fixture_connect(&f);
        fixture_welcome(&f);
        ck_assert_uint_eq(f.welcome->n_children, 1);
        ck_assert_uint_eq(f.n_stored, 1);
        ck_assert(!fixture_has_event(&f, NOTHING_MSEC));
        fixture_stop(&f);
}
END_TEST

/* It dies with events that it never read: what it wrote is still read (the kernel reports the loss first). */
START_TEST(a_manager_that_never_read_is_still_heard) {
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        synchronise(&f);
        fixture_ask(&f, "a/0", spec_shell("exec sleep 1000"), NULL, 0, -1);
        ck_assert(fixture_has_event(&f, 10000));                /* not read */
        ck_assert_int_eq(kill(f.keeper, SIGSTOP), 0);
        fixture_store(&f, "one", STDIN_FILENO);
        fixture_kill_manager(&f);
        ck_assert_int_eq(kill(f.keeper, SIGCONT), 0);
        fixture_connect(&f);
        fixture_welcome(&f);
        ck_assert_uint_eq(f.welcome->n_children, 1);
        ck_assert_uint_eq(f.n_stored, 1);
        fixture_stop(&f);
}
END_TEST

START_TEST(a_manager_that_hangs_up_is_replaced) {
        struct fixture f;
        pid_t old;

        fixture_start(&f);
        fixture_ready(&f, false);
        synchronise(&f);
        old = f.manager;
        f.socket = close_fd(f.socket);
        ck_assert(ends_within(f.connection, 10000));            /* it was killed */
        f.connection = close_fd(f.connection);
        ganger__keeper__welcome_state__free_unpacked(TAKE(f.welcome), NULL);
        fixture_connect(&f);
        fixture_welcome(&f);
        ck_assert_int_ne(f.manager, old);
        fixture_stop(&f);
}
END_TEST

START_TEST(a_manager_that_keeps_dying_is_started_slower_and_slower) {
        struct fixture f;
        uint64_t begin;

        fixture_start(&f);
        fixture_ready(&f, false);
        synchronise(&f);
        for (int i = 0; i < 5; i++)
                fixture_next_manager(&f);
        begin = now_usec();
        fixture_next_manager(&f);
        ck_assert_uint_ge(now_usec() - begin, 50 * USEC_PER_MSEC);
        begin = now_usec();
        fixture_next_manager(&f);
        ck_assert_uint_ge(now_usec() - begin, 100 * USEC_PER_MSEC);
        ck_assert_uint_eq(f.incarnation, 8);
        fixture_stop(&f);
}
END_TEST

/* ---- descriptors ----------------------------------------------------------------------------------- */

START_TEST(many_descriptors_survive_by_name) {
        struct fixture f;
        enum { N = 600 };
        int *fds = calloc(N, sizeof *fds);
        char name[32];

        ck_assert_ptr_nonnull(fds);
        fixture_start(&f);
        fixture_ready(&f, false);
        for (int i = 0; i < N; i++) {
                snprintf(name, sizeof name, "memory/%d", i);
                fds[i] = fd_memfd_sealed(name, name, sizeof name);
                ck_assert_int_ge(fds[i], 0);
                fixture_store(&f, name, fds[i]);
        }
        for (int round = 0; round < 2; round++) {
                fixture_next_manager(&f);
                ck_assert_uint_eq(f.n_stored, N);
                for (int i = 0; i < N; i++) {
                        snprintf(name, sizeof name, "memory/%d", i);
                        ck_assert_str_eq(f.stored_names[i], name);
                        ck_assert(same_file(f.stored_fds[i], fds[i]));
                }
        }
        fixture_stop(&f);
        for (int i = 0; i < N; i++)
                close(fds[i]);
        free(fds);
}
END_TEST

/* As the manager asks: the spec in the packet, and beside the child's descriptors those that are to be kept. */
static void ask_with_stores(struct fixture *f, const Spec *spec, int stored, char **names, size_t n_names) {
        Ganger__Keeper__Spawn body = GANGER__KEEPER__SPAWN__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;
        const int fds[] = { STDIN_FILENO, STDERR_FILENO, STDERR_FILENO, stored };

        body.key = (char *)"a/0";
        body.spec = (Spec *)spec;
        body.store = names;
        body.n_store = n_names;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_SPAWN;
        message.spawn = &body;
        fixture_send(f, &message, fds, ARRAY_SIZE(fds));
}

START_TEST(a_spawn_brings_its_spec_and_what_is_stored) {
        _cleanup_(closep) int memory = fd_memfd_sealed("memory", "abc", 3);
        char *names[] = { (char *)"a", (char *)"b", (char *)"c", (char *)"d", (char *)"e" };
        struct fixture f;
        Event *event;

        fixture_start(&f);
        fixture_ready(&f, false);
        ask_with_stores(&f, spec_shell("exec sleep 1000"), memory, names, 1);
        event = fixture_event(&f);
        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_SPAWNED);
        ck_assert_int_eq(event->spawned->error, 0);
        event_free(event);
        /* Names for more descriptors than have come. */
        ask_with_stores(&f, spec_shell(""), memory, names, ARRAY_SIZE(names));
        event = fixture_event(&f);
        ck_assert_int_eq(event->spawned->error, EINVAL);
        event_free(event);

        fixture_next_manager(&f);
        ck_assert_uint_eq(f.n_stored, 1);
        ck_assert_str_eq(f.stored_names[0], "a");
        ck_assert(same_file(f.stored_fds[0], memory));
        fixture_stop(&f);
}
END_TEST

START_TEST(a_stored_descriptor_is_replaced_and_dropped) {
        _cleanup_(closep) int first = fd_memfd_sealed("1", "1", 1), second = fd_memfd_sealed("2", "2", 1);
        struct fixture f;
        char name[KEEPER_NAME_MAX + 2];

        memset(name, 'n', sizeof name - 1);
        name[sizeof name - 1] = '\0';
        fixture_start(&f);
        fixture_ready(&f, false);
        fixture_store(&f, "a", first);
        fixture_store(&f, "b", first);
        fixture_store(&f, "a", second);
        fixture_drop(&f, "b");
        fixture_drop(&f, "no such");
        fixture_store(&f, "", first);
        fixture_store(&f, name, first);
        fixture_store(&f, name + 1, first);                     /* as long as it may be */
        fixture_next_manager(&f);
        ck_assert_uint_eq(f.n_stored, 2);
        ck_assert_str_eq(f.stored_names[0], "a");
        ck_assert(same_file(f.stored_fds[0], second));
        ck_assert_str_eq(f.stored_names[1], name + 1);
        fixture_stop(&f);
}
END_TEST

/* ---- children -------------------------------------------------------------------------------------- */

START_TEST(the_rest_of_its_group_dies_with_it) {
        struct fixture f;
        int pipe_fds[2];

        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        fixture_start(&f);
        fixture_shell(&f, "a/0", "sleep 1000 & sleep 1000 & exit 5", pipe_fds[1]);
        close(pipe_fds[1]);
        expect_exit(&f, "a/0", 5 << 8);
        ck_assert(ends_within(pipe_fds[0], 10000));
        close(pipe_fds[0]);
        fixture_stop(&f);
}
END_TEST

/* One that left its session is nobody's: it lives on as the keeper's child, and is reaped. */
static void try_stranger(struct fixture *f, bool own_pids) {
        int out[2], hold[2], pid;
        char line[64] = "";

        ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
        event_free(fixture_spawn(f, "a/0", spec_shell("setsid sh -c 'echo $$; read x <&3; exit 1' & read x"),
                                 (const int[]){ hold[0], out[1], STDERR_FILENO, hold[0] }, 4, -1));
        close(out[1]);
        close(hold[0]);
        ck_assert_int_gt(read(out[0], line, sizeof line - 1), 0);
        pid = atoi(line);
        fixture_signal(f, "a/0", SIGKILL, false);
        expect_exit(f, "a/0", SIGKILL);
        ck_assert(!ends_within(out[0], NOTHING_MSEC));
        close(hold[1]);
        ck_assert(ends_within(out[0], 10000));
        close(out[0]);
        while (own_pids && kill(pid, 0) == 0)           /* as long as it is a zombie */
                poll(NULL, 0, 1);
        synchronise(f);
        ck_assert(!fixture_has_event(f, NOTHING_MSEC)); /* and nobody is told */
}

START_TEST(strangers_are_reaped) {
        struct fixture f;

        fixture_start(&f);
        try_stranger(&f, true);
        fixture_stop(&f);
}
END_TEST

START_TEST(it_is_a_good_init) {
        struct fixture f;
        pid_t keeper;

        if (!fixture_start_as_init(&f)) {
                printf("no pid namespace can be made here: not tried\n");
                return;
        }
        keeper = f.keeper;
        fixture_ready(&f, false);
        fixture_shell(&f, "b/0", "exec sleep 1000", -1);
        try_stranger(&f, false);
        fixture_next_manager(&f);
        ck_assert_uint_eq(f.welcome->n_children, 1);
        ck_assert_int_eq(kill(keeper, SIGTERM), 0);
        expect_caught(&f, SIGTERM);
        fixture_stop(&f);
}
END_TEST

START_TEST(stopping_and_going_on_is_told) {
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        fixture_shell(&f, "a/0", "exec sleep 1000", -1);
        fixture_signal(&f, "a/0", SIGSTOP, false);
        expect_stopped(&f, "a/0", true);
        fixture_next_manager(&f);
        ck_assert(f.welcome->children[0]->stopped);
        fixture_signal(&f, "a/0", SIGCONT, false);
        expect_stopped(&f, "a/0", false);
        fixture_signal(&f, "a/0", SIGSTOP, false);
        expect_stopped(&f, "a/0", true);
        fixture_signal(&f, "a/0", SIGKILL, false);
        expect_exit(&f, "a/0", SIGKILL);
        fixture_stop(&f);
}
END_TEST

/* ---- the main process ------------------------------------------------------------------------------ */

static void expect_ending(struct fixture *f, const char *key, pid_t pid) {
        Event *event = fixture_event(f);

        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_ENDING);
        ck_assert_str_eq(event->ending->key, key);
        ck_assert_int_eq(event->ending->pid, pid);
        event_free(event);
}

static void expect_main(struct fixture *f, const char *key, pid_t pid) {
        Event *event = fixture_event(f);

        ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_MAIN_CHANGED);
        ck_assert_str_eq(event->main_changed->key, key);
        ck_assert_int_eq(event->main_changed->pid, pid);
        event_free(event);
}

static void name_main(struct fixture *f, const char *key, pid_t pid) {
        Ganger__Keeper__MainProcess request = GANGER__KEEPER__MAIN_PROCESS__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;
        _cleanup_(closep) int pidfd = pidfd_open(pid, 0);

        ck_assert_int_ge(pidfd, 0);
        request.key = (char *)key;
        request.pid = pid;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_MAIN_PROCESS;
        message.main_process = &request;
        fixture_send(f, &message, &pidfd, 1);
}

static void settle(struct fixture *f, const char *key, pid_t pid) {
        Ganger__Keeper__Settle request = GANGER__KEEPER__SETTLE__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;

        request.key = (char *)key;
        request.pid = pid;
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_SETTLE;
        message.settle = &request;
        fixture_send(f, &message, NULL, 0);
}

/*
 * A process that may fork. It writes the pid of its child to the pipe, and ends when that is closed here. @return its pid.
 */
static pid_t fork_daemon(struct fixture *f, const char *key, pid_t *ret_child) {
        Ganger__Keeper__SpawnSpec spec = *spec_shell("setsid sleep 1000 & echo $! >&1; exit 0");
        int fds[2];
        char text[16] = "";
        Event *event;
        pid_t pid;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        spec.may_fork = true;
        event = fixture_spawn(f, key, &spec, (int[]){ STDIN_FILENO, fds[1], STDERR_FILENO }, 3, -1);
        ck_assert_int_eq(event->spawned->error, 0);
        pid = event->spawned->pid;
        event_free(event);
        ck_assert_int_gt(read(fds[0], text, sizeof text - 1), 0);
        *ret_child = atoi(text);
        close(fds[0]);
        close(fds[1]);
        return pid;
}

START_TEST(an_orphan_becomes_the_main_process) {
        pid_t parent, child;
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        parent = fork_daemon(&f, "a/0", &child);
        expect_ending(&f, "a/0", parent);
        fixture_next_manager(&f);       /* which is told, too */
        ck_assert(f.welcome->children[0]->ending);
        ck_assert_int_eq(f.welcome->children[0]->pid, parent);
        name_main(&f, "a/0", child);
        settle(&f, "a/0", parent);
        expect_main(&f, "a/0", child);
        fixture_next_manager(&f);
        ck_assert_int_eq(f.welcome->children[0]->pid, child);
        ck_assert(!f.welcome->children[0]->ending);
        fixture_signal(&f, "a/0", SIGTERM, true);
        expect_exit(&f, "a/0", SIGTERM);
        fixture_stop(&f);
}
END_TEST

/* A program that fails has no main process to name any more. */
START_TEST(a_failure_is_an_end_at_once) {
        Ganger__Keeper__SpawnSpec spec = *spec_shell("exit 3");
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        spec.may_fork = true;
        event_free(fixture_spawn(&f, "a/0", &spec, NULL, 0, -1));
        expect_exit(&f, "a/0", 3 << 8);
        fixture_stop(&f);
}
END_TEST

/* Named while its parent lives, it is the main process when that has ended, however that is; and the last one named is. */
START_TEST(an_heir_becomes_the_main_process) {
        static const char *const ends[] = { "exit 0", "exit 3", "kill -9 $$" };

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                int in[2], out[2], child = 0, other = 0;
                Ganger__Keeper__SpawnSpec spec;
                char script[128], text[32] = "";
                struct fixture f;

                ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
                ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
                fixture_start(&f);
                fixture_ready(&f, false);
                snprintf(script, sizeof script, "setsid sleep 1000 & a=$!; setsid sleep 1000 & echo $a $! >&1; read x; %s", ends[i]);
                spec = *spec_shell(script);
                spec.may_fork = true;
                event_free(fixture_spawn(&f, "a/0", &spec, (int[]){ in[0], out[1], STDERR_FILENO }, 3, -1));
                ck_assert_int_gt(read(out[0], text, sizeof text - 1), 0);
                ck_assert_int_eq(sscanf(text, "%d %d", &other, &child), 2);
                name_main(&f, "a/0", other);
                name_main(&f, "a/0", child);
                synchronise(&f);
                ck_assert(!fixture_has_event(&f, NOTHING_MSEC));
                close(in[0]);
                close(in[1]);
                expect_main(&f, "a/0", child);
                ck_assert_int_eq(kill(child, SIGKILL), 0);
                expect_exit(&f, "a/0", SIGKILL);
                (void)kill(other, SIGKILL);
                close(out[0]);
                close(out[1]);
                fixture_stop(&f);
        }
}
END_TEST

START_TEST(an_end_that_is_settled_is_an_end) {
        pid_t parent, child;
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        parent = fork_daemon(&f, "a/0", &child);
        expect_ending(&f, "a/0", parent);
        /* Others are reaped meanwhile, though it stays a zombie. */
        fixture_shell(&f, "a/1", "exit 3", -1);
        expect_exit(&f, "a/1", 3 << 8);
        settle(&f, "a/0", parent + 1);  /* another's */
        synchronise(&f);
        ck_assert(!fixture_has_event(&f, NOTHING_MSEC));
        settle(&f, "a/0", parent);
        expect_exit(&f, "a/0", 0);
        (void)kill(child, SIGKILL);
        fixture_stop(&f);
}
END_TEST

START_TEST(nobody_is_the_process_of_two_keys) {
        struct fixture f;
        pid_t a, b;

        fixture_start(&f);
        fixture_ready(&f, false);
        a = fixture_shell(&f, "a/0", "exec sleep 1000", -1);
        b = fixture_shell(&f, "b/0", "exec sleep 1000", -1);
        name_main(&f, "a/0", b);
        name_main(&f, "b/0", f.manager);
        name_main(&f, "b/0", getpid());
        synchronise(&f);
        ck_assert(!fixture_has_event(&f, NOTHING_MSEC));
        ck_assert_int_eq(kill(a, SIGKILL), 0);
        expect_exit(&f, "a/0", SIGKILL);
        ck_assert_int_eq(kill(b, SIGKILL), 0);
        expect_exit(&f, "b/0", SIGKILL);
        fixture_stop(&f);
}
END_TEST

START_TEST(a_variable_says_who_it_is_for) {
        char *names[] = { (char *)"LISTEN_PID", (char *)"WATCHDOG_PID" };
        struct fixture f;
        Ganger__Keeper__SpawnSpec spec;

        fixture_start(&f);
        fixture_ready(&f, false);
        spec = *spec_shell("test $LISTEN_PID = $$ && test $WATCHDOG_PID = $$ && exit 7");
        spec.pid_variables = names;
        spec.n_pid_variables = ARRAY_SIZE(names);
        event_free(fixture_spawn(&f, "a/0", &spec, NULL, 0, -1));
        expect_exit(&f, "a/0", 7 << 8);
        fixture_stop(&f);
}
END_TEST

START_TEST(a_signal_reaches_the_process_or_its_group) {
        struct fixture f;
        int out[2];
        char byte;

        ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
        fixture_start(&f);
        fixture_signal(&f, "a/0", SIGKILL, true);               /* no such key: nothing happens */
        fixture_shell(&f, "a/0", "trap 'echo x' USR1; (trap 'echo x' USR1; echo x; while :; do sleep 1000 & wait; done) & "
                                 "echo x; while :; do wait; done", out[1]);
        close(out[1]);
        for (int i = 0; i < 4; i++)                             /* both have set their traps: "x\nx\n" */
                ck_assert_int_eq(read(out[0], &byte, 1), 1);
        fixture_signal(&f, "a/0", 0, false);
        fixture_signal(&f, "a/0", 12345, false);
        fixture_signal(&f, "a/0", SIGUSR1, false);
        ck_assert_int_eq(read(out[0], &byte, 1), 1);
        ck_assert_int_eq(read(out[0], &byte, 1), 1);
        ck_assert_int_eq(poll(&(struct pollfd){ .fd = out[0], .events = POLLIN }, 1, NOTHING_MSEC), 0);
        fixture_signal(&f, "a/0", SIGKILL, true);
        expect_exit(&f, "a/0", SIGKILL);
        ck_assert(ends_within(out[0], 10000));
        close(out[0]);
        fixture_stop(&f);
}
END_TEST

START_TEST(nonsense_is_survived) {
        struct fixture f;

        fixture_start(&f);
        ck_assert_int_eq(send(f.socket, "\xff\xff\xff\xff", 4, 0), 4);
        ck_assert_int_eq(send(f.socket, "\x7a\x00", 2, 0), 2);   /* a request that there is not */
        ck_assert_int_eq(fd_send(f.socket, "\x22\x03\x0a\x01x", 5, (const int[]){ 0, 1, 2 }, 3), 5);
        fixture_acknowledge(&f, "no such", 1);
        fixture_shell(&f, "a/0", "exec sleep 1000", -1);
        fixture_stop(&f);
}
END_TEST

/* ---- signals to the keeper ------------------------------------------------------------------------- */

START_TEST(sigterm_is_remembered) {
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        ck_assert_int_eq(kill(f.keeper, SIGINT), 0);
        expect_caught(&f, SIGINT);
        ck_assert_int_eq(kill(f.keeper, SIGTERM), 0);
        ck_assert(!fixture_has_event(&f, NOTHING_MSEC));
        for (int i = 0; i < 2; i++) {
                fixture_next_manager(&f);
                ck_assert(f.welcome->stopping);
                ck_assert(!fixture_has_event(&f, NOTHING_MSEC));
        }
        fixture_stop(&f);
}
END_TEST

START_TEST(sighup_is_told_until_it_is_answered) {
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        ck_assert_int_eq(kill(f.keeper, SIGUSR1), 0);
        ck_assert_int_eq(kill(f.keeper, SIGHUP), 0);
        expect_caught(&f, SIGHUP);
        fixture_next_manager(&f);
        fixture_ready(&f, false);
        expect_caught(&f, SIGHUP);
        fixture_ready(&f, true);
        fixture_next_manager(&f);
        ck_assert(!fixture_has_event(&f, NOTHING_MSEC));
        fixture_stop(&f);
}
END_TEST

static void expect_notification(int fd, const char *words) {
        char text[1024];
        ssize_t n = recv(fd, text, sizeof text - 1, 0);

        ck_assert_int_gt(n, 0);
        text[n] = '\0';
        ck_assert_msg(strncmp(text, words, strlen(words)) == 0, "'%s', not '%s'", text, words);
}

START_TEST(systemd_is_told) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t length = sizeof address;
        struct fixture f;
        char words[64];

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address.sun_family), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        address.sun_path[0] = '@';
        address.sun_path[length - offsetof(struct sockaddr_un, sun_path)] = '\0';
        ck_assert_int_eq(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
        fixture_start(&f);
        unsetenv("NOTIFY_SOCKET");
        fixture_ready(&f, false);
        snprintf(words, sizeof words, "READY=1\nSTATUS=serving\nMAINPID=%d", (int)f.keeper);
        expect_notification(fd, words);
        ck_assert_int_eq(kill(f.keeper, SIGHUP), 0);
        expect_notification(fd, "RELOADING=1\nMONOTONIC_USEC=");
        fixture_ready(&f, true);
        expect_notification(fd, words);
        ck_assert_int_eq(kill(f.keeper, SIGTERM), 0);
        expect_notification(fd, "STOPPING=1");
        fixture_stop(&f);
}
END_TEST

/* ---- beginning and end ----------------------------------------------------------------------------- */

START_TEST(the_first_ready_is_told_to_whoever_waits) {
        struct pollfd p;
        struct fixture f;
        char byte = 'x';

        fixture_start(&f);
        p = (struct pollfd){ .fd = f.ready_fd, .events = POLLIN };
        ck_assert_int_eq(poll(&p, 1, NOTHING_MSEC), 0);
        fixture_ready(&f, false);
        ck_assert_int_eq(read(f.ready_fd, &byte, 1), 1);
        ck_assert_int_eq(byte, 0);
        fixture_stop(&f);
}
END_TEST

static void expect_end_of_keeper(unsigned char manager_status, int keeper_status) {
        struct fixture f;

        fixture_start(&f);
        fixture_exit_manager(&f, manager_status);
        ck_assert_int_eq(fixture_wait_keeper(&f), keeper_status << 8);
        fixture_stop(&f);
}

START_TEST(the_first_manager_may_give_up) {
        expect_end_of_keeper(EX_CONFIG, EX_CONFIG);
        expect_end_of_keeper(1, 1);
        expect_end_of_keeper(0, EX_SOFTWARE);
}
END_TEST

START_TEST(a_first_manager_that_is_killed_is_replaced) {
        struct fixture f;

        fixture_start(&f);
        fixture_next_manager(&f);
        ck_assert_uint_eq(f.incarnation, 2);
        fixture_exit_manager(&f, EX_CONFIG);
        ck_assert_int_eq(fixture_wait_keeper(&f), EX_CONFIG << 8);
        fixture_stop(&f);
}
END_TEST

START_TEST(a_manager_that_exits_without_leave_is_replaced) {
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        fixture_exit_manager(&f, 0);
        fixture_connect(&f);
        fixture_welcome(&f);
        ck_assert_uint_eq(f.incarnation, 2);
        fixture_stop(&f);
}
END_TEST

START_TEST(leave_ends_the_keeper_once_nobody_lives) {
        struct fixture f;
        Event *event;
        pid_t pid;

        fixture_start(&f);
        fixture_ready(&f, false);
        pid = fixture_shell(&f, "a/0", "exec sleep 1000", -1);
        fixture_leave(&f, 3);                                   /* refused */
        fixture_exit_manager(&f, 0);
        fixture_connect(&f);
        fixture_welcome(&f);
        ck_assert_uint_eq(f.welcome->n_children, 1);
        fixture_signal(&f, "a/0", SIGTERM, false);
        expect_exit(&f, "a/0", SIGTERM);
        fixture_acknowledge(&f, "a/0", pid);
        fixture_leave(&f, 3);
        event = fixture_spawn(&f, "a/0", spec_shell(""), NULL, 0, -1);
        ck_assert_int_eq(event->spawned->error, ESHUTDOWN);
        event_free(event);
        ck_assert_int_eq(waitpid(f.keeper, NULL, WNOHANG), 0);  /* the manager may still tidy up */
        fixture_exit_manager(&f, 0);
        ck_assert_int_eq(fixture_wait_keeper(&f), 3 << 8);
        fixture_stop(&f);
}
END_TEST

START_TEST(a_manager_that_left_but_stays_is_killed) {
        struct fixture f;

        fixture_start(&f);
        fixture_ready(&f, false);
        fixture_leave(&f, 0);
        ck_assert_int_eq(fixture_wait_keeper(&f), 0);
        fixture_stop(&f);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE(
                "keeper", a_key_never_has_two_processes, an_exit_is_told_until_it_is_acknowledged,
                nobody_outlives_the_keeper, whoever_dies_keeps_it_from_nothing_else, the_next_manager_finds_everything,
                what_a_manager_sent_before_it_died_is_done, a_manager_that_never_read_is_still_heard,
                a_manager_that_hangs_up_is_replaced, a_manager_that_keeps_dying_is_started_slower_and_slower,
                many_descriptors_survive_by_name, a_spawn_brings_its_spec_and_what_is_stored,
                a_stored_descriptor_is_replaced_and_dropped,
                the_rest_of_its_group_dies_with_it, strangers_are_reaped, it_is_a_good_init,
                stopping_and_going_on_is_told, an_orphan_becomes_the_main_process, a_failure_is_an_end_at_once,
                an_heir_becomes_the_main_process, an_end_that_is_settled_is_an_end,
                nobody_is_the_process_of_two_keys, a_variable_says_who_it_is_for, a_signal_reaches_the_process_or_its_group, nonsense_is_survived,
                sigterm_is_remembered, sighup_is_told_until_it_is_answered, systemd_is_told,
                the_first_ready_is_told_to_whoever_waits, the_first_manager_may_give_up,
                a_first_manager_that_is_killed_is_replaced, a_manager_that_exits_without_leave_is_replaced,
                leave_ends_the_keeper_once_nobody_lives, a_manager_that_left_but_stays_is_killed));
}
