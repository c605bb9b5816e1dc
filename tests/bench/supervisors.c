/* SPDX-License-Identifier: MIT */

/*
 * Supervisors beside each other
 *
 * Each runs in a directory of its own, in the foreground, and dies with the bench. Whoever loses its parent becomes a
 * child of the bench (PR_SET_CHILD_SUBREAPER), so that it can wait for all that a supervisor has started. An end is over
 * when the last process is.
 */

#include "supervisors.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "base/cleanup.h"
#include "bench.h"
#include "proc.h"

/** For one process to end. */
#define PATIENCE_MSEC 60000
/** Names of services: "w" and a number of five digits. */
#define SERVICE_NAME_MAX 16
#define WORKER "bench-first"

static const char *worker_path(void) {
        static char path[4200];

        snprintf(path, sizeof path, "%s/tests/bench/" WORKER, gangd_build());
        return path;
}

/* ---- files and processes ----------------------------------------------------------------------- */

/** A file in its directory. */
static FILE *create(const struct supervised *s, const char *name, mode_t mode) {
        char path[160];
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", s->world.directory, name);
        f = fopen(path, "w");
        if (!f || fchmod(fileno(f), mode) < 0)
                bench_die("%s", path);
        return f;
}

/** Start a program in its directory, and keep it quiet. @param death  what it gets if the bench dies. */
static pid_t launch(const struct supervised *s, const char *const *argv, int death) {
        pid_t pid = fork();

        if (pid < 0)
                bench_die("fork");
        if (pid == 0) {
                int null = open("/dev/null", O_RDWR);

                prctl(PR_SET_PDEATHSIG, death);
                if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
                    chdir(s->world.directory) < 0)
                        _exit(127);
                execvp(argv[0], (char *const *)argv);
                _exit(127);
        }
        return pid;
}

/** Run a program to its end. */
static void run_to_end(const struct supervised *s, const char *const *argv) {
        pid_t pid = launch(s, argv, SIGKILL);
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        bench_die("waitpid");
        errno = 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                bench_die("%s: its status command fails", s->kind->name);
}

static void stop_by_sigterm(struct supervised *s) {
        kill(s->pid, SIGTERM);
}

/* ---- the bare one ------------------------------------------------------------------------------ */

static void start_bare(struct supervised *s) {
        s->pid = bare_start(s->n, worker_path(), s->world.fifo);
}

static bool no_status(struct supervised *s) {
        return false;
}

/* ---- ganger ------------------------------------------------------------------------------------ */

static void start_ganger(struct supervised *s) {
        char config[256];

        snprintf(config, sizeof config,
                 "worker idle { exec = {\"$BUILD/tests/bench/" WORKER "\", \"$FIFO\"} stop-signal = SIGKILL "
                 "instances = %zu }\n", s->n);
        gangd_start(&s->world, config);
        s->pid = s->world.keeper;
}

static bool status_ganger(struct supervised *s) {
        errno = 0;
        if (gangd_run(&s->world, (const char *const[]){ "gangerctl", "status", NULL }) != 0)
                bench_die("gangerctl status fails");
        return true;
}

static void stop_ganger(struct supervised *s) {
        gangd_end(&s->world);
}

/* ---- runit and s6: a directory for each -------------------------------------------------------- */

/** Their program is `run` in it; started without an argument there, it knows where its FIFO is. */
static void make_services(const struct supervised *s) {
        char path[160];

        snprintf(path, sizeof path, "%s/services", s->world.directory);
        if (mkdir(path, 0755) < 0)
                bench_die("%s", path);
        for (size_t i = 0; i < s->n; i++) {
                snprintf(path, sizeof path, "%s/services/w%05zu", s->world.directory, i);
                if (mkdir(path, 0755) < 0)
                        bench_die("%s", path);
                snprintf(path, sizeof path, "%s/services/w%05zu/run", s->world.directory, i);
                if (symlink(worker_path(), path) < 0)
                        bench_die("%s", path);
        }
}

static void start_runit(struct supervised *s) {
        make_services(s);
        s->pid = launch(s, (const char *const[]){ "runsvdir", "services", NULL }, SIGHUP);
}

static bool status_runit(struct supervised *s) {
        run_to_end(s, (const char *const[]){ "sh", "-c", "exec sv status \"$PWD\"/services/*", NULL });
        return true;
}

static void stop_runit(struct supervised *s) {
        kill(s->pid, SIGHUP);
}

static void start_s6(struct supervised *s) {
        make_services(s);
        s->pid = launch(s, (const char *const[]){ "s6-svscan", "-c", "10000", "services", NULL }, SIGTERM);
}

static bool status_s6(struct supervised *s) {
        run_to_end(s, (const char *const[]){ "sh", "-c", "for d in services/*; do s6-svstat $d || exit 1; done", NULL });
        return true;
}

/* ---- supervisord ------------------------------------------------------------------------------- */

