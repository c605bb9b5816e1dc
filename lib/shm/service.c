/* SPDX-License-Identifier: MIT */

/*
 * The service
 *
 * Linearisation points: reserve, receive, reply, fail, give up: their compare-and-swap; submit, release, and the
 * reply to a caller that is gone: their store. "None" is no point in time: each slot, or word of the bitmap, was
 * looked at once.
 *
 * Memory orders. A request is published by the release of submit; its partner is the acquire of the
 * compare-and-swap in receive, also when recovery came between (its compare-and-swap continues the release
 * sequence, and is a release itself). A reply is published by the release of the compare-and-swap in reply; its
 * partner is the acquire in service_result(). What was read of a slot was read before the release that frees it;
 * its partner is the acquire of reserve. A bit is set after the word says ready (release), and words are looked at
 * after the bits were read (acquire). It is cleared while the server owns the slot, hence before the release of
 * reply, hence before the bit of the next call in that slot is set. Reply and `sleeping` are a Dekker pair: see
 * service_wake_caller() and service_result_wait().
 *
 * Who serves next: a server looks from behind the slot that it served last, so that no call is passed over by more
 * than one call in each other slot; callers begin at slots of their own. Hence about the order of calls, and nobody
 * starves.
 *
 * Everything read from shared memory is read once, and bounded before use.
 */

#include "shm/service.h"

#include <errno.h>
#include <limits.h>

#include "shm/fault.h"
#include "shm/sys.h"

/** A call changes hands no more often than this while somebody gives it up: each time it is delivered, or comes back. */
#define GIVE_UP_TRIES (2 * DELIVERIES_MAX + 4)

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t reply_offset(const struct geometry *g) {
        return align_up(sizeof(struct call_slot) + g->message_max, CACHE_LINE);
}

static size_t slot_stride(const struct geometry *g) {
        return reply_offset(g) + align_up(g->message_max, CACHE_LINE);
}

static size_t control_offset(void) {
        return align_up(sizeof(struct region_header), CACHE_LINE);
}

static size_t slots_offset(void) {
        return align_up(control_offset() + sizeof(struct service_control), REGION_PAGE);
}

size_t service_memory_size(const struct geometry *g) {
        return align_up(slots_offset() + slot_stride(g) * g->slots, REGION_PAGE);
}

void service_open(struct service *s, const struct region *region, uint32_t participant, uint32_t generation,
                  int event_fd) {
        const struct geometry *g = &region->geometry;
        unsigned char *base = region->base;

        *s = (struct service){
                .slots = base + slots_offset(),
                .control = (void *)(base + control_offset()),
                .n = g->slots,
                .mask = g->slots - 1,
                .log2 = (uint32_t)__builtin_ctz(g->slots),
                .stride = (uint32_t)slot_stride(g),
                .reply_offset = (uint32_t)reply_offset(g),
                .message_max = g->message_max,
                .max_deliveries = g->policy == SERVICE_IDEMPOTENT ? g->max_deliveries : 1,
                .owner = owner_make(participant, generation),
                .call_cursor = participant & (g->slots - 1),
        };
        s->requests = (struct waiting){ .count = &s->control->requests, .event_fd = event_fd, .fences = g->fences };
        s->space = (struct waiting){ .count = &s->control->space, .event_fd = event_fd, .fences = g->fences };
        patience_init(&s->patience);
}

static inline uint32_t bounded(const struct service *s, const uint32_t *size) {
        uint32_t copy = *(const volatile uint32_t *)size;

        return copy < s->message_max ? copy : s->message_max;
}

/** The slot is nobody's. Only its owner calls this. */
static void make_free(struct service *s, struct call_slot *slot, uint64_t lap) {
        atomic_store_explicit(&slot->word, call_word(lap + 1, 0, 0, CALL_FREE), memory_order_release);
        wait_wake(&s->space);
}

/* ---- callers ------------------------------------------------------------------------------------- */

