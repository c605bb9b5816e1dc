/* SPDX-License-Identifier: MIT */

/*
 * The broadcast ring
 *
 * Linearisation points: publish: the store of `tail`. Receive: the load of `oldest` after the copy, if readers may be
 * overtaken; else the load of `tail` that showed the record. "None" linearises at the load of `tail`, "full" at the
 * loads of the subscribers' positions. Subscribing: the load of `oldest` that confirms it. Claim: its
 * compare-and-swap.
 *
 * Memory orders. A record is published by the release of `tail`; its partner is the acquire in is_published(). A
 * record that may be overwritten while it is copied is a seqlock, as in H.-J. Boehm, "Can seqlocks get along with
 * programming language memory models?" (MSPC 2012): the writer stores `oldest`, then a release fence, then overwrites
 * with relaxed atomic stores; the reader copies with relaxed atomic loads, then an acquire fence, then loads
 * `oldest`. If a copy has a byte of the new record, the fences synchronise and the load finds the new `oldest`. (Who
 * writes in place, where it was reserved, makes plain stores: what a reader gets of them meanwhile it throws away
 * unseen.) What a subscriber has read was read before the release of its position; the partner is the acquire in
 * slowest(). A subscriber that comes and a writer that makes room are a Dekker pair: the one stores its position, the
 * other `oldest`, then each has a full fence, and looks at the other's.
 *
 * Everything that is read from shared memory is read once, and bounded before use; every loop ends after a number of
 * steps that damage cannot raise.
 */

#include "shm/broadcast.h"

#include <errno.h>
#include <string.h>

#include "shm/fault.h"
#include "shm/word.h"

#define likely(x) __builtin_expect(!!(x), 1)
/** Keeps the seldom taken way out of the registers of the usual one. */
#define SLOW __attribute__((__noinline__, __cold__))

/** Room is made for so much of the ring at once, where old records may go. */
#define ROOM_SHIFT 4
/** Overtaken so often in one receive, a reader goes on at the newest record. */
#define OVERTAKEN_MAX 16
/** More steps in one receive are given up: padding and a record each time, and a few more at the tail. */
#define STEPS_MAX (2 * OVERTAKEN_MAX + 8)
/** The same of a subscription: the writer goes past a reader once that it did not see, and past others a few times. */
#define SUBSCRIBE_TRIES 64

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t control_offset(void) {
        return align_up(sizeof(struct region_header), 2 * CACHE_LINE);
}

size_t broadcast_shared_size(const struct geometry *g) {
        return align_up(control_offset() + sizeof(struct broadcast_control) + g->slots * sizeof(struct subscriber),
                        REGION_PAGE);
}

size_t broadcast_memory_size(const struct geometry *g) {
        return broadcast_shared_size(g) + align_up(sizeof(struct broadcast_published) + g->capacity, REGION_PAGE);
}

void broadcast_open(struct broadcast *b, const struct region *region, uint32_t participant, uint32_t generation,
                    int event_fd) {
        const struct geometry *g = &region->geometry;
        unsigned char *base = region->base, *published = base + broadcast_shared_size(g);

        *b = (struct broadcast){
                .records = published + sizeof(struct broadcast_published),
                .published = (void *)published,
                .control = (void *)(base + control_offset()),
                .capacity = g->capacity,
                .mask = (g->capacity - 1) & ~(uint64_t)(RECORD_ALIGN - 1),
                .message_max = g->message_max,
                .policy = g->policy,
                .overtakes = g->policy == BROADCAST_LOSSY || g->policy == BROADCAST_DROP,
                .owner = owner_make(participant, generation),
                .slots = g->slots,
        };
        b->messages = (struct waiting){ .count = &b->control->messages, .event_fd = event_fd, .fences = g->fences };
        b->space = (struct waiting){ .count = &b->control->space, .event_fd = event_fd, .fences = g->fences };
        patience_init(&b->patience);
}

/* ---- the writer: room -------------------------------------------------------------------------- */

