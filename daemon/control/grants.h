/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_GRANTS_H
#define GANGER_DAEMON_CONTROL_GRANTS_H

/*
 * What the configuration in force gives to a peer: sets of `enum control_class`
 */

#include <stdbool.h>

#include "daemon/control/access.h"

struct control;
struct event;
struct gang_object;
struct group;
struct worker;

/** What it has on the daemon, and with it on everything. */
unsigned int grants_on_daemon(struct control *control, const struct peer *peer);

/** … on a worker and its instances. NULL: on one that is not there. */
unsigned int grants_on_worker(struct control *control, const struct peer *peer, const struct worker *worker);

/** … on every worker of a group; one without workers is the daemon's alone. */
unsigned int grants_on_group(struct control *control, const struct peer *peer, const struct group *group);

/** … on a ring, a service or a lock. NULL: on one that is not there. */
unsigned int grants_on_object(struct control *control, const struct peer *peer, const struct gang_object *object);

/** … on a listen section: view, if the peer may view a worker that is given its sockets. */
unsigned int grants_on_listen(struct control *control, const struct peer *peer, const char *name);

/** Does it have any class on anything at all? */
bool grants_any(struct control *control, const struct peer *peer);

/** May it see that event? Those of managers see all who have any class on anything. */
bool grants_show_event(struct control *control, const struct peer *peer, const struct event *event);

#endif
