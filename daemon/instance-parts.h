/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_INSTANCE_PARTS_H
#define GANGER_DAEMON_INSTANCE_PARTS_H

/*
 * What the files of an instance share with each other, and with nobody else
 */

#include "base/error.h"
#include "daemon/instance.h"

/** Ask the keeper for a process. After an error nothing was asked for, and nothing is held. */
int instance_ask(struct instance *instance, struct error *error);

/** The name under which a descriptor of an instance is kept: "instance/KEY/stdout". @return `buf`. */
#define INSTANCE_STORED_MAX (INSTANCE_KEY_MAX + 20)
const char *instance_stored(char *buf, const struct instance *instance, const char *what);

/** Begin to capture from the read end of a pipe. Takes the descriptor, in any case. */
int instance_capture(struct instance *instance, enum log_stream stream, int fd);

/** Its process is gone: read the rest, close, and drop what is stored. */
void instance_capture_end(struct instance *instance);

/** Give back seats, cgroup and what is stored of a process that is gone, or never was. */
void instance_clear_process(struct instance *instance);

#endif