/** The position of the slowest subscriber, if one is more behind than the tail. */
static uint64_t slowest(const struct broadcast *b) {
        uint64_t lag = 0;

        for (uint32_t i = 0; i < b->slots; i++) {
                /* Acquire: partner is the release of consume. */
                uint64_t p = atomic_load_explicit(&b->control->subscribers[i].position, memory_order_acquire);
                uint64_t behind = b->tail - (p & ~SUBSCRIBED);

                /*
                 * Further behind stands only one that has not confirmed its place yet,
                 * and chooses again; or nobody honest.
                 */
                if (p & SUBSCRIBED && behind <= b->capacity && behind > lag)
                        lag = behind;
        }
        return b->tail - (lag & ~(uint64_t)(RECORD_ALIGN - 1));
}

/**
 * From the oldest record on to the first that need not go, and some more.
 * @param least  what must go ends here.
 * @param bound  what must stay begins here.
 */
static int choose_oldest(const struct broadcast *b, uint64_t *oldest, uint64_t least, uint64_t bound) {
        uint64_t wanted = least + (b->capacity >> ROOM_SHIFT);

        while (broadcast_behind(*oldest, wanted) && broadcast_behind(*oldest, bound)) {
                uint64_t next = *oldest;

                if (!broadcast_skip(b, &next))
                        return -EBADMSG;
                if (broadcast_behind(bound, next))
                        break;
                *oldest = next;
        }
        return broadcast_behind(*oldest, least) ? -EAGAIN : 0;
}

/** Tell everybody what will be overwritten, before it is. */
static void announce_oldest(struct broadcast *b, uint64_t oldest) {
#if SHM_FAULT != FAULT_BROADCAST_NO_INTENT
        /* Release: partner is the acquire in go_on() and in choose_place(): who sees it sees a tail that is not below it. */
        if (atomic_load_explicit(&b->published->oldest, memory_order_relaxed) != oldest)
                atomic_store_explicit(&b->published->oldest, oldest, memory_order_release);
#endif
        if (b->overtakes)
                /* Partner: the acquire fence in was_overtaken(). */
                atomic_thread_fence(memory_order_release);
        else
                /* Partner: the fence in announce_subscriber(). */
                atomic_thread_fence(memory_order_seq_cst);
}

/** Move the limit, so that a record may end at `end`. @return 0, -EAGAIN, -EBADMSG. */
static SLOW int make_room(struct broadcast *b, uint64_t end) {
        uint64_t oldest, least = end - b->capacity;
        int r;

        /* Whoever shall make room must see what there is to read. */
        if (SHM_FAULT != FAULT_BROADCAST_UNPUBLISHED)
                broadcast_publish(b);
        oldest = atomic_load_explicit(&b->published->oldest, memory_order_relaxed) & ~(uint64_t)(RECORD_ALIGN - 1);
        if (b->tail - oldest > b->capacity)
                return -EBADMSG;
        r = choose_oldest(b, &oldest, least, b->overtakes ? b->tail : slowest(b));
        if (r < 0)
                return r;
        announce_oldest(b, oldest);
        if (!b->overtakes && SHM_FAULT != FAULT_BROADCAST_NO_SECOND_LOOK) {
                /* Who has subscribed meanwhile stays ahead of us. */
                uint64_t bound = slowest(b);

                if (broadcast_behind(bound, oldest))
                        oldest = bound;
                if (broadcast_behind(oldest, least))
                        return -EAGAIN;
        }
        b->limit = oldest + b->capacity;
        return 0;
}

/* ---- the writer: records ----------------------------------------------------------------------- */

int broadcast_claim(struct broadcast *b) {
        uint32_t nobody = 0;

        /* Acquire: partner is the release of close or recovery. */
        if (!atomic_compare_exchange_strong_explicit(&b->published->writer, &nobody, b->owner, memory_order_acquire,
                                                     memory_order_relaxed))
                return -EBUSY;
        b->writes = true;
        b->tail = atomic_load_explicit(&b->published->tail, memory_order_acquire) & ~(uint64_t)(RECORD_ALIGN - 1);
        b->position = b->tail;
        b->sequence = atomic_load_explicit(&broadcast_record(b, b->tail)->sequence, memory_order_relaxed);
        /* What the last writer announced it may not have been granted. */
        b->limit = SHM_FAULT == FAULT_BROADCAST_RESTART_LIMIT ? atomic_load(&b->published->oldest) + b->capacity : b->tail;
        return 0;
}

/** Where a record of that size goes. */
static inline uint64_t place_for(const struct broadcast *b, uint32_t size) {
        uint64_t p = b->position;

        return record_length(size) > broadcast_room(b, p) ? p + broadcast_room(b, p) : p;
}

