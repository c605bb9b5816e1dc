/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_INVOCATION_H
#define GANGER_DAEMON_INVOCATION_H

/*
 * What tells one process of an instance, and all that it starts, from every other
 */

#include <stdint.h>
#include <sys/types.h>

/** 128 bits in hexadecimal digits, as systemd has it. */
#define INVOCATION_DIGITS 32

struct invocation {
        char id[INVOCATION_DIGITS + 1]; /* "": none */
};

/**
 * The variables: the id, which systemd sets too; the same once more, under a name that nobody else sets; and whose it is.
 */
#define INVOCATION_VARIABLE "INVOCATION_ID"
#define INVOCATION_MARK "GANGER_INVOCATION_ID"
#define INVOCATION_KEEPER "GANGER_KEEPER"

/** A new one, at random. */
void invocation_make(struct invocation *ret);

/** As a cookie has it; what is none is "". */
void invocation_set(struct invocation *ret, const char *id);

/**
 * A name for a keeper that no other on this machine has had since it was booted: its pid, and when it began. @return
 * `buf`.
 */
#define INVOCATION_KEEPER_MAX 40
const char *invocation_keeper(char *buf, pid_t keeper);

#endif
