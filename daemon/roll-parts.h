/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_ROLL_PARTS_H
#define GANGER_DAEMON_ROLL_PARTS_H

/*
 * What the files of a roll share with each other, and with nobody else
 */

#include "daemon/roll.h"

/** Write its record into the state memory. @return 0 or -errno, which is logged. */
int roll_save(struct roll *roll);

/** The timer of its phase is as `due_usec` says. */
void roll_arm(struct roll *roll);

#endif
