/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_QUEUE_H
#define GANGER_SHM_QUEUE_H

/*
 * The queue: many senders, many receivers, each message to one of them, until it is acknowledged
 *
 * Bounded, lock-free, and kill-safe: a participant may be killed at any instruction of any operation, and
 * recovery (shm/recover.h) puts right what it left. The claim by compare-and-swap on a per-slot word follows
 * Vyukov's bounded MPMC queue; that the word names its owner, and that head and tail are only hints, is ours.
 *
 * A position is lap * slots + slot. Every position below the true tail was claimed, or passed over; none at or
 * above it was.
 *
 * | operation   | from                          | to                        | by          |
 * | reserve     | free                          | writing                   | one CAS     |
 * | commit      | writing                       | ready                     | a store     |
 * | cancel      | writing                       | free, next lap            | a store     |
 * | receive     | ready, returned               | leased, one delivery more | one CAS     |
 * | acknowledge | leased                        | free, next lap            | a store     |
 * | reject      | leased                        | returned or dead          | a store     |
 *
 * Passing over. A message that is leased for an hour, a dead letter, and one that waits to be delivered again, must
 * not stop senders when the ring comes round. Whoever owns such a slot keeps it, word and all; a sender that meets it raises
 * `passed` beside the word, which says that the position of this lap is void, and goes on to the next one. Claiming and
 * passing over exclude each other as in Dekker's algorithm: a claim looks at `passed` after its compare-and-swap, and gives
 * the slot back if it was too late; a receiver that finds a position void looks at the word again after it has seen
 * `passed`.
 *
 * Long messages. A message that is longer than a slot lies in the heap, if the queue has one, and its slot says where. What
 * is in use there is told by the words of the slots, too; see queue-heap.c.
 *
 * A `struct queue` is private to one thread at a time: a participant. Several may be open on one region.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/region.h"
#include "shm/wait-until.h"

/** What happens when more dead letters are there than `geometry.dead_max`. */
enum queue_dead_policy {
        QUEUE_DEAD_REFUSE = 0,          /* senders are refused until somebody retries or drops some */
        QUEUE_DEAD_DROP_OLDEST = 1,     /* the one that was sent first is dropped */
        _QUEUE_DEAD_POLICY_N,
};

/** So many senders that are half done a receiver remembers. More than that are seldom: they were stopped in the midst of it. */
#define QUEUE_HOLES 4

struct wait_item;

/** Blocks for the messages that are longer than a slot. */
struct queue_heap {
        _Atomic uint64_t *words;        /* for each block: the id of the message that claimed it, plus one */
        unsigned char *blocks;
        uint32_t n;                     /* 0: there is no heap */
        uint32_t log2;                  /* of a block's bytes */
};

struct queue {
        /* One line, where the memory of it begins one: what the usual way needs. */
        unsigned char *slots;           /* the first one */
        struct queue_control *control;
        uint64_t mask;                  /* n - 1 */
        uint64_t cursor;                /* below it nothing is ready, unless the epoch moves */
        uint64_t epoch;                 /* as this receiver knows it */
        uint64_t mine;                  /* the owner, in its place in a word */
        uint32_t stride;                /* bytes from slot to slot */
        uint32_t lap_shift;             /* from a position to the lap's place in a word */
        uint32_t slot_size;             /* a message that is longer lies in the heap */
        bool armed;                     /* announced as a poller */
        struct waiting messages;
        struct waiting space;
        uint64_t id_mask;               /* a position, as far as a word knows it */
        struct note *notes;
        _Atomic uint64_t *due;          /* for each slot: not delivered before (CLOCK_MONOTONIC); 0: at once */
        struct producer *producers;
        struct producer *producer;      /* the one that this participant is; NULL: none */
        uint64_t n;                     /* slots */
        uint32_t log2;                  /* of n */
        uint32_t owner;                 /* participant and generation, as in a word */
        uint32_t max_deliveries;
        struct patience patience;
        uint32_t finds;                 /* receiver: messages found at the cursor, one after another; at most QUEUE_STREAMS */
        uint32_t pauses;                /* how long it leaves senders alone that are just ahead, when it is as fast as they are, */
        uint64_t paused_at;             /* and its cursor when it did so last */
        uint32_t dead_max;              /* 0: no limit but the slots */
        enum queue_dead_policy dead_policy;
        uint64_t delay_usec;            /* how long what comes back rests */
        uint32_t message_max;
        uint32_t space_wakes;           /* how many to wake when a slot is freed */
        struct queue_heap heap;
        uint64_t refused;               /* `quota` when it was found that senders are refused; 0: never */
        /* A receiver that went past senders who were half done; see scan() in queue.c. */
        uint64_t frontier;              /* it has looked at all below this */
        uint32_t n_holes;               /* 0: the frontier is the cursor */
        uint64_t holes[QUEUE_HOLES];    /* where those senders are, the first at the cursor */
};

