/* SPDX-License-Identifier: MIT */

/*
 * The semaphore as an object: its memory, and its recovery
 *
 * Order matters in recovery: waiters are woken last, when every permit of the dead is free.
 */

#include "shm/semaphore-object.h"

#include <errno.h>

#include "shm/damage.h"
#include "shm/recover.h"
#include "shm/semaphore-posix.h"
#include "shm/sys.h"

/** A word that changes under recovery more often than this was not changed by anybody honest. */
#define RECOVER_TRIES 16

static int semaphore_check(const struct geometry *g) {
        if (g->slots == 0 || g->policy >= _SEMAPHORE_POLICY_N || g->message_max || g->max_deliveries || g->capacity ||
            g->dead_max || g->delay_msec)
                return -EINVAL;
        return g->slots > SEMAPHORE_PERMITS_MAX ? -E2BIG : 0;
}

static void semaphore_object_open(struct object *o) {
        semaphore_open(&o->semaphore, &o->region, 0, 0, NULL, o->event_fd);
}

/** Draining ends no wait for a lock. */
static void semaphore_wake_receivers(struct object *o) {
        (void)o;
}

static void semaphore_wake_all(struct object *o) {
        wait_wake_all(&o->semaphore.waiting);
}

/** Who waits for a token sleeps in libc, and is told by nobody but who posts. */
static void semaphore_set_stopped(struct object *o, uint32_t n) {
        struct waiting *w = &o->semaphore.waiting;

        if (atomic_load(&w->count->stopped) != n)
                wait_set_stopped(w, n);
}

/* ---- recovery -------------------------------------------------------------------------------------- */

static void free_permit(const struct seat *seat, uint32_t i) {
        _Atomic uint64_t *permit = semaphore_permit(&seat->object->semaphore, i);
        uint64_t w = atomic_load_explicit(permit, memory_order_acquire);

        /* Nobody competes with us but another recovery of the same, or somebody hostile. */
        for (unsigned int tries = 0; tries < RECOVER_TRIES && seat_owns(seat, permit_owner(w)); tries++)
                /* Release: partner is the acquire of permit_claim(). */
                if (atomic_compare_exchange_strong_explicit(permit, &w, w & ~PERMIT_OWNER_MASK, memory_order_acq_rel,
                                                            memory_order_acquire))
                        return;
}

static void recover_plain(const struct seat *seat) {
        struct semaphore *s = &seat->object->semaphore;

#if SHM_FAULT != FAULT_PERMITS_KEPT
        for (uint32_t i = 0; i < s->n; i++)
                free_permit(seat, i);
#endif
        wait_forget(&s->waiting, seat->first, seat->count);
#if SHM_FAULT != FAULT_PERMITS_NO_REWAKE
        wait_wake_all(&s->waiting);
#endif
}

/** Whoever looks after the object has the tokens mapped only while it needs them, unless it was given them. */
static void recover_tokens(const struct seat *seat) {
        struct semaphore s = seat->object->semaphore;
        sem_t *mapped = NULL;

        if (!s.tokens && semaphore_posix_map(seat->object->event_fd, &mapped) == 0)
                s.tokens = mapped;
        semaphore_posix_recover(&s, seat);
        semaphore_posix_unmap(mapped);
}

static void semaphore_recover(const struct seat *seat, const char *reason, struct recovery *ret) {
        (void)reason;
        (void)ret;
        if (seat->object->semaphore.policy == SEMAPHORE_POSIX)
                recover_tokens(seat);
        else
                recover_plain(seat);
}

/* ---- damage ---------------------------------------------------------------------------------------- */

/** Of a member: the word of a number that nobody has is read by nobody. */
static void check_token(struct damage *d, const struct object *o, uint32_t participant) {
        uint64_t t = atomic_load_explicit(&o->semaphore.participants[participant].token, memory_order_relaxed);

        if (token_state(t) == TOKEN_IDLE)
                return;
        if (owner_participant(token_owner(t)) != participant || !damage_is_member(o, token_owner(t)))
                damage_add(d, "the token word of participant %u is 0x%llx, which is not its own", participant,
                           (unsigned long long)t);
}

static void semaphore_inspect(const struct object *o, struct damage *ret) {
        const struct semaphore *s = &o->semaphore;
        uint32_t posted = sys_sem_value(s->waiting.semaphore);
        char text[DAMAGE_OWNER_MAX];

        for (uint32_t i = 0; i < s->n; i++) {
                uint32_t owner = semaphore_holder(s, i);

                if (owner != 0 && !damage_is_member(o, owner))
                        damage_add(ret, "permit %u: held by %s, which nobody is", i, damage_owner(text, owner));
        }
        for (uint32_t p = 1; o->seats && s->policy == SEMAPHORE_POSIX && p <= RING_PARTICIPANTS; p++)
                if (seats_is_taken(o->seats, p))
                        check_token(ret, o, p);
        if (posted > WAIT_POSTED_MAX)
                damage_add(ret, "%u wake-ups are posted, more than anybody honest posts", posted);
        damage_check_waiters(ret, s->waiting.count, "those who wait");
}

const struct object_ops semaphore_object_ops = {
        .name = "semaphore",
        .check = semaphore_check,
        .memory_size = semaphore_memory_size,
        .open = semaphore_object_open,
        .recover = semaphore_recover,
        .inspect = semaphore_inspect,
        .wake_receivers = semaphore_wake_receivers,
        .wake_all = semaphore_wake_all,
        .set_stopped = semaphore_set_stopped,
};
