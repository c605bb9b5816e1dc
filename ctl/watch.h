/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_WATCH_H
#define GANGER_CTL_WATCH_H

/*
 * Verbs that show what streams
 */

#include "ctl/ctl.h"

/** Whether an item is to be shown. */
typedef bool (*watch_fn)(void *userdata, const Ganger__V1__Reply *item);

/**
 * Ask for a stream, and show each of its items as it comes.
 * @param takes  may be NULL: all are shown.
 * @return the exit status.
 */
int watch(struct ctl *ctl, Ganger__V1__Request *request, watch_fn takes, void *userdata);

#endif