/** A slot that this participant holds, for writing or after receiving. */
struct lease {
        uint32_t slot;
        uint32_t deliveries;
        uint32_t size;
        uint64_t id;
        void *data;
};

size_t queue_memory_size(const struct geometry *g);
/** Bytes that a slot holds itself. */
uint32_t queue_slot_size(const struct geometry *g);
/** The size of the heap's blocks, as a power of 2. */
uint32_t queue_block_log2(const struct geometry *g);

/**
 * Open a queue as a participant.
 * @param participant  1 … RING_PARTICIPANTS, held by nobody else; 0: to look and to recover only.
 * @param event_fd     for those that poll; -1: none. Stays the caller's.
 */
void queue_open(struct queue *q, const struct region *region, uint32_t participant, uint32_t generation, int event_fd);

/**
 * Claim a slot, for a message that fits it.
 * @return 0, -EAGAIN (full), -EDQUOT (too many dead letters), -EBADMSG (the memory is damaged).
 */
int queue_reserve(struct queue *q, struct lease *ret);
/** The same for a message of any size up to `message_max`. It is full, too, while the heap has no run of blocks for it. */
int queue_reserve_sized(struct queue *q, uint32_t size, struct lease *ret);
/** Publish what was written to `lease->data`; `size` is at most what was reserved. */
void queue_commit(struct queue *q, const struct lease *lease, uint32_t size);
/** Write the size, but publish later (the journal does). */
void queue_commit_prepare(struct queue *q, const struct lease *lease, uint32_t size);
void queue_cancel(struct queue *q, const struct lease *lease);

/** Lease the next message. @return 0, -EAGAIN (none), -EBADMSG. */
int queue_receive(struct queue *q, struct lease *ret);
/** @return 0, -EINVAL: this participant does not hold that slot. */
int queue_acknowledge(struct queue *q, uint32_t slot);
/** @param reason may be NULL. @return 0 (returned), 1 (dead), -EINVAL. */
int queue_reject(struct queue *q, uint32_t slot, const char *reason);

/** As queue_reject(), with a rest of its own. */
int queue_reject_after(struct queue *q, uint32_t slot, const char *reason, uint64_t delay_usec);

/**
 * The same, waiting.
 * @param deadline_usec  CLOCK_MONOTONIC; UINT64_MAX: none.
 * @param drain          a flag that holds up or ends a wait for messages (-ESHUTDOWN), see wait.h; may be NULL.
 * @return also -ETIMEDOUT, -EINTR, -ESHUTDOWN.
 */
int queue_receive_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain);
int queue_reserve_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec);
int queue_reserve_sized_wait(struct queue *q, uint32_t size, struct lease *ret, uint64_t deadline_usec);

/**
 * For event loops: after -EAGAIN the descriptor is armed, and a message wakes it.
 * @return as queue_receive().
 */
int queue_receive_poll(struct queue *q, struct lease *ret);

/** Would queue_receive() find a message (or damage)? Takes nothing. */
bool queue_has_message(struct queue *q);
/** Would queue_reserve() find a slot (or damage)? Of the heap it says nothing. */
bool queue_has_space(struct queue *q);
/** To wait for either with wait_any(). @param drain  as in queue_receive_wait(). */
struct wait_item queue_message_item(struct queue *q, const _Atomic uint32_t *drain);
struct wait_item queue_space_item(struct queue *q);

/** Publish or free a slot by its number, if this participant holds it so; for the journal and for recovery. */
bool queue_settle_commit(struct queue *q, uint32_t slot, uint32_t owner);
bool queue_settle_acknowledge(struct queue *q, uint32_t slot, uint32_t owner);

