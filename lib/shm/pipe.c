/* SPDX-License-Identifier: MIT */

/*
 * The pipe
 *
 * Linearisation points: publishing and consuming: the store of the end's own position; taking an end: the compare-and-swap
 * of its word; leaving it: that which clears it. "Full" and "empty" linearise at the load of the other's position.
 *
 * Memory orders. What the writer wrote, sizes and padding too, is published by the release of `written`; its partner
 * is the acquire in pipe_find_record(). What the reader read was read before the release of `consumed`; its partner is
 * the acquire in pipe_find_room(), after which it may be overwritten. Whoever takes an end (acquire) finds its position
 * as the last holder left it: that one cleared the word after (release), or recovery did when it was dead.
 *
 * An end's own position is kept in shared memory only: nobody else writes it, so it is found in the cache, and a message
 * costs one store less. Each call reads it once, as it does the other's position and the sizes of records, and bounds
 * it by the ring before use: so whoever writes there what he should not spoils this pipe, and leads nobody out of it.
 */

#include "shm/pipe.h"

#include <errno.h>

#include "shm/pipe-fast.h"

/** Keeps the seldom taken way out of the registers of the usual one. */
#define SLOW __attribute__((__noinline__, __cold__))

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t control_offset(void) {
        return align_up(sizeof(struct region_header), 2 * CACHE_LINE);
}

static size_t records_offset(void) {
        return align_up(control_offset() + sizeof(struct pipe_control), 2 * CACHE_LINE) + PIPE_SKEW;
}

size_t pipe_memory_size(const struct geometry *g) {
        return align_up(records_offset() + g->capacity, REGION_PAGE);
}

void pipe_open(struct pipe *p, const struct region *region, int event_fd) {
        const struct geometry *g = &region->geometry;
        unsigned char *base = region->base;

        *p = (struct pipe){
                .records = base + records_offset(),
                .control = (void *)(base + control_offset()),
                .mask = g->capacity - PIPE_ALIGN,
                .message_max = g->message_max,
                .reserved = PIPE_UNRESERVED,
                .wait = { .event_fd = event_fd, .fences = g->fences },
        };
        patience_init(&p->patience);
}

struct waiting pipe_waiting(const struct pipe *p, enum pipe_end who) {
        return (struct waiting){
                .count = who == PIPE_READER ? &p->control->records : &p->control->space,
                .event_fd = p->wait.event_fd,
                .fences = p->wait.fences,
        };
}

/* ---- ends ---------------------------------------------------------------------------------------- */

static _Atomic uint32_t *end_word(const struct pipe *p, enum pipe_end end) {
        return end == PIPE_WRITER ? &p->control->writer : &p->control->reader;
}

void pipe_end_free(_Atomic uint32_t *word, uint32_t owner) {
        /* Linearises leaving. Release: partner is the acquire of end_claim(). */
        atomic_compare_exchange_strong_explicit(word, &owner, 0, memory_order_release, memory_order_relaxed);
}

static bool end_claim(_Atomic uint32_t *word, uint32_t owner) {
        uint32_t nobody = 0;

#if SHM_FAULT == FAULT_PIPE_CLAIM_THEN_OWN
        if (!atomic_compare_exchange_strong(word, &nobody, UINT32_MAX))
                return false;
        atomic_store(word, owner);
        return true;
#endif
        /* Linearises taking. Acquire: partner is the release of pipe_end_free(). */
        return atomic_compare_exchange_strong_explicit(word, &nobody, owner, memory_order_acquire, memory_order_relaxed);
}

static int find_positions(struct pipe *p) {
        uint64_t own = atomic_load_explicit(p->own, memory_order_relaxed);
        uint64_t other = atomic_load_explicit(p->other, memory_order_acquire);
        bool writer = p->end == PIPE_WRITER;

        if (!pipe_is_sane(p, writer ? own : other, writer ? other : own))
                return -EBADMSG;
        p->ahead = 0;
        p->limit = writer ? other + pipe_bytes(p) : other;
#if SHM_FAULT == FAULT_PIPE_STALE_SPACE
        if (writer)
                p->limit = own + pipe_bytes(p);
#elif SHM_FAULT == FAULT_PIPE_SKIP_UNREAD
        if (!writer)
                p->ahead = other - own;
#endif
        return 0;
}

