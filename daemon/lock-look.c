/* SPDX-License-Identifier: MIT */
/*
 * Looking at one lock
 *
 * Takes nothing, and stops nobody. Words are read once and the copy used; whom they name is looked up in our own tables,
 * so that a participant can say things of itself only.
 */

#include "daemon/lock-look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/gang.h"
#include "shm/object.h"
#include "shm/semaphore-posix.h"

/** Whose each participant of a lock is. */
struct seating {
        struct { const struct membership *who; uint32_t generation; } of[RING_PARTICIPANTS + 1];
        uint32_t holds[RING_PARTICIPANTS + 1]; /* its place among the users, and one; 0: it is not there */
};

static void seating_init(struct seating *s, const struct gang_object *lock) {
        list_for_each(it, &lock->gang->objects.memberships) {
                const struct membership *m = list_entry(it, struct membership, link);

                for (size_t i = 0; i < m->n_seats; i++) {
                        const struct membership_seat *seat = &m->seats[i];

                        if (seat->object != lock)
                                continue;
                        for (uint32_t p = seat->first; p - seat->first < seat->count && p <= RING_PARTICIPANTS; p++) {
                                s->of[p].who = m;
                                s->of[p].generation = seat->generation & GENERATION_MASK;
                        }
                }
        }
}

static int add_user(struct lock_view *v, const struct lock_user *user) {
        struct lock_user *users = v->users;

        if ((v->n_users & (v->n_users - 1)) == 0) { /* it doubles at each power of two */
                users = reallocarray(users, MAX(2 * v->n_users, (size_t)8), sizeof *users);
                if (!users)
                        return -ENOMEM;
                v->users = users;
        }
        users[v->n_users++] = *user;
        return 0;
}

/* A permit, by the owner that its word names. */
static int add_holder(struct lock_view *v, struct seating *s, uint32_t owner, uint32_t thread, uint64_t mark) {
        uint32_t participant = owner_participant(owner);
        bool known = participant > 0 && participant <= RING_PARTICIPANTS && s->of[participant].who &&
                     s->of[participant].generation == owner_generation(owner);
        struct lock_user user = {
                .use = LOCK_HOLDS, .who = known ? s->of[participant].who : NULL, .participant = participant,
                .thread = thread, .permits = 1, .mark = mark,
        };
        int r;

        if (known && s->holds[participant] > 0) {
                struct lock_user *before = &v->users[s->holds[participant] - 1];

                before->permits++;
                before->mark = before->mark * 31 + mark;
                return 0;
        }
        r = add_user(v, &user);
        if (r >= 0 && known)
                s->holds[participant] = (uint32_t)v->n_users;
        return r;
}

static int add_waiter(struct lock_view *v, const struct seating *s, enum lock_use use, uint32_t participant,
                      uint32_t thread, uint32_t condition) {
        const struct membership *who = participant <= RING_PARTICIPANTS ? s->of[participant].who : NULL;

        if (!who)
                return 0; /* a bit that somebody left */
        return add_user(v, &(struct lock_user){ .use = use, .who = who, .participant = participant, .thread = thread,
                                                .condition = condition });
}

/* ---- by kind ----------------------------------------------------------------------------------- */

/* What only whoever has mapped the tokens can tell. */
static uint32_t free_tokens(const struct gang_object *lock) {
        struct semaphore s = lock->shm->semaphore;
        uint32_t n = 0;

        if (semaphore_posix_map(lock->event_fd, &s.tokens) < 0)
                return 0;
        n = semaphore_value(&s);
        semaphore_posix_unmap(s.tokens);
        return n;
}

