/* SPDX-License-Identifier: MIT */

/*
 * Promises of the keeper
 *
 * Each is tried in a way that tells kept from broken, so that the faults that are put in on purpose
 * can be seen to break them.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "keeper-fixture.h"

/** Whoever is to die of a signal has died long before; only a broken promise takes so long. */
#define NEVER_MSEC 2000

/* A key has one process at most, and none while its exit is not acknowledged. */
bool promise_never_two(void) {
        struct fixture f;
        Event *event;
        bool kept;
        pid_t pid;

        fixture_start(&f);
        pid = fixture_shell(&f, "a/0", "exec sleep 1000", -1);
        event = fixture_spawn(&f, "a/0", spec_shell("exec sleep 1000"), NULL, 0, -1);
        kept = event->spawned->error == EEXIST && event->spawned->pid == 0;
        event_free(event);

        if (kept) {
                kill(pid, SIGKILL);
                event_free(fixture_event(&f));
                event = fixture_spawn(&f, "a/0", spec_shell("exec sleep 1000"), NULL, 0, -1);
                kept = event->spawned->error == EEXIST;
                event_free(event);
                fixture_acknowledge(&f, "a/0", pid);
                fixture_shell(&f, "a/0", "exec sleep 1000", -1);
        }
        fixture_stop(&f);
        return kept;
}

/* An exit is told to each manager, until one acknowledges it. */
bool promise_exit_is_repeated(void) {
        struct fixture f;
        Event *event;
        bool kept;
        pid_t pid;

        fixture_start(&f);
        fixture_ready(&f, false);
        pid = fixture_shell(&f, "a/0", "exit 7", -1);
        event = fixture_event(&f);
        ck_assert_int_eq(event->exited->pid, pid);
        event_free(event);

        fixture_next_manager(&f);
        kept = f.welcome->n_exits == 1 && f.welcome->exits[0]->pid == pid && f.welcome->exits[0]->status == 7 << 8;
        fixture_next_manager(&f);
        kept = kept && f.welcome->n_exits == 1;
        fixture_acknowledge(&f, "a/0", pid);
        fixture_next_manager(&f);
        kept = kept && f.welcome->n_exits == 0;
        fixture_stop(&f);
        return kept;
}

/* No instance outlives the keeper, whatever user it runs as. */
bool promise_death_with_keeper(void) {
        struct fixture f;
        int pipe_fds[2];
        bool kept;

        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        fixture_start(&f);
        fixture_shell(&f, "a/0", "exec sleep 1000", pipe_fds[1]);
        fixture_shell(&f, "a/1", "kill -STOP $$", pipe_fds[1]);
        if (geteuid() == 0) {
                const int fds[] = { pipe_fds[1], pipe_fds[1], STDERR_FILENO };
                Spec spec = *spec_shell("exec sleep 1000");

                spec.set_credentials = true;
                spec.uid = spec.gid = 65534;
                fixture_ask(&f, "a/2", &spec, fds, ARRAY_SIZE(fds), -1);
        }
        /* Their order does not matter: the stop of a/1, the start of a/2. */
        for (size_t n = geteuid() == 0 ? 2 : 1; n > 0; n--)
                event_free(fixture_event(&f));
        close(pipe_fds[1]);
        ck_assert_int_eq(kill(f.keeper, SIGKILL), 0);
        kept = ends_within(pipe_fds[0], NEVER_MSEC);
        close(pipe_fds[0]);
        fixture_stop(&f);
        return kept;
}

/* ---- reaping ----------------------------------------------------------------------------------- */

#define N_DEAD 200
/** Whoever dies meanwhile may be among those of a turn; many more are none. */
#define N_DEAD_AT_ONCE (N_DEAD / 2)

static bool is_zombie(pid_t pid) {
        char path[64], state = '?';
        FILE *file;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        file = fopen(path, "re");
        if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
                state = '?';
        if (file)
                fclose(file);
        return state == 'Z';
}

/* Runs to its next system call, or out of one. */
static struct __ptrace_syscall_info next_call(pid_t pid) {
        struct __ptrace_syscall_info info;
        int status;

        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, 0), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSTOPPED(status));
        ck_assert_int_gt(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info), 0);
        return info;
}

static bool enters(const struct __ptrace_syscall_info *info, long number) {
        return info->op == PTRACE_SYSCALL_INFO_ENTRY && (long)info->entry.nr == number;
}

/* However many have died, others are heard in between. */
bool promise_reaping_yields(void) {
        pid_t pids[N_DEAD];
        size_t reaped = 0, turn = 0, most = 0;
        bool waits = false;
        struct fixture f;
        int hold[2];

        ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
        fixture_start(&f);
        for (size_t i = 0; i < N_DEAD; i++) {
                const int fds[] = { hold[0], STDOUT_FILENO, STDERR_FILENO };
                char key[32];
                Event *event;

                snprintf(key, sizeof key, "a/%zu", i);
                event = fixture_spawn(&f, key, spec_shell("read x"), fds, ARRAY_SIZE(fds), -1);
                pids[i] = event->spawned->pid;
                event_free(event);
        }
        ck_assert_int_eq(ptrace(PTRACE_SEIZE, f.keeper, NULL, PTRACE_O_TRACESYSGOOD), 0);
        ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, f.keeper, NULL, 0), 0);
        ck_assert_int_eq(waitpid(f.keeper, NULL, 0), f.keeper);
        close(hold[0]);
        close(hold[1]);
        for (size_t i = 0; i < N_DEAD; i++)
                while (!is_zombie(pids[i]))
                        poll(NULL, 0, 1);
        /* Once it has begun, nothing tells it of the others: it must not wait. */
        while (reaped < N_DEAD && !waits) {
                struct __ptrace_syscall_info info = next_call(f.keeper);

                if (enters(&info, SYS_ppoll)) {
                        waits = reaped > 0 && info.entry.args[2] == 0;
                        turn = 0;
                } else if (enters(&info, SYS_wait4)) {
                        reaped++;
                        most = MAX(most, ++turn);
                }
        }
        ck_assert_int_eq(ptrace(PTRACE_DETACH, f.keeper, NULL, 0), 0);
        fixture_stop(&f);
        return most < N_DEAD_AT_ONCE && !waits;
}