int pipe_take(struct pipe *p, enum pipe_end end, uint32_t participant, uint32_t generation) {
        struct pipe_control *c = p->control;
        int r;

        p->owner = owner_make(participant, generation);
        if (!end_claim(end_word(p, end), p->owner))
                return -EBUSY;
        p->end = end;
        p->own = end == PIPE_WRITER ? &c->written : &c->consumed;
        p->other = end == PIPE_WRITER ? &c->consumed : &c->written;
        p->wake = pipe_waiting(p, end == PIPE_WRITER ? PIPE_READER : PIPE_WRITER);
        p->wait = pipe_waiting(p, end);
        r = find_positions(p);
        if (r < 0)
                pipe_end_free(end_word(p, end), p->owner);
        return r;
}

void pipe_leave(struct pipe *p) {
        if (p->end == PIPE_WRITER && p->ahead != 0)
                pipe_tell_fast(p);
        pipe_end_free(end_word(p, p->end), p->owner);
}

/* ---- the writer ---------------------------------------------------------------------------------- */

/** How far has the reader come? Looked at only when there is too little room as far as we know. */
SLOW int pipe_find_room(struct pipe *p, uint64_t need) {
        /* Acquire: partner is the release of the reader's pipe_tell_at(). */
        uint64_t consumed = atomic_load_explicit(p->other, memory_order_acquire), position = pipe_position(p);

        if (!pipe_is_sane(p, position, consumed))
                return -EBADMSG;
        p->limit = consumed + pipe_bytes(p);
        if (p->limit - position >= need)
                return 0;
        if (p->ahead != 0 && SHM_FAULT != FAULT_PIPE_NO_FLUSH)
                pipe_tell_fast(p);
        return -EAGAIN;
}

int pipe_reserve(struct pipe *p, uint32_t size, void **ret) {
        return pipe_reserve_fast(p, size, ret);
}

void pipe_append(struct pipe *p, uint32_t size) {
        pipe_stay_at(p, pipe_end_record(p, size));
}

/** Whatever its length. */
static int put(struct pipe *p, const void *data, uint32_t size, uint64_t *ret) {
        return pipe_put_short(p, data, size, ret) ? 0 : pipe_put_fast(p, data, size, ret);
}

int pipe_send(struct pipe *p, const void *data, uint32_t size) {
        uint64_t end;
        int r = put(p, data, size, &end);

        if (r == 0)
                pipe_tell_at(p, end);
        return r;
}

int pipe_append_many(struct pipe *p, const struct iovec *messages, size_t n) {
        size_t done = 0;

        while (done < n) {
                uint64_t end;
                int r;

                done += pipe_put_many(p, messages + done, n - done);
                if (done == n)
                        break;
                if (messages[done].iov_len > p->message_max)
                        return done > 0 ? (int)done : -EMSGSIZE;
                r = pipe_put_fast(p, messages[done].iov_base, (uint32_t)messages[done].iov_len, &end);
                if (r < 0)
                        return done > 0 ? (int)done : r;
                pipe_stay_at(p, end);
                done++;
        }
        return (int)done;
}

/* ---- the reader ---------------------------------------------------------------------------------- */

/** Padding is published with the record behind it. @return 0: there is more; -EBADMSG. */
SLOW int pipe_skip_padding(struct pipe *p, uint64_t header) {
        uint64_t position = pipe_position(p), rest = pipe_rest(p, position);

        if (header != PIPE_PADDING || rest >= p->limit - position)
                return -EBADMSG;
        p->ahead += rest;
        return 0;
}

int pipe_look(struct pipe *p, const void **ret, uint32_t *ret_size) {
        return pipe_look_fast(p, ret, ret_size);
}

void pipe_pass(struct pipe *p, uint32_t size) {
        pipe_pass_fast(p, size);
}

int pipe_receive(struct pipe *p, void *buffer, size_t size, uint32_t *ret_size) {
        uint64_t next;
        const void *data = pipe_look_short(p, ret_size, &next);
        int r = data ? 0 : pipe_look_fast(p, &data, ret_size);

        return r < 0 ? r : pipe_consume_into(p, data, *ret_size, buffer, size);
}

int pipe_peek_many(struct pipe *p, struct iovec *ret, size_t n) {
        size_t done = 0;

        while (done < n) {
                const void *data;
                uint32_t size;
                int r;

                done += pipe_look_many(p, ret + done, n - done);
                if (done == n)
                        break;
                r = pipe_look_fast(p, &data, &size);
                if (r < 0)
                        return done > 0 ? (int)done : r;
                pipe_pass_fast(p, size);
                ret[done++] = (struct iovec){ (void *)(uintptr_t)data, size };
        }
        return (int)done;
}

void pipe_tell(struct pipe *p) {
        pipe_tell_fast(p);
}
