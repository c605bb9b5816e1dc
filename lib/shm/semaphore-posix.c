/* SPDX-License-Identifier: MIT */

/*
 * Tokens: permits that are shared with programs that know POSIX semaphores only
 *
 * The value of a named POSIX semaphore counts the tokens that are free. A member takes a token before it claims a
 * permit, and posts after it has freed it; an outsider takes a token and has no permit. So:
 *
 * - members never hold more permits than there are, whatever happens to the tokens: permits are words that one owner has;
 * - who holds a permit has a token. So while a member has a token and no permit yet, some permit is free, unless there is a
 *   token too many.
 *
 * No death of a member loses a token. Before it takes or posts one it says so in a word of its own, and recovery
 * finishes that. Whether the call of sem_wait(3) or sem_post(3) in which it died had its effect nobody can tell: then
 * recovery posts. That may be a token too many, and an outsider be let in beyond the permits. It is gone as soon as a
 * member that has taken a token finds all permits held at one instant: it keeps that token from everybody. An outsider
 * that dies takes its token with it, as with every POSIX semaphore.
 *
 * Acquire and release linearise as without tokens, at a permit's word. Waiting is sem_wait(3)'s own: whoever is woken
 * and killed before it takes the token had said that it takes one, and what recovery posts wakes the next.
 */

#include "shm/semaphore-posix.h"

#include <errno.h>

#include "shm/sys.h"

/** More tokens than this that are too many, one after the other, come from nobody honest. */
#define EXCESS_MAX 4096
/** As often as this nobody is beaten to a permit that must be there. */
#define CLAIM_TRIES (1 << 16)
/** A word that changes under recovery more often than this was not changed by anybody honest. */
#define RECOVER_TRIES 16

static void post(struct semaphore *s) {
        if (s->tokens)
                (void)sys_sem_post(s->tokens);
}

/* ---- taking ---------------------------------------------------------------------------------------- */

/** Are all permits held? @param ret_changes  a sum that grows with each taking. */
static bool look_held(const struct semaphore *s, uint64_t *ret_changes) {
        uint64_t changes = 0;

        for (uint32_t i = 0; i < s->n; i++) {
                uint64_t w = atomic_load_explicit(semaphore_permit(s, i), memory_order_seq_cst);

                if (permit_owner(w) == 0)
                        return false;
                changes += w >> WORD_OWNER_BITS;
        }
        *ret_changes = changes;
        return true;
}

/**
 * Were all permits held at one instant?
 * One that was freed between the two looks is free, or was taken, which is a change.
 */
static bool all_were_held(const struct semaphore *s) {
        uint64_t before, after;

        if (SHM_FAULT == FAULT_TOKEN_ONE_LOOK)
                return true;
        return look_held(s, &before) && look_held(s, &after) && before == after;
}

/** A permit for the token that we have. @return 0, -EAGAIN: the token was one too many. */
static int claim(struct semaphore *s) {
        for (unsigned int tries = 0; tries < CLAIM_TRIES; tries++) {
                if (semaphore_claim(s) == 0)
                        return 0;
                if (all_were_held(s))
                        return -EAGAIN;
        }
        post(s);
        return -EBADMSG;
}

static int take_token(struct semaphore *s, uint64_t deadline_usec) {
        int r;

#if SHM_FAULT != FAULT_TOKEN_NO_MARK
        token_mark(s, TOKEN_TAKING, 0);
#endif
        r = sys_sem_try(s->tokens);
        return r == -EAGAIN && deadline_usec != 0 ? sys_sem_wait(s->tokens, deadline_usec) : r;
}

int semaphore_posix_take(struct semaphore *s, uint64_t deadline_usec) {
        for (unsigned int tries = 0; tries < EXCESS_MAX; tries++) {
                int r = take_token(s, deadline_usec);
                bool taken = r == 0;

                if (taken)
                        r = claim(s);
#if SHM_FAULT == FAULT_TOKEN_EXCESS_KEPT
                if (taken && r == -EAGAIN) {
                        post(s);
                        return deadline_usec == 0 ? r : -EBADMSG;
                }
#endif
                token_mark(s, TOKEN_IDLE, 0);
                if (!taken || r != -EAGAIN)
                        return r;
        }
        return -EBADMSG;
}

/* ---- giving back ----------------------------------------------------------------------------------- */

int semaphore_posix_give(struct semaphore *s, uint32_t permit) {
        _Atomic uint64_t *p = semaphore_permit(s, permit);
        uint64_t w = atomic_load_explicit(p, memory_order_relaxed);
        int r;

        token_mark(s, TOKEN_RETURNING, permit);
#if SHM_FAULT == FAULT_TOKEN_POST_FIRST
        r = sys_sem_post(s->tokens);
        permit_free(p, w);
#else
        permit_free(p, w);
        r = sys_sem_post(s->tokens);
#endif
#if SHM_FAULT == FAULT_TOKEN_POST_TWICE
        r = sys_sem_post(s->tokens);
#endif
        token_mark(s, TOKEN_IDLE, 0);
        return r < 0 ? -EBADMSG : 0;
}

/* ---- recovery -------------------------------------------------------------------------------------- */

/** Finish what a dead participant had begun. */
static void settle(struct semaphore *s, const struct seat *seat, uint32_t participant) {
        uint64_t t = atomic_load_explicit(&s->participants[participant].token, memory_order_acquire);
        uint32_t owner = token_owner(t), permit = token_permit(t);

        if (token_state(t) == TOKEN_IDLE || !seat_owns(seat, owner) || owner_participant(owner) != participant)
                return;
        /* If it holds the permit, its token comes back with that. */
        if (token_state(t) == TOKEN_TAKING || permit >= s->n || semaphore_holder(s, permit) != owner)
                post(s);
        token_mark_as(s, owner, TOKEN_IDLE, 0);
}

/** As its owner would: should we be killed too, the next recovery finds what we were about. */
static void give_back(struct semaphore *s, const struct seat *seat, uint32_t permit) {
        _Atomic uint64_t *p = semaphore_permit(s, permit);
        uint64_t w = atomic_load_explicit(p, memory_order_acquire);

        for (unsigned int tries = 0; tries < RECOVER_TRIES && seat_owns(seat, permit_owner(w)); tries++) {
                uint32_t owner = permit_owner(w);

                token_mark_as(s, owner, TOKEN_RETURNING, permit);
                if (!atomic_compare_exchange_strong_explicit(p, &w, w & ~PERMIT_OWNER_MASK, memory_order_acq_rel,
                                                             memory_order_acquire))
                        continue;
#if SHM_FAULT != FAULT_TOKEN_NOT_POSTED_AGAIN
                post(s);
#endif
                token_mark_as(s, owner, TOKEN_IDLE, 0);
                return;
        }
}

void semaphore_posix_recover(struct semaphore *s, const struct seat *seat) {
        for (uint32_t p = seat->first; p < seat->first + seat->count && p <= RING_PARTICIPANTS; p++)
                settle(s, seat, p);
        for (uint32_t i = 0; i < s->n; i++)
                give_back(s, seat, i);
        /* Whoever has these participants next marks in the same words: what we wrote there must not come late. */
#if SHM_FAULT != FAULT_TOKEN_MARK_LATE
        atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* ---- looking --------------------------------------------------------------------------------------- */

bool token_is_waited_for(const struct semaphore *s, uint32_t participant) {
        uint64_t t = atomic_load_explicit(&s->participants[participant].token, memory_order_relaxed);

        return token_state(t) == TOKEN_TAKING;
}