/** Where one ends that begins there. The head of the next one is written ahead. */
static inline uint64_t end_of(uint64_t position, uint32_t size) {
        return position + record_length(size) + sizeof(struct record);
}

int broadcast_reserve(struct broadcast *b, uint32_t size, void **ret) {
        uint64_t p = place_for(b, size), end = end_of(p, size);
        int r;

        if (!likely(!broadcast_behind(b->limit, end))) {
                r = make_room(b, end);
                if (r < 0)
                        return r;
        }
        b->reserved = p;
        *ret = broadcast_record(b, p)->data;
        return 0;
}

bool broadcast_has_room(struct broadcast *b, uint32_t size) {
        uint64_t end = end_of(place_for(b, size), size);

        if (b->overtakes || !broadcast_behind(b->limit, end))
                return true;
#if SHM_FAULT == FAULT_BROADCAST_ANY_UNPUBLISHED
        return end - slowest(b) <= b->capacity;
#endif
        return make_room(b, end) != -EAGAIN;
}

void broadcast_write(void *to, const void *data, size_t size) {
        _Atomic uint64_t *word = to;
        const unsigned char *from = data;
        uint64_t v = 0;

        for (; size >= sizeof v; size -= sizeof v, from += sizeof v) {
                memcpy(&v, from, sizeof v);
                atomic_store_explicit(word++, v, memory_order_relaxed);
        }
        if (size > 0) {
                memcpy(&v, from, size);
                atomic_store_explicit(word, v, memory_order_relaxed);
        }
}

void broadcast_append(struct broadcast *b, uint32_t size) {
        struct record *record = broadcast_record(b, b->reserved);
        uint64_t next = b->reserved + record_length(size);

        if (!likely(b->reserved == b->position)) {
                atomic_store_explicit(&broadcast_record(b, b->position)->size, RECORD_PADDING, memory_order_relaxed);
                atomic_store_explicit(&record->sequence, b->sequence, memory_order_relaxed);
        }
#if SHM_FAULT == FAULT_BROADCAST_SIZE_LATE
        b->position = next;
        broadcast_publish(b);
#endif
        atomic_store_explicit(&record->size, size, memory_order_relaxed);
        b->sequence++;
#if SHM_FAULT == FAULT_BROADCAST_NOT_AHEAD
        atomic_store_explicit(&record->sequence, b->sequence - 1, memory_order_relaxed);
#else
        atomic_store_explicit(&broadcast_record(b, next)->sequence, b->sequence, memory_order_relaxed);
#endif
        b->position = next;
}

void broadcast_publish(struct broadcast *b) {
        if (b->tail == b->position)
                return;
        b->tail = b->position;
        /* Linearises all that was appended. Release: partner is the acquire in is_published(). */
        atomic_store_explicit(&b->published->tail, b->tail, memory_order_release);
#if SHM_FAULT == FAULT_BROADCAST_NO_INTENT
        atomic_store(&b->published->oldest, b->limit - b->capacity);
#endif
        if (SHM_FAULT == FAULT_BROADCAST_WAKE_ONE)
                wait_wake(&b->messages);
        else
                wait_wake_each(&b->messages);
}

/* ---- subscribing ------------------------------------------------------------------------------- */

/** Take a place, without a position yet: nobody heeds it. */
static int take_place(struct broadcast *b) {
        for (uint32_t i = 0; i < b->slots; i++) {
                struct subscriber *s = &b->control->subscribers[i];
                uint32_t nobody = 0;

                /* Acquire: partner is the release in subscriber_free(). */
                if (atomic_load_explicit(&s->owner, memory_order_relaxed) != 0 ||
                    !atomic_compare_exchange_strong_explicit(&s->owner, &nobody, b->owner, memory_order_acquire,
                                                             memory_order_relaxed))
                        continue;
                b->subscriber = s;
                return 0;
        }
        return -EUSERS;
}

/** Tell the writer where this reader stands. */
static void announce_subscriber(struct broadcast *b, uint64_t position) {
        if (b->subscriber)
                atomic_store_explicit(&b->subscriber->position, position | SUBSCRIBED, memory_order_release);
#if SHM_FAULT != FAULT_BROADCAST_NO_FENCE
        /* Partner: the fence in announce_oldest(). */
        atomic_thread_fence(memory_order_seq_cst);
#endif
}

