/* SPDX-License-Identifier: MIT */

/*
 * Grants
 *
 * Invariant: what cannot be read, and a name that nobody has, gives nothing to anybody.
 */

#include "daemon/policy/grant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/** From the least on. Each includes those of its row. */
static const struct {
        enum control_class class;
        unsigned int includes;
} classes[] = {
        { CONTROL_VIEW, CONTROL_VIEW },
        { CONTROL_PRODUCE, CONTROL_VIEW | CONTROL_PRODUCE },
        { CONTROL_CONSUME, CONTROL_VIEW | CONTROL_CONSUME },
        { CONTROL_OPERATE, CONTROL_VIEW | CONTROL_PRODUCE | CONTROL_CONSUME | CONTROL_OPERATE },
        { CONTROL_ADMIN, CONTROL_CLASSES_ALL },
};

static const char *const class_names[] = { "view", "produce", "consume", "operate", "admin", NULL };
_Static_assert(ARRAY_SIZE(class_names) == ARRAY_SIZE(classes) + 1, "each class has a name");

const char *control_class_name(enum control_class class) {
        for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
                if (classes[i].class == class)
                        return class_names[i];
        return "?";
}

unsigned int grant_includes(enum control_class class) {
        for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
                if (classes[i].class == class)
                        return classes[i].includes;
        return 0;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static int class_parse(const char *text, unsigned int *ret, struct error *error) {
        const char *nearest;

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
                if (strcmp(class_names[i], text) == 0) {
                        *ret = classes[i].includes;
                        return 0;
                }
        nearest = text_nearest(text, class_names);
        if (nearest)
                return error_set(error, -EINVAL, "unknown class '%.64s'; did you mean '%s'?", text, nearest);
        return error_set(error, -EINVAL, "unknown class '%.64s'; it is one of view, produce, consume, operate or admin",
                         text);
}

/* What no name of a user or a group has in it, in whatever directory it is kept. */
static bool is_name(const char *text, size_t size) {
        if (size == 0 || size > GRANT_NAME_MAX || text[0] == '-')
                return false;
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || strchr(":,*/", text[i]))
                        return false;
        return true;
}

/** @return whether it is a number at all. */
static bool number_parse(const char *text, size_t size, uint64_t *ret) {
        if (size == 0 || strspn(text, "0123456789") != size)
                return false;
        *ret = size > 10 ? UINT64_MAX : strtoull(text, NULL, 10);
        return true;
}

static int who_parse(const char *text, size_t size, struct grant *grant, struct error *error) {
        const char *what = "user";
        uint64_t number;

        if (size == 1 && text[0] == '*') {
                grant->who = GRANT_ANYBODY;
                return 0;
        }
        grant->who = GRANT_USER;
        if (text[0] == '@') {
                grant->who = GRANT_GROUP;
                what = "group";
                text++;
                size--;
        }
        if (number_parse(text, size, &number)) {
                if (number >= UINT32_MAX)
                        return error_set(error, -EINVAL, "'%.*s' is not the number of a %s", (int)MIN(size, 64u), text,
                                         what);
                grant->number = (uint32_t)number;
                return 0;
        }
        if (!is_name(text, size))
                return error_set(error, -EINVAL, "'%.*s' is not the name of a %s; anybody is *", (int)MIN(size, 64u), text,
                                 what);
        memcpy(grant->name, text, size);
        return 0;
}

int grant_parse(const char *text, struct grant *ret, struct error *error) {
        const char *colon = strrchr(text, ':');
        struct grant grant = { .name = "" };
        int r;

        if (!colon || colon == text)
                return error_set(error, -EINVAL, "'%.64s' is not of the form WHO:CLASS, such as \"@ops:operate\"", text);
        r = class_parse(colon + 1, &grant.classes, error);
        if (r >= 0)
                r = who_parse(text, (size_t)(colon - text), &grant, error);
        if (r < 0)
                return r;
        *ret = grant;
        return 0;
}

/* ---- whom it covers ---------------------------------------------------------------------------- */

static bool has_group(const struct grant_peer *peer, gid_t gid) {
        if (peer->gid == gid)
                return true;
        for (size_t i = 0; i < peer->n_groups; i++)
                if (peer->groups[i] == gid)
                        return true;
        return false;
}

bool grant_covers(const struct grant *grant, const struct grant_peer *peer, grant_lookup_fn lookup, void *userdata) {
        uint32_t number = grant->number;

        if (grant->who == GRANT_ANYBODY)
                return true;
        if (grant->name[0] && lookup(userdata, grant->who, grant->name, &number) < 0)
                return false;
        return grant->who == GRANT_USER ? peer->uid == number : has_group(peer, number);
}

unsigned int grants_classes(char *const *grants, const struct grant_peer *peer, grant_lookup_fn lookup, void *userdata) {
        unsigned int classes_given = 0;
        struct grant grant;

        for (; grants && *grants; grants++)
                if (grant_parse(*grants, &grant, NULL) >= 0 && (grant.classes & ~classes_given) != 0 &&
                    grant_covers(&grant, peer, lookup, userdata))
                        classes_given |= grant.classes;
        return classes_given;
}
