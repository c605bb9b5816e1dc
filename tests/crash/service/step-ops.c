/* SPDX-License-Identifier: MIT */

/*
 * The operations that stepkill kills, and the states in which they begin
 *
 * Marks are plain stores around each operation: begun before it, done after it.
 */

#include <errno.h>
#include <string.h>

#include "service/step-world.h"
#include "shm/wait-any.h"

#define BROKEN (STEP_IDS + 1)
#define REQUEST 7
#define REPLY 11
#define PAYLOAD_SIZE 16

/** A deadline that has passed: a sleep ends at once. */
#define LONG_AGO 1
#define NEVER UINT64_MAX

static void payload_write(void *data, unsigned int id, unsigned int kind) {
        volatile uint64_t *d = data;

        d[0] = id | (uint64_t)(id * kind + 1) << 32;
        d[1] = id | (uint64_t)(id * kind + 2) << 32;
}

static unsigned int payload_id(const void *data, uint32_t size, unsigned int kind) {
        const volatile uint64_t *d = data;
        unsigned int id = (unsigned int)d[0];

        if (size != PAYLOAD_SIZE || id >= STEP_IDS || d[0] != (id | (uint64_t)(id * kind + 1) << 32) ||
            d[1] != (id | (uint64_t)(id * kind + 2) << 32))
                return BROKEN;
        return id;
}

static bool step_call_until(struct arena *a, struct service *s, unsigned int id,
                            uint64_t deadline_usec, struct call *ret) {
        struct mark *m = &a->marks[id];

        m->call_begun = 1;
        if (service_reserve(s, ret) < 0) {
                m->call_begun = 0;
                return false;
        }
        payload_write(ret->request, id, REQUEST);
        service_submit(s, ret, PAYLOAD_SIZE, deadline_usec);
        return true;
}

bool step_call(struct arena *a, struct service *s, unsigned int id, struct call *ret) {
        return step_call_until(a, s, id, NEVER, ret);
}

int step_end(struct arena *a, struct service *s, unsigned int id, const struct call *c) {
        struct mark *m = &a->marks[id];
        struct call_result result;
        int r = service_result(s, c, &result);

        if (r == -EAGAIN)
                return r;
        if (r == 0 && (payload_id(result.data, result.size, REPLY) != id || !m->reply_begun))
                return -EILSEQ;
        if (r == -ECONNRESET && (result.size != 6 || memcmp(result.data, "killed", 6) != 0))
                return -EILSEQ;
        if (m->ended)
                return -EILSEQ;
        m->ended = 1;
        service_release(s, c);
        return r;
}

unsigned int step_receive(struct arena *a, struct service *s, struct served *ret) {
        unsigned int id;
        struct mark *m;

        if (service_receive(s, ret) < 0)
                return STEP_IDS;
        id = payload_id(ret->request, ret->size, REQUEST);
        if (id == BROKEN)
                return BROKEN;
        m = &a->marks[id];
        if (!m->call_begun || m->replied || ret->deliveries <= m->received ||
            ret->deliveries > (a->policy == SERVICE_IDEMPOTENT ? STEP_MAX_DELIVERIES : 1))
                return BROKEN;
        m->received = (uint8_t)ret->deliveries;
        return id;
}

int step_reply(struct arena *a, struct service *s, unsigned int id, const struct served *r) {
        struct mark *m = &a->marks[id];
        int gone;

        payload_write(r->reply, id, REPLY);
        m->reply_begun = 1;
        gone = service_reply(s, r, PAYLOAD_SIZE);
        m->replied = 1;
        return gone;
}

/* ---- states -------------------------------------------------------------------------------------- */

static void setup_empty(struct arena *a) {
        a->policy = SERVICE_IDEMPOTENT;
}

