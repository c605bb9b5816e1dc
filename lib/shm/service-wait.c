/* SPDX-License-Identifier: MIT */

/*
 * Waiting for a call, for a slot, and for the reply
 *
 * Servers and those who want a slot wait on an eventcount (shm/wait-until.h). For its reply a caller waits in its
 * slot, on a futex of its own, so that a reply wakes its caller and nobody else. That takes no barrier beyond what
 * both sides do anyway: the reply is a compare-and-swap, and the caller's flag an exchange.
 */

#include <errno.h>

#include "shm/fault.h"
#include "shm/service.h"
#include "shm/sys.h"
#include "shm/wait-any.h"

/* ---- a call, a slot ------------------------------------------------------------------------------ */

static int try_receive(void *object, void *ret) {
        return service_receive(object, ret);
}

static int try_reserve(void *object, void *ret) {
        return service_reserve(object, ret);
}

int service_receive_wait(struct service *s, struct served *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain) {
        const struct wait_for f = {
                .try = try_receive, .object = s, .ret = ret, .waiting = &s->requests, .patience = &s->patience,
                .participant = owner_participant(s->owner), .drain = drain,
        };

        return wait_until(&f, deadline_usec);
}

int service_receive_poll(struct service *s, struct served *ret) {
        const struct wait_for f = {
                .try = try_receive, .object = s, .ret = ret, .waiting = &s->requests,
                .participant = owner_participant(s->owner),
        };

        return wait_poll(&f, &s->armed);
}

int service_reserve_wait(struct service *s, struct call *ret, uint64_t deadline_usec) {
        const struct wait_for f = {
                .try = try_reserve, .object = s, .ret = ret, .waiting = &s->space, .patience = &s->patience,
                .participant = owner_participant(s->owner),
        };

        return wait_until(&f, deadline_usec);
}

/* ---- a reply ------------------------------------------------------------------------------------- */

static int spin(struct service *s, const struct call *c, struct call_result *ret) {
        for (uint32_t i = 0; i < s->patience.spin; i++) {
                int r = service_result(s, c, ret);

                if (r != -EAGAIN) {
                        wait_spin_adapt(&s->patience.spin, true);
                        return r;
                }
                sys_relax();
        }
        wait_spin_adapt(&s->patience.spin, false);
        return -EAGAIN;
}

static int sleep_once(struct service *s, const struct call *c, struct call_result *ret, uint64_t until_usec) {
        struct call_slot *slot = service_slot(s, c->slot);
        uint32_t ticket = atomic_load(&slot->event);
        int r, slept = 0;

        /* Sequentially consistent, as is the load in service_result(): Dekker with service_wake_caller(). */
#if SHM_FAULT == FAULT_LATE_SLEEPER
        r = service_result(s, c, ret);
        atomic_store(&slot->sleeping, (uint32_t)ALONE_ASLEEP);
#elif SHM_FAULT == FAULT_UNORDERED_SLEEPER
        atomic_store_explicit(&slot->sleeping, (uint32_t)ALONE_ASLEEP, memory_order_relaxed);
        r = service_result(s, c, ret);
#else
        atomic_store(&slot->sleeping, (uint32_t)ALONE_ASLEEP);
        r = service_result(s, c, ret);
#endif
        if (r == -EAGAIN)
                slept = sys_futex_wait(&slot->event, ticket, until_usec);
        atomic_store_explicit(&slot->sleeping, (uint32_t)ALONE_AWAKE, memory_order_relaxed);
        if (r == -EAGAIN)
                r = service_result(s, c, ret);
        return r == -EAGAIN && slept < 0 ? slept : r;
}

int service_result_wait(struct service *s, const struct call *c, struct call_result *ret, uint64_t until_usec) {
        int r = service_result(s, c, ret);

        if (r == -EAGAIN)
                r = spin(s, c, ret);
        while (r == -EAGAIN)
                r = sleep_once(s, c, ret, until_usec);
        return r;
}

int service_end(struct service *s, const struct call *c, struct call_result *ret, int error) {
        int r = service_give_up(s, c);

        if (r == 0)
                return error;
        return r > 0 ? service_result(s, c, ret) : r;
}

/* ---- for one who waits for several things; see wait-any.h ------------------------------------------ */

static bool has_request(const struct wait_item *item) {
        return service_has_request(item->object);
}

static bool has_slot(const struct wait_item *item) {
        return service_has_slot(item->object);
}

static struct wait_item item_of(struct service *s, bool (*is_ready)(const struct wait_item *item)) {
        return (struct wait_item){
                .participant = owner_participant(s->owner),
                .is_ready = is_ready,
                .object = s,
                .spin = &s->patience.spin,
        };
}

struct wait_item service_request_item(struct service *s, const _Atomic uint32_t *drain) {
        struct wait_item item = item_of(s, has_request);

        item.waiting = &s->requests;
        item.polls = s->armed;
        item.drain = drain;
        return item;
}

struct wait_item service_slot_item(struct service *s) {
        struct wait_item item = item_of(s, has_slot);

        item.waiting = &s->space;
        return item;
}

/** It has a result; or its time is over, and that is its result. */
static bool is_over(const struct wait_item *item) {
        struct call c = service_call_of(item->object, item->which, item->until_usec);
        struct call_result ignored;

        return service_result(item->object, &c, &ignored) != -EAGAIN || sys_is_past(item->until_usec);
}

static uint64_t deadline_of(const struct wait_item *item) {
        return SHM_FAULT == FAULT_CALLER_OVERDUE ? UINT64_MAX : item->until_usec;
}

struct wait_item service_call_item(struct service *s, const struct call *c) {
        struct call_slot *slot = service_slot(s, c->slot);
        struct wait_item item = item_of(s, is_over);

        item.alone = (struct waiting_alone){ &slot->sleeping, &slot->event, s->requests.event_fd };
        item.which = service_call_id(s, c);
        item.until_usec = c->deadline_usec;
        item.alarm = deadline_of;
        return item;
}