static void start_supervisord(struct supervised *s) {
        FILE *f = create(s, "supervisord.conf", 0600);

        fprintf(f, "[unix_http_server]\nfile=%s/sock\n", s->world.directory);
        fprintf(f, "[supervisord]\nnodaemon=true\nminfds=%zu\nlogfile=/dev/null\nlogfile_maxbytes=0\n", 200 + 4 * s->n);
        fprintf(f, "pidfile=%s/pid\nuser=root\n", s->world.directory);
        fprintf(f, "[rpcinterface:supervisor]\n");
        fprintf(f, "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n");
        fprintf(f, "[supervisorctl]\nserverurl=unix://%s/sock\n", s->world.directory);
        fprintf(f, "[program:idle]\ncommand=%s %s\n", worker_path(), s->world.fifo);
        fprintf(f, "numprocs=%zu\nprocess_name=w%%(process_num)05d\n", s->n);
        fprintf(f, "autorestart=true\nstartsecs=0\nstopsignal=KILL\nstdout_logfile=NONE\nstderr_logfile=NONE\n");
        fclose(f);
        s->pid = launch(s, (const char *const[]){ "supervisord", "-c", "supervisord.conf", NULL }, SIGTERM);
}

static bool status_supervisord(struct supervised *s) {
        run_to_end(s, (const char *const[]){ "supervisorctl", "-c", "supervisord.conf", "status", NULL });
        return true;
}

/* ---- monit ------------------------------------------------------------------------------------- */

/** It is no parent of what it watches: it looks each second whether the process of a file is there. */
static void start_monit(struct supervised *s) {
        const char *directory = s->world.directory;
        FILE *f = create(s, "start", 0700);

        fprintf(f, "#!/bin/sh\n%s %s &\necho $! >%s/$1.pid\n", worker_path(), s->world.fifo, directory);
        fclose(f);
        f = create(s, "monitrc", 0600);
        fprintf(f, "set daemon 1\nset logfile /dev/null\nset pidfile %s/pid\n", directory);
        fprintf(f, "set idfile %s/id\nset statefile %s/state\n", directory, directory);
        for (size_t i = 0; i < s->n; i++)
                fprintf(f, "check process w%05zu with pidfile %s/w%05zu.pid start program = \"%s/start w%05zu\"\n", i,
                        directory, i, directory, i);
        fclose(f);
        s->pid = launch(s, (const char *const[]){ "monit", "-I", "-c", "monitrc", NULL }, SIGTERM);
}

/** It leaves what it has started. */
static void stop_monit(struct supervised *s) {
        kill(s->pid, SIGTERM);
        waitpid(s->pid, NULL, 0);
        for (size_t i = 0; i < s->n; i++)
                kill(s->workers[i], SIGKILL);
}

/* ---- all of them ------------------------------------------------------------------------------- */

static const struct supervisor bare = {
        .name = "bare vfork", .note = "a loop of waitpid and posix_spawn",
        .instances_max = SIZE_MAX, .restarts_max = SIZE_MAX,
        .start = start_bare, .status = no_status, .stop = stop_by_sigterm,
};

static const struct supervisor ganger = {
        .name = "ganger",
        .instances_max = SIZE_MAX, .restarts_max = SIZE_MAX,
        .start = start_ganger, .status = status_ganger, .stop = stop_ganger,
};

static const struct supervisor runit = {
        .name = "runit", .note = "a process for each worker", .program = "runsvdir",
        .instances_max = 1000 /* runsvdir takes no more */, .restarts_max = SIZE_MAX,
        .start = start_runit, .status = status_runit, .stop = stop_runit,
};

static const struct supervisor s6 = {
        .name = "s6", .note = "a process for each worker; waits a second; s6-svstat for each", .program = "s6-svscan",
        .instances_max = 1000, .restarts_max = SIZE_MAX,
        .start = start_s6, .status = status_s6, .stop = stop_by_sigterm,
};

static const struct supervisor supervisord = {
        .name = "supervisord", .program = "supervisord",
        .instances_max = 1000, .restarts_max = 20 /* a tenth of a second each, and more */,
        .start = start_supervisord, .status = status_supervisord, .stop = stop_by_sigterm,
};

static const struct supervisor monit = {
        .name = "monit", .note = "looks once a second", .program = "monit",
        .instances_max = 100, .restarts_max = 5,
        .start = start_monit, .status = no_status, .stop = stop_monit,
};

static const struct supervisor *const known[] = { &bare, &ganger, &runit, &s6, &supervisord, &monit };