int service_reserve(struct service *s, struct call *ret) {
        for (uint32_t i = 0; i < s->n; i++) {
                uint32_t at = (s->call_cursor + i) & s->mask;
                struct call_slot *slot = service_slot(s, at);
                uint64_t w = atomic_load_explicit(&slot->word, memory_order_relaxed), lap = word_lap(w);
                uint32_t owner = SHM_FAULT == FAULT_RESERVED_BY_NOBODY ? 0 : s->owner;

                if (call_state(w) != CALL_FREE)
                        continue;
                /* Linearises reserve. Acquire: partner is the release of whoever freed it. */
                if (!atomic_compare_exchange_strong_explicit(&slot->word, &w, call_word(lap, owner, 0, CALL_WRITING),
                                                             memory_order_acquire, memory_order_relaxed))
                        continue;
                s->call_cursor = at;
                *ret = (struct call){ .lap = lap, .slot = at, .request = slot->data };
                return 0;
        }
        return -EAGAIN;
}

void service_post(struct service *s, uint32_t slot) {
        /* Release: whoever sees the bit sees the word. */
        atomic_fetch_or_explicit(&s->control->ready[slot / 64], UINT64_C(1) << slot % 64, memory_order_release);
}

void service_submit(struct service *s, struct call *c, uint32_t size, uint64_t deadline_usec) {
        struct call_slot *slot = service_slot(s, c->slot);

        c->deadline_usec = deadline_usec;
        slot->request_size = size;
        atomic_store_explicit(&slot->deadline_usec, deadline_usec, memory_order_relaxed);
        /* A caller that died may have left it set. */
        atomic_store_explicit(&slot->sleeping, 0, memory_order_relaxed);
#if SHM_FAULT != FAULT_CALLER_LATE
        atomic_store_explicit(&slot->caller, s->owner, memory_order_relaxed);
#endif
        /* Linearises the call. Release: partner is the acquire of receive. */
        atomic_store_explicit(&slot->word, call_word(c->lap, s->owner, 0, CALL_READY), memory_order_release);
#if SHM_FAULT == FAULT_CALLER_LATE
        atomic_store_explicit(&slot->caller, s->owner, memory_order_relaxed);
#endif
        service_post(s, c->slot);
        wait_wake(&s->requests);
}

static int result_of_failure(const struct call_slot *slot) {
        return *(const volatile uint32_t *)&slot->failure == CALL_DIED ? -ECONNRESET : -EREMOTEIO;
}

int service_result(struct service *s, const struct call *c, struct call_result *ret) {
        struct call_slot *slot = service_slot(s, c->slot);
        /* Acquire: partner is the release of reply. Sequentially consistent: see service_result_wait(). */
        uint64_t w = atomic_load(&slot->word);

        if (word_lap(w) != c->lap)
                return -EBADMSG;
        switch (call_state(w)) {
        case CALL_READY:
        case CALL_SERVING:
                return -EAGAIN;
        case CALL_REPLIED:
        case CALL_FAILED:
                if (word_owner(w) != s->owner)
                        return -EBADMSG;
                *ret = (struct call_result){ (unsigned char *)slot + s->reply_offset, bounded(s, &slot->reply_size) };
                return call_state(w) == CALL_REPLIED ? 0 : result_of_failure(slot);
        default:
                return -EBADMSG;
        }
}

void service_release(struct service *s, const struct call *c) {
        make_free(s, service_slot(s, c->slot), c->lap);
}

/** What giving up makes of a word. @return 1, 0, or as service_give_up(). */
static int given_up(const struct service *s, const struct call *c, uint64_t w, uint64_t *ret) {
        bool mine = word_owner(w) == s->owner;

        if (word_lap(w) != c->lap)
                return -EBADMSG;
        switch (call_state(w)) {
        case CALL_READY:
                *ret = call_word(c->lap + 1, 0, 0, CALL_FREE);
                return mine ? 0 : -EBADMSG;
        case CALL_SERVING:
                *ret = call_word(c->lap, word_owner(w), word_deliveries(w), CALL_ABANDONED);
                return 0;
        case CALL_REPLIED:
        case CALL_FAILED:
                return mine ? 1 : -EBADMSG;
        default:
                return -EBADMSG;
        }
}

