/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SEMAPHORE_POSIX_H
#define GANGER_SHM_SEMAPHORE_POSIX_H

/*
 * Semaphores with tokens: those that share a named POSIX semaphore with programs that know nothing of us
 */

#include "shm/recover.h"
#include "shm/semaphore.h"

static inline uint64_t token_make(enum token_state state, uint32_t owner, uint32_t permit) {
        return (uint64_t)permit << (2 + WORD_OWNER_BITS) | (uint64_t)owner << 2 | (uint64_t)state;
}

static inline enum token_state token_state(uint64_t t) {
        return (enum token_state)(t & 3);
}

static inline uint32_t token_owner(uint64_t t) {
        return (uint32_t)(t >> 2 & PERMIT_OWNER_MASK);
}

static inline uint32_t token_permit(uint64_t t) {
        return (uint32_t)(t >> (2 + WORD_OWNER_BITS)) % SEMAPHORE_PERMITS_MAX;
}

/** Say what is about to be done. It must be written before that is done, which the order of instructions alone decides. */
static inline void token_mark_as(struct semaphore *s, uint32_t owner, enum token_state state, uint32_t permit) {
        atomic_store_explicit(&s->participants[owner_participant(owner)].token, token_make(state, owner, permit),
                              memory_order_release);
        atomic_signal_fence(memory_order_seq_cst);
}

static inline void token_mark(struct semaphore *s, enum token_state state, uint32_t permit) {
        token_mark_as(s, s->owner, state, permit);
}

/**
 * Take a token, and a permit with it.
 * @param deadline_usec  0: do not wait. @return as semaphore_try(), semaphore_wait().
 */
int semaphore_posix_take(struct semaphore *s, uint64_t deadline_usec);
/** Free a permit that this participant holds, then post. @return 0, -EBADMSG: it is free, but could not be posted. */
int semaphore_posix_give(struct semaphore *s, uint32_t permit);
/** Give back tokens and permits of the dead. */
void semaphore_posix_recover(struct semaphore *s, const struct seat *seat);
bool token_is_waited_for(const struct semaphore *s, uint32_t participant);

/* ---- the file of the tokens (semaphore-file.c) ----------------------------------------------------- */

/**
 * Make the named POSIX semaphore `/NAME`, mode 0600: members find it by the descriptor, in the place of the object's event
 * descriptor, others by sem_open(3).
 * @param name  without a slash.
 * @return a descriptor; -EINVAL, -EEXIST (somebody has one of that name), or an error of sem_open(3).
 */
int semaphore_posix_create(const char *name, uint32_t permits);

/**
 * One of that name is there already: if it is one of ours, and whoever had it is dead, take its name away.
 * @return 0: it is free now; -EBUSY: somebody has it; -EPERM: it is another's, or of another program; -ENOENT.
 */
int semaphore_posix_discard(const char *name);

/** Take its name away; who has it open keeps it. @return 0, -ENOENT, … */
int semaphore_posix_remove(const char *name);

/**
 * Map it; not inherited over fork(2). The file cannot be sealed: whoever may write to it can cut it off, and then
 * whoever has it mapped gets SIGBUS. So a semaphore with tokens is for programs that trust each other.
 * @return 0, -EPROTO (not such a file), or an error of fstat(2) or mmap(2).
 */
int semaphore_posix_map(int fd, sem_t **ret);
/** Takes NULL. */
void semaphore_posix_unmap(sem_t *tokens);

#endif
