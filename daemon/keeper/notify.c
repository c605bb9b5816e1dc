/* SPDX-License-Identifier: MIT */

/*
 * What the keeper tells the rest of the system: a log line, and sd_notify
 *
 * What must hold: neither a full pipe behind stderr nor a service manager that does not read stops the keeper. A log
 * line that would block is lost; so is a mere change of the status, while what the service manager acts upon is said again.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/time.h"
#include "daemon/keeper/internal.h"

/** A line; below PIPE_BUF, so that a pipe that polls as writable takes it whole. */
#define LOG_LINE_MAX 512
/** A datagram: the status, and what else may be in it. */
#define MESSAGE_MAX (KEEPER_STATUS_MAX + 128)
/** If the service manager does not read: when it is tried again. */
#define AGAIN_USEC (100 * USEC_PER_MSEC)

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

socklen_t notify_address(struct sockaddr_un *ret) {
        const char *path = getenv("NOTIFY_SOCKET");
        size_t n = path ? strlen(path) : 0;

        if (n < 2 || n >= sizeof ret->sun_path || (path[0] != '/' && path[0] != '@'))
                return 0;
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(ret->sun_path, path, n);
        if (path[0] == '@')
                ret->sun_path[0] = 0;
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'));
}

/* sd_notify(3) would wait for a reader. @return whether it was said, or never will be. */
static bool say(const char *text) {
        struct sockaddr_un address;
        socklen_t size = notify_address(&address);
        _cleanup_(closep) int fd = -1;

        if (size == 0) {
                (void)sd_notify(0, text);       /* nobody, or one of another kind */
                return true;
        }
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return false;
        return sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size) >= 0 ||
               (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM);
}

static bool say_reloading(struct keeper *k) {
        char text[MESSAGE_MAX];

        snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)k->say_reloading_usec);
        return say(text);
}

static bool say_ready(struct keeper *k) {
        char text[MESSAGE_MAX];

        int n = snprintf(text, sizeof text, "READY=1\nSTATUS=%s\nMAINPID=%d", k->status, (int)k->spawner.parent);

        if (k->patience_usec > 0)
                snprintf(text + n, sizeof text - (size_t)n, "\nEXTEND_TIMEOUT_USEC=%llu", (unsigned long long)k->patience_usec);
        return say(text);
}

static void plan_again(struct keeper *k) {
        bool waits = k->say_reloading || k->say_stopping || k->say_ready;

        k->say_again_usec = waits ? now_usec() + AGAIN_USEC : USEC_INFINITY;
}

void notify_flush(struct keeper *k) {
        if (k->say_reloading && say_reloading(k))
                k->say_reloading = false;
        if (!k->say_reloading && k->say_stopping && say("STOPPING=1"))
                k->say_stopping = false;
        if (!k->say_reloading && !k->say_stopping && k->say_ready && say_ready(k))
                k->say_ready = false;
        plan_again(k);
}

void notify_ready(struct keeper *k, const char *status, bool reloaded, uint64_t patience_usec) {
        bool matters = !k->was_ready || reloaded || patience_usec > 0 || k->say_ready;

        snprintf(k->status, sizeof k->status, "%s", status);
        k->status[strcspn(k->status, "\n")] = '\0';
        k->patience_usec = patience_usec;
        k->say_ready = true;
        notify_flush(k);
        k->say_ready &= matters;
        plan_again(k);
        if (!k->was_ready)
                let_go(k->config);
}

void notify_reloading(struct keeper *k) {
        k->say_reloading = true;
        k->say_reloading_usec = now_usec();
        k->say_ready = false;                   /* it is said when the reload is done */
        notify_flush(k);
}

void notify_stopping(struct keeper *k) {
        k->say_stopping = true;
        notify_flush(k);
}

/* What is not heard is not said again: the next one follows soon enough. */
void notify_alive(void) {
        (void)say("WATCHDOG=1");
}
