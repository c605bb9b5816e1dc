/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_FIND_GANGERD_H
#define GANGER_CTL_FIND_GANGERD_H

#include <stddef.h>

/**
 * The gangerd that belongs to this gangerctl: $GANGERD; else beside our own executable; else where it was installed; else
 * whatever PATH has.
 * @param path  room for it. @return `path`, or a word to search in PATH.
 */
const char *find_gangerd(char *path, size_t size);

#endif
