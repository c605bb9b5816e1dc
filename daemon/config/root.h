/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_ROOT_H
#define GANGER_CONFIG_ROOT_H

/*
 * Paths in another root: what they name if that is where "/" is
 */

#include <sys/stat.h>

/** As stat(2). @param root  NULL: ours. @return 0 or -errno. */
int root_stat(const char *root, const char *path, struct stat *ret);

/**
 * Where it is in our root, without links.
 * @param root  has no links in it.
 * @return 0 or -errno.
 */
int root_find(const char *root, const char *path, char **ret);

#endif
