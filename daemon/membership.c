/* SPDX-License-Identifier: MIT */
/*
 * Membership: the seats of a process, and what is put right when it is dead
 *
 * Invariant: a seat is taken from before its process is asked for until after its exit is recovered and
 * acknowledged. So two processes never write the same words, and what a dead one left is found by its numbers.
 */

#include "daemon/rings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/gang.h"
#include "daemon/ring-memory.h"
#include "shm/recover.h"
#include "worker/handshake.h"

static bool is_in(char *const *list, const char *name) {
        for (; *list; list++)
                if (strcmp(*list, name) == 0)
                        return true;
        return false;
}

static size_t length_of(char *const *list) {
        size_t n = 0;

        while (list[n])
                n++;
        return n;
}

static void seat_release(struct ring_seat *seat) {
        struct ring *ring = seat->ring;

        seats_free(&ring->seats, seat->first, seat->count);
        ring->n_receivers -= seat->receives;
        ring->n_senders -= seat->sends;
        ring_collect(ring);
}

/* Enter the tables as the holder of a seat. */
static void membership_add_seat(struct membership *m, const struct ring_seat *seat) {
        seat->ring->n_receivers += seat->receives;
        seat->ring->n_senders += seat->sends;
        m->seats[m->n_seats++] = *seat;
}

static int membership_take_seat(struct rings *rings, struct membership *m, const char *name, char *const *receive,
                                char *const *send, uint32_t handles, struct error *error) {
        struct ring_seat seat = { .ring = ring_find(rings, name), .number = m->n_seats };
        int r;

        if (!seat.ring)
                return error_set(error, -ENOENT, "there is no ring '%s'", name);
        seat.receives = is_in(receive, name);
        seat.sends = is_in(send, name);
        r = seats_take(&seat.ring->seats, handles, 1, &seat.first, &seat.count, &seat.generation);
        if (r < 0)
                return error_set(error, r, "ring '%s': all of its %u seats are taken", name, SEATS_PARTICIPANTS);
        membership_add_seat(m, &seat);
        /* Before the process is: its generation must not come again. */
        ring_save(seat.ring);
        return 0;
}

