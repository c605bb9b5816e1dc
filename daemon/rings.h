/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_RINGS_H
#define GANGER_DAEMON_RINGS_H

/*
 * The rings, and who is in them
 *
 * A ring is made by the manager, kept with the keeper (ring/NAME/memory, ring/NAME/event), and given to
 * processes in seats: blocks of participants, which with their generation name one process in each word of
 * the ring. When the process is dead, its membership is recovered: first its journals, then its seats in every
 * ring; only then do the numbers become free again.
 *
 * The memory of a ring is written by processes that nobody trusts: what is read from it is bounded here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/map.h"
#include "shm/seats.h"
#include "state.pb-c.h"

struct gang;

/** Handles that a process using the library may have on each of its rings; fewer when the ring has few seats left. */
#define RING_HANDLES 4
/** Rings of one process: two descriptors each must fit the packet of its spawn. */
#define MEMBERSHIP_RINGS_MAX 100
/** Rings of one gang. */
#define RINGS_MAX 10000

/** Private to rings.c and its kin: the mapped memory. */
struct ring_memory;
struct member_memory;

struct ring {
        struct gang *gang;
        struct map_node node;           /* rings->by_name */
        struct list link;               /* rings->list */
        char *name;
        uint32_t slots, slot_size, max_deliveries;
        bool fences;
        uint64_t memory_size;           /* bytes */
        int memory_fd, event_fd;
        struct ring_memory *memory;
        struct seats seats;
        uint32_t n_receivers, n_senders; /* processes */
        uint32_t n_frozen;              /* participants that are stopped by SIGSTOP */
        bool removed;                   /* no longer defined: goes with its last user */
        uint32_t state_slot;
};

struct rings {
        struct gang *gang;
        struct map by_name;
        struct list list;               /* struct ring, in the order of definition */
        struct list attachments;        /* struct attachment */
        struct list memberships;        /* struct membership that has seats */
        uint64_t next_attachment;
};

void rings_init(struct rings *rings, struct gang *gang);
void rings_done(struct rings *rings);

/** Take-over is complete: tell every ring how many of its members are stopped, drop what nobody uses. */
void rings_settle(struct rings *rings);

/** Number of rings that are defined. */
size_t rings_count(const struct rings *rings);

/** @return the ring of that name, or NULL (also if it is removed). */
struct ring *ring_find(struct rings *rings, const char *name);

/**
 * Make a ring, or find it again: as the predecessor left it (its descriptors are with the keeper), or removed and
 * still in use.
 * @return 0; -EEXIST: a ring of that name is in use with another geometry; or -errno.
 */
int ring_add(struct rings *rings, const char *name, uint32_t slots, uint32_t slot_size, uint32_t max_deliveries,
             struct error *error);

/** Take-over: a ring that the predecessor recorded. It is `removed` until ring_add() asks for it. */
int ring_restore(struct rings *rings, const Ganger__State__RingState *record, uint32_t state_slot);

/** It is no longer defined. It goes at once if nobody uses it, else with its last user. */
void ring_remove(struct ring *ring);

/* ---- membership -------------------------------------------------------------------------------- */

/** The seat of one process in one ring. */
struct ring_seat {
        struct ring *ring;
        uint32_t number;                /* of the ring in the process's handshake and journals */
        uint32_t first, count, generation;
        bool receives, sends;
};

/** What one process has of the rings. */
struct membership {
        struct list link;               /* rings->memberships, while it has seats */
        char name[80];                  /* of its holder, for people: "resize/1", "pid 4711" */
        struct ring_seat *seats;
        size_t n_seats;
        int member_fd;                  /* its member memory (journals, drain flag); -1: none */
        struct member_memory *member;   /* mapped; NULL: not */
        bool frozen;
};

#define MEMBERSHIP_NULL ((struct membership){ .member_fd = -1 })

/**
 * Give a process its seats and its member memory.
 * @param receive, send  names of rings, each ends with NULL; a name may be in both.
 * @param handles        wanted on each ring.
 * @param name           of the holder.
 * @return 0; -ENOENT (no such ring), -EUSERS (no seat is left), -ENOMEM, …
 */
int membership_join(struct rings *rings, const char *name, char *const *receive, char *const *send,
                    uint32_t handles, struct membership *ret, struct error *error);

/** Take-over: the seats that a process was started with. Seats of rings that are gone are left out. */
int membership_restore(struct rings *rings, const char *name, Ganger__State__Seat *const *seats, size_t n_seats,
                       int member_fd, struct membership *ret);

