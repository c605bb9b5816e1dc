/* SPDX-License-Identifier: MIT */

/*
 * Handles of the control client, and where the daemon is
 *
 * The rules for the runtime directory are those of HACKING.md, the same as the daemon's.
 */

#include "client/client.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "base/time.h"

CONTROL_PUBLIC int ganger_control_runtime_dir(char **ret) {
        const char *dir = getenv("GANGER_RUNTIME_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
        char *path;
        int n;

        if (dir && *dir)
                n = asprintf(&path, "%s", dir);
        else if (geteuid() == 0)
                n = asprintf(&path, "/run/ganger");
        else if (xdg && *xdg)
                n = asprintf(&path, "%s/ganger", xdg);
        else
                n = asprintf(&path, "/tmp/ganger-%u", (unsigned int)geteuid());
        if (n < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static int default_path(char **ret) {
        _cleanup_(freep) char *dir = NULL;
        char *path;
        int r;

        r = ganger_control_runtime_dir(&dir);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s/control", dir) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

CONTROL_PUBLIC struct ganger_control *ganger_control_free(struct ganger_control *c) {
        if (!c)
                return NULL;
        link_close(&c->link);
        free(c->path);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(struct ganger_control *, ganger_control_free)

CONTROL_PUBLIC int ganger_control_new(struct ganger_control **ret, const char *path) {
        _cleanup_(ganger_control_freep) struct ganger_control *c = NULL;
        int r;

        c = malloc(sizeof *c);
        if (!c)
                return -ENOMEM;
        *c = (struct ganger_control){ .link = LINK_NULL, .timeout_usec = GANGER_CONTROL_TIMEOUT_DEFAULT_USEC };
        if (path) {
                c->path = strdup(path);
                r = c->path ? 0 : -ENOMEM;
        } else
                r = default_path(&c->path);
        if (r < 0)
                return r;
        if (strlen(c->path) >= sizeof((struct sockaddr_un *)0)->sun_path)
                return -ENAMETOOLONG;
        *ret = TAKE(c);
        return 0;
}

CONTROL_PUBLIC void ganger_control_set_timeout(struct ganger_control *c, uint64_t timeout_usec) {
        c->timeout_usec = timeout_usec;
}

CONTROL_PUBLIC const char *ganger_control_path(const struct ganger_control *c) {
        return c->path;
}

CONTROL_PUBLIC const char *ganger_control_error(const struct ganger_control *c) {
        return c->error.text;
}

CONTROL_PUBLIC void ganger_control_reply_free(Ganger__V1__Reply *reply) {
        replyp(&reply);
}