static int membership_take_seats(struct rings *rings, struct membership *m, char *const *receive, char *const *send,
                                 uint32_t handles, struct error *error) {
        int r;

        for (char *const *name = receive; *name; name++) {
                r = membership_take_seat(rings, m, *name, receive, send, handles, error);
                if (r < 0)
                        return r;
        }
        for (char *const *name = send; *name; name++) {
                if (is_in(receive, *name))
                        continue;
                r = membership_take_seat(rings, m, *name, receive, send, handles, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int membership_map(struct membership *m) {
        struct member member = MEMBER_NULL;
        int r = member_map(&member, m->member_fd);

        if (r < 0)
                return r;
        m->member = member.memory;
        return 0;
}

static int membership_make_memory(struct membership *m, struct error *error) {
        int r;

        m->member_fd = member_create(m->name);
        if (m->member_fd < 0)
                return error_errno(error, m->member_fd, "member memory");
        r = membership_map(m);
        return r < 0 ? error_errno(error, r, "mapping the member memory") : 0;
}

static int membership_init(struct rings *rings, struct membership *m, const char *name, size_t n_seats) {
        *m = MEMBERSHIP_NULL;
        list_init(&m->link);
        m->seats = calloc(n_seats + 1, sizeof *m->seats);
        if (!m->seats)
                return -ENOMEM;
        snprintf(m->name, sizeof m->name, "%s", name);
        list_append(&rings->memberships, &m->link);
        return 0;
}

int membership_join(struct rings *rings, const char *name, char *const *receive, char *const *send, uint32_t handles,
                    struct membership *ret, struct error *error) {
        size_t n = length_of(receive) + length_of(send);
        int r;

        if (n > MEMBERSHIP_RINGS_MAX)
                return error_set(error, -E2BIG, "%zu rings are too many for one process", n);
        r = membership_init(rings, ret, name, n);
        if (r < 0)
                return error_errno(error, r, "its seats");
        r = membership_take_seats(rings, ret, receive, send, handles, error);
        if (r >= 0)
                r = membership_make_memory(ret, error);
        if (r < 0)
                membership_leave(rings, ret);
        return r;
}

/* A ring that is no longer defined is found here too: it lives as long as its members. */
static struct ring *ring_find_any(struct rings *rings, const char *name) {
        struct map_node *node = map_find(&rings->by_name, name);

        return node ? map_entry(node, struct ring, node) : NULL;
}

int membership_restore(struct rings *rings, const char *name, Ganger__State__Seat *const *seats, size_t n_seats,
                       int member_fd, struct membership *ret) {
        int r = membership_init(rings, ret, name, n_seats);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n_seats; i++) {
                struct ring_seat seat = {
                        .ring = ring_find_any(rings, seats[i]->ring),
                        .number = i,
                        .first = seats[i]->first,
                        .count = seats[i]->count,
                        .generation = seats[i]->generation,
                        .receives = seats[i]->receives,
                        .sends = seats[i]->sends,
                };

                if (seat.ring && seats_claim(&seat.ring->seats, seat.first, seat.count, seat.generation) == 0)
                        membership_add_seat(ret, &seat);
        }
        ret->member_fd = member_fd;
        return member_fd >= 0 ? membership_map(ret) : 0;
}

static bool is_nothing(const struct recovery *done) {
        return done->returned == 0 && done->dead == 0 && done->cancelled == 0 && done->redone == 0;
}

/* That it ended with nothing in its hands is told by its exit. */
static void tell_recovery(struct rings *rings, const struct membership *m, pid_t pid, const struct recovery *done,
                          const char *reason) {
        if (is_nothing(done))
                return;
        events_add(&rings->gang->events, m->name,
                   &(struct event){ .kind = EVENT_RECOVERY, .pid = pid, .returned = done->returned, .dead = done->dead },
                   "%s: %u messages are delivered again, %u set aside, %u half-written dropped, %u steps redone",
                   reason, done->returned, done->dead, done->cancelled, done->redone);
}

static void tell_dead_letters(const struct ring *ring, const struct membership *m, pid_t pid, uint32_t n,
                              const char *reason) {
        events_add(&ring->gang->events, ring->name, &(struct event){ .kind = EVENT_DEAD_LETTER, .pid = pid, .dead = n },
                   "%u message%s of %s set aside after the last delivery: %s", n, n == 1 ? "" : "s", m->name, reason);
}

/* One ring of it. What was found is added to `sum`. */
static void recover_ring(const struct membership *m, size_t i, const struct seat *seat, pid_t pid, const char *reason,
                         struct recovery *sum) {
        struct ring *ring = m->seats[i].ring;
        struct recovery done = { 0 };

        recover_seat(seat, reason, &done);
        sum->returned += done.returned;
        sum->dead += done.dead;
        sum->cancelled += done.cancelled;
        if (done.dead > 0)
                tell_dead_letters(ring, m, pid, done.dead, reason);
}

void membership_recover(struct rings *rings, struct membership *m, pid_t pid, const char *reason) {
        _cleanup_(freep) struct seat *seats = NULL;
        struct member member = { .memory = m->member };
        struct recovery done = { 0 };

        if (m->n_seats == 0 || fault_is("no-recover"))
                return;
        seats = calloc(m->n_seats, sizeof *seats);
        if (!seats)
                abort(); /* the next manager has the memory, or the one after it: nothing may go on without this */
        for (size_t i = 0; i < m->n_seats; i++) {
                const struct ring_seat *s = &m->seats[i];

                seats[i] = (struct seat){ .object = &s->ring->memory->object, .ring = s->number, .first = s->first,
                                          .count = s->count, .generation = s->generation };
        }
        recover_journals(&member, seats, m->n_seats, &done);
        for (size_t i = 0; i < m->n_seats; i++)
                recover_ring(m, i, &seats[i], pid, reason, &done);
        tell_recovery(rings, m, pid, &done, reason);
}

void membership_leave(struct rings *rings, struct membership *m) {
        struct member member = { .memory = m->member };

        membership_freeze(m, false);
        if (m->seats)
                list_unlink(&m->link);
        for (size_t i = 0; i < m->n_seats; i++)
                seat_release(&m->seats[i]);
        free(m->seats);
        member_unmap(&member);
        close_fd(m->member_fd);
        *m = MEMBERSHIP_NULL;
}

void membership_freeze(struct membership *m, bool frozen) {
        if (m->frozen == frozen)
                return;
        m->frozen = frozen;
        for (size_t i = 0; i < m->n_seats; i++) {
                struct ring_seat *seat = &m->seats[i];

                seat->ring->n_frozen += frozen ? seat->count : -seat->count;
                ring_tell_frozen(seat->ring);
        }
}

bool membership_drain(struct membership *m) {
        bool receives = false;

        /* Whoever has not joined holds nothing, and looks at no flag. */
        if (!m->member || !atomic_load_explicit(&m->member->joined, memory_order_acquire))
                return false;
        /* Release: whoever sees the flag sees all that made us set it. The waiters look at it when woken. */
        atomic_store_explicit(&m->member->drain, 1, memory_order_release);
        for (size_t i = 0; i < m->n_seats; i++)
                if (m->seats[i].receives) {
                        receives = true;
                        m->seats[i].ring->memory->object.ops->wake_receivers(&m->seats[i].ring->memory->object);
                }
        return receives;
}

/* ---- the handshake ----------------------------------------------------------------------------- */

static int handshake_add_seat(struct handshake *h, const struct ring_seat *seat, int memory_fd, int event_fd) {
        struct handshake_object ring = {
                .geometry = seat->ring->memory->object.region.geometry,
                .memory_fd = memory_fd,
                .event_fd = event_fd,
                .first = seat->first,
                .count = seat->count,
                .generation = seat->generation,
                .receives = seat->receives,
                .sends = seat->sends,
        };
        int r;

        snprintf(ring.name, sizeof ring.name, "%s", seat->ring->name);
        r = handshake_add(h, &ring);
        return r < 0 ? r : 0;
}

int membership_handshake(const struct membership *m, const char *worker, unsigned int instance, int first_fd,
                         int *fds, size_t *n_fds, void **ret_blob, size_t *ret_size) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < m->n_seats; i++) {
                fds[n++] = m->seats[i].ring->memory_fd;
                fds[n++] = m->seats[i].ring->event_fd;
        }
        fds[n] = m->member_fd;
        r = handshake_new(&h, worker, instance, first_fd + (int)n);
        for (size_t i = 0; i < m->n_seats && r >= 0; i++)
                r = handshake_add_seat(h, &m->seats[i], first_fd + 2 * (int)i, first_fd + 2 * (int)i + 1);
        if (r >= 0)
                r = handshake_encode(h, ret_blob, ret_size);
        if (r < 0)
                return r;
        *n_fds = n + 1;
        return 0;
}
