/* SPDX-License-Identifier: MIT */
/*
 * Processes that are yet to be asked for
 *
 * Invariant: while the link has room, nobody waits. Those who wait are asked for in their order, each after whatever was
 * asked of the keeper before: so the acknowledgement of its former exit comes first.
 */

#include "daemon/spawn-queue.h"

#include "base/fault.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"

bool spawn_queue_put(struct instance *instance) {
        struct gang *gang = instance_gang(instance);

        if ((keeper_link_has_room(&gang->link) && list_is_empty(&gang->unasked)) || fault_is("ask-at-once"))
                return false;
        list_append(&gang->unasked, &instance->turn);
        return true;
}

void spawn_queue_turn(struct gang *gang) {
        struct list *first;

        while (keeper_link_has_room(&gang->link) && (first = list_first(&gang->unasked)))
                spawn_queue_hurry(list_entry(first, struct instance, turn));
}

void spawn_queue_hurry(struct instance *instance) {
        /* Of one that has a process it is another list. */
        if (instance->pid > 0 || list_is_empty(&instance->turn))
                return;
        list_unlink(&instance->turn);
        instance_ask_now(instance);
}
