/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_ACCESS_H
#define GANGER_DAEMON_CONTROL_ACCESS_H

/*
 * Who may ask what: by the credentials of the peer, as the kernel tells them
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/** Classes of requests; a peer has a set of them. */
enum control_class {
        CONTROL_VIEW = 1 << 0,
        CONTROL_PRODUCE = 1 << 1,
        CONTROL_CONSUME = 1 << 2,
        CONTROL_OPERATE = 1 << 3,
        CONTROL_ADMIN = 1 << 4,
};

#define CONTROL_CLASSES_ALL                                                                     \
        (CONTROL_VIEW | CONTROL_PRODUCE | CONTROL_CONSUME | CONTROL_OPERATE | CONTROL_ADMIN)

/** "view", …, "admin". */
const char *control_class_name(enum control_class class);

/** The process that connected. */
struct peer {
        pid_t pid;                      /* 0: in a pid namespace that we do not see */
        uid_t uid;
        gid_t gid;
        unsigned int classes;           /* of enum control_class */
};

/** Denials that are logged in any DENIALS_PERIOD_USEC; of more only the number. */
#define DENIALS_MAX 10
#define DENIALS_PERIOD_USEC (60 * USEC_PER_SEC)

struct denials {
        uint64_t since_usec;
        unsigned int n;
};

/** Ask the kernel who is at the other end. @return 0 or -errno. */
int peer_identify(int socket, struct peer *ret);

/** A peer that has no class at all. */
static inline bool peer_is_stranger(const struct peer *peer) {
        return peer->classes == 0;
}

/**
 * May the peer ask this?
 * @param call  what it asks, for the message: "stop".
 * @return 0; -EACCES: it may not; that was logged, and the error says who and what.
 */
int access_check(struct denials *denials, const struct peer *peer, const char *call, enum control_class needs,
                 struct error *error);

#endif
