/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SERVICE_H
#define GANGER_SHM_SERVICE_H

/*
 * The service: calls, each answered by one server, and its reply handed to the caller and to nobody else
 *
 *      header | control | slots …
 *
 * A call has a slot from its beginning to its end, with an area for the request and another for the reply: the
 * request is still whole when it must be delivered again. The word of a slot (shm/word.h, with states of its own)
 * says in which lap it stands, that is the how many-th use of it this is, and who owns it; so nobody who is late
 * can take a later use for his.
 *
 * | operation   | from               | to                                   | owner after | by                |
 * | reserve     | free               | writing                              | caller      | one CAS           |
 * | submit      | writing            | ready                                | caller      | a store           |
 * | receive     | ready              | serving, one delivery more           | server      | one CAS           |
 * | reply, fail | serving            | replied, failed                      | caller      | one CAS           |
 * |             | abandoned          | free, next lap                       | nobody      | a store           |
 * | release     | replied, failed    | free, next lap                       | nobody      | a store           |
 * | give up     | ready              | free, next lap                       | nobody      | one CAS           |
 * |             | serving            | abandoned                            | server      | one CAS           |
 * | recovery    | serving            | ready again, or failed: server died  | caller      | one CAS           |
 * |             | serving            | abandoned: caller died               | server      | one CAS           |
 * |             | whatever is owned  | free, next lap                       | nobody      | one CAS           |
 *
 * While a server owns the slot, `caller` beside the word says whose call it is: it is written before the call is ready.
 *
 * Servers find calls by a bitmap. Whoever makes a slot ready sets its bit after that; whoever has taken the call
 * clears it, as long as the slot is his. So a bit may be set for nothing, which costs a look, but is never missing
 * for long: a caller that died before it set it had no call, and recovery sets those of all that are ready.
 *
 * A `struct service` is private to one thread at a time: a participant, that calls or serves or both.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/region.h"
#include "shm/wait-until.h"

#define SERVICE_SLOTS_MIN 2
#define SERVICE_SLOTS_MAX 4096
#define SERVICE_MESSAGE_MAX (16u << 20)
#define SERVICE_BITMAP (SERVICE_SLOTS_MAX / 64)

/** What happens to a call whose server died. */
enum service_policy {
        SERVICE_AT_MOST_ONCE = 0,       /* it fails: what was done of it, nobody knows */
        SERVICE_IDEMPOTENT = 1,         /* another server tries, up to `max_deliveries` in all */
        _SERVICE_POLICY_N,
};

enum call_state {
        CALL_FREE = 0,
        CALL_WRITING = 1,
        CALL_READY = 2,
        CALL_SERVING = 3,
        CALL_REPLIED = 4,
        CALL_FAILED = 5,                /* `failure` says why, the reply area has it as a text */
        CALL_ABANDONED = 6,             /* being served, but the caller is gone */
};

enum call_failure {
        CALL_REJECTED = 0,              /* by its server */
        CALL_DIED = 1,                  /* its server */
};

struct call_slot {
        _Alignas(CACHE_LINE) _Atomic uint64_t word;
        _Atomic uint64_t deadline_usec; /* CLOCK_MONOTONIC; UINT64_MAX: none */
        _Atomic uint32_t caller;        /* its owner id, as in a word */
        _Atomic uint32_t sleeping;      /* the caller's: an `enum alone` (shm/wait.h) */
        _Atomic uint32_t event;         /* its futex */
        uint32_t request_size;
        uint32_t reply_size;
        uint32_t failure;
        _Alignas(16) unsigned char data[]; /* the request; the reply in its own lines behind it */
};

struct wait_item;

struct service_control {
        _Alignas(CACHE_LINE) _Atomic uint64_t ready[SERVICE_BITMAP]; /* slots that may hold a call to be served */
        _Alignas(CACHE_LINE) _Atomic uint64_t redelivered; /* for people: deliveries that were not the first */
        _Atomic uint64_t died;          /* for people: calls that failed because their server died */
        struct eventcount requests;     /* servers wait here */
        struct eventcount space;        /* callers wait here for a slot; for the reply, in the slot */
};

struct service {
        unsigned char *slots;
        struct service_control *control;
        uint32_t n;                     /* slots */
        uint32_t mask;
        uint32_t log2;
        uint32_t stride;                /* bytes from slot to slot */
        uint32_t reply_offset;          /* of the reply in a slot */
        uint32_t message_max;
        uint32_t max_deliveries;        /* 1 if a call is served at most once */
        uint32_t owner;                 /* participant and generation, as in a word */
        uint32_t call_cursor;           /* where a caller looks for a free slot first */
        uint32_t serve_cursor;          /* where a server looks for a call first */
        bool armed;                     /* announced as a poller */
        struct patience patience;
        struct waiting requests;
        struct waiting space;
};

/** A call that this participant has made, or is about to. */
struct call {
        uint64_t lap;
        uint64_t deadline_usec;
        uint32_t slot;
        void *request;                  /* `message_max` bytes; until it is submitted */
};

