/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_ROLL_H
#define GANGER_CTL_ROLL_H

/*
 * Rolling, as several verbs do it
 */

struct ctl;

/** `restart --rolling`, its names checked. @return an exit status. */
int roll_restart(struct ctl *ctl);

#endif
