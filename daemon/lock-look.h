/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOCK_LOOK_H
#define GANGER_DAEMON_LOCK_LOOK_H

/*
 * Looking at locks: who holds, who waits, and who waits for each other
 */

#include "daemon/objects.h"

enum lock_use {
        LOCK_HOLDS,
        LOCK_WAITS,                     /* sleeps until it can have it */
        LOCK_SLEEPS,                    /* of a monitor: until a condition is signalled */
};

/** A participant that has to do with a lock. */
struct lock_user {
        enum lock_use use;
        const struct membership *who;   /* NULL: nobody that is known; it is dead, and will be recovered */
        uint32_t participant;
        uint32_t thread;                /* as it told; 0: it did not */
        uint32_t permits;               /* that it holds */
        uint32_t condition;             /* that it sleeps for */
        uint64_t mark;                  /* of what it holds: the same in two looks if it held that all the time between them */
};

struct lock_view {
        uint32_t permits, free;         /* 0: of a counter */
        bool shared;                    /* with programs that nobody knows: they may hold some */
        const char *state;              /* "", "inconsistent", "unrecoverable" */
        struct lock_user *users;
        size_t n_users;
        int64_t *values;                /* of a counter */
        size_t n_values;
};

#define LOCK_VIEW_NULL ((struct lock_view){ .state = "" })

/** Look at a lock while others work. @return 0, -ENOMEM. */
int lock_look(const struct gang_object *lock, struct lock_view *ret);
void lock_view_done(struct lock_view *v);

/* ---- deadlocks --------------------------------------------------------------------------------- */

/** It waits for a lock that the next one of the cycle holds; of the last one, the first. */
struct lock_step {
        const struct membership *who;
        uint32_t thread;
        const struct gang_object *lock;
};

struct lock_cycles {
        struct lock_step *steps;        /* of all cycles, one behind the other */
        size_t *lengths;                /* of each cycle */
        size_t n;
};

#define LOCK_CYCLES_NULL ((struct lock_cycles){ 0 })

/**
 * Find deadlocks among all locks. What is found is looked at twice, so that none is told that never was.
 * Threads are told apart by what they tell of themselves; a handle whose thread is not known counts as a thread of its own.
 * @return 0, -ENOMEM.
 */
int lock_cycles_find(struct gang_objects *objects, struct lock_cycles *ret);
void lock_cycles_done(struct lock_cycles *c);

/** "a/0[12] waits for two, which b/0[13] holds; …". @return free it; NULL: no memory. */
char *lock_cycle_text(const struct lock_step *steps, size_t n);

#endif