/** What came of it; in the slot until service_release(). */
struct call_result {
        const void *data;               /* the reply, or why there is none */
        uint32_t size;
};

/** A call that this participant serves. */
struct served {
        uint64_t id;
        uint64_t lap;
        uint64_t deadline_usec;
        uint32_t slot;
        uint32_t deliveries;
        uint32_t caller;
        uint32_t size;
        const void *request;
        void *reply;                    /* `message_max` bytes */
};

size_t service_memory_size(const struct geometry *g);

/** Open a service as a participant; parameters as of queue_open(). */
void service_open(struct service *s, const struct region *region, uint32_t participant, uint32_t generation,
                  int event_fd);

/* ---- callers ------------------------------------------------------------------------------------- */

/** Claim a slot. @return 0, -EAGAIN (none is free). */
int service_reserve(struct service *s, struct call *ret);

/**
 * Make the call: `size` bytes at `c->request`, at most `message_max`.
 * @param deadline_usec  after it nobody serves the call any more; UINT64_MAX: none.
 */
void service_submit(struct service *s, struct call *c, uint32_t size, uint64_t deadline_usec);

/**
 * Is it over?
 * @param ret  filled too when the call failed.
 * @return 0 (there is a reply); -EAGAIN: not yet; -EREMOTEIO: its server rejected it; -ECONNRESET: its server died;
 *         -EBADMSG: the memory is damaged, and the call is lost.
 */
int service_result(struct service *s, const struct call *c, struct call_result *ret);

/** It is over, and its result is done with: the slot is free. */
void service_release(struct service *s, const struct call *c);

/** Do without the result. @return 0 (given up); 1: it is over already, release it; -EBADMSG: as service_result(). */
int service_give_up(struct service *s, const struct call *c);

/* ---- servers ------------------------------------------------------------------------------------- */

/** Take a call to serve. @return 0, -EAGAIN (none). */
int service_receive(struct service *s, struct served *ret);

/** Does this participant serve that call, still? Also when the caller is gone. */
bool service_holds(const struct service *s, const struct served *r);

/**
 * Finish it: `size` bytes at `r->reply`, at most `message_max`, are the reply, or say why there is none.
 * @return 0; 1: the caller is gone; -EINVAL: this participant does not serve that call (any more).
 */
int service_reply(struct service *s, const struct served *r, uint32_t size);
int service_fail(struct service *s, const struct served *r, uint32_t size);

/* ---- the same, waiting (service-wait.c) ------------------------------------------------------------ */

/**
 * Deadlines and errors as of queue_receive_wait(): also -ETIMEDOUT, -EINTR, -ESHUTDOWN.
 * @param until_usec  of service_result_wait(): -ETIMEDOUT then, and the call goes on; its own deadline is not
 *                    looked at.
 */
int service_reserve_wait(struct service *s, struct call *ret, uint64_t deadline_usec);
int service_result_wait(struct service *s, const struct call *c, struct call_result *ret, uint64_t until_usec);
int service_receive_wait(struct service *s, struct served *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain);

/**
 * The caller has waited long enough: give the call up with that error, unless it is over by now.
 * @return `error`, and the slot is left; else as service_result().
 */
int service_end(struct service *s, const struct call *c, struct call_result *ret, int error);

/** For event loops; as queue_receive_poll(). */
int service_receive_poll(struct service *s, struct served *ret);

/**
 * To wait with wait_any(): for a call to serve, for a slot, and for the end of a call that this participant has made, which
 * comes with its deadline at the latest.
 */
struct wait_item service_request_item(struct service *s, const _Atomic uint32_t *drain);
struct wait_item service_slot_item(struct service *s);
struct wait_item service_call_item(struct service *s, const struct call *c);

/** Would service_receive() find a call? Takes nothing. */
bool service_has_request(const struct service *s);
/** Would service_reserve() find a slot? */
bool service_has_slot(const struct service *s);

/** A call, as a number; and back, without `request`. */
static inline uint64_t service_call_id(const struct service *s, const struct call *c) {
        return c->lap << s->log2 | c->slot;
}

static inline struct call service_call_of(const struct service *s, uint64_t id, uint64_t deadline_usec) {
        return (struct call){ .lap = id >> s->log2, .deadline_usec = deadline_usec, .slot = (uint32_t)id & s->mask };
}

/* ---- for recovery ---------------------------------------------------------------------------------- */

static inline struct call_slot *service_slot(const struct service *s, uint32_t slot) {
        return (void *)(s->slots + (size_t)(slot & s->mask) * s->stride);
}

static inline enum call_state call_state(uint64_t w) {
        return (enum call_state)word_state(w);
}

static inline uint64_t call_word(uint64_t lap, uint32_t owner, uint32_t deliveries, enum call_state state) {
        return word_make(lap, owner, deliveries, (enum slot_state)state);
}

/** Set the bit of a slot that is ready. */
void service_post(struct service *s, uint32_t slot);
/** Wake the caller of a slot, if it sleeps. */
void service_wake_caller(const struct service *s, struct call_slot *slot);

#endif
