/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LEASE_LOOK_H
#define GANGER_DAEMON_LEASE_LOOK_H

/*
 * What a process holds, or held when it died: messages of queues that it had received, calls of services that it was serving
 */

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "daemon/objects.h"

/** That many are named of one process; of the others only the number is told. */
#define LEASES_MAX 8

/** What became of one. These numbers are in the state memory: never reuse one. */
enum lease_outcome {
        LEASE_HELD = 0,                 /* not recovered yet */
        LEASE_AGAIN = 1,                /* it is delivered again */
        LEASE_DEAD = 2,                 /* it is a dead letter; of a call: it has failed */
        LEASE_SETTLED = 3,              /* it is gone: settled by the last step of the dead, or by another since */
        _LEASE_OUTCOME_N,
};

/** "delivered again", …: for people, and in control.proto. */
const char *lease_outcome_name(enum lease_outcome outcome);

/** A slot of an object, as one look has seen it. */
struct slot_look {
        uint64_t id;                    /* of the message; of a call the number of its slot */
        bool busy;                      /* something is in it that is to be taken, or was */
        bool leased;                    /* somebody has taken it */
        uint32_t owner;                 /* who; as membership_seat_owns() knows it */
        uint32_t deliveries;
        uint64_t lease;                 /* the same for as long as that one has it, and never again */
};

/** Whether what an object of this kind holds is leased: a queue, a service. */
bool lease_can_look(const struct gang_object *object);

/** @return false: there is no such slot. */
bool lease_slot_look(const struct gang_object *object, uint64_t slot, struct slot_look *ret);

/** Is that owner of a word the process of that seat? */
bool membership_seat_owns(const struct membership_seat *seat, uint32_t owner);

struct held_lease {
        char object[NAME_LENGTH_MAX + 1];
        uint64_t id;                    /* of the message; of a call the number of its slot */
        uint32_t deliveries;            /* that one included */
        enum lease_outcome outcome;
};

/**
 * Look for what the seats of a process hold. It is dead, and not recovered; of one that lives this is as of the moment.
 * @param leases  receives the first LEASES_MAX.
 * @return how many there are.
 */
uint32_t leases_find(const struct membership *m, struct held_lease *leases);

/** Now that it is recovered: what became of each? */
void leases_settle(struct gang_objects *objects, struct held_lease *leases, size_t n);

#endif
