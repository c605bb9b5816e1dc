/* SPDX-License-Identifier: MIT */

/*
 * A user that exists only while a worker runs
 *
 * What it implies is systemd's, and cannot be had without: whoever has its number next must find nothing of what it has
 * made.
 */

#include <string.h>

#include "base/fault.h"
#include "daemon/config/checker.h"

/* As systemd has it of names; what is longer is too much for utmp(5). */
#define USER_NAME_MAX 31
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS "0123456789"

static void check_name(const struct checker *c, const char *name) {
        if (!name[strspn(name, DIGITS)])
                complain(c, "user", "with dynamic-user it is a name: whose number is given runs without");
        else if (strchr(DIGITS "-.", name[0]) || name[strspn(name, LETTERS DIGITS "-.")])
                complain(c, "user", "with dynamic-user it begins with a letter and has only letters, digits, '_', '-', '.'");
        else if (strlen(name) > USER_NAME_MAX)
                complain(c, "user", "with dynamic-user it has at most %d bytes", USER_NAME_MAX);
        else if (strcmp(name, "root") == 0)
                complain(c, "user", "root is not dynamic");
}

static void imply(struct worker_isolation *i) {
        i->no_new_privileges = true;
        i->restrict_suid_sgid = true;
        i->private_tmp = true;
        i->protect_system = WORKER_SYSTEM_STRICT;
        if (i->protect_home == WORKER_HOME_NO)
                i->protect_home = WORKER_HOME_READ_ONLY;
}

void check_dynamic_user(const struct checker *c, struct worker_definition *w) {
        if (!w->dynamic_user)
                return;
        if (w->user)
                check_name(c, w->user);
        else if (strcmp(w->name, "root") == 0)
                complain(c, "dynamic-user", "its user would be called as the worker is, and root is not dynamic");
        if (!fault_is("dynamic-implies-nothing"))
                imply(&w->isolation);
}
