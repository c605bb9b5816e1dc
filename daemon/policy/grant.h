/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_GRANT_H
#define GANGER_DAEMON_POLICY_GRANT_H

/*
 * Grants: who may ask what of a thing
 *
 * A grant is text, as `allow` of the configuration has it: WHO:CLASS. What a class includes stands here alone. Pure: the
 * caller knows what number a name has.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/** Classes of requests. Each grant is of one, and stands for a set of them: see grant_includes(). */
enum control_class {
        CONTROL_VIEW = 1 << 0,
        CONTROL_PRODUCE = 1 << 1,
        CONTROL_CONSUME = 1 << 2,
        CONTROL_OPERATE = 1 << 3,
        CONTROL_ADMIN = 1 << 4,
};

#define CONTROL_CLASSES_ALL                                                                     \
        (CONTROL_VIEW | CONTROL_PRODUCE | CONTROL_CONSUME | CONTROL_OPERATE | CONTROL_ADMIN)

/** "view", …, "admin". */
const char *control_class_name(enum control_class class);

/** A class with those below it: view < produce, consume < operate < admin. */
unsigned int grant_includes(enum control_class class);

/** The longest name of a user or a group; no system has longer ones. */
#define GRANT_NAME_MAX 255

enum grant_who {
        GRANT_ANYBODY,                  /* "*" */
        GRANT_USER,
        GRANT_GROUP,                    /* "@ops" */
};

struct grant {
        enum grant_who who;
        char name[GRANT_NAME_MAX + 1];  /* "": it is a number */
        uint32_t number;
        unsigned int classes;           /* of enum control_class, with those that are included */
};

/**
 * Read "ops:view", "@ops:operate", "1000:view", "*:view". What is all digits is a number, and never a name.
 * @return 0; -EINVAL: the error says why.
 */
int grant_parse(const char *text, struct grant *ret, struct error *error);

/** Who asks. */
struct grant_peer {
        uid_t uid;
        gid_t gid;
        const gid_t *groups;            /* the other ones */
        size_t n_groups;
};

/** Which number a name has now. @return 0; else nobody has that name, or it is not known. */
typedef int (*grant_lookup_fn)(void *userdata, enum grant_who who, const char *name, uint32_t *ret);

/** Is it given to that peer? */
bool grant_covers(const struct grant *grant, const struct grant_peer *peer, grant_lookup_fn lookup, void *userdata);

/**
 * All that a list of grants gives to a peer: a set of classes.
 * @param grants  ends with NULL; may be NULL. Of what is none, nothing comes.
 */
unsigned int grants_classes(char *const *grants, const struct grant_peer *peer, grant_lookup_fn lookup, void *userdata);

#endif
