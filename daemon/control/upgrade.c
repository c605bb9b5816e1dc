/* SPDX-License-Identifier: MIT */

/*
 * daemon-upgrade: another gangerd in place of this one
 *
 * Who answers is the one that serves in the end. A manager that begins it ends, and with it the connection: the client
 * asks again, and is told what came of it, since it says how many there had been before.
 */

#include <errno.h>
#include <stdlib.h>

#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/upgrade.h"

/** A client that waits for what is found of the program. */
struct upgrade_wait {
        struct pending pending;
        struct upgrade_watcher watcher;
        struct error error;             /* code 0: nothing yet */
};

static int upgrade_wait_pull(struct pending *pending) {
        struct upgrade_wait *w = list_entry(pending, struct upgrade_wait, pending);
        Ganger__V1__Error error = GANGER__V1__ERROR__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;

        if (w->error.code == 0)
                return 0;
        error.code = GANGER__V1__ERROR_CODE__ERROR_FAILED;
        error.message = w->error.text;
        reply.id = pending->id;
        reply.error = &error;
        if (connection_send(pending->connection, &reply, NULL, 0) < 0)
                connection_break(pending->connection);
        return -ENODATA;
}

static void upgrade_wait_free(struct pending *pending) {
        struct upgrade_wait *w = list_entry(pending, struct upgrade_wait, pending);

        upgrade_unwatch(&w->watcher);
        free(w);
}

static const struct pending_ops upgrade_wait_ops = { .pull = upgrade_wait_pull, .free = upgrade_wait_free };

static void on_refused(struct upgrade_watcher *watcher, const struct error *error) {
        struct upgrade_wait *w = list_entry(watcher, struct upgrade_wait, watcher);

        w->error = *error;
        connection_wake(w->pending.connection);
}

static int tell_outcome(struct call *call) {
        Ganger__V1__DaemonUpgradeReply m = GANGER__V1__DAEMON_UPGRADE_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        const struct keeper_link *link = &call->gang->link;

        if (*link->upgrade_failure)
                return error_set(&call->error, -EIO, "the other program has given way, and version %s goes on: %s", PACKAGE_VERSION,
                                 link->upgrade_failure);
        m.version = (char *)PACKAGE_VERSION;
        reply.result_case = GANGER__V1__REPLY__RESULT_DAEMON_UPGRADE;
        reply.daemon_upgrade = &m;
        return call_reply(call, &reply, NULL, 0);
}

int call_daemon_upgrade(struct call *call) {
        const Ganger__V1__DaemonUpgradeRequest *request = call->request->daemon_upgrade;
        struct upgrade_wait *w;
        int r;

        if (request->upgrades != call->gang->link.upgrades)
                return tell_outcome(call);
        w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        list_init(&w->watcher.link);
        w->watcher.fn = on_refused;
        r = call_wait(call, &w->pending, &upgrade_wait_ops);
        if (r < 0) {
                free(w);
                return r;
        }
        r = upgrade_begin(call->gang, request->program, &w->watcher, &call->error);
        if (r < 0) {
                pending_end(&w->pending);
                return r == -EBUSY ? r : -EIO; /* the name is not one that a client gave */
        }
        return 0;
}
