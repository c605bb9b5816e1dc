/* SPDX-License-Identifier: MIT */

/*
 * Operations of actors: the real ones, with the history written beside them
 *
 * Compiled with the hooks, so that filling and reading a request or a reply are points too. What is begun may have
 * taken effect if the actor dies; what is done must have.
 */

#include <errno.h>
#include <string.h>

#include "service/world.h"
#include "shm/wait-any.h"

/* The second half differs, so that a request is never taken for a reply. */
#define REQUEST 7
#define REPLY 11
static const char rejected[] = "not today";

static void payload_write(void *data, unsigned int id, unsigned int kind) {
        volatile uint64_t *d = data;

        d[0] = id | (uint64_t)(id * kind + 1) << 32;
        d[1] = id | (uint64_t)(id * kind + 2) << 32;
}

static unsigned int payload_id(const void *data, uint32_t size, unsigned int kind) {
        const volatile uint64_t *d = data;
        uint64_t first = d[0], second = d[1];
        unsigned int id = (unsigned int)first;

        if (size != PAYLOAD_SIZE || id >= SIM_IDS || first != (id | (uint64_t)(id * kind + 1) << 32) ||
            second != (id | (uint64_t)(id * kind + 2) << 32)) {
                sim_fail(kind == REQUEST ? "a torn request" : "a torn reply");
                return 0;
        }
        return id;
}

void request_write(void *data, unsigned int id) {
        payload_write(data, id, REQUEST);
}

unsigned int request_id(const void *data, uint32_t size) {
        return payload_id(data, size, REQUEST);
}

/* ---- callers ------------------------------------------------------------------------------------- */

int op_begin(struct actor *a, unsigned int id, uint64_t deadline_usec, enum how how, struct call *ret) {
        int r;

        sim_boundary();
        sim_say("calls", id);
        history[id].called = BEGUN;
        r = how == LOOK ? service_reserve(&a->service, ret) : service_reserve_wait(&a->service, ret, UINT64_MAX);
        if (r < 0) {
                if (r != -EAGAIN || how != LOOK)
                        sim_fail("reserve fails");
                history[id].called = NOT;
                return r;
        }
        request_write(ret->request, id);
        service_submit(&a->service, ret, PAYLOAD_SIZE, deadline_usec);
        history[id].called = DONE;
        return 0;
}

static void check_text(const struct call_result *result, const char *text) {
        char copy[PAYLOAD_SIZE];

        for (uint32_t i = 0; i < result->size; i++)
                copy[i] = ((const volatile char *)result->data)[i];
        if (result->size != strlen(text) || memcmp(copy, text, result->size) != 0)
                sim_fail("a call does not say why it failed");
}

static void check_death(const struct history *h) {
        unsigned int most = scenario->max_deliveries ? scenario->max_deliveries : 1;

        if (sim_deaths() == 0 || (sim_deaths() == 1 && h->received == 0 && most > 1))
                sim_fail("failed for a death that there was not");
        if (h->received < most && h->received + sim_deaths() < most)
                sim_fail("failed before it was tried as often as it may be");
}

static void note_end(unsigned int id, const struct call *c, const struct call_result *result, int r) {
        struct history *h = &history[id];

        sim_say("has the result of", id);
        if (h->ended)
                sim_fail("a call ends twice");
        switch (r) {
        case 0:
                if (payload_id(result->data, result->size, REPLY) != id)
                        sim_fail("a reply reaches the wrong caller");
                if (h->replied == NOT)
                        sim_fail("a reply that nobody sent");
                break;
        case -EREMOTEIO:
                check_text(result, rejected);
                if (h->rejected == NOT)
                        sim_fail("rejected by nobody");
                break;
        case -ECONNRESET:
                check_text(result, "killed");
                check_death(h);
                break;
        case -ETIMEDOUT:
                if (sim_now() < c->deadline_usec)
                        sim_fail("too early");
                break;
        default:
                sim_fail("a call fails");
        }
}

static bool leaves_a_result(int r) {
        return r == 0 || r == -EREMOTEIO || r == -ECONNRESET;
}

/** @param r  of a call that is over; -ETIMEDOUT: not yet, and it is given up. */
static void end(struct actor *a, unsigned int id, const struct call *c, struct call_result *result, int r) {
        if (r == -ETIMEDOUT)
                r = service_end(&a->service, c, result, r);
        note_end(id, c, result, r);
        history[id].ended = true;
        if (leaves_a_result(r))
                service_release(&a->service, c);
}

void op_end(struct actor *a, unsigned int id, const struct call *c) {
        struct call_result result;

        sim_boundary();
        end(a, id, c, &result, service_result_wait(&a->service, c, &result, c->deadline_usec));
}

void op_end_now(struct actor *a, unsigned int id, const struct call *c) {
        struct call_result result;
        int r;

        sim_boundary();
        r = service_result(&a->service, c, &result);
        end(a, id, c, &result, r == -EAGAIN ? -ETIMEDOUT : r);
}

void op_give_up(struct actor *a, unsigned int id, const struct call *c) {
        struct call_result result;
        int r;

        sim_boundary();
        sim_say("gives up", id);
        r = service_end(&a->service, c, &result, -ECANCELED);
        if (r != -ECANCELED)
                note_end(id, c, &result, r);
        history[id].ended = true;
        if (leaves_a_result(r))
                service_release(&a->service, c);
}