/** Has the writer gone past a position, as far as it has told? Call after what lies there was read. */
static inline bool was_overtaken(const struct broadcast *b, uint64_t position) {
#if SHM_FAULT == FAULT_BROADCAST_NO_VALIDATION
        return false;
#endif
        /* Partner: the release fence in announce_oldest(). */
        atomic_thread_fence(memory_order_acquire);
        return broadcast_behind(position, atomic_load_explicit(&b->published->oldest, memory_order_relaxed));
}

static int choose_place(struct broadcast *b, bool oldest) {
        for (unsigned int tries = 0; tries < SUBSCRIBE_TRIES; tries++) {
                const _Atomic uint64_t *from = oldest && tries < SUBSCRIBE_TRIES / 2 ? &b->published->oldest :
                                                                                      &b->published->tail;
                uint64_t p = atomic_load_explicit((_Atomic uint64_t *)from, memory_order_acquire);
                uint64_t sequence;

                p &= ~(uint64_t)(RECORD_ALIGN - 1);
#if SHM_FAULT == FAULT_BROADCAST_JOIN_BEYOND
                p += oldest ? 0 : record_length(broadcast_record(b, p)->size);
#endif
                announce_subscriber(b, p);
                sequence = atomic_load_explicit(&broadcast_record(b, p)->sequence, memory_order_relaxed);
                if (was_overtaken(b, p) && SHM_FAULT != FAULT_BROADCAST_JOIN_UNCHECKED)
                        continue;
                b->tail = b->position = p;
                b->sequence = sequence;
                return 0;
        }
        return -EBADMSG;
}

int broadcast_subscribe(struct broadcast *b, bool oldest) {
        int r;

        if (b->slots > 0 && !b->subscriber) {
                r = take_place(b);
                if (r < 0)
                        return r;
        }
        r = choose_place(b, oldest);
        /* A position that did not stand may have stopped the writer. */
        if (SHM_FAULT != FAULT_BROADCAST_JOIN_SILENT)
                wait_wake(&b->space);
        if (r < 0)
                broadcast_close(b);
        return r;
}

int broadcast_subscribe_again(struct broadcast *b, bool oldest, uint64_t *ret_missed) {
        uint64_t expected = b->sequence;
        int r;

        if (b->policy != BROADCAST_DROP || !was_overtaken(b, b->position))
                return -EISCONN;
        r = choose_place(b, oldest);
        if (r < 0)
                return r;
        *ret_missed = b->sequence - expected;
        return 0;
}

void subscriber_free(struct subscriber *s) {
        /* The position first: who takes the place must not find ours there, nor we clear his. */
#if SHM_FAULT == FAULT_BROADCAST_OWNER_FIRST
        atomic_store_explicit(&s->owner, 0, memory_order_release);
        atomic_store_explicit(&s->position, 0, memory_order_release);
#else
        atomic_store_explicit(&s->position, 0, memory_order_release);
        atomic_store_explicit(&s->owner, 0, memory_order_release);
#endif
}

