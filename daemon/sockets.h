/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SOCKETS_H
#define GANGER_DAEMON_SOCKETS_H

/*
 * The sockets of the gang: opened once, kept with the keeper (listen/NAME/…), given to processes
 *
 * A socket is known by its section, its type and its address. It stays open over every restart of a worker, over deaths
 * of the manager, and over a reload that does not remove it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/config/address.h"
#include "daemon/config/config.h"
#include "state.pb-c.h"

struct gang;

struct gang_socket {
        struct gang *gang;
        struct list link;               /* gang->sockets.list */
        char *name;                     /* of its section */
        char *text;                     /* its address, as it is written */
        int type;                       /* SOCK_STREAM, … */
        struct listen_address address;
        int fd;
        uint64_t device, inode;         /* of its file, if it has one */
        uint32_t connections, waiting;  /* as of the last sockets_count() */
        bool removed;                   /* no longer defined, or not known yet to be */
        bool prepared;                  /* opened for a configuration that is not in force yet */
        uint32_t state_slot;
};

struct gang_sockets {
        struct gang *gang;
        struct list list;               /* struct gang_socket */
};

void gang_sockets_init(struct gang_sockets *sockets, struct gang *gang);

/** Close all; at the end of the daemon, remove their files. */
void gang_sockets_done(struct gang_sockets *sockets);

/** An end in order: what does not outlive the daemon is not to be found by the next one. */
void gang_sockets_leave(struct gang_sockets *sockets);

/** Take-over: one that the predecessor recorded. It is `removed` until its section asks for it. */
int gang_socket_restore(struct gang_sockets *sockets, const Ganger__State__SocketState *record, uint32_t state_slot);

/** Open what a section defines and is not open yet. After an error those opened by this stay `prepared`. */
int gang_sockets_add(struct gang_sockets *sockets, const struct listen_definition *listen, struct error *error);

/** The new configuration is refused: close what was opened for it. */
void gang_sockets_abandon(struct gang_sockets *sockets);

/** It is in force: adjust those that stay, and close those that it does not define. */
void gang_sockets_apply(struct gang_sockets *sockets, const struct config *config);

/** The socket of that kind, or NULL. */
struct gang_socket *gang_socket_find(struct gang_sockets *sockets, const char *name, int type, const char *address);

/** What a process finds of them. */
struct given_sockets {
        int fds[CONFIG_WORKER_SOCKETS_MAX];
        size_t n;
        char *names;                    /* of each, with ':' between; free it */
};

#define GIVEN_SOCKETS_NULL ((struct given_sockets){ 0 })

static inline void given_sockets_done(struct given_sockets *given) {
        free(given->names);
}

/** The sockets of a worker. The descriptors stay ours. @return 0, -ENOENT, -E2BIG, -ENOMEM. */
int gang_sockets_give(struct gang_sockets *sockets, const struct worker_definition *worker, struct given_sockets *ret);

#endif
