/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_RELOAD_H
#define GANGER_DAEMON_RELOAD_H

/*
 * Putting a new configuration into force: all of it or nothing
 */

#include "daemon/config/config.h"

struct gang;

/**
 * Read the configuration file again, and put it into force if it is good: what changed is started, stopped,
 * restarted or scaled, and nothing else is touched. Does not wait for that.
 * @param dry_run  only tell what would change, and whether it would be refused.
 * @param changes  receives a text, a line for each change, empty if there is none; free it.
 * @param errors   collects all that is wrong; done by the caller.
 * @return 0; -EINVAL: nothing was changed, the errors say why; -EBUSY (stopping); or another -errno.
 */
int reload(struct gang *gang, bool dry_run, char **changes, struct config_errors *errors);

/**
 * Put a configuration into force that is in no file. Processes that run by its definitions already are not touched.
 * @param config  taken if this succeeds.
 * @return as reload().
 */
int reload_config(struct gang *gang, struct config **config, struct config_errors *errors);

/** Make rings and workers for the configuration in force (`gang->config`), without starting anything. */
int reload_populate(struct gang *gang, struct error *error);

/** Store the text in force with the keeper, for the next manager. */
int reload_store(struct gang *gang);

#endif
