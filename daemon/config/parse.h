/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_PARSE_H
#define GANGER_CONFIG_PARSE_H

/*
 * Parsing that goes on after errors; inside of the configuration only.
 */

#include "daemon/config/config.h"

/**
 * As config_parse(), but gives a configuration also where there are errors, so that more can be found: what
 * was wrong has its default there.
 * @return 0: look at `errors`; -EINVAL: nothing could be made of it, the errors say why; another errno.
 */
int config_build(const char *text, size_t size, const char *path, struct config **ret,
                 struct config_errors *errors);

#endif
