/* SPDX-License-Identifier: MIT */

/*
 * The service as an object: its memory, and its recovery
 *
 * A dead one may have been caller in some slots and server in others, and in one slot both. Whatever it owns by the
 * word is put right; of a call that somebody else serves, `caller` tells whether it was its own. Two who died over
 * one call may be recovered in either order: a dead server gives the call back to its caller, dead or not; a dead
 * caller leaves it to its server, dead or not; and whoever of them comes second frees it.
 *
 * Order matters: bits after words, always and for all slots that are ready, since an earlier recovery may have been
 * killed between the two; waking comes last, and wakes all callers that sleep, since the dead one may have replied
 * and not woken yet.
 */

#include "shm/service-object.h"

#include <errno.h>
#include <string.h>

#include "shm/fault.h"
#include "shm/recover.h"

/** A word that changes under recovery more often than this was not changed by anybody honest. */
#define RECOVER_TRIES 16

static int service_check(const struct geometry *g) {
        bool again = g->policy == SERVICE_IDEMPOTENT;

        if (g->slots < SERVICE_SLOTS_MIN || (g->slots & (g->slots - 1)) || g->message_max == 0 ||
            g->policy >= _SERVICE_POLICY_N)
                return -EINVAL;
        if (again ? g->max_deliveries == 0 : g->max_deliveries > 1)
                return -EINVAL;
        if (g->slots > SERVICE_SLOTS_MAX || g->message_max > SERVICE_MESSAGE_MAX || g->max_deliveries > DELIVERIES_MAX)
                return -E2BIG;
        return 0;
}

static void service_object_open(struct object *o) {
        service_open(&o->service, &o->region, 0, 0, o->event_fd);
}

static void service_wake_receivers(struct object *o) {
        wait_wake_all(&o->service.requests);
}

/** Every call that is ready has its bit, from here on. */
static void post_all(struct service *s) {
        for (uint32_t i = 0; i < s->n; i++)
                if (call_state(atomic_load_explicit(&service_slot(s, i)->word, memory_order_acquire)) == CALL_READY)
                        service_post(s, i);
}

static void wake_callers(struct service *s) {
        for (uint32_t i = 0; i < s->n; i++)
                service_wake_caller(s, service_slot(s, i));
}

static void service_wake_everybody(struct object *o) {
        struct service *s = &o->service;

        post_all(s);
        wait_wake_all(&s->requests);
        wait_wake_all(&s->space);
        wake_callers(s);
}

static void service_set_stopped(struct object *o, uint32_t n) {
        struct service *s = &o->service;

        if (atomic_load(&s->control->requests.stopped) != n) {
                wait_set_stopped(&s->requests, n);
                /* It may have been stopped between a reply and its wake-up. */
                wake_callers(s);
        }
        if (atomic_load(&s->control->space.stopped) != n)
                wait_set_stopped(&s->space, n);
}

/* ---- slots ------------------------------------------------------------------------------------- */

/** What becomes of a call whose server died. */
static uint64_t without_server(const struct object *o, uint64_t w, uint32_t caller) {
        bool again = word_deliveries(w) < o->service.max_deliveries;

        if (SHM_FAULT == (o->region.geometry.policy == SERVICE_IDEMPOTENT ? FAULT_NO_LIMIT : FAULT_SERVED_TWICE))
                again = true;
        return call_word(word_lap(w), caller, word_deliveries(w), again ? CALL_READY : CALL_FAILED);
}

/** What becomes of a slot of which a dead participant had a part. @return false: it had none. */
static bool repaired(const struct seat *seat, uint64_t w, uint32_t caller, uint64_t *ret) {
        bool owner_is_dead = seat_owns(seat, word_owner(w)), caller_is_dead = seat_owns(seat, caller);

        *ret = call_word(word_lap(w) + 1, 0, 0, CALL_FREE);
        switch (call_state(w)) {
        case CALL_WRITING:
        case CALL_READY:
        case CALL_REPLIED:
        case CALL_FAILED:
        case CALL_ABANDONED:
                return owner_is_dead;
        case CALL_SERVING:
                if (owner_is_dead && !caller_is_dead)
                        *ret = without_server(seat->object, w, caller);
                else if (caller_is_dead && !owner_is_dead && SHM_FAULT != FAULT_SERVED_FREED)
                        *ret = call_word(word_lap(w), word_owner(w), word_deliveries(w), CALL_ABANDONED);
                return owner_is_dead || caller_is_dead;
        default:
                return false;
        }
}

/** Tell the caller why. The slot is its dead server's, so nobody else writes there. */
static void write_failure(const struct service *s, struct call_slot *slot, const char *reason) {
        size_t size = reason ? strnlen(reason, s->message_max) : 0;

        if (size > 0)
                memcpy((unsigned char *)slot + s->reply_offset, reason, size);
        slot->reply_size = (uint32_t)size;
        slot->failure = CALL_DIED;
}

static void count_repair(struct service *s, struct recovery *ret, uint64_t w) {
        switch (call_state(w)) {
        case CALL_READY:
                ret->returned++;
                break;
        case CALL_FAILED:
                ret->dead++;
                atomic_fetch_add_explicit(&s->control->died, 1, memory_order_relaxed);
                break;
        default:
                ret->cancelled++;
        }
}

static void repair_slot(const struct seat *seat, uint32_t i, const char *reason, struct recovery *ret) {
        struct service *s = &seat->object->service;
        struct call_slot *slot = service_slot(s, i);
        uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire), next;

        /* Those who live may give up, take or finish the call meanwhile. */
        for (unsigned int tries = 0; tries < RECOVER_TRIES; tries++) {
                /* Of this lap, if the compare-and-swap succeeds. Bounded: it becomes a part of the word. */
                uint32_t caller = atomic_load_explicit(&slot->caller, memory_order_relaxed) & WORD_OWNER_MASK;

                if (!repaired(seat, w, caller, &next))
                        return;
                if (call_state(next) == CALL_FAILED)
                        write_failure(s, slot, reason);
                /* Release: partner is the acquire of whoever has it next. In sequential order: see service_wake_caller(). */
                if (atomic_compare_exchange_strong_explicit(&slot->word, &w, next, memory_order_seq_cst,
                                                            memory_order_acquire)) {
                        count_repair(s, ret, next);
                        return;
                }
        }
}

static void wake(const struct seat *seat) {
        struct service *s = &seat->object->service;

        wait_forget(&s->requests, seat->first, seat->count);
        wait_forget(&s->space, seat->first, seat->count);
        wait_wake_all(&s->requests);
#if SHM_FAULT != FAULT_NO_SPACE_WAKE
        wait_wake_all(&s->space);
#endif
#if SHM_FAULT != FAULT_FAILED_SILENTLY
        wake_callers(s);
#endif
}

static void service_recover(const struct seat *seat, const char *reason, struct recovery *ret) {
        struct service *s = &seat->object->service;

        for (uint32_t i = 0; i < s->n; i++)
                repair_slot(seat, i, reason, ret);
#if SHM_FAULT != FAULT_NOT_POSTED
        post_all(s);
#endif
        wake(seat);
}

const struct object_ops service_object_ops = {
        .name = "service",
        .check = service_check,
        .memory_size = service_memory_size,
        .open = service_object_open,
        .recover = service_recover,
        .inspect = service_inspect,
        .wake_receivers = service_wake_receivers,
        .wake_all = service_wake_everybody,
        .set_stopped = service_set_stopped,
};
