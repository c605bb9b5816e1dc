/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_OBJECTS_H
#define GANGER_DAEMON_OBJECTS_H

/*
 * The objects of the gang (rings, services, locks), and who is in them
 *
 * An object is made by the manager, kept with the keeper (CLASS/NAME/memory, CLASS/NAME/event), and given to
 * processes in seats: blocks of participants, which with their generation name one process in each word of
 * the object. When the process is dead, its membership is recovered: first its journals, then its seats in every
 * object; only then do the numbers become free again. What kinds there are is lib/shm's business; here an object
 * is its geometry.
 *
 * The memory of an object is written by processes that nobody trusts: what is read from it is bounded here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/map.h"
#include "shm/damage.h"
#include "shm/region.h"
#include "shm/seats.h"
#include "state.pb-c.h"

struct gang;
struct object;
struct object_definition;

/** Handles that a process using the library may have on each of its objects; fewer when one has few seats left. */
#define SEAT_HANDLES 4
/** Objects of one process: two descriptors each must fit the packet of its spawn. */
#define MEMBERSHIP_OBJECTS_MAX 100

/** What the kinds have in common for people. */
enum object_class {
        CLASS_RING,                     /* carries messages: queue, pipe, broadcast */
        CLASS_SERVICE,                  /* is called, and answers */
        CLASS_LOCK,                     /* is held and waited for: semaphore, monitor (a mutex is one too), counter */
        _OBJECT_CLASS_N,
};

enum object_class object_class_of(enum object_kind kind);

/** "ring", "service", "lock". */
const char *object_class_name(enum object_class class);

struct gang_object;

/** "queue", "mutex", …: the kind for people. */
const char *object_kind_name(const struct gang_object *object);

struct gang_object {
        struct gang *gang;
        struct map_node node;           /* objects->by_name */
        struct list link;               /* objects->list */
        char *name;
        const struct object_definition *definition; /* in force; NULL: it is not defined any more */
        struct geometry geometry;
        uint64_t memory_size;           /* bytes */
        int memory_fd, event_fd;
        struct object *shm;             /* to look and to recover; shm/object.h */
        struct seats seats;
        uint32_t n_receivers, n_senders; /* processes */
        uint32_t n_frozen;              /* participants that are stopped by SIGSTOP */
        uint32_t n_watchers;            /* ring_watch that are on */
        bool removed;                   /* no longer defined: goes with its last user */
        bool changing;                  /* becomes of the form `next` when its last user is gone; see daemon/successor.h */
        bool beside;                    /* its memory is stored beside that of the one that it succeeds */
        struct geometry next;
        char damage[DAMAGE_TEXT_MAX];   /* what is wrong with its memory: it is quarantined; "": nothing that is known */
        bool resetting;                 /* is replaced when its last user is gone */
        bool replaced;                  /* its memory is another one, which those who watch it are yet to be told */
        char renewed[128];              /* what came of that, until it is told; "" */
        uint32_t state_slot;
};

/** So many deadlocks are remembered, so that asking again makes no new event of one. */
#define DEADLOCKS_TOLD 16

/** All of them. One namespace, whatever the kind. */
struct gang_objects {
        struct gang *gang;
        struct map by_name;
        struct list list;               /* struct gang_object, in the order of definition */
        struct list attachments;        /* struct attachment */
        struct list memberships;        /* struct membership that has seats */
        struct list holdings;           /* struct holding: during take-over */
        uint64_t next_attachment;
        size_t n_changing;              /* objects */
        bool settled;                   /* take-over is complete: all members are known */
        uint64_t told[DEADLOCKS_TOLD];  /* hashes of deadlocks that were an event */
        size_t n_told;
};

void gang_objects_init(struct gang_objects *objects, struct gang *gang);
void gang_objects_done(struct gang_objects *objects);

/** An end in order: what does not outlive the daemon is not to be found by the next one. */
void gang_objects_leave(struct gang_objects *objects);

/**
 * Take-over is complete: tell every object how many of its members are stopped, look whether it is damaged, drop what nobody
 * uses.
 */
void gang_objects_settle(struct gang_objects *objects);

/** @return the object of that name, or NULL (also if it is removed). */
struct gang_object *gang_object_find(struct gang_objects *objects, const char *name);

/** The same, only if it is of this class. */
struct gang_object *gang_object_find_class(struct gang_objects *objects, const char *name, enum object_class class);

/**
 * Make an object, or find it again: as the predecessor left it (its descriptors are with the keeper), or removed and
 * still in use.
 * @param geometry  sound; its `fences` is found out here.
 * @return 0; -EEXIST: an object of that name is in use, and cannot become one of that geometry; or -errno.
 */
