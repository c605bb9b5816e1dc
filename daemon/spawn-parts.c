/* SPDX-License-Identifier: MIT */
/*
 * Arguments and environment of a process that is asked for
 *
 * A list owns its strings. Nothing of the daemon's own environment gets through but what is named here.
 */

#include "daemon/spawn-parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- lists of strings -------------------------------------------------------------------------- */

void strings_done(struct strings *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->v[i]);
        free(s->v);
        *s = STRINGS_NULL;
}

int strings_take(struct strings *s, char *string) {
        char **v = string ? reallocarray(s->v, s->n + 2, sizeof *v) : NULL;

        if (!v) {
                free(string);
                return -ENOMEM;
        }
        s->v = v;
        v[s->n++] = string;
        v[s->n] = NULL;
        return 0;
}

int strings_add(struct strings *s, const char *string) {
        return strings_take(s, strdup(string));
}

int environment_set(struct strings *s, const char *assignment) {
        size_t length = strcspn(assignment, "=") + 1;

        for (size_t i = 0; i < s->n; i++)
                if (strncmp(s->v[i], assignment, length) == 0) {
                        char *string = strdup(assignment);

                        if (!string)
                                return -ENOMEM;
                        free(s->v[i]);
                        s->v[i] = string;
                        return 0;
                }
        return strings_add(s, assignment);
}

int environment_setf(struct strings *s, const char *format, ...) {
        _cleanup_(freep) char *assignment = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&assignment, format, args);
        va_end(args);
        if (n < 0) {
                assignment = NULL;
                return -ENOMEM;
        }
        return environment_set(s, assignment);
}

static int environment_inherit(struct strings *s, const char *name) {
        const char *value = getenv(name);

        return value ? environment_setf(s, "%s=%s", name, value) : 0;
}

/* ---- environment ------------------------------------------------------------------------------- */

/* Who it runs as: as that user's login would have it, or, without `user`, as the daemon's own user has it. */
static int environment_user(struct strings *s, const struct user *user) {
        static const char *const inherited[] = { "HOME", "USER", "LOGNAME", "SHELL", "XDG_RUNTIME_DIR" };
        int r = 0;

        if (user->name) {
                if (user->home)
                        r = environment_setf(s, "HOME=%s", user->home);
                if (r >= 0)
                        r = environment_setf(s, "USER=%s", user->name);
                if (r >= 0)
                        r = environment_setf(s, "LOGNAME=%s", user->name);
                return r < 0 || !user->shell ? r : environment_setf(s, "SHELL=%s", user->shell);
        }
        for (size_t i = 0; i < ARRAY_SIZE(inherited) && geteuid() != 0 && r >= 0; i++)
                r = environment_inherit(s, inherited[i]);
        return r;
}

int environment_base(struct strings *s, const struct worker_definition *definition, const struct user *user) {
        const char *path = getenv("PATH");
        int r;

        r = environment_setf(s, "PATH=%s", path ? path : PATH_DEFAULT);
        if (r >= 0)
                r = environment_inherit(s, "LANG");
        if (r >= 0)
                r = environment_user(s, user);
        for (char **assignment = definition->environment; *assignment && r >= 0; assignment++)
                r = environment_set(s, *assignment);
        return r;
}
