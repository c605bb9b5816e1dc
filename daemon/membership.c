/* SPDX-License-Identifier: MIT */
/*
 * Membership: the seats of a process, and what is put right when it is dead
 *
 * Invariant: a seat is taken from before its process is asked for until after its exit is recovered and
 * acknowledged. So two processes never write the same words, and what a dead one left is found by its numbers.
 */

#include "daemon/objects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/gang.h"
#include "daemon/holding.h"
#include "daemon/object-parts.h"
#include "daemon/quarantine.h"
#include "shm/recover.h"
#include "worker/handshake.h"

static void seat_release(struct membership_seat *seat) {
        struct gang_object *object = seat->object;

        seats_free(&object->seats, seat->first, seat->count);
        object->n_receivers -= seat->receives;
        object->n_senders -= seat->sends;
        gang_object_collect(object);
}

/* Enter the tables as the holder of a seat. */
static void membership_add_seat(struct membership *m, const struct membership_seat *seat) {
        seat->object->n_receivers += seat->receives;
        seat->object->n_senders += seat->sends;
        m->seats[m->n_seats++] = *seat;
}

static struct membership_seat *membership_seat_of(const struct membership *m, const struct gang_object *object) {
        for (size_t i = 0; i < m->n_seats; i++)
                if (m->seats[i].object == object)
                        return &m->seats[i];
        return NULL;
}

static int membership_take_seat(struct membership *m, struct gang_object *object, uint32_t handles,
                                struct error *error) {
        struct membership_seat seat = { .object = object, .number = m->n_seats };
        int r = seats_take(&object->seats, handles, 1, &seat.first, &seat.count, &seat.generation);

        if (r < 0)
                return error_set(error, r, "%s '%s': all of its %u seats are taken",
                                 object_class_name(object_class_of(object->geometry.kind)), object->name,
                                 SEATS_PARTICIPANTS);
        membership_add_seat(m, &seat);
        /* Before the process is: its generation must not come again. */
        gang_object_save(object);
        return 0;
}

/* Of a pipe there is one receiver, and one sender: processes. */
static int check_end(const struct gang_object *object, const struct membership_seat *seat,
                     const struct membership_wish *wish, struct error *error) {
        if (object->geometry.kind != OBJECT_PIPE)
                return 0;
        if (wish->receives && object->n_receivers > (seat ? seat->receives : 0))
                return error_set(error, -EBUSY, "ring '%s' is a pipe, and has its receiver", object->name);
        if (wish->sends && object->n_senders > (seat ? seat->sends : 0))
                return error_set(error, -EBUSY, "ring '%s' is a pipe, and has its sender", object->name);
        return 0;
}

