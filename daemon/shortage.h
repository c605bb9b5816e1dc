/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SHORTAGE_H
#define GANGER_DAEMON_SHORTAGE_H

/*
 * What there is too little of: descriptors and processes
 *
 * That something could not be had is said by errno(3) in words that name neither the limit nor who sets it. Here it is
 * looked up: which limit it is, how large, and by what it is raised.
 */

#include <stdbool.h>
#include <stddef.h>

struct config;
struct error;

#define SHORTAGE_WORDS_MAX 256

/** Add to an error what is short, if its code is of that kind: EMFILE, ENFILE, EAGAIN. Others stay as they are. */
void shortage_explain(struct error *error);

/**
 * Is a descriptor of the manager one of the last that may be had? They are for the keeper, who keeps those of instances for
 * the next manager, and for those who ask what is going on; not for one instance more. (The kernel gives the lowest that is
 * free.)
 */
bool shortage_is_last(int fd);

/** Is it in the last quarter of the others? Then what can do with fewer does. */
bool shortage_is_near(int fd);

/** A configuration is about to be put into force: warn of what it can not have all of. */
void shortage_foresee(const struct config *config);

#endif