int service_give_up(struct service *s, const struct call *c) {
        struct call_slot *slot = service_slot(s, c->slot);
        uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire), next;

        for (unsigned int tries = 0; tries < GIVE_UP_TRIES; tries++) {
                int r = given_up(s, c, w, &next);

                if (r != 0)
                        return r;
                /* Linearises giving up. Release: partner is the acquire of reserve. */
                if (!atomic_compare_exchange_strong_explicit(&slot->word, &w, next, memory_order_acq_rel,
                                                             memory_order_acquire))
                        continue;
                if (call_state(next) == CALL_FREE && SHM_FAULT != FAULT_GIVEN_UP_SILENTLY)
                        wait_wake(&s->space);
                return 0;
        }
        return -EBADMSG;
}

/* ---- servers ------------------------------------------------------------------------------------- */

/** Nobody serves a call whose caller has stopped waiting; that one frees the slot. */
static bool is_expired(uint64_t deadline_usec) {
        return SHM_FAULT != FAULT_EXPIRED_SERVED && deadline_usec != UINT64_MAX && deadline_usec <= sys_now_usec();
}

/** Clear the bit of a slot that is ours now. Release: the next call's bit comes later. */
static void take_bit(struct service *s, uint32_t slot) {
        atomic_fetch_and_explicit(&s->control->ready[slot / 64], ~(UINT64_C(1) << slot % 64), memory_order_acq_rel);
}

/** Serve the call in a slot whose bit is set. */
static bool take(struct service *s, uint32_t at, struct served *ret) {
        struct call_slot *slot = service_slot(s, at);
        uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire), lap = word_lap(w);
        uint64_t deadline_usec = atomic_load_explicit(&slot->deadline_usec, memory_order_relaxed);
        uint32_t deliveries = word_deliveries(w) + (word_deliveries(w) < DELIVERIES_MAX);
        uint64_t serving;

        if (call_state(w) != CALL_READY || is_expired(deadline_usec))
                return false;
        *ret = (struct served){
                .id = lap << s->log2 | at,
                .lap = lap,
                .deadline_usec = deadline_usec,
                .slot = at,
                .deliveries = deliveries,
                .caller = word_owner(w),
                .request = slot->data,
                .reply = (unsigned char *)slot + s->reply_offset,
        };
        /* Linearises receive. Acquire: partner is the release of submit, or of recovery. */
        serving = call_word(lap, s->owner, deliveries, CALL_SERVING);
        if (!atomic_compare_exchange_strong_explicit(&slot->word, &w, serving, memory_order_acq_rel,
                                                     memory_order_relaxed))
                return false;
#if SHM_FAULT != FAULT_CLEARED_LATE
        take_bit(s, at);
#endif
        ret->size = bounded(s, &slot->request_size);
        if (deliveries > 1)
                atomic_fetch_add_explicit(&s->control->redelivered, 1, memory_order_relaxed);
        return true;
}

bool service_has_slot(const struct service *s) {
        for (uint32_t i = 0; i < s->n; i++)
                if (call_state(atomic_load_explicit(&service_slot(s, i)->word, memory_order_relaxed)) == CALL_FREE)
                        return true;
        return false;
}

static bool is_to_serve(struct call_slot *slot) {
        uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire);

        return call_state(w) == CALL_READY &&
               (SHM_FAULT == FAULT_SERVICE_ANY_EXPIRED ||
                !is_expired(atomic_load_explicit(&slot->deadline_usec, memory_order_relaxed)));
}

bool service_has_request(const struct service *s) {
        for (uint32_t at = 0; at < (s->n + 63) / 64; at++) {
                /* Acquire: partner is service_post(). */
                uint64_t bits = atomic_load_explicit(&s->control->ready[at], memory_order_acquire);

                if (SHM_FAULT == FAULT_SERVICE_ANY_CURSOR && at == s->serve_cursor / 64)
                        bits &= ~((UINT64_C(1) << s->serve_cursor % 64) - 1);
                for (; bits; bits &= bits - 1) {
                        uint32_t slot = at * 64 + (uint32_t)__builtin_ctzll(bits);

                        if (slot < s->n && is_to_serve(service_slot(s, slot)))
                                return true;
                }
        }
        return false;
}