static int look_at_semaphore(const struct gang_object *lock, struct seating *seating, struct lock_view *v) {
        const struct semaphore *s = &lock->shm->semaphore;
        int r = 0;

        v->permits = s->n;
        v->shared = s->policy == SEMAPHORE_POSIX;
        for (uint32_t i = 0; i < s->n && r >= 0; i++) {
                uint64_t w = atomic_load_explicit(semaphore_permit(s, i), memory_order_acquire);
                uint32_t owner = permit_owner(w);
                uint32_t participant = MIN(owner_participant(owner), (uint32_t)RING_PARTICIPANTS);

                if (owner == 0)
                        v->free++;
                else
                        r = add_holder(v, seating, owner, semaphore_thread(s, participant), w);
        }
        if (v->shared)
                v->free = MIN(free_tokens(lock), v->permits);
        for (uint32_t p = 1; p <= RING_PARTICIPANTS && r >= 0; p++)
                if (seating->of[p].who && semaphore_is_waiting(s, p))
                        r = add_waiter(v, seating, LOCK_WAITS, p, semaphore_thread(s, p), 0);
        return r;
}

static int add_sleepers(const struct monitor *m, uint32_t of, const struct seating *seating, struct lock_view *v) {
        enum lock_use use = of == MONITOR_LOCK ? LOCK_WAITS : LOCK_SLEEPS;
        uint32_t p = 0, thread = 0;
        int r = 0;

        while (r >= 0 && (p = monitor_waiter_after(m, of, p, &thread)) > 0)
                r = add_waiter(v, seating, use, p, thread, use == LOCK_SLEEPS ? of : 0);
        return r;
}

static int look_at_monitor(const struct gang_object *lock, struct seating *seating, struct lock_view *v) {
        const struct monitor *m = &lock->shm->monitor;
        struct monitor_view seen;
        int r = 0;

        monitor_look(m, &seen);
        v->permits = 1;
        v->free = seen.participant == 0;
        v->state = seen.unrecoverable ? "unrecoverable" : seen.inconsistent ? "inconsistent" : "";
        if (seen.participant > 0)
                r = add_holder(v, seating, owner_make(seen.participant, seen.generation), seen.thread, seen.count);
        if (r >= 0)
                r = add_sleepers(m, MONITOR_LOCK, seating, v);
        for (uint32_t i = 0; i < m->conditions && r >= 0; i++)
                r = add_sleepers(m, i, seating, v);
        return r;
}

/* All at one instant; or, if they never stand still, one by one. */
static int look_at_counter(const struct gang_object *lock, struct lock_view *v) {
        const struct counter *c = &lock->shm->counter;
        _cleanup_(freep) uint64_t *words = calloc(c->n + 1, sizeof *words);
        int r;

        v->values = calloc(c->n + 1, sizeof *v->values);
        if (!v->values || !words)
                return -ENOMEM;
        v->n_values = c->n;
        r = counter_snapshot(c, c->n, v->values, words);
        for (uint32_t i = 0; i < c->n && r < 0; i++)
                if (counter_get(c, i, &v->values[i]) < 0)
                        v->values[i] = 0;
        return 0;
}

static int look(const struct gang_object *lock, struct seating *seating, struct lock_view *v) {
        switch (lock->geometry.kind) {
        case OBJECT_SEMAPHORE:
                return look_at_semaphore(lock, seating, v);
        case OBJECT_MONITOR:
                return look_at_monitor(lock, seating, v);
        case OBJECT_COUNTER:
                return look_at_counter(lock, v);
        default:
                return 0;
        }
}

int lock_look(const struct gang_object *lock, struct lock_view *ret) {
        _cleanup_(freep) struct seating *seating = calloc(1, sizeof *seating);
        struct lock_view v = LOCK_VIEW_NULL;
        int r;

        if (!seating)
                return -ENOMEM;
        seating_init(seating, lock);
        r = look(lock, seating, &v);
        if (r < 0) {
                lock_view_done(&v);
                return r;
        }
        *ret = v;
        return 0;
}

void lock_view_done(struct lock_view *v) {
        free(v->users);
        free(v->values);
        *v = LOCK_VIEW_NULL;
}