/**
 * The process is dead: put right what it left. Idempotent; the seats stay taken until membership_leave().
 * Tells the events.
 * @param reason  how it ended, in words; it stands with the messages that it had.
 */
void membership_recover(struct rings *rings, struct membership *m, pid_t pid, const char *reason);

/** Free the seats (and the rings that were waiting for it). The process must be recovered, or never have run. */
void membership_leave(struct rings *rings, struct membership *m);

/** The process was stopped or continued by job control: wakers must know. */
void membership_freeze(struct membership *m, bool frozen);

/** Tell the process to take no more. @return whether it has anything to drain. */
bool membership_drain(struct membership *m);

/**
 * The descriptors and the text of the handshake: what `lib/worker` reads.
 * @param worker, instance  "resize", 0; of an attached process "", 0.
 * @param fds    receives the descriptors in the order in which the process finds them from `first_fd` on; they stay
 *               the membership's. Room for 2 * MEMBERSHIP_RINGS_MAX + 1.
 * @param ret_blob  free it.
 */
int membership_handshake(const struct membership *m, const char *worker, unsigned int instance, int first_fd,
                         int *fds, size_t *n_fds, void **ret_blob, size_t *ret_size);

/* ---- processes from outside -------------------------------------------------------------------- */

/** Processes that may be attached at once, and those of one process. */
#define ATTACHMENTS_MAX 4096
#define ATTACHMENTS_PER_PROCESS_MAX 64

/** A process that became a member by the control socket. It is watched, and recovered at its end. */
struct attachment {
        struct list link;
        struct rings *rings;
        uint64_t id;
        pid_t pid;
        int pidfd;
        sd_event_source *source;
        struct membership membership;
        uint32_t state_slot;
};

/**
 * The process at the other end of a Unix socket.
 * @return its pidfd, or -errno; -ESRCH: it is gone.
 */
int peer_pidfd(int socket, pid_t *ret_pid);

/**
 * Attach a process to a ring.
 * @param pidfd  of the process; duplicated.
 * @return 0; -ENOENT (no such ring), -EINVAL (neither receive nor send), -EUSERS, -EBUSY (too many attached), …
 */
int attachment_new(struct attachment **ret, struct rings *rings, const char *ring, pid_t pid, int pidfd, bool receive,
                   bool send, struct error *error);

/** Take-over: one that the predecessor recorded. If it is dead already, it is recovered at once. */
int attachment_restore(struct rings *rings, const Ganger__State__AttachedState *record, uint32_t state_slot);

/** Stop watching, at the end of the daemon. */
void attachment_forget(struct attachment *attachment);

/* ---- looking ----------------------------------------------------------------------------------- */

/** How many messages are in each state, as of a walk over the slots while others work. */
struct ring_counts {
        uint32_t ready, leased, writing, dead;
        uint64_t accepted;              /* since the ring was made, about */
        uint64_t redelivered;           /* deliveries that were not the first */
};

void ring_count(const struct ring *ring, struct ring_counts *ret);

/** A message as somebody sees it who looks and takes nothing. */
struct ring_message {
        uint64_t id;
        uint32_t size, deliveries;
        const char *state;              /* "ready", "leased", "dead" */
        const char *holder;             /* of a leased one: its holder's name; else "" */
        char reason[64];                /* why it came back, or is dead; "" */
        uint64_t realtime_usec;         /* of that; 0 */
        const void *data;               /* its beginning, copied; valid during the call */
        size_t data_size;
};

/** Called for each message; @return false to stop. */
typedef bool (*ring_message_fn)(void *userdata, const struct ring_message *message);

/** The longest beginning of a message that is copied for those who look. */
#define RING_PEEK_BYTES_MAX 4096

/** Look at the first `count` messages, in order. */
int ring_peek(const struct ring *ring, uint32_t count, uint32_t bytes, ring_message_fn fn, void *userdata);

enum ring_dead_action {
        RING_DEAD_LIST,
        RING_DEAD_RETRY,                /* deliver again, with a fresh count */
        RING_DEAD_DROP,
};

/**
 * List, retry or drop dead letters.
 * @param ids   those meant; `n_ids` 0: all.
 * @param fn    called for each that was listed, retried or dropped; may be NULL.
 * @return how many dead letters are left, or -errno.
 */
int64_t ring_dead(struct ring *ring, enum ring_dead_action action, const uint64_t *ids, size_t n_ids, uint32_t bytes,
                  ring_message_fn fn, void *userdata);

#endif
