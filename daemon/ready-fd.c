/* SPDX-License-Identifier: MIT */
/*
 * `ready = fd`
 *
 * The pipe's read end is stored with the keeper, so a line that is written while there is no manager is read by the
 * next. What must hold: what was read was dealt with, and written down, before it can be lost with a manager. So it is
 * only peeked at, by tee(2), and whoever finds the newline closes the pipe.
 */

#include "daemon/ready-fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"

/** What is looked through in one turn. */
#define READ_SIZE 512

void ready_fd_done(struct instance *instance) {
        instance->ready_fd.source = sd_event_source_disable_unref(instance->ready_fd.source);
        instance->ready_fd.fd = close_fd(instance->ready_fd.fd);
}

void ready_fd_end(struct instance *instance) {
        char name[INSTANCE_STORED_MAX];

        if (instance->ready_fd.fd < 0)
                return;
        ready_fd_done(instance);
        keeper_link_drop(&instance_gang(instance)->link, instance_stored(name, instance, "ready"));
}

/* A copy of what is in the pipe. @return bytes, 0: the end; -errno. */
static ssize_t peek(int fd, char *buf, size_t size) {
        _cleanup_(closep) int out = -1, in = -1;
        int pair[2];
        ssize_t n;

        if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        out = pair[0];
        in = pair[1];
        n = tee(fd, in, size, SPLICE_F_NONBLOCK);
        if (n > 0)
                n = read(out, buf, size);
        return n < 0 ? -errno : n;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct instance *instance = userdata;
        char buf[READ_SIZE];
        ssize_t n = peek(fd, buf, sizeof buf);

        if (n == -EAGAIN)
                return 0;
        if (n > 0 && !memchr(buf, '\n', (size_t)n)) {
                (void)!read(fd, buf, (size_t)n);
                return 0;
        }
        if (n > 0 && instance->state == INSTANCE_STARTING)
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
        else if (n == 0 && instance->state == INSTANCE_STARTING)
                log_warning("%s: has closed its ready-fd without a line", instance->key);
        ready_fd_end(instance);
        return 0;
}

int ready_fd_open(struct instance *instance, int fd) {
        int r = fd_set_nonblocking(fd, true);

        ready_fd_done(instance);
        instance->ready_fd.fd = fd;
        if (r >= 0)
                r = sd_event_add_io(instance_gang(instance)->event, &instance->ready_fd.source, fd, EPOLLIN, on_readable,
                                    instance);
        if (r < 0)
                ready_fd_done(instance);
        return r;
}

void ready_fd_restore(struct instance *instance) {
        char name[INSTANCE_STORED_MAX];
        int fd = keeper_link_take(&instance_gang(instance)->link, instance_stored(name, instance, "ready"));
        int r = fd < 0 ? 0 : ready_fd_open(instance, fd);

        if (r < 0)
                log_error("%s: its ready-fd is lost: %s", instance->key, strerror(-r));
}
