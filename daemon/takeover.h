/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_TAKEOVER_H
#define GANGER_DAEMON_TAKEOVER_H

/*
 * Becoming the manager of a gang that may be at work already
 */

#include "base/error.h"
#include "keeper.pb-c.h"

struct gang;

/** Find the state memory again, or make one. */
int takeover_state(struct gang *gang, struct error *error);

/**
 * The configuration in force: the text that the predecessor stored, else the file.
 * What is wrong with it is logged.
 */
int takeover_config(struct gang *gang, struct error *error);

/** Rings, workers, instances and attached processes: as the records and the keeper tell. Starts and stops nothing. */
int takeover_tables(struct gang *gang, const Ganger__Keeper__WelcomeState *welcome, struct error *error);

/** Go on: handle the exits that nobody has acknowledged, start what is missing, stop what is too many. */
void takeover_resume(struct gang *gang, const Ganger__Keeper__WelcomeState *welcome);

/**
 * An end in order. Where a service manager keeps what is stored, it does so if the service is restarted at once: then the
 * objects are there again with what is in them, and the configuration is read anew. Nothing else is left.
 */
void takeover_leave(struct gang *gang);

#endif