/** Tell receivers that a slot below their cursor is ready again. `slot` ≥ n: several are. */
void queue_bump_epoch(struct queue *q, uint64_t slot);

static inline struct slot *queue_slot(const struct queue *q, uint64_t position) {
        return (void *)(q->slots + (position & q->mask) * q->stride);
}

/** The id of a message: the position at which it was sent, as far as the word knows it. It never changes. */
static inline uint64_t queue_message_id(const struct queue *q, uint32_t slot, uint64_t w) {
        return word_lap(w) << q->log2 | slot;
}

/** Are the blocks of a message those of the heap that its slot says? @param ret_first  the first one, as the slot has it. */
bool queue_heap_holds(const struct queue *q, uint32_t slot, uint64_t id, uint32_t size, uint32_t *ret_first);

/** Bytes of the heap that are in use, about. For people. */
uint32_t queue_heap_used(const struct queue *q);

/* ---- dead letters; queue-dead.c ----------------------------------------------------------------- */

/** A message has died, or may have: enforce the limit. After the word says so. */
void queue_dead_limit(struct queue *q);
/** Must a sender be refused? Asked when `quota` says that it must look. */
bool queue_is_refused(struct queue *q);
/**
 * Deliver a dead letter again, with a count of 0; or free its slot. After one or more of them, queue_dead_settled().
 * @param w  its word. @return false: it has changed by now, nothing was done.
 */
bool queue_dead_retry(struct queue *q, uint32_t slot, uint64_t w);
bool queue_dead_drop(struct queue *q, uint32_t slot, uint64_t w);
/** Let go on who waits for that. */
void queue_dead_settled(struct queue *q);

/* ---- messages that rest; queue-delay.c ---------------------------------------------------------- */

/** When a message that comes back now is due, after so long. @return 0: at once. */
uint64_t queue_due_after(uint64_t delay_usec);
/** Has a message that came back rested long enough? @param now  read once, when it is needed; 0 before. */
bool queue_is_due(const struct queue *q, uint32_t slot, uint64_t *now);
/** A message that is due then was given back. */
void queue_alarm_set(struct queue *q, uint64_t due);
/** Somebody may have died before that. */
void queue_alarm_renew(struct queue *q);
/** If the alarm has passed, let every receiver look again. */
void queue_alarm_answer(struct queue *q);

/** When whoever waits for messages must look by itself (CLOCK_MONOTONIC). @return UINT64_MAX: never. */
static inline uint64_t queue_alarm(const struct queue *q) {
        uint64_t msec = atomic_load_explicit(&q->control->alarm, memory_order_acquire) & ALARM_MSEC_MASK;

        return msec ? msec * 1000 : UINT64_MAX;
}

/* ---- producers that number their messages; queue-producer.c -------------------------------------- */

/** No producer's key. */
#define QUEUE_PRODUCER_NONE UINT64_MAX

/**
 * Be the producer of that key, until closed or dead.
 * @param ret  the highest sequence that was accepted from it; 0: none.
 * @return 0, -EBUSY (another participant is), -EALREADY (this one is another producer), -EUSERS (QUEUE_PRODUCERS), -EINVAL.
 */
int queue_produce(struct queue *q, uint64_t key, uint64_t *ret);
/**
 * As queue_commit(), for the message of that number of this producer.
 * @return 0, -EALREADY (that one or a later one was accepted: still reserved), -EINVAL (this is no producer).
 */
int queue_commit_sequenced(struct queue *q, const struct lease *lease, uint32_t size, uint64_t sequence);
/** Was that message of this producer, or a later one, accepted? It must be one. */
bool queue_has_accepted(const struct queue *q, uint64_t sequence);
/** The highest sequence that was accepted from a producer, whoever it is now. @return 0, -ENOENT. */
int queue_sequence(const struct queue *q, uint64_t key, uint64_t *ret);
/** Its owner is dead: decide about the last message. Before any slot is freed. */
void queue_producer_settle(struct queue *q, struct producer *p, uint64_t owner);

/** Write down why a message comes back. The caller owns the slot, or its owner is dead. @param w  its word. */
void queue_note(struct queue *q, uint32_t slot, uint64_t w, enum note_cause cause, const char *text);

#endif
