/* SPDX-License-Identifier: MIT */

/*
 * Members of a host: admission, and what is put right at the end
 *
 * Invariant: a seat is taken from before its process can have it until after it is recovered. So two processes never write
 * the same words, and what a dead one left is found by its numbers.
 */

#include "worker/host.h"

#include <errno.h>
#include <string.h>

#include "shm/damage.h"
#include "worker/membership.h"

/** Handles on each object, for who does not say how many. */
#define HANDLES_DEFAULT 4
#define ALL_FLAGS ((unsigned int)(GANGER_RECEIVE | GANGER_SEND))

DEFINE_CLEANUP(struct ganger_member *, ganger_member_free)

/* ---- admission --------------------------------------------------------------------------------- */

static size_t host_n_objects(const struct ganger_host *h) {
        size_t n = 0;

        list_for_each(it, &h->objects)
                n++;
        return n;
}

/**
 * Enter a member in its place: members stand in the order of their numbers, and a new one gets the lowest that is free. So a
 * replacement gets the number of the one that it replaces.
 */
static void host_enter(struct ganger_host *h, struct ganger_member *m) {
        struct list *before = h->members.next;

        for (; before != &h->members; before = before->next) {
                if (list_entry(before, struct ganger_member, link)->number != m->number)
                        break;
                m->number++;
        }
        list_append(before, &m->link);
}

static int member_new(struct ganger_member **ret, struct ganger_host *h, size_t n) {
        _cleanup_(ganger_member_freep) struct ganger_member *m = NULL;
        int r;

        m = calloc(1, sizeof *m);
        if (!m)
                return -ENOMEM;
        m->host = h;
        m->member_fd = m->handshake_fd = -1;
        m->recovered = true; /* there is nothing yet */
        list_init(&m->link);
        m->seats = calloc(n + 1, sizeof *m->seats);
        m->flags = calloc(n + 1, sizeof *m->flags);
        if (!m->seats || !m->flags)
                return -ENOMEM;
        m->member_fd = host_fd(member_create(h->name[0] ? h->name : "member"));
        if (m->member_fd < 0)
                return m->member_fd;
        r = member_map(&m->memory, m->member_fd);
        if (r < 0)
                return r;
        *ret = TAKE(m);
        return 0;
}

/** Nobody sends to a lock, or receives from it: who has it may do with it what there is to be done. */
static bool is_lock(const struct host_object *o) {
        enum object_kind kind = o->object.region.geometry.kind;

        return kind == OBJECT_SEMAPHORE || kind == OBJECT_MONITOR || kind == OBJECT_COUNTER;
}

/** With the lock held. */
static int take_seat(struct ganger_member *m, struct host_object *o, unsigned int flags, uint32_t handles) {
        struct seat *seat = &m->seats[m->n_seats];
        int r;

        if (!o)
                return -ENOENT;
        if (is_lock(o) && flags == 0)
                flags = ALL_FLAGS;
        if (flags == 0 || flags & ~ALL_FLAGS || (is_lock(o) && flags != ALL_FLAGS))
                return -EINVAL;
        for (size_t i = 0; i < m->n_seats; i++)
                if (seat_object(&m->seats[i]) == o)
                        return -EEXIST;
        r = seats_take(&o->seats, handles, handles, &seat->first, &seat->count, &seat->generation);
        if (r < 0)
                return r;
        seat->object = &o->object;
        seat->ring = (uint32_t)m->n_seats;
        m->flags[m->n_seats++] = flags;
        return 0;
}

/** With the lock held. */
static int take_seats(struct ganger_member *m, const struct ganger_grant *grants, size_t n, uint32_t handles) {
        int r = 0;

        for (size_t i = 0; grants && r == 0 && i < n; i++)
                r = take_seat(m, host_find(m->host, grants[i].name), grants[i].flags, handles);
        if (grants)
                return r;
        list_for_each(it, &m->host->objects) {
                r = take_seat(m, list_entry(it, struct host_object, link), ALL_FLAGS, handles);
                if (r < 0)
                        return r;
        }
        return 0;
}

/** With the lock held. */
static int admit(struct ganger_host *h, const struct ganger_grant *grants, size_t n_grants, uint32_t handles,
                 struct ganger_member **ret) {
        size_t n = grants ? n_grants : host_n_objects(h);
        int r;

        if (n > HANDSHAKE_OBJECTS_MAX)
                return -E2BIG;
        r = member_new(ret, h, n);
        if (r < 0)
                return r;
        host_enter(h, *ret);
        return take_seats(*ret, grants, n, handles);
}

