/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_ERROR_H
#define GANGER_BASE_ERROR_H

/*
 * One readable error chain
 *
 * Where a person will read it (config, spawn, control), a function takes a `struct error *` and each
 * layer puts what it was doing in front: `worker 'db': directory '/srv/db': No such file or directory`.
 * Only the top logs it.
 */

#include "base/cleanup.h"

/** Long enough for a chain with two paths; what is longer is cut at the end. */
#define ERROR_TEXT_MAX 1024

struct error {
        int code;                       /* -errno, 0: none */
        char text[ERROR_TEXT_MAX];
};

#define ERROR_NULL ((struct error){ 0 })

/** Set the text, and the code. @return `code` (which is -errno), so that `return error_set(e, -EINVAL, …)`. */
int error_set(struct error *e, int code, const char *format, ...) _printf_(3, 4);

/** Set the text to "…: strerror(-code)". @return `code`. */
int error_errno(struct error *e, int code, const char *format, ...) _printf_(3, 4);

/** Put "…: " in front of the text that is there. @return the code that is there. */
int error_prefix(struct error *e, const char *format, ...) _printf_(2, 3);

#endif