void op_call(struct actor *a, unsigned int id, uint64_t deadline_usec) {
        struct call c;

        (void)op_begin(a, id, deadline_usec, WAIT, &c);
        op_end(a, id, &c);
}

/* ---- servers ------------------------------------------------------------------------------------- */

static void note_received(struct actor *a, const struct served *r, uint64_t since) {
        unsigned int id = request_id(r->request, r->size), before = r->deliveries - 1;
        struct history *h = &history[id];

        sim_say("received", id);
        if (h->called == NOT)
                sim_fail("a call that nobody made");
        if (r->deadline_usec <= since)
                sim_fail("served after its deadline");
        if (h->server_known)
                sim_fail("two serve one call");
        if (h->replied == DONE || h->rejected == DONE)
                sim_fail("served again after it was finished");
        if (before < h->received || before > h->received + sim_deaths())
                sim_fail("a wrong delivery count");
        if (scenario->max_deliveries == 0 ? h->received > 0 : r->deliveries > scenario->max_deliveries)
                sim_fail("served too often");
        h->received = r->deliveries;
        h->server = a->who;
        h->server_known = true;
}

int op_receive(struct actor *a, struct served *ret, enum how how) {
        struct service *s = &a->service;
        uint64_t since;
        int r;

        sim_boundary();
        since = sim_now();
        if (how == POLL)
                while ((r = service_receive_poll(s, ret)) == -EAGAIN)
                        sim_event_wait(0, UINT64_MAX);
        else
                r = how == WAIT ? service_receive_wait(s, ret, UINT64_MAX, NULL) : service_receive(s, ret);
        if (r == 0)
                note_received(a, ret, since);
        else if (r != -EAGAIN)
                sim_fail("receive fails");
        return r;
}

int op_receive_drain(struct actor *a, struct served *ret) {
        uint64_t since;
        int r;

        sim_boundary();
        since = sim_now();
        r = service_receive_wait(&a->service, ret, UINT64_MAX, &sim_members[a->who].drain);
        if (r == 0)
                note_received(a, ret, since);
        return r;
}

/** @param r  what finishing it returned. */
static void check_finished(unsigned int id, int r) {
        if (r < 0)
                sim_fail("a server has lost its call");
        /* The caller may be dead, not recovered yet, and so not gone yet. */
        if (r == 1 && !history[id].ended && sim_deaths() == 0)
                sim_fail("a caller is gone that is not");
        history[id].server_known = false;
}

void op_reply(struct actor *a, const struct served *r) {
        unsigned int id = request_id(r->request, r->size);

        sim_boundary();
        sim_say("replies to", id);
        payload_write(r->reply, id, REPLY);
        history[id].replied = BEGUN;
        /* The caller may have it before we know: from its point of view nobody serves it then. */
        history[id].server_known = false;
        check_finished(id, service_reply(&a->service, r, PAYLOAD_SIZE));
        history[id].replied = DONE;
}

void op_reject(struct actor *a, const struct served *r) {
        unsigned int id = request_id(r->request, r->size);

        sim_boundary();
        sim_say("rejects", id);
        memcpy(r->reply, rejected, strlen(rejected));
        history[id].rejected = BEGUN;
        history[id].server_known = false;
        check_finished(id, service_fail(&a->service, r, (uint32_t)strlen(rejected)));
        history[id].rejected = DONE;
}

int op_serve(struct actor *a, enum how how) {
        struct served served;
        int r = op_receive(a, &served, how);

        if (r == 0)
                op_reply(a, &served);
        return r;
}

/* ---- waiting for any of several ------------------------------------------------------------------ */

size_t op_wait_any(struct actor *a, unsigned int waits_for, const struct call *calls, size_t n, enum how how) {
        struct wait_item items[SIM_KEYS];
        size_t n_items = 0, i = 0;
        int r;

        for (; n_items < n; n_items++)
                items[n_items] = service_call_item(&a->service, &calls[n_items]);
        if (waits_for & FOR_REQUEST)
                items[n_items++] = service_request_item(&a->service, NULL);
        if (waits_for & FOR_SLOT)
                items[n_items++] = service_slot_item(&a->service);
        sim_boundary();
        wait_any_by_descriptors(how == POLL);
        a->waits_for = waits_for | (n > 0 ? FOR_CALL : 0);
        r = wait_any(items, n_items, UINT64_MAX);
        a->waits_for = 0;
        if (r < 1)
                sim_fail("waiting for any fails");
        while (i < n && !items[i].ready)
                i++;
        return i;
}

/* ---- time ---------------------------------------------------------------------------------------- */

void op_pass_time(struct actor *a) {
        sim_boundary();
        if (sim_now() < DEADLINE)
                sim_go_on(DEADLINE - sim_now());
}

unsigned int op_next(const struct actor *a) {
        unsigned int k = 0;

        while (k < IDS_PER_CALLER - 1 && history[CALL_ID(a->who, k)].called != NOT)
                k++;
        return CALL_ID(a->who, k);
}