int ganger_host_admit(struct ganger_host *h, const struct ganger_grant *grants, size_t n_grants, unsigned int handles,
                      struct ganger_member **ret) {
        _cleanup_(ganger_member_freep) struct ganger_member *m = NULL;
        int r;

        if (!host_is_ours(h))
                return -EPERM;
        if (handles == 0)
                handles = HANDLES_DEFAULT;
        if (handles > HANDLE_PARTICIPANTS_MAX || (!grants && n_grants > 0))
                return -EINVAL;
        pthread_mutex_lock(&h->lock);
        r = admit(h, grants, n_grants, handles, &m);
        pthread_mutex_unlock(&h->lock);
        if (r < 0)
                return r;
        m->recovered = false;
        *ret = TAKE(m);
        return 0;
}

/* ---- life -------------------------------------------------------------------------------------- */

/** Async-signal-safe: reads what never changes, stores to shared memory, and makes system calls. */
int ganger_member_drain(struct ganger_member *m) {
        int saved = errno;

        if (!host_is_ours(m->host))
                return -EPERM;
        /* Before the wake-up: whoever it wakes must see it. */
        atomic_fetch_or(&m->memory.memory->drain, MEMBER_ENDS);
        wait_flag_wake(&m->memory.memory->drain);
        for (size_t i = 0; i < m->n_seats; i++)
                if (m->flags[i] & GANGER_RECEIVE)
                        object_wake_held(m->seats[i].object);
        errno = saved;
        return 0;
}

/** With the lock held. */
static void set_stopped(struct ganger_member *m, bool stopped) {
        if (m->stopped == stopped)
                return;
        m->stopped = stopped;
        for (size_t i = 0; i < m->n_seats; i++) {
                struct host_object *o = seat_object(&m->seats[i]);

                o->n_stopped += stopped ? m->seats[i].count : -m->seats[i].count;
                o->object.ops->set_stopped(&o->object, o->n_stopped);
        }
}

int ganger_member_stopped(struct ganger_member *m, int stopped) {
        if (!host_is_ours(m->host))
                return -EPERM;
        pthread_mutex_lock(&m->host->lock);
        set_stopped(m, stopped != 0);
        pthread_mutex_unlock(&m->host->lock);
        return 0;
}

/* ---- the end ----------------------------------------------------------------------------------- */

/** How many of its objects are damaged. With the lock, since who is a member of them must not change meanwhile. */
static uint32_t count_damaged(struct ganger_member *m) {
        struct damage damage;
        uint32_t n = 0;

        pthread_mutex_lock(&m->host->lock);
        for (size_t i = 0; i < m->n_seats; i++)
                n += object_inspect(m->seats[i].object, &damage);
        pthread_mutex_unlock(&m->host->lock);
        return n;
}

int ganger_member_recover(struct ganger_member *m, const char *reason, struct ganger_recovery *ret) {
        struct recovery done = { 0 };

        if (!host_is_ours(m->host))
                return -EPERM;
        pthread_mutex_lock(&m->host->lock);
        set_stopped(m, false);
        pthread_mutex_unlock(&m->host->lock);
        /* Without the lock: others of our members may be recovered or admitted meanwhile; these seats are ours alone. */
        recover_process(&m->memory, m->seats, m->n_seats, reason ? reason : "its receiver died", &done);
        m->recovered = true;
        if (ret)
                *ret = (struct ganger_recovery){ .returned = done.returned, .dead = done.dead,
                                                 .cancelled = done.cancelled, .redone = done.redone,
                                                 .locks = done.locks, .damaged = count_damaged(m) };
        return 0;
}

static void member_leave(struct ganger_member *m) {
        pthread_mutex_lock(&m->host->lock);
        for (size_t i = 0; i < m->n_seats; i++)
                seats_free(&seat_object(&m->seats[i])->seats, m->seats[i].first, m->seats[i].count);
        list_unlink(&m->link);
        pthread_mutex_unlock(&m->host->lock);
        member_unmap(&m->memory);
}

struct ganger_member *ganger_member_free(struct ganger_member *m) {
        if (!m)
                return NULL;
        if (host_is_ours(m->host)) {
                if (!m->recovered)
                        (void)ganger_member_recover(m, NULL, NULL);
                member_leave(m);
        } else {
                list_unlink(&m->link); /* no lock: it may have been held at the fork */
        }
        close_fd(m->member_fd);
        close_fd(m->handshake_fd);
        free(m->seats);
        free(m->flags);
        free(m);
        return NULL;
}