/** The peer has made so many calls. */
static void setup_calls(struct arena *a, enum service_policy policy, unsigned int n) {
        struct service s;

        a->policy = policy;
        arena_open(a, &s, STEP_PEER);
        for (unsigned int i = 0; i < n; i++) {
                struct step_call *o = &a->open[a->n_open++];

                *o = (struct step_call){ .participant = STEP_PEER, .id = STEP_PEER_ID + i };
                (void)step_call(a, &s, o->id, &o->call);
        }
}

static void setup_two(struct arena *a) {
        setup_calls(a, SERVICE_IDEMPOTENT, 2);
}

static void setup_two_once(struct arena *a) {
        setup_calls(a, SERVICE_AT_MOST_ONCE, 2);
}

static void setup_full(struct arena *a) {
        setup_calls(a, SERVICE_IDEMPOTENT, STEP_SLOTS);
}

/** The zombie has taken so many calls. */
static void take(struct arena *a, unsigned int n) {
        struct service zombie;
        struct served r;

        arena_open(a, &zombie, STEP_ZOMBIE);
        while (n-- > 0)
                (void)step_receive(a, &zombie, &r);
}

static void setup_taken(struct arena *a) {
        setup_two(a);
        take(a, 2);
}

/** The callers are dead. */
static void setup_dead_callers(struct arena *a) {
        struct service zombie;
        struct call c;

        setup_calls(a, SERVICE_IDEMPOTENT, 0);
        arena_open(a, &zombie, STEP_ZOMBIE);
        (void)step_call(a, &zombie, STEP_VICTIM_ID, &c);
        (void)step_call(a, &zombie, STEP_VICTIM_ID + 1, &c);
}

/** The victim has called, and its server is dead. */
static void orphan(struct arena *a, enum service_policy policy) {
        struct service s;

        setup_calls(a, policy, 0);
        arena_open(a, &s, STEP_VICTIM);
        (void)step_call(a, &s, STEP_VICTIM_ID, &a->victims);
        take(a, 1);
}

static void setup_orphan(struct arena *a) {
        orphan(a, SERVICE_IDEMPOTENT);
}

static void setup_orphan_once(struct arena *a) {
        orphan(a, SERVICE_AT_MOST_ONCE);
}

/** Somebody waits for each thing, and the callers sleep, as far as anybody can tell. */
static void setup_waiters(struct arena *a) {
        struct service s;

        setup_two(a);
        arena_open(a, &s, STEP_WAITER);
        wait_announce(&s.requests, STEP_WAITER);
        wait_announce(&s.space, STEP_WAITER);
        wait_poll_announce(&s.requests, STEP_WAITER);
        for (uint32_t i = 0; i < s.n; i++)
                atomic_store(&service_slot(&s, i)->sleeping, 1);
}

/* ---- victims ------------------------------------------------------------------------------------- */

static void serve(struct arena *a, struct service *s) {
        struct served r;
        unsigned int id = step_receive(a, s, &r);

        if (id < STEP_IDS)
                (void)step_reply(a, s, id, &r);
}

/** Call, serve it oneself, have the reply. */
static void do_call(struct arena *a) {
        struct call first, second;
        struct service s;

        arena_open(a, &s, STEP_VICTIM);
        if (!step_call(a, &s, STEP_VICTIM_ID, &first))
                return;
        if (step_call(a, &s, STEP_VICTIM_ID + 1, &second))
                (void)step_end(a, &s, STEP_VICTIM_ID + 1, &second);
        serve(a, &s);
        (void)step_end(a, &s, STEP_VICTIM_ID, &first);
}

static void do_serve(struct arena *a) {
        struct service s;

        arena_open(a, &s, STEP_VICTIM);
        serve(a, &s);
        serve(a, &s);
}

static void do_fail(struct arena *a) {
        struct service s;
        struct served r;

        arena_open(a, &s, STEP_VICTIM);
        if (step_receive(a, &s, &r) >= STEP_IDS)
                return;
        memcpy(r.reply, "no", 2);
        (void)service_fail(&s, &r, 2);
}

