/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_DAMAGE_H
#define GANGER_SHM_DAMAGE_H

/*
 * Damage: what stands in the memory of an object that nobody who keeps to its protocol can have written there
 *
 * Each kind looks at its own words (`inspect` in its row of operations), and says what is wrong with them: which word, what
 * it holds, what may stand there. It looks while others work, so it may call damage only what no order of their steps can
 * show; and what it calls sound is only what does not contradict itself: a message whose bytes were overwritten, or a
 * counter with another value, looks like any other.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct eventcount;
struct object;

/** Long enough for the longest of them. */
#define DAMAGE_TEXT_MAX 192

struct damage {
        uint32_t n;                     /* things that are wrong; 0: none was found */
        char text[DAMAGE_TEXT_MAX];     /* the first of them, one line; "" */
};

#define DAMAGE_NULL ((struct damage){ 0 })

/**
 * Look for damage. Changes nothing, trusts nothing; every loop is bounded by the geometry.
 * Nobody may give out or take back seats in the object meanwhile, if it has them (`object.seats`).
 * @return whether there is any.
 */
bool object_inspect(const struct object *o, struct damage *ret);

/* ---- for the kinds ------------------------------------------------------------------------------- */

/** Something is wrong. The first text is kept. */
void damage_add(struct damage *d, const char *format, ...) _printf_(2, 3);

/** An owner, as words name it: is it a member? Where nobody knows the members, whatever can be one is. */
bool damage_is_member(const struct object *o, uint32_t owner);
/** "participant 7 (generation 3)". @param buf  DAMAGE_OWNER_MAX bytes. */
const char *damage_owner(char *buf, uint32_t owner);
#define DAMAGE_OWNER_MAX 48

/** Those who wait: the words that only we change, or nobody. */
void damage_check_waiters(struct damage *d, const struct eventcount *c, const char *who);

#endif
