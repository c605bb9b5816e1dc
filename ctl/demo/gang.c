/* SPDX-License-Identifier: MIT */

/*
 * The demo's own daemon
 *
 * It has a runtime directory of its own, so it meets no other gangerd; it is our child, and dies with us.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/time.h"
#include "ctl/demo/demo.h"
#include "ctl/find-gangerd.h"

/** How long gangerd may take to answer, and how often it is asked before there is a socket. */
#define START_USEC (10 * USEC_PER_SEC)
#define START_LOOK_MSEC 10

static const char *worker_directory(void) {
        const char *d = getenv("GANGER_DEMO_DIR");

        return d && *d ? d : PKGLIBEXECDIR "/demo";
}

/** Everything is killed often, on purpose: restarts never wait for long, and no message is given up for it. */
static const char config_text[] =
        "# The demo of ganger: count the words of text files, while everything is being killed.\n"
        "ring files  { slots = 64    slot-size = 4KiB   max-deliveries = 255 }\n"
        "ring cursor { slots = 64    slot-size = 5KiB   max-deliveries = 255 }\n"
        "ring lines  { slots = 1024  slot-size = %2$d     max-deliveries = 255 }\n"
        "ring counts { slots = 1024  slot-size = 16KiB  max-deliveries = 255 }\n"
        "ring totals { slots = 64    slot-size = 128KiB max-deliveries = 255 }\n"
        "\n"
        "worker split {\n"
        "    exec = {\"%1$s/split\"}\n"
        "    receive = {files, cursor}\n"
        "    send = {cursor, lines}\n"
        "    ready = library\n"
        "    restart-delay = 10ms\n"
        "    restart-delay-max = 20ms\n"
        "}\n"
        "worker count {\n"
        "    exec = {\"%1$s/count\"}\n"
        "    io = lines\n"
        "    receive = lines\n"
        "    send = counts\n"
        "    instances = 4\n"
        "    restart-delay = 10ms\n"
        "    restart-delay-max = 20ms\n"
        "}\n"
        "worker sum {\n"
        "    exec = {\"%1$s/sum\"}\n"
        "    receive = counts\n"
        "    send = totals\n"
        "    instances = 2\n"
        "    ready = library\n"
        "    restart-delay = 10ms\n"
        "    restart-delay-max = 20ms\n"
        "}\n";

static int write_config(const struct gang_process *gang, char *path, size_t size) {
        FILE *f;

        snprintf(path, size, "%s/demo.conf", gang->directory);
        f = fopen(path, "we");
        if (!f)
                return -errno;
        fprintf(f, config_text, worker_directory(), DEMO_LINE_MAX);
        return fclose(f) == 0 ? 0 : -errno;
}

/** In the child: become gangerd. */
static _Noreturn void become_daemon(const char *program, const char *directory, const char *config, int log) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_DFL);
        dup2(log, STDERR_FILENO);
        dup2(log, STDOUT_FILENO);
        unsetenv("NOTIFY_SOCKET");
        execlp(program, "gangerd", "--foreground", "--runtime-dir", directory, "--config", config, NULL);
        fprintf(stderr, "%s: %s\n", program, strerror(errno));
        _exit(127);
}

static int spawn(struct gang_process *gang, const char *config) {
        _cleanup_(closep) int log = -1;
        char program[4096], path[128];

        snprintf(path, sizeof path, "%s/log", gang->directory);
        log = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
        if (log < 0)
                return -errno;
        find_gangerd(program, sizeof program);
        gang->pid = fork();
        if (gang->pid < 0)
                return -errno;
        if (gang->pid == 0)
                become_daemon(program, gang->directory, config, log);
        gang->pidfd = pidfd_open(gang->pid, 0);
        return gang->pidfd < 0 ? -errno : 0;
}

int gang_start(const struct ctl *ctl, struct gang_process *ret) {
        struct gang_process gang = GANG_PROCESS_NULL;
        char config[128];
        int r;

        strcpy(gang.directory, "/tmp/ganger-demo.XXXXXX");
        if (!mkdtemp(gang.directory))
                return complain(STATUS_FAILED, "making a directory in /tmp: %s", strerror(errno));
        snprintf(gang.socket, sizeof gang.socket, "%s/control", gang.directory);
        r = write_config(&gang, config, sizeof config);
        if (r == 0)
                r = spawn(&gang, config);
        if (r < 0) {
                gang_stop(&gang);
                return complain(STATUS_FAILED, "starting gangerd: %s", strerror(-r));
        }
        talk(ctl, "gangerd runs in %s (its log: %s/log)", gang.directory, gang.directory);
        *ret = gang;
        return STATUS_DONE;
}

static int ask_version(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest call = GANGER__V1__VERSION_REQUEST__INIT;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &call;
        return ganger_control_call(ctl->client, &request, &reply);
}

/** What the daemon had to say, on standard error. */
static void show_log(const struct gang_process *gang) {
        char path[128], line[1024];
        FILE *f;

        snprintf(path, sizeof path, "%s/log", gang->directory);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof line, f))
                fputs(line, stderr);
        if (f)
                fclose(f);
}

int gang_wait(struct ctl *ctl, const struct gang_process *gang) {
        uint64_t give_up = now_usec() + START_USEC;
        int r = ctl_client(ctl, false);

        if (r != STATUS_DONE)
                return r;
        /* The socket is made by the daemon: until then there is nothing to wait on but the daemon's end. */
        while ((r = ask_version(ctl)) < 0 && now_usec() < give_up) {
                struct pollfd p = { .fd = gang->pidfd, .events = POLLIN };

                if (poll(&p, 1, START_LOOK_MSEC) > 0)
                        break;
        }
        if (r == 0)
                return STATUS_DONE;
        show_log(gang);
        return complain(STATUS_FAILED, "gangerd did not start: %s", ganger_control_error(ctl->client));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

void gang_stop(struct gang_process *gang) {
        if (gang->pid > 0) {
                kill(gang->pid, SIGTERM);
                while (waitpid(gang->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        gang->pidfd = close_fd(gang->pidfd);
        if (gang->directory[0])
                nftw(gang->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        *gang = GANG_PROCESS_NULL;
}
