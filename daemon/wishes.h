/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_WISHES_H
#define GANGER_DAEMON_WISHES_H

/*
 * What people have wished, over the end of the daemon
 *
 * Which workers and instances were stopped or drained by hand, and how many instances were asked for: a small text in the
 * state directory, replaced as a whole when that changes, and read when a daemon begins. While it runs the state memory
 * has the same, so a manager that takes over does not read it.
 */

struct gang;

/** A daemon begins: do as was wished before. What is no longer defined, and what is not to be remembered, is left out. */
void wishes_load(struct gang *gang);

/** Something may have changed: it is written at the end of this turn of the loop. */
void wishes_touch(struct gang *gang);

/** At the end of a turn. */
void wishes_turn(struct gang *gang);

/** The gang goes. */
void wishes_done(struct gang *gang);

#endif
