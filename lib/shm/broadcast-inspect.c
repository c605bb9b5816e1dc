/* SPDX-License-Identifier: MIT */

/*
 * What can be wrong with a broadcast ring
 *
 * The writer's positions, the records that are kept, each of which has the number after the one before it, and the places of
 * subscribers. Whoever looks is like a reader that may be overtaken: what it read of a record counts only if `oldest` did
 * not go past it.
 */

#include "shm/broadcast-object.h"
#include "shm/damage.h"

typedef unsigned long long ull;

/** A writer that is so busy that `oldest` never stands still is looked at another time. */
#define LOOKS_MAX 64
/** So many records are looked at. */
#define RECORDS_MAX (1u << 16)

static uint64_t load(const _Atomic uint64_t *position) {
        return atomic_load_explicit(position, memory_order_acquire);
}

/** Both positions at one time. @return false: there was none. */
static bool look(const struct broadcast *b, uint64_t *ret_oldest, uint64_t *ret_tail) {
        for (unsigned int i = 0; i < LOOKS_MAX; i++) {
                *ret_oldest = load(&b->published->oldest);
                *ret_tail = load(&b->published->tail);
                if (load(&b->published->oldest) == *ret_oldest)
                        return true;
        }
        return false;
}

static bool is_kept(const struct broadcast *b, uint64_t position) {
        atomic_thread_fence(memory_order_acquire);
        return !broadcast_behind(position, load(&b->published->oldest));
}

static void check_records(struct damage *d, const struct broadcast *b, uint64_t position, uint64_t tail) {
        uint64_t expected = atomic_load_explicit(&broadcast_record(b, position)->sequence, memory_order_relaxed);

        for (unsigned int i = 0; i < RECORDS_MAX; i++) {
                const struct record *r = broadcast_record(b, position);
                uint64_t sequence = atomic_load_explicit(&r->sequence, memory_order_relaxed), next = position;
                uint32_t size = atomic_load_explicit(&r->size, memory_order_relaxed);
                bool sound = position == tail || broadcast_skip(b, &next);

                if (!is_kept(b, position))
                        return;
                if (sequence != expected)
                        damage_add(d, "the record at byte %llu is message %llu, after %llu", (ull)position, (ull)sequence,
                                   (ull)expected - 1);
                if (!sound || broadcast_behind(tail, next))
                        damage_add(d, "the record at byte %llu says that it has %u bytes; the longest has %u, and %llu are "
                                   "there", (ull)position, size, b->message_max, (ull)(tail - position));
                if (position == tail || d->n > 0)
                        return;
                expected += size != RECORD_PADDING;
                position = next;
        }
}

static void check_subscriber(struct damage *d, const struct object *o, uint32_t i) {
        const struct broadcast *b = &o->broadcast;
        const struct subscriber *s = &b->control->subscribers[i];
        uint32_t owner = atomic_load_explicit(&s->owner, memory_order_acquire);
        uint64_t position = load(&s->position), tail = load(&b->published->tail);
        char text[DAMAGE_OWNER_MAX];

        if (owner != 0 && !damage_is_member(o, owner))
                damage_add(d, "subscriber %u is %s, which nobody is", i, damage_owner(text, owner));
        else if (position & SUBSCRIBED ? (position & ~SUBSCRIBED) % RECORD_ALIGN != 0 : position != 0)
                damage_add(d, "subscriber %u stands at 0x%llx, where no record begins", i, (ull)position);
        else if (position & SUBSCRIBED && broadcast_behind(tail, position & ~SUBSCRIBED))
                damage_add(d, "subscriber %u stands at byte %llu, of %llu that were published", i,
                           (ull)(position & ~SUBSCRIBED), (ull)tail);
}

static void check_positions(struct damage *d, const struct broadcast *b) {
        uint64_t oldest, tail;

        if (!look(b, &oldest, &tail))
                return;
        if (tail - oldest > b->capacity || (tail | oldest) % RECORD_ALIGN != 0)
                damage_add(d, "%llu bytes were published, and the oldest record begins at %llu; between them fit %llu, in "
                           "steps of %u", (ull)tail, (ull)oldest, (ull)b->capacity, RECORD_ALIGN);
        else
                check_records(d, b, oldest, tail);
}

void broadcast_inspect(const struct object *o, struct damage *ret) {
        const struct broadcast *b = &o->broadcast;
        uint32_t writer = atomic_load_explicit(&b->published->writer, memory_order_acquire);
        char text[DAMAGE_OWNER_MAX];

        if (writer != 0 && !damage_is_member(o, writer))
                damage_add(ret, "its writer is %s, which nobody is", damage_owner(text, writer));
        check_positions(ret, b);
        for (uint32_t i = 0; i < b->slots; i++)
                check_subscriber(ret, o, i);
        damage_check_waiters(ret, &b->control->messages, "readers that wait");
        damage_check_waiters(ret, &b->control->space, "the writer that waits");
}
