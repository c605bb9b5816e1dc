/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_MEMBER_H
#define GANGER_SHM_MEMBER_H

/*
 * The memory that one process shares with its supervisor alone
 *
 * It holds the journals of its handles, the flag that asks it to drain, and its heartbeat. It is nobody else's, so that no
 * other member of a ring can forge a journal and, through it, touch a ring that it was not given.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/queue.h"

/** The flags in `drain`. Any: nothing is received. The first: receiving ends; the others: it waits (shm/wait.h). */
#define MEMBER_ENDS WAIT_ENDS           /* finish what you hold, and end */
#define MEMBER_HELD 2u                  /* drained by hand, until it is resumed */
#define MEMBER_STANDBY 4u               /* a spare, until it takes over */

#define MEMBER_MAGIC UINT64_C(0x0a6d656d6265720a)
#define MEMBER_LAYOUT_VERSION 3

/** Handles that one process may have open, over all its rings. */
#define MEMBER_HANDLES 64

/** In place of a count: the process has left, and has no heart any more that could beat. */
#define HEARTBEAT_LEFT UINT64_MAX

/** What one journal can settle at once. */
#define JOURNAL_ENTRIES 63

/** A redo record: what must be done, all of it, once `armed` is not 0. */
struct journal {
        _Alignas(CACHE_LINE) _Atomic uint64_t armed;    /* how many entries; 0: nothing to redo */
        uint64_t entries[JOURNAL_ENTRIES];              /* acknowledge:1 | ring:11 | owner:20 | slot:32 */
};

struct member_memory {
        uint64_t magic;
        uint32_t layout_version;
        uint32_t handles;
        _Alignas(CACHE_LINE) _Atomic uint32_t drain;    /* MEMBER_…: while it is not 0, receive nothing */
        _Atomic uint32_t joined;                        /* set: the process has joined, and looks at `drain` */
        _Alignas(CACHE_LINE) _Atomic uint64_t heartbeat; /* counts; apart, since receivers look at `drain` all the time */
        struct journal journals[MEMBER_HANDLES];
};

struct member {
        struct member_memory *memory;
};

#define MEMBER_NULL ((struct member){ NULL })

/** Make it. @return a descriptor (sealed memfd, mode 0600) or -errno. */
int member_create(const char *name);

/** Map it; not inherited over fork(2). @return 0, -EPROTO, -EPERM, or an error of mmap(2). */
int member_map(struct member *ret, int fd);
void member_unmap(struct member *m);

/**
 * Set or clear flags of `drain`, and wake whoever sleeps at it. Release: whoever sees it sees all that made us do so.
 * Then the caller wakes all who receive where this process does: object_wake_held().
 * @return whether that changed anything.
 */
bool member_flag(struct member_memory *m, uint32_t bits, bool on);

/** Something to settle: a slot that this process holds. */
struct settlement {
        struct queue *queue;
        uint32_t ring;                  /* its number in the handshake of this process, below 2^11 */
        uint32_t slot;
        bool acknowledge;               /* else: commit, the size is written */
};

/**
 * Settle all of it or nothing, whenever this process dies. Linearises at the store that arms the journal.
 * @param n  at most JOURNAL_ENTRIES.
 */
void journal_settle(struct journal *j, const struct settlement *s, size_t n);

/** An entry, taken apart. */
struct redo {
        uint32_t ring, owner, slot;
        bool acknowledge;
};

uint64_t redo_pack(const struct redo *r);
struct redo redo_unpack(uint64_t entry);

#endif
