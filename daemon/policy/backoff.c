/* SPDX-License-Identifier: MIT */

/*
 * Restart back-off
 *
 * Decides how long a failed instance waits. Pure: the caller passes the random word, so a test
 * replays a year in a millisecond.
 *
 * Invariant: a delay never exceeds the maximum, and is 0 only before the first restart of a row (or
 * where no delay was asked for at all).
 */

#include "daemon/policy/backoff.h"

#include "base/cleanup.h"

static uint64_t maximum(const struct backoff *b) {
        return MAX(b->delay_usec, b->delay_max_usec);
}

/* The middle of the jitter, which at its top then just touches the maximum. */
static uint64_t middle(const struct backoff *b, uint32_t failures) {
        uint64_t limit = maximum(b) - maximum(b) / 5, delay = b->delay_usec;

        for (uint32_t i = 1; i < failures && delay < limit; i++)
                delay = usec_add(delay, delay);
        return MIN(delay, limit);
}

uint64_t backoff_delay(const struct backoff *b, uint32_t failures, uint64_t random) {
        uint64_t base, spread, delay;

        if (failures == 0 || b->delay_usec == 0)
                return 0;
        base = middle(b, failures);
        spread = base / 4;
        /* base - spread … base + spread; the spread is below 2^62, so the width does not wrap. */
        delay = usec_add(base - spread, random % (2 * spread + 1));
        delay = MIN(delay, maximum(b));
        return delay ?: 1;
}

bool backoff_resets(const struct backoff *b, uint32_t failures, uint64_t ready_usec) {
        uint64_t next = failures && b->delay_usec ? middle(b, failures) : 0;

        return ready_usec >= MAX(next, BACKOFF_RESET_USEC);
}
