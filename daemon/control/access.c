/* SPDX-License-Identifier: MIT */

/*
 * Who may ask what
 *
 * Root and the user of the daemon have all classes, and nobody else has any. A denial is logged; a peer that
 * asks again and again cannot fill the log.
 */

#include "daemon/control/access.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/time.h"
#include "daemon/log/log.h"

const char *control_class_name(enum control_class class) {
        switch (class) {
        case CONTROL_VIEW:
                return "view";
        case CONTROL_PRODUCE:
                return "produce";
        case CONTROL_CONSUME:
                return "consume";
        case CONTROL_OPERATE:
                return "operate";
        case CONTROL_ADMIN:
                return "admin";
        }
        return "?";
}

int peer_identify(int socket, struct peer *ret) {
        struct ucred credentials;
        socklen_t size = sizeof credentials;

        if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        *ret = (struct peer){ .pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid };
        if (ret->uid == 0 || ret->uid == geteuid())
                ret->classes = CONTROL_CLASSES_ALL;
        return 0;
}

static void denial_log(struct denials *denials, const char *text) {
        uint64_t now = now_usec();

        if (denials->n == 0 || now - denials->since_usec >= DENIALS_PERIOD_USEC) {
                if (denials->n > DENIALS_MAX)
                        log_warning("control: %u more requests were denied", denials->n - DENIALS_MAX);
                *denials = (struct denials){ .since_usec = now };
        }
        if (denials->n++ < DENIALS_MAX)
                log_warning("control: %s", text);
}

int access_check(struct denials *denials, const struct peer *peer, const char *call, enum control_class needs,
                 struct error *error) {
        if (peer->classes & (unsigned int)needs)
                return 0;
        error_set(error, -EACCES, "uid %u (pid %d) may not ask for '%s': that needs the class '%s'",
                  (unsigned int)peer->uid, (int)peer->pid, call, control_class_name(needs));
        denial_log(denials, error->text);
        return -EACCES;
}
