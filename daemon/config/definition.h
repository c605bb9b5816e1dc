/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_DEFINITION_H
#define GANGER_CONFIG_DEFINITION_H

/*
 * Making definitions; inside of the configuration only.
 */

#include "daemon/config/config.h"
#include "daemon/config/keys.h"

/** Every key at its default. @return 0, -ENOMEM. */
int object_definition_new(struct object_definition **ret, enum config_section section, const char *name,
                          unsigned int line);
/** Whether a key means something to an object of that kind, with the other keys that it has. */
bool object_definition_takes(const struct object_definition *object, const struct config_key *key);
int listen_definition_new(struct listen_definition **ret, const char *name, unsigned int line);
/** @param base  directory that relative paths are relative to; copied. */
int worker_definition_new(struct worker_definition **ret, const char *name, unsigned int line,
                          const char *base);

int group_definition_new(struct group_definition **ret, const char *name, unsigned int line);
int daemon_definition_new(struct daemon_definition **ret, unsigned int line);

struct object_definition *object_definition_free(struct object_definition *object);
struct listen_definition *listen_definition_free(struct listen_definition *listen);
struct worker_definition *worker_definition_free(struct worker_definition *worker);
struct group_definition *group_definition_free(struct group_definition *group);
struct daemon_definition *daemon_definition_free(struct daemon_definition *daemon);
DEFINE_CLEANUP(struct object_definition *, object_definition_free)
DEFINE_CLEANUP(struct listen_definition *, listen_definition_free)
DEFINE_CLEANUP(struct worker_definition *, worker_definition_free)
DEFINE_CLEANUP(struct group_definition *, group_definition_free)
DEFINE_CLEANUP(struct daemon_definition *, daemon_definition_free)

#endif
