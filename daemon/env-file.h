/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_ENV_FILE_H
#define GANGER_DAEMON_ENV_FILE_H

/*
 * Files of variables, as systemd.exec(5) has them (EnvironmentFile=)
 */

#include <stddef.h>

#include "base/error.h"

struct strings;
struct worker_definition;

/** Bytes of one file. */
#define ENV_FILE_MAX (1024 * 1024)

/**
 * Called with each "NAME=value" of a text.
 * @param why  set on failure: what is wrong with it.
 * @return < 0: stop.
 */
typedef int (*env_file_fn)(void *userdata, const char *assignment, const char **why);

/**
 * Read a text. It looks at nothing else.
 * @param ret_line  set on failure: where.
 * @param ret_why   set on failure: why; a constant.
 * @return 0; -EINVAL: it is not such a text; -ENOMEM; or what `fn` returned.
 */
int env_file_parse(const char *text, size_t size, env_file_fn fn, void *userdata, unsigned int *ret_line,
                   const char **ret_why);

/** Add what the files of a worker have to its environment. @return 0; or -errno: the error names the file, and the line. */
int environment_files(struct strings *environment, const struct worker_definition *definition, struct error *error);

#endif
