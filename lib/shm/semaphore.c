/* SPDX-License-Identifier: MIT */

/*
 * Taking and giving back permits
 *
 * Acquire linearises at the compare-and-swap of a permit, release at the store that frees it; an acquire that finds
 * none, at some read of each permit, at which it was not free: it need not have been so of all at one instant.
 *
 * No wake-up is lost. Whoever frees a permit looks for waiters after that; whoever waits announces itself, and looks at
 * the permits after that (Dekker, with the barriers of shm/wait.h). While a post lies there that nobody took, those who
 * free more post no other; so whoever was let in wakes the next one as long as a permit is free. It looks after it took
 * the post, and so sees every permit for which none was posted because of that one. Whoever waits for other things
 * beside (wait-any.h) is told of each permit that is freed, and takes no post.
 */

#include "shm/semaphore.h"

#include <errno.h>

#include "base/cleanup.h"
#include "shm/semaphore-posix.h"
#include "shm/sys.h"
#include "shm/wait-any.h"

/** With more permits than this, looking at all of them is no way to pass the time before sleeping. */
#define SPIN_PERMITS 32

/* ---- memory ---------------------------------------------------------------------------------------- */

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t control_offset(void) {
        return align_up(sizeof(struct region_header), CACHE_LINE);
}

static size_t permits_offset(void) {
        return align_up(control_offset() + sizeof(struct semaphore_control), CACHE_LINE);
}

static size_t participants_offset(const struct geometry *g) {
        uint32_t lines = MIN(g->slots, (uint32_t)SEMAPHORE_LINES);

        return permits_offset() + lines * CACHE_LINE;
}

size_t semaphore_memory_size(const struct geometry *g) {
        return align_up(participants_offset(g) + sizeof(struct semaphore_participant) * (RING_PARTICIPANTS + 1),
                        REGION_PAGE);
}

_Static_assert(SEMAPHORE_PERMITS_MAX / SEMAPHORE_LINES * sizeof(uint64_t) <= CACHE_LINE, "all permits fit their lines");
_Static_assert(sizeof(sem_t) <= CACHE_LINE, "waiters sleep on one line");

void semaphore_open(struct semaphore *s, const struct region *region, uint32_t participant, uint32_t generation,
                    sem_t *tokens, int event_fd) {
        const struct geometry *g = &region->geometry;
        unsigned char *base = region->base;
        struct semaphore_control *control = (void *)(base + control_offset());

        *s = (struct semaphore){
                .owner = owner_make(participant, generation),
                .waiting = {
                        .count = &control->waiters,
                        .semaphore = &control->sleep,
                        .event_fd = g->policy == SEMAPHORE_POSIX ? -1 : event_fd, /* in its place there are the tokens */
                        .fences = g->fences,
                        .watched = true,
                },
                .permits = base + permits_offset(),
                .participants = (void *)(base + participants_offset(g)),
                .tokens = tokens,
                .n = g->slots,
                .lines = MIN(g->slots, (uint32_t)SEMAPHORE_LINES),
                .hint = participant % g->slots,
                .policy = g->policy,
        };
        sys_sem_prepare(&control->sleep);
        patience_init(&s->patience);
        if (s->n > SPIN_PERMITS)
                s->patience.spin = 0;
}

/* ---- permits --------------------------------------------------------------------------------------- */

int semaphore_claim(struct semaphore *s) {
        for (uint32_t k = 0; k < s->n; k++) {
                uint32_t i = s->hint + k < s->n ? s->hint + k : s->hint + k - s->n;
                _Atomic uint64_t *permit = semaphore_permit(s, i);
                uint64_t w = atomic_load_explicit(permit, memory_order_relaxed);

                if (permit_owner(w) != 0)
                        continue;
                if (s->tokens)
                        token_mark(s, TOKEN_CLAIMING, i);
                if (!permit_claim(s, permit, w))
                        continue;
                s->hint = i;
                s->held++;
                return 0;
        }
        return -EAGAIN;
}

int semaphore_find_mine(const struct semaphore *s) {
        for (uint32_t k = 0; k < s->n; k++) {
                uint32_t i = s->hint >= k ? s->hint - k : s->hint + s->n - k;

                if (permit_owner(atomic_load_explicit(semaphore_permit(s, i), memory_order_relaxed)) == s->owner)
                        return (int)i;
        }
        return -EBADMSG;
}