/* One name of a wish: a seat, or more to do for the one that it has. */
static int membership_grant(struct gang_objects *objects, struct membership *m, const char *name,
                            const struct membership_wish *wish, uint32_t handles, struct error *error) {
        struct gang_object *object = gang_object_find(objects, name);
        struct membership_seat *seat;
        int r;

        if (!object)
                return error_set(error, -ENOENT, "there is no ring, service or lock '%s'", name);
        r = gang_object_admits(object, error);
        if (r < 0)
                return r;
        seat = membership_seat_of(m, object);
        r = check_end(object, seat, wish, error);
        if (r < 0)
                return r;
        if (!seat) {
                r = membership_take_seat(m, object, handles, error);
                if (r < 0)
                        return r;
                seat = &m->seats[m->n_seats - 1];
        }
        object->n_receivers += wish->receives && !seat->receives;
        object->n_senders += wish->sends && !seat->sends;
        seat->receives |= wish->receives;
        seat->sends |= wish->sends;
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

static int membership_init(struct gang_objects *objects, struct membership *m, const char *name, size_t n_seats) {
        *m = MEMBERSHIP_NULL;
        list_init(&m->link);
        m->seats = calloc(n_seats + 1, sizeof *m->seats);
        m->name = strdup(name);
        if (!m->seats || !m->name) {
                free(m->seats);
                free(m->name);
                *m = MEMBERSHIP_NULL;
                return -ENOMEM;
        }
        list_append(&objects->memberships, &m->link);
        return 0;
}

int membership_join(struct gang_objects *objects, const char *name, const struct membership_wish *wishes,
                    size_t n_wishes, uint32_t handles, struct membership *ret, struct error *error) {
        size_t n = 0;
        int r;

        for (size_t i = 0; i < n_wishes; i++)
                for (char *const *object = wishes[i].names; *object; object++)
                        n++;
        if (n > MEMBERSHIP_OBJECTS_MAX)
                return error_set(error, -E2BIG, "%zu rings, services and locks are too many for one process", n);
        r = membership_init(objects, ret, name, n);
        if (r < 0)
                return error_errno(error, r, "its seats");
        for (size_t i = 0; i < n_wishes && r >= 0; i++)
                for (char *const *object = wishes[i].names; *object && r >= 0; object++)
                        r = membership_grant(objects, ret, *object, &wishes[i], handles, error);
        if (r >= 0)
                r = membership_make_memory(ret, error);
        if (r < 0)
                membership_leave(objects, ret);
        return r;
}

/* An object that is no longer defined is found here too: it lives as long as its members. */
static struct gang_object *gang_object_find_any(struct gang_objects *objects, const char *name) {
        struct map_node *node = map_find(&objects->by_name, name);

        return node ? map_entry(node, struct gang_object, node) : NULL;
}

int membership_restore(struct gang_objects *objects, const char *name, Ganger__State__Seat *const *seats, size_t n_seats,
                       int member_fd, struct membership *ret) {
        int r = membership_init(objects, ret, name, n_seats);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n_seats; i++) {
                struct membership_seat seat = {
                        .object = gang_object_find_any(objects, seats[i]->object),
                        .number = i,
                        .first = seats[i]->first,
                        .count = seats[i]->count,
                        .generation = seats[i]->generation,
                        .receives = seats[i]->receives,
                        .sends = seats[i]->sends,
                };

                if (seat.object && seats_claim(&seat.object->seats, seat.first, seat.count, seat.generation) == 0)
                        membership_add_seat(ret, &seat);
        }
        ret->member_fd = member_fd;
        return member_fd >= 0 ? membership_map(ret) : 0;
}

void membership_seat_record(const struct membership_seat *seat, Ganger__State__Seat *ret) {
        ganger__state__seat__init(ret);
        ret->object = seat->object->name;
        ret->first = seat->first;
        ret->count = seat->count;
        ret->generation = seat->generation;
        ret->receives = seat->receives;
        ret->sends = seat->sends;
}

static bool is_nothing(const struct recovery *done) {
        return done->returned == 0 && done->dead == 0 && done->cancelled == 0 && done->redone == 0 && done->locks == 0;
}

/* That it ended with nothing in its hands is told by its exit. */
static void tell_recovery(struct gang_objects *objects, const struct membership *m, pid_t pid, const struct recovery *done,
                          const char *reason) {
        char locks[64] = "";

        if (is_nothing(done))
                return;
        if (done->locks > 0)
                snprintf(locks, sizeof locks, ", %u mutex%s it held %s inconsistent", done->locks,
                         done->locks == 1 ? "" : "es", done->locks == 1 ? "is" : "are");
        events_add(&objects->gang->events, m->name,
                   &(struct event){ .kind = EVENT_RECOVERY, .pid = pid, .returned = done->returned, .dead = done->dead },
                   "%s: %u messages are delivered again, %u set aside, %u half-written dropped, %u steps redone%s",
                   reason, done->returned, done->dead, done->cancelled, done->redone, locks);
}

static void tell_dead_letters(const struct gang_object *object, const struct membership *m, pid_t pid, uint32_t n,
                              const char *reason) {
        events_add(&object->gang->events, object->name, &(struct event){ .kind = EVENT_DEAD_LETTER, .pid = pid, .dead = n },
                   "%u message%s of %s set aside after the last delivery: %s", n, n == 1 ? "" : "s", m->name, reason);
}

/* One object of it. What was found is added to `sum`. */
static void recover_object(const struct membership *m, size_t i, const struct seat *seat, pid_t pid, const char *reason,
                         struct recovery *sum) {
        struct gang_object *object = m->seats[i].object;
        struct recovery done = { 0 };

        recover_seat(seat, reason, &done);
        sum->returned += done.returned;
        sum->dead += done.dead;
        sum->cancelled += done.cancelled;
        sum->locks += done.locks;
        if (done.dead > 0)
                tell_dead_letters(object, m, pid, done.dead, reason);
        gang_object_inspect(object);
}

