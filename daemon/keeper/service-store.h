/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_SERVICE_STORE_H
#define GANGER_KEEPER_SERVICE_STORE_H

/*
 * Descriptors that the service manager keeps for us, over the end of the keeper: systemd's fd store, sd_notify(3)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct keeper;

struct service_store {
        size_t max;                     /* how many it keeps (FileDescriptorStoreMax=); 0: none, or there is no service manager */
        size_t n;                       /* that it has, as far as we know */
        size_t names_size;              /* of their names, with what separates them */
        uint64_t next;                  /* number of the next one */
        int socket;                     /* connected to it; -1: not yet */
        struct list notes;              /* struct note: what it is yet to be told, oldest first */
        size_t n_notes;
        uint64_t patience_usec;         /* until then nothing else is done before it is told; USEC_INFINITY: nothing waits */
        uint64_t retry_usec;            /* the kernel is short of something: when it is tried again; or USEC_INFINITY */
        bool full, slow;                /* it was said that no more fit, that it does not read */
};

/** Take what it kept of the keeper before us: the descriptors that we were started with. */
void service_store_init(struct keeper *k);
void service_store_done(struct keeper *k);

/**
 * Have it keep one. It is asked before any later request of the manager is served.
 * @return the number under which it has it, never 0; 0: it does not keep it.
 */
uint64_t service_store_put(struct keeper *k, const char *name, int fd);
/** It need not keep that one. @param number  0: nothing happens. */
void service_store_remove(struct keeper *k, uint64_t number, const char *name);

/**
 * It has that one of our store, under that number, from the program that we were before. @param number  0: nothing
 * happens.
 */
void service_store_know(struct keeper *k, const char *name, uint64_t number);

/** Does something wait that must be told before a request is served? */
bool service_store_must_wait(const struct keeper *k);
/** Tell it what waits, as far as it reads. @param writable  its socket says that there is room. */
void service_store_turn(struct keeper *k, bool writable);
/** When that is due, if the socket does not tell. */
uint64_t service_store_due_usec(const struct keeper *k);

/** Tell it what waits, with patience: where there is nothing else to do before. */
void service_store_settle(struct keeper *k);

/** No manager can do anything with what it kept: forget all of it. */
void service_store_forget_all(struct keeper *k);

#endif
