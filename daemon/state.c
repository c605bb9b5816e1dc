/* SPDX-License-Identifier: MIT */
/*
 * State memory: what a manager leaves for its successor
 *
 * Each record has two halves and a word, the sequence number of the half that counts; number s is in
 * half s & 1. A write fills the half that does not count, checksum and all, and then stores the word:
 * that one store is the change. There is one writer, and no reader beside it: a successor maps the
 * memory when the writer is dead, so release order of the compiler and of one processor is enough.
 *
 * Invariant: at every instruction at least one half is whole, and it is the old or the new body. A
 * reader that finds a word without its half (the memory was damaged) takes the newest whole half.
 */

#include "daemon/state.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/map.h"

#define STATE_MAGIC UINT64_C(0x3145544154534747)        /* "GGSTATE1" */
#define STATE_LAYOUT 1
#define STATE_RECORDS_FIRST 256

struct state_half {
        uint64_t sequence;
        uint64_t checksum;              /* of all but itself, up to the body's end */
        uint32_t kind;
        uint32_t size;
        uint8_t body[STATE_BODY_MAX];
};

struct state_record {
        _Atomic uint64_t sequence;      /* 0: never written */
        uint64_t padding[3];
        struct state_half half[2];
};

struct state_header {
        uint64_t magic;
        uint32_t layout;
        uint32_t record_size;
        uint8_t padding[2048 + 32 - 16];
};

static_assert(sizeof(struct state_half) == 1016, "the layout is fixed: raise STATE_LAYOUT with it");
static_assert(sizeof(struct state_record) == 2064, "the layout is fixed: raise STATE_LAYOUT with it");

static struct state_record *state_record(const struct state_memory *s, uint32_t slot) {
        void *records = (uint8_t *)s->map + sizeof(struct state_header);

        return (struct state_record *)records + slot;
}

static size_t state_size(uint32_t n_records) {
        return sizeof(struct state_header) + (size_t)n_records * sizeof(struct state_record);
}

static uint64_t half_checksum(const struct state_half *half) {
        uint64_t hash = hash_bytes(0, &half->sequence, sizeof half->sequence);

        hash = hash_bytes(hash, &half->kind, sizeof half->kind);
        hash = hash_bytes(hash, &half->size, sizeof half->size);
        return hash_bytes(hash, half->body, half->size);
}

static bool half_is_whole(const struct state_half *half) {
        return half->sequence != 0 && half->size <= STATE_BODY_MAX && half->checksum == half_checksum(half);
}

/* The half that counts, or NULL: never written, or torn beyond use. */
static const struct state_half *record_current(const struct state_record *record) {
        uint64_t sequence = atomic_load_explicit(&record->sequence, memory_order_acquire);
        const struct state_half *current = &record->half[sequence & 1];
        bool whole[2];

        if (sequence == 0)
                return NULL;
        if (current->sequence == sequence && half_is_whole(current))
                return current;
        for (unsigned int i = 0; i < 2; i++)
                whole[i] = half_is_whole(&record->half[i]);
        if (whole[0] && whole[1])
                return &record->half[record->half[1].sequence > record->half[0].sequence];
        return whole[0] ? &record->half[0] : whole[1] ? &record->half[1] : NULL;
}

struct state_view state_read(const struct state_memory *s, uint32_t slot) {
        const struct state_half *half = record_current(state_record(s, slot));

        if (!half || half->kind == STATE_FREE)
                return (struct state_view){ .kind = STATE_FREE };
        return (struct state_view){ .kind = half->kind, .body = half->body, .size = half->size };
}

/* The number of the next write must be above that of both halves, whatever state the record is in. */
static uint64_t record_next_sequence(const struct state_record *record) {
        uint64_t sequence = atomic_load_explicit(&record->sequence, memory_order_relaxed);
        const struct state_half *current = record_current(record);

        return (current && current->sequence > sequence ? current->sequence : sequence) + 1;
}

static void record_write(struct state_record *record, enum state_kind kind, const void *body, size_t size) {
        uint64_t sequence = record_next_sequence(record);
        struct state_half *half = &record->half[sequence & 1];

        /* While the half is written it must not look whole: its old checksum goes first. */
        half->checksum = 0;
        atomic_signal_fence(memory_order_seq_cst);
        half->sequence = sequence;
        half->kind = kind;
        half->size = size;
        if (size > 0)
                memcpy(half->body, body, size);
        half->checksum = half_checksum(half);
        /* Linearisation point. Pairs with the acquire in record_current(). */
        atomic_store_explicit(&record->sequence, sequence, memory_order_release);
}

/* ---- the memory -------------------------------------------------------------------------------- */