/** Give a call up that nobody serves; and one that is served by oneself, who then replies. */
static void do_give_up(struct arena *a) {
        struct served r;
        struct service s;
        struct call c;
        unsigned int id;

        arena_open(a, &s, STEP_VICTIM);
        if (!step_call(a, &s, STEP_VICTIM_ID, &c))
                return;
        (void)service_give_up(&s, &c);
        if (!step_call(a, &s, STEP_VICTIM_ID + 1, &c))
                return;
        id = step_receive(a, &s, &r);
        /* A peer may have been faster with it. */
        if (service_give_up(&s, &c) > 0)
                service_release(&s, &c);
        if (id < STEP_IDS)
                (void)step_reply(a, &s, id, &r);
}

static void do_wait(struct arena *a) {
        struct call_result result;
        struct service s;
        struct served r;
        struct call c;

        arena_open(a, &s, STEP_VICTIM);
        (void)service_receive_wait(&s, &r, LONG_AGO, NULL);
        (void)service_receive_poll(&s, &r);
        if (!step_call_until(a, &s, STEP_VICTIM_ID, LONG_AGO, &c))
                return;
        if (service_result_wait(&s, &c, &result, LONG_AGO) == -ETIMEDOUT)
                (void)service_end(&s, &c, &result, -ETIMEDOUT);
}

/** Wait for a reply, which comes if somebody else serves, or give up. */
static void do_wait_for_reply(struct arena *a) {
        struct call_result result;
        struct service s;
        int r;

        arena_open(a, &s, STEP_VICTIM);
        r = service_result_wait(&s, &a->victims, &result, LONG_AGO);
        if (r == -ETIMEDOUT)
                r = service_end(&s, &a->victims, &result, r);
        if (r != -ETIMEDOUT)
                service_release(&s, &a->victims);
}

static void do_wait_for_space(struct arena *a) {
        struct service s;
        struct call c;

        arena_open(a, &s, STEP_VICTIM);
        (void)service_reserve_wait(&s, &c, LONG_AGO);
}

static void do_wait_any(struct arena *a) {
        struct wait_item items[3];
        struct call_result result;
        struct service s;
        struct call c;

        arena_open(a, &s, STEP_VICTIM);
        if (!step_call_until(a, &s, STEP_VICTIM_ID, LONG_AGO, &c))
                return;
        items[0] = service_request_item(&s, NULL);
        items[1] = service_slot_item(&s);
        items[2] = service_call_item(&s, &c);
        /* Its deadline has passed: as if it had not, so that all of the wait is gone through. */
        items[2].until_usec = UINT64_MAX;
        (void)wait_any(&items[2], 1, LONG_AGO);
        (void)wait_any(items, 2, LONG_AGO);
        (void)service_end(&s, &c, &result, -ETIMEDOUT);
}

const struct operation operations[] = {
        { .name = "call", .setup = setup_empty, .victim = do_call },
        { .name = "serve", .setup = setup_two, .victim = do_serve },
        { .name = "serve once", .setup = setup_two_once, .victim = do_serve },
        { .name = "serve again", .setup = setup_taken, .victim = do_serve },
        { .name = "serve the dead", .setup = setup_dead_callers, .victim = do_serve },
        { .name = "fail", .setup = setup_two_once, .victim = do_fail, .flags = STEP_REJECTS },
        { .name = "give up", .setup = setup_empty, .victim = do_give_up },
        { .name = "wake", .setup = setup_waiters, .victim = do_serve },
        { .name = "wait", .setup = setup_empty, .victim = do_wait },
        { .name = "wait for reply", .setup = setup_orphan, .victim = do_wait_for_reply },
        { .name = "wait for reply, once", .setup = setup_orphan_once, .victim = do_wait_for_reply },
        { .name = "wait for space", .setup = setup_full, .victim = do_wait_for_space },
        { .name = "wait for any", .setup = setup_empty, .victim = do_wait_any },
};
const unsigned int n_operations = sizeof operations / sizeof operations[0];
