/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CLIENT_SEEN_H
#define GANGER_CLIENT_SEEN_H

/*
 * What a stream has given already, so that a replay after a lost connection repeats nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/control.pb-c.h"

/** The last item of one source: an instance's log; or, with an empty key, the events. */
struct mark {
        char *key;
        uint64_t time_usec;
        uint64_t tie;           /* tells items of the same time apart: an event's number, a line's hash */
        bool replaying;
};

struct seen {
        struct mark *marks;
        size_t n_marks;
        uint64_t floor_usec;    /* of a source without a mark: what is older was not asked for */
};

#define SEEN_NULL ((struct seen){ 0 })

void seen_done(struct seen *s);

/** The connection was lost: from here on, what was given already is left out, until something new comes. */
void seen_replay(struct seen *s);

/**
 * Note an item.
 * @param replay  whether a connection was lost before.
 * @return 1: it is new, give it; 0: it was given already; -ENOMEM.
 */
int seen_note(struct seen *s, const Ganger__V1__Reply *item, bool replay);

#endif
