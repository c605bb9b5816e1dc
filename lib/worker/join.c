/* SPDX-License-Identifier: MIT */

/*
 * Joining: finding the handshake
 *
 * A process is started with one handshake in its environment, and joins by it once. `joined` is the only state that the
 * library keeps of a process; it makes the second of two such joins that race, or come one after the other, fail with a
 * word that says why. It has nothing to do with handshakes that come another way.
 */

#include "worker/join.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/time.h"
#include "worker/membership.h"

static atomic_bool joined;

static int parse_fd(const char *text, int *ret) {
        char *end;
        long n;

        if (text[0] < '0' || text[0] > '9')
                return -EPROTO;
        errno = 0;
        n = strtol(text, &end, 10);
        if (errno || *end || n > INT_MAX)
                return -EPROTO;
        *ret = (int)n;
        return 0;
}

static int read_handshake(int fd, struct handshake **ret) {
        void *blob;
        size_t size;
        int r;

        r = fd_map_sealed(fd, handshake_size_max(), &blob, &size);
        if (r < 0)
                return r == -ENOMEM ? r : -EPROTO;
        if (!blob)
                return -EPROTO;
        r = handshake_decode(blob, size, ret);
        munmap(blob, size);
        return r;
}

static int join_environment(struct ganger **ret) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        const char *text = getenv(HANDSHAKE_ENV);
        int fd, r;

        if (!text)
                return -ENOENT;
        r = parse_fd(text, &fd);
        if (r < 0)
                return r;
        r = read_handshake(fd, &h);
        if (r < 0)
                return r;
        r = membership_new(ret, h);
        if (r < 0)
                return r;
        unsetenv(HANDSHAKE_ENV);
        close(fd);
        return 0;
}

int ganger_join(struct ganger **ret, const char *name) {
        int r;

        if (name)
                return -EINVAL;
        if (atomic_exchange(&joined, true))
                return -EALREADY;
        r = join_environment(ret);
        if (r < 0)
                atomic_store(&joined, false);
        return r;
}

/* ---- with descriptors that came over a socket --------------------------------------------------- */

static int resolve(int *fd, const int *fds, size_t n_fds) {
        if ((size_t)*fd >= n_fds)
                return -EPROTO;
        *fd = fds[*fd];
        return 0;
}

static int resolve_all(struct handshake *h, const int *fds, size_t n_fds) {
        int r = h->member_fd < 0 ? 0 : resolve(&h->member_fd, fds, n_fds);

        for (size_t i = 0; r == 0 && i < h->n_objects; i++) {
                r = resolve(&h->objects[i].memory_fd, fds, n_fds);
                if (r == 0)
                        r = resolve(&h->objects[i].event_fd, fds, n_fds);
        }
        return r;
}

static bool is_used(const struct handshake *h, int fd) {
        if (fd == h->member_fd)
                return true;
        for (size_t i = 0; i < h->n_objects; i++)
                if (fd == h->objects[i].memory_fd || fd == h->objects[i].event_fd)
                        return true;
        return false;
}

/** On success what is not needed is closed. */
static int join_with(struct ganger **ret, struct handshake *h, const int *fds, size_t n_fds) {
        int r;

        r = resolve_all(h, fds, n_fds);
        if (r < 0)
                return r;
        r = membership_new(ret, h);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_fds; i++)
                if (!is_used(h, fds[i]))
                        close(fds[i]);
        return 0;
}

int ganger_join_descriptors(struct ganger **ret, const void *handshake, size_t size, const int *fds, size_t n_fds) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        int r;

        r = handshake_decode(handshake, size, &h);
        return r < 0 ? r : join_with(ret, h, fds, n_fds);
}

/* ---- from a host, over a socket ------------------------------------------------------------------- */

static int wait_readable(int socket, uint64_t deadline_usec) {
        struct pollfd p = { .fd = socket, .events = POLLIN };
        uint64_t now = now_usec(), left = deadline_usec > now ? deadline_usec - now : 0;
        struct timespec ts = { .tv_sec = (time_t)(left / USEC_PER_SEC), .tv_nsec = (long)(left % USEC_PER_SEC) * 1000 };
        int n;

        n = ppoll(&p, 1, deadline_usec == USEC_INFINITY ? NULL : &ts, NULL);
        if (n < 0)
                return -errno;
        return n == 0 ? -ETIMEDOUT : 0;
}

/** One message. @return how many descriptors came with it, or -errno. */
static int receive_message(int socket, int *fds, int64_t timeout_usec) {
        uint64_t deadline = timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec), magic = 0;
        size_t n_fds = 0;
        ssize_t n;
        int r;

        while ((n = fd_receive(socket, &magic, sizeof magic, fds, &n_fds, MSG_DONTWAIT)) == -EAGAIN && timeout_usec != 0) {
                r = wait_readable(socket, deadline);
                if (r < 0)
                        return r;
        }
        if (n == (ssize_t)sizeof magic && magic == JOIN_MAGIC && n_fds > 0)
                return (int)n_fds;
        while (n_fds > 0)
                close(fds[--n_fds]);
        return n == 0 ? -ECONNRESET : n < 0 && n != -EMSGSIZE ? (int)n : -EPROTO;
}

int ganger_join_socket(struct ganger **ret, int socket, int64_t timeout_usec) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        int fds[FD_MESSAGE_MAX], n, r;

        n = receive_message(socket, fds, timeout_usec);
        if (n < 0)
                return n;
        r = read_handshake(fds[0], &h);
        if (r == 0)
                r = join_with(ret, h, fds, (size_t)n);
        while (r < 0 && n > 0)
                close(fds[--n]);
        return r;
}
