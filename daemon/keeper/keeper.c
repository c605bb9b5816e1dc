/* SPDX-License-Identifier: MIT */

/*
 * The keeper
 *
 * One thread, one loop over two descriptors: the signals, and the socket of the manager. It decides nothing;
 * what it knows is what a new manager needs to carry on.
 *
 * What must hold: it waits in ppoll(2) and nowhere else, except for a child to execute, and where a manager has died
 * for the service manager, with patience (service-store.c); and every signal that it handles is blocked from before the
 * first child exists, so none is lost.
 */

#include "daemon/keeper/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>

#include "base/time.h"
#include "daemon/keeper/internal.h"

/** Requests that are served before signals are looked at again. */
#define REQUESTS_BATCH 16
/** Signals that are read at once. */
#define SIGNALS_BATCH 16
/** Of the kernel's struct sigaction, and of its sigset_t. */
#define KERNEL_SIGACTION_SIZE 64
#define KERNEL_SIGSET_SIZE 8
#define SIGNAL_MAX 64

/* Those that we handle, and those that nobody should die of by mistake. */
static const int blocked_signals[] = {
        SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE,
};

/* ---- signals -------------------------------------------------------------------------------------- */

static void caught(struct keeper *k, int signal) {
        switch (signal) {
        case SIGTERM:
        case SIGINT:
                if (k->stopping)
                        break;
                k->stopping = k->tell_stopping = true;
                k->stop_signal = signal;
                notify_stopping(k);
                break;
        case SIGHUP:
                k->reloading = k->tell_reload = true;
                notify_reloading(k);
                break;
        default:
                break;
        }
}

static void serve_signals(struct keeper *k) {
        struct signalfd_siginfo infos[SIGNALS_BATCH];
        bool child = false;
        ssize_t n;

        n = read(k->signal_fd, infos, sizeof infos);
        for (size_t i = 0; n > 0 && i < (size_t)n / sizeof infos[0]; i++) {
                if (infos[i].ssi_signo == SIGCHLD)
                        child = true;
                else
                        caught(k, (int)infos[i].ssi_signo);
        }
        if (child)
                reap_all(k);
}

/* Children inherit what is ignored; so nothing is. By system calls, since glibc hides two signals. */
static void reset_dispositions(void) {
        static const char default_action[KERNEL_SIGACTION_SIZE] __attribute__((__aligned__(8))) = { 0 };

        for (int s = 1; s <= SIGNAL_MAX; s++) {
                struct sigaction action;

                if (sigaction(s, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                        continue;
                (void)syscall(SYS_rt_sigaction, s, default_action, NULL, KERNEL_SIGSET_SIZE);
        }
}

static int signals_init(struct keeper *k) {
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(blocked_signals); i++)
                sigaddset(&set, blocked_signals[i]);
        if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
                return -errno;
        reset_dispositions();
        k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return k->signal_fd < 0 ? -errno : 0;
}

/* ---- start and end -------------------------------------------------------------------------------- */

/* Whatever is meant for us alone. */
static bool is_private(const char *variable) {
        static const char *const private[] = {
                "NOTIFY_SOCKET=", "LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID=", "FDSTORE=", "WATCHDOG_PID=",
                "WATCHDOG_USEC=", KEEPER_FD_ENV "=", KEEPER_HANDOVER_ENV "=", KEEPER_HANDOVER_REFUSED_ENV "=",
        };

        for (size_t i = 0; i < ARRAY_SIZE(private); i++)
                if (strncmp(variable, private[i], strlen(private[i])) == 0)
                        return true;
        return false;
}

static int environment_init(struct keeper *k) {
        static char keeper_fd[] = KEEPER_FD_ENV "=3";
        size_t n = 0;

        _Static_assert(KEEPER_FD == 3, "the text says 3");
        while (environ[n])
                n++;
        k->environment = calloc(n + 2, sizeof *k->environment);
        if (!k->environment)
                return -ENOMEM;
        n = 0;
        for (char **e = environ; *e; e++)
                if (!is_private(*e))
                        k->environment[n++] = *e;
        k->environment[n] = keeper_fd;
        return 0;
}

/* Room for what is stored. Children get back what we were given. */
static void raise_limit(struct keeper *k) {
        struct rlimit raised;

        (void)getrlimit(RLIMIT_NOFILE, &k->nofile);
        raised = k->nofile;
        raised.rlim_cur = raised.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &raised);
}