void broadcast_close(struct broadcast *b) {
        if (b->subscriber) {
                subscriber_free(b->subscriber);
                wait_wake(&b->space);
        }
        if (b->writes) {
                broadcast_publish(b);
                /* Release: partner is the acquire of claim. */
                atomic_store_explicit(&b->published->writer, 0, memory_order_release);
        }
        b->subscriber = NULL;
        b->writes = false;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static inline void copy_out(void *buffer, const struct record *record, size_t size) {
        _Atomic uint64_t *word = (void *)record->data;
        unsigned char *to = buffer;
        uint64_t v;

        for (; size >= sizeof v; size -= sizeof v, to += sizeof v) {
                v = atomic_load_explicit(word++, memory_order_relaxed);
                memcpy(to, &v, sizeof v);
        }
        if (size > 0) {
                v = atomic_load_explicit(word, memory_order_relaxed);
                memcpy(to, &v, size);
        }
}

/** Tell the writer that all before `position` was read. */
static inline void advance(struct broadcast *b, uint64_t position) {
        b->position = position;
        if (!b->subscriber)
                return;
        /* Release: partner is the acquire in slowest(). */
        atomic_store_explicit(&b->subscriber->position, position | SUBSCRIBED, memory_order_release);
        if (b->policy == BROADCAST_WAIT && SHM_FAULT != FAULT_BROADCAST_NO_SPACE_WAKE)
                wait_wake(&b->space);
}

/** Is there a record at the reader's position? */
static inline bool is_published(struct broadcast *b) {
        bool found;

        if (likely(broadcast_behind(b->position, b->tail)))
                return true;
        stream_let_ahead(&b->stream, &b->patience);
        /* Acquire: partner is the release in publish. */
        b->tail = atomic_load_explicit(&b->published->tail, memory_order_acquire);
        found = broadcast_behind(b->position, b->tail);
        stream_found(&b->stream, found ? b->tail - b->position : 0);
        return found;
}

/* Who was overtaken is behind, too. */
bool broadcast_has_message(struct broadcast *b) {
        return SHM_FAULT == FAULT_BROADCAST_ANY_STALE ? broadcast_behind(b->position, b->tail) : is_published(b);
}

/**
 * The writer was faster.
 * Where a reader goes on: it has been told of no message yet, so the sequence tells what it missed.
 */
static SLOW int go_on(struct broadcast *b, unsigned int times) {
        uint64_t oldest, tail;

        if (b->policy == BROADCAST_DROP)
                return -ENOTCONN;
        oldest = atomic_load_explicit(&b->published->oldest, memory_order_acquire) & ~(uint64_t)(RECORD_ALIGN - 1);
        tail = atomic_load_explicit(&b->published->tail, memory_order_acquire) & ~(uint64_t)(RECORD_ALIGN - 1);
        if (broadcast_behind(tail, oldest))
                return -EBADMSG;
        b->position = times < OVERTAKEN_MAX ? oldest : tail;
#if SHM_FAULT == FAULT_BROADCAST_COUNT_LOST
        b->sequence = atomic_load(&broadcast_record(b, b->position)->sequence);
#endif
        return 0;
}

/** Look at the next message, or copy it out. */
static inline __attribute__((__always_inline__)) int next_message(struct broadcast *b, bool copy, void *buffer, size_t room,
                                                                  struct view *ret) {
        unsigned int overtaken = 0;

        for (unsigned int steps = 0; steps < STEPS_MAX; steps++) {
                const struct record *record = broadcast_record(b, b->position);
                uint64_t sequence;
                uint32_t size;
                bool sound;

                if (!is_published(b))
                        return -EAGAIN;
                sequence = atomic_load_explicit((_Atomic uint64_t *)&record->sequence, memory_order_relaxed);
                size = atomic_load_explicit((_Atomic uint32_t *)&record->size, memory_order_relaxed);
                sound = broadcast_fits(b, b->position, size);
#if SHM_FAULT == FAULT_BROADCAST_CONSUME_EARLY
                if (copy && sound)
                        advance(b, b->position + record_length(size));
#endif
                if (copy && likely(sound && size <= room))
                        copy_out(buffer, record, size);
                /* All that was read above is looked at only from here on. */
                if (b->overtakes && !likely(!was_overtaken(b, b->position))) {
                        int r = go_on(b, overtaken++);

                        if (r < 0)
                                return r;
                        continue;
                }
                if (!likely(sound)) {
                        if (size != RECORD_PADDING)
                                return -EBADMSG;
                        b->position += broadcast_room(b, b->position);
                        continue;
                }
                if (copy && size > room)
                        return -EMSGSIZE;
                ret->data = copy ? buffer : record->data;
                ret->size = size;
                ret->missed = sequence - b->sequence;
                b->sequence = sequence + copy;
                if (copy && SHM_FAULT != FAULT_BROADCAST_CONSUME_EARLY)
                        advance(b, b->position + record_length(size));
                return 0;
        }
        /* Whoever overtook us that often is at work, and wakes us. */
        return overtaken > OVERTAKEN_MAX ? -EAGAIN : -EBADMSG;
}

int broadcast_receive(struct broadcast *b, void *buffer, size_t size, struct view *ret) {
        return next_message(b, true, buffer, size, ret);
}

int broadcast_peek(struct broadcast *b, struct view *ret) {
        return next_message(b, false, NULL, 0, ret);
}

int broadcast_consume(struct broadcast *b, const struct view *view) {
        if (b->overtakes && was_overtaken(b, b->position))
                return -ENOTCONN;
        b->sequence++;
        advance(b, b->position + record_length(view->size));
        return 0;
}
