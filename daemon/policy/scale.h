/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_SCALE_H
#define GANGER_DAEMON_POLICY_SCALE_H

/*
 * How many instances a worker should have, by what waits for it
 *
 * One look follows the other; each says how many there should be from then on. There is too little of them when more
 * messages wait than `depth` for each, or one has waited for `age`; and too much when half of that would still hold with
 * fewer. Either must last for a while before anything follows, and after each change comes a pause. What makes it grow at
 * one number of instances never makes it shrink at the next, so under a load that stays the same it comes to rest. Pure:
 * the caller passes the time.
 */

#include <stdbool.h>
#include <stdint.h>

struct scale_options {
        uint32_t min, max;              /* min <= max */
        uint32_t depth;                 /* scale-on-depth; 0: it does not matter */
        uint64_t up_delay_usec, down_delay_usec;
        uint64_t cool_down_usec;
        uint32_t step;                  /* at least 1 */
};

/** What is seen at one moment. */
struct scale_facts {
        uint64_t waiting;               /* messages, and calls, that nobody has received */
        bool busy;                      /* somebody has one */
        bool old;                       /* one has waited for longer than scale-on-age */
};

struct scale {
        uint64_t above_usec, below_usec; /* since when there is too little, or too much; 0: there is not */
        uint64_t changed_usec;          /* the last change; 0: never */
};

#define SCALE_NULL ((struct scale){ 0 })

/**
 * Look.
 * @param now     not 0; never smaller than before.
 * @param wanted  how many there are to be until now; outside of min … max it comes back there at once.
 * @return how many there are to be.
 */
uint32_t scale_look(struct scale *s, const struct scale_options *o, const struct scale_facts *facts, uint32_t wanted,
                    uint64_t now);

/** When something follows at last, if nothing that is seen changes; USEC_INFINITY: never. */
uint64_t scale_due(const struct scale *s, const struct scale_options *o);

/* ---- how long something has waited ------------------------------------------------------------- */

/** Looks that are remembered of one ring. */
#define SCALE_MARKS 16

/**
 * Messages do not say when they were sent. But those that have been accepted since an earlier look are as many as can be
 * younger than it: if more are waiting, one is older.
 */
struct scale_age {
        struct scale_mark {
                uint64_t at_usec, accepted;
        } marks[SCALE_MARKS];
        uint32_t n;                     /* of them, the oldest first */
};

#define SCALE_AGE_NULL ((struct scale_age){ 0 })

/**
 * Look at a ring.
 * @param accepted  so many messages, since the ring was made. @param waiting  of them.
 * @return whether one has waited for `age_usec`, or longer; seen a sixteenth of that late at most, or as late as looks come.
 */
bool scale_age_look(struct scale_age *a, uint64_t accepted, uint64_t waiting, uint64_t age_usec, uint64_t now);

#endif
