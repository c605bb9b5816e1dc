/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_DYNAMIC_USER_H
#define GANGER_DAEMON_DYNAMIC_USER_H

/*
 * Users that exist only while a worker runs: `dynamic-user`
 *
 * A user has a name, which is that of the worker or its `user`, and whoever wants the same name has the same user. The
 * keeper has the locks of its number too, as "user/NUMBER/NAME" and "systemd-user/NUMBER/NAME": that is all that is
 * recorded of it.
 */

#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/user.h"

struct gang;
struct worker_definition;

struct dynamic_users {
        struct list list;               /* struct dynamic_user */
        sd_event_source *timer;         /* some are to be given back, and cannot be yet */
        uint64_t delay_usec;
};

void dynamic_users_init(struct dynamic_users *users);
void dynamic_users_done(struct dynamic_users *users);

/**
 * The user of a worker that has `dynamic-user`: one that the system knows by that name, or else one that exists from now on,
 * for as long as a process of such a worker runs or is to be started again.
 * @return 0; -EPERM: only root can; -EBUSY: no number is free; -errno.
 */
int dynamic_user_take(struct gang *gang, const struct worker_definition *definition, struct user *ret, struct error *error);

/**
 * The same, for who only looks: if it does not exist, with the number that is tried first.
 * @param users  NULL: none exist.
 */
int dynamic_user_look(const struct dynamic_users *users, const struct worker_definition *definition, struct user *ret,
                      struct error *error);

/** Take-over: have what the predecessor had. Before any process is started. */
void dynamic_users_restore(struct gang *gang);

/** At the end of a turn: those that nobody needs any more go, with what they leave of IPC. */
void dynamic_users_turn(struct gang *gang);

#endif
