/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_STORE_H
#define GANGER_KEEPER_STORE_H

/*
 * Descriptors that are kept under a name, over deaths of the manager
 */

#include <stddef.h>
#include <stdint.h>

#include "base/chain.h"
#include "base/list.h"

#define STORE_BUCKETS 1024

struct stored_descriptor {
        struct list link;               /* in store.all, oldest first */
        struct chain by_name;
        uint64_t lasting;               /* number under which the service manager has it, too; 0: it has not */
        int fd;                         /* SPAWN_FD_WINDOW or above */
        char name[];
};

struct store {
        struct chain buckets[STORE_BUCKETS];
        struct list all;
        size_t n;
};

void store_init(struct store *s);
void store_done(struct store *s);

/**
 * Keep a descriptor; one of the same name is closed.
 * @param fd  stays the caller's: the store has a copy.
 * @return 0; -EINVAL: no such name can be; -EMFILE, -ENFILE: too many; -ENOMEM.
 */
int store_put(struct store *s, const char *name, int fd);

/** The one of that name, or NULL. */
struct stored_descriptor *store_find(struct store *s, const char *name);

/** Close and forget; what is not there is no error. */
void store_drop(struct store *s, const char *name);

#endif
