/* SPDX-License-Identifier: MIT */

/*
 * Asking a program what it can take over
 *
 * It is run by the manager itself, since it is none of the gang's: it prints a line and ends, or is killed. What it prints
 * is not trusted: whoever may ask for an upgrade may run any program, so it only guards against mistakes.
 */

#include "daemon/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/gang.h"
#include "daemon/keeper/protocol.h"
#include "daemon/log/log.h"
#include "shm/layout.h"

/** So long it may take to say it, and so much. */
#define ASK_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define ANSWER_MAX 256

#define FORMATS "gangerd %s handover=%d state=%d layout=%d\n"

struct upgrade {
        struct gang *gang;
        struct list watchers;
        int program;                    /* to become */
        int output;                     /* of it */
        pid_t pid;                      /* that is asked; 0: none */
        sd_event_source *source, *timer;
        char answer[ANSWER_MAX];
        size_t size;
};

void upgrade_formats_print(void) {
        const char *version = fault_is("older-version") ? "0.0.1" : PACKAGE_VERSION;

        printf(FORMATS, version, KEEPER_HANDOVER_VERSION, STATE_LAYOUT, REGION_LAYOUT_VERSION);
}

static struct upgrade *upgrade_free(struct upgrade *u) {
        if (u->pid > 0) {
                (void)kill(u->pid, SIGKILL);
                (void)waitpid(u->pid, NULL, 0);
        }
        sd_event_source_disable_unref(u->source);
        sd_event_source_disable_unref(u->timer);
        list_for_each_safe(it, &u->watchers)
                list_unlink(it);
        close_fd(u->program);
        close_fd(u->output);
        u->gang->upgrade = NULL;
        free(u);
        return NULL;
}

void upgrade_done(struct gang *gang) {
        if (gang->upgrade)
                upgrade_free(gang->upgrade);
}

void upgrade_unwatch(struct upgrade_watcher *watcher) {
        list_unlink(&watcher->link);
}

/* ---- what it says ------------------------------------------------------------------------------ */

/** Of what it is, and that it is not older: its successor may have written what it would overlook. */
static int check_answer(const char *answer, struct error *error) {
        char version[64];
        int handover, state, layout;

        if (sscanf(answer, "gangerd %63s handover=%d state=%d layout=%d", version, &handover, &state, &layout) != 4)
                return error_set(error, -ENOEXEC, "it does not say what it can take over: it is no gangerd that could");
        if (strverscmp(version, PACKAGE_VERSION) < 0)
                return error_set(error, -EPROTONOSUPPORT, "it is version %s, which is older than %s: stop the daemon to go back", version,
                                 PACKAGE_VERSION);
        if (layout != REGION_LAYOUT_VERSION)
                return error_set(error, -EPROTONOSUPPORT, "its rings (version %s) are of layout %d, and those that there are of layout %d: "
                                 "stop the daemon, and start that one", version, layout, REGION_LAYOUT_VERSION);
        if (handover != KEEPER_HANDOVER_VERSION || state != STATE_LAYOUT)
                return error_set(error, -EPROTONOSUPPORT, "version %s cannot take over from %s: stop the daemon, and start that one", version,
                                 PACKAGE_VERSION);
        return 0;
}

static void upgrade_refuse(struct upgrade *u, const struct error *error) {
        log_warning("no upgrade: %s", error->text);
        list_for_each_safe(it, &u->watchers) {
                struct upgrade_watcher *watcher = list_entry(it, struct upgrade_watcher, link);

                list_unlink(&watcher->link);
                watcher->fn(watcher, error);
        }
        upgrade_free(u);
}

/** It can: leave it to the keeper. What is written down is for the next manager. */
static void upgrade_go(struct upgrade *u) {
        struct gang *gang = u->gang;
        int r = keeper_link_upgrade(&gang->link, u->program);

        log_info("another program takes over: %.*s", (int)strcspn(u->answer, "\n"), u->answer);
        fault_point("before-upgrade");
        if (r >= 0)
                keeper_link_flush(&gang->link);
        sd_event_exit(gang->event, UPGRADE_EXIT_STATUS);
}

