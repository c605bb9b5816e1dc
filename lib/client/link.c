/* SPDX-License-Identifier: MIT */

/*
 * One connection to the daemon
 *
 * The socket is non-blocking once connected, so that every wait has the caller's deadline. However a
 * connection is lost (end of file, reset, a frame cut short), the caller sees one error for it:
 * -ECONNRESET.
 */

#include "client/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/fd.h"
#include "base/time.h"

/** A client sends one request at a time; only a bound against a mistake. */
#define SEND_LIMIT (FRAME_SIZE_MAX + FRAME_HEADER_SIZE)

void link_close(struct link *l) {
        frame_reader_done(&l->reader);
        frame_writer_done(&l->writer);
        close_fd(l->fd);
        *l = LINK_NULL;
}

bool link_error_is_absent(int error) {
        return error == -ENOENT || error == -ECONNREFUSED;
}

static int lost(int error) {
        return error == -EPIPE || error == -EPROTO ? -ECONNRESET : error;
}

/** The time left as connect(2) takes it, by SO_SNDTIMEO; 0 means for ever there. */
static int limit_connect(int fd, uint64_t deadline_usec) {
        uint64_t now = now_usec(), left = deadline_usec > now ? deadline_usec - now : 1;
        struct timeval tv = { .tv_sec = (time_t)(left / USEC_PER_SEC), .tv_usec = (suseconds_t)(left % USEC_PER_SEC) };

        if (deadline_usec == USEC_INFINITY)
                return 0;
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) < 0 ? -errno : 0;
}

int link_connect(struct link *l, const char *path, uint64_t deadline_usec) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = -1;
        int r;

        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        r = limit_connect(fd, deadline_usec);
        if (r < 0)
                return r;
        do
                r = connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
        while (r == -EINTR);
        if (r < 0)
                return r == -EAGAIN ? -ETIMEDOUT : r;
        r = fd_set_nonblocking(fd, true);
        if (r < 0)
                return r;

        link_close(l);
        l->fd = TAKE_FD(fd);
        frame_writer_init(&l->writer, SEND_LIMIT);
        return 0;
}

static int wait_for(struct link *l, short events, uint64_t deadline_usec) {
        struct pollfd p = { .fd = l->fd, .events = events };
        uint64_t now = now_usec(), left = deadline_usec > now ? deadline_usec - now : 0;
        struct timespec ts = { .tv_sec = (time_t)(left / USEC_PER_SEC), .tv_nsec = (long)(left % USEC_PER_SEC) * 1000 };
        int n;

        n = ppoll(&p, 1, deadline_usec == USEC_INFINITY ? NULL : &ts, NULL);
        if (n < 0)
                return -errno;
        return n == 0 ? -ETIMEDOUT : 0;
}

int link_send(struct link *l, const ProtobufCMessage *message, uint64_t deadline_usec) {
        int r;

        r = message_push(&l->writer, message, NULL, 0);
        if (r < 0)
                return r;
        while ((r = frame_writer_flush(&l->writer, l->fd)) == -EAGAIN) {
                r = wait_for(l, POLLOUT, deadline_usec);
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return lost(r);
}

int link_receive(struct link *l, struct frame *ret, uint64_t deadline_usec) {
        int r;

        while ((r = frame_reader_read(&l->reader, l->fd, ret)) == -EAGAIN) {
                r = wait_for(l, POLLIN, deadline_usec);
                if (r < 0)
                        return r;
        }
        return lost(r);
}

int link_sleep_until(uint64_t deadline_usec) {
        struct timespec ts = {
                .tv_sec = (time_t)(deadline_usec / USEC_PER_SEC),
                .tv_nsec = (long)(deadline_usec % USEC_PER_SEC) * 1000,
        };

        return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}