static bool is_installed(const char *program) {
        char text[4096], *rest = text, *folder;
        const char *path = getenv("PATH");

        snprintf(text, sizeof text, "%s", path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
        while ((folder = strsep(&rest, ":"))) {
                char file[4200];

                snprintf(file, sizeof file, "%s/%s", folder, program);
                if (access(file, X_OK) == 0)
                        return true;
        }
        return false;
}

size_t supervisors_find(const struct supervisor *const **ret) {
        static const struct supervisor *here[ARRAY_SIZE(known)];
        size_t n = 0;

        prctl(PR_SET_CHILD_SUBREAPER, 1);
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (!known[i]->program || is_installed(known[i]->program))
                        here[n++] = known[i];
                else
                        printf("not compared with %s: it is not installed (contrib/setup --bench)\n", known[i]->name);
        *ret = here;
        return n;
}

/* ---- what is done with one --------------------------------------------------------------------- */

/** Wait for `n` workers to begin, which may be in any order. @return when the last one did. */
static uint64_t collect(struct supervised *s, pid_t *pids, size_t n) {
        uint64_t last = 0;

        for (size_t i = 0; i < n; i++) {
                struct report r;

                gangd_report(&s->world, &r);
                pids[i] = r.pid;
                last = r.monotonic_ns > last ? r.monotonic_ns : last;
        }
        return last;
}

uint64_t supervised_start(struct supervised *s, const struct supervisor *kind, size_t n) {
        uint64_t start;

        *s = (struct supervised){ .kind = kind, .n = n, .workers = calloc(n + 1, sizeof(pid_t)) };
        if (!s->workers)
                bench_die("calloc");
        gangd_init(&s->world);
        start = bench_now_ns();
        kind->start(s);
        return n > 0 ? collect(s, s->workers, n) - start : 0;
}

void supervised_grow(struct supervised *s, size_t n, size_t step) {
        s->workers = realloc(s->workers, (n + 1) * sizeof *s->workers);
        if (!s->workers)
                bench_die("realloc");
        while (s->n < n) {
                size_t more = MIN(step, n - s->n);

                gangd_scale(&s->world, "idle", (unsigned int)(s->n + more));
                collect(s, s->workers + s->n, more);
                s->n += more;
        }
}

/** If its supervisor is not its parent, then we have become that: without us it would not be gone. */
static void kill_worker(pid_t pid) {
        kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
}

uint64_t supervised_restart_one(struct supervised *s, size_t which) {
        uint64_t start = bench_now_ns();

        kill_worker(s->workers[which]);
        return collect(s, &s->workers[which], 1) - start;
}

uint64_t supervised_restart_all(struct supervised *s) {
        uint64_t start = bench_now_ns();

        for (size_t i = 0; i < s->n; i++)
                kill_worker(s->workers[i]);
        return collect(s, s->workers, s->n) - start;
}

uint64_t supervised_status(struct supervised *s) {
        uint64_t start = bench_now_ns();

        return s->kind->status(s) ? bench_now_ns() - start : 0;
}

static void wait_gone(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        int r;

        do
                r = poll(&p, 1, PATIENCE_MSEC);
        while (r < 0 && errno == EINTR);
        errno = 0;
        if (r <= 0)
                bench_die("a process of a supervisor that was stopped does not end");
        close(pidfd);
}

/** Of all of its processes, and of the workers, which need not descend from it. @return how many. */
static size_t open_all(const struct supervised *s, int **ret) {
        pid_t *family;
        size_t n = proc_family(s->pid, &family), opened = 0;
        int *fds = calloc(n + s->n + 1, sizeof *fds);

        if (!fds)
                bench_die("calloc");
        for (size_t i = 0; i < n + s->n; i++) {
                int fd = (int)syscall(SYS_pidfd_open, i < n ? family[i] : s->workers[i - n], 0);

                if (fd >= 0)
                        fds[opened++] = fd;
                else if (errno != ESRCH)
                        bench_die("pidfd_open");
        }
        free(family);
        *ret = fds;
        return opened;
}

uint64_t supervised_stop(struct supervised *s) {
        uint64_t start, ns;
        int *fds;
        size_t n = open_all(s, &fds);

        start = bench_now_ns();
        s->kind->stop(s);
        for (size_t i = 0; i < n; i++)
                wait_gone(fds[i]);
        ns = bench_now_ns() - start;
        free(fds);
        waitpid(s->pid, NULL, 0);
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        gangd_done(&s->world);
        free(s->workers);
        *s = (struct supervised){ 0 };
        return ns;
}

/* ---- what its processes take ------------------------------------------------------------------- */

double supervised_memory(const struct supervised *s) {
        pid_t *family;
        size_t n = proc_family(s->pid, &family);
        double kb = 0;

        for (size_t i = 0; i < n; i++)
                kb += proc_is_called(family[i], WORKER) || proc_is_called(family[i], "run") ? 0 : proc_pss(family[i]);
        free(family);
        return kb;
}

unsigned long supervised_ticks(const struct supervised *s) {
        unsigned long ticks = 0;
        pid_t *family;
        size_t n = proc_family(s->pid, &family);

        for (size_t i = 0; i < n; i++)
                ticks += proc_is_called(family[i], WORKER) || proc_is_called(family[i], "run") ? 0 : proc_ticks(family[i]);
        free(family);
        return ticks;
}
