/* SPDX-License-Identifier: MIT */

/*
 * gangerd
 *
 * One program, two processes: the keeper is what people start, and it executes the same program again as the
 * manager. Here is what comes before either: the command line, going to the background, the runtime directory and its lock.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "daemon/config/config.h"
#include "daemon/keeper/keeper.h"
#include "daemon/keeper/protocol.h"
#include "daemon/manager.h"
#include "daemon/options.h"
#include "daemon/runtime.h"
#include "daemon/upgrade.h"

/** Of a command line that makes no sense; gangerctl's is the same. */
#define EXIT_USAGE 2

static int complain(const struct error *e, int status) {
        fprintf(stderr, "gangerd: %s\n", e->text);
        return status;
}

/*
 * We start with our standard streams and nothing else, so that no descriptor of a stranger reaches a worker.
 * @param keep  what the service manager gave us stays: the keeper takes it.
 */
static void clean_descriptors(bool keep) {
        int n_given = keep ? sd_listen_fds(0) : 0;

        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0)
                        (void)open("/dev/null", O_RDWR);        /* takes the lowest number: this one */
        (void)close_range(SD_LISTEN_FDS_START + (unsigned int)MAX(n_given, 0), ~0U, 0);
}

/* ---- into the background -------------------------------------------------------------------------- */

/* The process that was started: it ends when the daemon serves, or with the daemon's exit status. */
static int wait_for_daemon(int fd, pid_t child) {
        unsigned char status;
        ssize_t n;

        do
                n = read(fd, &status, 1);
        while (n < 0 && errno == EINTR);
        (void)waitpid(child, NULL, 0);
        if (n == 1)
                return status;
        fprintf(stderr, "gangerd: it was killed before it was ready\n");
        return EX_SOFTWARE;
}

/* @return in the daemon, the descriptor that takes the exit status of the process that was started; or -errno. */
static int detach(void) {
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid > 0) {
                close(ends[1]);
                exit(wait_for_daemon(ends[0], pid));
        }
        close(ends[0]);
        if (setsid() < 0)
                return -errno;
        pid = fork();                           /* no leader of a session, so no terminal becomes ours */
        if (pid < 0)
                return -errno;
        if (pid > 0)
                _exit(EXIT_SUCCESS);
        if (chdir("/") < 0)
                return -errno;
        return ends[1];
}

/* ---- the keeper ----------------------------------------------------------------------------------- */

static int keep(const struct options *o, bool detached, int ready_fd) {
        const char *argv[OPTIONS_ARGV_MAX];
        _cleanup_(closep) int directory = -1, lock = -1;
        struct keeper_config config = {
                .manager_path = "/proc/self/exe", .manager_argv = argv, .detached = detached, .lock_fd = -1, .ready_fd = ready_fd,
        };
        struct error e = ERROR_NULL;

        if (keeper_was_handed_over()) {
                options_manager_argv(o, KEEPER_MANAGER_ARGV0, argv);
                return keeper_run(&config);
        }
        directory = runtime_directory_open(o->runtime_dir, &e);
        if (directory < 0)
                return complain(&e, EX_CANTCREAT);
        lock = runtime_lock(directory, &e);
        if (lock < 0)
                return complain(&e, lock == -EADDRINUSE ? EX_TEMPFAIL : EX_CANTCREAT);
        config.lock_fd = lock;
        options_manager_argv(o, KEEPER_MANAGER_ARGV0, argv);
        return keeper_run(&config);
}

static int keeper_main(const struct options *o) {
        bool stays = o->foreground || getenv("NOTIFY_SOCKET") || getpid() == 1;
        unsigned char status;
        int ready_fd = -1, r;

        /* Of what this process was before, as another program, all descriptors matter; and it is where it was to go. */
        if (keeper_was_handed_over())
                return keep(o, o->detached, -1);
        clean_descriptors(stays);
        if (stays)
                return keep(o, false, -1);
        ready_fd = detach();
        if (ready_fd < 0) {
                fprintf(stderr, "gangerd: going to the background: %s\n", strerrordesc_np(-ready_fd));
                return EX_OSERR;
        }
        if (setenv(OPTIONS_DETACHED_ENV, "1", 1) < 0)
                return EX_OSERR;
        (void)signal(SIGPIPE, SIG_IGN);         /* nobody may be there to be told; the keeper sets it back */
        r = keep(o, true, ready_fd);
        /* Whoever still waits has not seen us ready. */
        status = (unsigned char)(r != 0 ? r : EX_SOFTWARE);
        (void)!write(ready_fd, &status, 1);
        return r;
}

static int manager_main(const struct options *o) {
        /* The kernel has named us after what was executed: "exe". */
        (void)prctl(PR_SET_NAME, "gangerd-manager");
        return manager_run(o);
}

int main(int argc, char **argv) {
        static struct options o;
        struct error e = ERROR_NULL;

        if (options_parse(&o, argc, argv, &e) < 0)
                return complain(&e, EXIT_USAGE);
        if (o.help) {
                options_help();
                return EXIT_SUCCESS;
        }
        if (o.version) {
                printf("gangerd (ganger) %s\n", PACKAGE_VERSION);
                return EXIT_SUCCESS;
        }
        if (o.formats) {
                upgrade_formats_print();
                return EXIT_SUCCESS;
        }
        if (o.check)
                return config_check(o.config, stdout, stderr);
        return getenv(KEEPER_FD_ENV) ? manager_main(&o) : keeper_main(&o);
}
