/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SEMAPHORE_H
#define GANGER_SHM_SEMAPHORE_H

/*
 * The semaphore: so many permits, each a word that says who holds it
 *
 * The compare-and-swap that takes a permit records its owner; so those of a dead holder are given back by recovery,
 * whenever it died. What processes sleep on is a POSIX semaphore in the same memory, as a hint to look again
 * (shm/wait.h); it never counts permits.
 *
 * A permit is `changes:44 | owner:20`; owner 0: it is free. Each taking is a change, so that two looks at all permits
 * that found the same changes found them as they were at one instant.
 *
 * With the policy SEMAPHORE_POSIX there are tokens beside the permits: the value of a named POSIX semaphore, for
 * programs that know sem_open(3) and nothing of us. See shm/semaphore-posix.c.
 *
 * A `struct semaphore` is private to one thread at a time: a participant.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/fault.h"
#include "shm/layout.h"
#include "shm/region.h"
#include "shm/wait-until.h"

#define SEMAPHORE_PERMITS_MAX 4096
/** Up to so many permits have a cache line each; more of them share these. */
#define SEMAPHORE_LINES 512

enum semaphore_policy {
        SEMAPHORE_PLAIN = 0,
        SEMAPHORE_POSIX = 1,
        _SEMAPHORE_POLICY_N,
};

#define PERMIT_OWNER_MASK ((UINT64_C(1) << WORD_OWNER_BITS) - 1)
#define PERMIT_CHANGE (UINT64_C(1) << WORD_OWNER_BITS)

static inline uint32_t permit_owner(uint64_t w) {
        return (uint32_t)(w & PERMIT_OWNER_MASK);
}

/** What a participant does with a token just now, so that its death loses none. */
enum token_state {
        TOKEN_IDLE = 0,
        TOKEN_TAKING = 1,               /* it may have taken one, or waits for it */
        TOKEN_CLAIMING = 2,             /* it has one, and no permit yet, unless it is this */
        TOKEN_RETURNING = 3,            /* it frees this permit; then it posts */
};

/** A participant's own line of the memory. */
struct semaphore_participant {
        _Atomic uint64_t token;         /* permit:12 | owner:20 | a token_state:2 */
        _Atomic uint32_t thread;        /* who it was when it last came the long way; for people */
        uint32_t unused;
};

struct wait_item;

struct semaphore_control {
        struct eventcount waiters;
        _Alignas(CACHE_LINE) sem_t sleep; /* what waiters sleep on */
};

struct semaphore {
        _Atomic uint64_t *last;         /* the permit that was taken last; NULL: none yet, or there are tokens */
        uint32_t owner;                 /* participant and generation */
        uint32_t held;
        struct waiting waiting;
        unsigned char *permits;
        struct semaphore_participant *participants;
        sem_t *tokens;                  /* with SEMAPHORE_POSIX, where it is known; else NULL */
        uint32_t n;                     /* permits */
        uint32_t lines;
        uint32_t hint;                  /* where to look first */
        uint32_t policy;
        bool told;                      /* its thread is in the memory */
        struct patience patience;
};

size_t semaphore_memory_size(const struct geometry *g);

/**
 * Open a semaphore as a participant.
 * @param participant  1 … RING_PARTICIPANTS, held by nobody else; 0: to look and to recover only.
 * @param tokens       with SEMAPHORE_POSIX: from semaphore_posix_map(); stays the caller's. Else NULL.
 * @param event_fd     for those that poll, without SEMAPHORE_POSIX; -1: none. Stays the caller's.
 */
void semaphore_open(struct semaphore *s, const struct region *region, uint32_t participant, uint32_t generation,
                    sem_t *tokens, int event_fd);

