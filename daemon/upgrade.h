/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_UPGRADE_H
#define GANGER_DAEMON_UPGRADE_H

/*
 * Another gangerd in place of this one, while every worker runs on
 *
 * The program is asked first what it can take over (`gangerd --formats`). If it can, the manager leaves, and the keeper
 * becomes that program (daemon/keeper/handover.c). One whose manager does not come up gives way again, to this one.
 */

#include "base/error.h"
#include "base/list.h"

struct gang;

/** Of a manager that has left to the keeper to become another program. */
#define UPGRADE_EXIT_STATUS 3

/** Print what this program can take over: one line, `gangerd VERSION handover=N state=N layout=N`. */
void upgrade_formats_print(void);

/** Somebody who waits for what is found of the program. It is told only if there is no upgrade: else the manager ends. */
struct upgrade_watcher {
        struct list link;
        void (*fn)(struct upgrade_watcher *watcher, const struct error *error);
};

/**
 * Begin, or join one that has begun.
 * @param path  of the program; "": where this one was started from, whatever is there by now.
 * @return 0: `watcher` is told, or this manager ends; -EBUSY: the daemon is stopping; -ENOENT, -EACCES, …
 */
int upgrade_begin(struct gang *gang, const char *path, struct upgrade_watcher *watcher, struct error *error);
void upgrade_unwatch(struct upgrade_watcher *watcher);

/** At the end: forget what is being asked. */
void upgrade_done(struct gang *gang);

#endif
