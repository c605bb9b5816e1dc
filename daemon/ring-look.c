/* SPDX-License-Identifier: MIT */
/*
 * Looking into a queue: counts, the messages in it, and its dead letters
 *
 * Takes nothing, and stops nobody. Others change the memory meanwhile, and may do so in bad faith: a word is read once
 * and the copy used, sizes are bounded by the geometry, and a message counts as seen only if its word is still the same
 * after its bytes were copied.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/gang.h"
#include "daemon/ring-look.h"
#include "shm/object.h"
#include "shm/queue-fast.h"

/* A message that was found: sorted by its id, which is the order of sending. */
struct found {
        uint64_t id;
        uint64_t word;
        uint32_t slot;
};

static uint64_t slot_word(const struct queue *q, uint32_t i) {
        return atomic_load_explicit(&queue_slot(q, i)->word, memory_order_acquire);
}

static void count_queue(const struct queue *q, struct ring_counts *ret) {
        uint64_t tail = atomic_load(&q->control->tail), voided = atomic_load(&q->control->voided);
        struct ring_counts counts = {
                .accepted = tail > voided ? tail - voided : 0,
                .redelivered = atomic_load(&q->control->redelivered),
                .dropped = atomic_load(&q->control->dropped),
                .heap = q->heap.n << q->heap.log2,
                .heap_used = queue_heap_used(q),
        };

        for (uint32_t i = 0; i < q->n; i++)
                switch (word_state(slot_word(q, i))) {
                case SLOT_WRITING:
                        counts.writing++;
                        break;
                case SLOT_READY:
                case SLOT_RETURNED:
                        counts.ready++;
                        break;
                case SLOT_LEASED:
                        counts.leased++;
                        break;
                case SLOT_DEAD:
                        counts.dead++;
                        break;
                case SLOT_FREE:
                default:
                        break;
                }
        *ret = counts;
}

/* A slot's lap says how often it was used up before. */
static void count_service(const struct service *service, struct ring_counts *ret) {
        struct ring_counts counts = {
                .redelivered = atomic_load(&service->control->redelivered), .failed = atomic_load(&service->control->died),
        };

        for (uint32_t i = 0; i < service->n; i++) {
                uint64_t w = atomic_load_explicit(&service_slot(service, i)->word, memory_order_acquire);

                counts.accepted += word_lap(w) + (call_state(w) != CALL_FREE && call_state(w) != CALL_WRITING);
                counts.writing += call_state(w) == CALL_WRITING;
                counts.ready += call_state(w) == CALL_READY;
                counts.leased += call_state(w) == CALL_SERVING || call_state(w) == CALL_ABANDONED;
        }
        *ret = counts;
}

static void count_pipe(const struct pipe *p, struct ring_counts *ret) {
        uint64_t consumed = atomic_load(&p->control->consumed), written = atomic_load(&p->control->written);

        ret->used = (uint32_t)MIN(written > consumed ? written - consumed : 0, pipe_bytes(p));
}

/* The number of the next message stands where it will begin. */
static void count_broadcast(const struct broadcast *b, struct ring_counts *ret) {
        uint64_t oldest = atomic_load(&b->published->oldest), tail = atomic_load(&b->published->tail);
        const struct record *next = (const void *)(b->records + (tail & b->mask));

        ret->accepted = atomic_load(&next->sequence);
        ret->used = (uint32_t)MIN(tail > oldest ? tail - oldest : 0, b->capacity);
}

void ring_count(const struct gang_object *ring, struct ring_counts *ret) {
        *ret = (struct ring_counts){ 0 };
        switch (ring->geometry.kind) {
        case OBJECT_QUEUE:
                count_queue(&ring->shm->queue, ret);
                break;
        case OBJECT_SERVICE:
                count_service(&ring->shm->service, ret);
                break;
        case OBJECT_PIPE:
                count_pipe(&ring->shm->pipe, ret);
                break;
        case OBJECT_BROADCAST:
                count_broadcast(&ring->shm->broadcast, ret);
                break;
        default:
                break;
        }
}

static const char *state_name(uint64_t word) {
        switch (word_state(word)) {
        case SLOT_READY:
        case SLOT_RETURNED:
                return "ready";
        case SLOT_LEASED:
                return "leased";
        case SLOT_DEAD:
                return "dead";
        case SLOT_FREE:
        case SLOT_WRITING:
        default:
                return NULL;
        }
}

static bool seat_owns(const struct membership_seat *seat, uint32_t owner) {
        uint32_t participant = owner_participant(owner);

        return participant >= seat->first && participant - seat->first < seat->count &&
               owner_generation(owner) == (seat->generation & GENERATION_MASK);
}

/* Whose an owner id is. */
static const char *owner_name(const struct gang_object *ring, uint32_t owner) {
        list_for_each(it, &ring->gang->objects.memberships) {
                const struct membership *m = list_entry(it, struct membership, link);

                for (size_t i = 0; i < m->n_seats; i++)
                        if (m->seats[i].object == ring && seat_owns(&m->seats[i], owner))
                                return m->name;
        }
        return "?";
}

static const char *holder_name(const struct gang_object *ring, uint64_t word) {
        return word_state(word) == SLOT_LEASED ? owner_name(ring, word_owner(word)) : "";
}

