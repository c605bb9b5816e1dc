/* SPDX-License-Identifier: MIT */

/*
 * How a member gets what it was admitted to: in this process or a forked child, over execve, over a socket
 *
 * The handshake is written for each way when it is asked for; it differs only in the numbers of the descriptors.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "worker/host.h"
#include "worker/join.h"
#include "worker/membership.h"

_Static_assert(1 + MEMBER_DESCRIPTORS_MAX <= FD_MESSAGE_MAX, "handshake and descriptors fit one message");

size_t member_descriptors(const struct ganger_member *m, int *fds) {
        size_t n = 0;

        fds[n++] = m->member_fd;
        for (size_t i = 0; i < m->n_seats; i++) {
                fds[n++] = seat_object(&m->seats[i])->memory_fd;
                fds[n++] = seat_object(&m->seats[i])->event_fd;
        }
        return n;
}

static int add_seat(struct handshake *h, const struct ganger_member *m, size_t i, const int *numbers) {
        const struct host_object *o = seat_object(&m->seats[i]);
        struct handshake_object object = {
                .geometry = o->object.region.geometry,
                .memory_fd = numbers[0],
                .event_fd = numbers[1],
                .first = m->seats[i].first,
                .count = m->seats[i].count,
                .generation = m->seats[i].generation,
                .receives = m->flags[i] & GANGER_RECEIVE,
                .sends = m->flags[i] & GANGER_SEND,
        };
        int r;

        memcpy(object.name, o->name, sizeof object.name);
        r = handshake_add(h, &object);
        return r < 0 ? r : 0;
}

int member_handshake(const struct ganger_member *m, const int *numbers, struct handshake **ret) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        int r;

        r = handshake_new(&h, m->host->name, m->number, numbers[0]);
        for (size_t i = 0; i < m->n_seats && r == 0; i++)
                r = add_seat(h, m, i, &numbers[1 + 2 * i]);
        if (r < 0)
                return r;
        *ret = TAKE(h);
        return 0;
}

/** The handshake in a file. @return a descriptor, or -errno. */
static int handshake_file(const struct ganger_member *m, const int *numbers) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(freep) void *blob = NULL;
        size_t size;
        int r;

        r = member_handshake(m, numbers, &h);
        if (r < 0)
                return r;
        r = handshake_encode(h, &blob, &size);
        return r < 0 ? r : fd_memfd_sealed("handshake", blob, size);
}

/* ---- in this process --------------------------------------------------------------------------- */

static void close_all(const int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                close(fds[i]);
}

/** Copies, since whoever joins takes over what it is given. */
static int copy_all(int *fds, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3), error = errno;

                if (copy < 0) {
                        close_all(fds, i);
                        return -error;
                }
                fds[i] = copy;
        }
        return 0;
}

static int join_copies(struct ganger_member *m, struct ganger **ret) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        int fds[MEMBER_DESCRIPTORS_MAX], r;
        size_t n = member_descriptors(m, fds);

        r = copy_all(fds, n);
        if (r < 0)
                return r;
        r = member_handshake(m, fds, &h);
        if (r == 0)
                r = membership_new(ret, h);
        if (r < 0)
                close_all(fds, n);
        return r;
}

int ganger_member_join(struct ganger_member *m, struct ganger **ret) {
        struct member memory = MEMBER_NULL;
        int r;

        /* In a child it is not mapped. */
        r = member_map(&memory, m->member_fd);
        if (r < 0)
                return r;
        /* Two that join as one would use the same participants. */
        if (atomic_exchange(&memory.memory->joined, 1) != 0) {
                r = -EALREADY;
        } else {
                r = join_copies(m, ret);
                if (r < 0)
                        atomic_store(&memory.memory->joined, 0);
        }
        member_unmap(&memory);
        return r;
}

/* ---- in a program that a child executes -------------------------------------------------------- */

int ganger_member_environment(struct ganger_member *m, const char **ret) {
        int fds[MEMBER_DESCRIPTORS_MAX], r;

        if (m->handshake_fd < 0) {
                (void)member_descriptors(m, fds);
                r = host_fd(handshake_file(m, fds));
                if (r < 0)
                        return r;
                m->handshake_fd = r;
                snprintf(m->environment, sizeof m->environment, "%s=%d", HANDSHAKE_ENV, r);
        }
        *ret = m->environment;
        return 0;
}

int ganger_member_descriptors(struct ganger_member *m, int *fds, size_t size) {
        int all[1 + MEMBER_DESCRIPTORS_MAX], r;
        const char *ignored;
        size_t n;

        r = ganger_member_environment(m, &ignored);
        if (r < 0)
                return r;
        all[0] = m->handshake_fd;
        n = 1 + member_descriptors(m, &all[1]);
        if (MIN(n, size) > 0)
                memcpy(fds, all, MIN(n, size) * sizeof *fds);
        return (int)n;
}

/** Async-signal-safe, for a child of a program with threads: reads what never changes, and makes system calls. */
int ganger_member_inherit(const struct ganger_member *m) {
        int fds[MEMBER_DESCRIPTORS_MAX], r;
        size_t n = member_descriptors(m, fds);

        if (m->handshake_fd < 0)
                return -EINVAL;
        r = fd_set_cloexec(m->handshake_fd, false);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = fd_set_cloexec(fds[i], false);
        return r;
}

/* ---- in an unrelated process ------------------------------------------------------------------- */

/** In the message the handshake comes first; its numbers are places among the descriptors. */
int ganger_member_send(struct ganger_member *m, int socket) {
        const uint64_t magic = JOIN_MAGIC;
        int all[1 + MEMBER_DESCRIPTORS_MAX], places[MEMBER_DESCRIPTORS_MAX];
        _cleanup_(closep) int file = -1;
        size_t n = member_descriptors(m, &all[1]);
        ssize_t sent;

        for (size_t i = 0; i < n; i++)
                places[i] = (int)i + 1;
        file = handshake_file(m, places);
        if (file < 0)
                return file;
        all[0] = file;
        sent = fd_send(socket, &magic, sizeof magic, all, 1 + n);
        return sent < 0 ? (int)sent : sent == sizeof magic ? 0 : -EIO;
}
