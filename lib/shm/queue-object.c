/* SPDX-License-Identifier: MIT */

/*
 * The queue as an object: its memory, and its recovery
 *
 * Order matters in recovery. Producers come first, since a slot that is freed tells no more whether its message was
 * accepted. The epoch moves only after every slot is put right, and always, since a receiver or an earlier recovery may
 * have been killed between giving a slot back and moving it; so the alarm, and the limit of dead letters. Waking comes
 * last.
 */

#include "shm/queue-object.h"

#include <errno.h>

#include "shm/fault.h"
#include "shm/recover.h"

/** A word that changes under recovery more often than this was not changed by anybody honest. */
#define RECOVER_TRIES 16

/** With a heap there are messages that a slot does not hold, and the longest fits. */
static int check_heap(const struct geometry *g) {
        if (g->heap == 0)
                return queue_slot_size(g) == g->message_max ? 0 : -EINVAL;
        if (g->slot_size == 0 || g->slot_size >= g->message_max)
                return -EINVAL;
        if (g->heap > QUEUE_HEAP_MAX)
                return -E2BIG;
        return g->heap >= g->message_max ? 0 : -EINVAL;
}

static int queue_check(const struct geometry *g) {
        if (g->slots == 0 || (g->slots & (g->slots - 1)) || g->message_max == 0 || g->max_deliveries == 0)
                return -EINVAL;
        if (g->slots < QUEUE_SLOTS_MIN)
                return -EINVAL;
        if (g->slots > QUEUE_SLOTS_MAX || g->message_max > QUEUE_MESSAGE_MAX || g->max_deliveries > DELIVERIES_MAX)
                return -E2BIG;
        return g->policy < _QUEUE_DEAD_POLICY_N ? check_heap(g) : -EINVAL;
}

static void queue_object_open(struct object *o) {
        queue_open(&o->queue, &o->region, 0, 0, o->event_fd);
}

static void queue_wake_receivers(struct object *o) {
        wait_wake_all(&o->queue.messages);
}

/** Somebody may have died between giving a message back (a dead letter, say) and telling of it. */
static void queue_wake_everybody(struct object *o) {
        queue_bump_epoch(&o->queue, UINT64_MAX);
        queue_alarm_renew(&o->queue);
        queue_dead_limit(&o->queue);
        wait_wake_all(&o->queue.messages);
        wait_wake_all(&o->queue.space);
}

static void queue_set_stopped(struct object *o, uint32_t n) {
        struct queue *q = &o->queue;

        if (atomic_load(&q->control->messages.stopped) != n)
                wait_set_stopped(&q->messages, n);
        if (atomic_load(&q->control->space.stopped) != n)
                wait_set_stopped(&q->space, n);
}

/* ---- slots ------------------------------------------------------------------------------------- */

/** What becomes of a slot that a dead participant owned. @return false: nothing. */
static bool repaired(const struct queue *q, uint64_t w, uint64_t *ret) {
        switch (word_state(w)) {
        case SLOT_WRITING:
                *ret = word_make(word_lap(w) + 1, 0, 0, SLOT_FREE);
                return true;
        case SLOT_LEASED:
                *ret = word_make(word_lap(w), 0, word_deliveries(w),
                                 word_deliveries(w) >= q->max_deliveries ? SLOT_DEAD : SLOT_RETURNED);
                return true;
        default:
                return false;
        }
}

static void count_repair(struct recovery *ret, uint64_t w) {
        switch (word_state(w)) {
        case SLOT_RETURNED:
                ret->returned++;
                break;
        case SLOT_DEAD:
                ret->dead++;
                break;
        default:
                ret->cancelled++;
        }
}

static void repair_slot(const struct seat *seat, uint32_t i, const char *reason, struct recovery *ret) {
        struct queue *q = &seat->object->queue;
        struct slot *s = queue_slot(q, i);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire);

        /* Nobody competes with us but another recovery of the same, or somebody hostile. */
        for (unsigned int tries = 0; tries < RECOVER_TRIES; tries++) {
                uint64_t next;

                if (!seat_owns(seat, word_owner(w)) || !repaired(q, w, &next))
                        return;
                if (word_state(w) == SLOT_LEASED) {
                        bool returned = word_state(next) == SLOT_RETURNED;

                        queue_note(q, i, w, NOTE_DIED, reason);
                        atomic_store_explicit(&q->due[i], queue_due_after(returned ? q->delay_usec : 0), memory_order_relaxed);
                }
                /* Release: partner is the acquire of the next receive or reserve. */
                if (atomic_compare_exchange_strong_explicit(&s->word, &w, next, memory_order_acq_rel,
                                                            memory_order_acquire)) {
                        count_repair(ret, next);
                        return;
                }
        }
}

/** Before the slots: what becomes of them depends on nobody, but what was accepted is read from them. */
static void settle_producers(const struct seat *seat) {
        struct queue *q = &seat->object->queue;

        for (unsigned int i = 0; i < QUEUE_PRODUCERS; i++) {
                uint64_t owner = atomic_load_explicit(&q->producers[i].owner, memory_order_acquire);

                if (owner != 0 && owner >> WORD_OWNER_BITS == 0 && seat_owns(seat, (uint32_t)owner))
                        queue_producer_settle(q, &q->producers[i], owner);
        }
}

static void repair_slots(const struct seat *seat, const char *reason, struct recovery *ret) {
        struct queue *q = &seat->object->queue;

        for (uint32_t i = 0; i < q->n; i++)
                repair_slot(seat, i, reason, ret);
        queue_bump_epoch(q, UINT64_MAX);
#if SHM_FAULT != FAULT_ALARM_UNRENEWED
        queue_alarm_renew(q);
#endif
#if SHM_FAULT != FAULT_NO_RELIMIT
        queue_dead_limit(q);
#endif
}

static void wake(const struct seat *seat) {
        struct queue *q = &seat->object->queue;

        wait_forget(&q->messages, seat->first, seat->count);
        wait_forget(&q->space, seat->first, seat->count);
#if SHM_FAULT != FAULT_NO_REWAKE
        wait_wake_all(&q->messages);
        wait_wake_all(&q->space);
#endif
}

static void queue_recover(const struct seat *seat, const char *reason, struct recovery *ret) {
#if SHM_FAULT != FAULT_VERDICT_LATE
        settle_producers(seat);
#endif
        repair_slots(seat, reason, ret);
#if SHM_FAULT == FAULT_VERDICT_LATE
        settle_producers(seat);
#endif
        wake(seat);
}

const struct object_ops queue_object_ops = {
        .name = "queue",
        .check = queue_check,
        .memory_size = queue_memory_size,
        .open = queue_object_open,
        .recover = queue_recover,
        .inspect = queue_inspect,
        .wake_receivers = queue_wake_receivers,
        .wake_all = queue_wake_everybody,
        .set_stopped = queue_set_stopped,
        .move = queue_move,
};
