/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_ORDER_H
#define GANGER_DAEMON_ORDER_H

/*
 * Who starts after whom, and who needs whom
 *
 * `after` orders two workers, if both start or both end. `requires` does the same, and a worker that is started starts
 * what it requires; one that is stopped or restarted takes along who requires it. Workers that are in `conflicts` do not run
 * at the same time.
 *
 * Nothing is queued. An instance that may not start yet is `waiting`, one that may not end yet is held; at the end of
 * each turn of the loop in which something changed, order_turn() looks at those again. So a manager that takes over
 * comes to the same order from the states alone.
 */

#include <stdbool.h>
#include <stddef.h>

struct gang;
struct worker;

enum order {
        ORDER_GO,
        ORDER_WAIT,                     /* for something that is on its way */
        ORDER_STUCK,                    /* for something that is not going to come by itself */
};

/** Is it to start now? @param why  receives the reason otherwise: "after db, which is starting". */
enum order order_start(const struct worker *worker, char *why, size_t size);

/** May its processes be told to end now? Not before those are gone that come after it, and end too. */
bool order_may_end(const struct worker *worker);

/** Something changed: begin what may be begun now. */
void order_turn(struct gang *gang);

/** Call for each worker that this one requires (directly). */
void order_for_each_required(const struct worker *worker, void (*fn)(struct worker *worker, void *userdata),
                             void *userdata);

/** Call for each worker that requires this one (directly). */
void order_for_each_requiring(const struct worker *worker, void (*fn)(struct worker *worker, void *userdata),
                              void *userdata);

/** Call for each worker that must not run while this one does. */
void order_for_each_conflict(const struct worker *worker, void (*fn)(struct worker *worker, void *userdata),
                             void *userdata);

#endif
