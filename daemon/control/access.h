/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_ACCESS_H
#define GANGER_DAEMON_CONTROL_ACCESS_H

/*
 * Who may ask what: by the credentials of the peer, as the kernel tells them
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "daemon/policy/grant.h"

/** Of a peer that is in more groups than so many, none of them counts but its own. */
#define PEER_GROUPS_MAX 1024

/** The process that connected, as it was then. */
struct peer {
        pid_t pid;                      /* 0: in a pid namespace that we do not see */
        uid_t uid;
        gid_t gid;
        gid_t *groups;                  /* the other ones */
        size_t n_groups;
        bool owner;                     /* root, or the user of the daemon: may do everything */
        bool stranger;                  /* may do nothing at all, when it was looked at last */
};

#define PEER_NULL ((struct peer){ .uid = (uid_t)-1, .gid = (gid_t)-1 })

/** Denials that are logged in any DENIALS_PERIOD_USEC; of more only the number. */
#define DENIALS_MAX 10
#define DENIALS_PERIOD_USEC (60 * USEC_PER_SEC)

struct denials {
        uint64_t since_usec;
        unsigned int n;
};

/** Ask the kernel who is at the other end. @param ret  done by peer_done(). @return 0 or -errno. */
int peer_identify(int socket, struct peer *ret);
void peer_done(struct peer *peer);

static inline void peer_donep(struct peer *peer) {
        peer_done(peer);
}

/** What was asked for in vain. */
struct denial {
        int socket;                     /* of the peer: its program is in the log */
        const char *call;               /* "stop" */
        const char *name;               /* as it was typed; NULL: none */
        enum control_class needs;
        const char *on;                 /* what that class is missing on: "it", "the daemon", "anything" */
};

/** Log it, and say who may not do what. @return -EACCES. */
int access_deny(struct denials *denials, const struct peer *peer, const struct denial *denial, struct error *error);

#endif