void ring_subscribers(const struct gang_object *ring, ring_subscriber_fn fn, void *userdata) {
        const struct broadcast *b = &ring->shm->broadcast;
        uint64_t tail = atomic_load(&b->published->tail);

        for (uint32_t i = 0; i < b->slots; i++) {
                const struct subscriber *s = &b->control->subscribers[i];
                uint64_t position = atomic_load(&s->position);
                uint32_t owner = atomic_load(&s->owner);

                if (owner != 0)
                        fn(userdata, owner_name(ring, owner),
                           position & SUBSCRIBED && tail > (position & ~SUBSCRIBED) ? tail - (position & ~SUBSCRIBED) : 0);
        }
}

/* Why it came back, if the note is about this message; one line, whatever somebody wrote into it. */
static void read_note(const struct queue *q, const struct found *found, struct ring_message *message) {
        struct note note = q->notes[found->slot];
        size_t length = MIN((size_t)note.length, sizeof note.text);

        if (note.id != found->id || note.cause == NOTE_NONE)
                return;
        message->realtime_usec = note.realtime_usec;
        for (size_t i = 0; i < length; i++)
                message->reason[i] = note.text[i] == '\0' || ((unsigned char)note.text[i] < ' ') ? '?' : note.text[i];
        message->reason[length] = '\0';
}

/* @return false: it changed under us, and is another one by now. */
static bool read_message(const struct gang_object *ring, const struct found *found, void *buffer, uint32_t bytes,
                         struct ring_message *ret) {
        const struct queue *q = &ring->shm->queue;
        void *data;
        uint32_t size = queue_payload(q, queue_slot(q, found->slot), &data);

        *ret = (struct ring_message){
                .id = found->id,
                .size = size,
                .deliveries = word_deliveries(found->word),
                .state = state_name(found->word),
                .holder = holder_name(ring, found->word),
                .data = buffer,
        };
        bytes = MIN(bytes, (uint32_t)RING_PEEK_BYTES_MAX);
        ret->data_size = MIN(bytes, ret->size);
        memcpy(buffer, data, ret->data_size);
        read_note(q, found, ret);
        atomic_thread_fence(memory_order_acquire);
        return slot_word(q, found->slot) == found->word;
}

static int compare_found(const void *a, const void *b) {
        const struct found *x = a, *y = b;

        return (x->id > y->id) - (x->id < y->id);
}

/* The slots whose word is in one of the wanted states (a bit each), in the order of sending. */
static int find_messages(const struct gang_object *ring, unsigned int states, struct found **ret, size_t *ret_n) {
        const struct queue *q = &ring->shm->queue;
        struct found *found = malloc((q->n + 1) * sizeof *found);
        size_t n = 0;

        if (!found)
                return -ENOMEM;
        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t word = slot_word(q, i);

                if (states >> word_state(word) & 1)
                        found[n++] = (struct found){ .id = queue_message_id(q, i, word), .word = word, .slot = i };
        }
        qsort(found, n, sizeof *found, compare_found);
        *ret = found;
        *ret_n = n;
        return 0;
}

int ring_peek(const struct gang_object *ring, uint32_t count, uint32_t bytes, ring_message_fn fn, void *userdata) {
        _cleanup_(freep) struct found *found = NULL;
        uint8_t buffer[RING_PEEK_BYTES_MAX];
        struct ring_message message;
        size_t n;
        int r;

        r = find_messages(ring, 1 << SLOT_READY | 1 << SLOT_RETURNED | 1 << SLOT_LEASED, &found, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n && count > 0; i++) {
                if (!read_message(ring, &found[i], buffer, bytes, &message))
                        continue;
                count--;
                if (!fn(userdata, &message))
                        break;
        }
        return 0;
}

/* ---- dead letters ------------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

/* The ids that are meant, sorted: a client may name as many as fit a frame. */
static int sort_ids(const uint64_t *ids, size_t n_ids, uint64_t **ret) {
        uint64_t *sorted = calloc(n_ids + 1, sizeof *sorted);

        if (!sorted)
                return -ENOMEM;
        if (n_ids > 0)
                memcpy(sorted, ids, n_ids * sizeof *sorted);
        qsort(sorted, n_ids, sizeof *sorted, compare_ids);
        *ret = sorted;
        return 0;
}

static bool is_meant(const uint64_t *sorted, size_t n_ids, uint64_t id) {
        return n_ids == 0 || bsearch(&id, sorted, n_ids, sizeof *sorted, compare_ids);
}

static bool dead_settle(struct queue *q, const struct found *found, enum ring_dead_action action) {
        return action == RING_DEAD_RETRY ? queue_dead_retry(q, found->slot, found->word)
                                         : queue_dead_drop(q, found->slot, found->word);
}

int64_t ring_dead(struct gang_object *ring, enum ring_dead_action action, const uint64_t *ids, size_t n_ids, uint32_t bytes,
                  ring_message_fn fn, void *userdata) {
        _cleanup_(freep) struct found *found = NULL;
        _cleanup_(freep) uint64_t *meant = NULL;
        struct queue *q = &ring->shm->queue;
        uint8_t buffer[RING_PEEK_BYTES_MAX];
        struct ring_message message;
        size_t n, n_settled = 0;
        int r;

        r = sort_ids(ids, n_ids, &meant);
        if (r < 0)
                return r;
        r = find_messages(ring, 1 << SLOT_DEAD, &found, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (!is_meant(meant, n_ids, found[i].id) || !read_message(ring, &found[i], buffer, bytes, &message))
                        continue;
                if (action != RING_DEAD_LIST && dead_settle(q, &found[i], action))
                        n_settled++;
                if (fn && !fn(userdata, &message))
                        break;
        }
        if (n_settled > 0)
                queue_dead_settled(q);
        return n - n_settled;
}