static void upgrade_answered(struct upgrade *u) {
        struct error error = ERROR_NULL;

        u->answer[u->size] = '\0';
        if (u->gang->stopping)
                error_set(&error, -EBUSY, "the daemon is stopping");
        else
                check_answer(u->answer, &error);
        if (error.code < 0)
                upgrade_refuse(u, &error);
        else
                upgrade_go(u);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct upgrade *u = userdata;
        ssize_t n = read(fd, u->answer + u->size, sizeof u->answer - 1 - u->size);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0)
                u->size += (size_t)n;
        if (n <= 0 || u->size == sizeof u->answer - 1 || memchr(u->answer, '\n', u->size))
                upgrade_answered(u);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        struct error error = ERROR_NULL;

        error_set(&error, -ETIMEDOUT, "it does not say what it can take over, for %d s", (int)(ASK_TIMEOUT_USEC / USEC_PER_SEC));
        upgrade_refuse(userdata, &error);
        return 0;
}

/* ---- asking ------------------------------------------------------------------------------------ */

/** Where this program was, before it was replaced. */
static int own_path(char path[PATH_MAX]) {
        static const char deleted[] = " (deleted)";
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
        size_t length;

        if (n < 0)
                return -errno;
        path[n] = '\0';
        length = (size_t)n;
        if (length > strlen(deleted) && strcmp(path + length - strlen(deleted), deleted) == 0)
                path[length - strlen(deleted)] = '\0';
        return 0;
}

static int open_program(const char *path, struct error *error) {
        _cleanup_(closep) int fd = -1;
        char own[PATH_MAX];
        struct stat st;
        int r;

        if (*path == '\0') {
                r = own_path(own);
                if (r < 0)
                        return error_errno(error, r, "/proc/self/exe");
                path = own;
        }
        if (*path != '/')
                return error_set(error, -EINVAL, "'%s' is not an absolute path", path);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return error_errno(error, -errno, "'%s'", path);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
                return error_set(error, -EACCES, "'%s' is no program", path);
        return TAKE_FD(fd);
}

/** Of the program itself, not of whatever has its name by then. */
static int run(struct upgrade *u, int output) {
        char path[64], *argv[] = { (char *)"gangerd", (char *)"--formats", NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        snprintf(path, sizeof path, "/proc/self/fd/%d", u->program);
        sigemptyset(&none);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setsigmask(&attributes, &none);
        r = -posix_spawn(&u->pid, path, &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return r;
}

static int ask(struct upgrade *u) {
        _cleanup_(closep) int output = -1;
        int ends[2], r;

        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        u->output = ends[0];
        output = ends[1];
        r = run(u, output);
        if (r < 0)
                return r;
        r = sd_event_add_io(u->gang->event, &u->source, u->output, EPOLLIN, on_output, u);
        if (r >= 0)
                r = sd_event_add_time_relative(u->gang->event, &u->timer, CLOCK_MONOTONIC, ASK_TIMEOUT_USEC, 0, on_timeout, u);
        return r;
}

int upgrade_begin(struct gang *gang, const char *path, struct upgrade_watcher *watcher, struct error *error) {
        struct upgrade *u = gang->upgrade;
        int program, r;

        list_init(&watcher->link);
        if (gang->stopping)
                return error_set(error, -EBUSY, "the daemon is stopping");
        if (u) {
                list_append(&u->watchers, &watcher->link);
                return 0;
        }
        program = open_program(path, error);
        if (program < 0)
                return program;
        u = calloc(1, sizeof *u);
        if (!u) {
                close_fd(program);
                return -ENOMEM;
        }
        *u = (struct upgrade){ .gang = gang, .program = program, .output = -1 };
        list_init(&u->watchers);
        gang->upgrade = u;
        r = ask(u);
        if (r < 0) {
                upgrade_free(u);
                return error_errno(error, r, "asking the program");
        }
        list_append(&u->watchers, &watcher->link);
        return 0;
}