int service_receive(struct service *s, struct served *ret) {
        uint32_t words = (s->n + 63) / 64, from = s->serve_cursor;

        /* The word of the cursor twice: first what is at the cursor and above, at last what is below. */
        for (uint32_t i = 0; i <= words; i++) {
                uint32_t at = (from / 64 + i) & (words - 1);
                /* Acquire: partner is service_post(). */
                uint64_t bits = atomic_load_explicit(&s->control->ready[at], memory_order_acquire);
                uint64_t below = (UINT64_C(1) << from % 64) - 1;

                if (i == 0)
                        bits &= ~below;
                else if (i == words)
                        bits &= below;
                for (; bits; bits &= bits - 1) {
                        uint32_t slot = at * 64 + (uint32_t)__builtin_ctzll(bits);
                        struct served taken;

                        if (slot >= s->n)
                                break;
                        if (!take(s, slot, &taken))
                                continue;
                        s->serve_cursor = (slot + 1) & s->mask;
                        *ret = taken;
                        return 0;
                }
        }
        return -EAGAIN;
}

static bool is_held(const struct service *s, const struct served *r, uint64_t w) {
        bool held = call_state(w) == CALL_SERVING || call_state(w) == CALL_ABANDONED;

        if (SHM_FAULT != FAULT_NO_LAP && word_lap(w) != r->lap)
                return false;
        return held && word_owner(w) == s->owner;
}

bool service_holds(const struct service *s, const struct served *r) {
        return is_held(s, r, atomic_load_explicit(&service_slot(s, r->slot)->word, memory_order_relaxed));
}

void service_wake_caller(const struct service *s, struct call_slot *slot) {
        /*
         * Sequentially consistent, as is the change of the word before it: Dekker with service_result_wait() and
         * wait_any().
         */
        uint32_t sleeping = atomic_load(&slot->sleeping);

        if (sleeping == ALONE_AWAKE)
                return;
        atomic_fetch_add(&slot->event, 1);
        /* By now the slot may be another call's: that caller looks again. */
        sys_futex_wake(&slot->event, INT_MAX);
        if (sleeping == ALONE_POLLS && SHM_FAULT != FAULT_CALLER_UNPOSTED)
                sys_event_post(s->requests.event_fd);
}

/** The word of a call that is finished. Sequentially consistent: see service_wake_caller(). */
static bool publish(struct call_slot *slot, uint64_t *w, uint64_t next) {
#if SHM_FAULT == FAULT_REPLY_STORED
        atomic_store(&slot->word, next);
        return true;
#endif
        return atomic_compare_exchange_strong_explicit(&slot->word, w, next, memory_order_seq_cst,
                                                       memory_order_acquire);
}

static int finish(struct service *s, const struct served *r, enum call_state state, uint32_t size) {
        struct call_slot *slot = service_slot(s, r->slot);
        uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire);

        if (!is_held(s, r, w))
                return -EINVAL;
#if SHM_FAULT != FAULT_REPLY_SIZE_LATE
        slot->reply_size = size;
#endif
        slot->failure = CALL_REJECTED;
        /* Linearises reply and fail. Release: partner is the acquire of service_result(). */
        if (call_state(w) == CALL_SERVING &&
            publish(slot, &w, call_word(word_lap(w), r->caller, word_deliveries(w), state))) {
#if SHM_FAULT == FAULT_REPLY_SIZE_LATE
                slot->reply_size = size;
#endif
#if SHM_FAULT == FAULT_CLEARED_LATE
                take_bit(s, r->slot);
#endif
                service_wake_caller(s, slot);
                return 0;
        }
        if (!is_held(s, r, w))
                return -EINVAL;
        /* Abandoned, so that nobody but us changes the word. */
#if SHM_FAULT != FAULT_ABANDONED_KEPT
        make_free(s, slot, r->lap);
#endif
        return 1;
}

int service_reply(struct service *s, const struct served *r, uint32_t size) {
        return finish(s, r, CALL_REPLIED, size);
}

int service_fail(struct service *s, const struct served *r, uint32_t size) {
        return finish(s, r, CALL_FAILED, size);
}
