/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SMALL_FILE_H
#define GANGER_DAEMON_SMALL_FILE_H

/*
 * Files that are read whole, of a bounded size
 */

#include <stddef.h>

/**
 * Read a file. Nothing is waited for: what is no ordinary file is refused.
 * @param ret  ends with a NUL that is not counted; free it.
 * @return 0; -ENOENT, …; -EFBIG: it has more than `max` bytes; -EBADF: it is no file; -ENOMEM.
 */
int small_file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/** What small_file_read() says, in words. */
const char *small_file_problem(int error);

#endif