void membership_recover(struct gang_objects *objects, struct membership *m, pid_t pid, const char *reason) {
        _cleanup_(freep) struct seat *seats = NULL;
        struct member member = { .memory = m->member };
        struct recovery done = { 0 };

        if (m->n_seats == 0 || fault_is("no-recover"))
                return;
        seats = calloc(m->n_seats, sizeof *seats);
        if (!seats)
                abort(); /* the next manager has the memory, or the one after it: nothing may go on without this */
        for (size_t i = 0; i < m->n_seats; i++) {
                const struct membership_seat *s = &m->seats[i];

                seats[i] = (struct seat){ .object = s->object->shm, .ring = s->number, .first = s->first,
                                          .count = s->count, .generation = s->generation };
        }
        recover_journals(&member, seats, m->n_seats, &done);
        for (size_t i = 0; i < m->n_seats; i++)
                recover_object(m, i, &seats[i], pid, reason, &done);
        tell_recovery(objects, m, pid, &done, reason);
}

void membership_leave(struct gang_objects *objects, struct membership *m) {
        struct member member = { .memory = m->member };

        membership_freeze(m, false);
        holding_erase(objects->gang, m);
        if (m->seats)
                list_unlink(&m->link);
        for (size_t i = 0; i < m->n_seats; i++)
                seat_release(&m->seats[i]);
        free(m->seats);
        free(m->name);
        member_unmap(&member);
        close_fd(m->member_fd);
        *m = MEMBERSHIP_NULL;
}

void membership_freeze(struct membership *m, bool frozen) {
        if (m->frozen == frozen)
                return;
        m->frozen = frozen;
        for (size_t i = 0; i < m->n_seats; i++) {
                struct membership_seat *seat = &m->seats[i];

                seat->object->n_frozen += frozen ? seat->count : -seat->count;
                gang_object_tell_frozen(seat->object);
        }
}

bool membership_drain(struct membership *m) {
        bool receives = false;

        /* Whoever has not joined holds nothing, and looks at no flag. */
        if (!m->member || !atomic_load_explicit(&m->member->joined, memory_order_acquire))
                return false;
        /* Release: whoever sees the flag sees all that made us set it. The waiters look at it when woken. */
        member_flag(m->member, MEMBER_ENDS, true);
        for (size_t i = 0; i < m->n_seats; i++)
                if (m->seats[i].receives) {
                        /* Who waits for a condition is told, too; but a lock is no work that must be finished first. */
                        receives |= object_class_of(m->seats[i].object->geometry.kind) != CLASS_LOCK;
                        object_wake_held(m->seats[i].object->shm);
                }
        return receives;
}

void membership_hold(struct membership *m, uint32_t bits, bool again) {
        uint32_t off = (MEMBER_HELD | MEMBER_STANDBY) & ~bits;
        bool changed = again;

        if (!m->member)
                return;
        if (bits != 0)
                changed |= member_flag(m->member, bits, true);
        if (off != 0)
                changed |= member_flag(m->member, off, false);
        fault_point("after-flag");
        for (size_t i = 0; i < m->n_seats && changed; i++)
                if (m->seats[i].receives)
                        object_wake_held(m->seats[i].object->shm);
}

/* ---- the handshake ----------------------------------------------------------------------------- */

static int handshake_add_seat(struct handshake *h, const struct membership_seat *seat, int memory_fd, int event_fd) {
        struct handshake_object object = {
                .geometry = seat->object->geometry,
                .memory_fd = memory_fd,
                .event_fd = event_fd,
                .first = seat->first,
                .count = seat->count,
                .generation = seat->generation,
                .receives = seat->receives,
                .sends = seat->sends,
        };
        int r;

        snprintf(object.name, sizeof object.name, "%s", seat->object->name);
        r = handshake_add(h, &object);
        return r < 0 ? r : 0;
}

int membership_handshake(const struct membership *m, const char *worker, unsigned int instance, int first_fd,
                         int *fds, size_t *n_fds, void **ret_blob, size_t *ret_size) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < m->n_seats; i++) {
                fds[n++] = m->seats[i].object->memory_fd;
                fds[n++] = m->seats[i].object->event_fd;
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