static int state_map(struct state_memory *s, size_t size) {
        uint32_t n = (size - sizeof(struct state_header)) / sizeof(struct state_record), *slots;
        void *map;

        slots = reallocarray(s->free_slots, n, sizeof *slots);
        if (!slots)
                return -ENOMEM;
        s->free_slots = slots;
        map = s->map ? mremap(s->map, s->size, size, MREMAP_MAYMOVE)
                     : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
        if (map == MAP_FAILED)
                return -errno;
        s->map = map;
        s->size = size;
        for (uint32_t slot = n; slot > s->n_records; slot--)
                if (state_read(s, slot - 1).kind == STATE_FREE)
                        s->free_slots[s->n_free++] = slot - 1;
        s->n_records = n;
        return 0;
}

/* Allocated in full, so that writing a record cannot fail by SIGBUS. The size says how many there are. */
static int state_grow(struct state_memory *s, uint32_t n_records) {
        int r = posix_fallocate(s->fd, 0, state_size(n_records));

        return r != 0 ? -r : state_map(s, state_size(n_records));
}

int state_create(struct state_memory *ret) {
        _cleanup_(state_done) struct state_memory s = STATE_MEMORY_NULL;
        struct state_header *header;
        int r;

        s.fd = memfd_create("ganger-state", MFD_CLOEXEC);
        if (s.fd < 0)
                return -errno;
        if (fchmod(s.fd, 0600) < 0)
                return -errno;
        r = state_grow(&s, STATE_RECORDS_FIRST);
        if (r < 0)
                return r;
        header = s.map;
        header->layout = STATE_LAYOUT;
        header->record_size = sizeof(struct state_record);
        header->magic = STATE_MAGIC;
        *ret = s;
        s = STATE_MEMORY_NULL;
        return 0;
}

static bool header_is_ours(const struct state_header *header) {
        return header->magic == STATE_MAGIC && header->layout == STATE_LAYOUT &&
               header->record_size == sizeof(struct state_record);
}

int state_open(struct state_memory *ret, int fd) {
        _cleanup_(state_done) struct state_memory s = STATE_MEMORY_NULL;
        struct stat st;
        int r;

        s.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (s.fd < 0)
                return -errno;
        if (fstat(s.fd, &st) < 0)
                return -errno;
        if (st.st_size < (off_t)state_size(1) || st.st_size > (off_t)state_size(STATE_RECORDS_MAX))
                return -EPROTO;
        r = state_map(&s, st.st_size);
        if (r < 0)
                return r;
        if (!header_is_ours(s.map))
                return -EPROTO;
        *ret = s;
        s = STATE_MEMORY_NULL;
        return 0;
}

void state_done(struct state_memory *s) {
        if (s->map)
                munmap(s->map, s->size);
        free(s->free_slots);
        s->fd = close_fd(s->fd);
        *s = STATE_MEMORY_NULL;
}

static int state_find_slot(struct state_memory *s, uint32_t *ret) {
        int r;

        if (s->n_free == 0) {
                if (s->n_records >= STATE_RECORDS_MAX)
                        return -ENOSPC;
                r = state_grow(s, MIN(s->n_records * 2, (uint32_t)STATE_RECORDS_MAX));
                if (r < 0)
                        return r;
        }
        *ret = s->free_slots[--s->n_free];
        return 0;
}

int state_write(struct state_memory *s, uint32_t *slot, enum state_kind kind, const void *body, size_t size) {
        int r;

        if (size > STATE_BODY_MAX)
                return -EMSGSIZE;
        if (*slot == STATE_SLOT_NONE) {
                r = state_find_slot(s, slot);
                if (r < 0)
                        return r;
        }
        record_write(state_record(s, *slot), kind, body, size);
        return 0;
}

int state_write_message(struct state_memory *s, uint32_t *slot, enum state_kind kind, const ProtobufCMessage *message) {
        uint8_t body[STATE_BODY_MAX];
        size_t size = protobuf_c_message_get_packed_size(message);

        if (size > sizeof body)
                return -EMSGSIZE;
        protobuf_c_message_pack(message, body);
        return state_write(s, slot, kind, body, size);
}

void state_erase(struct state_memory *s, uint32_t *slot) {
        if (*slot == STATE_SLOT_NONE)
                return;
        record_write(state_record(s, *slot), STATE_FREE, NULL, 0);
        s->free_slots[s->n_free++] = *slot;
        *slot = STATE_SLOT_NONE;
}

/* The slots are not free: who has them still gives them back. */
void state_leave(struct state_memory *s, bool (*outlives)(enum state_kind kind)) {
        for (uint32_t slot = 0; slot < s->n_records; slot++)
                if (!outlives(state_read(s, slot).kind))
                        record_write(state_record(s, slot), STATE_FREE, NULL, 0);
}