int gang_object_add(struct gang_objects *objects, const char *name, const struct geometry *geometry,
                    struct error *error);

/** Take-over: an object that the predecessor recorded. It is `removed` until gang_object_add() asks for it. */
int gang_object_restore(struct gang_objects *objects, const Ganger__State__ObjectState *record, uint32_t state_slot);

/** It is no longer defined. It goes at once if nobody uses it, else with its last user. */
void gang_object_remove(struct gang_object *object);

/** A deadlock was found, of which this is the text: make it an event, unless it was one. */
void gang_objects_tell_deadlock(struct gang_objects *objects, const struct gang_object *lock, const char *text);

/* ---- membership -------------------------------------------------------------------------------- */

/** The seat of one process in one object. */
struct membership_seat {
        struct gang_object *object;
        uint32_t number;                /* of the object in the process's handshake and journals */
        uint32_t first, count, generation;
        bool receives, sends;
};

/** What one process has of the objects. */
struct membership {
        struct list link;               /* objects->memberships, while it has seats */
        char *name;                     /* of its holder, for people: "resize/1", "pid 4711"; NULL without seats */
        struct membership_seat *seats;
        size_t n_seats;
        int member_fd;                  /* its member memory (journals, drain flag); -1: none */
        struct member_memory *member;   /* mapped; NULL: not */
        bool frozen;
        uint32_t *held;                 /* slots in the state memory, see daemon/holding.h */
        size_t n_held;
};

#define MEMBERSHIP_NULL ((struct membership){ .member_fd = -1 })

/** Some of what a process asks for. */
struct membership_wish {
        char *const *names;             /* of objects; ends with NULL */
        bool receives, sends;
};

/**
 * Give a process its seats and its member memory.
 * @param wishes    a name may be in several; it gets one seat, for all that was asked.
 * @param handles   wanted on each object.
 * @param name      of the holder.
 * @return 0; -ENOENT (no such object), -EUCLEAN (it is quarantined), -EBUSY (a pipe that has its one receiver, or sender),
 *         -EUSERS (no seat is left), -ENOMEM, …
 */
int membership_join(struct gang_objects *objects, const char *name, const struct membership_wish *wishes,
                    size_t n_wishes, uint32_t handles, struct membership *ret, struct error *error);

/** Take-over: the seats that a process was started with. Seats of objects that are gone are left out. */
int membership_restore(struct gang_objects *objects, const char *name, Ganger__State__Seat *const *seats, size_t n_seats,
                       int member_fd, struct membership *ret);

/** A seat as it is written down; what it points to is the seat's. */
void membership_seat_record(const struct membership_seat *seat, Ganger__State__Seat *ret);

/**
 * The process is dead: put right what it left. Idempotent; the seats stay taken until membership_leave().
 * Tells the events.
 * @param reason  how it ended, in words; it stands with the messages that it had.
 */
void membership_recover(struct gang_objects *objects, struct membership *m, pid_t pid, const char *reason);

/** Free the seats (and the objects that were waiting for it). The process must be recovered, or never have run. */
void membership_leave(struct gang_objects *objects, struct membership *m);

/** The process was stopped or continued by job control: wakers must know. */
void membership_freeze(struct membership *m, bool frozen);

/** Tell the process to take no more. @return whether it has anything to drain. */
bool membership_drain(struct membership *m);

/**
 * Set the flags that say that a process is held, as MEMBER_HELD and MEMBER_STANDBY in `bits` say; the others are cleared.
 * It need not have joined. All who receive where it does look again, and it too, if it is held no more.
 * @param again  also if nothing changed: whoever set them before may have died before it woke anybody.
 */
void membership_hold(struct membership *m, uint32_t bits, bool again);

/**
 * The descriptors and the text of the handshake: what `lib/worker` reads.
 * @param worker, instance  "resize", 0; of an attached process "", 0.
 * @param fds    receives the descriptors in the order in which the process finds them from `first_fd` on; they stay
 *               the membership's. Room for 2 * MEMBERSHIP_OBJECTS_MAX + 1.
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
        struct gang_objects *objects;
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
 * Attach a process to an object.
 * @param pidfd  of the process; duplicated.
 * @return 0; -ENOENT (no such object), -EINVAL (neither receive nor send), -EUSERS, -EBUSY (too many attached), …
 */
int attachment_new(struct attachment **ret, struct gang_objects *objects, const char *object, pid_t pid, int pidfd,
                   bool receive, bool send, struct error *error);

/** Take-over: one that the predecessor recorded. If it is dead already, it is recovered at once. */
int attachment_restore(struct gang_objects *objects, const Ganger__State__AttachedState *record, uint32_t state_slot);

/** Stop watching, at the end of the daemon. */
void attachment_forget(struct attachment *attachment);

#endif
