/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_CHILDREN_H
#define GANGER_KEEPER_CHILDREN_H

/*
 * The processes of the instances: those that live, and those whose exit nobody has acknowledged
 *
 * The table is the queue of what the manager is to be told, too: `pending` lists the children with news,
 * so nothing grows while a manager does not read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/chain.h"
#include "base/list.h"

#define CHILDREN_BUCKETS 1024

/** What a process has used. */
struct child_usage {
        uint64_t user_usec, system_usec, max_rss_kib;
        uint64_t minor_faults, major_faults, voluntary_switches, involuntary_switches;
};

/** There are thousands of them, and nearly all of them live: what only one that has ended needs is beside. */
struct child_process {
        struct chain by_key, by_pid;    /* in buckets; by_pid only while it lives */
        struct list pending;            /* in children.pending, if there is news: */
        bool tell_main, tell_ending, tell_state;
        bool known;                     /* in the tables */
        bool may_fork;                  /* who its heir is may be said while it ends */
        bool ending;                    /* a zombie that is kept until the manager has heard it */
        bool exited;                    /* reaped; kept until acknowledged */
        bool stopped;
        pid_t pid;
        pid_t former;                   /* was the main process before this one, and lives; else 0 */
        pid_t heir;
        int heir_fd;                    /* pidfd of the main process from the end of this one on; or -1 */
        int status;                     /* of waitpid(2), if exited */
        uint32_t cookie_size;
        uint64_t started_usec, exited_usec;
        struct child_usage *usage;      /* NULL: it lives, or there was no memory to remember it */
        char key[];                     /* and the cookie behind it */
};

struct children {
        struct chain keys[CHILDREN_BUCKETS], pids[CHILDREN_BUCKETS];
        struct list pending;
        size_t n, n_living, n_ending, n_formers;
};

void children_init(struct children *c);
void children_done(struct children *c);

/** A child that is in no table yet. @return NULL: no memory. */
struct child_process *child_process_new(const char *key, const void *cookie, size_t cookie_size);
/** Its cookie, of `cookie_size` bytes. */
uint8_t *child_process_cookie(const struct child_process *p);
/** Take it out of the tables that it is in, and free it. @return NULL. */
struct child_process *child_process_free(struct children *c, struct child_process *p);

struct child_process *children_find_key(struct children *c, const char *key);
/** Of those that live: a pid of the dead may be somebody else's already. */
struct child_process *children_find_pid(struct children *c, pid_t pid);

/** It runs. */
void children_add(struct children *c, struct child_process *p, pid_t pid, uint64_t started_usec);
/** It was reaped. */
void children_set_exited(struct children *c, struct child_process *p, int status, const struct child_usage *usage,
                         uint64_t exited_usec);
/** What wait4(2) says. */
struct child_usage child_usage_of(const struct rusage *usage);
void children_set_stopped(struct children *c, struct child_process *p, bool stopped);
/** It has exited, and is not to be reaped yet; or, whatever it is, now is. */
void children_set_ending(struct children *c, struct child_process *p, bool ending);
/** Another process is its main process. @param former_lives  the one before is a child of ours still. */
void children_set_main(struct children *c, struct child_process *p, pid_t pid, bool former_lives);
/** Who was the main process before; 0: nobody who lives. */
void children_set_former(struct children *c, struct child_process *p, pid_t pid);
/** A process was reaped that is nobody's main process. */
void children_forget_former(struct children *c, pid_t pid);

/** For every child, in no order; the body may free it. */
#define children_for_each(it, c)                                                                                        \
        for (size_t it##_i = 0; it##_i < CHILDREN_BUCKETS; it##_i++)                                                    \
                for (struct chain *it = (c)->keys[it##_i].next, *it##_next = it ? it->next : NULL; it;                  \
                     it = it##_next, it##_next = it ? it->next : NULL)

#endif
