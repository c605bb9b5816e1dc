/* SPDX-License-Identifier: MIT */

/*
 * What the keeper tells the rest of the system: a log line, and sd_notify
 *
 * The keeper says little, and a full pipe behind stderr must not stop it: a line that would block is lost.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/time.h"
#include "daemon/keeper/internal.h"

/** A line; below PIPE_BUF, so that a pipe that polls as writable takes it whole. */
#define LOG_LINE_MAX 512
/** Of STATUS=; a longer one is cut. */
#define STATUS_MAX 256

void keeper_log(const char *format, ...) {
        struct pollfd stderr_fd = { .fd = STDERR_FILENO, .events = POLLOUT };
        char line[LOG_LINE_MAX] = "gangerd: keeper: ";
        size_t n = strlen(line);
        va_list ap;

        va_start(ap, format);
        vsnprintf(line + n, sizeof line - n - 1, format, ap);
        va_end(ap);
        n = strlen(line);
        line[n++] = '\n';
        if (poll(&stderr_fd, 1, 0) == 1 && stderr_fd.revents & POLLOUT)
                (void)!write(STDERR_FILENO, line, n);
}

/* The caller who waits for a daemon to be ready, and the terminal that it came from. */
static void let_go(const struct keeper_config *config) {
        if (config->ready_fd >= 0)
                (void)!write(config->ready_fd, "", 1);
        if (config->detached) {
                _cleanup_(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

                for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
                        (void)dup2(null, fd);
        }
}

void notify_ready(struct keeper *k, const char *status) {
        char line[STATUS_MAX];

        snprintf(line, sizeof line, "%s", status);
        line[strcspn(line, "\n")] = '\0';
        (void)sd_notifyf(0, "READY=1\nSTATUS=%s\nMAINPID=%d", line, (int)k->spawner.parent);
        if (!k->was_ready)
                let_go(k->config);
}

void notify_reloading(void) {
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_usec());
}

void notify_stopping(void) {
        (void)sd_notify(0, "STOPPING=1");
}