/** Take a permit. @return 0, -EAGAIN: none is free; -EBADMSG. */
int semaphore_try(struct semaphore *s);
/** The same, waiting. @param deadline_usec  CLOCK_MONOTONIC; UINT64_MAX: none. @return also -ETIMEDOUT, -EINTR. */
int semaphore_wait(struct semaphore *s, uint64_t deadline_usec);
/** Give one back, the one that was taken last if that can be told. @return 0, -EPERM: it holds none; -EBADMSG. */
int semaphore_release(struct semaphore *s);

/** To wait for a permit with wait_any(); without tokens only: who posts those may know nothing of us. */
struct wait_item semaphore_permit_item(struct semaphore *s);

/** Free permits just now; of a semaphore with tokens: free tokens. */
uint32_t semaphore_value(struct semaphore *s);

/* ---- for people ---------------------------------------------------------------------------------- */

/* Numbers that are none, of permits or participants, are looked at too: nothing is there. */

/** Who holds a permit: an owner, or 0. */
uint32_t semaphore_holder(const struct semaphore *s, uint32_t permit);
/** Does this participant wait? With tokens: or takes one just now. */
bool semaphore_is_waiting(const struct semaphore *s, uint32_t participant);
/** The thread of a participant, as it last told; 0: it never did. */
uint32_t semaphore_thread(const struct semaphore *s, uint32_t participant);

/* ---- inside -------------------------------------------------------------------------------------- */

static inline _Atomic uint64_t *semaphore_permit(const struct semaphore *s, uint32_t i) {
        return (_Atomic uint64_t *)(void *)(s->permits + i % s->lines * CACHE_LINE) + i / s->lines;
}

/** Take a permit that is free. */
static inline bool permit_claim(struct semaphore *s, _Atomic uint64_t *permit, uint64_t w) {
        uint64_t mine = (w & ~PERMIT_OWNER_MASK) + PERMIT_CHANGE;

#if SHM_FAULT == FAULT_PERMIT_CLAIM_THEN_OWN
        if (!atomic_compare_exchange_strong(permit, &w, mine | PERMIT_OWNER_MASK))
                return false;
        atomic_store(permit, mine | s->owner);
        return true;
#else
        /* Linearises acquire. Acquire: partner is the release of permit_free(). */
        return atomic_compare_exchange_strong_explicit(permit, &w, mine | s->owner, memory_order_acquire,
                                                       memory_order_relaxed);
#endif
}

/** Free a permit that this participant holds. Nobody else changes it meanwhile, so a store will do. */
static inline void permit_free(_Atomic uint64_t *permit, uint64_t w) {
        /* Linearises release. Release: partner is the acquire of permit_claim(). */
        atomic_store_explicit(permit, w & ~PERMIT_OWNER_MASK, memory_order_release);
}

/** Claim any. @return 0, -EAGAIN. */
int semaphore_claim(struct semaphore *s);
/** The permit that this participant took last, of those that it holds. @return its number, or -EBADMSG: it has none. */
int semaphore_find_mine(const struct semaphore *s);

/* ---- the usual way, inline; each does all of it or nothing ---------------------------------------- */

static inline bool semaphore_try_fast(struct semaphore *s) {
        _Atomic uint64_t *permit = s->last;
        uint64_t w;

        if (__builtin_expect(!permit, 0))
                return false;
        w = atomic_load_explicit(permit, memory_order_relaxed);
        if (__builtin_expect(permit_owner(w) != 0, 0) || __builtin_expect(!permit_claim(s, permit, w), 0))
                return false;
        s->held++;
        return true;
}

static inline bool semaphore_release_fast(struct semaphore *s) {
        _Atomic uint64_t *permit = s->last;
        uint64_t w;

        if (__builtin_expect(!permit, 0))
                return false;
        w = atomic_load_explicit(permit, memory_order_relaxed);
        if (__builtin_expect(permit_owner(w) != s->owner, 0))
                return false;
        s->held--;
        permit_free(permit, w);
#if SHM_FAULT != FAULT_RELEASE_NO_WAKE
        wait_wake(&s->waiting);
#endif
        return true;
}

#endif