static bool any_is_free(const struct semaphore *s) {
        for (uint32_t i = 0; i < s->n; i++)
                if (semaphore_holder(s, i) == 0)
                        return true;
        return false;
}

/* ---- operations ------------------------------------------------------------------------------------ */

/** Whoever looks for it wants to know who holds and who waits. Threads seldom change, and asking the kernel takes time. */
static void tell_thread(struct semaphore *s) {
        s->told = true;
        atomic_store_explicit(&s->participants[owner_participant(s->owner)].thread, sys_thread_id(), memory_order_relaxed);
}

static int try_plain(struct semaphore *s) {
        int r = semaphore_claim(s);

        if (r < 0)
                return r;
        s->last = semaphore_permit(s, s->hint);
        return 0;
}

static int try_again(void *semaphore, void *ret) {
        (void)ret;
        return try_plain(semaphore);
}

static int wait_plain(struct semaphore *s, uint64_t deadline_usec) {
        const struct wait_for f = {
                .try = try_again, .object = s, .waiting = &s->waiting, .patience = &s->patience,
                .participant = owner_participant(s->owner),
        };
        int r = wait_until(&f, deadline_usec);

#if SHM_FAULT != FAULT_PERMIT_NO_PASS_ON
        /* What let us in may have been for another too. */
        if (r == 0 && wait_is_wanted(&s->waiting) && any_is_free(s))
                wait_wake_slow(&s->waiting, 1);
#endif
        return r;
}

int semaphore_try(struct semaphore *s) {
        if (semaphore_try_fast(s))
                return 0;
        if (!s->told)
                tell_thread(s);
        return s->policy == SEMAPHORE_POSIX ? semaphore_posix_take(s, 0) : try_plain(s);
}

int semaphore_wait(struct semaphore *s, uint64_t deadline_usec) {
        int r = semaphore_try(s);

        if (r != -EAGAIN)
                return r;
        tell_thread(s);
        return s->policy == SEMAPHORE_POSIX ? semaphore_posix_take(s, deadline_usec) : wait_plain(s, deadline_usec);
}

int semaphore_release(struct semaphore *s) {
        int i;

        if (s->held == 0)
                return -EPERM;
        if (semaphore_release_fast(s))
                return 0;
        s->held--;
        i = semaphore_find_mine(s);
        if (i < 0)
                return i;
        s->hint = (uint32_t)i;
        if (s->policy == SEMAPHORE_POSIX)
                return semaphore_posix_give(s, (uint32_t)i);
        s->last = semaphore_permit(s, s->hint);
        permit_free(s->last, atomic_load_explicit(s->last, memory_order_relaxed));
        wait_wake(&s->waiting);
        return 0;
}

/* ---- for one who waits for several things; see wait-any.h ------------------------------------------ */

static bool has_permit(const struct wait_item *item) {
        const struct semaphore *s = item->object;

        if (SHM_FAULT == FAULT_WATCHER_LAST_ONLY)
                return semaphore_holder(s, s->hint) == 0;
        return any_is_free(s);
}

struct wait_item semaphore_permit_item(struct semaphore *s) {
        return (struct wait_item){
                .waiting = &s->waiting,
                .participant = owner_participant(s->owner),
                .is_ready = has_permit,
                .object = s,
                .spin = &s->patience.spin,
        };
}

/* ---- looking --------------------------------------------------------------------------------------- */

uint32_t semaphore_value(struct semaphore *s) {
        uint32_t n = 0;

        if (s->tokens)
                return sys_sem_value(s->tokens);
        for (uint32_t i = 0; i < s->n; i++)
                n += semaphore_holder(s, i) == 0;
        return n;
}

uint32_t semaphore_holder(const struct semaphore *s, uint32_t permit) {
        return permit < s->n ? permit_owner(atomic_load_explicit(semaphore_permit(s, permit), memory_order_relaxed)) : 0;
}

bool semaphore_is_waiting(const struct semaphore *s, uint32_t participant) {
        if (participant > RING_PARTICIPANTS)
                return false;
        if (s->policy == SEMAPHORE_POSIX)
                return token_is_waited_for(s, participant);
        return wait_is_announced(&s->waiting, participant);
}

uint32_t semaphore_thread(const struct semaphore *s, uint32_t participant) {
        return participant <= RING_PARTICIPANTS ?
                       atomic_load_explicit(&s->participants[participant].thread, memory_order_relaxed) : 0;
}
