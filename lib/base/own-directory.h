/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_OWN_DIRECTORY_H
#define GANGER_BASE_OWN_DIRECTORY_H

/*
 * A directory that nobody else can put a file into: of logs, of what is remembered
 */

#include "base/error.h"

/**
 * Open a directory that nobody but us and root may write to, and that nobody but us and root can put another in the place
 * of. What is missing of the path is made, with mode 0750.
 * @param path  absolute; of a file, whose last part is left out.
 * @return a descriptor of it (O_PATH), or -errno and `e` says why.
 */
int own_directory_open(const char *path, struct error *e);

#endif