static int keeper_init(struct keeper *k, const struct keeper_config *config) {
        int r;

        k->config = config;
        k->signal_fd = k->socket = k->next_program = k->last_program = -1;
        k->lock_fd = config->lock_fd;
        k->kill_due_usec = k->say_again_usec = k->prove_due_usec = USEC_INFINITY;
        list_init(&k->replies);
        children_init(&k->children);
        store_init(&k->store);
        reports_reset(k);
        k->umask = umask(0);
        umask(k->umask);
        raise_limit(k);
        service_store_init(k);
        watchdog_init(k);
        (void)prctl(PR_SET_NAME, "gangerd: keeper");
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return -errno;
        r = signals_init(k);
        if (r < 0)
                return r;
        r = environment_init(k);
        if (r < 0)
                return r;
        r = spawner_init(&k->spawner);
        if (r < 0)
                return r;
        r = handover_take(k);
        return r == -ENOENT ? 0 : r;
}

static void keeper_done(struct keeper *k) {
        reports_reset(k);
        service_store_done(k);
        store_done(&k->store);
        children_done(&k->children);
        spawner_done(&k->spawner);
        close_fd(k->socket);
        close_fd(k->signal_fd);
        free(k->environment);
}

/* ---- the loop ------------------------------------------------------------------------------------- */

/* When something is to be done that no descriptor tells. */
static uint64_t due_usec(const struct keeper *k) {
        uint64_t due = k->reap_again ? 0 : k->manager > 0 ? k->kill_due_usec : k->manager_due_usec;

        due = MIN(due, k->say_again_usec);
        due = MIN(due, k->prove_due_usec);
        due = MIN(due, service_store_due_usec(k));
        due = MIN(due, watchdog_due_usec(k));
        return k->retry_usec > 0 ? MIN(due, k->retry_usec) : due;
}

static short socket_events(const struct keeper *k) {
        short events = 0;

        if (k->welcomed && k->n_replies < KEEPER_REPLIES_MAX && !service_store_must_wait(k))
                events |= POLLIN;
        if (k->socket_full)
                events |= POLLOUT;
        return events;
}

static void wait_and_serve(struct keeper *k) {
        struct pollfd fds[] = {
                { .fd = k->signal_fd, .events = POLLIN },
                { .fd = k->hung_up ? -1 : k->socket, .events = socket_events(k) },
                { .fd = list_is_empty(&k->service.notes) ? -1 : k->service.socket, .events = POLLOUT },
        };
        uint64_t due = due_usec(k), now = now_usec(), left = due > now ? due - now : 0;
        struct timespec timeout = {
                .tv_sec = (time_t)(left / USEC_PER_SEC), .tv_nsec = (long)(left % USEC_PER_SEC * 1000),
        };

        if (ppoll(fds, ARRAY_SIZE(fds), due == USEC_INFINITY ? NULL : &timeout, NULL) < 0)
                return;
        if (fds[0].revents)
                serve_signals(k);
        else if (k->reap_again)
                reap_all(k);
        if (fds[1].revents & (POLLHUP | POLLERR))
                manager_process_hung_up(k);
        else if (fds[1].revents & POLLIN)
                requests_serve(k, REQUESTS_BATCH);
        service_store_turn(k, fds[2].revents != 0);
        manager_process_kill_if_due(k);
        watchdog_turn(k);
        if (now_usec() >= k->say_again_usec)
                notify_flush(k);
        if (now_usec() >= k->prove_due_usec)
                handover_give_way(k, "no manager of it was ready in time");
}

int keeper_run(const struct keeper_config *config) {
        static struct keeper keeper;
        struct keeper *k = &keeper;
        int r;

        *k = (struct keeper){ 0 };
        r = keeper_init(k, config);
        if (r < 0) {
                keeper_log("%s", strerrordesc_np(-r));
                k->finished = true;
                k->exit_status = EX_OSERR;
        }
        while (!k->finished) {
                manager_process_start(k);
                reports_flush(k);
                if (!k->finished)
                        wait_and_serve(k);
        }
        service_store_settle(k);
        r = k->exit_status;
        keeper_done(k);
        return r;
}
