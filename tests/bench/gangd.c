/* SPDX-License-Identifier: MIT */

/*
 * A private gangerd
 *
 * It dies with the bench (PR_SET_PDEATHSIG), and says nothing: its log goes to a file in its directory,
 * which is shown if it does not come up.
 */

#include "gangd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "control.pb-c.h"
#include "ganger-control.h"

/** Whatever takes longer does not work. */
#define PATIENCE_MSEC 30000

static char build[4096] = ".";

void gangd_set_build(const char *path) {
        if (!realpath(path, build))
                bench_die("%s", path);
}

const char *gangd_build(void) {
        return build;
}

/* ---- the directory ----------------------------------------------------------------------------- */

void gangd_init(struct gangd *d) {
        *d = (struct gangd){ .directory = "/tmp/ganger-bench-XXXXXX", .fifo_fd = -1 };
        if (!mkdtemp(d->directory))
                bench_die("mkdtemp");
        snprintf(d->config, sizeof d->config, "%s/conf", d->directory);
        snprintf(d->fifo, sizeof d->fifo, "%s/fifo", d->directory);
        snprintf(d->control_path, sizeof d->control_path, "%s/control", d->directory);
        if (mkfifo(d->fifo, 0600) < 0)
                bench_die("mkfifo");
        /* For writing too: it never ends, and nobody waits for us to open it. */
        d->fifo_fd = open(d->fifo, O_RDWR | O_CLOEXEC);
        if (d->fifo_fd < 0)
                bench_die("%s", d->fifo);
        (void)fcntl(d->fifo_fd, F_SETPIPE_SZ, 1 << 20);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
        return remove(path);
}

void gangd_done(struct gangd *d) {
        close(d->fifo_fd);
        nftw(d->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_config(const struct gangd *d, const char *config) {
        FILE *f = fopen(d->config, "w");

        if (!f)
                bench_die("%s", d->config);
        for (const char *p = config; *p; p++)
                if (strncmp(p, "$BUILD", 6) == 0) {
                        fputs(build, f);
                        p += 5;
                } else if (strncmp(p, "$FIFO", 5) == 0) {
                        fputs(d->fifo, f);
                        p += 4;
                } else {
                        fputc(*p, f);
                }
        fclose(f);
}

/* ---- starting and stopping --------------------------------------------------------------------- */

static int ready_socket(const struct gangd *d, struct sockaddr_un *address) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        snprintf(address->sun_path, sizeof address->sun_path, "%s/ready", d->directory);
        if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof *address) < 0)
                bench_die("%s", address->sun_path);
        return fd;
}

static _Noreturn void become(const struct gangd *d, const char *ready) {
        char path[4200], log[96];
        int fd;

        snprintf(path, sizeof path, "%s/gangerd", build);
        snprintf(log, sizeof log, "%s/log", d->directory);
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        setenv("NOTIFY_SOCKET", ready, 1);
        execl(path, "gangerd", "--foreground", "--config", d->config, "--runtime-dir", d->directory, NULL);
        _exit(127);
}

static void show_log(const struct gangd *d) {
        char path[96], line[512];
        FILE *f;

        snprintf(path, sizeof path, "%s/log", d->directory);
        f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f))
                fputs(line, stderr);
        if (f)
                fclose(f);
}

static bool wait_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r;

        do
                r = poll(&p, 1, PATIENCE_MSEC);
        while (r < 0 && errno == EINTR);
        return r > 0;
}

static void wait_until_ready(const struct gangd *d, int fd) {
        char text[1024];
        ssize_t n;

        do {
                n = wait_readable(fd) ? recv(fd, text, sizeof text - 1, 0) : -1;
                if (n < 0) {
                        show_log(d);
                        errno = 0;
                        bench_die("gangerd does not come up");
                }
                text[n] = '\0';
        } while (!strstr(text, "READY=1"));
}

void gangd_start(struct gangd *d, const char *config) {
        struct sockaddr_un address;
        int fd = ready_socket(d, &address);

        write_config(d, config);
        d->keeper = fork();
        if (d->keeper < 0)
                bench_die("fork");
        if (d->keeper == 0)
                become(d, address.sun_path);
        wait_until_ready(d, fd);
        close(fd);
        unlink(address.sun_path);
        if (ganger_control_new(&d->control, d->control_path) < 0)
                bench_die("ganger_control_new");
}

void gangd_end(struct gangd *d) {
        d->control = ganger_control_free(d->control);
        kill(d->keeper, SIGTERM);
}

void gangd_stop(struct gangd *d) {
        struct report ignored;
        struct pollfd p = { .fd = d->fifo_fd, .events = POLLIN };

        gangd_end(d);
        waitpid(d->keeper, NULL, 0);
        while (poll(&p, 1, 0) > 0)
                gangd_report(d, &ignored);
}

/* ---- talking to it ----------------------------------------------------------------------------- */

pid_t gangd_manager(struct gangd *d) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest version = GANGER__V1__VERSION_REQUEST__INIT;
        Ganger__V1__Reply *reply;
        pid_t pid;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &version;
        errno = 0;
        if (ganger_control_call(d->control, &request, &reply) < 0)
                bench_die("%s", ganger_control_error(d->control));
        pid = reply->version->manager_pid;
        ganger_control_reply_free(reply);
        return pid;
}

void gangd_scale(struct gangd *d, const char *worker, unsigned int n) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ScaleRequest scale = GANGER__V1__SCALE_REQUEST__INIT;
        Ganger__V1__Reply *reply;

        request.call_case = GANGER__V1__REQUEST__CALL_SCALE;
        request.scale = &scale;
        scale.name = (char *)worker;
        scale.instances = n;
        errno = 0;
        if (ganger_control_call(d->control, &request, &reply) < 0)
                bench_die("%s", ganger_control_error(d->control));
        ganger_control_reply_free(reply);
}

/** The program itself, not the shell script that libtool puts before one that is not installed. */
static void find_program(const char *name, char *path, size_t size) {
        snprintf(path, size, "%s/.libs/%s", build, name);
        if (access(path, X_OK) < 0) {
                snprintf(path, size, "%s/%s", build, name);
                return;
        }
        snprintf(path, size, "%s/.libs", build);
        setenv("LD_LIBRARY_PATH", path, 1);
        snprintf(path, size, "%s/.libs/%s", build, name);
}

int gangd_run(struct gangd *d, const char *const *argv) {
        extern char **environ;
        posix_spawn_file_actions_t actions;
        char path[4200];
        pid_t pid;
        int status, r;

        find_program(argv[0], path, sizeof path);
        setenv("GANGER_RUNTIME_DIR", d->directory, 1);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        r = posix_spawn(&pid, path, &actions, NULL, (char *const *)argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        errno = r;
        if (r != 0)
                bench_die("%s", path);
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void gangd_send(struct gangd *d, const char *ring, const char *text) {
        errno = 0;
        if (gangd_run(d, (const char *const[]){ "gangerctl", "send", ring, text, NULL }) != 0)
                bench_die("gangerctl send");
}

void gangd_report(struct gangd *d, struct report *ret) {
        if (!wait_readable(d->fifo_fd) || read(d->fifo_fd, ret, sizeof *ret) != (ssize_t)sizeof *ret) {
                show_log(d);
                errno = 0;
                bench_die("a worker that was expected did not report");
        }
}
