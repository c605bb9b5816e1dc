/* SPDX-License-Identifier: MIT */
/*
 * What a dead process held, and what became of it
 *
 * Others work in the same memory meanwhile, and may do so in bad faith: a word is read once, and means what it says at
 * that moment. What the dead one holds does not change before it is recovered; afterwards anybody may have taken it, and
 * been done with it, before we look.
 */

#include "daemon/lease-look.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "shm/object.h"
#include "shm/recover.h"

const char *lease_outcome_name(enum lease_outcome outcome) {
        static const char *const names[_LEASE_OUTCOME_N] = {
                [LEASE_HELD] = "not recovered yet", [LEASE_AGAIN] = "delivered again", [LEASE_DEAD] = "dead letter",
                [LEASE_SETTLED] = "settled",
        };

        return (unsigned int)outcome < _LEASE_OUTCOME_N ? names[outcome] : "?";
}

/* A slot of an object: its word, and which message or call it is about. @return false: there is no such slot. */
static bool slot_look(const struct gang_object *object, uint64_t slot, uint64_t *ret_word, uint64_t *ret_id) {
        const struct queue *q = &object->shm->queue;
        const struct service *service = &object->shm->service;

        if (object->geometry.kind == OBJECT_QUEUE && slot < q->n) {
                *ret_word = atomic_load_explicit(&queue_slot(q, (uint32_t)slot)->word, memory_order_acquire);
                *ret_id = queue_message_id(q, (uint32_t)slot, *ret_word);
        } else if (object->geometry.kind == OBJECT_SERVICE && slot < service->n) {
                *ret_word = atomic_load_explicit(&service_slot(service, (uint32_t)slot)->word, memory_order_acquire);
                *ret_id = slot;
        } else
                return false;
        return true;
}

/* Calls that nobody waits for any more are not worth a line. */
static bool is_held(const struct gang_object *object, uint64_t word) {
        return object->geometry.kind == OBJECT_QUEUE ? word_state(word) == SLOT_LEASED : call_state(word) == CALL_SERVING;
}

bool membership_seat_owns(const struct membership_seat *s, uint32_t owner) {
        const struct seat seat = { .first = s->first, .count = s->count, .generation = s->generation };

        return seat_owns(&seat, owner);
}

bool lease_can_look(const struct gang_object *object) {
        return object->geometry.kind == OBJECT_QUEUE || object->geometry.kind == OBJECT_SERVICE;
}

/* A caller that gives a call up changes its state, and nothing for the server. */
bool lease_slot_look(const struct gang_object *object, uint64_t slot, struct slot_look *ret) {
        bool queue = object->geometry.kind == OBJECT_QUEUE;
        uint64_t word, id;

        if (!slot_look(object, slot, &word, &id))
                return false;
        *ret = (struct slot_look){
                .id = id,
                .leased = is_held(object, word) || (!queue && call_state(word) == CALL_ABANDONED),
                .owner = word_owner(word),
                .deliveries = word_deliveries(word),
                .lease = word >> WORD_STATE_BITS,
        };
        ret->busy = ret->leased || (queue ? word_state(word) == SLOT_READY || word_state(word) == SLOT_RETURNED
                                          : call_state(word) == CALL_READY);
        return true;
}

static uint32_t find_in_seat(const struct membership_seat *seat, struct held_lease *leases, uint32_t n) {
        uint64_t word, id;

        for (uint64_t slot = 0; slot_look(seat->object, slot, &word, &id); slot++) {
                if (!is_held(seat->object, word) || !membership_seat_owns(seat, word_owner(word)))
                        continue;
                if (n < LEASES_MAX) {
                        leases[n] = (struct held_lease){ .id = id, .deliveries = word_deliveries(word) };
                        snprintf(leases[n].object, sizeof leases[n].object, "%s", seat->object->name);
                }
                n++;
        }
        return n;
}

uint32_t leases_find(const struct membership *m, struct held_lease *leases) {
        uint32_t n = 0;

        for (size_t i = 0; i < m->n_seats; i++)
                if (m->seats[i].receives)
                        n = find_in_seat(&m->seats[i], leases, n);
        return n;
}

/* The number of a message says in which slot it is, for as long as it is in one. */
static enum lease_outcome outcome_of(const struct gang_object *object, const struct held_lease *lease) {
        const struct queue *q = &object->shm->queue;
        uint64_t slot = lease->id, word, id;

        if (object->geometry.kind == OBJECT_QUEUE)
                slot &= (UINT64_C(1) << q->log2) - 1;
        if (!slot_look(object, slot, &word, &id) || id != lease->id)
                return LEASE_SETTLED;
        if (object->geometry.kind == OBJECT_SERVICE)
                return call_state(word) == CALL_READY || call_state(word) == CALL_SERVING ? LEASE_AGAIN : LEASE_DEAD;
        switch (word_state(word)) {
        case SLOT_READY:
        case SLOT_RETURNED:
        case SLOT_LEASED:
                return LEASE_AGAIN;
        case SLOT_DEAD:
                return LEASE_DEAD;
        case SLOT_FREE:
        case SLOT_WRITING:
        default:
                return LEASE_SETTLED;
        }
}

void leases_settle(struct gang_objects *objects, struct held_lease *leases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const struct gang_object *object = gang_object_find(objects, leases[i].object);

                leases[i].outcome = object ? outcome_of(object, &leases[i]) : LEASE_SETTLED;
        }
}
