/* SPDX-License-Identifier: MIT */

/*
 * Waiting for any of several handles
 *
 * Turns what the caller asks for into what shm/wait-any.h waits for. Knows kinds by their rows only.
 */

#include "worker/wait-any.h"

#include <errno.h>

#include "base/time.h"
#include "worker/membership.h"

_Static_assert(GANGER_WAIT_MAX == WAIT_ITEMS_MAX, "what the library can, and what the header says");

static const struct {
        uint32_t kind;
        wait_item_fn item;
} kinds[] = {
        { GANGER_QUEUE, ring_wait_item },
        { GANGER_PIPE, pipe_wait_item },
        { GANGER_BROADCAST, broadcast_wait_item },
        { GANGER_SERVICE, service_wait_item },
        { GANGER_SEMAPHORE, semaphore_wait_item },
        { GANGER_MONITOR, monitor_wait_item },
        { GANGER_COUNTER, counter_wait_item },
        { GANGER_CALL, call_wait_item },
};

static const unsigned int events[] = { GANGER_RECEIVE, GANGER_SEND };

static wait_item_fn kind_find(uint32_t kind) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (kinds[i].kind == kind)
                        return kinds[i].item;
        return NULL;
}

int wait_room(const struct ganger_wait *w, uint32_t message_max, uint32_t *ret) {
        if (w->size > message_max)
                return -EMSGSIZE;
        *ret = w->size ? w->size : message_max;
        return 0;
}

/** An item for each thing that is asked for, in a fixed order. */
static int begin(const struct ganger_wait *w, struct wait_item *items, size_t *n) {
        wait_item_fn item = kind_find(w->kind);

        if (!item || !w->handle)
                return -EINVAL;
        if (w->events == 0 || w->events & ~(unsigned int)(GANGER_RECEIVE | GANGER_SEND))
                return -EINVAL;
        for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
                int r;

                if (!(w->events & events[i]))
                        continue;
                if (*n == WAIT_ITEMS_MAX)
                        return -E2BIG;
                r = item(w, events[i], &items[*n]);
                if (r < 0)
                        return r;
                ++*n;
        }
        return 0;
}

/** In the order of begin(). @return how many of the caller's are ready. */
static int finish(struct ganger_wait *waits, size_t n_waits, const struct wait_item *items) {
        int found = 0;

        for (size_t k = 0; k < n_waits; k++) {
                waits[k].ready = 0;
                for (size_t i = 0; i < ARRAY_SIZE(events); i++)
                        if (waits[k].events & events[i])
                                waits[k].ready |= items++->ready ? events[i] : 0;
                found += waits[k].ready != 0;
        }
        return found;
}

int ganger_wait_any(struct ganger_wait *waits, size_t n_waits, int64_t timeout_usec) {
        struct wait_item items[WAIT_ITEMS_MAX];
        size_t n = 0;
        int r = n_waits == 0 ? -EINVAL : 0;

        for (size_t i = 0; r == 0 && i < n_waits; i++)
                r = begin(&waits[i], items, &n);
        if (r < 0)
                return r;
        if (timeout_usec == 0)
                r = wait_any_look(items, n);
        else
                r = wait_any(items, n, timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec));
        return r < 0 ? r : finish(waits, n_waits, items);
}
