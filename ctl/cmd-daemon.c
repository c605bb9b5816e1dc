/* SPDX-License-Identifier: MIT */

/*
 * reload, shutdown, daemon-upgrade, version: the daemon itself
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "ctl/ctl.h"
#include "ctl/verbs.h"

int verb_reload(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ReloadRequest call = GANGER__V1__RELOAD_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_RELOAD;
        request.reload = &call;
        call.dry_run = option_given(&ctl->options, OPTION_DRY_RUN);
        r = ctl_call(ctl, &request, false, &reply);
        if (!reply)
                return r;
        ctl->out.ops->reload(&ctl->out, reply->reload);
        if (reply->reload->n_changes == 0)
                talk(ctl, call.dry_run ? "nothing would change" : "nothing changed");
        return r;
}

/** How long the keeper may take to end, once its manager has. */
#define KEEPER_END_MSEC 10000

/** The keeper, to see it end. @return its pidfd; -1: it cannot be seen from here (another pid namespace, say). */
static int watch_keeper(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest call = GANGER__V1__VERSION_REQUEST__INIT;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &call;
        if (ganger_control_call(ctl->client, &request, &reply) < 0)
                return -1;
        return pidfd_open(reply->version->keeper_pid, 0);
}

/** The manager goes first; whoever starts a daemon after us needs the lock that the keeper holds. */
static int wait_for_end(struct ctl *ctl, int keeper) {
        struct pollfd p = { .fd = keeper, .events = POLLIN };
        int r;

        r = ganger_control_wait_end(ctl->client);
        if (r < 0)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        if (keeper >= 0 && poll(&p, 1, KEEPER_END_MSEC) == 0)
                return complain(STATUS_FAILED, "the workers have ended, gangerd has not");
        return STATUS_DONE;
}

int verb_shutdown(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ShutdownRequest call = GANGER__V1__SHUTDOWN_REQUEST__INIT;
        _cleanup_(closep) int keeper = -1;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_SHUTDOWN;
        request.shutdown = &call;
        r = ctl_client(ctl, true);
        if (r != STATUS_DONE)
                return r;
        keeper = watch_keeper(ctl);
        r = ganger_control_call(ctl->client, &request, &reply);
        if (r < 0 && r != -ECONNRESET)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        if (!option_given(&ctl->options, OPTION_NO_WAIT)) {
                r = wait_for_end(ctl, keeper);
                if (r != STATUS_DONE)
                        return r;
        }
        ctl->out.ops->done(&ctl->out, "shutdown");
        return STATUS_DONE;
}

/** How many upgrades there were before this one. */
static int upgrades_before(struct ctl *ctl, uint32_t *ret) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest call = GANGER__V1__VERSION_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (reply)
                *ret = reply->version->upgrades;
        return r;
}

int verb_daemon_upgrade(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        _cleanup_(freep) char *path = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__DaemonUpgradeRequest call = GANGER__V1__DAEMON_UPGRADE_REQUEST__INIT;
        int r;

        if (ctl->n_args > 0) {
                path = realpath(ctl->args[0], NULL);
                if (!path)
                        return complain(STATUS_FAILED, "%s: %s", ctl->args[0], strerror(errno));
                call.program = path;
        }
        r = upgrades_before(ctl, &call.upgrades);
        if (r != STATUS_DONE)
                return r;
        request.call_case = GANGER__V1__REQUEST__CALL_DAEMON_UPGRADE;
        request.daemon_upgrade = &call;
        r = ctl_call(ctl, &request, true, &reply);
        if (reply)
                ctl->out.ops->daemon_upgrade(&ctl->out, reply->daemon_upgrade);
        return r;
}

int verb_version(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest call = GANGER__V1__VERSION_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &call;
        r = ctl_call(ctl, &request, false, &reply);
        ctl->out.ops->version(&ctl->out, PACKAGE_VERSION, reply ? reply->version : NULL);
        return r;
}
