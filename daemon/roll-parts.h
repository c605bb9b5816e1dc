/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_ROLL_PARTS_H
#define GANGER_DAEMON_ROLL_PARTS_H

/*
 * What the files of a roll share with each other, and with nobody else
 */

#include "base/cleanup.h"
#include "daemon/roll.h"

/** Write its record into the state memory. @return 0 or -errno, which is logged. */
int roll_save(struct roll *roll);

/** The timer of its phase is as `due_usec` says. */
void roll_arm(struct roll *roll);

/** Something came of it: an event, and a line of the log. */
void roll_tell(struct roll *roll, const char *format, ...) _printf_(2, 3);

/** It has failed, for the reason that is set. */
void roll_turn_back(struct roll *roll);

#endif
