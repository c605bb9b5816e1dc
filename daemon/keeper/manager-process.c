/* SPDX-License-Identifier: MIT */

/*
 * One manager after the other
 *
 * What must hold: there is at most one manager, and whatever it sent before it died was served before
 * the next one is started. A manager that dies is replaced at once; only one that keeps dying right after its
 * start waits, so that it cannot eat the machine.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/keeper/internal.h"

/** A manager that lived shorter died quickly. */
#define QUICK_DEATH_USEC USEC_PER_SEC
/** So many quick deaths in a row are forgiven: somebody tests us. */
#define QUICK_DEATHS_FREE 5
#define DELAY_FIRST_USEC (50 * USEC_PER_MSEC)
#define DELAY_MAX_USEC USEC_PER_SEC
/** A manager that has closed its socket is about to exit, and its status matters; one that does not is killed. */
#define HUNG_UP_TIMEOUT_USEC USEC_PER_SEC
/** Managers that may be killed by a signal before any was ready; then it will not become ready. */
#define START_ATTEMPTS_MAX 20
/** Of a program that has taken over, before it is found to be of no use. */
#define UNPROVEN_DEATHS_MAX 3
/** … with what the service manager has kept; then it may be that which kills them, and it is begun without. */
#define RESTORE_ATTEMPTS_MAX 10

static uint64_t restart_delay_usec(unsigned int quick_deaths) {
        uint64_t delay = DELAY_FIRST_USEC;

        if (quick_deaths <= QUICK_DEATHS_FREE)
                return 0;
        for (unsigned int i = QUICK_DEATHS_FREE + 1; i < quick_deaths && delay < DELAY_MAX_USEC; i++)
                delay *= 2;
        return MIN(delay, DELAY_MAX_USEC);
}

static void plan_next(struct keeper *k) {
        uint64_t now = now_usec();

        if (now - k->manager_started_usec < QUICK_DEATH_USEC)
                k->quick_deaths++;
        else
                k->quick_deaths = 0;
        /* One that served got somewhere: its successor waits for a moment at most, and clients hardly notice. */
        k->manager_due_usec = now + MIN(restart_delay_usec(k->quick_deaths), k->served ? DELAY_FIRST_USEC : DELAY_MAX_USEC);
}

static void finish(struct keeper *k, int exit_status) {
        k->finished = true;
        k->exit_status = exit_status;
}

/* Its standard streams are ours, and the socket is its KEEPER_FD. */
static int execute(struct keeper *k, int socket, const char **ret_step) {
        const int fds[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, socket };
        const struct spawn_request request = {
                .path = k->config->manager_path,
                .argv = (char *const *)k->config->manager_argv,
                .environment = k->environment,
                .umask = k->umask,
                .fds = fds,
                .n_fds = ARRAY_SIZE(fds),
                .cgroup_fd = -1,
        };

        return spawn(&k->spawner, &request, &k->manager, ret_step);
}

static int try_start(struct keeper *k, const char **ret_step) {
        _cleanup_(closep) int ours = -1, theirs = -1;
        int pair[2], r;

        *ret_step = "socketpair";
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        theirs = pair[1];
        r = fd_set_nonblocking(ours, true);
        if (r < 0)
                return r;
        r = execute(k, theirs, ret_step);
        if (r < 0)
                return r;
        k->socket = TAKE_FD(ours);
        return 0;
}

void manager_process_start(struct keeper *k) {
        const char *step;
        int r;

        if (k->manager > 0 || k->finished || now_usec() < k->manager_due_usec)
                return;
        k->manager_started_usec = now_usec();
        r = try_start(k, &step);
        if (r == 0) {
                k->incarnation++;
                k->served = false;
                k->kill_due_usec = USEC_INFINITY;
                reports_reset(k);
                if (k->was_ready)
                        watchdog_begin(k);
                return;
        }
        keeper_log("starting the manager: %s: %s", step, strerrordesc_np(-r));
        if (k->incarnation == 0)
                finish(k, EX_OSERR);
        else
                plan_next(k);
}

/* Whether it is of use to try again, where no manager was ready yet. */
static bool gives_up(struct keeper *k, int status) {
        if (WIFEXITED(status)) {
                finish(k, WEXITSTATUS(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
                return true;
        }
        if (k->restored && k->incarnation >= RESTORE_ATTEMPTS_MAX) {
                keeper_log("no manager became ready with what the service manager has kept: beginning without it");
                service_store_forget_all(k);
        }
        if (k->incarnation < START_ATTEMPTS_MAX)
                return false;
        keeper_log("no manager became ready, giving up");
        finish(k, EX_SOFTWARE);
        return true;
}

void manager_process_died(struct keeper *k, int status) {
        char text[EXIT_STATUS_FORMAT_MAX];

        k->manager = 0;
        watchdog_end(k);
        reports_reset(k);
        requests_serve(k, SIZE_MAX);
        k->socket = close_fd(k->socket);
        if (k->leaving) {
                k->finished = true;
                return;
        }
        handover_begin(k);
        if (k->last_program >= 0 && (WIFEXITED(status) || ++k->unproven_deaths == UNPROVEN_DEATHS_MAX))
                handover_give_way(k, exit_status_format(text, sizeof text, status));
        if (!k->was_ready && gives_up(k, status))
                return;
        plan_next(k);
        keeper_log("the manager died (%s), starting another", exit_status_format(text, sizeof text, status));
}

void manager_process_hung_up(struct keeper *k) {
        k->hung_up = true;
        manager_process_expect_exit(k, HUNG_UP_TIMEOUT_USEC);
}

void manager_process_expect_exit(struct keeper *k, uint64_t timeout_usec) {
        k->kill_due_usec = MIN(k->kill_due_usec, now_usec() + timeout_usec);
}

void manager_process_kill_if_due(struct keeper *k) {
        if (k->manager <= 0 || now_usec() < k->kill_due_usec)
                return;
        keeper_log("the manager does not end by itself, killing it");
        (void)kill(k->manager, SIGKILL);
        k->kill_due_usec = USEC_INFINITY;
}
