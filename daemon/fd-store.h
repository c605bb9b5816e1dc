/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_FD_STORE_H
#define GANGER_DAEMON_FD_STORE_H

/*
 * Descriptors that a process leaves for the next one of its instance: FDSTORE=1 of sd_notify(3)
 *
 * They outlive the process and the manager, since the keeper has them too, as "instance/KEY/fd/NUMBER/NAME"; not a stop.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/keeper-link.h"

struct gang;
struct instance;

struct fd_store {
        struct list fds;                /* struct kept_fd, oldest first */
        size_t n;
        uint64_t next;                  /* number of the next one */
};

void fd_store_init(struct fd_store *store);

/**
 * Keep descriptors. One that is kept already, and what is more than `fd-store-max`, is not.
 * @param name  NULL: "stored".
 * @param poll  one that hangs up is dropped.
 * @param fds   duplicated.
 */
void fd_store_add(struct instance *instance, const char *name, bool poll, const int *fds, size_t n_fds);

/** Drop all of that name. */
void fd_store_remove(struct instance *instance, const char *name);

/** Drop all. */
void fd_store_clear(struct instance *instance);

/** Take what the predecessor had stored with the keeper, of all instances. */
void fd_stores_restore(struct gang *gang);

/** The descriptors for a process, from `fds->fds[fds->n]` on. @return 0; -E2BIG. */
int fd_store_give(const struct fd_store *store, struct keeper_link_fds *fds);
/** Their names, as in LISTEN_FDNAMES. @return to be freed; NULL: no memory. */
char *fd_store_names(const struct fd_store *store);

/** Close; the keeper's stay. */
void fd_store_done(struct fd_store *store);

#endif
