/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_HOST_H
#define GANGER_WORKER_HOST_H

/*
 * What is behind `struct ganger_host` and `struct ganger_member`
 *
 * A host is to its members what the manager is to its workers: it makes objects, gives out seats in them, and recovers the
 * dead. It is a participant of none of them.
 *
 * A child that was forked has a copy of all this, and the descriptors, but no mapping (MADV_DONTFORK): it may join as a
 * member, prepare to execute a program, and let go of it all. Everything that touches shared memory, or gives out what the
 * parent may give out too, is the parent's: host_is_ours().
 *
 * Locking: `lock` guards the lists, the seats and the counts of who is stopped. What else is in a member never changes
 * between its admission and its end, so that a signal handler may walk it (ganger_member_drain), and a child may, whatever
 * other threads of its parent did at the fork.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/text.h"
#include "ganger.h"
#include "shm/member.h"
#include "shm/object.h"
#include "shm/recover.h"
#include "shm/seats.h"
#include "worker/handshake.h"

struct host_object {
        struct list link;
        char name[NAME_LENGTH_MAX + 1];
        int memory_fd, event_fd;
        bool has_posix_name;            /* a name for sem_open(3), which we take away again */
        struct object object;
        struct seats seats;
        uint32_t n_stopped;             /* participants */
};

struct ganger_host {
        pthread_mutex_t lock;
        pid_t pid;                      /* the process that made it */
        char name[NAME_LENGTH_MAX + 1];
        bool fences;                    /* its objects are made so */
        struct list objects;            /* in the order in which they were added */
        struct list members;            /* in the order of their numbers */
};

struct ganger_member {
        struct ganger_host *host;
        struct list link;
        uint32_t number;                /* what ganger_instance() says: the lowest that no other member has */
        int member_fd;
        struct member memory;
        int handshake_fd;               /* for a program that is executed; -1: nobody asked yet */
        char environment[sizeof HANDSHAKE_ENV + 12];
        bool stopped, recovered;
        size_t n_seats;
        struct seat *seats;             /* each in a `struct host_object` */
        unsigned int *flags;            /* of each: GANGER_RECEIVE, GANGER_SEND */
};

/** The object that a seat is in. */
static inline struct host_object *seat_object(const struct seat *seat) {
        return container_of(seat->object, struct host_object, object);
}

/** The object of that name, or NULL. With the lock held. */
struct host_object *host_find(struct ganger_host *h, const char *name);

/** Are we the process that made it, not a child of it? */
bool host_is_ours(const struct ganger_host *h);

/** Descriptors of one member: its memory, and two for each object. */
#define MEMBER_DESCRIPTORS_MAX (1 + 2 * HANDSHAKE_OBJECTS_MAX)

/** A descriptor of its own, close-on-exec, where it is in nobody's way. Takes `fd`. @return it, or -errno. */
int host_fd(int fd);

/**
 * The descriptors of a member: its memory, then memory and event of each object.
 * @param fds  room for MEMBER_DESCRIPTORS_MAX.
 * @return how many.
 */
size_t member_descriptors(const struct ganger_member *m, int *fds);

/** Its handshake. @param numbers  of those descriptors, in the same order, for whoever will read it. */
int member_handshake(const struct ganger_member *m, const int *numbers, struct handshake **ret);

#endif
