/* SPDX-License-Identifier: MIT */

/*
 * Joining: finding the handshake
 *
 * A process is started with one handshake, and joins once. `joined` is the only state that the library
 * keeps of a process; it makes the second of two joins that race, or come one after the other, fail with
 * a word that says why.
 */

#include "worker/join.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
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

int ganger_join_handshake(struct ganger **ret, const void *blob, size_t size, const int *fds, size_t n_fds) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        int r;

        r = handshake_decode(blob, size, &h);
        if (r < 0)
                return r;
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
