/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_EXIT_STATUS_H
#define GANGER_BASE_EXIT_STATUS_H

/*
 * How processes end: the names that systemd has for exit statuses, and sets of ends
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** "USAGE" for 64, as systemd(1) has it (without its EXIT_ or EX_); NULL: that one has no name. */
const char *exit_status_name(int status);

/** A set of exit statuses and signals. No padding: two equal sets are equal bytes. */
struct exit_set {
        uint64_t statuses[4];           /* a bit each */
        uint64_t signals;               /* bit 0 is signal 1 */
};

#define EXIT_SET_NULL ((struct exit_set){ 0 })

/**
 * Add one: a number is an exit status; a name is that of an exit status ("TEMPFAIL"), else of a signal ("SIGUSR1").
 * @return 0; -EINVAL: there is none of that name; -ERANGE: a number past 255.
 */
int exit_set_add(struct exit_set *set, const char *text);

/** @param status  as waitpid(2) gives it, of a process that has ended. */
bool exit_set_has(const struct exit_set *set, int status);

bool exit_set_is_empty(const struct exit_set *set);

/** The first member from `from` on: 0 to 255 are exit statuses, from EXIT_SET_SIGNALS on signals. @return -1: none. */
int exit_set_next(const struct exit_set *set, int from);
#define EXIT_SET_SIGNALS 256

/** A member as exit_set_add() reads it: statuses as numbers. @return `buf`. */
char *exit_set_format(char *buf, size_t size, int member);

#endif
