/* SPDX-License-Identifier: MIT */

/*
 * check: have gangerd read a configuration
 *
 * The parser lives in gangerd alone, so that what it accepts and what `check` accepts is the same.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/find-gangerd.h"
#include "ctl/verbs.h"

/** gangerd's findings that are kept at most; a configuration has a limit, too. */
#define FINDINGS_MAX ((size_t)1 << 20)

extern char **environ;

static int spawn(const char *program, const char *file, int output, pid_t *ret) {
        char *const args[] = { (char *)"gangerd", (char *)"--check", (char *)"--config", (char *)file, NULL };
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
        if (r == 0)
                r = posix_spawnp(ret, program, &actions, NULL, args, environ);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/** All that comes, as a string. What is past the limit is read and left out. */
static char *read_findings(int fd) {
        char *text = malloc(FINDINGS_MAX + 1), rest[4096];
        size_t size = 0;
        ssize_t n;

        if (!text)
                return NULL;
        while ((n = size < FINDINGS_MAX ? read(fd, text + size, FINDINGS_MAX - size)
                                        : read(fd, rest, sizeof rest)) > 0 || (n < 0 && errno == EINTR))
                if (n > 0 && size < FINDINGS_MAX)
                        size += (size_t)n;
        text[size] = '\0';
        return text;
}

int verb_check(struct ctl *ctl) {
        _cleanup_(closep) int from = -1, to = -1;
        _cleanup_(freep) char *text = NULL;
        char path[PATH_MAX];
        int pipe_fds[2], status, r;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return complain(STATUS_FAILED, "pipe: %s", strerror(errno));
        from = pipe_fds[0];
        to = pipe_fds[1];
        r = spawn(find_gangerd(path, sizeof path), ctl->args[0], to, &pid);
        if (r < 0)
                return complain(STATUS_FAILED, "gangerd, which checks configurations, cannot be run: %s", strerror(-r));
        to = close_fd(to);
        text = read_findings(from);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        ctl->out.ops->verdict(&ctl->out, &(struct verdict){ .file = ctl->args[0], .valid = status == 0,
                                                           .text = text ? text : "" });
        return status == 0 ? STATUS_DONE : STATUS_FAILED;
}
